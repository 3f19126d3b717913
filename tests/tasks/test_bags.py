"""Bags: from a folder of slides to a heat map, class weights, what is refused."""

import dataclasses
import functools
import json
import shutil
import tracemalloc

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from matplotlib import image
from support.bags import TINY, bags_of_vectors, write_csv

import attention_zoo as az
from attention_zoo._errors import one_line
from attention_zoo.datasets import registry
from attention_zoo.models.networks.bags import SCORES
from attention_zoo.models.networks.standardize import moments
from attention_zoo.tasks.bags.config import BagsConfig
from attention_zoo.tasks.bags.task import BagsTask, class_weights
from attention_zoo.training.evaluate import evaluate_run


@pytest.fixture(scope="module")
def slides_dir(load_example, tmp_path_factory):
    """24 made-up slides of 12 patients."""
    folder = tmp_path_factory.mktemp("slides")
    load_example("made_up_slides").main(folder, slides=24)
    return folder


@pytest.fixture(scope="module")
def slides_run(slides_dir, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "slides"
    settings = {"dataset": "bags/slides", "data_dir": str(slides_dir), "folds": 3, "epochs": 15}
    found = az.train("bags", workdir, validation=0.0, batch_size=2, **settings)
    return workdir, found


def test_from_slides_to_auc_heat_map_and_saved_model(slides_run, slides_dir):
    workdir, found = slides_run
    assert found["test"].by_way["soft"]["auroc"] > 0.9
    results = json.loads((workdir / "results.json").read_text())
    assert results["num_examples"]["test"] == 8 and results["class_names"] == ["normal", "tumour"]
    picture = image.imread(workdir / "heat_maps.png")
    assert picture.shape[1] == 900
    page = (workdir / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 2  # heat maps, and calibration
    assert "Attention on the first test bags" in page and "AUROC" in page
    saved = tf.saved_model.load(workdir / "saved_model").signatures["explain"]
    info = az.datasets.load("bags/slides", data_dir=str(slides_dir))[1]
    segments, mask, _, _ = info.source.padded([1, 2])
    m = segments.shape[1]
    said = saved(segments=tf.constant(segments), mask=tf.constant(mask))
    assert said["label_name"].numpy().tolist() == [b"tumour", b"normal"]
    assert said["focus"].shape == (2, m) and np.all(said["focus"].numpy()[~mask] == 0.0)


def test_slides_of_another_width_are_refused_by_a_run(slides_run, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["features"] = np.ones((3, 7))
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["features"] = np.ones((3, 7))
    (tmp_path / "labels.csv").write_text("slide,label,split\na,normal,train\nb,tumour,test\n")
    message = r"^bags/slides has instances of shape \(7,\), expected those of the model, \(32,\)$"
    with pytest.raises(ValueError, match=message):
        evaluate_run(BagsTask(), slides_run[0], data_dir=str(tmp_path), folds=None)


@pytest.mark.usefixtures("no_saved_model")
def test_other_bags_are_evaluated_whole(tmp_path):
    """Of a run that was cut from a file; unless a cut is asked for."""
    own, other = (write_csv(tmp_path / f"{n}.csv", bags_of_vectors(n)) for n in (20, 30))
    az.train("bags", tmp_path / "run", folds=4, validation=0.0, **TINY | {"epochs": 1} | own)
    evaluate = functools.partial(az.tasks.evaluate_finished, tmp_path / "run")
    assert evaluate().num_examples == 5
    assert evaluate(data_dir=other["data_dir"]).num_examples == 30
    assert evaluate(data_dir=other["data_dir"], folds=3).num_examples == 10
    moved = shutil.copy(own["data_dir"], tmp_path / "moved.csv")
    assert evaluate(data_dir=str(moved)).scalars() == evaluate().scalars()  # not trained on
    with pytest.raises(ValueError, match=r"^split is 'train', expected one of \['test'\]$"):
        evaluate(data_dir=other["data_dir"], split="train")


def _read(bags):
    return (bags.read(number) for number in range(len(bags)))


def test_moments_are_those_of_all_instances():
    source = bags_of_vectors()
    everything = np.concatenate([source.read(i) for i in range(len(source))]).astype(float)
    everything[:, 3] = 1e6 + 1e-3 * everything[:, 3]  # a large mean, a small deviation
    source.instances.flat[:] = everything
    mean, deviation = moments(_read(source))
    np.testing.assert_allclose(mean, source.instances.flat.mean(axis=0, dtype=float), rtol=1e-12)
    expected = source.instances.flat.astype(float).std(axis=0)
    np.testing.assert_allclose(deviation, expected, rtol=1e-9)


def test_moments_take_little_memory_beside_a_bag():
    bag = np.random.default_rng(0).normal(3.0, 2.0, (40_000, 64)).astype("float32")
    source = az.datasets.Bags.from_lists([bag, bag[:5]], [0, 1])
    tracemalloc.start()
    try:
        mean, deviation = moments(_read(source))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < bag.nbytes  # 10 MB, of which float64 would be twice as many
    everything = np.concatenate([bag, bag[:5]]).astype(float)
    np.testing.assert_allclose(mean, everything.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(deviation, everything.std(axis=0), rtol=1e-9)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"folds": 10, "fold": 3}, "^folds is 10 with dataset 'bags/digits', expected it unset"),
        ({"fold": 3}, "^fold is 3 with dataset 'bags/digits', expected it unset: it has no effect"),
        ({"repeat": 1}, "^repeat is 1 with dataset 'bags/digits', expected it unset"),
        ({"validation": 0.2}, "^validation is 0.2 with dataset 'bags/digits', expected it unset"),
        ({"data_dir": "musk1.csv"}, "^data_dir is .* with dataset 'bags/digits', expected it uns"),
        ({"dataset": "bags/csv", "num_examples": 9}, "^num_examples is 9 with dataset 'bags/csv'"),
        ({"dataset": "bags/csv", "mean_size": 9.0}, "^mean_size is 9.0 with dataset 'bags/csv'"),
    ],
)
def test_settings_without_effect_are_refused(settings, words, tmp_path):
    settings = (
        {"num_examples": 20, "num_test_examples": 20} | settings
        if ("dataset" not in settings)
        else settings | write_csv(tmp_path / "bags.csv", bags_of_vectors())
    )
    with pytest.raises(ValueError, match=words) as error:
        az.train("bags", tmp_path / "run", **settings)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("no_saved_model")
