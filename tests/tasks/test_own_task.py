"""A task of one's own: what it need not have, its data, and how commands know it."""

import dataclasses
import importlib
import json
import subprocess
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.tasks import registry
from attention_zoo.trainers import evaluate, sweep
from attention_zoo.training import run as run_module
from attention_zoo.training import sweep as sweeps
from attention_zoo.training import task_path

OWN = Path(__file__).parent / "own"
PATH = "sensors:SensorsTask"


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
def run(tmp_path_factory):
    """The folder of a finished run, by the path of the class."""
    workdir = tmp_path_factory.mktemp("runs") / "sensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(OWN))
        az.train(PATH, workdir)
    sys.modules.pop("sensors")
    return workdir


def read(workdir, name):
    return json.loads((workdir / name).read_text())


def test_what_a_task_does_not_know_of_its_data_it_need_not_know(run):
    results = read(run, "results.json")
    assert results["num_examples"] == {"train": 32, "validation": 32, "test": 32}
    assert results["collapsed_epoch"] is None and "floors" not in results
    assert 0 <= results["test"]["marginal_accuracy"] <= 1
    assert "focus_accuracy" not in results["test"]
    assert (run / "report.html").exists() and (run / "calibration.png").exists()


def test_labels_alone_give_a_floor(sensors):
    class Labelled(sensors.SensorsTask):
        def labels(self, split):
            return split.source.y

    task = Labelled()
    splits = task.load(task.config())
    y, most = splits["test"].source.y, np.bincount(splits["train"].source.y).argmax()
    assert task.floors(splits)["test"] == {"accuracy": np.mean(y == most)}


def test_floors_that_fail_do_so_before_training(sensors, tmp_path):
    class Failing(sensors.SensorsTask):
        def floors(self, splits):
            raise ValueError("there are no floors, expected some")

    with pytest.raises(ValueError, match="^there are no floors, expected some$"):
        az.train(Failing(), tmp_path)
    assert not (tmp_path / "metrics.csv").exists()


def test_examples_of_ones_own_are_data(sensors, tmp_path):
    data = {"train": sensors.recordings(48, 7), "test": sensors.recordings(32, 8)}
    found = az.train(sensors.SensorsTask(), tmp_path, data=data)["test"].scalars()
    again = az.tasks.evaluate_finished(tmp_path, data=data["test"])
    assert again.scalars() == pytest.approx(found, abs=1e-6)


def test_classes_without_names_have_their_numbers(sensors):
    class Labelled(sensors.Recordings):
        class_names = None
        labels = property(lambda self: self.y)

    given = sensors.recordings(32, 7)
    split = sensors.SensorsTask().accept(Labelled(given.x, given.y), None)
    assert split.class_names == ("0", "1") and split.name == "sensors"


def test_files_and_folders_that_settings_name_are_told_apart(sensors, tmp_path):
    class Filed(sensors.SensorsTask):
        file_settings = ("initial_weights",)

    def found(path):
        return Filed().fingerprints(sensors.SensorsConfig(initial_weights=path), {})

    file, folder = tmp_path / "file", tmp_path / "folder"
    folder.mkdir()
    seen = []
    for content in ("a", "b"):
        for path in (file, folder / "part"):
            path.write_text(content)
        seen += [found(str(file)), found(str(folder))]
    (folder / "part").rename(folder / "other")
    seen.append(found(str(folder)))
    assert len({one["initial_weights"] for one in seen}) == 5
    assert found(None) == found("a_handle") == {}


def test_data_of_another_type_are_refused_in_a_line(sensors, run, tmp_path):
    message = r"^data is a ndarray, expected datasets\.Examples, or a datasets\.Split of them$"
    with pytest.raises(ValueError, match=message):
        az.train(sensors.SensorsTask(), tmp_path / "run", data=np.zeros((8, 4, 3)))
    with pytest.raises(ValueError, match=message):
        az.tasks.evaluate_finished(run, data=np.zeros((8, 4, 3)))
    assert not (tmp_path / "run").exists()


