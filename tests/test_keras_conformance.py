"""Keras's own test of layers, `run_layer_test`, on every layer of the package.

It makes each from its config, builds it, calls it symbolically and eagerly, compares shapes and
dtypes, counts weights and seeds, trains it for a step where it takes one input, and runs it in
mixed precision.
"""

import importlib
import pkgutil
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from keras.src.testing import TestCase  # noqa: TID251 - the conformance test is not public

import attention_zoo
from attention_zoo import layers, models
from attention_zoo.models.captioning.additive_scores import AdditiveScores
from attention_zoo.models.captioning.decoder import CaptionDecoder
from attention_zoo.models.networks.bags import AgainstFirst, _MaxOfBag
from attention_zoo.models.networks.frozen import Frozen
from attention_zoo.models.networks.pixels import Pixels
from attention_zoo.models.networks.standardize import Standardize

IDS = np.array([[2, 1, 3, 0], [1, 2, 0, 0]], "int32")
SEGMENTS = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
WORDS = np.array([[2, 4, 5], [2, 6, 0]])


class Case(NamedTuple):
    cls: type
    init: dict[str, Any]
    expect: dict[str, Any]


def attention(cls, seeds=0, variables=0, **init):
    return Case(
        cls,
        init,
        {
            "input_shape": {"values_shape": (2, 4, 3), "scores_shape": (2, 4)},
            "expected_output_shape": ((2, 3), (2, 4)),
            "expected_output_dtype": ("float32", "float32"),
            "expected_num_trainable_weights": 0,
            "expected_num_seed_generators": seeds,
            "supports_masking": True,
            "run_training_check": False,  # it gives one input
        },
    )


def dense(units, dim=3):
    return keras.Sequential([keras.Input((dim,)), keras.layers.Dense(units)])


CASES = {
    "Attention": attention(layers.Attention),
    "SoftAttention": attention(layers.SoftAttention, normalizer="sparsemax"),
    "HardAttention": attention(layers.HardAttention),
    "LVMLAttention": attention(layers.LVMLAttention, normalizer="entmax15"),
    "GumbelAttention": attention(layers.GumbelAttention, seeds=1, temperature=0.5, seed=1),
    "ReinforceAttention": attention(layers.ReinforceAttention, seeds=1, num_samples=2, seed=1),
    "SamplingAttention": attention(layers.SamplingAttention, seeds=1, seed=1),
    "HybridAttention": attention(layers.HybridAttention),
    "PerSegment": Case(
        layers.PerSegment,
        {"network": keras.layers.Dense(5)},
        {
            "input_shape": (2, 4, 3),
            "expected_output_shape": (2, 4, 5),
            "supports_masking": True,
            "run_mixed_precision_check": False,  # the network brings a policy of its own
        },
    ),
    "GatherSegments": Case(
        layers.GatherSegments,
        {"shape": (3,)},
        {
            "input_shape": (2, 4, 3),
            "expected_output_shape": (2, 4, 3),
            "expected_num_trainable_weights": 0,
            "supports_masking": False,
            "run_mixed_precision_check": False,  # it gives float32 under every policy
        },
    ),
    "Regions": Case(
        layers.Regions,
        {"network": keras.layers.Conv2D(5, 2)},
        {
            "input_shape": (2, 4, 3, 1),
            "expected_output_shape": (2, 6, 5),
            "supports_masking": False,
            "run_mixed_precision_check": False,  # the network brings a policy of its own
        },
    ),
    "Patches": Case(
        layers.Patches,
        {"size": 2},
        {
            "input_shape": (2, 4, 6, 3),
            "expected_output_shape": (2, 6, 2, 2, 3),
            "supports_masking": False,
            "run_mixed_precision_check": False,  # it gives the dtype that it is given
        },
    ),
    "Precomputed": Case(
        layers.Precomputed,
        {"encoder": layers.PerSegment(keras.layers.Flatten())},
        {
            "input_shape": (2, 4, 3, 2),
            "expected_output_shape": (2, 4, 6),
            "run_mixed_precision_check": False,  # features pass as they are
        },
    ),
    "Pixels": Case(
        Pixels,
        {"to": "torch", "size": 3},
        {
            "input_shape": (2, 4, 6, 3),
            "expected_output_shape": (2, 3, 3, 3),
            "supports_masking": False,
        },
    ),
    "AdditiveScores": Case(
        AdditiveScores,
        {"units": 5},
        {
            "input_shape": {"features_shape": (2, 4, 3), "state_shape": (6, 2)},
            "expected_output_shape": (6, 4),
            "expected_num_trainable_weights": 4,
            "supports_masking": False,
            "run_training_check": False,
        },
    ),
    "BlockMaxPool2D": Case(
        models.BlockMaxPool2D,
        {},
        {
            "input_shape": (2, 5, 4, 3),
            "expected_output_shape": (2, 2, 2, 3),
            "supports_masking": False,
        },
    ),
    "SinusoidalPositions": Case(
        models.SinusoidalPositions,
        {},
        {
            "input_shape": (2, 4, 6),
            "expected_output_shape": (2, 4, 6),
            "supports_masking": True,
        },
    ),
    "SubwordEmbedding": Case(
        models.SubwordEmbedding,
        {"num_ids": 4, "output_dim": 3, "num_buckets": 5},
        {
            "input_data": IDS,
            "expected_output_shape": (2, 4, 3),
            "expected_num_trainable_weights": 2,
            "expected_num_non_trainable_weights": 1,
            "supports_masking": True,
        },
    ),
    "TokenDropout": Case(
        models.TokenDropout,
        {"rate": 0.5, "seed": 1},
        {
            "input_data": IDS,
            "expected_output_shape": (2, 4),
            "expected_output_dtype": "int32",
            "expected_num_seed_generators": 1,
            "supports_masking": True,
            "run_training_check": False,  # ids have no gradient
        },
    ),
    "TokenEncoder": Case(
        models.TokenEncoder,
        {"vocabulary": ["a", "b"], "network": keras.layers.Embedding(4, 3, mask_zero=True)},
        {
            "input_data": IDS,
            "expected_output_shape": (2, 4, 3),
            "supports_masking": True,
            "run_mixed_precision_check": False,  # the network brings a policy of its own
        },
    ),
    "Standardize": Case(
        Standardize,
        {},
        {
            "input_shape": (2, 4, 3),
            "expected_output_shape": (2, 4, 3),
            "expected_num_trainable_weights": 0,
            "expected_num_non_trainable_weights": 2,
            "supports_masking": False,
            "run_training_check": False,  # nothing to train
        },
    ),
    "AgainstFirst": Case(
        AgainstFirst,
        {},
        {"input_shape": (2, 3), "expected_output_shape": (2, 1), "supports_masking": False},
    ),
    "Frozen": Case(
        Frozen,
        {"network": dense(5)},
        {
            "input_shape": (2, 3),
            "expected_output_shape": (2, 5),
            "expected_num_trainable_weights": 0,
            "expected_num_non_trainable_weights": 2,
        },
    ),
    "_MaxOfBag": Case(
        _MaxOfBag,
        {"network": keras.layers.Dense(5)},
        {
            "input_shape": (2, 4, 3),
            "expected_output_shape": (2, 4, 5),
            "supports_masking": True,
            "run_mixed_precision_check": False,  # the network brings a policy of its own
        },
    ),
    "FocusClassifier": Case(
        models.FocusClassifier,
        {"focus": dense(1), "classifier": dense(3), "attention": "lvml"},
        {
            "input_data": SEGMENTS,
            "expected_output_shape": {"label": (2, 3), "focus": (2, 4)},
            "expected_output_dtype": {"label": "float32", "focus": "float32"},
            "supports_masking": True,
            "run_training_check": False,  # its sum over outputs takes no dict
            "run_mixed_precision_check": False,  # the networks bring a policy of their own
        },
    ),
}
# What has no such call: CaptionDecoder has none, Captioner takes two inputs in one dict.
SERIALIZED_ONLY = {
    "CaptionDecoder": lambda: CaptionDecoder(9, units=4, embedding_dim=3, attention_units=2),
    "Captioner": lambda: models.Captioner(["a"], units=4, embedding_dim=3, attention_units=2),
}