def test_runs_of_other_versions_are_evaluated_all_the_same(tmp_path):
    """Their config.json has what was the default then, and is without effect."""
    settings = {"num_examples": 20, "num_test_examples": 20, "epochs": 1}
    found = az.train("bags", tmp_path, **settings)["test"]
    kept = json.loads((tmp_path / "config.json").read_text())
    for name in ("fine_tune_encoder", "image_size"):
        del kept[name]
    kept |= {"validation": 0.1, "standardize": True}
    (tmp_path / "config.json").write_text(json.dumps(kept))
    assert az.tasks.evaluate_finished(tmp_path).scalars() == pytest.approx(found.scalars())


def test_another_share_of_validation_bags_is_said(caplog):
    task, config = BagsTask(), BagsConfig(folds=2, validation=0.5)
    info = task.accept(bags_of_vectors(40), config)
    sizes = {name: len(one.source) for name, one in task.cut(info, config).items()}
    assert sizes == {"train": 10, "validation": 10, "test": 20}
    assert "validation is 0.5, but 10 of 40 bags were cut, 0.25" in caplog.text
    caplog.clear()
    task.cut(info, BagsConfig(folds=5))
    assert not caplog.text


def test_balanced_weights_give_every_class_the_same_sum():
    labels = np.array([0, 0, 0, 1])
    weights = class_weights(labels, 3)
    np.testing.assert_allclose(np.bincount(labels, weights[labels], minlength=3), [4 / 3, 4 / 3, 0])
    task, config = BagsTask(), BagsConfig(class_weights="balanced", batch_size=4)
    split = task.accept(bags_of_vectors().rows([0, 2, 4, 1]), config)
    _, truth, given = next(iter(task.batches(split, config, 0)))
    np.testing.assert_allclose(given, np.where(truth["label"] == 1, 2.0, 2 / 3))
    assert len(next(iter(task.batches(split, BagsConfig(batch_size=4), 0)))) == 2


def test_features_are_standardised_by_the_training_bags_within_the_model():
    task, config = BagsTask(), BagsConfig()
    split = task.accept(bags_of_vectors(), config)
    model = task.build(config, {"train": split}, task.attention(config))
    layer = model.encoder.network.get_layer("standardize")
    np.testing.assert_allclose(layer.mean, moments(_read(split.source))[0], rtol=1e-5)
    plain = task.build(BagsConfig(standardize=False), {"train": split}, task.attention(config))
    assert "standardize" not in [one.name for one in plain.encoder.network.layers]


def test_bytes_are_standardised_as_the_model_reads_them():
    rng = np.random.default_rng(0)
    bags = [rng.integers(0, 256, (8, 6)).astype("uint8") for _ in range(4)]
    bags = [np.hstack([bag, np.full((8, 1), 7, "uint8")]) for bag in bags]  # one never varies
    task, config = BagsTask(), BagsConfig()
    split = task.accept(az.datasets.Bags.from_lists(bags, [0, 1, 0, 1]), config)
    model = task.build(config, {"train": split}, task.attention(config))
    layer = model.encoder.network.get_layer("standardize")
    read = (np.concatenate(bags) - 127.5) / 127.5
    deviation = np.where(np.ptp(read, axis=0) > 0, read.std(axis=0), 1.0)
    expected = (read - read.mean(axis=0)) / deviation
    np.testing.assert_allclose(layer(read.astype("float32")), expected, atol=1e-5)


