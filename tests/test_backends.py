"""What other backends lack says so in a line, and what they read of one another's files."""

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo import _lazy, _tensorflow
from attention_zoo.models.attention_model import portable

OTHER = keras.backend.backend() != "tensorflow"


def test_missing_tensorflow_is_one_line():
    with pytest.raises(ImportError, match="^az.x needs tensorflow, which is not") as error:  # noqa: SIM117
        with _lazy.needed_for("az.x"):
            raise ModuleNotFoundError("No module named 'tensorflow.io'", name="tensorflow.io")
    assert "\n" not in str(error.value)


def test_another_missing_module_stays_what_it_is():
    with pytest.raises(ModuleNotFoundError, match="^no aiohttp$"), _lazy.needed_for("az.x"):
        raise ModuleNotFoundError("no aiohttp", name="aiohttp")


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_what_runs_on_tensorflow_alone_says_so(monkeypatch, name):
    monkeypatch.setattr(keras.backend, "backend", lambda: name)
    with pytest.raises(RuntimeError, match=f"alone, and Keras runs on {name}, expected KERAS_BACK"):
        _tensorflow.require_backend("export")


@pytest.mark.skipif(not OTHER, reason="TensorFlow has these")
def test_tasks_and_exported_models_are_refused_here(tmp_path):
    model = az.FocusClassifier.from_preset("sdc_digits_hybrid")
    with pytest.raises((RuntimeError, ImportError), match="TensorFlow|tensorflow"):
        az.export(model, tmp_path / "model")
    with pytest.raises((RuntimeError, ImportError), match="TensorFlow|tensorflow"):
        az.train("mosaics", tmp_path / "run")


def test_pytorchs_optimizers_are_saved_by_their_public_names():
    adam = {
        "module": "keras.src.backend.torch.optimizers.torch_adam",
        "class_name": "Adam",
        "config": {"beta_1": 0.9},
        "registered_name": "Adam",
    }
    public = {"module": "keras.optimizers", "registered_name": None}
    assert portable({"optimizer": [adam]}) == {"optimizer": [adam | public]}
    assert portable((1, "a", None)) == (1, "a", None)


def test_a_compiled_model_names_a_public_optimizer():
    model = az.FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(2))
    model.compile(keras.optimizers.SGD(0.1))
    assert model.get_compile_config()["optimizer"]["module"] == "keras.optimizers"


def test_every_name_of_the_contents_page_is_found_or_missed_in_a_line():
    for package in (az, az.datasets):
        for name in package.__all__:
            try:
                assert getattr(package, name) is not None
            except ImportError as error:
                assert OTHER and "needs tensorflow" in str(error)  # noqa: PT017


def test_mosaics_are_arrays():
    images = np.random.default_rng(0).integers(0, 256, (10, 2, 2, 1)).astype("uint8")
    mosaics = az.datasets.sdc.from_arrays(
        images, np.arange(10) % 2, foreground_classes=[0], num_segments=3, num_examples=4
    )
    segments, targets = mosaics.arrays()
    np.testing.assert_allclose(segments, images[mosaics.table] / 127.5 - 1.0, atol=1e-6)
    assert targets is not mosaics.targets and targets.keys() == {"label", "focus"}
    assert all(type(x) is np.ndarray for x in (mosaics.images, mosaics.table, *targets.values()))
