import keras
import numpy as np
import pytest
from keras import ops

from attention_zoo.losses import NegativeLogLikelihood
from attention_zoo.models.captioning.loss import CaptionLoss

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


def test_other_classes_may_be_impossible(gradients_of):
    q = np.array([[-np.inf, -1.0]], "float32")
    loss, gradient = gradients_of(lambda q: NegativeLogLikelihood()([1], q), q)
    np.testing.assert_array_equal(loss, 1.0)
    np.testing.assert_array_equal(gradient, [[0.0, -1.0]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_is_float32_whatever_comes_in(labels, scores, dtype):
    loss = NegativeLogLikelihood()(labels, ops.cast(scores, dtype))
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"


@pytest.mark.parametrize("label", [-1, C, 0.5, np.nan])
def test_unknown_label_raises_eagerly(labels, scores, label):
    bad = labels.astype("float32")
    bad[2] = label
    with pytest.raises(
        ValueError, match=rf"^label is {label:g} at row 2, expected 0 to 3"
    ) as error:
        NegativeLogLikelihood()(bad, scores)
    assert "\n" not in str(error.value)


@pytest.mark.tensorflow("graphs that raise as they run")
@pytest.mark.parametrize("label", [-1, C, 0.5])
def test_unknown_label_raises_as_a_graph_runs(tf, labels, scores, label):
    bad = np.where(np.arange(B) == 2, label, labels).astype("float32")
    loss = tf.function(NegativeLogLikelihood())
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"\[label is\] \[{label}\] .* \[2\]"):
        loss(bad, scores)
    np.testing.assert_allclose(
        loss(labels.astype("float32"), scores), oracle(labels, scores).mean()
    )


@pytest.fixture
def unseen_values(monkeypatch):
    """PyTorch's steps are not compiled; on a GPU, as here then, they do not look at values."""
    if keras.backend.backend() == "torch":
        monkeypatch.setattr("attention_zoo._assertions.can_look", lambda x: False)


@pytest.mark.parametrize("label", [-1, C])
def test_unknown_label_is_nan_under_xla(compiled, unseen_values, labels, scores, label):
    bad = np.where(np.arange(B) == 2, label, labels)
    losses = compiled(NegativeLogLikelihood(reduction=None), True)(bad, scores)
    expected = np.where(np.arange(B) == 2, np.nan, oracle(labels, scores))
    np.testing.assert_array_equal(losses, expected)


def test_unknown_label_leaves_the_other_gradients_alone(
    compiled, differentiated, unseen_values, scores, labels
):
    def gradient(y, q):
        return differentiated(lambda q: NegativeLogLikelihood(reduction="sum")(y, q), q)[1]

    bad = np.where(np.arange(B) == 2, C, labels)
    expected = -np.eye(C)[labels] * (bad < C)[:, None]
    np.testing.assert_array_equal(compiled(gradient, True)(bad, scores), expected)


@pytest.mark.tensorflow("graphs with and without XLA")
@WITH_AND_WITHOUT_XLA
def test_training_stops_at_an_unknown_label(tf, xla):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(C, "log_softmax")])
    model.compile("sgd", NegativeLogLikelihood(), jit_compile=xla)
    stop = keras.callbacks.TerminateOnNaN()

    def fit():
        return model.fit(np.ones((8, 2)), np.full(8, C), epochs=3, callbacks=[stop], verbose=0)

    if xla:
        assert np.isnan(fit().history["loss"]).tolist() == [True]
    else:
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[label is\] \[4\]"):
            fit()


@WITH_AND_WITHOUT_XLA
def test_empty_batch_has_no_label_to_refuse(compiled, xla):
    losses = compiled(NegativeLogLikelihood(reduction=None), xla)
    for labels in (np.zeros(0, int), np.zeros((0, C))):
        assert losses(labels, np.zeros((0, C), "float32")).shape == (0,)


def dtype_of(x):
    return keras.backend.standardize_dtype(x.dtype)


# Probabilities as labels


