"""SavedModels, loaded where there is nothing but TensorFlow."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from attention_zoo._explain import explain
from attention_zoo._export import export
from attention_zoo.models import FocusClassifier

M, D, C = 3, 4, 3
PRESET = "sdc_digits_lvml"
SIGNATURES = {
    "serving_default": {"probabilities", "label"},
    "explain": {
        "probabilities",
        "label",
        "focus",
        "segment",
        "segment_probabilities",
        "segment_label",
        *(f"{way}_probabilities" for way in ("argmax", "marginal", "soft")),
        *("segments", "alone_probabilities", "without_probabilities"),
        *("certainty", "agreement", "confidence"),
    },
    "argmax": {"probabilities", "label", "segment"},
}
ATTENTIONS = ["soft", "lvml", "gumbel", "hybrid"]  # hard and REINFORCE predict as Gumbel does
SERVE = """
import pathlib, sys
import numpy as np, tensorflow as tf

folder = pathlib.Path(sys.argv[1])
data = np.load(folder / "inputs.npz")
for path in sorted(folder.glob("*_model")):
    name = path.name.removesuffix("_model")
    signatures = tf.saved_model.load(path).signatures
    for size, m in data[f"{name}_cuts"]:
        inputs = {
            key: tf.constant(data[f"{name}_{key}"][:size, :m])
            for key in ("segments", "mask")
            if f"{name}_{key}" in data
        }
        for signature in ("serving_default", "explain", "argmax"):
            outputs = signatures[signature](**inputs)
            outputs = {key: value.numpy() for key, value in outputs.items()}
            np.savez(folder / f"{name}_{signature}_{size}.npz", **outputs)
assert "attention_zoo" not in sys.modules  # TensorFlow imports Keras itself
"""

# These tests are of a hybrid in its phase, as it is; that it stays there is its own warning.
pytestmark = pytest.mark.filterwarnings("ignore:attention is hybrid")


@pytest.fixture(scope="module")
def models(has_low_precision):
    """One of every kind, by name, and the segments (and mask) to serve."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)

    def dense():
        return keras.layers.Dense(1), keras.layers.Dense(C)

    def images():
        cnn = keras.Sequential([keras.layers.Conv2D(2, 2), keras.layers.Flatten()])
        return FocusClassifier(*dense(), encoder=layers.PerSegment(cnn), inference="marginal")

    x = rng.normal(size=(5, M, D)).astype("float32")
    digits = rng.uniform(-1, 1, size=(5, 7, 8, 8, 1)).astype("float32")
    half = [keras.layers.Dense(n, dtype="mixed_bfloat16") for n in (1, C)]
    words = keras.layers.Embedding(9, D, mask_zero=True)
    tokens = np.int32([[3, 1, 0, 0], [2, 5, 8, 0], [1, 0, 0, 0], [4, 4, 4, 4], [7, 6, 0, 0]])
    kinds = {name: (FocusClassifier(*dense(), name), x) for name in ATTENTIONS}
    kinds |= {
        "images": (images(), rng.normal(size=(5, M, 3, 3, 1)).astype("float32")),
        "half": (FocusClassifier(*half, "lvml", dtype="mixed_bfloat16"), x),
        "words": (FocusClassifier(*dense(), encoder=words), tokens),
        "masked": (
            FocusClassifier(*dense(), "lvml"),
            {"segments": x, "mask": rng.random((5, M)) < 0.7},
        ),
        "preset": (FocusClassifier.from_preset(PRESET), digits),
        "masked_preset": (
            FocusClassifier.from_preset(PRESET),
            {"segments": digits, "mask": rng.random((5, 7)) < 0.7},
        ),
    }
    if not has_low_precision:
        del kinds["half"]
    return kinds


def cuts(name):
    """(b, m) of the batches served: as built, and smaller, m too where it is free."""
    m = {"words": 4, "preset": 7, "masked_preset": 7}.get(name, M)
    return [(5, m), (1, m if name == "words" else m - 1)]


def cut(inputs, size, m):
    return keras.tree.map_structure(lambda x: x[:size, :m], inputs)


