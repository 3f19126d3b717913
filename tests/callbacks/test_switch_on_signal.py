"""SwitchAttention with a signal: when it switches, and that a resumed run switches then too."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.callbacks import FocusDrive, FocusStalled, SwitchAttention

FIT = {"batch_size": 4, "shuffle": False, "verbose": 0}  # three steps an epoch
EPOCHS = 6


class Script:
    """Says switch after the given number of epochs; counts by itself, and keeps what it is told."""

    def __init__(self, epochs):
        self.epochs, self.count, self.model, self.asked = epochs, 0, None, []

    def bind(self, model):
        self.model = model

    def should_switch(self, epoch, logs):
        self.asked.append((epoch, sorted(logs)))
        self.count += 1
        return self.count >= self.epochs

    def get_state(self):
        return {"count": self.count}

    def set_state(self, state):
        self.count = state["count"]


class Phases(keras.callbacks.Callback):
    """The phase that every epoch trained with."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            self.seen.append(int(self.model.attention.phase.numpy()))


SIGNALS = {
    "script": lambda data: Script(3),
    "stalled": lambda data: FocusStalled("loss", patience=2, min_delta=0.3),
    "drive": lambda data: FocusDrive(*data),
}


@pytest.fixture
def data():
    """Nearly orthogonal segments, which a linear model learns within three epochs."""
    rng = np.random.default_rng(0)
    label, focus = np.arange(12) % 3, rng.integers(3, size=12)
    x = 0.1 * rng.normal(size=(12, 3, 4)).astype("float32")
    x[np.arange(12), focus, label] += 1.0
    return x, {"label": label, "focus": focus}


@pytest.fixture
def hybrid(linear_model):
    """() -> a compiled hybrid model, the same weights every time."""

    def build(**ways):
        keras.utils.set_random_seed(3)
        model = linear_model("hybrid")
        optimizer = keras.optimizers.SGD(1.0, momentum=0.9)
        model.compile(optimizer, **{"run_eagerly": True} | ways)
        return model

    return build


def assert_same(model, expected):
    """All that was learnt, and the phase; what the two switches remember may differ."""
    for one, other in zip(model.weights, expected.weights, strict=True):
        if one.name != "switch_state":
            np.testing.assert_array_equal(one, other)


def run_own_loop(model, data, callbacks, epochs, first_epoch=0, stop_after_steps=None):
    """A minimal training loop: the functions it compiles are its own, one a trace key."""
    x, y = data
    steps, functions = {}, []
    callbacks = keras.callbacks.CallbackList(callbacks, model=model)
    callbacks.on_train_begin()
    for epoch in range(first_epoch, epochs):
        model.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        for step in range(3):
            key = model.attention.trace_key
            if key not in steps:
                steps[key] = tf.function(lambda batch: model.train_step(batch))
                functions.append(key)
            rows = slice(4 * step, 4 * step + 4)
            steps[key]((x[rows], {name: value[rows] for name, value in y.items()}))
            callbacks.on_train_batch_end(step, model.get_metrics_result())
            if (epoch, step) == stop_after_steps:
                return functions
        callbacks.on_epoch_end(epoch, model.get_metrics_result())
    callbacks.on_train_end()
    return functions


# When it switches


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_the_epoch_after_the_signal_is_the_first_of_the_second_phase(hybrid, data, epochs):
    switch, phases = SwitchAttention(Script(epochs)), Phases()
    hybrid().fit(*data, epochs=4, callbacks=[switch, phases], **FIT)
    assert phases.seen == [0] * epochs + [1] * (4 - epochs)
    assert switch.switched_epoch == epochs


def test_equals_a_switch_at_that_epoch(hybrid, data):
    by_signal, by_epoch = hybrid(), hybrid()
    for model, when in ((by_signal, Script(2)), (by_epoch, 2)):
        switch = SwitchAttention(when, learning_rate=0.3)
        model.fit(*data, epochs=4, callbacks=[switch], **FIT)
        assert switch.switched_epoch == 2
    assert_same(by_signal, by_epoch)


def test_signal_after_the_last_epoch_leaves_the_model_as_it_is(hybrid, data):
    model, switch = hybrid(), SwitchAttention(Script(2))
    model.fit(*data, epochs=2, callbacks=[switch], **FIT)
    assert int(model.attention.phase.numpy()) == 0
    assert switch.switched_epoch is None
    assert switch.get_state() == {
        "switched_epoch": None,
        "is_due": True,
        "signal": {"count": 2},
    }


def test_signal_is_told_the_model_and_asked_once_an_epoch_until_it_says_switch(hybrid, data):
    model, signal = hybrid(), Script(2)
    model.fit(*data, epochs=4, validation_data=data, callbacks=[SwitchAttention(signal)], **FIT)
    assert signal.model is model
    assert [epoch for epoch, _ in signal.asked] == [0, 1]
    assert {"loss", "focus_entropy", "focus_accuracy", "val_loss"} <= set(signal.asked[0][1])


def test_second_phase_is_left_as_it_is(hybrid, data):
    model, signal = hybrid(), Script(1)
    model.attention.switch()
    switch = SwitchAttention(signal)
    model.fit(*data, epochs=2, callbacks=[switch], **FIT)
    assert signal.asked == []
    assert switch.switched_epoch is None


