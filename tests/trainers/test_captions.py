import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import attention_zoo as az
from attention_zoo.metrics import captions as scores
from attention_zoo.trainers import caption_results, captions

TINY = {
    "attention": "hybrid",
    "epochs": 2,
    "batch_size": 24,
    "image_size": 32,
    "max_words": 5,
    "max_length": 6,
    "learning_rate": 0.05,
    "dropout": 0.1,
    "units": 8,
    "embedding_size": 8,
    "attention_units": 4,
    "beam_width": 2,
    "train_split": "train[:48]",
    "validation_split": "train[48:]",
}


@pytest.fixture(scope="module", autouse=True)
def without_java():
    """METEOR takes some ten seconds of a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "_has_java", lambda: False)
        yield


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """The path of an encoder of 2 × 2 regions: the mean colours, as they are and mixed."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(keras.layers.AveragePooling2D(16)(inputs))
    x = keras.layers.Concatenate()([x, keras.layers.Conv2D(5, 1, activation="relu")(x)])
    path = tmp_path_factory.mktemp("encoder") / "encoder.keras"
    keras.Model(inputs, x).save(path)
    return str(path)


@pytest.fixture(scope="module")
def tiny(coco_dir, encoder):
    return TINY | {"data_dir": str(coco_dir), "encoder": encoder}


@pytest.fixture(scope="module")
def finished(tiny, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "hybrid"
    return workdir, captions.train_and_evaluate(workdir, **tiny)


def weights(workdir):
    """Of the model and of its optimizer."""
    model = keras.models.load_model(workdir / "model.keras")
    return [variable.numpy() for variable in [*model.weights, *model.optimizer.variables]]


def test_the_workdir_is_complete(finished, tiny):
    workdir, evaluations = finished
    names = {path.name for path in workdir.iterdir() if not path.name.startswith(".")}
    assert names == {
        "about.json",
        "best.weights.h5",
        "captions.json",
        "captions.png",
        "checkpoints",
        "config.json",
        "curves.png",
        "metrics.csv",
        "model.keras",
        "report.html",
        "results.json",
        "saved_model",
        "tensorboard",
    }
    results = json.loads((workdir / "results.json").read_text())
    assert results.pop("switched_epoch") == 1 and results.pop("kept_epoch") == 2
    assert results.pop("left_out") == {"train": {}, "validation": {}, "test": {}}
    results.pop("missing_scores")
    assert results == {name: one.scalars() for name, one in evaluations.items()}
    assert results["test"].keys() >= {"perplexity", "attention_entropy", "words"}
    config = json.loads((workdir / "config.json").read_text())
    assert config == dataclasses.asdict(captions.Settings(**tiny))


def test_the_saved_models_write_the_captions_of_the_evaluation(finished, coco_dir):
    workdir, evaluations = finished
    model = keras.models.load_model(workdir / "model.keras")
    info = az.datasets.load(
        "coco_captions", "validation", data_dir=coco_dir, image_size=32, words=model.vocabulary
    )[1]
    search = {name: TINY[name] for name in ("beam_width", "max_length")}
    found = az.evaluate_captions(model, info.source.by_picture(16), **search)
    assert found.captions == evaluations["test"].captions
    written = json.loads((workdir / "captions.json").read_text())
    assert written == [
        {"image_id": 1000 + i, "caption": caption} for i, caption in enumerate(found.captions)
    ]
    served = tf.saved_model.load(str(workdir / "saved_model")).signatures["beam"]
    data = [(coco_dir / f"val2014/{i:03d}.png").read_bytes() for i in range(16)]
    outputs = served(image=tf.constant(data))
    assert tuple(text.decode() for text in outputs["caption"].numpy()) == found.captions
    assert outputs["log_probability"].numpy() == pytest.approx(found.log_probabilities, abs=1e-2)


def test_scores_are_of_the_captions(finished, coco_dir):
    pytest.importorskip("pycocoevalcap")
    content = json.loads((coco_dir / "annotations/captions_val2014.json").read_text())
    said = [one["caption"].lower() for one in content["annotations"]]
    said = ["".join(c for c in text if c.isalnum() or c == " ") for text in said]
    found = finished[1]["test"]
    expected = az.metrics.caption_scores(np.reshape(said, (16, 3)).tolist(), found.captions)
    assert found.scores == pytest.approx(expected)


@pytest.mark.parametrize(
    ("breaks", "steps"), [((8,), 1), pytest.param((4, 5), 2, marks=pytest.mark.slow)]
)
def test_a_broken_off_run_goes_on_to_the_same_weights(
    finished, tiny, tmp_path, monkeypatch, broken_off, breaks, steps
):
    """With dropout and Adam, broken off in the second phase, or in both.

    The encoder has nothing to do: what it made of the pictures is there. The SavedModel is left
    out, whose weights are those of model.keras.
    """
    monkeypatch.setattr(caption_results, "export", lambda model, path, **_: Path(path).mkdir())
    features = finished[0].parent / "features"
    assert len(list(features.iterdir())) == 3
    before = {path: path.stat().st_mtime_ns for path in features.rglob("*")}
    settings = tiny | {"steps_per_call": 1, "checkpoint_steps": steps}
    for calls in breaks:
        with broken_off(calls):
            captions.train_and_evaluate(tmp_path, **settings, features_dir=str(features))
        assert not (tmp_path / "results.json").exists()
    captions.train_and_evaluate(tmp_path, **settings, features_dir=str(features))
    assert {path: path.stat().st_mtime_ns for path in features.rglob("*")} == before
    for resumed, unbroken in zip(weights(tmp_path), weights(finished[0]), strict=True):
        np.testing.assert_array_equal(resumed, unbroken)
    for name in ("metrics.csv", "results.json", "captions.json"):
        assert (tmp_path / name).read_text() == (finished[0] / name).read_text()


def test_top_k_error_is_reported(finished, tiny):
    settings = captions.Settings(**tiny | {"attention": "lvml", "top_k": 2})
    infos = captions._load(settings)
    model = captions.build_model(settings, infos["train"].vocabulary)
    source = infos["validation"].source
    found = captions._evaluate(model, source, settings)
    inputs, targets = next(iter(source.dataset(len(source))))
    there = targets["words"].numpy() != 0
    error = model.top_k_error(inputs, targets).numpy()[there].mean()
    assert found.scalars()["top_k_error"] == pytest.approx(error, abs=1e-6) and error > 0.01
    assert "top_k_error" not in finished[1]["validation"].scalars()


def test_uniform_attention_sees_all_regions_alike(tiny):
    settings = captions.Settings(**tiny | {"attention": "uniform"})
    model = captions.build_model(settings, ("a", "b"))
    inputs = {"features": np.random.default_rng(0).normal(size=(3, 4, 8)).astype("float32")}
    inputs["words"] = np.full((3, 5), 2)
    np.testing.assert_allclose(model.predict(inputs, verbose=0)["focus"], 1 / 4, atol=1e-7)
    model.fit(inputs, {"words": np.full((3, 5), 4)}, verbose=0)
    copy = keras.models.clone_model(model)
    np.testing.assert_allclose(copy.predict(inputs, verbose=0)["focus"], 1 / 4, atol=1e-7)


def test_a_frozen_encoder_has_no_optimizer_and_a_trained_one_its_own(tiny):
    frozen, trained = (
        captions.build_model(captions.Settings(**tiny, fine_tune_encoder=tune), ("a",))
        for tune in (False, True)
    )
    assert len(trained.trainable_variables) == len(frozen.trainable_variables) + 2
    assert isinstance(trained.optimizer, az.optimizers.TwoOptimizers)
    rates = [float(one.learning_rate) for one in (trained.optimizer, trained.optimizer.classifier)]
    assert rates == pytest.approx([0.05, 1e-5])


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["reinforce", "uniform"])
def test_an_encoder_is_trained_on_pictures_some_of_which_are_none(attention, tiny, tmp_path):
    """Those that cannot be read are found on the way, and named."""
    data = tmp_path / "data"
    for part in ("train2014", "val2014", "annotations"):
        (data / part).mkdir(parents=True)
        for file in (captions.Path(tiny["data_dir"]) / part).iterdir():
            (data / part / file.name).write_bytes(file.read_bytes())
    (data / "train2014/007.png").write_bytes(b"no picture")
    settings = tiny | {"attention": attention, "fine_tune_encoder": True, "data_dir": str(data)}
    settings |= {"encoder_learning_rate": 0.01, "baseline": "self_critical"}
    evaluations = captions.train_and_evaluate(tmp_path / "run", **settings)
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert results["left_out"]["train"] == {"picture that cannot be read": [1007]}
    assert not (tmp_path / "features").exists()
    before = keras.models.load_model(tiny["encoder"]).get_weights()
    after = keras.models.load_model(tmp_path / "run/model.keras").encoder.get_weights()
    assert any((x != y).any() for x, y in zip(before, after, strict=True))
    if attention == "uniform":
        grounding = evaluations["test"].grounding
        assert grounding["entropy"] == pytest.approx(np.log(4), abs=1e-4)
        assert grounding["diversity"] == pytest.approx(0.0, abs=1e-4)


