"""What a focus means: one rule, which metrics, evaluations and the study go by."""

import keras
import numpy as np
import pytest

from attention_zoo import metrics
from attention_zoo.evaluation import attention_on_truth
from attention_zoo.metrics._hits import true_segments

A = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.2, 0.2, 0.6]], "float32")
INDEX = [2, -1, 0]
MASK = [[0, 0, 1], [0, 0, 0], [1, 0, 0]]


def of(truth, a=A):
    true, known = true_segments(truth, keras.ops.convert_to_tensor(a))
    return keras.ops.convert_to_numpy(true), keras.ops.convert_to_numpy(known)


@pytest.mark.parametrize(
    "truth",
    [
        *(np.array(INDEX, dtype) for dtype in ("int32", "int64", "float32")),
        np.array(INDEX)[:, None],
        *(np.array(MASK, dtype) for dtype in ("bool", "int32", "float32")),
        np.array(MASK) - 1 + np.array(MASK),  # -1 is no mark
    ],
)
def test_an_index_and_a_mask_say_the_same(truth):
    true, known = of(truth)
    np.testing.assert_array_equal(true, np.array(MASK, bool))
    np.testing.assert_array_equal(known, [True, False, True])
    np.testing.assert_allclose(attention_on_truth(truth, A), [0.2, np.nan, 0.2])
    accuracy = metrics.FocusAccuracy()
    accuracy.update_state(truth, A)
    assert float(accuracy.result()) == 0.0 and float(accuracy.count) == 2


def test_of_one_segment_a_bool_is_a_mask():
    a, zero = np.ones((2, 1), "float32"), np.array([[0], [-1]])
    for truth, expected in ((zero, [[True], [False]]), (zero == -1, [[False], [True]])):
        true, known = of(truth, a)
        np.testing.assert_array_equal(true, expected)
        np.testing.assert_array_equal(known, np.array(expected)[:, 0])


def test_an_index_that_no_segment_has_is_known():
    true, known = of(np.array([3, -1, 0]))
    np.testing.assert_array_equal(true.any(axis=1), [False, False, True])
    np.testing.assert_array_equal(known, [True, False, True])
    with pytest.raises(ValueError, match="^focus is 3, expected an index below 3: there are 3"):
        attention_on_truth([3, -1, 0], A)


def test_a_mask_of_other_segments_is_one_line():
    with pytest.raises(
        ValueError, match=r"^focus has shape \(3, 2\), attention has shape \(3, 3\)"
    ):
        attention_on_truth(np.ones((3, 2)), A)
