import functools

import numpy as np
import pytest

from attention_zoo import dynamics

FLOW = {"num_segments": 5, "num_classes": 3, "times": 1.0}
HELD = {"attention": 0.5, "num_classes": 3, "times": 1.0}
POINT = {"mu": 1.0, "num_segments": 5, "num_classes": 3}
CALLS = {
    "trajectory": (functools.partial(dynamics.trajectory, "soft"), FLOW),
    "integrate": (functools.partial(dynamics.integrate, "soft"), FLOW),
    "hybrid": (dynamics.hybrid, FLOW | {"switch_time": 1.0}),
    "fixed_focus": (functools.partial(dynamics.fixed_focus, "soft"), HELD),
    "drive": (
        functools.partial(dynamics.drive, "soft"),
        {"mu": 1.0, "attention": 0.5, "num_classes": 3},
    ),
    "velocity": (functools.partial(dynamics.velocity, "soft"), POINT | {"nu": 1.0}),
    "score_gap": (functools.partial(dynamics.score_gap, "soft"), POINT),
    "time_to": (functools.partial(dynamics.time_to, "soft"), POINT),
    "best_switch": (dynamics.best_switch, POINT | {"attention": 0.9}),
}
NAN, INF = float("nan"), float("inf")
WRONG = {
    "num_segments": ([1, 0, -3, NAN, INF, [5, 1.5], "5", None, 2j], "2 or more"),
    "num_classes": ([1, 1.999, NAN, np.array([3, -1])], "2 or more"),
    "times": ([-1, NAN, [1.0, -1e-9], INF, "now", [[1.0], [1.0, 2.0]]], "0 or more"),
    "switch_time": ([-1, NAN, None], "0 or more"),
    "attention": ([0.0, -0.1, 1.1, NAN, [0.5, 2.0], "all"], "above 0 and"),
    "mu": ([NAN, INF, -501.0, 501, None], "500"),
    "nu": ([NAN, -INF, [0.0, 501]], "-500 to 500"),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_wrong_is_said_in_one_line(name):
    function, arguments = CALLS[name]
    function(**arguments)
    for argument in arguments:
        values, bounds = WRONG[argument]
        for value in values:
            message = f"^{argument} is .*, expected (numbers, )?.*{bounds}"
            with pytest.raises(ValueError, match=message) as error:
                function(**arguments | {argument: value})
            assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("num_segments", 1, "num_segments is 1, expected 2 or more"),
        ("num_classes", [3, 1.5], "num_classes is 1.5, expected 2 or more"),
        ("times", [1, -0.25], "times is -0.25, expected 0 or more"),
        ("times", NAN, "times is nan, expected 0 or more"),
        ("times", "now", "times is 'now', expected numbers, 0 or more"),
        ("start", 3, r"start is 3, expected \(mu, nu\)"),
        ("start", (-1, 0), "mu of start is -1, expected 0 to 500"),
        ("start", (0, NAN), "nu of start is nan, expected -500 to 500"),
    ],
)
def test_value_and_bounds_are_named(argument, value, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        dynamics.trajectory("soft", **FLOW | {argument: value})


@pytest.mark.parametrize("name", CALLS)
def test_shapes_that_do_not_broadcast_are_named(name):
    function, arguments = CALLS[name]
    (first, last), shapes = (list(arguments)[i] for i in (0, -1)), ((3,), (2, 4))
    values = {key: np.full(shape, arguments[key]) for key, shape in zip((first, last), shapes)}
    said = f"{first} has shape .*, expected shapes that broadcast$"
    with pytest.raises(ValueError, match=said) as error:
        function(**arguments | values)
    assert f"{last} has shape" in str(error.value) and "\n" not in str(error.value)


def test_shapes_are_told_of_arrays_only():
    message = (
        r"^times has shape \(4,\), num_segments has shape \(3,\), expected shapes that broadcast$"
    )
    with pytest.raises(ValueError, match=message):
        dynamics.trajectory("soft", num_segments=[2, 3, 4], num_classes=3, times=np.arange(4.0))
    with pytest.raises(ValueError, match=r"^times has shape \(4,\), nu of start has shape \(3,\)"):
        dynamics.trajectory(
            "soft", num_segments=2, num_classes=3, times=np.arange(4.0), start=(0, [0, 1, 2])
        )


def test_attention_of_one_can_be_held_but_not_reached():
    assert dynamics.fixed_focus("soft", **HELD | {"attention": 1}) > 0
    with pytest.raises(ValueError, match="^attention is 1, expected above 0 and below 1$"):
        dynamics.best_switch(**POINT, attention=1)


@pytest.mark.parametrize("wrong", ["Soft", "gumbel", None, 1])
def test_an_unknown_paradigm_is_named(wrong):
    for call in (
        lambda: dynamics.trajectory(wrong, **FLOW),
        lambda: dynamics.fixed_focus(wrong, **HELD),
        lambda: dynamics.hybrid(switch_time=1, **FLOW, second=wrong),
    ):
        with pytest.raises(ValueError, match=f"^paradigm is {wrong!r}, expected one of"):
            call()