def test_an_accept_that_gives_no_split_is_told_so(sensors, tmp_path):
    class Careless(sensors.SensorsTask):
        def accept(self, data, config):
            return data

    with pytest.raises(ValueError, match="^train is a Recordings, expected a datasets.Split$"):
        az.train(Careless(), tmp_path / "run", data=sensors.recordings(48, 7))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "nowhere:Task",
            "whose module cannot be imported .No module named 'nowhere'., expected .*:Class of a "
            "module that is installed or, for a command, in the present folder$",
        ),
        ("sensors:Nothing", "expected the path of a class that inherits from Task$"),
        ("sensors:recordings", "expected the path of a class that inherits from Task$"),
        ("attention_zoo.tasks:Task", "which cannot be made .*abstract.*, expected a class that"),
        ("sensors", "expected one of .*'bags', .*, package.module:Class or a Task$"),
        ("sensors:Task; x", "expected one of"),
    ],
)
@pytest.mark.usefixtures("not_imported")
def test_a_path_that_is_none_of_a_task_is_refused_in_a_line(path, message):
    with pytest.raises(ValueError, match=f"^task is {path!r}, {message}") as error:
        registry.get(path)
    assert "\n" not in str(error.value)


def test_a_run_of_a_class_that_is_imported_is_evaluated_by_itself(run, sensors):
    assert read(run, "about.json")["class"] == PATH
    assert az.tasks.evaluate_finished(run).num_examples == 32


@pytest.mark.usefixtures("not_imported")
def test_another_process_is_told_to_name_the_task(run):
    with pytest.raises(ValueError, match=f"of your own, 'sensors', .*: expected --task={PATH}, or"):
        az.tasks.evaluate_finished(run)
    assert "sensors" not in sys.modules
    assert az.tasks.evaluate_finished(run, task=PATH).num_examples == 32


@pytest.mark.parametrize(
    "about",
    [
        {"task": "hostile:Task"},
        {"task": "sensors", "class": "hostile:Task"},
        {"task": "mosaics", "class": "hostile:Task"},
        {"task": "sensors", "class": "hostile"},
        {"task": "sensors", "class": "os:system"},
    ],
)
def test_a_folder_has_nothing_imported(run, tmp_path, monkeypatch, about):
    (tmp_path / "hostile.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("config.json", "results.json"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    (tmp_path / "about.json").write_text(json.dumps(about))
    with pytest.raises(ValueError, match="no folder is trusted to say what is imported"):
        az.tasks.evaluate_finished(tmp_path)
    assert "hostile" not in sys.modules


def test_what_is_imported_and_no_task_is_none():
    for path in ("os:system", "json:loads", "attention_zoo:__name__", "nowhere:X", None, ":", ""):
        assert task_path.imported_task(path) is None


def test_a_class_of_the_script_that_runs_has_the_path_of_an_import(sensors, monkeypatch):
    class Here(sensors.SensorsTask):
        __module__, __qualname__ = "__main__", "Here"

    script = types.ModuleType("__main__")
    script.Here, script.__file__ = Here, "/somewhere/script.py"
    monkeypatch.setitem(sys.modules, "__main__", script)
    for spec, path in ((None, "script:Here"), (types.SimpleNamespace(name="a.b"), "a.b:Here")):
        script.__spec__ = spec
        assert task_path.path_of(Here) == path
        assert type(task_path.imported_task(path)) is Here


def test_the_command_evaluates_a_run_of_a_task_in_the_present_folder(run, monkeypatch, capsys):
    monkeypatch.chdir(OWN)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "sensors", raising=False)
    given = {"data_dir": None, "test_split": None}
    evaluate.main(run=str(run), task=PATH, split="validation", **given)
    assert capsys.readouterr().out.startswith("validation: 32 examples")
    sys.modules.pop("sensors")


@pytest.mark.usefixtures("not_imported")
def test_the_sweep_command_has_the_flags_of_the_task(capsys):
    command = sweep.program([f"--task={PATH}", "--gain=1,2", "--dry_run"])
    assert "--gain: Of the sensors; 2 if unset." in command.usage()
    assert "--protocol" not in command.usage() and "Recordings:" in command.usage()
    texts = dict.fromkeys(("epochs", "seed"), None) | {"gain": "1,2"}
    command.main(task=PATH, folder="runs", workers=1, only=None, dry_run=True, **texts)
    assert capsys.readouterr().out == "0 gain=1.0\n1 gain=2.0\n"
    assert "--gain" not in sweep.program(["--task"]).usage()  # said where flags are read
    with pytest.raises(ValueError, match="^task is 'sensors', expected one of .*:Class$"):
        sweep.COMMAND.main(task="sensors", folder="", workers=1, only=None, dry_run=True)