@pytest.fixture(scope="module")
def served(models, tmp_path_factory):
    """The folder of what a process that knows TensorFlow alone made of the exported models."""
    folder = tmp_path_factory.mktemp("served")
    data = {}
    for name, (model, inputs) in models.items():
        if not model.built:
            model(inputs)
        export(model, folder / f"{name}_model", mask=name == "masked_preset")
        data[f"{name}_cuts"] = cuts(name)
        parts = inputs if isinstance(inputs, dict) else {"segments": inputs}
        data |= {f"{name}_{key}": value for key, value in parts.items()}
    np.savez(folder / "inputs.npz", **data)
    command = [sys.executable, "-c", SERVE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def names_of(model, signature):
    """Outputs that a model has whose classes have names, as those of presets have."""
    ids = {"label", "segment_label"} & SIGNATURES[signature]
    return {f"{name}_name" for name in ids if model.class_names}


HALF = pytest.param("half", marks=pytest.mark.low_precision)
KINDS = [*ATTENTIONS, "images", HALF, "words", "masked", "preset", "masked_preset"]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("smaller", [False, True])
def test_served_numbers_are_the_models(models, served, rounding, name, signature, smaller):
    model, inputs = models[name]
    size, m = cuts(name)[smaller]
    outputs = np.load(served / f"{name}_{signature}_{size}.npz")
    inputs = cut(inputs, size, m)
    q, a = (np.asarray(model(inputs)[key]) for key in ("label", "focus"))
    own = np.asarray(model.every_way(*model.encode(inputs))["argmax"])
    # Logits of a size up to 4, of sums of four; a probability moves by a quarter of that.
    atol = rounding(4, 1, "bfloat16") if name == "half" else 1e-5
    assert set(outputs) == SIGNATURES[signature] | names_of(model, signature)
    expected = own if signature == "argmax" else q
    np.testing.assert_allclose(outputs["probabilities"], np.exp(expected), atol=atol)
    np.testing.assert_allclose(outputs["probabilities"].sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(outputs["label"], outputs["probabilities"].argmax(axis=1))
    if "segment" in outputs:
        np.testing.assert_array_equal(outputs["segment"], np.where(a.any(1), a.argmax(1), -1))
    if signature == "explain":
        np.testing.assert_allclose(outputs["focus"], a, atol=atol)
        probabilities = outputs["segment_probabilities"]
        np.testing.assert_allclose(probabilities, np.exp(own), atol=atol)
        np.testing.assert_array_equal(outputs["segment_label"], probabilities.argmax(axis=1))
        assert_is_the_explanation(outputs, explain(model, inputs), atol)


def assert_is_the_explanation(outputs, explanation, atol):
    """The SavedModel's numbers, of a process with TensorFlow alone, are those of `az.explain`."""
    expected = {f"{way}_probabilities": p for way, p in explanation.probabilities.items()} | {
        "alone_probabilities": explanation.alone,
        "without_probabilities": explanation.without,
        "certainty": explanation.certainty,
        "agreement": explanation.agreement,
        "confidence": explanation.confidence,
    }
    np.testing.assert_array_equal(outputs["segments"], explanation.segments)
    none = ~explanation.remains  # NaN there; served are finite numbers, which JSON can hold
    assert np.isnan(expected["without_probabilities"][none]).all()
    assert np.isfinite(outputs["without_probabilities"]).all()
    expected["without_probabilities"] = np.where(
        none[..., None], outputs["without_probabilities"], explanation.without
    )
    for name, values in expected.items():
        np.testing.assert_allclose(outputs[name], values, atol=3 * atol)


class CountRows(keras.layers.Layer):
    """A classifier whose logits tell how many segments it was given: (n, 0)."""

    def call(self, x):
        n = keras.ops.cast(keras.ops.shape(x)[0], "float32")
        return keras.ops.stack([n + 0 * x[:, 0], 0 * x[:, 0]], axis=1)


def test_argmax_runs_the_classifier_on_the_chosen_segments_alone(tmp_path):
    b = 2
    model = FocusClassifier(keras.layers.Dense(1), CountRows(), "lvml")
    model.build((None, M, D))
    export(model, tmp_path / "model")
    signatures = tf.saved_model.load(tmp_path / "model").signatures

    def rows(signature, key="probabilities"):
        p = signatures[signature](segments=tf.ones((b, M, D)))[key].numpy()
        return np.log(p[:, 0] / p[:, 1])

    np.testing.assert_allclose(rows("argmax"), b, atol=1e-3)
    np.testing.assert_allclose(rows("explain", "segment_probabilities"), b * M, atol=0.1)
    np.testing.assert_allclose(rows("serving_default"), b * M, atol=0.1)


@pytest.mark.parametrize("m", [M, None])
def test_encoder_of_all_segments_keeps_the_number_that_it_was_built_with(tmp_path, m):
    dense = keras.layers.Dense(D)
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C), encoder=dense)
    model.build((None, m, D))
    export(model, tmp_path / "model", mask=True)
    signatures = tf.saved_model.load(tmp_path / "model").signatures
    for name in SIGNATURES:
        taken = signatures[name].structured_input_signature[1]
        assert taken["segments"].shape.as_list() == [None, m, D]
        assert taken["mask"].shape.as_list() == [None, m]


