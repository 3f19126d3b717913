"""GatherSegments: rows of a table look base images up within the model."""

import keras
import numpy as np
import pytest
from keras import ops

import attention_zoo as az
from attention_zoo.ops import scaled

N, B, M = 20, 12, 3


@pytest.fixture
def mosaics():
    images = np.random.default_rng(0).integers(0, 256, (N, 4, 4, 1)).astype("uint8")
    labels = np.arange(N) % 4
    return az.datasets.sdc.from_arrays(
        images, labels, foreground_classes=(0, 1), num_segments=M, num_examples=B
    )


@pytest.fixture
def model(mosaics):
    def network(outputs):
        layers = [keras.layers.Flatten(), keras.layers.Dense(outputs)]
        return keras.Sequential([keras.Input((4, 4, 1)), *layers])

    encoder = az.layers.GatherSegments(mosaics.images)
    model = az.FocusClassifier(network(1), network(2), "lvml", encoder=encoder)
    model.compile(keras.optimizers.SGD(0.1))
    return model


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64"])
def test_pixels_of_other_integers_are_refused(mosaics, dtype):
    pixels = mosaics.images[mosaics.table].astype(dtype)
    message = rf"segments are integers \({dtype}\) of shape \(12, 3, 4, 4, 1\), expected bytes"
    with pytest.raises(ValueError, match=message):
        az.layers.GatherSegments(mosaics.images)(pixels)
    np.testing.assert_array_equal(  # rows of a table may be any
        az.layers.GatherSegments(mosaics.images)(mosaics.table.astype(dtype)), mosaics.arrays()[0]
    )


OTHERS = pytest.mark.parametrize(
    ("rows", "span"), [([[0, N, 1]], "0 to 20"), ([[2, -1]], "-1 to 2")]
)


@OTHERS
def test_rows_that_are_not_there_are_refused(mosaics, rows, span):
    message = f"rows are from {span}, expected 0 to 19: there are 20 base images"
    with pytest.raises(ValueError, match=message):
        az.layers.GatherSegments(mosaics.images)(np.array(rows))


@OTHERS
@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
def test_rows_that_are_not_there_are_nan_where_nothing_can_be_raised(
    compiled, mosaics, rows, span, xla
):
    """And raise in a graph of TensorFlow; PyTorch, which compiles nothing here, raises too."""
    layer = az.layers.GatherSegments(mosaics.images)
    look_up = compiled(lambda rows: layer(rows), xla)
    if keras.backend.backend() == "torch" or (keras.backend.backend() == "tensorflow" and not xla):
        with pytest.raises(
            Exception, match=rf"rows are from\W+{span.replace(' ', '.+')}.+expected 0"
        ):
            look_up(ops.convert_to_tensor(rows))
        return
    segments = ops.convert_to_numpy(look_up(ops.convert_to_tensor(rows)))
    rows = np.array(rows)
    there = (rows >= 0) & (rows < N)
    np.testing.assert_array_equal(segments[~there], np.nan)
    np.testing.assert_array_equal(segments[there], scaled(mosaics.images[rows[there]]))


def test_a_model_refuses_rows_that_are_not_there_or_gives_nan(mosaics, model):
    """Rows that are masked do not count: the model reads row 0 there."""
    rows, mask = mosaics.table.copy(), np.ones((B, M), bool)
    rows[3, 1], mask[3, 1] = N, False
    q = ops.convert_to_numpy(model({"segments": rows, "mask": mask})["label"])
    assert np.isfinite(q).all()
    if keras.backend.backend() == "jax":
        q = model.predict(rows, verbose=0)["label"]
        assert [n for n in range(B) if np.isnan(q[n]).any()] == [3]
        return
    with pytest.raises(ValueError, match=r"rows are from .* to 20, expected 0 to 19: there are 20"):
        model.predict(rows, verbose=0)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_rows_are_looked_up_and_bytes_scaled(mosaics, dtype):
    base = mosaics.images.astype(dtype)
    segments = az.layers.GatherSegments(base)(mosaics.table)
    assert keras.backend.standardize_dtype(segments.dtype) == "float32"
    expected = mosaics.arrays()[0] if dtype == "uint8" else base.astype("float32")[mosaics.table]
    np.testing.assert_array_equal(segments, expected)


def test_segments_go_on_as_they_are_bytes_scaled(mosaics):
    layer = az.layers.GatherSegments(mosaics.images)
    pixels, floats = mosaics.images[mosaics.table], mosaics.arrays()[0]
    np.testing.assert_array_equal(layer(pixels), floats)
    np.testing.assert_array_equal(layer(floats), floats)


