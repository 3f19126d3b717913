"""Networks for bags: an encoder of instances, attention scores, and the floors without attention.

Each function returns (focus, classifier, encoder), as a `FocusClassifier` takes them.

Reference: Ilse, Tomczak and Welling, Attention-based Deep Multiple Instance Learning, ICML 2018,
arXiv:1802.04712.
"""

import keras
from keras import ops as kops

from attention_zoo import ops
from attention_zoo.layers import PerSegment
from attention_zoo.layers.masks import masked
from attention_zoo.layers.output_spec import output_spec
from attention_zoo.models.networks.standardize import Standardize

SCORES = ("attention", "gated")
POOLS = ("mean", "max", "instance_max")


def bag_networks(
    segment_shape,
    num_classes,
    *,
    scores="gated",
    units=(256, 128, 64),
    attention_units=64,
    dropout=0.5,
    instance_network=None,
    standardize=False,
):
    """An encoder of instances, attention on its features h, and one dense layer for the classes.

        "attention": s_j = w . tanh(V h_j)
        "gated":     s_j = w . (tanh(V h_j) * sigmoid(U h_j))

    Args:
        segment_shape: of one instance: (d,), or (h, w, c) of an image.
        num_classes: c.
        scores: "attention" or "gated".
        units: of the dense layers of the encoder, each with ReLU and dropout; of images after two
            convolutions.
        attention_units: size of V h.
        dropout: fraction of features set to 0 in training after each dense layer.
        instance_network: any Keras network (n, ...) -> (n, d) in place of the encoder's own.
        standardize: whether the encoder begins with `Standardize`; for vectors.
    """
    encoder = instance_network or _instance_network(segment_shape, units, dropout, standardize)
    features = output_spec(encoder, (None, *segment_shape)).shape[1:]
    if len(features) != 1:
        raise ValueError(
            f"instance_network gives shape {(None, *features)}, expected features (n, d)"
        )
    if scores not in SCORES:
        raise ValueError(f"scores is {scores!r}, expected one of {list(SCORES)}")
    h = keras.Input(features)
    t = keras.layers.Dense(attention_units, activation="tanh", name="v")(h)
    if scores == "gated":
        gate = keras.layers.Dense(attention_units, activation="sigmoid", name="u")(h)
        t = keras.layers.Multiply()([t, gate])
    focus = keras.Model(h, keras.layers.Dense(1, use_bias=False, name="w")(t), name="focus")
    return focus, _classifier(features, num_classes), PerSegment(encoder, name="encoder")


def pooled_networks(pool, segment_shape, num_classes, **options):
    """The same without attention, what attention has to beat; for "soft" attention.

        "mean":         q = log softmax g(mean_j h_j)
        "max":          q = log softmax g(max_j h_j), feature by feature
        "instance_max": q = log softmax g(h_j*), j* the instance least like class 0

    What the model says of its focus is then uniform for the first two, and j* for the last. The
    last needs `SoftAttention(normalizer=one_hot)`; `pooled_attention` says which.

    Args:
        pool: one of the names.
        segment_shape, num_classes, **options: as for `bag_networks`.
    """
    if pool not in POOLS:
        raise ValueError(f"pool is {pool!r}, expected one of {list(POOLS)}")
    _, classifier, encoder = bag_networks(segment_shape, num_classes, **options)
    if pool == "instance_max":
        x = keras.Input(segment_shape)
        logits = keras.Model(x, classifier(encoder.network(x)), name="instance_logits")
        as_they_are = keras.Sequential(
            [keras.Input((num_classes,)), keras.layers.Identity()], name="classifier"
        )
        focus = keras.Sequential([keras.Input((num_classes,)), AgainstFirst()], name="focus")
        return focus, as_they_are, PerSegment(logits, name="encoder")
    if pool == "max":
        encoder = _MaxOfBag(encoder.network, name="encoder")
    no_choice = keras.layers.Dense(1, kernel_initializer="zeros", trainable=False)
    features = classifier.input_shape[1:]
    return keras.Sequential([keras.Input(features), no_choice], name="focus"), classifier, encoder


@keras.saving.register_keras_serializable(package="attention_zoo")
def one_hot(scores, mask=None):
    """All attention on the largest score (of equals the first), without a gradient."""
    return ops.one_hot_argmax(ops.log_softmax(scores, mask), where=mask)


@keras.saving.register_keras_serializable(package="attention_zoo")
class AgainstFirst(keras.layers.Layer):
    """max over y > 0 of logit_y - logit_0: how little an instance is like class 0, the negative.

    (n, c) -> (n, 1).
    """

    def call(self, logits):
        return kops.max(logits[:, 1:], axis=1, keepdims=True) - logits[:, :1]

    def compute_output_shape(self, logits_shape):
        return (logits_shape[0], 1)


@keras.saving.register_keras_serializable(package="attention_zoo")
class _MaxOfBag(PerSegment):
    """y_j = max_k network(x_k), the same for every j, feature by feature."""

    reads_segments_alone = False

    def call(self, segments, mask=None, training=None):
        features = super().call(segments, mask=mask, training=training)  # (b, m, d)
        _, mask = masked(segments, None, mask)
        there = features if mask is None else kops.where(mask[..., None], features, -1e30)
        largest = kops.max(there, axis=1, keepdims=True)  # (b, 1, d)
        return kops.broadcast_to(largest, kops.shape(features))


def _classifier(features, num_classes):
    return keras.Sequential(
        [keras.Input(features), keras.layers.Dense(num_classes)], name="classifier"
    )


def _instance_network(segment_shape, units, dropout, standardize):
    """Dense layers with ReLU and dropout; before them, of images, two convolutions."""
    layers = [keras.Input(segment_shape)]
    if len(segment_shape) == 1:
        layers += [Standardize(name="standardize")] if standardize else []
    elif len(segment_shape) == 3:
        layers += [
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
        ]
    else:
        raise ValueError(
            f"instances have shape {tuple(segment_shape)}, expected (d,), (h, w, c), or an "
            "instance_network"
        )
    for size in units:
        layers += [keras.layers.Dense(size, activation="relu")]
        layers += [keras.layers.Dropout(dropout)] if dropout else []
    return keras.Sequential(layers, name="instances")
