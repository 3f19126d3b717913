"""SavedModels of captioners, loaded where there is nothing but TensorFlow."""

import io
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from attention_zoo._decode import decoded
from attention_zoo._explain import explain
from attention_zoo._export import captions, export
from attention_zoo.models import Captioner, CaptionSearch, text_of

WORDS = ["a", "hund", "läuft", "🐕"]
SERVE = """
import pathlib, sys
import numpy as np, tensorflow as tf

folder = pathlib.Path(sys.argv[1])
data = np.load(folder / "features.npy")
files = [path.read_bytes() for path in sorted(folder.glob("*.image"))]
for path in sorted(folder.glob("*_model")):
    signatures = tf.saved_model.load(path).signatures
    for name in ("serving_default", "beam", "explain"):
        for size in (1, 4):
            if "features" in path.name:
                outputs = signatures[name](features=tf.constant(data[:size]))
            else:
                outputs = signatures[name](image=tf.constant(files[:size]))
            outputs = {key: value.numpy() for key, value in outputs.items()}
            for key in ("caption", "words"):
                outputs[key] = np.vectorize(bytes.decode, otypes="U")(outputs[key])
            np.savez(folder / f"{path.name}_{name}_{size}.npz", **outputs)
assert "attention_zoo" not in sys.modules  # TensorFlow imports Keras itself
"""


def encoder():
    layers = [keras.layers.Rescaling(1 / 127.5, -1.0), keras.layers.Conv2D(5, 4, strides=4)]
    return keras.Sequential([keras.Input((8, 8, 3)), *layers])


def lively(model):
    rng = np.random.default_rng(0)
    for weight in model.decoder.trainable_variables:
        weight.assign(rng.normal(size=weight.shape))
    return model


@pytest.fixture(scope="module")
def models():
    keras.utils.set_random_seed(0)
    sizes = {"units": 6, "embedding_dim": 5, "attention_units": 4}
    features = Captioner(WORDS, "lvml", **sizes)
    features.build({"features": (None, 4, 5), "words": (None, None)})
    images = Captioner(WORDS, "hard", encoder(), **sizes)
    images.build({"image": (None, 8, 8, 3), "words": (None, None)})
    return {"features": lively(features), "images": lively(images)}


@pytest.fixture(scope="module")
def images():
    """Four pictures of 8 x 8 pixels, so that nothing is resized."""
    return np.random.default_rng(1).integers(256, size=(4, 8, 8, 3), dtype="uint8")


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(2).normal(size=(4, 4, 5)).astype("float32")