@pytest.mark.parametrize("kind", ["stalled", "drive"])
def test_a_new_run_begins_anew(hybrid, data, kind):
    switch = SwitchAttention(SIGNALS[kind](data))
    runs = []
    for _ in range(2):
        model = hybrid()
        model.fit(*data, epochs=EPOCHS, callbacks=[switch], **FIT)
        runs.append((switch.switched_epoch, switch.get_state()))
    assert runs[0] == runs[1]
    assert 0 < runs[0][0] < EPOCHS


# A resumed run


@pytest.mark.parametrize("kind", ["stalled", pytest.param("drive", marks=pytest.mark.slow)])
def test_resumed_fit_equals_an_unbroken_one(hybrid, data, kind, tmp_path):
    def callback():
        return SwitchAttention(SIGNALS[kind](data), learning_rate=0.3)

    unbroken, expected = hybrid(), callback()
    unbroken.fit(*data, epochs=EPOCHS, callbacks=[expected], **FIT)
    assert 0 < expected.switched_epoch < EPOCHS
    for broken_off in range(1, EPOCHS):
        first, switch = hybrid(), callback()
        first.fit(*data, epochs=broken_off, callbacks=[switch], **FIT)
        first.save(tmp_path / "model.keras")
        state = json.dumps(switch.get_state())

        second, switch = keras.saving.load_model(tmp_path / "model.keras"), callback()
        switch.set_state(json.loads(state))
        second.fit(*data, initial_epoch=broken_off, epochs=EPOCHS, callbacks=[switch], **FIT)
        assert switch.get_state() == expected.get_state()
        assert_same(second, unbroken)


class Killed(Exception):
    pass


class Kill(keras.callbacks.Callback):
    """Breaks the run off as a kill would: without on_train_end."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.at, self._epoch = (epoch, batch), None

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self._epoch, batch) == self.at:
            raise Killed


@pytest.mark.parametrize(
    ("kind", "backup_first"),
    [
        ("stalled", True),
        ("stalled", False),
        pytest.param("script", True, marks=pytest.mark.slow),
        pytest.param("drive", True, marks=pytest.mark.slow),
    ],
)
def test_backup_and_restore_alone_make_a_resumed_run_equal(
    hybrid, data, kind, backup_first, tmp_path
):
    """Killed in the second epoch and as it should switch: nothing but the backup is kept."""

    def run(model, folder, *more):
        switch = SwitchAttention(SIGNALS[kind](data), learning_rate=0.3)
        backup = keras.callbacks.BackupAndRestore(tmp_path / folder)
        callbacks = [backup, switch] if backup_first else [switch, backup]
        model.fit(*data, epochs=EPOCHS, callbacks=[*callbacks, *more], **FIT)
        return model, switch

    unbroken, expected = run(hybrid(), "unbroken")
    assert 0 < expected.switched_epoch < EPOCHS
    for epoch in (1, expected.switched_epoch):
        with pytest.raises(Killed):
            run(hybrid(), f"{epoch}", Kill(epoch, 1))
        resumed, switch = run(hybrid(), f"{epoch}")
        assert resumed.history.epoch == list(range(epoch, EPOCHS))
        assert switch.get_state() == expected.get_state()
        assert_same(resumed, unbroken)


def test_a_model_file_alone_makes_a_resumed_run_equal(hybrid, data, tmp_path):
    def run(model, begin, end):
        switch = SwitchAttention(SIGNALS["stalled"](data))
        saved = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
        settings = FIT | {"initial_epoch": begin, "epochs": end}
        model.fit(*data, callbacks=[saved, switch], **settings)
        return model, switch

    unbroken, expected = run(hybrid(), 0, EPOCHS)
    for epoch in (1, expected.switched_epoch):
        model = keras.saving.load_model(tmp_path / f"{epoch}.keras")
        resumed, switch = run(model, epoch, EPOCHS)
        assert switch.switched_epoch == expected.switched_epoch
        assert_same(resumed, unbroken)


@pytest.mark.parametrize("by", ["checkpoint", "set_weights"])
def test_the_weights_alone_make_a_resumed_run_equal(hybrid, data, by, tmp_path):
    """Also where no file of Keras's is written: what a switch remembers is one of them."""

    def run(model, begin, end):
        switch = SwitchAttention(SIGNALS["stalled"](data))
        settings = FIT | {"initial_epoch": begin, "epochs": end}
        model.fit(*data, callbacks=[switch], **settings)
        return model, switch

    unbroken, expected = run(hybrid(), 0, EPOCHS)
    broken, _ = run(hybrid(), 0, expected.switched_epoch)
    model = hybrid()
    model.optimizer.build(model.trainable_variables)
    if by == "checkpoint":
        path = tf.train.Checkpoint(broken).save(tmp_path / "checkpoint")
        tf.train.Checkpoint(model).restore(path)
    else:
        model.set_weights(broken.get_weights())
        for own, theirs in zip(model.optimizer.variables, broken.optimizer.variables, strict=True):
            own.assign(theirs)
    resumed, switch = run(model, expected.switched_epoch, EPOCHS)
    assert switch.switched_epoch == expected.switched_epoch
    assert_same(resumed, unbroken)


