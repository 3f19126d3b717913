import csv

import keras
import numpy as np
import pytest

from attention_zoo import layers
from attention_zoo.callbacks import FocusDrive, SwitchAttention, SwitchSignal, focus_drive

FIT = {"batch_size": 4, "shuffle": False, "verbose": 0}
NAMES = ["drive_soft", "drive_hard", "drive_lvml"]

# These tests are of a hybrid in its phase, as it is; that it stays there is its own warning.
pytestmark = pytest.mark.filterwarnings("ignore:attention is hybrid")


def compiled(model):
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), run_eagerly=True)
    return model


def told(monkeypatch, signal, soft, hard, loss):
    """The signal's answers, had it measured these drives and this soft loss in turn."""
    answers = []
    for measured in zip(soft, hard, loss, strict=True):
        drives = dict(zip(("soft", "hard"), measured))
        monkeypatch.setattr(signal, "_measure", lambda d=drives, m=measured: (d, {"soft": m[2]}))
        answers.append(signal.should_switch(len(answers), {}))
    return answers


@pytest.fixture
def signal(linear_model, data):
    """Bound to a hybrid of soft and hard, on a probe with label entropy log 2."""
    signal = FocusDrive(data[0], np.arange(12) % 2)
    signal.bind(linear_model("hybrid"))
    return signal


# The monitor


@pytest.mark.parametrize("attention", ["soft", "hybrid"])
def test_logs_hold_the_drives_of_every_epoch_end(linear_model, data, attention):
    class Measure(keras.callbacks.Callback):
        drives = []

        def on_epoch_end(self, epoch, logs=None):
            self.drives.append([*focus_drive(self.model, *data).values()])

    model = compiled(linear_model(attention))
    history = model.fit(*data, epochs=3, callbacks=[FocusDrive(*data), Measure()], **FIT).history
    assert [list(row) for row in zip(*(history[name] for name in NAMES))] == Measure.drives
    assert len(set(history["drive_soft"])) == 3


def test_callbacks_after_it_see_the_drives(linear_model, data, tmp_path):
    logger = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    model = compiled(linear_model())
    history = model.fit(*data, epochs=2, callbacks=[FocusDrive(*data), logger], **FIT).history
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text("utf-8").splitlines()))
    for name in NAMES:
        assert [float(row[name]) for row in rows] == history[name]


