"""The data that the tests of callbacks train on."""

import numpy as np
import pytest


@pytest.fixture
def data():
    """12 examples of 3 segments with 4 features, 3 classes."""
    rng = np.random.default_rng(1)
    segments = rng.normal(size=(12, 3, 4)).astype("float32")
    return segments, {"label": rng.integers(3, size=12), "focus": rng.integers(3, size=12)}