def test_the_state_of_another_signal_is_left_alone(hybrid, data):
    model, stalled = hybrid(), SwitchAttention(FocusStalled("loss"))
    model.fit(*data, epochs=2, callbacks=[stalled], **FIT)
    signal = Script(2)
    settings = FIT | {"initial_epoch": 2, "epochs": 4}
    model.fit(*data, callbacks=[SwitchAttention(signal)], **settings)
    assert [epoch for epoch, _ in signal.asked] == [2, 3]


def test_state_in_numpys_numbers_is_kept(hybrid, data):
    class Numpy(Script):
        def get_state(self):
            return {"count": np.int64(self.count)}

    model = hybrid()
    for epoch in range(3):
        signal = Numpy(3)
        settings = FIT | {"initial_epoch": epoch, "epochs": epoch + 1}
        model.fit(*data, callbacks=[SwitchAttention(signal)], **settings)
        assert signal.count == epoch + 1


def test_state_that_cannot_be_saved_is_warned_of_and_trained_with(hybrid, data, tmp_path):
    class Strange(Script):
        def get_state(self):
            return {"count": self.count, "what": object()}

    model, switch = hybrid(), SwitchAttention(Strange(1))
    with pytest.warns(UserWarning, match="cannot be saved with the model .it holds a object"):
        model.fit(*data, epochs=2, callbacks=[switch], **FIT)
    assert switch.switched_epoch == 1
    model.save_weights(tmp_path / "model.weights.h5")


def test_a_state_without_end_is_warned_of(hybrid, data):
    class Long(Script):
        def get_state(self):
            return {"count": self.count, "seen": "x" * 5000}

    with pytest.warns(UserWarning, match="cannot be saved with the model .switch_state has 5"):
        hybrid().fit(*data, epochs=1, callbacks=[SwitchAttention(Long(1))], **FIT)


def test_state_of_an_epoch_is_restored(hybrid, data):
    switch = SwitchAttention(1)
    hybrid().fit(*data, epochs=2, callbacks=[switch], **FIT)
    state = switch.get_state()
    assert state == {"switched_epoch": 1, "is_due": False, "signal": None}
    other = SwitchAttention(1)
    other.set_state(state)
    assert other.switched_epoch == 1


@pytest.mark.parametrize(("saved", "given"), [(2, Script(2)), (Script(2), 2)])
def test_state_of_another_kind_of_when_is_refused(saved, given):
    with pytest.raises(ValueError, match="but the state to restore is that of a.*the same when"):
        SwitchAttention(given).set_state(SwitchAttention(saved).get_state())


# A loop of one's own


@pytest.mark.parametrize("kind", SIGNALS)
def test_own_loop_equals_fit(hybrid, data, kind):
    fitted, looped = hybrid(run_eagerly=False, jit_compile=False), hybrid()
    switches = [SwitchAttention(SIGNALS[kind](data), learning_rate=0.3) for _ in range(2)]
    fitted.fit(*data, epochs=EPOCHS, callbacks=[switches[0]], **FIT)
    functions = run_own_loop(looped, data, [switches[1]], EPOCHS)
    assert functions == [(0, None), (1, None)]
    assert switches[0].switched_epoch == switches[1].switched_epoch < EPOCHS
    for weight, expected in zip(looped.get_weights(), fitted.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-6)


@pytest.mark.parametrize("when", [0, 2, "script"])
@pytest.mark.parametrize("epoch", [0, 1, 2, 3])
def test_epoch_taken_up_in_the_middle_begins_no_second_switch(hybrid, data, when, epoch):
    """A loop stopped within an epoch says on_epoch_begin again when it goes on with it."""
    switch, again = (SwitchAttention(Script(2) if when == "script" else when) for _ in range(2))
    model = hybrid()
    run_own_loop(model, data, [switch], 4, stop_after_steps=(epoch, 1))
    again.set_state(json.loads(json.dumps(switch.get_state())))
    callbacks = keras.callbacks.CallbackList([again], model=model)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(epoch)
    assert again.get_state() == switch.get_state()
    expected = 2 if when == "script" else when
    switched = epoch >= expected
    assert again.switched_epoch == (expected if switched else None)
    assert int(model.optimizer.iterations.numpy()) == 3 * (epoch - expected * switched) + 2


# What is refused


def test_signal_that_cannot_be_bound_stops_the_run_before_it_trains(hybrid, data):
    model = hybrid()
    with pytest.raises(ValueError, match="no probe batch"):
        model.fit(*data, callbacks=[SwitchAttention(when=FocusDrive())], **FIT)
    assert int(model.optimizer.iterations.numpy()) == 0


@pytest.mark.parametrize("when", ["stalled", FocusStalled, FocusDrive, object()])
def test_what_is_neither_epoch_nor_signal_is_refused(when):
    with pytest.raises(ValueError, match="expected an epoch: an int of 0 or more, or a signal"):
        SwitchAttention(when)
