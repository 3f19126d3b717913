"""The trainer of texts with a pretrained encoder: a tiny BERT of random weights, from a folder."""

import dataclasses
import json
import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

import attention_zoo as az
from attention_zoo.tasks import TextTask
from attention_zoo.tasks.text_config import TextConfig
from attention_zoo.training.brought import Brought
from attention_zoo.training.learning_rates import are_scheduled
from attention_zoo.training.task import config_of

TINY = {"dataset": "json_lines", "batch_size": 8, "epochs": 2, "dropout": 0.2}
TINY |= {"steps_per_call": 1, "attention": "lvml"}


@pytest.fixture
def preset(tiny_bert, tmp_path):
    tokenizer, backbone = tiny_bert(num_layers=1, dropout=0.1, max_sequence_length=12)
    tokenizer.save_to_preset(str(tmp_path / "preset"))
    backbone.save_to_preset(str(tmp_path / "preset"))
    return str(tmp_path / "preset")


@pytest.fixture
def settings(preset, tmp_path):
    """Of posts that a word of two pieces decides, or two words of one."""
    folder = tmp_path / "posts"
    folder.mkdir()
    posts = [
        {"tokens": ["the", "Thunderstorm", "is", "x"], "label": "bad", "rationale": [0, 1, 0, 0]},
        {
            "tokens": ["the", "soup", "is", "hot", "!"],
            "label": "good",
            "rationale": [0, 1, 0, 1, 0],
        },
        {"tokens": ["tea"], "label": "good", "rationale": [1]},
    ]
    for name in ("train", "validation", "test"):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, posts * 8)))
    return TINY | {"data_dir": str(folder), "encoder": preset}


def test_a_run_and_what_it_leaves(settings, tmp_path, caplog):
    """The model's own figures again from its file, and from raw texts by the SavedModel."""
    posts = (tmp_path / "posts/train.jsonl").read_text()
    long = json.dumps({"tokens": ["tea"] * 11, "label": "good"})
    (tmp_path / "posts/train.jsonl").write_text(f"{posts}\n{long}")
    with caplog.at_level(logging.WARNING, "absl"):
        test = az.train("text", tmp_path / "run", **settings)["test"]
    assert "train: the encoder leaves out ends of long posts: 1" in caplog.text
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert results["left_out"]["train"] == {"ends of long posts": 1}
    floors = results["floors"]["test"]
    assert floors["tf_idf_accuracy"] == floors["tf_idf_focus_accuracy"] == 1.0
    assert floors["focus_accuracy"] == pytest.approx(np.mean([1 / 4, 2 / 5, 1]))
    model = keras.models.load_model(tmp_path / "run/model.keras")
    source = az.datasets.load("json_lines", "test", data_dir=settings["data_dir"])[1].source
    again = az.evaluate_rationales(model, source.encoded(model.encoder.look_up).dataset(8))
    assert again.scalars() == pytest.approx(test.scalars(), abs=1e-5)
    served = tf.saved_model.load(str(tmp_path / "run/saved_model")).signatures["explain"]
    outputs = served(text=tf.constant(["the Thunderstorm is x", "the soup is hot!", "tea"] * 8))
    accuracy = np.mean(outputs["label"].numpy() == source.labels)
    assert accuracy == pytest.approx(test.ways["marginal"].accuracy)


@pytest.mark.slow
@pytest.mark.parametrize("lora_rank", [0, 2])
def test_a_run_that_was_broken_off_ends_with_the_same_weights(
    settings, tmp_path, broken_off, weights, lora_rank
):
    """Dropout, warm-up, frozen epochs, decay by layer and averages of gradients among it."""
    settings |= {"checkpoint_steps": 1, "epochs": 3, "frozen_epochs": 1}
    settings |= {"accumulation": 2, "attention": "hybrid", "schedule": "cosine"}
    settings |= {"lora_rank": lora_rank} if lora_rank else {"layer_decay": 0.8}
    az.train("text", tmp_path / "whole", **settings)
    with broken_off(5):
        az.train("text", tmp_path / "broken", **settings)
    az.train("text", tmp_path / "broken", **settings)
    for a, b in zip(weights(tmp_path / "whole"), weights(tmp_path / "broken"), strict=True):
        np.testing.assert_array_equal(a, b)


