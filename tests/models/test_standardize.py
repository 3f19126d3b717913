"""Standardize and the moments it is given, against NumPy, under every dtype policy."""

import keras
import numpy as np
import pytest

from attention_zoo.models import Standardize
from attention_zoo.models.networks import standardize


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_a_large_mean_and_a_small_deviation_are_not_rounded(policy):
    layer = Standardize(dtype=keras.dtype_policies.get(policy))
    layer.build((None, 3))
    assert not layer.is_adapted
    mean, deviation = np.array([50.3, 0.0, 2.0]), np.array([0.1, 1e-8, 0.0])
    layer.adapt(mean, deviation)
    assert layer.is_adapted
    x = np.array([[50.4, 3e-8, 7.0], [50.1, -1e-8, 2.0]], "float32")
    found = keras.ops.convert_to_numpy(keras.ops.cast(layer(x), "float32"))
    # The third never varied: it is left in its units. Half floats have 8 bits or more.
    expected = [[1.0, 3.0, 5.0], [-2.0, -1.0, 0.0]]
    np.testing.assert_allclose(found, expected, rtol=2e-3 if policy == "float32" else 2**-7)
    assert keras.backend.standardize_dtype(layer(x).dtype) == layer.compute_dtype


def test_a_layer_saved_before_it_computed_in_float32_is_loaded():
    config = {"name": "standardize", "trainable": True, "dtype": "float32", "autocast": True}
    assert not Standardize.from_config(config).autocast


def test_moments_are_those_of_all_rows_whatever_the_arrays_and_chunks(monkeypatch):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(5.0, 2.0, (n, 4)).astype("float32") for n in (7, 1, 30)]
    everything = np.concatenate(arrays).astype(float)
    for chunk in (4, 20, 10_000):  # numbers: 1, 5 and all rows
        monkeypatch.setattr(standardize, "_CHUNK", chunk)
        mean, deviation = standardize.moments(iter(arrays))
        np.testing.assert_allclose(mean, everything.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(deviation, everything.std(axis=0), rtol=1e-10)