def test_trained_model_serves_its_trained_weights(linear_model, tmp_path):
    model = linear_model("hybrid")
    x = np.random.default_rng(0).normal(size=(5, M, D)).astype("float32")
    model.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    model.fit(x, np.arange(5) % C, verbose=0)
    export(model, tmp_path / "model")
    served = tf.saved_model.load(tmp_path / "model").signatures["serving_default"](segments=x)
    expected = np.exp(model.predict_on_batch(x)["label"])
    np.testing.assert_allclose(served["probabilities"], expected, atol=1e-5)


def test_row_without_segments_is_served_as_unknown(tmp_path):
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C), "lvml")
    x = np.ones((2, M, D), "float32")
    mask = np.array([[False] * M, [True, False, False]])
    model({"segments": x, "mask": mask})
    export(model, tmp_path / "model")
    explain = tf.saved_model.load(tmp_path / "model").signatures["explain"]
    outputs = explain(segments=tf.constant(x), mask=tf.constant(mask))
    np.testing.assert_allclose(outputs["probabilities"][0], 1 / C, atol=1e-6)
    np.testing.assert_array_equal(outputs["segment"], [-1, 0])
    zeros = model.classifier(np.zeros((1, D), "float32"))
    np.testing.assert_allclose(
        outputs["segment_probabilities"][0], keras.ops.softmax(zeros)[0], atol=1e-6
    )


def test_loaded_model_exports(linear_model, tmp_path):
    model = linear_model("lvml")
    model.save(tmp_path / "model.keras")
    export(keras.saving.load_model(tmp_path / "model.keras"), tmp_path / "served")
    assert (tmp_path / "served" / "saved_model.pb").is_file()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_there_is_left_alone(linear_model, tmp_path, kind):
    target = tmp_path / "mine"
    if kind == "folder":
        target.mkdir()
    held = target / "notes.txt" if kind == "folder" else target
    held.write_text("mine")
    with pytest.raises(ValueError, match="is there already, expected a new or empty folder"):
        export(linear_model(), str(target))
    assert held.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [held]


def test_empty_folder_is_filled(linear_model, tmp_path):
    export(linear_model(), tmp_path)
    assert (tmp_path / "saved_model.pb").is_file()


def test_name_of_a_keras_file_is_refused(linear_model, tmp_path):
    with pytest.raises(ValueError, match="expected a folder's name: model.save writes .keras"):
        export(linear_model(), tmp_path / "model.keras")
    assert list(tmp_path.iterdir()) == []


def test_model_of_another_class_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((D,)), keras.layers.Dense(C)])
    with pytest.raises(ValueError, match="is a Sequential, expected a FocusClassifier or a Capt"):
        export(model, tmp_path / "model")


def test_unknown_setting_is_answered_with_the_known_ones(linear_model, tmp_path):
    with pytest.raises(ValueError, match=r"'beam_width' of a FocusClassifier, .* of \['mask', "):
        export(linear_model(), tmp_path / "model", beam_width=3)


def test_model_that_was_not_built_is_refused(tmp_path):
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C))
    with pytest.raises(ValueError, match="the model is not built, expected one that was trained"):
        export(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()
