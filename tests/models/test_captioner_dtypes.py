"""Captioner under every floatx and dtype policy of Keras."""

import keras
import numpy as np
import pytest

from attention_zoo import layers
from attention_zoo.models import Captioner, CaptionSearch

QUICK = [("float64", "float64"), ("bfloat16", "bfloat16")]
OTHERS = [("float16", "float16"), ("float64", "mixed_bfloat16"), ("float32", "mixed_float16")]
OTHERS += [("float32", name) for name in ("float16", "bfloat16", "float64")]
SETTINGS = [
    pytest.param(
        pair,
        marks=[pytest.mark.slow] * (pair in OTHERS)
        + [pytest.mark.low_precision] * ("16" in "".join(pair)),
    )
    for pair in QUICK + OTHERS
]
ATTENTIONS = {
    "soft": lambda: "soft",
    "hard": lambda: "hard",
    "lvml": lambda: "lvml",
    "gumbel": lambda: layers.GumbelAttention(seed=1),
    "gumbel_relaxed": lambda: layers.GumbelAttention(straight_through=False, seed=1),
    "reinforce": lambda: layers.ReinforceAttention("self_critical", entropy_bonus=0.1, seed=1),
    "hybrid": lambda: "hybrid",
}


@pytest.fixture(params=SETTINGS, ids=lambda pair: f"floatx={pair[0]}-policy={pair[1]}")
def dtypes(request):
    floatx, policy = request.param
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)
    yield floatx
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def floats(outputs):
    return {keras.backend.standardize_dtype(x.dtype) for x in outputs.values()} - {"int32"}


@pytest.mark.parametrize("name", ATTENTIONS)
def test_trains_predicts_and_writes(dtypes, captions, name):
    inputs, targets = captions
    model = Captioner(
        ["a", "dog", "red", "runs", "sits"],
        ATTENTIONS[name](),
        units=6,
        embedding_dim=4,
        attention_units=3,
    )
    assert floats(model(inputs, training=True)) == {"float32"}
    assert floats(model(inputs)) == {"float32"}
    assert floats(model.likelihoods(inputs, targets)) == {"float32"}
    model.compile("sgd", run_eagerly=True)
    loss = model.train_on_batch(inputs, targets, return_dict=True)["loss"]
    assert np.isfinite(float(loss))
    for width in (1, 2):
        found = CaptionSearch(model, width, max_length=3)({"features": inputs["features"]})
        assert floats(found) == {"float32"}
