"""Ways: a FocusClassifier under more than one way to predict."""

import keras


class Ways(keras.layers.Layer):
    """The named ways to predict, and the attention; encoder and focus network run once for all.

    Args:
        model: a built FocusClassifier, whose inputs it takes and casts as the model does.
        *names: of "argmax", "marginal" and "soft"; one that comes twice runs once.

    Returns:
        Log-probabilities (b, c) by the name of the way, and "focus" (b, m).
    """

    def __init__(self, model, *names):
        super().__init__(dtype=model.dtype_policy, autocast=False)
        self.model = model
        self.names = sorted(set(names))

    def build(self, input_shape):
        self.built = True

    def call(self, inputs):
        return self.model.every_way(*self.model.encode(inputs), self.names)
