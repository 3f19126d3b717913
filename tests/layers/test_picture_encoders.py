"""Encoders of one picture (`Regions`, `Patches`), and features in an encoder's place."""

import keras
import numpy as np
import pytest

from attention_zoo.layers import Patches, PerSegment, Precomputed, Regions
from attention_zoo.models import FocusClassifier

B, H, W, C, D = 4, 8, 12, 3, 5


@pytest.fixture
def pictures(rng):
    return rng.normal(size=(B, H, W, C)).astype("float32")


def backbone(size=(H, W)):
    """A picture -> a feature map of a quarter of its height and width."""
    layers = [keras.layers.Conv2D(D, 4, strides=4), keras.layers.BatchNormalization()]
    return keras.Sequential([keras.Input((*size, C)), *layers])


def classifier(encoder, attention="lvml", classes=2):
    return FocusClassifier(
        keras.layers.Dense(1), keras.layers.Dense(classes), attention, encoder=encoder
    )


def test_region_is_a_place_of_the_feature_map(pictures):
    layer = Regions(backbone())
    features = keras.ops.convert_to_numpy(layer(pictures))
    feature_map = keras.ops.convert_to_numpy(layer.network(pictures))  # (b, 2, 3, d)
    assert layer.grid == feature_map.shape[1:3] == (2, 3)
    for i in range(2):
        for j in range(3):
            np.testing.assert_array_equal(features[:, i * 3 + j], feature_map[:, i, j])
    assert layer(keras.Input((H, W, C))).shape == (None, 6, D)


def test_pictures_of_any_size(pictures):
    layer = Regions(backbone((None, None)))
    assert layer(keras.Input((None, None, C))).shape == (None, None, D)
    assert layer.grid is None
    assert layer(pictures[:, :4]).shape == (B, 3, D)


def test_tokens_that_are_no_regions_are_skipped(pictures):
    tokens = keras.Sequential([keras.Input((H, W, C)), keras.layers.Reshape((H, W * C))])
    features = Regions(tokens, skip=1)(pictures)
    np.testing.assert_array_equal(features, pictures.reshape(B, H, W * C)[:, 1:])


@pytest.mark.parametrize(
    ("network", "options", "words"),
    [
        (keras.layers.Flatten(), {}, r"network gives shape \(None, 288\), expected \(b, h, w, d\)"),
        (backbone(), {"skip": 1}, r"skip is 1 and network gives shape .* expected 0"),
        (backbone(), {"skip": -1}, "skip is -1, expected 0 or more"),
    ],
)
def test_bad_networks_are_refused(network, options, words):
    with pytest.raises(ValueError, match=words):
        Regions(network, **options)(keras.Input((H, W, C)))


def test_patch_is_a_square_of_the_picture(pictures):
    patches = keras.ops.convert_to_numpy(Patches(4)(pictures))
    assert patches.shape == (B, 6, 4, 4, C) == Patches(4).compute_output_shape(pictures.shape)
    for i in range(2):
        for j in range(3):
            square = pictures[:, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4]
            np.testing.assert_array_equal(patches[:, i * 3 + j], square)


@pytest.mark.parametrize("shape", [(H, 10, C), (None, W, C), (W, C)])
def test_pictures_that_are_no_squares_are_refused(shape):
    with pytest.raises(ValueError, match="height and width multiples of 4"):
        Patches(4)(keras.Input(shape))


def encoders():
    """By name, each with what it reads."""
    of_patches = keras.Sequential(
        [keras.Input((H, W, C)), Patches(4), PerSegment(keras.layers.Flatten())]
    )
    return {"regions": Regions(backbone()), "patches": of_patches}


@pytest.mark.parametrize("name", ["regions", "patches"])
def test_classifier_of_one_picture_is_trained_and_saved(pictures, tmp_path, name):
    model = classifier(encoders()[name])
    model.compile("adam")
    model.fit(pictures, np.arange(B) % 2, verbose=0)
    outputs = model.predict(pictures, verbose=0)
    assert outputs["focus"].shape == (B, 6)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").predict(pictures, verbose=0)
    np.testing.assert_array_equal(loaded["focus"], outputs["focus"])
    model.save_to_preset(tmp_path / "preset")
    twin = FocusClassifier.from_preset(tmp_path / "preset").predict(pictures, verbose=0)
    np.testing.assert_array_equal(twin["label"], outputs["label"])


@pytest.mark.tensorflow("exported models")
@pytest.mark.parametrize("name", ["regions", "patches"])
def test_exported_classifier_of_one_picture_says_the_same(pictures, tmp_path, tf, name):
    from attention_zoo import _export

    model = classifier(encoders()[name])
    expected = model.predict(pictures, verbose=0)
    _export.export(model, tmp_path / "saved")
    explain = tf.saved_model.load(str(tmp_path / "saved")).signatures["explain"]
    outputs = explain(segments=tf.constant(pictures))
    np.testing.assert_allclose(outputs["focus"], expected["focus"], atol=1e-5)
    np.testing.assert_allclose(outputs["probabilities"], np.exp(expected["label"]), atol=1e-5)


# --- features in the encoder's place ---


@pytest.fixture
def segments(rng):
    return rng.normal(size=(B, 3, 4, 4, C)).astype("float32")


