"""Attributions by other means than attention, against differences and brute force."""

import keras
import numpy as np
import pytest

from attention_zoo._explain.attributions import (
    gradient_x_input,
    integrated_gradients,
    occlusion,
)

N, M, D = 4, 3, 4


@pytest.fixture
def segments():
    return np.random.default_rng(0).normal(size=(N, M, D)).astype("float32")


def log_p(model, x, y):
    q = keras.ops.convert_to_numpy(model(x)["label"])
    return np.take_along_axis(q, y[:, None], axis=1)[:, 0]


def answers(model, x):
    return keras.ops.convert_to_numpy(model(x)["label"]).argmax(axis=1)


@pytest.mark.parametrize("attention", ["soft", "lvml", "hard"])
def test_occlusion_cuts_every_segment_out(linear_model, segments, rounding, attention):
    model = linear_model(attention)
    found = keras.ops.convert_to_numpy(occlusion(model, segments))
    y = answers(model, segments)
    for j in range(M):
        rest = log_p(model, np.delete(segments, j, axis=1), y)
        expected = log_p(model, segments, y) - rest
        np.testing.assert_allclose(found[:, j], expected, atol=rounding(4 * D, 16))


@pytest.mark.parametrize("attention", ["soft", "lvml"])
def test_gradient_is_that_of_differences(linear_model, segments, attention):
    model, h = linear_model(attention), 1e-2
    found = keras.ops.convert_to_numpy(gradient_x_input(model, segments))
    y = answers(model, segments)
    for j in range(M):
        near, far = (
            segments * (1 + sign * h * np.eye(M)[j][None, :, None]).astype("float32")
            for sign in (1, -1)
        )
        slope = (log_p(model, near, y) - log_p(model, far, y)) / (2 * h)
        # Differences of float32 log-probabilities of a size up to 8, and the third derivative.
        np.testing.assert_allclose(found[:, j], slope, atol=5e-3)


@pytest.mark.parametrize("attention", ["soft", "lvml"])
def test_integrated_gradients_sum_to_what_the_segments_add(linear_model, segments, attention):
    model = linear_model(attention)
    found = keras.ops.convert_to_numpy(integrated_gradients(model, segments, steps=64))
    y = answers(model, segments)
    added = log_p(model, segments, y) - log_p(model, np.zeros_like(segments), y)
    np.testing.assert_allclose(found.sum(axis=1), added, atol=1e-2)


def test_masked_segments_count_for_nothing(linear_model, segments):
    model = linear_model("soft")
    inputs = {"segments": segments, "mask": np.arange(M) < np.array([3, 2, 2, 1])[:, None]}
    for method in (occlusion, gradient_x_input, integrated_gradients):
        found = keras.ops.convert_to_numpy(method(model, inputs))
        np.testing.assert_allclose(found[~inputs["mask"]], 0.0, atol=1e-6)
