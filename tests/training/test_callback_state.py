"""The state of callbacks that a user brings."""

import json

import keras
import numpy as np
import pytest

from attention_zoo.training import callback_state


class Counts(keras.callbacks.Callback):
    """A state of numbers, texts, lists and arrays."""

    def __init__(self):
        super().__init__()
        self.seen = [1, (2.5, None)]
        self.by_name = {"a": np.arange(6.0).reshape(2, 3)}
        self.best = np.float32(0.1)


def test_plain_attributes_come_back_through_json():
    state = json.loads(json.dumps(callback_state.get_state(Counts())))
    other = Counts()
    other.seen, other.by_name, other.best = None, None, None
    callback_state.set_state(other, state)
    assert other.seen == [1, [2.5, None]]
    np.testing.assert_array_equal(other.by_name["a"], np.arange(6.0).reshape(2, 3))
    assert other.by_name["a"].dtype == np.float64
    assert other.best == np.float32(0.1) and isinstance(other.best, np.float32)


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True),
        lambda: keras.callbacks.ReduceLROnPlateau("loss", patience=1),
        lambda: keras.callbacks.TerminateOnNaN(),
        lambda: keras.callbacks.ModelCheckpoint("best.keras", save_best_only=True),
    ],
)
def test_the_state_of_kerass_own_callbacks_is_saved(make):
    callback = make()
    callback_state.check(callback)
    json.dumps(callback_state.describe(callback))
    state = json.loads(json.dumps(callback_state.get_state(callback)))
    other = make()
    callback_state.set_state(other, state)
    assert callback_state.get_state(other) == callback_state.get_state(callback)


class SaysItsState(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.probe = object()

    def get_state(self):
        return {}

    def set_state(self, state):
        pass


def test_what_cannot_be_described_is_asked_for_its_config():
    with pytest.raises(ValueError, match="has probe, a object, which .* expected get_config$"):
        callback_state.describe(SaysItsState())


def test_two_of_a_class_are_told_apart_by_what_they_were_made_with():
    one, same, other = (keras.callbacks.EarlyStopping(patience=p) for p in (1, 1, 2))
    assert callback_state.describe(one) == callback_state.describe(same)
    assert callback_state.describe(one) != callback_state.describe(other)


class Holds(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.file = object()


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        ("no callback", "^callbacks has 'no callback', expected Keras callbacks$"),
        (
            Holds(),
            "^callback Holds has file, a object, which no checkpoint can hold, ",
        ),
        (
            keras.callbacks.BackupAndRestore("backup"),
            "^callbacks has a BackupAndRestore, expected none",
        ),
        (
            keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
            "^callbacks has a SwapEMAWeights, expected none",
        ),
        (
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
            "^callback LambdaCallback has on_epoch_end '.*<lambda>', expected a function of a mod",
        ),
    ],
)
def test_what_no_run_could_be_resumed_with_is_refused(callback, message):
    def both():
        callback_state.check(callback)
        callback_state.describe(callback)

    with pytest.raises(ValueError, match=message):
        both()