def test_measuring_does_not_change_the_training(linear_model, data):
    model = compiled(linear_model())
    start = model.get_weights()
    model.fit(*data, epochs=2, **FIT)
    watched = compiled(linear_model())
    watched.set_weights(start)
    watched.fit(*data, epochs=2, callbacks=[FocusDrive(*data)], **FIT)
    for weight, expected in zip(watched.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_same_object_may_be_monitor_and_signal(linear_model, data):
    drive = FocusDrive(*data)
    switch = SwitchAttention(drive)
    model = compiled(linear_model("hybrid"))
    history = model.fit(*data, epochs=2, callbacks=[drive, switch], **FIT).history
    assert set(NAMES) <= set(history)


@pytest.mark.slow
def test_two_replicas_give_the_drives_of_one(linear_model, data, two_replicas):
    model = linear_model("hybrid")
    with two_replicas.scope():
        mirrored = linear_model("hybrid")
        mirrored.compile("sgd")
    mirrored.set_weights(model.get_weights())
    mirrored.optimizer.learning_rate = 0.0
    history = mirrored.fit(*data, callbacks=[FocusDrive(*data)], **FIT).history
    found = [history[name][0] for name in NAMES]
    np.testing.assert_allclose(found, [*focus_drive(model, *data).values()], atol=1e-5)


# The signal


def test_is_a_signal(data):
    assert isinstance(FocusDrive(), SwitchSignal)


def test_says_switch_when_firsts_drive_stays_below(monkeypatch, signal):
    said = told(
        monkeypatch, signal, [0.7, 0.4, 0.8, 0.4, 0.3], [0.2, 0.5, 0.5, 0.6, 0.6], [0.3] * 5
    )
    assert said == [False, False, False, False, True]


def test_equal_drives_are_not_below(monkeypatch, signal):
    assert not any(told(monkeypatch, signal, [0.5] * 3, [0.5] * 3, [0.3] * 3))


def test_epochs_before_the_classifier_knows_anything_do_not_count(monkeypatch, signal):
    """Label entropy log 2 = 0.693 nats: counted from a loss of 0.624 down."""
    losses = [0.70, 0.69, 0.63, 0.62, 0.61]
    said = told(monkeypatch, signal, [0.001] * 5, [0.002] * 5, losses)
    assert said == [False, False, False, False, True]


def test_drives_that_are_no_numbers_never_say_switch(monkeypatch, signal):
    nan = [float("nan")] * 3
    assert not any(told(monkeypatch, signal, nan, nan, nan))
    assert not any(told(monkeypatch, signal, nan, nan, [0.3] * 3))


@pytest.mark.parametrize("cut", range(1, 5))
def test_restored_state_answers_as_if_unbroken(monkeypatch, signal, linear_model, data, cut):
    soft, hard, loss = [0.7, 0.4, 0.8, 0.4, 0.3], [0.2, 0.5, 0.5, 0.6, 0.6], [0.3] * 5
    said = told(monkeypatch, signal, soft[:cut], hard[:cut], loss[:cut])
    second = FocusDrive(data[0], np.arange(12) % 2)
    second.set_state(signal.get_state())
    second.bind(linear_model("hybrid"))
    said += told(monkeypatch, second, soft[cut:], hard[cut:], loss[cut:])
    assert said == [False, False, False, False, True]


@pytest.mark.parametrize("pair", [("soft", "lvml"), ("lvml", "hard"), ("hard", "soft")])
def test_compares_the_drives_of_the_hybrids_paradigms(linear_model, data, pair):
    (first, second), (x, y) = pair, data
    for seed in range(6):
        keras.utils.set_random_seed(seed)
        model = linear_model(layers.HybridAttention(first, second))
        signal = FocusDrive(x, y, patience=1)
        signal.bind(model)
        loss = dict.fromkeys(("soft", "hard", "lvml"), 0.0)  # as if all were known
        drives, _ = signal._measure()
        signal._measure = lambda d=drives, known=loss: (d, known)
        found = focus_drive(model, x, y)
        assert signal.should_switch(0, {}) == (found[first] < found[second])


def test_softs_drive_falls_below_hards_in_training(linear_model):
    """Orthogonal segments: soft pulls harder at first, then fades (PAPER.md, section 2)."""
    rng = np.random.default_rng(0)
    label, focus = rng.integers(3, size=96), rng.integers(3, size=96)
    x = 0.01 * rng.normal(size=(96, 3, 4)).astype("float32")
    x[np.arange(96), focus, label] += 1.0
    y = {"label": label, "focus": focus}
    model = linear_model("hybrid")
    for variable in model.trainable_variables:
        variable.assign(0.0 * variable)
    model.compile(keras.optimizers.SGD(1.0), jit_compile=False)
    drive = FocusDrive(x, y)
    switch = SwitchAttention(drive)
    history = model.fit(x, y, epochs=14, callbacks=[drive, switch], **FIT | {"batch_size": 8})
    soft, hard = (np.array(history.history[name]) for name in NAMES[:2])
    assert soft[0] > hard[0]
    crossed = np.flatnonzero(soft < hard)[0]
    assert switch.switched_epoch == crossed + 2


# The probe


def test_probe_may_be_given_before_training(linear_model, data):
    drive = FocusDrive()
    drive.probe(*data)
    model = compiled(linear_model("hybrid"))
    model.fit(*data, callbacks=[SwitchAttention(when=drive)], **FIT)
    drive.bind(model)
    assert drive._measure()[0] == focus_drive(model, *data)


def callbacks(use, drive):
    return [drive] if use == "monitor" else [SwitchAttention(drive)]


@pytest.mark.parametrize("use", ["monitor", "signal"])
def test_no_probe_is_an_error_that_says_how_to_give_one(linear_model, data, use):
    model = compiled(linear_model("hybrid"))
    with pytest.raises(ValueError, match=r"no probe batch, expected FocusDrive\(inputs, targets\)"):
        model.fit(*data, callbacks=callbacks(use, FocusDrive()), **FIT)
    assert int(model.optimizer.iterations.numpy()) == 0


@pytest.mark.parametrize("use", ["monitor", "signal"])
def test_probe_with_an_unknown_class_is_refused_before_training(linear_model, data, use):
    model = compiled(linear_model("hybrid"))
    drive = FocusDrive(data[0], np.full(12, 7))
    with pytest.raises(ValueError, match="label is 7 at row 0, expected 0 to 2"):
        model.fit(*data, callbacks=callbacks(use, drive), **FIT)
    assert int(model.optimizer.iterations.numpy()) == 0


@pytest.mark.parametrize(("inputs", "targets"), [(True, False), (False, True)])
def test_half_a_probe_is_refused(data, inputs, targets):
    missing = "targets" if inputs else "inputs"
    with pytest.raises(ValueError, match=f"{missing} of the probe are None"):
        FocusDrive(data[0] if inputs else None, data[1] if targets else None)


def test_probe_of_one_class_is_no_signal(linear_model, data):
    with pytest.raises(ValueError, match="all labels of FocusDrive's probe are 1, expected two"):
        FocusDrive(data[0], np.ones(12, int)).bind(linear_model("hybrid"))


@pytest.mark.parametrize(
    ("first", "second", "got"),
    [
        ("soft", "gumbel", "SoftAttention and GumbelAttention"),
        ("reinforce", "hard", "ReinforceAttention and HardAttention"),
        ("soft", "soft", "SoftAttention and SoftAttention"),
    ],
)
def test_hybrid_whose_drives_say_nothing_is_refused(linear_model, data, first, second, got):
    model = linear_model(layers.HybridAttention(first, second))
    message = rf"hybrid of {got}, expected two different ones of \['hard', 'lvml', 'soft'\]"
    with pytest.raises(ValueError, match=message):
        FocusDrive(*data).bind(model)


@pytest.mark.parametrize("step", [0, -1, 2.0])
def test_step_must_lie_between_0_and_1(step):
    with pytest.raises(ValueError, match=f"step is {step}, expected a number above 0 and up to 1"):
        FocusDrive(step=step)


def test_patience_must_be_a_number_of_epochs():
    with pytest.raises(ValueError, match="patience is 0, expected epochs: an int of 1 or more"):
        FocusDrive(patience=0)


def test_probe_of_one_hot_labels_is_that_of_ids(linear_model, data):
    model, (x, y) = linear_model("lvml"), data
    one_hot = y | {"label": np.eye(3)[y["label"]]}
    assert focus_drive(model, x, one_hot) == focus_drive(model, x, y)
    several = y | {"label": np.ones_like(one_hot["label"])}
    with pytest.raises(ValueError, match="^label at row 0 has sum 3 and minimum 1, expected"):
        focus_drive(model, x, several)
