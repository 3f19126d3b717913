"""A task of one's own: what it need not have, and its data."""

import json

import numpy as np
import pytest

import attention_zoo as az


def read(workdir, name):
    return json.loads((workdir / name).read_text())


def test_what_a_task_does_not_know_of_its_data_it_need_not_know(sensors_run):
    results = read(sensors_run, "results.json")
    assert results["num_examples"] == {"train": 32, "validation": 32, "test": 32}
    assert results["collapsed_epoch"] is None and "floors" not in results
    assert 0 <= results["test"]["marginal_accuracy"] <= 1
    assert "focus_accuracy" not in results["test"]
    assert (sensors_run / "report.html").exists() and (sensors_run / "calibration.png").exists()


def test_labels_alone_give_a_floor(sensors):
    class Labelled(sensors.SensorsTask):
        def labels(self, split):
            return split.source.y

    task = Labelled()
    splits = task.load(task.config())
    y, most = splits["test"].source.y, np.bincount(splits["train"].source.y).argmax()
    assert task.floors(splits, splits["train"])["test"] == {"accuracy": np.mean(y == most)}


def test_floors_that_fail_do_so_before_training(sensors, tmp_path):
    class Failing(sensors.SensorsTask):
        def floors(self, splits, training):
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


def test_data_of_another_type_are_refused_in_a_line(sensors, sensors_run, tmp_path):
    message = r"^data is a ndarray, expected datasets\.Examples, or a datasets\.Split of them$"
    with pytest.raises(ValueError, match=message):
        az.train(sensors.SensorsTask(), tmp_path / "run", data=np.zeros((8, 4, 3)))
    with pytest.raises(ValueError, match=message):
        az.tasks.evaluate_finished(sensors_run, data=np.zeros((8, 4, 3)))
    assert not (tmp_path / "run").exists()


def test_an_accept_that_gives_no_split_is_told_so(sensors, tmp_path):
    class Careless(sensors.SensorsTask):
        def accept(self, data, config):
            return data

    with pytest.raises(ValueError, match="^train is a Recordings, expected a datasets.Split$"):
        az.train(Careless(), tmp_path / "run", data=sensors.recordings(48, 7))


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
    found = task.floors({"train": split}, split)["train"]["accuracy"]
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


def test_other_data_than_the_runs_are_said_as_the_task_has_them(sensors, sensors_run, monkeypatch):
    monkeypatch.setattr(sensors, "recordings", lambda n, i, make=sensors.recordings: make(n, i + 9))
    with pytest.raises(ValueError, match="expected the same, or others as data$"):
        az.tasks.evaluate_finished(sensors_run, task=sensors.SensorsTask())
