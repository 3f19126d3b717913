import dataclasses

import keras
import numpy as np
import pytest

from attention_zoo._settings import make
from attention_zoo.callbacks import FocusDrive, FocusStalled
from attention_zoo.training.checks import check_config
from attention_zoo.training.components import (
    make_attention,
    make_optimizer,
    make_switch,
)
from attention_zoo.training.config import TaskConfig


def probe():
    return np.zeros((2, 3, 4), "float32"), {"label": np.array([0, 1])}


def switch_of(settings):
    optimizer = make_optimizer(settings, None)
    return make_switch(settings, make_attention(settings), optimizer, probe)


def check(settings, num_replicas=1):
    check_config(settings, make_attention(settings), 96, num_replicas)


def test_only_a_hybrid_switches():
    assert switch_of(TaskConfig(attention="soft")) is None


@pytest.mark.parametrize(
    ("settings", "epoch", "rate"),
    [
        ({}, 3, 0.01),
        ({"epochs": 15}, 7, 0.01),
        ({"switch_epoch": 0, "learning_rate": 1.0}, 0, 0.2),
        ({"switch_epoch": 5, "second_learning_rate": 0.02}, 5, 0.02),
    ],
)
def test_the_epoch_and_the_second_rate(settings, epoch, rate):
    switch = switch_of(TaskConfig(**settings))
    assert switch.when == epoch
    assert switch.learning_rate == pytest.approx(rate)
    assert switch.reset_optimizer


def test_signals_by_name():
    switch = switch_of(TaskConfig(switch_when="focus_stalled"))
    assert isinstance(switch.when, FocusStalled)
    switch = switch_of(TaskConfig(switch_when="focus_drive"))
    assert isinstance(switch.when, FocusDrive)


def test_the_optimizer_clips_the_whole_gradient(linear_model):
    settings = TaskConfig(clip_norm=0.5, learning_rate=0.1, momentum=0.8)
    optimizer = make_optimizer(settings, linear_model())
    assert optimizer.global_clipnorm == 0.5 and optimizer.momentum == 0.8
    assert float(optimizer.learning_rate.numpy()) == pytest.approx(0.1)
    assert make_optimizer(TaskConfig(), linear_model()).global_clipnorm is None


def test_a_rate_of_the_classifiers_own(linear_model):
    settings = TaskConfig(learning_rate=0.1, classifier_learning_rate=0.02, clip_norm=0.5)
    rates = {"focus": 0.1, "classifier": 0.02}
    optimizer = make_optimizer(settings, linear_model(), rates, "classifier")
    for one, rate in ((optimizer.focus, 0.1), (optimizer.classifier, 0.02)):
        assert float(one.learning_rate.numpy()) == pytest.approx(rate)
        assert one.momentum == 0.9 and one.global_clipnorm == 0.5
    assert optimizer.parts == ("focus", "classifier", "classifier")


def test_momentum_is_at_most_one():
    assert make(TaskConfig, {"momentum": 1.0}).momentum == 1.0
    with pytest.raises(ValueError, match="^momentum is 2, expected 1 or less$"):
        make(TaskConfig, {"momentum": 2})


REPLICAS = [
    ({"clip_norm": 1.0}, "^clip_norm is 1.0 with 2 replicas, expected none: "),
    ({"batch_size": 33}, "^batch_size is 33, expected a multiple of 2, the number of replicas$"),
    ({"jit_compile": "true"}, "^jit_compile is 'true' with 2 replicas, expected 'auto' or 'false'"),
]


@pytest.mark.parametrize(("settings", "message"), REPLICAS)
def test_what_several_replicas_cannot_do(settings, message):
    settings = TaskConfig(**{"batch_size": 32} | settings)
    check(settings)
    with pytest.raises(ValueError, match=message):
        check(settings, 2)


@pytest.mark.parametrize(
    ("phases", "sound"),
    [
        ({"first_attention": "lvml"}, True),
        ({"first_attention": "gumbel"}, False),
        ({"second_attention": "reinforce"}, False),
        ({"second_attention": "soft"}, False),
        ({"first_attention": "gumbel", "attention": "lvml"}, True),
    ],
)
def test_the_drives_of_three_paradigms_can_be_compared(phases, sound):
    settings = TaskConfig(switch_when="focus_drive", batch_size=32, **phases)
    if sound:
        check(settings)
        return
    with pytest.raises(
        ValueError, match="^switch_when is 'focus_drive' with a hybrid of .*, expec"
    ):
        check(settings)


def test_a_schedule_is_kept_in_the_second_phase():
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 100)
    settings = TaskConfig()
    optimizer = keras.optimizers.SGD(schedule)
    switch = make_switch(settings, make_attention(settings), optimizer, probe)
    assert switch.learning_rate is None and not switch.reset_optimizer
    assert switch_of(settings).reset_optimizer  # of a rate that is a number


@pytest.mark.parametrize("settings", [{"keep": "loss"}, {"keep": "accuracy", "patience": 2}])
def test_the_best_epoch_is_chosen_by_validation_examples(settings):
    settings = TaskConfig(batch_size=32, **settings)
    check(settings)
    with pytest.raises(ValueError, match="^keep is '(loss|accuracy)' without validation examples"):
        check_config(settings, make_attention(settings), 96, 1, has_validation=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"attention": "soft"},
            "^accumulation is 13, expected 12 or less, the steps of the run: w",
        ),
        ({}, "^accumulation is 13, expected 6 or less, the steps of a phase: weights would not mo"),
        ({"switch_epoch": 0}, "^accumulation is 13, expected 12 or less, the steps of the run: w"),
        (
            {"switch_when": "focus_stalled"},
            "^accumulation is 13, expected 12 or less, the steps of",
        ),
        ({"schedule": "cosine"}, "^accumulation is 13, expected 12 or less, the steps of the run"),
    ],
)
def test_accumulation_that_never_moves_the_weights_is_refused(settings, message):
    """96 examples, four epochs of three steps."""
    settings = TaskConfig(batch_size=32, epochs=4, **settings)
    check(dataclasses.replace(settings, accumulation=6))
    with pytest.raises(ValueError, match=message) as error:
        check(dataclasses.replace(settings, accumulation=13))
    assert "\n" not in str(error.value)


def last_update(settings, steps):
    """The step after which weights move no more."""
    weight = keras.Variable(0.0)
    optimizer, found = make_optimizer(settings, None), 0
    for step in range(1, steps + 1):
        before = float(weight.numpy())
        optimizer.apply([keras.ops.ones(())], [weight])
        found = step if float(weight.numpy()) != before else found
    return found


@pytest.mark.parametrize("accumulation", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("attention", ["soft", "hybrid"])
def test_steps_whose_gradients_are_dropped_are_counted(attention, accumulation, caplog):
    """Of each phase: the second one's optimizer is fresh."""
    settings = TaskConfig(
        batch_size=32, epochs=4, switch_epoch=2, attention=attention, accumulation=accumulation
    )
    check(settings)
    phases = [12] if attention == "soft" else [6, 6]
    dropped = sum(steps - last_update(settings, steps) for steps in phases)
    assert ("are dropped" in caplog.text) == (dropped > 0)
    if dropped:
        what = "the run" if attention == "soft" else "each phase"
        expected = f"accumulation is {accumulation}: the gradients of {dropped} of 12 steps are"
        assert f"{expected} dropped, the last of {what}" in caplog.text