@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed:UserWarning")  # of its own `fit`
@pytest.mark.filterwarnings("ignore:The model does not have any trainable:UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_keras_run_layer_test(name):
    case = CASES[name]
    TestCase().run_layer_test(case.cls, case.init, **case.expect)


@pytest.mark.parametrize("name", SERIALIZED_ONLY)
def test_keras_run_class_serialization_test(name):
    TestCase().run_class_serialization_test(SERIALIZED_ONLY[name]())


def test_every_layer_of_the_package_is_here():
    for module in pkgutil.walk_packages(attention_zoo.__path__, "attention_zoo."):
        if module.name.split(".")[1] in ("layers", "models"):
            importlib.import_module(module.name)
    registered = {
        cls.__name__
        for name, cls in keras.saving.get_custom_objects().items()
        if name.startswith("attention_zoo>")
        and isinstance(cls, type)
        and issubclass(cls, keras.Layer)
    }
    elsewhere = {"TextEncoder"}  # needs KerasHub: tests/models/test_text_encoder.py
    assert registered <= CASES.keys() | SERIALIZED_ONLY.keys() | elsewhere
    assert {"SoftAttention", "PerSegment", "FocusClassifier"} <= registered


# --- shapes and dtypes that are said before anything is run ---


LOW = [
    pytest.param(policy, marks=pytest.mark.low_precision)
    for policy in ("mixed_float16", "mixed_bfloat16")
]


@pytest.mark.parametrize("policy", ["float32", "float64", *LOW])
def test_per_segment_says_the_dtype_that_it_gives(policy):
    for network in (keras.layers.Dense(2, dtype=policy), dense(2)):
        layer = layers.PerSegment(network, dtype=policy)
        said = layer(keras.Input((4, 3)))
        assert said.dtype == keras.backend.standardize_dtype(layer(SEGMENTS).dtype)
        assert said.shape == (None, 4, 2)


def test_summaries_know_all_shapes(capsys):
    model = models.FocusClassifier(
        dense(1), dense(3), "hybrid", encoder=layers.PerSegment(dense(3))
    )
    model.build((None, 4, 3))
    model.summary()
    values, scores = keras.Input((None, 3)), keras.Input((None,))
    keras.Model([values, scores], layers.HardAttention()(values, scores)).summary()
    output = capsys.readouterr().out
    assert "?" not in output
    assert "((None, 3), (None, 4))" in output