def model_of(settings, **more):
    from attention_zoo.training.run import build_model

    task = TextTask()
    config = task.settled(TextConfig(**settings | more))
    return build_model(task, config, task.load(config)), config


def test_defaults_of_fine_tuning(settings):
    model, config = model_of(settings)
    assert (config.encoder_learning_rate, config.warmup, config.schedule) == (5e-5, 0.1, "linear")
    assert set(model.optimizer.parts) == {"focus", "classifier", "encoder"}
    assert config.learning_rate == 0.001
    given = model_of(settings, warmup=0.0, schedule="constant", encoder_learning_rate=0.01)[1]
    assert (given.encoder_learning_rate, given.warmup, given.schedule) == (0.01, 0.0, "constant")
    assert TextTask().settled(TextConfig()) == TextConfig()


def test_an_optimizer_of_ones_own_is_given_no_schedule(settings):
    brought = Brought(optimizer=keras.optimizers.Adam(1e-4))
    config = config_of(TextTask(), brought.settled(settings))
    brought.check(config)
    assert not are_scheduled(config)
    record = brought.record(dataclasses.asdict(config))
    assert record["warmup"] is record["schedule"] is record["encoder_learning_rate"] is None
    with pytest.raises(ValueError, match="^frozen_epochs is 1 of 2 beside an optimizer, expected "):
        brought.check(dataclasses.replace(config, epochs=2, frozen_epochs=1))
    brought.check(dataclasses.replace(config, epochs=2, frozen_epochs=2))


def test_an_encoder_that_is_frozen_to_the_end_is_not_trained(settings):
    model, _ = model_of(settings, frozen_epochs=2)
    assert not model.encoder.trainable_variables and model.trainable_variables


@pytest.mark.slow
def test_lora_learns_little_and_is_saved_as_the_whole(settings, tmp_path):
    az.train("text", tmp_path / "run", **settings | {"lora_rank": 2, "epochs": 1})
    whole, few = (model_of(settings, lora_rank=rank)[0] for rank in (0, 2))
    count = [sum(np.prod(v.shape) for v in m.encoder.trainable_variables) for m in (whole, few)]
    assert 0 < count[1] < count[0] / 4
    model = keras.models.load_model(tmp_path / "run/model.keras")
    assert len(model.trainable_variables) == len(
        model_of(settings, lora_rank=2)[0].trainable_variables
    )
    factors = [one for one in model.trainable_variables if "lora_kernel" in one.path]
    assert factors and all(np.any(one.numpy() != 0.0) for one in factors)  # else dead for good
    outputs = tf.saved_model.load(str(tmp_path / "run/saved_model")).signatures["serving_default"](
        text=tf.constant(["thunderstorm is hot"])
    )
    pieces = model.encoder.look_up(tf.constant([["thunderstorm", "is", "hot"]]))
    np.testing.assert_allclose(outputs["probabilities"], np.exp(model(pieces)["label"]), atol=1e-5)


def test_weights_of_the_preset_are_data_of_a_run(settings, preset, tmp_path, broken_off):
    with broken_off(2):
        az.train("text", tmp_path / "run", **settings, checkpoint_steps=1)
    (tmp_path / "preset/note.txt").write_text("other weights")
    with pytest.raises(ValueError, match=r"other data \(encoder changed since"):
        az.train("text", tmp_path / "run", **settings, checkpoint_steps=1)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"encoder": "nothing_of_this_name"}, "^preset 'nothing_of_this_name' cannot be loaded"),
        ({"encoder": None, "pooling": "mean"}, "^pooling is 'mean' without a pretrained encoder"),
        ({"encoder": None, "lora_rank": 4}, "^lora_rank is 4 without a pretrained encoder, expec"),
        ({"second_learning_rate": 0.1, "attention": "hybrid"}, "^second_learning_rate is 0.1 besi"),
    ],
)
def test_bad_settings_are_one_line_errors(settings, more, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        az.train("text", tmp_path / "run", **settings | more)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()
