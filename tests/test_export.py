"""SavedModels, loaded where there is nothing but TensorFlow."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from attention_zoo.export import export
from attention_zoo.models import FocusClassifier

M, D, C = 3, 4, 3
ATTENTIONS = ["soft", "hard", "lvml", "gumbel", "reinforce", "hybrid"]
SERVE = """
import pathlib, sys
import numpy as np, tensorflow as tf

folder = pathlib.Path(sys.argv[1])
data = np.load(folder / "inputs.npz")
for path in sorted(folder.glob("*_model")):
    name = path.name.removesuffix("_model")
    signatures = tf.saved_model.load(path).signatures
    for size in (1, 5):
        inputs = {"segments": data[f"{name}_segments"][:size]}
        if f"{name}_mask" in data:
            inputs["mask"] = data[f"{name}_mask"][:size]
        inputs = {key: tf.constant(value) for key, value in inputs.items()}
        for signature in ("serving_default", "explain"):
            outputs = signatures[signature](**inputs)
            outputs = {key: value.numpy() for key, value in outputs.items()}
            np.savez(folder / f"{name}_{signature}_{size}.npz", **outputs)
assert "attention_zoo" not in sys.modules  # TensorFlow imports Keras itself
"""


@pytest.fixture(scope="module")
def models():
    """One of every kind, by name, and the segments (and mask) to serve."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)

    def dense():
        return keras.layers.Dense(1), keras.layers.Dense(C)

    def images():
        cnn = keras.Sequential([keras.layers.Conv2D(2, 2), keras.layers.Flatten()])
        return FocusClassifier(*dense(), encoder=layers.PerSegment(cnn), inference="marginal")

    x = rng.normal(size=(5, M, D)).astype("float32")
    half = [keras.layers.Dense(n, dtype="mixed_bfloat16") for n in (1, C)]
    words = keras.layers.Embedding(9, D, mask_zero=True)
    tokens = np.float32([[3, 1, 0, 0], [2, 5, 8, 0], [1, 0, 0, 0], [4, 4, 4, 4], [7, 6, 0, 0]])
    kinds = {name: (FocusClassifier(*dense(), name), x) for name in ATTENTIONS}
    kinds |= {
        "images": (images(), rng.normal(size=(5, M, 3, 3, 1)).astype("float32")),
        "half": (FocusClassifier(*half, "lvml", dtype="mixed_bfloat16"), x),
        "words": (FocusClassifier(*dense(), encoder=words), tokens),
        "masked": (
            FocusClassifier(*dense(), "lvml"),
            {"segments": x, "mask": rng.random((5, M)) < 0.7},
        ),
    }
    return kinds


@pytest.fixture(scope="module")
def served(models, tmp_path_factory):
    """The folder of what a process that knows TensorFlow alone made of the exported models."""
    folder = tmp_path_factory.mktemp("served")
    data = {}
    for name, (model, inputs) in models.items():
        model(inputs)
        export(model, folder / f"{name}_model")
        parts = inputs if isinstance(inputs, dict) else {"segments": inputs}
        data |= {f"{name}_{key}": value for key, value in parts.items()}
    np.savez(folder / "inputs.npz", **data)
    command = [sys.executable, "-c", SERVE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return folder


KINDS = [*ATTENTIONS, "images", "half", "words", "masked"]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("signature", ["serving_default", "explain"])
def test_served_numbers_are_the_models(models, served, name, size, signature):
    model, inputs = models[name]
    outputs = np.load(served / f"{name}_{signature}_{size}.npz")
    expected = model(keras.tree.map_structure(lambda x: x[:size], inputs))
    q, a = np.asarray(expected["label"]), np.asarray(expected["focus"])
    atol = 1e-2 if name == "half" else 1e-5
    np.testing.assert_allclose(outputs["probabilities"], np.exp(q), atol=atol)
    np.testing.assert_allclose(outputs["probabilities"].sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(outputs["label"], outputs["probabilities"].argmax(axis=1))
    assert set(outputs) == {"probabilities", "label"} | (
        {"focus", "segment"} if signature == "explain" else set()
    )
    if signature == "explain":
        np.testing.assert_allclose(outputs["focus"], a, atol=atol)
        np.testing.assert_array_equal(outputs["segment"], outputs["focus"].argmax(axis=1))


def test_trained_model_serves_its_trained_weights(linear_model, tmp_path):
    model = linear_model("hybrid")
    x = np.random.default_rng(0).normal(size=(5, M, D)).astype("float32")
    model.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    model.fit(x, np.arange(5) % C, verbose=0)
    export(model, tmp_path / "model")
    served = tf.saved_model.load(tmp_path / "model").signatures["serving_default"](segments=x)
    expected = np.exp(model.predict_on_batch(x)["label"])
    np.testing.assert_allclose(served["probabilities"], expected, atol=1e-6)


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


def test_loaded_model_exports(linear_model, tmp_path):
    model = linear_model("lvml")
    model.save(tmp_path / "model.keras")
    export(keras.saving.load_model(tmp_path / "model.keras"), tmp_path / "served")
    assert (tmp_path / "served" / "saved_model.pb").is_file()


def test_model_that_was_not_built_is_refused(tmp_path):
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C))
    with pytest.raises(ValueError, match="the model is not built, expected one that was trained"):
        export(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()
