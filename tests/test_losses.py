import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from attention_zoo.losses import NegativeLogLikelihood

B, C = 6, 4
# Sums of up to six losses of up to 4, and what is done to one before: 8 roundings.
ATOL = 8 * 4 * 2.0**-23
WITH_AND_WITHOUT_XLA = pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])


@pytest.fixture
def scores():
    return np.random.default_rng(0).normal(size=(B, C)).astype("float32")


@pytest.fixture
def labels():
    return np.array([0, 3, 1, 1, 2, 0])


def oracle(labels, scores):
    return np.array([-row[y] for y, row in zip(labels, scores, strict=True)])


def test_known_value():
    loss = NegativeLogLikelihood()([1], np.log([[0.25, 0.75]]))
    np.testing.assert_allclose(loss, np.log(4 / 3), atol=ATOL)


@pytest.mark.parametrize("shape", [(B,), (B, 1)])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_is_minus_the_score_of_the_label(labels, scores, shape, dtype):
    losses = NegativeLogLikelihood(reduction=None)(labels.reshape(shape).astype(dtype), scores)
    np.testing.assert_array_equal(losses, oracle(labels, scores))


def test_default_is_the_mean_over_the_batch(labels, scores):
    loss = NegativeLogLikelihood()(labels, scores)
    np.testing.assert_allclose(loss, oracle(labels, scores).mean(), atol=ATOL)


def test_is_cross_entropy_when_scores_are_log_probabilities(labels, scores):
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, scores)
    loss = NegativeLogLikelihood()(labels, ops.log_softmax(scores))
    np.testing.assert_allclose(loss, expected, atol=ATOL)


def test_never_renormalises(labels, scores):
    shifted = NegativeLogLikelihood()(labels, scores - 2.0)
    np.testing.assert_allclose(shifted, NegativeLogLikelihood()(labels, scores) + 2.0, atol=ATOL)


@pytest.mark.parametrize("weight_shape", [(B,), (B, 1)])
def test_sample_weights_multiply_the_losses(labels, scores, weight_shape):
    weight = np.array([0, 1, 2, 0.5, 0, 1], "float32")
    loss = NegativeLogLikelihood()(labels, scores, sample_weight=weight.reshape(weight_shape))
    np.testing.assert_allclose(loss, (weight * oracle(labels, scores)).mean(), atol=ATOL)


def test_masked_example_equals_absent_example(labels, scores):
    masked = ops.convert_to_tensor(scores)
    masked._keras_mask = ops.convert_to_tensor([True] * (B - 2) + [False] * 2)
    loss = NegativeLogLikelihood()(labels, masked)
    np.testing.assert_allclose(loss, oracle(labels[:-2], scores[:-2]).mean(), atol=ATOL)


def test_other_classes_may_be_impossible():
    q = tf.Variable([[-np.inf, -1.0]])
    with tf.GradientTape() as tape:
        loss = NegativeLogLikelihood()([1], q)
    np.testing.assert_array_equal(loss, 1.0)
    np.testing.assert_array_equal(tape.gradient(loss, q), [[0.0, -1.0]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_is_float32_whatever_comes_in(labels, scores, dtype):
    loss = NegativeLogLikelihood()(labels, ops.cast(scores, dtype))
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"


@pytest.mark.parametrize("label", [-1, C, 0.5, np.nan])
def test_unknown_label_raises_eagerly(labels, scores, label):
    bad = labels.astype("float32")
    bad[2] = label
    with pytest.raises(ValueError, match=rf"label {label:g} at row 2, expected 0 to 3") as error:
        NegativeLogLikelihood()(bad, scores)
    assert "\n" not in str(error.value)


@WITH_AND_WITHOUT_XLA
@pytest.mark.parametrize("label", [-1, C])
def test_unknown_label_is_nan_in_a_graph(labels, scores, label, xla):
    bad = np.where(np.arange(B) == 2, label, labels)
    losses = tf.function(NegativeLogLikelihood(reduction=None), jit_compile=xla)(bad, scores)
    expected = np.where(np.arange(B) == 2, np.nan, oracle(labels, scores))
    np.testing.assert_array_equal(losses, expected)


@WITH_AND_WITHOUT_XLA
def test_unknown_label_leaves_the_other_gradients_alone(scores, labels, xla):
    @tf.function(jit_compile=xla)
    def gradient(y, q):
        with tf.GradientTape() as tape:
            tape.watch(q)
            loss = NegativeLogLikelihood(reduction="sum")(y, q)
        return tape.gradient(loss, q)

    bad = np.where(np.arange(B) == 2, C, labels)
    expected = -np.eye(C)[labels] * (bad < C)[:, None]
    np.testing.assert_array_equal(gradient(bad, tf.constant(scores)), expected)


@WITH_AND_WITHOUT_XLA
def test_training_stops_at_an_unknown_label(xla):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(C, "log_softmax")])
    model.compile("sgd", NegativeLogLikelihood(), jit_compile=xla)
    history = model.fit(
        np.ones((8, 2)),
        np.full(8, C),
        epochs=3,
        callbacks=[keras.callbacks.TerminateOnNaN()],
        verbose=0,
    )
    assert np.isnan(history.history["loss"]).tolist() == [True]


@pytest.mark.parametrize(
    ("true", "pred"), [((B,), (B,)), ((B, C), (B, C)), ((B - 1,), (B, C)), ((), (B, C))]
)
def test_shapes_that_disagree_raise(true, pred):
    with pytest.raises(ValueError, match="expected class ids") as error:
        NegativeLogLikelihood()(np.zeros(true), np.zeros(pred))
    assert str(true) in str(error.value) and str(pred) in str(error.value)
    assert "\n" not in str(error.value)


def test_config_round_trip(labels, scores):
    loss = NegativeLogLikelihood(reduction="sum", name="nll")
    twin = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(twin, NegativeLogLikelihood)
    assert twin.get_config() == loss.get_config() == {"name": "nll", "reduction": "sum"}
    np.testing.assert_array_equal(twin(labels, scores), loss(labels, scores))
