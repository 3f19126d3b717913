"""What the tests of optimizers share: data, and a model of three parts."""

import keras
import numpy as np
import pytest

from attention_zoo.models import FocusClassifier


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, 3, 4)).astype("float32"), rng.integers(3, size=12)


@pytest.fixture
def with_encoder():
    """(build=True) -> a FocusClassifier with an encoder."""

    def make(build=True):
        encoder = keras.layers.Dense(4)
        model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(3), encoder=encoder)
        if build:
            model.build((None, 3, 4))
        return model

    return make
