"""Every task in small, and that of an example: what the contract is tested on."""

import importlib
import json
import sys
from pathlib import Path

import keras
import pytest

import attention_zoo as az
from attention_zoo.metrics import captions as scores
from attention_zoo.training import run as run_module

OWN = Path(__file__).parent / "own"
TINY = {"epochs": 2, "batch_size": 16, "steps_per_call": 1, "checkpoint_steps": 1}


@pytest.fixture(scope="module", autouse=True)
def without_java():
    """METEOR takes some ten seconds of a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "_has_java", lambda: False)
        yield


@pytest.fixture(scope="session")
def encoder(tmp_path_factory):
    """The path of an encoder of 2 × 2 regions: the mean colours, as they are and mixed."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(keras.layers.AveragePooling2D(16)(inputs))
    x = keras.layers.Concatenate()([x, keras.layers.Conv2D(5, 1, activation="relu")(x)])
    path = tmp_path_factory.mktemp("encoder") / "encoder.keras"
    keras.Model(inputs, x).save(path)
    return str(path)


@pytest.fixture(scope="session")
def tiny(hatexplain_dir, coco_dir, encoder):
    """(task) -> its settings of a run of seconds."""
    captions = {
        "data_dir": str(coco_dir),
        "encoder": encoder,
        "image_size": 32,
        "max_words": 5,
        "max_length": 6,
        "units": 8,
        "embedding_size": 8,
        "attention_units": 4,
        "beam_width": 2,
        "train_split": "train[:16]",
        "validation_split": "train[48:]",
    }
    text = {"data_dir": str(hatexplain_dir), "subwords": 50, "embedding_size": 8}
    own = {
        "mosaics": {"num_examples": 64, "num_test_examples": 48, "network": "linear"},
        "text": text,
        "captions": captions,
        "coins": {},
        "bags": {"num_examples": 64, "num_test_examples": 24},
    }
    return {name: TINY | settings for name, settings in own.items()}


@pytest.fixture(scope="session")
def task_of(load_example):
    """(name) -> what `az.train` is given."""
    own_task = load_example("own_task")
    return lambda name: own_task.CoinsTask() if name == "coins" else name


@pytest.fixture(scope="session")
def finished(tiny, task_of, tmp_path_factory):
    """(task) -> the folder and the evaluations of a finished run, made once."""
    made = {}

    def of(name):
        if name not in made:
            workdir = tmp_path_factory.mktemp("runs") / name
            made[name] = workdir, az.train(task_of(name), workdir, **tiny[name])
        return made[name]

    return of


@pytest.fixture(scope="session")
def weights():
    """(workdir) -> those of a run's model and of its optimizer."""

    def read(workdir):
        model = keras.models.load_model(workdir / "model.keras")
        return [variable.numpy() for variable in [*model.weights, *model.optimizer.variables]]

    return read


@pytest.fixture
def models_alone(monkeypatch):
    """Runs end with model.keras and what training found, in results.json: nothing is measured."""

    def write(task, model, folder, config, splits, measured, facts, floors):
        folder.write("model.keras", model.save)
        folder.write_text("results.json", json.dumps(facts))

    monkeypatch.setattr(run_module, "evaluate_and_write", write)


@pytest.fixture
def not_imported(monkeypatch):
    """The task's module can be imported, and nobody has yet."""
    monkeypatch.syspath_prepend(str(OWN))
    monkeypatch.delitem(sys.modules, "sensors", raising=False)
    yield
    sys.modules.pop("sensors", None)


@pytest.fixture
def sensors(not_imported):
    """The task's module."""
    return importlib.import_module("sensors")


@pytest.fixture(scope="module")
def sensors_run(tmp_path_factory):
    """The folder of a finished run, by the path of the class."""
    workdir = tmp_path_factory.mktemp("runs") / "sensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(OWN))
        az.train("sensors:SensorsTask", workdir)
    sys.modules.pop("sensors")
    return workdir