def test_a_finished_sweep_of_settled_settings_is_finished(sensors, tmp_path, monkeypatch):
    ran = []

    def run(function, workdir, settings, log, threads, stop):
        ran.append(workdir.name)
        function(str(workdir), **settings)
        return ""

    monkeypatch.setattr(sweeps, "run_in_process", run)
    for _ in range(2):
        assert az.sweep(sensors.SensorsTask(), tmp_path, {"seed": [0]}) == {"seed=0": ""}
    assert ran == ["seed=0"] and read(tmp_path / "seed=0", "config.json")["gain"] == 2.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"attention": az.layers.LVMLAttention()}, "attention of a sweep is a LVMLAttention, expe"),
        ({"optimizer": 3}, "optimizer of a sweep is a int, expected a name: every run is a proc"),
        ({"data": np.zeros(3)}, "data is given to a sweep, expected settings alone: every run"),
        ({"callbacks": []}, "callbacks is given to a sweep, expected settings alone: every run"),
    ],
)
def test_what_a_process_of_its_own_cannot_have_is_refused(sensors, tmp_path, given, message):
    ((name, value),) = given.items()
    for grid, settings in (({"seed": [0]}, given), ({name: [value]}, {})):
        with pytest.raises(ValueError, match=f"^{message}"):
            az.sweep(sensors.SensorsTask(), tmp_path / "s", grid, **settings)
    assert not (tmp_path / "s").exists()


def test_a_task_without_a_name_is_told_so(sensors, tmp_path):
    class Bare(az.tasks.Task):
        load = build = evaluate = None

    with pytest.raises(ValueError, match="^task is a Bare without a name, expected the class to h"):
        az.train(Bare(), tmp_path / "run")


@pytest.mark.parametrize("names", [np.array(["calm", "storm"]), ["calm", "storm"], np.array([])])
def test_names_of_classes_are_any_sequence(sensors, names):
    given = sensors.recordings(32, 7)
    object.__setattr__(given, "class_names", names)
    assert az.tasks.Task.accept(sensors.SensorsTask(), given, None).class_names == tuple(names)


def labelled(sensors, labels):
    class Labelled(sensors.Recordings):
        class_names = None

    given = sensors.recordings(32, 7)
    made = Labelled(given.x, given.y)
    object.__setattr__(made, "labels", labels(given.y))
    return made


def test_labels_may_be_a_list(sensors, tmp_path):
    task, source = sensors.SensorsTask(), labelled(sensors, np.ndarray.tolist)
    split = task.accept(source, None)
    assert split.class_names == ("0", "1") and split.known_names is None
    found = task.floors({"train": split})["train"]["accuracy"]
    assert found == np.bincount(source.y).max() / 32
    results = az.train(task, tmp_path / "run", data=source)
    assert results["train"].num_examples == 32


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (lambda y: np.eye(2, dtype="float32")[y], r"float32 \(32, 2\)"),
        (lambda y: y + 0.5, r"float64 \(32,\)"),
    ],
)
def test_labels_that_are_no_ids_are_said_in_a_line(sensors, tmp_path, labels, said):
    with pytest.raises(ValueError, match=f"^labels are {said}, expected class ids from 0, integ"):
        az.train(sensors.SensorsTask(), tmp_path / "run", data=labelled(sensors, labels))
    assert not (tmp_path / "run").exists()


def test_labels_that_the_task_alone_knows_name_the_classes(sensors):
    class Knowing(sensors.SensorsTask):
        def labels(self, split):
            return split.source.y

    given = sensors.recordings(32, 7)
    object.__setattr__(given, "class_names", None)
    assert Knowing().accept(given, None).class_names == ("0", "1")


def test_a_run_on_data_of_ones_own_asks_for_them(sensors, tmp_path):
    """The task has no setting that says which data."""
    data = {"train": sensors.recordings(48, 7), "test": sensors.recordings(32, 8)}
    az.train(sensors.SensorsTask(), tmp_path, data=data)
    message = f"^run {tmp_path} was trained on data of your own, expected them as data$"
    with pytest.raises(ValueError, match=message):
        az.tasks.evaluate_finished(tmp_path)


def test_other_data_than_the_runs_are_said_as_the_task_has_them(sensors, run, monkeypatch):
    monkeypatch.setattr(sensors, "recordings", lambda n, i, make=sensors.recordings: make(n, i + 9))
    with pytest.raises(ValueError, match="expected the same, or others as data$"):
        az.tasks.evaluate_finished(run, task=sensors.SensorsTask())