def pooled():
    """An image of 4×4 pixels -> features, with batch normalisation."""
    network = keras.Sequential([backbone((4, 4)), keras.layers.Flatten()])
    return Precomputed(PerSegment(network))


def test_features_give_what_segments_give(segments, tmp_path):
    model = classifier(pooled())
    expected = model.predict(segments, verbose=0)
    features = keras.ops.convert_to_numpy(model.encoder.encoder(segments))
    for one in (model, reloaded(model, tmp_path)):
        outputs = one.predict(features, verbose=0)
        for key in ("label", "focus"):
            np.testing.assert_allclose(outputs[key], expected[key], atol=1e-6)


@pytest.mark.tensorflow("pipelines of tf.data")
def test_pipelines_may_have_either(segments, tf):
    model = classifier(pooled())
    expected = model.predict(segments, verbose=0)["focus"]
    features = keras.ops.convert_to_numpy(model.encoder.encoder(segments))
    for x in (features, segments):
        batches = tf.data.Dataset.from_tensor_slices(x).batch(B)
        outputs = model.predict(batches, verbose=0)
        np.testing.assert_allclose(outputs["focus"], expected, atol=1e-6)


def reloaded(model, folder):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


def test_training_on_features_is_training_with_a_frozen_encoder(segments):
    models = [classifier(pooled()) for _ in range(2)]
    for model in models:
        model.build(segments.shape)
        model.encoder.trainable = False
        model.set_weights(models[0].get_weights())
        model.compile(keras.optimizers.SGD(0.1))
    features = keras.ops.convert_to_numpy(models[0].encoder.encoder(segments))
    for model, x in zip(models, (segments, features), strict=True):
        model.fit(x, np.arange(B) % 2, epochs=2, verbose=0)
    for one, other in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_model_trained_on_features_reads_bytes_as_numbers(segments):
    """What is told of bytes by training is told by segments alone."""
    model = classifier(pooled())
    model.build(segments.shape)
    model.encoder.trainable = False
    model.compile("sgd")
    model.fit(segments.mean((2, 3))[..., [0] * D], np.arange(B) % 2, verbose=0)
    pixels = (segments * 40 + 128).astype("uint8")
    bytes_read = model.predict(pixels, verbose=0)
    floats_read = model.predict(pixels.astype("float32"), verbose=0)
    np.testing.assert_allclose(bytes_read["label"], floats_read["label"], atol=1e-5)


def test_masked_segments_are_absent_on_both_ways(segments):
    model = classifier(pooled())
    mask = np.arange(3) < np.array([[3], [2], [1], [3]])
    expected = model.predict({"segments": segments, "mask": mask}, verbose=0)
    features = keras.ops.convert_to_numpy(model.encoder.encoder(segments))
    outputs = model.predict({"segments": features, "mask": mask}, verbose=0)
    assert not outputs["focus"][~mask].any()
    np.testing.assert_allclose(outputs["focus"], expected["focus"], atol=1e-6)


def test_features_that_cannot_be_told_are_refused():
    with pytest.raises(ValueError, match=r"expected another rank, by which features are told"):
        Precomputed(PerSegment(keras.layers.Dense(D)))(keras.Input((3, C)))


# --- batch normalisation ---


def copies(variables):
    """JAX gives the memory of a variable to the one that takes its place."""
    return [np.array(keras.ops.convert_to_numpy(v)) for v in variables]


def statistics(model):
    return copies(v for v in model.encoder.variables if "moving" in v.path)


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_encoder_keeps_its_statistics(segments, frozen):
    model = classifier(PerSegment(keras.Sequential([backbone((4, 4)), keras.layers.Flatten()])))
    model.build(segments.shape)
    model.encoder.trainable = not frozen
    model.compile("sgd")
    before = copies(model.encoder.weights), statistics(model)
    model.fit(segments, np.arange(B) % 2, verbose=0)
    after = copies(model.encoder.weights), statistics(model)
    assert len(before[1]) == 2
    for kind in range(2):
        equal = [np.array_equal(*pair) for pair in zip(before[kind], after[kind], strict=True)]
        assert all(equal) if frozen else not any(equal[-2:])


def test_padding_is_kept_out_of_an_encoder_whose_features_may_be_given():
    """As without `Precomputed`; of features nothing is asked."""
    mixing = keras.Sequential(
        [PerSegment(keras.layers.Flatten()), keras.layers.Conv1D(8, 3, padding="same")]
    )

    def model(encoder):
        return FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(2), encoder=encoder)

    inputs = {"segments": np.ones((2, 3, 4, 4, 1), "float32"), "mask": np.ones((2, 3), bool)}
    for encoder in (mixing, Precomputed(mixing)):
        with pytest.raises(ValueError, match="padding would count in the features of others"):
            model(encoder)(inputs)
    plain = model(Precomputed(PerSegment(keras.layers.Flatten())))
    plain.build({"segments": (None, 3, 4, 4, 1), "mask": (None, 3)})
    given = {"segments": np.ones((2, 3, 16), "float32"), "mask": inputs["mask"]}
    found = [keras.ops.convert_to_numpy(plain(one)["label"]) for one in (inputs, given)]
    np.testing.assert_allclose(*found, rtol=1e-6)
