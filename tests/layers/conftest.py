"""What the layers' tests share: one tiny problem, every attention, one step of training."""

from functools import partial
from typing import NamedTuple

import keras
import numpy as np
import pytest
from keras import ops

from attention_zoo.layers import (
    GumbelAttention,
    HardAttention,
    HybridAttention,
    LVMLAttention,
    ReinforceAttention,
    SoftAttention,
)
from attention_zoo.losses import NegativeLogLikelihood
from attention_zoo.models import FocusClassifier

# One shape for all: XLA compiles every new one.
B, M, D, C = 6, 4, 3, 3


def switched_hybrid(**settings):
    attention = HybridAttention(**settings)
    attention.switch()
    return attention


ATTENTIONS = {
    "soft": SoftAttention,
    "hard": HardAttention,
    "lvml": LVMLAttention,
    "gumbel": partial(GumbelAttention, seed=1),
    "gumbel_relaxed": partial(GumbelAttention, straight_through=False, seed=1),
    "reinforce_none": partial(ReinforceAttention, "none", seed=1),
    "reinforce_moving_average": partial(ReinforceAttention, "moving_average", seed=1),
    "reinforce_leave_one_out": partial(ReinforceAttention, "leave_one_out", 2, seed=1),
    "hybrid_first": HybridAttention,
    "hybrid_second": switched_hybrid,
}


@pytest.fixture(params=ATTENTIONS)
def make(request):
    """Makes one of the attentions, each time anew and the same; the test runs once for each."""
    return ATTENTIONS[request.param]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def segments(rng):
    return rng.normal(size=(B, M, D)).astype("float32")


@pytest.fixture
def scores(rng, segments):  # drawn after the segments
    return rng.normal(size=(B, M)).astype("float32")


@pytest.fixture
def kernel(rng, scores):
    """The classifier of the tests without a model: logits = segment @ kernel."""
    return rng.normal(size=(D, C)).astype("float32")


@pytest.fixture
def labels():
    return np.array([0, 2, 1, 1, 0, 2])


class Step(NamedTuple):
    q: np.ndarray
    a: np.ndarray
    d_scores: np.ndarray
    d_kernel: np.ndarray


@pytest.fixture(scope="session")
def step(compiled, differentiated):
    """One step: class scores, weights, and the gradients of the loss summed over the batch."""

    def run(attention, scores, segments, kernel, labels, mask=None, training=True, xla=None):
        def loss(scores, kernel):
            q, a = attention.class_scores(
                lambda x: ops.matmul(x, kernel), segments, scores, mask, training
            )
            return NegativeLogLikelihood(reduction="sum")(labels, q), (q, a)

        def graph(scores, kernel):
            (_, (q, a)), *gradients = differentiated(loss, scores, kernel)
            return [q, a, *gradients]

        outputs = compiled(graph, xla)(*map(ops.convert_to_tensor, (scores, kernel)))
        return Step(*map(ops.convert_to_numpy, outputs))

    return run


@pytest.fixture(scope="session")
def assert_steps_agree():
    # Sums of M, D and B terms and softmaxes: some 20 roundings of a size up to 4 make 1e-5.
    def check(actual, expected, atol=1e-5):
        for name in Step._fields:
            np.testing.assert_allclose(
                getattr(actual, name), getattr(expected, name), atol=atol, err_msg=name
            )

    return check


@pytest.fixture(scope="session")
def state_of():
    """(sampler) -> the Keras variables that a call of it in training changes."""
    return lambda layer: [*layer.variables, layer.seed_generator.state]


@pytest.fixture(scope="session")
def focus_classifier():
    """Makes a FocusClassifier of linear networks, built, with the same weights each time."""

    def network(units):
        start = keras.initializers.GlorotNormal(seed=units)
        return keras.Sequential(
            [keras.Input((D,)), keras.layers.Dense(units, kernel_initializer=start)]
        )

    def model(attention):
        model = FocusClassifier(network(1), network(C), attention)
        model.build((None, M, D))
        return model

    return model


@pytest.fixture(scope="session")
def gradients(weight_gradients):
    """(model, segments, labels) -> the gradients of one training step, eagerly."""

    def run(model, segments, labels):
        def loss():
            return NegativeLogLikelihood()(labels, model(segments, training=True)["label"])

        return weight_gradients(loss, model.trainable_variables)[1]

    return run
