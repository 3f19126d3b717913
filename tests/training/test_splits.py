"""Splits of a run are apart: slices that overlap are refused before anything is trained."""

import json

import pytest

import attention_zoo as az
from attention_zoo.tasks import registry
from attention_zoo.training.splits import check_apart

TINY = {"network": "linear", "attention": "soft", "batch_size": 16, "epochs": 1}
FEW = {"num_examples": 32, "num_test_examples": 16}


def check(name, **settings):
    """Of the splits that the settings of a new run name."""
    task = registry.get(name)
    config = task.config(**settings)
    splits = task.load(config)
    prints = task.fingerprints(config, splits)
    check_apart(splits, prints, task.words.examples, are_own=False, has_begun=lambda: False)


def mosaics(**settings):
    return {"num_examples": 400, "num_test_examples": 400} | settings


@pytest.mark.parametrize(
    ("settings", "pair", "shared"),
    [
        (
            {"train_split": "train"},
            "validation is 'train[90%:]' and train is 'train'",
            "train[1298:1442]",
        ),
        (
            {"train_split": "train[:20]+train[40:60]", "validation_split": "train[10:50]"},
            "validation is 'train[10:50]' and train is 'train[:20]+train[40:60]'",
            "train[10:20]+train[40:50]",
        ),
        ({"test_split": "all"}, "test is 'all' and train is 'train[:90%]'", "train[0:1298]"),
        (
            {"validation_split": "test[:10]"},
            "test is 'test' and validation is 'test[:10]'",
            "test[0:10]",
        ),
        (
            {"dataset": "orthogonal", "train_split": "train"},
            "validation is 'train[90%:]' and train is 'train'",
            "train[720:800]",
        ),
    ],
)
def test_overlapping_slices_of_images_are_refused(settings, pair, shared):
    with pytest.raises(ValueError, match="expected splits that are apart$") as error:
        check("mosaics", **mosaics(**settings))
    assert str(error.value) == f"{pair}: both have {shared}, expected splits that are apart"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"train_split": "train[:10]+train[20:]", "validation_split": "train[10:20]"},
        {"train_split": "train", "validation_split": None},
        {"protocol": "paper", "train_split": "train"},  # test mosaics of training images, as there
        {"dataset": "orthogonal", "num_test_examples": 300},  # pools of two sizes are two
    ],
)
def test_slices_that_are_apart_or_shared_on_purpose_are_not(settings, caplog):
    check("mosaics", **mosaics(**settings))
    assert not caplog.text


def test_one_split_twice_is_to_try_things_out(caplog):
    settings = mosaics(train_split="train", validation_split="train", num_test_examples=300)
    check("mosaics", **settings)
    assert "validation is 'train' and train is 'train': both have train[0:1442]" in caplog.text


def test_overlapping_slices_of_posts_are_refused(hatexplain_dir, tmp_path):
    message = r"^validation is 'train\[2:\]' and train is 'train\[:3\]': both have train\[2:3\], "
    slices = {"train_split": "train[:3]", "validation_split": "train[2:]"}
    lines = [json.dumps({"tokens": [str(i)], "label": "ab"[i % 2]}) for i in range(6)]
    for name in ("train", "test"):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=message):
        check("text", dataset="json_lines", data_dir=str(tmp_path), **slices)
    with pytest.raises(ValueError, match=message):
        check("text", data_dir=str(hatexplain_dir), **slices)


def test_overlapping_slices_of_pictures_are_refused(coco_dir):
    with pytest.raises(ValueError, match=r"^validation is 'train\[95%:\]' and train is 'train': "):
        check("captions", data_dir=str(coco_dir), image_size=32, train_split="train")


def test_a_new_run_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="expected splits that are apart$"):
        az.train("mosaics", tmp_path / "run", **TINY, **FEW, train_split="train")
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("no_saved_model")
def test_a_run_that_an_earlier_version_began_goes_on_with_a_warning(tmp_path, caplog, monkeypatch):
    settings = TINY | FEW | {"train_split": "train"}
    with monkeypatch.context() as patch:
        patch.setattr("attention_zoo.training.run.check_apart", lambda *args, **options: None)
        before = az.train("mosaics", tmp_path, **settings)
    assert az.tasks.evaluate_finished(tmp_path).scalars() == before["test"].scalars()
    assert not caplog.text
    az.train("mosaics", tmp_path, **settings | {"epochs": 2})
    assert "both have train[1298:1442], expected splits that are apart" in caplog.text
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 3
