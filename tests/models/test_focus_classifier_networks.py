"""The networks of FocusClassifier: encoders, and networks of every kind that Keras knows."""

import keras
import numpy as np
import pytest

from attention_zoo import layers
from attention_zoo.models import FocusClassifier

B, M, D, C = 6, 3, 4, 3
# Class scores: sums of D and M terms of a size up to 8 and two softmaxes, 16 roundings.
ATOL = 16 * 8 * 2.0**-23


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    """A network with `call` alone."""

    def __init__(self, units, **settings):
        super().__init__(**settings)
        self.units = units
        self.hidden = keras.layers.Dense(5, activation="tanh", dtype=self.dtype_policy)
        self.dense = keras.layers.Dense(units, dtype=self.dtype_policy)

    def call(self, x):
        return self.dense(self.hidden(x))

    def get_config(self):
        return super().get_config() | {"units": self.units}


class SubclassedLayer(keras.layers.Layer):
    """The same as a layer."""

    def __init__(self, units):
        super().__init__()
        self.dense = keras.layers.Dense(units)

    def call(self, x):
        return self.dense(x)


class Words(keras.layers.Layer):
    """An encoder of token ids."""

    def __init__(self):
        super().__init__()
        self.embedding = keras.layers.Embedding(10, D, mask_zero=True)

    def call(self, ids):
        return self.embedding(ids)


@pytest.fixture
def segments():
    return np.random.default_rng(1).normal(size=(B, M, D)).astype("float32")


# Encoder


def test_focus_and_classifier_read_the_encoders_features():
    cnn = keras.Sequential([keras.layers.Conv2D(2, 3), keras.layers.GlobalMaxPooling2D()])
    focus, classifier = keras.layers.Dense(1), keras.layers.Dense(C)
    model = FocusClassifier(focus, classifier, "lvml", encoder=layers.PerSegment(cnn))
    images = np.random.default_rng(0).normal(size=(B, M, 5, 5, 1)).astype("float32")
    output = model(images)
    features = keras.ops.stack([cnn(images[:, j]) for j in range(M)], axis=1)  # (b, m, 2)
    assert classifier.kernel.shape == (2, C)
    plain = FocusClassifier(focus, classifier, "lvml")(features)
    np.testing.assert_allclose(output["label"], plain["label"], atol=ATOL)
    np.testing.assert_allclose(output["focus"], plain["focus"], atol=ATOL)


def test_dropout_of_the_encoder_is_on_in_training_only():
    model = FocusClassifier(
        keras.layers.Dense(1), keras.layers.Dense(C), encoder=keras.layers.Dropout(0.5)
    )
    segments = np.ones((B, M, D), dtype="float32")
    predicted, again, trained = (
        keras.ops.convert_to_numpy(model(segments, training=t)["label"])
        for t in (False, False, True)
    )
    np.testing.assert_array_equal(predicted, again)
    assert np.any(np.abs(trained - predicted) > 1e-3)


def of_ids():
    """An encoder that makes a mask, and segments whose last has none."""
    ids = np.array([[3, 1, 4, 0], [2, 5, 6, 0]])
    inputs = keras.Input((None,), dtype="int32")
    return keras.Model(inputs, keras.layers.Embedding(10, D, mask_zero=True)(inputs)), ids


def of_zeros():
    x = np.random.default_rng(0).normal(size=(2, M + 1, D)).astype("float32")
    x[:, M:] = 0.0
    dense = keras.layers.Dense(D, bias_initializer="ones")
    return keras.Sequential([keras.layers.Masking(), dense]), x


@pytest.mark.parametrize("make", [of_ids, of_zeros])
def test_compiled_steps_heed_the_mask_that_an_encoder_makes(make):
    """The oracle: the same without padding, by a call, whose tensors are values."""
    encoder, x = make()
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(2), encoder=encoder)
    model.compile(keras.optimizers.SGD(0.0))
    q, a = keras.tree.map_structure(keras.ops.convert_to_numpy, model(x[:, :M])).values()
    found, label = model.predict(x, verbose=0), np.array([0, 1])
    np.testing.assert_array_equal(found["focus"][:, M:], 0.0)
    np.testing.assert_allclose(found["focus"][:, :M], a, atol=ATOL)
    np.testing.assert_allclose(found["label"], q, atol=ATOL)
    history = model.fit(x, label, verbose=0).history
    np.testing.assert_allclose(history["loss"], [-np.mean(q[label, label])], atol=ATOL)


# Subclassed networks