@pytest.mark.slow
def test_the_miniature_is_learnt(tiny, tmp_path):
    """Colour and place are in the captions, and attention is where the square is."""
    settings = tiny | {"attention": "soft", "epochs": 60, "learning_rate": 0.01, "dropout": 0.0}
    settings |= {"units": 32, "embedding_size": 32, "attention_units": 16, "train_split": "train"}
    settings |= {"max_words": 12, "max_length": 12}
    test = captions.train_and_evaluate(tmp_path, **settings)["test"]
    assert test.perplexity < 4
    if az.metrics.has_scores():
        assert test.scores["bleu_4"] > 0.8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attention": "focus"}, r"^attention is 'focus', expected one of \['soft', 'hard', 'lvml"),
        ({"batch_size": 200}, "^batch_size is 200, expected 144 or less, the training examples$"),
        ({"min_count": 1000}, "^the vocabulary has 0 words: none comes 1000 times or more in "),
        ({"test_split": "test"}, "^split is 'test', expected train or validation, or slices"),
        ({"encoder": "nowhere.keras"}, "^encoder nowhere.keras cannot be loaded"),
        ({"image_size": 48}, "^image_size is 48, expected 32: encoder .* takes "),
        ({"classifier_learning_rate": 0.1}, "^classifier_learning_rate is 0.1, expected none: a "),
        ({"switch_when": "focus_drive"}, "^switch_when is 'focus_drive', expected another"),
        ({"top_k": 3, "attention": "soft"}, "^top_k is 3 with SoftAttention, expected None"),
        ({"dropout": 0.95}, "^dropout is 0.95, expected 0.9 or less$"),
    ],
)
def test_bad_settings_are_one_line_errors_and_leave_nothing(tiny, settings, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        captions.train_and_evaluate(tmp_path / "run", **(tiny | settings))
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_the_command_prints_one_line_for_bad_input(tmp_path):
    """In a process of its own: another trainer's flags of the same names may be defined here."""
    command = [sys.executable, "-m", "attention_zoo.trainers.captions"]
    flags = [f"--workdir={tmp_path}", "--beam_width=0"]
    done = subprocess.run(command + flags, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: beam_width is 0, expected 1 or more"
