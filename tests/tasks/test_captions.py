import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import attention_zoo as az
from attention_zoo.tasks import CaptionsTask, captions
from attention_zoo.tasks.captions_config import CaptionsConfig
from attention_zoo.training.components import make_optimizer

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


@pytest.fixture(scope="module")
def tiny(coco_dir, encoder):
    return TINY | {"data_dir": str(coco_dir), "encoder": encoder}


@pytest.fixture(scope="module")
def finished(tiny, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "hybrid"
    return workdir, az.train("captions", workdir, **tiny)


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


def test_top_k_error_is_reported(finished, tiny):
    settings = CaptionsConfig(**tiny | {"attention": "lvml", "top_k": 2})
    task = CaptionsTask()
    splits = task.load(settings)
    model = task.build(settings, splits, task.attention(settings))
    source = splits["validation"].source
    found = task.evaluate(model, splits["validation"], settings)
    inputs, targets = next(iter(source.dataset(len(source))))
    there = targets["words"].numpy() != 0
    error = model.top_k_error(inputs, targets).numpy()[there].mean()
    assert found.scalars()["top_k_error"] == pytest.approx(error, abs=1e-6) and error > 0.01
    assert "top_k_error" not in finished[1]["validation"].scalars()


def test_features_are_standardised_by_the_training_pictures_once(finished, tiny, tmp_path):
    workdir, _ = finished
    model = keras.models.load_model(workdir / "model.keras")
    options = {"data_dir": tiny["data_dir"], "image_size": 32, "words": model.vocabulary}
    info = az.datasets.load("coco_captions", "train[:48]", **options)[1]
    features = [model.encoder(x["image"]) for x, *_ in info.source.by_picture(16)]
    regions = np.concatenate(features).reshape(-1, features[0].shape[-1]).astype(float)
    # On disk they are float16, with 11 bits.
    np.testing.assert_allclose(model.standardize.mean, regions.mean(axis=0), atol=2e-3)
    np.testing.assert_allclose(model.standardize.deviation, regions.std(axis=0), rtol=2e-3)

    model.standardize.adapt(np.full(8, 3.0), np.full(8, 2.0))  # of another run, say
    config, task = CaptionsConfig(**tiny), CaptionsTask()
    task.inputs(task.load(config), model, config, tmp_path / "other")
    np.testing.assert_array_equal(model.standardize.mean, 3.0)


def test_a_fine_tuned_encoder_s_features_are_scaled_by_what_it_made_at_the_start(tiny, tmp_path):
    """Of every third picture, where a sample of 16 of the 48 is all that is looked at."""
    config, task = CaptionsConfig(**tiny, fine_tune_encoder=True), CaptionsTask()
    splits = task.load(config)
    model = task.build(config, splits, task.attention(config))
    inputs = splits["train"].source.by_picture(48)
    features = model.encoder(next(iter(inputs))[0]["image"])[::3]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captions, "_SAMPLE", 16)
        task.inputs(splits, model, config, tmp_path / "run")
    regions = np.reshape(features, (-1, features.shape[-1]))
    np.testing.assert_allclose(model.standardize.mean, regions.mean(axis=0), atol=1e-5)
    deviation = regions.std(axis=0)
    expected = np.where(deviation > 0.0, deviation, 1.0)  # some of the tiny encoder's never vary
    np.testing.assert_allclose(model.standardize.deviation, expected, atol=1e-5)


def test_features_are_as_they_are_where_that_is_asked(tiny):
    config, task = CaptionsConfig(**tiny, standardize=False), CaptionsTask()
    assert task.build(config, task.load(config), task.attention(config)).standardize is None


def test_a_finished_run_of_a_version_that_took_more_settings_is_evaluated(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "run")
    config = tmp_path / "run/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"frozen_epochs": 1}))
    found = az.tasks.evaluate_finished(tmp_path / "run", features_dir=str(tmp_path / "features"))
    assert found.perplexity == pytest.approx(finished[1]["test"].perplexity, rel=1e-5)


def test_uniform_attention_sees_all_regions_alike(tiny):
    settings = CaptionsConfig(**tiny | {"attention": "uniform"})
    task = CaptionsTask()
    model = task.build(settings, task.load(settings), task.attention(settings))
    model.compile("adam")
    inputs = {"features": np.random.default_rng(0).normal(size=(3, 4, 8)).astype("float32")}
    inputs["words"] = np.full((3, 5), 2)
    np.testing.assert_allclose(model.predict(inputs, verbose=0)["focus"], 1 / 4, atol=1e-7)
    model.fit(inputs, {"words": np.full((3, 5), 4)}, verbose=0)
    copy = keras.models.clone_model(model)
    np.testing.assert_allclose(copy.predict(inputs, verbose=0)["focus"], 1 / 4, atol=1e-7)


