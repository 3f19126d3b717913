"""Padding is nothing to a FocusClassifier, whatever stands in it: NaN gives what zeros give."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers, ops
from attention_zoo.losses import NegativeLogLikelihood
from attention_zoo.models import FocusClassifier, TokenEncoder
from attention_zoo.models.networks.text import text_networks
from attention_zoo.models.prediction import WAYS

B, M, D, C = 6, 4, 3, 3
ATTENTIONS = ["soft", "hard", "lvml", "gumbel", "reinforce", "hybrid"]
CONTENTS = [np.nan, np.inf, -np.inf, 1e30]
LABELS = np.array([0, 2, 1, 1, 0, 2])


@pytest.fixture
def segments():
    return np.random.default_rng(0).normal(size=(B, M, D)).astype("float32")


@pytest.fixture
def mask():
    return np.arange(M) < np.array([4, 3, 2, 1, 0, 3])[:, None]


def dense(units, *more):
    start = keras.initializers.GlorotNormal(seed=units)
    layers = keras.layers.Dense(5, kernel_initializer=start), *more
    return keras.Sequential([*layers, keras.layers.Dense(units, kernel_initializer=start)])


def padded(segments, mask, content):
    return {"segments": np.where(mask[..., None], segments, content), "mask": mask}


def trained(model, inputs):
    """What a training step says, and its gradients."""
    with tf.GradientTape() as tape:
        outputs = model(inputs, training=True)
        loss = NegativeLogLikelihood()(LABELS, outputs["label"])
    return outputs, loss, tape.gradient(loss, model.trainable_variables)


def assert_equal(actual, expected):
    for x, y in zip(keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True):
        np.testing.assert_array_equal(x, y)
        assert np.isfinite(x).all()


ENCODERS = {
    "none": lambda: None,
    "per segment": lambda: layers.PerSegment(dense(4)),
    "mixes segments": lambda: keras.layers.LSTM(4, return_sequences=True),
    "takes no mask": lambda: keras.layers.Dense(4),
}


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("name", ATTENTIONS)
def test_content_of_padding_is_read_as_zeros(segments, mask, name, encoder):
    def run(fill):
        keras.utils.set_random_seed(0)
        settings = {"seed": 1} if name in ("gumbel", "reinforce") else {}
        attention = layers.get(name, **settings)
        model = FocusClassifier(dense(1), dense(C), attention, encoder=ENCODERS[encoder]())
        inputs = padded(segments, mask, fill)
        return trained(model, inputs), model.every_way(*model.encode(inputs))

    expected = run(0.0)
    for content in CONTENTS:
        assert_equal(run(content), expected)


@pytest.mark.parametrize("content", [np.nan, 1e30])
def test_fit_on_padding_of_any_content(segments, mask, content):
    """`fit` as most write it, compiled by XLA: the weights after two epochs."""

    def weights(fill):
        model = FocusClassifier(dense(1), dense(C), "lvml", encoder=layers.PerSegment(dense(4)))
        model.compile(keras.optimizers.SGD(0.1))
        model.fit(padded(segments, mask, fill), LABELS, epochs=2, batch_size=3, verbose=0)
        return model.get_weights()

    keras.utils.set_random_seed(0)
    expected = weights(0.0)
    keras.utils.set_random_seed(0)
    assert_equal(weights(content), expected)


# Ids of tokens: the id 0 stands in masked places


@pytest.mark.parametrize("kind", ["embedding", "simple", "transformer"])
def test_ids_in_padding_are_read_as_0(kind, mask):
    ids = np.random.default_rng(1).integers(1, 6, size=(B, M))

    def run(fill):
        keras.utils.set_random_seed(0)
        networks = dense(1), dense(C), keras.layers.Embedding(8, D)
        if kind != "embedding":
            *networks, network = text_networks(kind, list("abcd"), C, dim=D + 1)
            networks = *networks, TokenEncoder(list("abcd"), network)
        model = FocusClassifier(*networks[:2], "soft", encoder=networks[2])
        inputs = {"segments": np.where(mask, ids, fill), "mask": mask}
        outputs, loss, gradients = trained(model, inputs)
        dense_gradients = [tf.convert_to_tensor(g) for g in gradients]  # an embedding's are slices
        return outputs, loss, dense_gradients, model.every_way(*model.encode(inputs))

    expected = run(0)
    for content in (-1, 5, 10**6):
        assert_equal(run(content), expected)


# BatchNormalization


def normalized(units):
    return dense(units, keras.layers.BatchNormalization(momentum=0.5))


class Forgetful(layers.Attention):
    """Hard attention that does nothing about the mask."""

    def class_scores(self, classify, segments, scores, mask=None, training=None):
        a = self.attend(scores, mask)
        log_p = ops.log_likelihoods(ops.map_segments(classify, segments))
        return ops.average(log_p, a), a


@pytest.mark.parametrize("name", ["soft", "hard", "lvml", "forgetful"])
@pytest.mark.parametrize("where", ["focus", "classifier", "encoder"])
def test_batch_normalization_counts_no_padding(segments, mask, name, where):
    """A bag with padding is the bag without: batches of bags of 2, here in room for 4."""
    mask = np.tile(np.arange(M) < 2, (B, 1))

    def run(inputs):
        keras.utils.set_random_seed(0)
        networks = {"focus": dense(1), "classifier": dense(C)}
        networks[where] = normalized(1 if where == "focus" else C)
        if where == "encoder":
            networks["encoder"] = layers.PerSegment(networks["encoder"])
        attention = Forgetful() if name == "forgetful" else name
        model = FocusClassifier(attention=attention, **networks)
        outputs, loss, gradients = trained(model, inputs)
        outputs["focus"] = outputs["focus"][:, :2]
        return outputs, loss, gradients, model.get_weights()

    actual, expected = run(padded(segments, mask, np.nan)), run(segments[:, :2])
    for x, y in zip(keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-5)  # sums of 12 numbers up to about 3


@pytest.mark.filterwarnings("ignore:attention is hybrid")
@pytest.mark.parametrize("name", ATTENTIONS)
def test_fit_with_batch_normalization_and_padding(segments, mask, name):
    model = FocusClassifier(normalized(1), normalized(C), name)
    model.compile("sgd")
    history = model.fit(padded(segments, mask, np.nan), LABELS, batch_size=3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert all(np.isfinite(w).all() for w in model.get_weights())


class Unmasked(keras.layers.Layer):
    """An encoder that mixes the batch and takes no mask."""

    def __init__(self):
        super().__init__()
        self.normalize = keras.layers.BatchNormalization()

    def build(self, shape):
        self.normalize.build(shape)

    def call(self, x, training=None):
        return self.normalize(x, training=training)


def test_encoder_that_cannot_leave_padding_out_is_refused(segments, mask):
    model = FocusClassifier(dense(1), dense(C), encoder=Unmasked())
    model(segments, training=True)
    with pytest.raises(ValueError, match="encoder is a Unmasked with BatchNormalization whose"):
        model(padded(segments, mask, 0.0), training=True)


def test_every_way_is_the_same_with_and_without_content(segments, mask):
    model = FocusClassifier(normalized(1), normalized(C), "hard")
    outputs = [
        model.every_way(*model.encode(padded(segments, mask, fill))) for fill in (np.nan, 0.0)
    ]
    assert set(outputs[0]) == {*WAYS, "focus"}
    assert_equal(*outputs)
