"""Data of one's own: what its classes are called, splits that are apart, what is measured."""

import dataclasses
import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import attention_zoo as az
from attention_zoo.tasks import BagsTask, MosaicsTask, TextTask
from attention_zoo.training.evaluate import evaluate_run
from attention_zoo.training.measured import floors_of, measured_splits

VECTORS = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
IDS = np.arange(60) % 10
TINY = {"network": "linear", "epochs": 1, "batch_size": 8, "attention": "soft"}


def mosaics(classes=(3, 5, 8), seed=0, num_examples=24, **options):
    """Mosaics of vectors of ten classes."""
    options |= {"num_segments": 3, "num_examples": num_examples, "seed": seed}
    return az.datasets.sdc.from_arrays(VECTORS, IDS, foreground_classes=classes, **options)


def unnamed(source):
    return dataclasses.replace(source, class_names=None)


def without_last(source):
    """The mosaics whose label is not the last class."""
    return source.rows(np.flatnonzero(source.labels < source.labels.max()))


def posts(labels=(0, 1, 2), **options):
    return az.datasets.Posts.from_lists([["a"]] * len(labels), labels, [None] * 3, **options)


def bags(labels=(0, 1, 2), **options):
    instances = [np.full((2, 3), i, "float32") for i in range(len(labels))]
    return az.datasets.Bags.from_lists(instances, labels, **options)


# What the classes are called

SOURCES = {
    "mosaics": (MosaicsTask, mosaics),
    "text": (TextTask, posts),
    "bags": (BagsTask, bags),
}
each_kind = pytest.mark.parametrize("kind", SOURCES)


@each_kind
def test_given_names_are_those_of_the_classes(kind):
    task, make = SOURCES[kind]
    source = make(class_names=["three", "five", "eight"])
    split = task().accept(source.rows([1, 2]), task.config())
    assert split.class_names == split.known_names == ("three", "five", "eight")
    with pytest.raises(ValueError, match=r"^class_names has 2 names"):
        make(class_names=["three", "five"])
    with pytest.raises(ValueError, match="^class_names has 'a' twice, expected distinct names$"):
        make(class_names=["a", "a", "b"])


def test_mosaics_are_named_after_the_labels_that_were_given():
    assert mosaics().class_names == ("3", "5", "8")
    assert mosaics(np.array([8, 3])).class_names == ("8", "3")
    _, info = az.datasets.load("sdc/digits", num_examples=8, foreground_classes=[7, 1])
    assert info.source.class_names == info.class_names == ("7", "1")


@each_kind
def test_classes_without_names_are_called_by_their_ids_and_have_no_names(kind):
    task, make = SOURCES[kind]
    split = task().accept(unnamed(make()), task.config())
    assert split.class_names == ("0", "1", "2") and split.known_names is None


