"""What tests of callbacks share."""

import numpy as np
import pytest

from attention_zoo.callbacks import WarnOnCollapse


@pytest.fixture
def data():
    """12 examples of 3 segments with 4 features, 3 classes."""
    rng = np.random.default_rng(1)
    segments = rng.normal(size=(12, 3, 4)).astype("float32")
    return segments, {"label": rng.integers(3, size=12), "focus": rng.integers(3, size=12)}


@pytest.fixture
def warn_on_collapse(linear_model):
    """(**settings) -> the callback of a training of a model of 3 segments and 3 classes."""

    def make(**settings):
        callback = WarnOnCollapse(**settings)
        callback.set_model(linear_model("lvml"))
        callback.on_train_begin()
        return callback

    return make
