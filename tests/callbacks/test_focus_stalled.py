import json

import pytest

from attention_zoo.callbacks import FocusStalled, SwitchAttention, SwitchSignal


def answers(signal, values, name="focus_entropy"):
    return [signal.should_switch(epoch, {name: value}) for epoch, value in enumerate(values)]


def test_is_a_signal():
    assert isinstance(FocusStalled(), SwitchSignal)


def test_entropy_that_stops_falling_says_switch():
    said = answers(FocusStalled(patience=2, min_delta=0.01), [1.6, 1.2, 0.5, 0.495, 0.51, 0.6])
    assert said == [False, False, False, False, True, True]


def test_plateau_before_the_first_improvement_does_not_count():
    plateau, fall, stall = [1.61] * 10, [1.2, 0.4], [0.4] * 2
    said = answers(FocusStalled(patience=2), plateau + fall + stall)
    assert said == [False] * 13 + [True]


def test_value_that_never_improves_never_says_switch():
    assert not any(answers(FocusStalled(patience=1), [1.0, 1.1, 1.0, 1.2]))


def test_steps_below_min_delta_add_up_to_an_improvement():
    slow_fall = [1.0 - 0.004 * epoch for epoch in range(40)]
    assert not any(answers(FocusStalled(patience=3, min_delta=0.01), slow_fall))
    assert any(answers(FocusStalled(patience=2, min_delta=0.01), slow_fall))


def test_improvement_is_by_more_than_min_delta():
    said = answers(FocusStalled(patience=1, min_delta=0.25), [2.0, 1.0, 0.75])
    assert said == [False, False, True]


def test_an_improvement_starts_the_count_anew():
    said = answers(FocusStalled(patience=2), [1.5, 1.0, 1.0, 0.5, 0.5, 0.5])
    assert said == [False] * 5 + [True]


def test_nan_is_no_improvement():
    nan = float("nan")
    said = answers(FocusStalled(patience=2), [nan, 1.5, 1.0, nan, nan])
    assert said == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("monitor", "mode"),
    [
        ("loss", "min"),
        ("val_loss", "min"),
        ("focus_entropy", "min"),
        ("val_focus_entropy", "min"),
        ("focus_accuracy", "max"),
        ("val_label_accuracy", "max"),
    ],
)
def test_auto_knows_the_direction_of_the_logs_names(monitor, mode):
    falling, rising = [3.0, 2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 3.0]
    better, worse = (falling, rising) if mode == "min" else (rising, falling)
    turned = better + worse
    for given in ("auto", mode):
        said = answers(FocusStalled(monitor, patience=3, mode=given), turned, monitor)
        assert said == [False] * 6 + [True] * 2


@pytest.mark.parametrize("cut", range(1, 9))
def test_restored_state_answers_as_if_unbroken(cut):
    values = [1.6, 1.6, 1.2, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3]
    unbroken = answers(FocusStalled(patience=3), values)
    first, second = FocusStalled(patience=3), FocusStalled(patience=3)
    said = answers(first, values[:cut])
    second.set_state(json.loads(json.dumps(first.get_state())))
    assert said + answers(second, values[cut:]) == unbroken
    assert unbroken == [False] * 8 + [True]


def test_fresh_state_is_that_of_no_epoch():
    signal = FocusStalled(patience=1)
    fresh = signal.get_state()
    answers(signal, [1.0, 0.5, 0.5])
    signal.set_state(fresh)
    assert answers(signal, [1.0, 1.0, 0.5, 0.5]) == [False, False, False, True]


def test_missing_value_is_an_error_that_lists_the_names_there(linear_model, data):
    model = linear_model("hybrid")
    model.compile("sgd", run_eagerly=True)
    signal = FocusStalled("val_focus_accuracy")
    with pytest.raises(ValueError, match=r"monitors 'val_focus_accuracy', .* 'loss'\]") as error:
        model.fit(*data, callbacks=[SwitchAttention(signal)], verbose=0)
    assert "\n" not in str(error.value)
    assert "'focus_entropy'" in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"patience": 0}, "patience is 0, expected epochs: an int of 1 or more"),
        ({"patience": 1.5}, "patience is 1.5, expected"),
        ({"patience": True}, "patience is True, expected"),
        ({"min_delta": -0.1}, "min_delta is -0.1, expected a number of 0 or more"),
        ({"mode": "down"}, "mode is 'down', expected 'auto', 'min' or 'max'"),
        ({"monitor": "FTPT"}, "monitor is 'FTPT', expected mode 'min' or 'max'"),
    ],
)
def test_bad_setting_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        FocusStalled(**settings)


def test_mode_given_allows_any_name():
    said = answers(FocusStalled("FTPT", patience=1, mode="max"), [0.1, 0.3, 0.2], "FTPT")
    assert said == [False, False, True]