@pytest.fixture(scope="module")
def served(models, images, features, tmp_path_factory):
    folder = tmp_path_factory.mktemp("captions")
    for name, model in models.items():
        export(model, folder / f"{name}_model", beam_width=3, max_length=6, length_power=1.0)
    np.save(folder / "features.npy", features)
    for i, image in enumerate(images):
        (folder / f"{i}.image").write_bytes(tf.io.encode_png(image).numpy())
    command = [sys.executable, "-c", SERVE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize(("signature", "width"), [("serving_default", 1), ("beam", 3)])
@pytest.mark.parametrize("name", ["features", "images"])
def test_served_captions_are_the_models(
    models, served, images, features, name, signature, width, size
):
    outputs = np.load(served / f"{name}_model_{signature}_{size}.npz")
    x = {"features": features[:size]} if name == "features" else {"image": images[:size]}
    expected = CaptionSearch(models[name], width, 6, 1.0)(x)
    assert set(outputs) == {"caption", "words", "focus", "log_probability", "score"}
    np.testing.assert_array_equal(outputs["caption"], text_of(expected["words"].numpy(), WORDS))
    joined = [" ".join(word for word in row if word) for row in outputs["words"]]
    np.testing.assert_array_equal(outputs["caption"], joined)
    for key in ("focus", "log_probability", "score"):
        np.testing.assert_allclose(outputs[key], expected[key], atol=1e-4)


@pytest.mark.parametrize("name", ["features", "images"])
def test_served_explanations_are_those_of_python(models, served, images, features, name):
    outputs = np.load(served / f"{name}_model_explain_4.npz")
    x = {"features": features} if name == "features" else {"image": images.astype("float32")}
    words = CaptionSearch(models[name], 1, 6, 1.0)(x)["words"].numpy()
    for i, found in enumerate(explain(models[name], x, words=words)):
        n = len(found)
        assert outputs["caption"][i] == found.caption
        np.testing.assert_array_equal(outputs["segments"][i, :n], found.segments)
        assert np.all(outputs["segments"][i, n:] == -1) and np.all(outputs["focus"][i, n:] == 0)
        support = {"whole": "probability"}
        for part, value in found.support.items():
            given = outputs[support.get(part, f"{part}_probability")][i, :n]
            np.testing.assert_allclose(given, value, atol=1e-5)
        np.testing.assert_allclose(outputs["focus"][i, :n], found.attention, atol=1e-5)
        for part in ("certainty", "agreement", "confidence"):
            np.testing.assert_allclose(outputs[part][i, :n], getattr(found, part), atol=1e-5)


def test_jpeg_and_png_of_any_size_are_read(served):
    serve = tf.saved_model.load(served / "images_model").signatures["serving_default"]
    image = np.full((40, 24, 3), [200, 30, 90], "uint8")
    files = [tf.io.encode_png(image), tf.io.encode_jpeg(image, quality=100)]
    files += [tf.io.encode_png(image[:8, :8])]
    outputs = serve(image=tf.stack(files))
    assert len(set(outputs["caption"].numpy())) == 1
    np.testing.assert_allclose(outputs["score"], outputs["score"][:1].numpy().repeat(3), atol=0.1)
    with pytest.raises(tf.errors.InvalidArgumentError):
        serve(image=tf.constant([b"no picture"]))


KINDS = [*(("PNG", mode) for mode in ("RGB", "L", "LA", "RGBA", "P", "1"))]
KINDS += [*(("JPEG", mode) for mode in ("RGB", "L", "CMYK")), ("GIF", "P"), ("BMP", "RGB")]


@pytest.mark.parametrize("size", [(13, 17), (8, 12)])
@pytest.mark.parametrize(("form", "mode"), KINDS)
def test_bytes_are_pictures_as_in_the_data_sets(form, mode, size):
    """And where nothing is resized or lost, as Pillow reads them."""
    pixels = np.random.default_rng(0).integers(256, size=(13, 17, 4), dtype="uint8")
    file = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").convert(mode).save(file, form)
    served = captions._image_reader(size)(tf.constant([file.getvalue()]))["image"][0]
    np.testing.assert_array_equal(served, decoded(file.getvalue(), size))
    if size == (13, 17) and form != "JPEG":
        np.testing.assert_array_equal(served, Image.open(file).convert("RGB"))


@pytest.fixture
def of_any_size():
    """A captioner whose encoder takes images of any size."""
    network = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(5, 4, 4)])
    model = Captioner(WORDS, encoder=network, units=6)
    model.build({"features": (None, 4, 5), "words": (None, None)})
    return model


def test_size_of_images_has_to_be_known(of_any_size, tmp_path):
    with pytest.raises(ValueError, match=r"takes images of shape \(None, None, None, 3\), expec"):
        export(of_any_size, tmp_path / "model")


@pytest.mark.slow
def test_images_are_resized_to_a_size_that_is_given(of_any_size, tmp_path):
    export(of_any_size, tmp_path / "model", image_size=(8, 12), max_length=3)
    serve = tf.saved_model.load(tmp_path / "model").signatures["beam"]
    file = tf.io.encode_png(np.zeros((5, 5, 3), "uint8"))
    assert serve(image=file[None])["focus"].shape == (1, 3, 6)


@pytest.mark.parametrize("size", [8, (8,), (8, 0)])
def test_a_size_that_is_none_is_refused(of_any_size, tmp_path, size):
    with pytest.raises(ValueError, match=r"^image_size is .*, expected \(height, width\), 1"):
        export(of_any_size, tmp_path / "model", image_size=size)


def test_model_that_was_not_built_is_refused(tmp_path):
    with pytest.raises(ValueError, match="the model is not built, expected one that was trained"):
        export(Captioner(WORDS), tmp_path / "model")
