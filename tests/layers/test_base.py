import keras
import numpy as np
import pytest

from attention_zoo import ops
from attention_zoo.layers import Attention, HybridAttention, SoftAttention

B, M, D = 6, 4, 3


@keras.saving.register_keras_serializable(package="tests")
def uniform(scores, mask=None):
    """Equal weights: a normaliser of a user's own."""
    return ops.softmax(0.0 * scores, mask)


@keras.saving.register_keras_serializable(package="tests")
class Tempered:
    """The same with a setting, and so with a config."""

    def __init__(self, temperature):
        self.temperature = temperature

    def __call__(self, scores, mask=None):
        return ops.softmax(scores / self.temperature, mask)

    def get_config(self):
        return {"temperature": self.temperature}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@pytest.mark.parametrize("name", ops.NORMALIZERS)
@pytest.mark.parametrize("shape", [(B, M), (B, M, D), (B, M, 2, 2, D)])
def test_weighted_average(numpy_normalizers, rng, scores, name, shape):
    values = rng.normal(size=shape).astype("float32")
    mask = rng.random((B, M)) < 0.7
    average, a = Attention(normalizer=name)(values, scores, mask=mask)
    expected = numpy_normalizers[name](scores, mask)
    np.testing.assert_allclose(a, expected, atol=1e-5)
    np.testing.assert_allclose(average, np.einsum("bm,bm...->b...", expected, values), atol=1e-5)


def test_known_value():
    average, a = Attention()(np.array([[4.0, 8.0]]), np.log([[1.0, 3.0]]))
    np.testing.assert_allclose(a, [[0.25, 0.75]], atol=1e-6)
    np.testing.assert_allclose(average, [7.0], atol=1e-5)


def test_logarithm_of_the_attention(scores):
    attention = Attention(normalizer="entmax15")
    a = keras.ops.convert_to_numpy(attention.attend(scores))
    log_a = keras.ops.convert_to_numpy(attention.log_attend(scores))
    np.testing.assert_allclose(log_a[a > 0], np.log(a[a > 0]), atol=1e-5)


def test_base_has_no_class_scores():
    with pytest.raises(NotImplementedError, match="Attention does not define class_scores"):
        Attention().class_scores(None, None, None)


def test_weights_of_a_masked_layer_carry_no_mask(segments, scores):
    values = keras.ops.convert_to_tensor(segments)
    values._keras_mask = keras.ops.ones((B, M), "bool")
    for output in Attention()(values, scores):
        assert getattr(output, "_keras_mask", None) is None


@pytest.mark.parametrize("attention", [SoftAttention, HybridAttention])
@pytest.mark.parametrize("normalizer", [uniform, Tempered(2.0)], ids=["function", "object"])
def test_normalizer_of_ones_own_is_saved(attention, normalizer, segments, scores):
    layer = attention(normalizer=normalizer)
    twin = attention.from_config(layer.get_config())
    _, a = layer(segments, scores)
    np.testing.assert_allclose(a, normalizer(scores), atol=1e-6)
    np.testing.assert_array_equal(twin(segments, scores)[1], a)


def test_unknown_normalizer_raises():
    with pytest.raises(ValueError, match="normalizer is 'hardmax', expected one of"):
        Attention(normalizer="hardmax")


def test_mask_as_an_input_of_a_functional_model(make, segments, scores, rng):
    mask = rng.random((B, M)) < 0.5
    values, s = keras.Input((M, D)), keras.Input((M,))
    kept = keras.Input((M,), dtype="bool")
    model = keras.Model([values, s, kept], make()(values, s, mask=kept))
    for output, expected in zip(
        model([segments, scores, mask]), make()(segments, scores, mask=mask), strict=True
    ):
        np.testing.assert_array_equal(output, expected)