def test_a_frozen_encoder_has_no_optimizer_and_a_trained_one_its_own(tiny):
    task, models = CaptionsTask(), []
    for tune in (False, True):
        config = CaptionsConfig(**tiny, fine_tune_encoder=tune)
        models.append(task.build(config, task.load(config), task.attention(config)))
        optimizer = make_optimizer(config, models[-1], task.rates(config), task.others)
    frozen, trained = models
    assert len(trained.trainable_variables) == len(frozen.trainable_variables) + 2
    rates = [float(one.learning_rate) for one in (optimizer, optimizer.encoder)]
    assert rates == pytest.approx([0.05, 1e-5])


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["reinforce", "uniform"])
def test_an_encoder_is_trained_on_pictures_some_of_which_are_none(attention, tiny, tmp_path):
    """Those that cannot be read are found on the way, and named."""
    data = tmp_path / "data"
    for part in ("train2014", "val2014", "annotations"):
        (data / part).mkdir(parents=True)
        for file in (Path(tiny["data_dir"]) / part).iterdir():
            (data / part / file.name).write_bytes(file.read_bytes())
    (data / "train2014/007.png").write_bytes(b"no picture")
    settings = tiny | {"attention": attention, "fine_tune_encoder": True, "data_dir": str(data)}
    settings |= {"encoder_learning_rate": 0.01, "baseline": "self_critical"}
    evaluations = az.train("captions", tmp_path / "run", **settings)
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
    settings |= {"units": 32, "embedding_size": 32, "attention_units": 16}
    settings |= {"max_words": 12, "max_length": 12}
    settings |= {"train_split": "train", "validation_split": "train"}  # all there are
    test = az.train("captions", tmp_path, **settings)["test"]
    assert test.perplexity < 4
    if az.metrics.has_scores():
        assert test.scores["bleu_4"] > 0.8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attention": "focus"}, r"^attention is 'focus', expected one of \['gumbel', 'hard', "),
        ({"batch_size": 200}, "^batch_size is 200, expected 144 or less, the training examples$"),
        ({"min_count": 1000}, "^the vocabulary has 0 words: none comes 1000 times or more in "),
        ({"test_split": "test"}, "^split is 'test', expected train or validation, or slices"),
        ({"encoder": "nowhere.keras"}, "^encoder nowhere.keras cannot be loaded"),
        ({"image_size": 48}, "^image_size is 48, expected 32: encoder .* takes "),
        ({"classifier_learning_rate": 0.1}, "^classifier_learning_rate is 0.1, expected none: a "),
        ({"encoder_learning_rate": 0.1}, "^encoder_learning_rate is 0.1 without fine_tune_encoder"),
        ({"frozen_epochs": 2}, "^frozen_epochs is 2 without fine_tune_encoder, expected it set"),
        (
            {"feature_dtype": "float32", "fine_tune_encoder": True},
            "^feature_dtype is 'float32' with fine_tune_encoder, expected it unset: it has no",
        ),
        ({"switch_when": "focus_drive"}, "^switch_when is 'focus_drive', expected another"),
        ({"top_k": 3, "attention": "soft"}, "^top_k is 3 with SoftAttention, expected None"),
        ({"dropout": 0.95}, "^dropout is 0.95, expected 0.9 or less$"),
    ],
)
def test_bad_settings_are_one_line_errors_and_leave_nothing(tiny, settings, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        az.train("captions", tmp_path / "run", **(tiny | settings))
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_the_command_prints_one_line_for_bad_input(tmp_path):
    """In a process of its own: another trainer's flags of the same names may be defined here."""
    command = [sys.executable, "-m", "attention_zoo.trainers.captions"]
    flags = [f"--workdir={tmp_path}", "--beam_width=0"]
    done = subprocess.run(command + flags, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: flag --beam_width=0: 0 is not a positive integer")


@pytest.mark.parametrize(
    "names", [["train"], pytest.param(["train", "validation"], marks=pytest.mark.slow)]
)
@pytest.mark.usefixtures("no_saved_model")
def test_captions_are_written_of_the_last_split_there_is(tiny, coco_dir, names, tmp_path):
    settings = tiny | {"attention": "soft", "epochs": 1, "train_split": "train[:24]"}
    settings |= {"keep": "last"}
    splits = CaptionsTask().load(CaptionsConfig(**settings))
    own = {k: v for k, v in settings.items() if k not in CaptionsTask.data_settings}
    data = {name: splits[name] for name in names}
    found = az.train("captions", tmp_path / "run", data=data, **own)
    assert list(found) == [names[-1]]
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["num_examples"].keys() == {names[-1]}
    written = json.loads((tmp_path / "run" / "captions.json").read_text())
    ids = splits[names[-1]].source.pictures.ids
    assert [one["image_id"] for one in written] == ids[found[names[-1]].pictures].tolist()
    assert (tmp_path / "run" / "captions.png").is_file()
    with pytest.raises(ValueError, match="^keep is 'loss' without validation examples"):
        az.train("captions", tmp_path / "other", data=splits["train"], **own | {"keep": "loss"})


def test_captions_that_are_brought_along_are_cut_too(tiny, tmp_path):
    """Those to train on: others are measured whole."""
    settings = tiny | {"max_words": 3}
    task, config = CaptionsTask(), CaptionsConfig(**settings)
    splits = task.load(config)
    model = task.build(config, splits, task.attention(config))
    given = task.inputs(splits, model, config, tmp_path / "run")
    lengths = {
        name: {x["words"].shape[1] for x, _ in split.source.dataset(4)}
        for name, split in given.items()
    }
    assert lengths["train"] == {4} and min(lengths["validation"]) > 4
