import keras
import numpy as np
import pytest
from keras.optimizers.schedules import CosineDecay, PolynomialDecay

from attention_zoo.optimizers import WarmUp

# Rates below 1, by a handful of roundings in float32.
ATOL = 8 * 2.0**-24


def rates(schedule, steps=12):
    return np.array([float(schedule(np.int64(t))) for t in range(steps)])


def test_it_waits_rises_and_then_stays():
    found = rates(WarmUp(0.8, warmup_steps=4, start=3))
    np.testing.assert_allclose(found, [0, 0, 0, 0.2, 0.4, 0.6, *[0.8] * 6], atol=ATOL)
    np.testing.assert_array_equal(found[:3], 0.0)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (PolynomialDecay(0.8, 8, end_learning_rate=0.0), lambda t: 0.8 * (1 - t / 8)),
        (CosineDecay(0.8, 8), lambda t: 0.4 * (1 + np.cos(np.pi * t / 8))),
    ],
)
def test_after_the_rise_another_schedule_begins(after, expected):
    found = rates(WarmUp(after, warmup_steps=2, start=1), 13)
    np.testing.assert_allclose(found[:3], [0, 0.4, 0.8], atol=ATOL)
    t = np.minimum(np.arange(10), 8)
    np.testing.assert_allclose(found[3:], expected(t), atol=ATOL)


def test_without_steps_it_is_the_other_schedule():
    np.testing.assert_array_equal(rates(WarmUp(CosineDecay(0.8, 8))), rates(CosineDecay(0.8, 8)))


@pytest.mark.parametrize("after", [0.3, CosineDecay(0.3, 5)])
def test_it_is_saved_with_its_optimizer(after):
    optimizer = keras.optimizers.SGD(WarmUp(after, 3, 2))
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    np.testing.assert_array_equal(rates(again._learning_rate), rates(WarmUp(after, 3, 2)))


@pytest.mark.parametrize("name", ["warmup_steps", "start"])
def test_steps_below_0_are_refused(name):
    with pytest.raises(ValueError, match=f"^{name} is -1, expected 0 or more$"):
        WarmUp(0.1, **{name: -1})
