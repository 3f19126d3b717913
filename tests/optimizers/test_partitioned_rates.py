"""PartitionedOptimizer: one rate for all parts, which keep their proportion."""

import keras
import numpy as np
import pytest
from keras.optimizers import SGD, Adam, LossScaleOptimizer
from support.optimizers import FIT, assert_equal, rate, values

from attention_zoo.callbacks import SwitchAttention, reset
from attention_zoo.optimizers import PartitionedOptimizer


def test_a_rate_that_is_set_keeps_the_proportion(linear_model):
    model = linear_model()
    optimizer = PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.1))
    assert optimizer.learning_rate is optimizer.focus.learning_rate
    optimizer.learning_rate = 0.05
    assert rate(optimizer.focus) == pytest.approx(0.05)
    assert rate(optimizer.classifier) == pytest.approx(0.01)


def test_a_rate_reaches_every_part_however_it_is_changed(linear_model, data):
    """Set, assigned, by Keras's callbacks, to 0 and back: the steps are those of equal rates."""
    rates = [0.5, 0.25, 0.0, 0.1]

    def assign(model, epoch):
        model.optimizer.learning_rate.assign(rates[epoch])

    ways = {
        "assign": keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: assign(parted, epoch)
        ),
        "scheduler": keras.callbacks.LearningRateScheduler(lambda epoch, rate: rates[epoch]),
    }
    for callback in ways.values():
        parted, by_hand = linear_model(), linear_model()
        by_hand.set_weights(parted.get_weights())
        parted.compile(
            PartitionedOptimizer.of(parted, focus=SGD(0.5), classifier=SGD(0.1, momentum=0.9))
        )
        parted.fit(*data, epochs=4, callbacks=[callback], **FIT)
        focus, classifier = SGD(0.5), SGD(0.1, momentum=0.9)
        by_hand.compile(
            PartitionedOptimizer.of(by_hand, focus=focus, classifier=classifier), run_eagerly=True
        )
        for epoch in range(4):
            by_hand.optimizer.learning_rate = rates[epoch]
            assert rate(classifier) == pytest.approx(0.2 * rates[epoch])
            by_hand.fit(*data, **FIT)
        assert np.any(values(parted.variables)[0])
        for one, other in zip(parted.get_weights(), by_hand.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
        assert rate(parted.optimizer) == pytest.approx(0.1)


def test_a_plateau_lowers_every_rate_down_to_nothing(linear_model, data):
    model = linear_model()
    model.compile(PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.1)))
    plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.0, patience=0, min_delta=1e9)
    before = None
    for epochs in (3, 2):
        model.fit(*data, epochs=epochs, callbacks=[plateau], **FIT)
        if before is not None:
            assert_equal(values(model.trainable_variables), before)
        before = values(model.trainable_variables)
    assert [rate(model.optimizer.focus), rate(model.optimizer.classifier)] == [0.0, 0.0]
    model.optimizer.learning_rate = 1.0
    assert rate(model.optimizer.classifier) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("rates", "leads"), [((0.0, 0.1, 0.2), "classifier"), ((0.0, 0.0, 0.0), "focus")]
)
def test_a_part_whose_rate_is_0_does_not_lead(rates, leads, with_encoder):
    model = with_encoder()
    names = "focus", "classifier", "encoder"
    parts = {name: SGD(rate) for name, rate in zip(names, rates, strict=True)}
    optimizer = PartitionedOptimizer.of(model, **parts)
    assert optimizer.learning_rate is parts[leads].learning_rate
    optimizer.learning_rate = 0.3
    expected = [0.0, 0.3, 0.6] if leads == "classifier" else [0.3] * 3
    assert [rate(one) for one in parts.values()] == pytest.approx(expected)


def test_the_rate_of_one_part_alone_cannot_be_set(linear_model):
    model = linear_model()
    optimizer = PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.1))
    with pytest.raises(ValueError, match="^the learning rate of part 'classifier' is set to 0.2"):
        optimizer.classifier.learning_rate = 0.2


@pytest.mark.parametrize("value", [0.25, 0.0])
def test_a_changed_rate_is_saved(linear_model, data, tmp_path, value):
    model = linear_model()
    optimizers = {"focus": SGD(0.5, momentum=0.5), "classifier": Adam(0.1)}
    model.compile(PartitionedOptimizer.of(model, **optimizers))
    model.fit(*data, **FIT)
    model.optimizer.learning_rate = value
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, loaded):
        assert rate(one.optimizer) == value
        assert rate(one.optimizer.classifier) == pytest.approx(0.2 * value)
        one.optimizer.learning_rate = 0.5
        one.fit(*data, **FIT)
    assert_equal(values(loaded.trainable_variables), values(model.trainable_variables))


@pytest.mark.parametrize("share", ["focus", "classifier"])
def test_a_rate_that_follows_a_schedule_cannot_be_set(linear_model, data, share):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 3, 0.1)
    model = linear_model("hybrid")
    optimizers = {"focus": SGD(0.5), "classifier": SGD(0.1)} | {share: SGD(schedule)}
    model.compile(PartitionedOptimizer.of(model, **optimizers))
    with pytest.raises(TypeError, match="expected a number, and optimizers without a sch"):
        model.optimizer.learning_rate = 0.2
    with pytest.raises(ValueError, match="the optimizer's follows a schedule"):
        model.fit(*data, callbacks=[SwitchAttention(1, learning_rate=0.2)], **FIT)
    model.fit(*data, callbacks=[SwitchAttention(9)], **FIT)
    assert rate(model.optimizer) == pytest.approx(0.05 if share == "focus" else 0.5)


@pytest.mark.parametrize("scaled", [False, True])
def test_the_switch_resets_both_and_sets_both_rates(linear_model, data, scaled):
    model = linear_model("hybrid")
    optimizers = {"focus": SGD(0.5, momentum=0.5), "classifier": Adam(0.1)}
    optimizer = PartitionedOptimizer.of(model, **optimizers)
    model.compile(LossScaleOptimizer(optimizer) if scaled else optimizer)
    switch = SwitchAttention(1, learning_rate=0.25)
    model.fit(*data, epochs=2, callbacks=[switch], **FIT)
    assert rate(optimizer.focus) == 0.25
    assert rate(optimizer.classifier) == pytest.approx(0.05)
    counts = [one.iterations.numpy() for one in (optimizer, optimizer.focus, optimizer.classifier)]
    assert counts == [3, 3, 3]


def test_reset_is_the_state_before_the_first_step(linear_model, data):
    model = linear_model()
    optimizers = {"focus": Adam(0.5), "classifier": SGD(0.1, momentum=0.9)}
    model.compile(PartitionedOptimizer.of(model, **optimizers))
    model.optimizer.build(model.trainable_variables)
    before = values(model.optimizer.variables)
    model.fit(*data, **FIT)
    reset(model.optimizer, model.trainable_variables)
    assert_equal(values(model.optimizer.variables), before)
