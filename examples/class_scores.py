"""What sets the attentions apart, `class_scores`, in two models of your own.

    python examples/class_scores.py

A call of an attention layer, `average, weights = attention(values, scores)`, is the weighted
average of the values; soft, hard, LVML and hybrid attention give the very same one. They differ in
`attention.class_scores(classify, segments, scores)`, which says how the scores of the classes come
of a network that reads one segment, and so in what is trained. A model that calls the layer alone
is trained as soft attention, whatever the layer's name.
"""

import keras
import numpy as np

import attention_zoo as az

SEGMENTS, FEATURES, CLASSES = 5, 6, 3
NAMES = ("soft", "hard", "lvml", "hybrid")


class ClassScores(keras.layers.Layer):
    """`class_scores` as a layer: (segments, scores) -> q (b, c), a (b, m)."""

    def __init__(self, classifier, attention, **kwargs):
        super().__init__(**kwargs)
        self.classifier, self.attention = classifier, az.layers.get(attention)

    def build(self, segments_shape, scores_shape):
        self.classifier.build((None, *segments_shape[2:]))
        self.attention.build(segments_shape, scores_shape)

    def call(self, segments, scores, mask=None, training=None):
        return self.attention.class_scores(self.classifier, segments, scores, mask, training)


def functional(attention):
    """A functional model: the layer above is one of its nodes."""
    segments = keras.Input((SEGMENTS, FEATURES))
    scores = keras.layers.Dense(1)(segments)[..., 0]
    q, a = ClassScores(keras.layers.Dense(CLASSES), attention)(segments, scores)
    return keras.Model(segments, {"label": q, "focus": a})


class Subclassed(keras.Model):
    """The same as a subclassed model, which calls `class_scores` itself."""

    def __init__(self, attention):
        super().__init__()
        self.focus, self.classifier = keras.layers.Dense(1), keras.layers.Dense(CLASSES)
        self.attention = az.layers.get(attention)

    def build(self, segments_shape):
        self.focus.build(segments_shape)
        self.classifier.build((None, *segments_shape[2:]))
        self.attention.build(segments_shape, segments_shape[:2])

    def call(self, segments, training=None):
        scores = self.focus(segments)[..., 0]
        q, a = self.attention.class_scores(
            self.classifier, segments, scores, mask=None, training=training
        )
        return {"label": q, "focus": a}


def bags(count, seed=0):
    """Segments (n, 5, 6), labels (n,): one segment, with a 1 in the feature beside, tells."""
    rng = np.random.default_rng(seed)
    segments = rng.normal(scale=0.3, size=(count, SEGMENTS, FEATURES)).astype("float32")
    rows, focus = np.arange(count), rng.integers(SEGMENTS, size=count)
    labels = rng.integers(CLASSES, size=count)
    segments[rows, focus, labels] += 1.0
    segments[rows, focus, CLASSES] += 1.0
    return segments, labels


def trained(model, segments, labels, epochs):
    """The mean loss -q(y) of the last epoch, in nats."""
    loss = {"label": az.losses.NegativeLogLikelihood()}
    model.compile(keras.optimizers.Adam(0.02), loss)
    return model.fit(segments, {"label": labels}, epochs=epochs, verbose=0).history["loss"][-1]


def main(epochs=5):
    """Trains both models with every attention; returns the losses and the calls' averages."""
    segments, labels = bags(1024)
    losses, averages = {}, {}
    for name in NAMES:
        for build in (functional, Subclassed):
            keras.utils.set_random_seed(0)
            loss = trained(build(name), segments, labels, epochs)
            losses[name, build.__name__] = loss
        averages[name] = np.asarray(az.layers.get(name)(segments, segments[..., 0])[0])
        print(f"{name:<8}" + "  ".join(f"{kind} {losses[name, kind]:.4f}" for kind in KINDS))
    return losses, averages


KINDS = functional.__name__, Subclassed.__name__

if __name__ == "__main__":
    main()