def test_the_encoder_may_be_a_keras_file(tmp_path):
    network = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, "relu")])
    network.save(tmp_path / "encoder.keras")
    task, config = BagsTask(), BagsConfig(encoder=str(tmp_path / "encoder.keras"))
    split = task.accept(bags_of_vectors(), config)
    model = task.build(config, {"train": split}, task.attention(config))
    assert model.classifier.input_shape == (None, 5)
    other = BagsConfig(encoder=str(tmp_path / "other.keras"))
    with pytest.raises(ValueError, match="^encoder is .*which cannot be read"):
        task.build(other, {"train": split}, task.attention(other))
    images = az.datasets.Bags.from_lists([np.zeros((2, 4), "float32")] * 2, [0, 1])
    with pytest.raises(ValueError, match=r"takes \(6,\), expected instances of shape \(4,\)"):
        task.build(config, {"train": task.accept(images, config)}, task.attention(config))


def test_what_does_not_go_together_is_refused(tmp_path):
    source = bags_of_vectors(cases=[f"p{i // 4}" for i in range(24)])
    wide = az.datasets.Bags.from_lists([np.zeros((2, 5), "float32")] * 2, [0, 1])
    task = BagsTask()
    for data, settings, message in (
        ({"train": source, "test": wide}, {}, "^test has instances of shape"),
        (source.rows([0, 2, 4, 6]), {}, "^the training bags are all of one class"),
        (source, {"keep": "loss"}, "^keep is 'loss' without validation examples"),
        (np.zeros((3, 4)), {}, "^data is a ndarray, expected Bags"),
    ):
        with pytest.raises(ValueError, match=message):
            az.train("bags", tmp_path / "run", data=data, **TINY | settings)
    cut = {
        "train": task.accept(source, None),
        "test": task.accept(source.rows([1]), None),
    }
    with pytest.raises(ValueError, match="^case p0 is in train and in test"):
        task.check(BagsConfig(), cut)


def test_nan_features_end_training_in_one_line(tmp_path):
    for i in range(4):
        with h5py.File(tmp_path / f"{i}.h5", "w") as file:
            file["features"] = np.full((3, 2), np.nan if i == 3 else 1.0)
    (tmp_path / "labels.csv").write_text("slide,label\n0,a\n1,b\n2,a\n3,b\n")
    settings = {"dataset": "bags/slides", "data_dir": str(tmp_path)}
    settings |= {"standardize": False, "batch_size": 2}
    with pytest.raises((ValueError, tf.errors.OpError)) as error:
        az.train(
            "bags", tmp_path / "run", validation=0, folds=2, **settings | TINY | {"batch_size": 2}
        )
    assert "bag 3 has NaN or infinity in instance 0, expected finite features" in one_line(
        error.value
    )
    assert "\n" not in one_line(error.value)


def test_choices_are_what_there_is():
    """The settings stand apart from what they make, which they name."""
    choices = {f.name: f.metadata["choices"] for f in dataclasses.fields(BagsConfig)}
    assert set(choices["scores"]) == set(SCORES)
    assert all(name in registry._LOADERS for name in choices["dataset"])
    words = BagsConfig.__dataclass_fields__["attention"].metadata["help"]
    assert all(pool in words for pool in az.models.POOLS)


def test_instance_max_says_which_class_is_the_negative_one(caplog):
    config = BagsConfig(attention="instance_max")
    for names, expected in ((("cancer", "healthy"), "'cancer', the first"), ((), "0, the first")):
        info = BagsTask().accept(bags_of_vectors(), config)
        split = dataclasses.replace(info, class_names=names)
        BagsTask().check(config, {"train": split})
        assert f"attention is instance_max: {expected} of the classes" in caplog.text


def test_instance_max_is_one_hot_from_the_start_and_no_collapse():
    task, config = BagsTask(), BagsConfig()
    splits = {"train": task.accept(bags_of_vectors(), config)}
    assert task.collapse(splits, BagsConfig(attention="instance_max")) is None
    assert isinstance(task.collapse(splits, config), az.callbacks.WarnOnCollapse)


@pytest.mark.parametrize("attention", ["mean", "instance_max"])
def test_a_floor_has_no_focus_network_to_give_a_rate_of_its_own(attention, tmp_path):
    options = {"data": bags_of_vectors(), "folds": 2, "validation": 0.0} | TINY
    message = f"^classifier_learning_rate is 0.01 with {attention}, expected none: it has no focus"
    with pytest.raises(ValueError, match=message):
        az.tasks.cross_validate(
            tmp_path, attention=attention, classifier_learning_rate=0.01, **options
        )


@pytest.mark.parametrize(("m", "count"), [(1000, 16), (8, 256), (20_000, 1)])
def test_the_drive_is_measured_on_bags_drawn_at_random(m, count):
    """Padded they have 16,384 instances at most, unless one has more."""
    bag, labels = np.zeros((m, 1), np.uint8), np.arange(300) >= 150
    bags = az.datasets.Bags.from_lists([bag] * 300, labels.astype(int))
    splits = {"train": BagsTask().accept(bags, BagsConfig())}
    inputs, targets = BagsTask().probe(splits)
    assert len(inputs["segments"]) == count
    if count > 1:
        assert abs(np.mean(targets["label"]) - 0.5) < 0.2