def test_training_on_rows_is_training_on_segments(mosaics, model):
    segments, targets = mosaics.arrays()
    plain = az.FocusClassifier(
        *map(keras.models.clone_model, (model.focus, model.classifier)), "lvml"
    )
    plain.compile(keras.optimizers.SGD(0.1))
    model.build((None, M))
    plain.build((None, M, 4, 4, 1))
    plain.set_weights([np.array(v) for v in (*model.focus.weights, *model.classifier.weights)])
    settings = {"epochs": 3, "batch_size": 5, "shuffle": False, "verbose": 0}
    of_rows = model.fit(mosaics.table, mosaics.targets, **settings).history
    of_segments = plain.fit(segments, targets, **settings).history
    assert of_rows.keys() == of_segments.keys()
    for name, values in of_segments.items():
        np.testing.assert_allclose(of_rows[name], values, rtol=1e-5, atol=1e-6, err_msg=name)
    np.testing.assert_array_equal(model.encoder.base, mosaics.images)
    assert model.non_trainable_variables[0].dtype == "uint8"


def test_base_images_are_not_saved_and_a_loaded_model_takes_pixels(mosaics, model, tmp_path):
    model.fit(mosaics.table, mosaics.targets, verbose=0)
    expected = model.predict(mosaics.table, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    found = loaded.predict(mosaics.images[mosaics.table], verbose=0)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6)
    with pytest.raises(ValueError, match="the base images are not there, expected segments"):
        loaded.predict(mosaics.table, verbose=0)
    assert not any(len(weight.shape) == 4 for weight in loaded.weights)


def test_weights_are_loaded_into_a_model_with_base_images_of_its_own(mosaics, model, tmp_path):
    model.fit(mosaics.table, mosaics.targets, verbose=0)
    expected = model.predict(mosaics.table, verbose=0)["label"]
    model.save_weights(tmp_path / "model.weights.h5")
    model.fit(mosaics.table, mosaics.targets, verbose=0)
    model.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(
        model.predict(mosaics.table, verbose=0)["label"], expected, rtol=1e-6
    )


def test_masked_rows_are_zeros(mosaics, model):
    mask = np.arange(M) < np.full((B, 1), 2)
    segments, seen = model.encode({"segments": mosaics.table, "mask": mask})
    np.testing.assert_array_equal(ops.convert_to_numpy(segments)[:, 2], 0.0)
    np.testing.assert_array_equal(seen, mask)


def test_shapes_are_said_before_anything_is_run(mosaics):
    layer = az.layers.GatherSegments(mosaics.images)
    rows = layer(keras.Input((M,), dtype="int32"))
    assert rows.shape == (None, M, 4, 4, 1) and rows.dtype == "float32"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "base and shape are both given or both None, expected one of them"),
        ({"base": np.zeros((3, 2)), "shape": (2,)}, "both given or both None"),
        ({"base": np.zeros(3)}, r"base has shape \(3,\) and dtype float64, expected \(N, ...\)"),
        ({"base": np.zeros((3, 2), int)}, "dtype int64, expected .* of uint8 or floating"),
    ],
)
def test_bad_arguments_raise(settings, message):
    with pytest.raises(ValueError, match=message):
        az.layers.GatherSegments(**settings)


@pytest.mark.parametrize("loaded", [False, True])
def test_bytes_beside_floating_base_images_are_refused(mosaics, loaded):
    layer = az.layers.GatherSegments(mosaics.images / np.float32(255))
    if loaded:
        layer = az.layers.GatherSegments.from_config(layer.get_config())
    pixels = mosaics.images[mosaics.table]
    with pytest.raises(ValueError, match="segments are of dtype uint8 beside floating base image"):
        layer(pixels)
    np.testing.assert_array_equal(layer(pixels / np.float32(255)), pixels / np.float32(255))


@pytest.mark.tensorflow("SavedModels")
@pytest.mark.parametrize(
    ("divisor", "byte_segments", "takes_bytes"),
    [(None, "auto", True), (None, "refused", False), (255, "auto", False), (255, "scaled", False)],
)
def test_exported_models_take_bytes_where_the_model_scales_them(
    tf, mosaics, model, divisor, byte_segments, takes_bytes, tmp_path
):
    base = mosaics.images if divisor is None else mosaics.images / np.float32(divisor)
    encoder = az.layers.GatherSegments(base)
    networks = model.focus, model.classifier
    model = az.FocusClassifier(*networks, "lvml", encoder=encoder, byte_segments=byte_segments)
    model(mosaics.table)
    az.export(model, tmp_path / "model")
    names = tf.saved_model.load(tmp_path / "model").signatures
    assert ("serving_default_bytes" in names) == takes_bytes


@pytest.mark.tensorflow("SavedModels")
def test_exported_models_take_segments_and_hold_no_base_images(tf, mosaics, model, tmp_path):
    model.fit(mosaics.table, mosaics.targets, verbose=0)
    az.export(model, tmp_path / "model")
    loaded = tf.saved_model.load(tmp_path / "model")
    pixels = tf.constant(mosaics.images[mosaics.table])
    found = loaded.signatures["serving_default_bytes"](segments=pixels)["probabilities"]
    expected = np.exp(model.predict(mosaics.table, verbose=0)["label"])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    names = [name for name, _ in tf.train.list_variables(tmp_path / "model/variables/variables")]
    assert names and not any("base" in name for name in names)