@pytest.mark.slow
def test_the_commands_run_a_task_in_the_present_folder(tmp_path):
    """From start to end, in processes of their own: a sweep's jobs have others again."""

    def command(name, *flags):
        line = [sys.executable, "-m", f"attention_zoo.trainers.{name}", f"--task={PATH}", *flags]
        done = subprocess.run(line, capture_output=True, text=True, cwd=OWN, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "2 of 2 runs done" in command("sweep", f"--folder={tmp_path}", "--seed=0:2")
    assert command("evaluate", f"--run={tmp_path}/seed=1").startswith("test: 32 examples")


@keras.saving.register_keras_serializable(package="test_own_task")
class Mean(keras.Model):
    """A model without attention, which knows its loss."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(2)

    def build(self, input_shape):
        self.dense.build((None, input_shape[-1]))
        self.built = True

    def call(self, x):
        return self.dense(keras.ops.mean(x, axis=1))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(
            keras.losses.sparse_categorical_crossentropy(y, y_pred, from_logits=True)
        )


def test_a_class_that_keras_could_not_find_again_is_refused_before_training(sensors, tmp_path):
    class Unknown(Mean):
        """Registered nowhere."""

    class Means(sensors.SensorsTask):
        def build(self, config, splits, attention):
            model = Unknown()
            model.build((None, 4, 3))
            return model

    with pytest.raises(ValueError, match="^the model is a Unknown, which Keras does not know when"):
        az.train(Means(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@dataclasses.dataclass
class Right:
    share: float

    def scalars(self):
        return {"right": self.share}

    def table(self):
        return f"{self.share:.1%} right"


def test_a_model_of_another_kind_has_a_run_too(sensors, tmp_path):
    class MeanTask(az.tasks.Task):
        name = "means"
        config = sensors.SensorsConfig
        load = sensors.SensorsTask.load

        def build(self, config, splits, attention):
            model = Mean()
            model.build((None, 4, 3))
            return model

        def evaluate(self, model, split, config):
            y = model.predict(split.source.x, verbose=0).argmax(axis=-1)
            return Right(float(np.mean(y == split.source.y)))

    settings = {"attention": "soft", "epochs": 12, "learning_rate": 1.0, "keep": "loss"}
    found = az.train(MeanTask(), tmp_path, **settings)
    assert found["test"].scalars()["right"] > 0.9
    assert az.tasks.evaluate_finished(tmp_path, task=MeanTask()).table().endswith("% right")
    assert (tmp_path / "saved_model").is_dir() and (tmp_path / "report.html").exists()


@pytest.fixture
def flat(sensors):
    """A task whose model is compiled with a loss and metrics."""

    class FlatTask(az.tasks.Task):
        name = "flat"
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        config = sensors.SensorsConfig
        load = sensors.SensorsTask.load

        def build(self, config, splits, attention):
            layers = keras.Input((4, 3)), keras.layers.Flatten(), keras.layers.Dense(2)
            model = keras.Sequential([*layers])
            model.compile(loss=self.loss, metrics=["accuracy"])
            return model

        def evaluate(self, model, split, config):
            found = model.evaluate(split.source.x, split.source.y, verbose=0, return_dict=True)
            return Right(found["accuracy"])

    return FlatTask()


def test_a_compiled_model_keeps_its_loss_and_metrics(flat, tmp_path):
    settings = {"attention": "soft", "epochs": 12, "learning_rate": 1.0, "keep": "loss"}
    found = az.train(flat, tmp_path, **settings)["test"].scalars()
    assert found["right"] > 0.9
    columns = (tmp_path / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(columns)
    assert az.tasks.evaluate_finished(tmp_path, task=flat).scalars() == found


def test_a_loss_that_keras_could_not_find_again_is_refused_before_training(flat, tmp_path):
    flat.loss = lambda y, q: keras.losses.sparse_categorical_crossentropy(y, q, from_logits=True)
    flat.loss.__name__ = "of_mine"
    with pytest.raises(ValueError, match="^the model was compiled with a loss or metric that Ker"):
        az.train(flat, tmp_path / "run", keep="loss")
    assert not (tmp_path / "run").exists()


def test_a_compiled_focus_classifier_keeps_its_metrics(sensors):
    class Compiled(sensors.SensorsTask):
        def build(self, *arguments):
            model = super().build(*arguments)
            model.compile(metrics=["sparse_categorical_accuracy"])
            return model

    task = Compiled()
    model = run_module.build_model(task, task.config(), task.load(task.config()))
    model.evaluate(*(np.zeros((2, 4, 3), "float32"), np.zeros(2, int)), verbose=0)
    assert any("sparse_categorical_accuracy" in name for name in model.get_metrics_result())
