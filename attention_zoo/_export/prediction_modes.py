"""Ways: a FocusClassifier under more than one way to predict."""

import keras

from attention_zoo.models.prediction import WAYS


class Ways(keras.layers.Layer):
    """The named ways to predict, and the attention; encoder and focus network run once for all.

    Args:
        model: a built FocusClassifier, whose inputs it takes and casts as the model does.
        *names: of "argmax", "marginal" and "soft"; one that comes twice runs once.

    Returns:
        Log-probabilities (b, c) by the name of the way, and "focus" (b, m).
    """

    def __init__(self, model, *names):
        super().__init__(dtype=model.dtype_policy)
        self.model = model
        self.names = sorted(set(names))

    def build(self, input_shape):
        self.built = True

    def call(self, inputs):
        segments, mask = self.model.encode(inputs)
        a = self.model.attention.attend(self.model.scores(segments), mask)
        classify = self.model.classifier
        return {name: WAYS[name](classify, segments, a) for name in self.names} | {"focus": a}
