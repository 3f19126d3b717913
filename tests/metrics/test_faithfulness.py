import numpy as np
import pytest

from attention_zoo import metrics

P = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])


@pytest.mark.parametrize("measure", [metrics.comprehensiveness, metrics.sufficiency])
def test_the_drop_is_of_the_predicted_class(measure):
    rest = np.array([[0.4, 0.5, 0.1], [0.05, 0.05, 0.9]])
    np.testing.assert_allclose(measure(P, rest), [0.3, -0.3])
    np.testing.assert_array_equal(measure(P, P), 0.0)


def test_shapes_must_agree():
    with pytest.raises(
        ValueError, match=r"^probabilities have the shapes \(2, 3\) and \(2, 2\), ex"
    ):
        metrics.sufficiency(P, P[:, :2])


def test_flips_and_areas_by_hand():
    p = np.array([[0.7, 0.3], [0.2, 0.8]])
    without = np.array([[0.4, 0.6], [0.1, 0.9]])
    np.testing.assert_array_equal(metrics.flips(p, without), [True, False])
    curve = np.stack([p, without, [[0.1, 0.9], [0.5, 0.5]]], axis=1)
    areas = metrics.curve_area(p, curve)
    np.testing.assert_allclose(areas, [(0.7 + 0.4 + 0.1) / 3, (0.8 + 0.9 + 0.5) / 3])
    with pytest.raises(ValueError, match=r"\(2, 2\), the curve \(2, 2\)"):
        metrics.curve_area(p, without)
