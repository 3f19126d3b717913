import contextlib

import keras
import numpy as np
import pytest

from attention_zoo import datasets
from attention_zoo.datasets.mosaics.device_dataset import resident
from attention_zoo.models import FocusClassifier, networks
from attention_zoo.training.averaging import averaged_weights
from attention_zoo.training.checkpoints import Checkpoints
from attention_zoo.training.loop import Loop
from attention_zoo.training.workdir import Workdir

BATCH, STEPS, EPOCHS, MOMENTUM = 32, 4, 2, 0.7


@pytest.fixture(scope="module")
def source():
    return datasets.load("sdc/digits", num_examples=BATCH * STEPS, num_segments=3)[1].source


def build():
    keras.utils.set_random_seed(0)
    model = FocusClassifier(*networks("linear", (8, 8, 1), 3), "lvml")
    model.build((None, 3, 8, 8, 1))
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=MOMENTUM)
    model.compile(optimizer, jit_compile=False)
    return model


def run(model, source, **options):
    loop = Loop(model, prepare=resident(source, model.distribute_strategy), steps_per_call=1)
    return loop.fit(
        lambda step: source.indices().endless(BATCH, seed=1, first_step=step),
        epochs=EPOCHS,
        steps_per_epoch=STEPS,
        validation=source.indices().dataset(BATCH),
        **options,
    )


class Record(keras.callbacks.Callback):
    """Keeps the weights after every step, and the figures of every epoch."""

    def __init__(self):
        super().__init__()
        self.weights, self.logs = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append(self.model.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(logs)


class StopAtCall:
    """Asks to stop after so many calls."""

    def __init__(self, number):
        self.left = number

    @property
    def requested(self):
        self.left -= 1
        return self.left == 0


def average(steps):
    """Of weights after each step, each a list of arrays; the first step's to begin with."""
    averages = steps[0]
    for weights in steps[1:]:
        averages = [MOMENTUM * a + (1 - MOMENTUM) * w for a, w in zip(averages, weights)]
    return averages


def assert_close(some, others):
    for one, other in zip(some, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)  # float32 sums of 8 steps


def test_a_run_ends_with_the_averages_and_validates_them(source):
    model, record = build(), Record()
    assert run(model, source, callbacks=[record])
    assert_close(model.get_weights(), average(record.weights))
    assert max(np.abs(a - b).max() for a, b in zip(model.get_weights(), record.weights[-1])) > 1e-3
    segments, targets = next(iter(source.dataset(BATCH * STEPS)))
    for epoch, logs in enumerate(record.logs, start=1):
        model.set_weights(average(record.weights[: epoch * STEPS]))
        found = model.evaluate(segments, targets, return_dict=True, verbose=0)
        assert logs["val_loss"] == pytest.approx(found["loss"], abs=1e-5)


def test_fit_ends_with_the_same_averages(source):
    fitted, looped = build(), build()
    batches = source.endless(BATCH, seed=1)
    fitted.fit(batches, steps_per_epoch=STEPS, epochs=EPOCHS, shuffle=False, verbose=0)
    run(looped, source)
    assert_close(looped.get_weights(), fitted.get_weights())


def test_a_run_that_was_broken_off_ends_with_the_same_averages(source, tmp_path):
    unbroken, broken = build(), build()
    run(unbroken, source)

    with Workdir(tmp_path, {}) as workdir:
        checkpoints = Checkpoints(workdir, every_steps=STEPS)
        assert not run(broken, source, checkpoints=checkpoints, stop=StopAtCall(5))
    resumed = build()
    with Workdir(tmp_path, {}) as workdir:
        run(resumed, source, checkpoints=Checkpoints(workdir, every_steps=STEPS))
    for one, other in zip(resumed.get_weights(), unbroken.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_weights_come_back_after_an_error(source):
    model = build()
    run(model, source)
    model.optimizer.apply([0 * w + 1.0 for w in model.trainable_variables])
    before = model.get_weights()
    with contextlib.suppress(KeyError), averaged_weights(model):
        assert np.abs(model.get_weights()[0] - before[0]).max() > 0.1
        raise KeyError
    assert_close(model.get_weights(), before)


# Callbacks


def stopping():
    """The first epoch is its best: the loss falls."""
    return keras.callbacks.EarlyStopping(
        "val_loss", mode="max", patience=EPOCHS, restore_best_weights=True
    )


def first_put_back(source, workdir, stop=None):
    """(weights in the end, whether it came to its end)."""
    model, callback = build(), stopping()
    checkpoints = Checkpoints(workdir, every_steps=STEPS, brought=[callback])
    ended = run(model, source, callbacks=[callback], checkpoints=checkpoints, stop=stop)
    return model.get_weights(), ended


def test_the_best_weights_that_are_put_back_are_the_averages_that_were_validated(source):
    model, record, callback = build(), Record(), stopping()
    run(model, source, callbacks=[record, callback])
    assert callback.best_epoch == 0
    assert_close(model.get_weights(), average(record.weights[:STEPS]))
    segments, targets = next(iter(source.dataset(BATCH * STEPS)))
    found = model.evaluate(segments, targets, return_dict=True, verbose=0)
    assert found["loss"] == pytest.approx(callback.best, abs=1e-5)


def test_saved_weights_are_the_averages_and_training_goes_on_with_the_others(source, tmp_path):
    alone, beside, model = Record(), Record(), build()
    run(build(), source, callbacks=[alone])
    path = str(tmp_path / "{epoch}.weights.h5")
    saved = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    run(model, source, callbacks=[saved, beside])
    for some, others in zip(alone.weights, beside.weights, strict=True):
        for one, other in zip(some, others, strict=True):
            np.testing.assert_array_equal(one, other)
    for epoch in range(1, EPOCHS + 1):
        model.load_weights(tmp_path / f"{epoch}.weights.h5")
        assert_close(model.get_weights(), average(beside.weights[: epoch * STEPS]))


def test_a_run_that_was_broken_off_puts_the_same_averages_back(source, tmp_path):
    with Workdir(tmp_path / "unbroken", {}) as workdir:
        unbroken, _ = first_put_back(source, workdir)
    with Workdir(tmp_path / "broken", {}) as workdir:
        assert not first_put_back(source, workdir, stop=StopAtCall(STEPS + 1))[1]
        resumed, _ = first_put_back(source, workdir)
    for one, other in zip(resumed, unbroken, strict=True):
        np.testing.assert_array_equal(one, other)


class Halve(keras.callbacks.Callback):
    """Sets weights at the end of an epoch."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.set_weights([weight / 2 for weight in self.model.get_weights()])


def test_a_callback_that_sets_weights_is_refused_beside_an_average(source):
    message = "^callback Halve set weights at the end of an epoch, where .* or ema_momentum 0$"
    with pytest.raises(ValueError, match=message):
        run(build(), source, callbacks=[Halve()])


def test_without_an_average_the_weights_that_a_callback_sets_stay(source):
    record, model = Record(), build()
    model.compile(keras.optimizers.SGD(0.5), jit_compile=False)
    run(model, source, callbacks=[record, Halve()])
    assert_close(model.get_weights(), [weight / 2 for weight in record.weights[-1]])