def test_one_hot_labels_are_ids(labels, scores):
    loss = NegativeLogLikelihood(reduction=None)
    np.testing.assert_array_equal(loss(np.eye(C)[labels], scores), loss(labels, scores))


def test_loss_of_soft_labels_is_the_expectation(scores):
    y = np.random.default_rng(1).dirichlet(np.ones(C), size=B)
    losses = NegativeLogLikelihood(reduction=None)(y, scores)
    np.testing.assert_allclose(losses, -(y * scores).sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("kind", ["ids", "one-hot"])
def test_label_smoothing_is_that_of_keras(labels, scores, kind):
    q = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    y = labels if kind == "ids" else np.eye(C)[labels]
    loss = NegativeLogLikelihood(label_smoothing=0.2)(y, q)
    np.testing.assert_allclose(loss, -0.8 * q[range(B), labels].mean() - 0.2 * q.mean(), rtol=1e-5)
    keras_loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    np.testing.assert_allclose(loss, keras_loss(np.eye(C)[labels], q), rtol=1e-5)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_bad_label_smoothing_raises(smoothing):
    with pytest.raises(ValueError, match=f"^label_smoothing is {smoothing}, expected a number in"):
        NegativeLogLikelihood(label_smoothing=smoothing)


def test_class_of_probability_0_may_be_impossible():
    loss = NegativeLogLikelihood()([[0.0, 1.0]], [[-np.inf, -1.0]])
    np.testing.assert_array_equal(loss, 1.0)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1, 1, 0, 0], "^label at row 2 has sum 2 and minimum 0, expected probabilities of 4"),
        ([0, 0, 0, 0], "^label at row 2 has sum 0 and minimum 0, expected"),
        ([1.5, -0.5, 0, 0], "^label at row 2 has sum 1 and minimum -0.5, expected"),
    ],
)
def test_several_labels_raise(labels, scores, row, message):
    y = np.eye(C)[labels]
    y[2] = row
    with pytest.raises(ValueError, match=message):
        NegativeLogLikelihood()(y, scores)


@pytest.mark.parametrize(
    ("true", "pred"), [((B,), (B,)), ((B, C - 1), (B, C)), ((B - 1,), (B, C)), ((), (B, C))]
)
def test_shapes_that_disagree_raise(true, pred):
    with pytest.raises(ValueError, match="expected") as error:
        NegativeLogLikelihood()(np.zeros(true), np.zeros(pred))
    wrong = pred if len(pred) != 2 else true
    assert f"have shape {wrong}, expected" in str(error.value)
    assert "\n" not in str(error.value)


def test_config_round_trip(labels, scores):
    loss = NegativeLogLikelihood(reduction="sum", name="nll", label_smoothing=0.1)
    twin = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(twin, NegativeLogLikelihood)
    settings = {"name": "nll", "reduction": "sum", "label_smoothing": 0.1}
    assert twin.get_config() == loss.get_config() == settings
    np.testing.assert_array_equal(twin(labels, scores), loss(labels, scores))


@pytest.mark.parametrize("dtype", [None, "float32", "float64", "mixed_float16"])
@pytest.mark.parametrize("cls", [NegativeLogLikelihood, CaptionLoss])
def test_dtype_of_the_computation(cls, dtype):
    words = cls is CaptionLoss
    labels, q = np.array([1, 0]), np.log([[0.25, 0.75], [0.5, 0.5]])
    loss = cls(dtype=dtype)(*((x[None] for x in (labels, q)) if words else (labels, q)))
    theirs = keras.losses.CategoricalCrossentropy(dtype=dtype or "float32")  # float64 as they do
    expected = dtype_of(theirs(np.eye(2), np.exp(q)))
    assert dtype_of(loss) == expected
    atol = 4 * float(np.finfo(expected).eps)  # two numbers up to 1, rounded, and their mean
    np.testing.assert_allclose(loss, (np.log(4 / 3) + np.log(2)) / 2, rtol=0, atol=atol)