def test_a_model_of_classes_without_names_has_none():
    """So its SavedModel has no label_name that could be taken for a name."""
    task = MosaicsTask()
    config = task.config(**TINY)
    for source, names in ((unnamed(mosaics()), None), (mosaics(), ("3", "5", "8"))):
        splits = {"train": task.accept(source, config)}
        assert task.build(config, splits, task.attention(config)).class_names == names


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(folder, evaluations) of a run on mosaics of the classes 3, 5 and 8, without validation."""
    folder = tmp_path_factory.mktemp("own") / "run"
    data = {"train": mosaics(num_examples=48), "test": without_last(unnamed(mosaics(seed=1)))}
    return folder, az.train("mosaics", folder, data=data, **TINY)


def test_results_and_the_saved_model_name_the_labels_that_were_given(run):
    folder, _ = run
    assert json.loads((folder / "results.json").read_text())["class_names"] == ["3", "5", "8"]
    explain = tf.saved_model.load(folder / "saved_model").signatures["explain"]
    said = explain(segments=tf.constant(mosaics(seed=1).arrays()[0]))
    names = np.array([b"3", b"5", b"8"])
    np.testing.assert_array_equal(said["label_name"], names[said["label"]])


@pytest.mark.parametrize(
    ("other", "classes"),
    [
        (mosaics((8, 5, 3), seed=2), ["8", "5", "3"]),
        (mosaics((3, 8), seed=2), ["3", "8"]),
        (mosaics(class_names=["a", "b", "c"], seed=2), ["a", "b", "c"]),
        (mosaics((3, 5, 8, 9), seed=2), ["3", "5", "8", "9"]),
        (unnamed(mosaics((3, 5, 8, 9), seed=2)), ["0", "1", "2", "3"]),
    ],
)
def test_other_classes_and_another_order_are_refused(run, other, classes, tmp_path):
    def message(name, whose, way_out=""):
        ours, theirs = map(str, (["3", "5", "8"], classes))
        text = f"{name} has the classes {theirs}, expected those of {whose}, {ours}, in this order"
        return f"^{re.escape(text + way_out)}$"

    with pytest.raises(ValueError, match=message("test", "train")):
        az.train("mosaics", tmp_path / "run", data={"train": mosaics(), "test": other}, **TINY)
    assert not (tmp_path / "run").exists()
    renaming = ": where only the names differ, give the data these class_names"
    way_out = renaming if len(classes) <= 3 else ""
    with pytest.raises(ValueError, match=message("mosaics", "the model", way_out)):
        az.tasks.evaluate_finished(run[0], data=other)


def test_data_that_are_called_otherwise_can_be_called_as_the_run_does(run):
    given = {"classes": (3, 5, 8), "seed": 2}
    as_the_run = mosaics(**given, class_names=["3", "5", "8"])
    found = az.tasks.evaluate_finished(run[0], data=as_the_run).scalars()
    assert found == az.tasks.evaluate_finished(run[0], data=mosaics(**given)).scalars()


def test_data_and_settings_of_data_are_not_evaluated_together(run):
    message = "^num_segments is given beside data, expected one of them$"
    with pytest.raises(ValueError, match=message):
        az.tasks.evaluate_finished(run[0], data=mosaics(seed=2), num_segments=3)


@pytest.mark.parametrize(
    "other", [without_last(mosaics(seed=2)), mosaics((3, 5), seed=2), unnamed(mosaics((3, 5)))]
)
def test_the_last_class_may_be_missing(run, other):
    found = az.tasks.evaluate_finished(run[0], data=other)
    model = keras.models.load_model(run[0] / "model.keras")
    expected = az.evaluate(model, other.dataset(256)).scalars()
    assert found.scalars() == pytest.approx(expected, abs=1e-6)


# Bytes, which are scaled, and floats, which are not


def with_numbers(kind, dtype):
    """The `Split` of mosaics or bags of vectors of these numbers, and its task."""
    numbers = np.arange(60 * 4).reshape(60, 4).astype(dtype)
    if kind == "mosaics":
        source = dataclasses.replace(mosaics(), images=numbers)
    else:
        source = az.datasets.Bags.from_lists(numbers.reshape(6, 10, 4), [0, 1] * 3)
    task = SOURCES[kind][0]()
    return task, task.accept(source, task.config())


segments_of = pytest.mark.parametrize(
    ("kind", "segments"), [("mosaics", "images"), ("bags", "instances")]
)


@segments_of
@pytest.mark.parametrize(("train", "test"), [("uint8", "float32"), ("float32", "uint8")])
def test_splits_of_bytes_and_of_floats_are_not_of_one_run(kind, segments, train, test):
    task, first = with_numbers(kind, train)
    _, second = with_numbers(kind, test)
    task.check(task.config(), {"train": first, "test": first})
    message = f"^test has {segments} of {test}, expected {train}, as train: bytes are scaled"
    with pytest.raises(ValueError, match=message) as error:
        task.check(task.config(), {"train": first, "test": second})
    assert "\n" not in str(error.value)


@segments_of
@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        ("uint8", "float32", r"bytes \(uint8\), which the model scales"),
        ("float32", "uint8", "floats, as the model was trained on"),
    ],
)
def test_a_model_of_bytes_or_of_floats_is_evaluated_on_the_same(
    kind, segments, train, test, expected
):
    task, split = with_numbers(kind, train)
    settings = {"network": "linear"} if kind == "mosaics" else {}
    config = task.config(**settings)
    model = task.build(config, {"train": split}, task.attention(config))
    model(next(iter(split.source.dataset(2)))[0], training=True)
    task.check_model(model, split, ())
    message = f"^{split.name} has {segments} of {test}, expected {expected}$"
    with pytest.raises(ValueError, match=message):
        task.check_model(model, with_numbers(kind, test)[1], ())


# Splits that are apart


@each_kind
def test_one_data_set_is_not_two_splits(kind, tmp_path):
    task, make = SOURCES[kind]
    data = {
        "train": make(),
        "validation": make(labels=(2, 1, 0)) if kind != "mosaics" else mosaics(seed=1),
    }
    example = task.words.examples
    with pytest.raises(ValueError, match=f"^test has the same {example} as validation, expected"):
        az.train(kind, tmp_path / "run", data=data | {"test": data["validation"]}, batch_size=2)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("mosaics", {"keep": "accuracy"}),
        ("mosaics", {"keep": "loss", "patience": 1}),
        ("text", {}),
        ("bags", {"keep": "loss"}),
    ],
)
def test_the_best_epoch_needs_validation_examples(kind, settings, tmp_path):
    data = SOURCES[kind][1]()
    with pytest.raises(ValueError, match="^keep is '(accuracy|loss)' without validation examples"):
        az.train(kind, tmp_path / "run", data=data, batch_size=2, **settings)
    assert not (tmp_path / "run").exists()


# What is measured


def sorted_splits(n=300, others=50):
    task = MosaicsTask()
    source = mosaics(num_examples=n)
    source = source.rows(np.argsort(source.labels, kind="stable"))
    test = mosaics(seed=1, num_examples=others)
    return task, {
        k: task.accept(v, task.config()) for k, v in {"train": source, "test": test}.items()
    }


def test_training_examples_are_measured_wherever_they_stand():
    """Sorted by label, the first 50 are of one class."""
    task, splits = sorted_splits()
    found = measured_splits(task, splits, seed=0)
    assert list(found) == ["train", "test"] and found["test"] is splits["test"]
    labels, whole = found["train"].source.labels, splits["train"].source.labels
    assert len(labels) == 50 and (np.diff(labels) >= 0).all()  # in their order
    shares = np.bincount(labels) / 50
    # Each is that of 50 of 300 without replacement: 5 of its standard deviations, 0.061.
    np.testing.assert_allclose(shares, np.bincount(whole) / 300, atol=0.31)
    assert (shares > 0).all()
    assert len(np.unique(found["train"].source.table, axis=0)) > 45  # each at most once
    again, other = (measured_splits(task, splits, seed=s)["train"].source for s in (0, 1))
    assert again.fingerprint() == found["train"].source.fingerprint() != other.fingerprint()


def test_floors_are_of_the_examples_that_are_measured():
    task, splits = sorted_splits()
    measured = measured_splits(task, splits, seed=0)
    most_frequent = np.bincount(splits["train"].source.labels).argmax()
    found = floors_of(task, measured, splits["train"])
    assert list(found) == ["train", "test"]
    for name, split in measured.items():
        assert found[name]["accuracy"] == np.mean(split.source.labels == most_frequent)


def test_all_training_examples_are_measured_where_there_are_no_others():
    task, splits = sorted_splits()
    del splits["test"]
    assert measured_splits(task, splits, seed=0) == splits
    assert (
        measured_splits(type("Few", (MosaicsTask,), {"measured": ("test",)})(), splits, 0) == splits
    )


@pytest.mark.usefixtures("no_saved_model")
def test_a_run_on_training_examples_alone_has_their_figures(tmp_path):
    source = mosaics()
    found = az.train("mosaics", tmp_path / "run", data=source, **TINY)
    assert list(found) == ["train"]
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["num_examples"] == {"train": 24} and results["floors"].keys() == {"train"}
    with pytest.raises(ValueError, match="was trained on data of your own, expected them as data$"):
        evaluate_run(MosaicsTask(), tmp_path / "run", split="train", num_segments=3)


@pytest.mark.parametrize("shape", [(4, 4, 1), (4, 4, 3), (4, 4, 2)])
@pytest.mark.usefixtures("no_saved_model")
def test_images_of_any_numbers_are_drawn_where_they_are_pictures(shape, tmp_path):
    """Standardised ones go below 0; two channels are no colours."""
    images = np.random.default_rng(0).normal(size=(60, *shape)).astype("float32")
    data = az.datasets.sdc.from_arrays(
        images, IDS, foreground_classes=(3, 5), num_segments=3, num_examples=24
    )
    az.train("mosaics", tmp_path / "run", data={"train": data}, **TINY)
    is_drawn = shape[2] != 2
    assert (tmp_path / "run" / "mosaics.png").exists() == is_drawn
    examples = json.loads((tmp_path / "run" / "examples.json").read_text())
    assert ("pictures" in examples["best"][0]) == is_drawn
