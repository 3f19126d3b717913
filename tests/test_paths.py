"""A leading `~` is the home folder wherever a path comes in."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from absl import flags

import attention_zoo as az
from attention_zoo import datasets
from attention_zoo._paths import expanded
from attention_zoo._settings import make, setting
from attention_zoo.datasets.mosaics.base_images import base_images
from attention_zoo.models import load_token_encoder, read_word_vectors
from attention_zoo.models.networks.image_encoders import load_encoder
from attention_zoo.trainers import captions, hatexplain, make_preset, sdc
from attention_zoo.trainers.command import Command
from attention_zoo.training.workdir import Workdir
from experiments import fixed_focus, reproduce


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder; the test runs in another, in which no folder named ~ may appear."""
    (tmp_path / "home").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    yield tmp_path / "home"
    assert list((tmp_path / "elsewhere").iterdir()) == []


@dataclasses.dataclass
class Nothing:
    """No settings."""


def test_kinds_of_paths(home):
    assert expanded("~/a") == f"{home}/a"
    assert expanded(Path("~/a")) == home / "a"
    assert expanded("a/~/b") == "a/~/b"
    assert expanded(None) is None
    with pytest.raises(ValueError, match="^path is '~nobody-here/a', expected a home folder that"):
        expanded("~nobody-here/a")


def test_settings_that_are_paths(home):
    @dataclasses.dataclass
    class Own:
        place: str | None = setting(None, "A place.", path=True)
        text: str = setting("", "A text.")

    assert make(Own, {"place": "~/a", "text": "~/b"}) == Own(f"{home}/a", "~/b")
    assert make(Own, {"place": None}).place is None


@pytest.mark.parametrize(
    "trainer", [captions, fixed_focus, hatexplain, make_preset, reproduce, sdc]
)
def test_every_setting_that_names_a_file_or_a_folder_is_one(trainer):
    fields = dataclasses.fields(trainer.COMMAND.settings)
    named = [f for f in fields if f.metadata["help"].startswith(("Folder", "File", "Keras file"))]
    assert named and all(field.metadata["path"] for field in named)


def test_the_workdir(home, capsys):

    def train(workdir):
        with Workdir(workdir, {"a": 1}):
            return "done"

    program = Command(train, Nothing, "runs/x", str).program
    values = program.define(flags.FlagValues())
    values(["program", "--workdir=~/runs/a"])
    program.main(**program.checked(values, []))
    assert (home / "runs" / "a" / "config.json").is_file()
    assert capsys.readouterr().out == f"done\n\nwritten to {home}/runs/a\n"
    with Workdir("~/runs/b", {"a": 1}) as run:
        assert run.path == home / "runs" / "b"


def test_presets_and_saved_models(home, linear_model):
    model = linear_model()
    model.save_to_preset("~/preset", {"name": "mine", "description": "A linear model."})
    assert az.zoo.card("~/preset").name == "mine"
    found = az.FocusClassifier.from_preset("~/preset").get_weights()
    for one, other in zip(found, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    az.export(model, "~/saved_model")
    assert (home / "saved_model" / "saved_model.pb").is_file()
    from attention_zoo.serving.served_model import ServedModel

    assert "explain" in ServedModel("~/saved_model").signatures
    with pytest.raises(ValueError, match="is there already"):
        az.export(model, Path("~/saved_model"))


def test_reports_and_plots(home):
    for name in ("a", "b"):
        (home / name).mkdir()
        (home / name / "config.json").write_text("{}")
        (home / name / "metrics.csv").write_text("epoch,loss\n1,2.0\n2,1.0\n")
    assert az.report.write("~/a") == home / "a" / "report.html"
    assert az.report.compare("~/a", "~/b", output="~/both.html") == home / "both.html"
    az.plots.training_curves("~/a/metrics.csv")


def test_files_of_encoders_and_vectors(home):
    (home / "vectors.txt").write_text("tea 1 2\nsoup 3 4\n")
    assert read_word_vectors("~/vectors.txt", ["soup"]).shape == (3, 2)
    image = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    image.save(home / "image.keras")
    assert load_encoder("~/image.keras", 8).output_shape == (None, 6, 6, 4)
    lookup = keras.layers.StringLookup(vocabulary=["tea"], mask_token="")
    tokens = keras.Input((None,), dtype="string")
    vectors = keras.layers.Embedding(3, 2, mask_zero=True)(lookup(tokens))
    keras.Model(tokens, vectors).save(home / "tokens.keras")
    assert load_token_encoder("~/tokens.keras").vocabulary == ("tea",)


def test_loaders(home, hatexplain_dir, coco_dir):
    posts = [{"tokens": ["a", "b"], "label": label} for label in "xy"]
    (home / "posts").mkdir()
    (home / "posts" / "train.jsonl").write_text("\n".join(map(json.dumps, posts)))
    assert datasets.json_lines.load(data_dir="~/posts").num_examples == 2
    (home / "hatexplain").symlink_to(hatexplain_dir)
    assert datasets.hatexplain.load(data_dir="~/hatexplain").num_examples > 50
    (home / "coco").symlink_to(coco_dir)
    info = datasets.coco_captions.load("validation", data_dir="~/coco", image_size=8)
    assert info.num_pictures == 16
    encoder = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    features = datasets.cached_features(info.source.pictures, encoder, "~/features")
    assert (home / "features") in features.path.parents
    for load in (base_images, datasets.coco_captions.load):
        with pytest.raises(FileNotFoundError, match=str(home)):
            load(*(["mnist"] if load is base_images else []), data_dir="~/none", download=False)
