import keras
import pytest

from attention_zoo import layers
from attention_zoo.ops import sparsemax

CLASSES = {
    "soft": layers.SoftAttention,
    "hard": layers.HardAttention,
    "lvml": layers.LVMLAttention,
    "gumbel": layers.GumbelAttention,
    "reinforce": layers.ReinforceAttention,
    "hybrid": layers.HybridAttention,
}


@pytest.mark.parametrize("name", CLASSES)
def test_name(name):
    attention = layers.get(name, normalizer="sparsemax")
    assert type(attention) is CLASSES[name]
    assert attention.normalizer is sparsemax


def test_layer_is_returned_as_it_is():
    attention = layers.SoftAttention()
    assert layers.get(attention) is attention


def test_serialised_layer(make):
    attention = make()
    twin = layers.get(keras.saving.serialize_keras_object(attention))
    assert twin.get_config() == attention.get_config()


def test_unknown_name_raises():
    with pytest.raises(ValueError, match=r"attention is 'sfot', expected one of .*'soft'"):
        layers.get("sfot")


def test_other_things_raise():
    with pytest.raises(TypeError, match="attention is 3, expected a name or an attention layer"):
        layers.get(3)


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        (layers.SoftAttention, "attention is <class '.*SoftAttention'>, expected a name or an att"),
        (
            {"class_name": "Dense", "config": {"units": 3}},
            "attention is a config of 'Dense', expected one of an attention layer",
        ),
        (
            keras.saving.serialize_keras_object(keras.layers.Dense(3)),
            "attention is a config of 'Dense', expected one of an attention layer",
        ),
        ({"class_name": "Sfot", "config": {}}, "attention is a config of 'Sfot', expected one"),
        ({"units": 3}, r"attention is a config of the keys \['units'\], expected one of an att"),
    ],
)
def test_what_is_no_attention_layer_raises_one_line(identifier, message):
    with pytest.raises(TypeError, match=f"^{message}") as error:
        layers.get(identifier)
    assert "\n" not in str(error.value)
