"""Bytes and the floats they stand for give the same predictions, or bytes are refused."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf

import attention_zoo as az
from attention_zoo.datasets.mosaics.mosaics import scaled as scaled_data
from attention_zoo.ops import scaled
from attention_zoo.serving.array_bodies import read_npy
from attention_zoo.serving.request_error import RequestError
from attention_zoo.serving.served_model import ServedModel

DIGITS = "sdc_digits_hard"  # one-hot attention: unscaled bytes move it most


@pytest.fixture(scope="module")
def digits():
    """(bytes (20, 5, 8, 8, 1), the same as floats, targets) of test mosaics."""
    _, info = az.datasets.load("sdc/digits", "test", num_examples=20)
    source = info.source
    pixels = np.asarray(source.images)[source.table]
    return pixels, source.gather(source.table).numpy(), {"label": source.labels}


@pytest.fixture
def network():
    """(outputs, shape) -> a network of one segment."""

    def build(outputs, shape=(3,)):
        layers = keras.layers.Flatten(), keras.layers.Dense(outputs)
        return keras.Sequential([keras.Input(shape), *layers])

    return build


@pytest.fixture
def own(network):
    """(shape of a segment, **settings) -> a compiled model of (b, 4, ...)."""

    def build(shape=(3,), **settings):
        networks = network(1, shape), network(2, shape)
        model = az.FocusClassifier(*networks, "soft", **settings)
        model.compile("sgd")
        return model

    return build


BYTES = np.random.default_rng(0).integers(256, size=(6, 4, 3)).astype("uint8")
LABELS = np.array([0, 1, 0, 1, 1, 0])


def test_every_byte_is_scaled_as_the_data_sets_do():
    every = np.arange(256, dtype="uint8")
    np.testing.assert_array_equal(scaled(every), scaled_data(tf.constant(every)))


@pytest.mark.parametrize("name", [name for name in az.zoo.list() if name.startswith("sdc_")])
def test_presets_take_bytes(name):
    model = az.FocusClassifier.from_preset(name)
    shape = (4, 5, *model.classifier.input_shape[1:])
    pixels = np.random.default_rng(0).integers(256, size=shape).astype("uint8")
    floats = scaled(pixels)
    for ours, true in zip(model(pixels).values(), model(floats).values(), strict=True):
        np.testing.assert_allclose(ours, true, atol=1e-6)


def test_predict_and_evaluate_take_bytes(digits):
    pixels, floats, targets = digits
    model = az.FocusClassifier.from_preset(DIGITS)
    model.compile()
    for key, found in model.predict(pixels, verbose=0).items():
        np.testing.assert_allclose(found, model.predict(floats, verbose=0)[key], atol=1e-6)
    inputs = {"segments": pixels, "mask": np.ones(pixels.shape[:2], bool)}
    np.testing.assert_allclose(model(inputs)["focus"], model(floats)["focus"], atol=1e-6)
    of_bytes, of_floats = (az.evaluate(model, [(x, targets)]).scalars() for x in (pixels, floats))
    assert of_bytes == pytest.approx(of_floats, abs=1e-6)
    assert model.evaluate(pixels, targets, verbose=0) == pytest.approx(
        model.evaluate(floats, targets, verbose=0), abs=1e-6
    )


def test_exported_presets_take_bytes(digits, tmp_path):
    pixels, floats, _ = digits
    model = az.FocusClassifier.from_preset(DIGITS)
    az.export(model, tmp_path / "model")
    signatures = tf.saved_model.load(tmp_path / "model").signatures
    for name in ("serving_default", "explain", "argmax"):
        true = signatures[name](segments=tf.constant(floats))
        found = signatures[f"{name}_bytes"](segments=tf.constant(pixels))
        assert found.keys() == true.keys()
        for key in true:
            if true[key].dtype == tf.string:  # the labels' names
                np.testing.assert_array_equal(found[key], true[key])
            else:
                np.testing.assert_allclose(found[key], true[key], atol=1e-6)
    served = ServedModel(tmp_path / "model").signatures
    file = io.BytesIO()
    np.save(file, pixels)
    with pytest.raises(RequestError, match="uint8, expected float32, or signature explain_bytes$"):
        read_npy(file.getvalue(), served["explain"], 10**6)
    call = read_npy(file.getvalue(), served["explain_bytes"], 10**6)
    np.testing.assert_array_equal(call.arrays["segments"], pixels)


def test_training_on_bytes_equals_training_on_floats(own):
    weights = []
    for x in (BYTES, scaled(BYTES)):
        keras.utils.set_random_seed(0)
        model = own(byte_segments="scaled")
        model.fit(x, LABELS, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


def test_a_model_trained_on_floats_refuses_bytes(own, tmp_path):
    model = own()
    np.testing.assert_allclose(  # not trained: bytes are numbers
        model.predict(BYTES, verbose=0)["label"],
        model.predict(BYTES.astype("float32"), verbose=0)["label"],
        rtol=1e-6,
    )
    model.fit(scaled(BYTES), LABELS, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    message = r"segments are bytes \(uint8\) of shape \(6, 4, 3\), expected floats"
    for use in (model, again.predict, again.encode):
        with pytest.raises(ValueError, match=message):
            use(BYTES)
    with pytest.raises(ValueError, match="segments are bytes"):
        again.fit(BYTES, LABELS, verbose=0)
    assert again.predict(scaled(BYTES), verbose=0)["label"].shape == (6, 2)


def test_a_model_trained_on_bytes_takes_them_as_numbers(own):
    model = own()
    model.fit(BYTES, LABELS, verbose=0)
    assert model.get_config()["byte_segments"] == "numbers"
    for key, found in model(BYTES).items():
        np.testing.assert_allclose(found, model(BYTES.astype("float32"))[key], rtol=1e-6)


OTHER_INTEGERS = ["int8", "int16", "uint16", "int32", "int64"]


@pytest.mark.parametrize("dtype", OTHER_INTEGERS)
def test_other_integers_are_refused_where_bytes_are_scaled_or_refused(own, dtype):
    """NumPy's sums of bytes are such: they passed for scaled floats, up to 255."""
    scaling, refusing = own(byte_segments="scaled"), own((2, 2, 1), byte_segments="refused")
    vectors = (BYTES // 2).astype(dtype)
    pictures = np.resize(vectors, (6, 4, 2, 2, 1))
    expected = [
        (scaling, vectors, r"\(6, 4, 3\), expected bytes \(uint8\), which are scaled by"),
        (refusing, pictures, r"\(6, 4, 2, 2, 1\), expected floats, scaled as those"),
    ]
    for model, given, words in expected:
        message = rf"segments are integers \({dtype}\) of shape {words}"
        for use in (model, model.predict_on_batch, model.encode):
            with pytest.raises(ValueError, match=message):
                use(given)
        with pytest.raises(ValueError, match="segments are integers"):
            model.fit(given, LABELS, verbose=0)


@pytest.mark.parametrize("how", ["numbers", "refused"])
@pytest.mark.parametrize("dtype", OTHER_INTEGERS)
def test_vectors_of_other_integers_are_floats(own, dtype, how):
    """Counts and one-hot rows, for a model that was trained on floats."""
    model, counts = own(byte_segments=how), (BYTES // 64).astype(dtype)
    floats = counts.astype("float32")
    for use in (model, model.predict_on_batch):
        for key, found in use(counts).items():
            np.testing.assert_allclose(found, use(floats)[key], rtol=1e-6)
    loss = model.evaluate(floats, LABELS, verbose=0)
    assert model.evaluate(counts, LABELS, verbose=0) == pytest.approx(loss, rel=1e-6)


def test_typed_lists_are_floats_for_a_model_that_was_trained_on_floats(own):
    model = own()
    model.fit(np.float32(BYTES) / 255, LABELS, verbose=0)
    assert model.byte_segments == "refused"
    typed = [[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [2, 0, 0]]]
    for key, found in model.predict(typed, verbose=0).items():
        expected = model.predict(np.float32(typed), verbose=0)[key]
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", OTHER_INTEGERS)
def test_rows_and_ids_are_no_pixels(network, dtype):
    base = np.random.default_rng(1).integers(256, size=(9, 3)).astype("uint8")
    rows = np.random.default_rng(2).integers(9, size=(6, 4)).astype(dtype)
    encoder = az.layers.GatherSegments(base)
    model = az.FocusClassifier(network(1), network(2), encoder=encoder, byte_segments="scaled")
    np.testing.assert_array_equal(model(rows)["label"], model(base[rows])["label"])
    with pytest.raises(ValueError, match=rf"segments are integers \({dtype}\)"):
        model((base // 2)[rows].astype(dtype))
    model = az.FocusClassifier(
        network(1), network(2), encoder=keras.layers.Embedding(9, 3), byte_segments="refused"
    )
    assert model(rows)["label"].shape == (6, 2)


def test_another_setting_is_an_error(own):
    with pytest.raises(ValueError, match=r"^byte_segments is 'pixels', expected one of \['auto'"):
        own(byte_segments="pixels")