@pytest.mark.parametrize("network", [Subclassed, SubclassedLayer])
def test_subclassed_networks_need_no_shapes(segments, network):
    model = FocusClassifier(network(1), network(C), "lvml", encoder=network(2))
    model.build((None, M, D))
    assert model.num_classes == C
    features = model.encoder(segments)
    plain = FocusClassifier(model.focus, model.classifier, "lvml")(features)
    np.testing.assert_allclose(model(segments)["label"], plain["label"], atol=ATOL)


def test_subclassed_networks_train_and_are_saved(segments, tmp_path):
    encoder = layers.PerSegment(Subclassed(2))
    model = FocusClassifier(Subclassed(1), Subclassed(C), "hard", encoder=encoder)
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(segments, np.arange(B) % C, verbose=0)
    assert len(model.trainable_variables) == 12
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for key, value in model(segments).items():
        np.testing.assert_array_equal(loaded(segments)[key], value)


class Normalized(keras.layers.Layer):
    """A layer whose batch normalisation knows of training what Keras tells it."""

    def __init__(self, units):
        super().__init__()
        self.dense, self.normalize = keras.layers.Dense(units), keras.layers.BatchNormalization()

    def build(self, shape):
        self.dense.build(shape)
        self.normalize.build((*shape[:-1], self.dense.units))
        self.built = True

    def call(self, x):
        return self.normalize(self.dense(x))


@pytest.mark.parametrize("attention", ["soft", "hard", "lvml"])
def test_all_networks_know_that_it_is_training(attention, segments):
    """One step at rate 0 moves means and variances by 1 % of the way to the batch's."""
    networks = focus, classifier, encoder = [
        keras.Sequential([keras.Input((D if n == 2 else 2,)), Normalized(n)]) for n in (1, C, 2)
    ]
    model = FocusClassifier(focus, classifier, attention, encoder=layers.PerSegment(encoder))
    model.build((None, M, D))
    model.compile(keras.optimizers.SGD(0.0))
    model.fit(segments, np.arange(B) % C, batch_size=B, verbose=0)
    for network in networks:
        variance = keras.ops.convert_to_numpy(network.layers[-1].normalize.moving_variance)
        assert np.all(variance != 1.0)
    kernel, bias = (keras.ops.convert_to_numpy(w) for w in encoder.layers[-1].dense.weights)
    expected = 0.01 * (segments.reshape(-1, D) @ kernel + bias).mean(axis=0)
    found = keras.ops.convert_to_numpy(encoder.layers[-1].normalize.moving_mean)
    np.testing.assert_allclose(found, expected, atol=ATOL)


@pytest.mark.low_precision
def test_subclassed_networks_in_mixed_precision(segments):
    policy = "mixed_bfloat16"
    networks = [Subclassed(n, dtype=policy) for n in (1, C, 2)]
    model = FocusClassifier(*networks[:2], encoder=networks[2], dtype=policy)
    output = model(segments)
    assert {keras.backend.standardize_dtype(x.dtype) for x in output.values()} == {"float32"}
    assert {v.dtype for v in model.trainable_variables} == {"float32"}


def test_subclassed_model_around_it_builds_it(segments):
    class Outer(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = FocusClassifier(Subclassed(1), Subclassed(C))

        def call(self, x):
            return self.inner(x)["label"]

    outer = Outer()
    assert outer(segments).shape == (B, C)
    assert len(outer.trainable_variables) == 8


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_subclassed_encoder_of_token_ids(dtype):
    model = FocusClassifier(SubclassedLayer(1), SubclassedLayer(C), "hard", encoder=Words())
    padded = model(np.array([[3, 1, 7, 0], [2, 2, 0, 0]], dtype))
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(padded["focus"]) > 0.0, [[1, 1, 1, 0], [1, 1, 0, 0]]
    )
    shorter = model(np.array([[3, 1, 7]], dtype))
    np.testing.assert_allclose(padded["label"][:1], shorter["label"], atol=ATOL)


def test_encoder_that_says_it_reads_integers():
    """`keras.Input` tells the dtype of ids to an encoder that cannot do with floats."""
    ids = keras.Input((None,), dtype="int32")
    table = np.random.default_rng(0).normal(size=(10, D)).astype("float32")
    encoder = keras.Model(ids, keras.ops.take(table, ids, axis=0))
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C), encoder=encoder)
    tokens = np.array([[3, 1, 7], [2, 2, 9]])
    plain = FocusClassifier(model.focus, model.classifier)(table[tokens])
    np.testing.assert_allclose(model(tokens)["label"], plain["label"], atol=ATOL)


def test_config_of_the_caller_stays_as_it_is():
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C))
    config = model.get_config()
    for _ in range(2):
        assert FocusClassifier.from_config(config).classifier.units == C
    assert config == model.get_config()
