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

    class Stop:
        calls = 0

        @property
        def requested(self):
            self.calls += 1
            return self.calls == 5

    with Workdir(tmp_path, {}) as workdir:
        assert not run(
            broken, source, checkpoints=Checkpoints(workdir, every_steps=STEPS), stop=Stop()
        )
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
