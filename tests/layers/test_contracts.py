"""What every attention keeps, whatever it averages."""

import keras
import numpy as np
import pytest
from keras import ops

from attention_zoo.layers import SamplingAttention

B, M, D, C = 6, 4, 3, 3
TRAINING = pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
# Tracing and compiling take seconds. OTHERS, which differ little from these, run with `-m ""`.
OTHERS = ["hard", "gumbel_relaxed", "reinforce_none", "reinforce_moving_average", "hybrid_first"]
FEW = pytest.mark.parametrize(
    "make",
    ["soft", "lvml", "gumbel", "reinforce_leave_one_out", "hybrid_second"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in OTHERS],
    indirect=True,
)
# Far beyond the largest Gumbel noise: every sampler draws this segment.
PEAK = 60.0 * np.eye(M, dtype="float32")[1]

# These tests are of a hybrid in its phase, as it is; that it stays there is its own warning.
pytestmark = pytest.mark.filterwarnings("ignore:attention is hybrid")


@pytest.fixture
def functional():
    """values (b, m, d), scores (b, m) -> attention -> Dense."""

    def model(attention):
        values, scores = keras.Input((M, D)), keras.Input((M,))
        average, weights = attention(values, scores)
        logits = keras.layers.Dense(C)(average)
        return keras.Model([values, scores], [logits, weights])

    return model


@pytest.fixture
def policy():
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


def samples(attention):
    return isinstance(attention, SamplingAttention)


def assert_equal(actual, expected, atol=0.0):
    """Compares two nests of tensors."""
    for x, y in zip(keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(x, y, rtol=0.0, atol=atol)


# --- in models ---


@TRAINING
def test_functional_model(make, functional, segments, scores, training):
    model = functional(make())
    logits, weights = model([segments, scores], training=training)
    kernel, bias = model.layers[-1].get_weights()
    weights = ops.convert_to_numpy(weights)
    average = np.einsum("bm,bmd->bd", weights, segments)
    np.testing.assert_allclose(logits, average @ kernel + bias, atol=1e-5)
    np.testing.assert_allclose(ops.sum(weights, axis=1), 1.0, atol=1e-5)


def test_functional_model_is_saved_and_cloned(make, functional, segments, scores, tmp_path):
    model = functional(make())
    model([segments, scores], training=True)  # a sampler moves on
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    cloned = keras.models.clone_model(model)
    cloned.set_weights(model.get_weights())
    expected = model([segments, scores])
    assert_equal(loaded([segments, scores]), expected)
    assert_equal(cloned([segments, scores]), expected)
    next_step = model([segments, scores], training=True)
    assert_equal(loaded([segments, scores], training=True), next_step)


@FEW
def test_focus_classifier_fits(make, focus_classifier, gradients, segments, labels):
    """One epoch of one batch of `fit` is one step of gradient descent."""
    model = focus_classifier(make())
    expected = [w - g for w, g in zip(model.get_weights(), gradients(model, segments, labels))]
    model = focus_classifier(make())
    model.compile(keras.optimizers.SGD(1.0), metrics=[])
    history = model.fit(segments, labels, batch_size=B, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert_equal(model.trainable_variables, expected, atol=1e-5)


def test_focus_classifier_is_saved(make, focus_classifier, segments, tmp_path):
    model = focus_classifier(make())
    model(segments, training=True)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    filled = type(model).from_config(model.get_config())
    filled.build((None, M, D))
    filled.load_weights(tmp_path / "model.weights.h5")
    expected, next_step = model(segments), model(segments, training=True)
    for twin in (loaded, filled):
        assert_equal(twin(segments), expected)
        assert_equal(twin(segments, training=True), next_step)


def test_config_round_trip(make):
    attention = make()
    twin = type(attention).from_config(attention.get_config())
    assert twin.get_config() == attention.get_config()
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(attention))
    assert type(twin) is type(attention)


# --- masks ---


@pytest.mark.parametrize("peak", [0.0, PEAK], ids=["flat", "peaked"])
def test_padded_equals_shorter(
    make, step, assert_steps_agree, segments, scores, kernel, labels, peak
):
    """With flat scores a sampler would draw otherwise from fewer segments: inference then."""
    training = not samples(make()) or peak is PEAK
    scores = scores + peak
    mask = np.broadcast_to(np.arange(M) < M - 1, (B, M))
    padded = np.where(mask[..., None], segments, 1e3), np.where(mask, scores, 1e3)
    padded = [x.astype("float32") for x in padded]
    long = step(make(), padded[1], padded[0], kernel, labels, mask, training)
    short = step(make(), scores[:, :-1], segments[:, :-1], kernel, labels, None, training)
    np.testing.assert_array_equal(long.a[:, -1], 0.0)
    np.testing.assert_array_equal(long.d_scores[:, -1], 0.0)
    long = long._replace(a=long.a[:, :-1], d_scores=long.d_scores[:, :-1])
    assert_steps_agree(long, short)
    average, weights = make()(*padded, mask=mask, training=training)
    expected = make()(segments[:, :-1], scores[:, :-1], training=training)
    assert_equal((average, weights[:, :-1]), expected, atol=1e-5)


@TRAINING
def test_masked_segments_are_never_drawn(make, segments, scores, rng, training):
    mask = rng.random((B, M)) < 0.5
    _, weights = make()(segments, scores, mask=mask, training=training)
    np.testing.assert_array_equal(ops.convert_to_numpy(weights)[~mask], 0.0)
    np.testing.assert_allclose(ops.sum(weights, axis=1), mask.any(axis=1), atol=1e-6)


@TRAINING
def test_row_without_segments(make, step, segments, scores, kernel, labels, training):
    mask = np.arange(B)[:, None] > np.zeros(M)  # row 0
    run = step(make(), scores, segments, kernel, labels, mask, training)
    assert all(np.isfinite(x).all() for x in run)
    np.testing.assert_array_equal(run.a[0], 0.0)
    np.testing.assert_array_equal(run.d_scores[0], 0.0)
    average, weights = make()(segments, scores, mask=mask, training=training)
    np.testing.assert_array_equal(average[0], 0.0)
    np.testing.assert_array_equal(weights[0], 0.0)


# --- symmetry ---


def test_permuted_segments_have_permuted_weights(make, step, segments, scores, kernel, labels):
    order = [2, 0, 3, 1]
    training = not samples(make())
    run = step(make(), scores, segments, kernel, labels, None, training)
    permuted = step(make(), scores[:, order], segments[:, order], kernel, labels, None, training)
    np.testing.assert_allclose(permuted.a, run.a[:, order], atol=1e-6)
    np.testing.assert_allclose(permuted.d_scores, run.d_scores[:, order], atol=1e-5)
    np.testing.assert_allclose(permuted.q, run.q, atol=1e-5)
    np.testing.assert_allclose(permuted.d_kernel, run.d_kernel, atol=1e-5)


# --- precision, compilers, devices ---


def dtype_of(x):
    return keras.backend.standardize_dtype(x.dtype)


@pytest.mark.low_precision
@pytest.mark.parametrize(
    ("name", "precision"), [("mixed_float16", 2**-10), ("mixed_bfloat16", 2**-7)]
)
def test_mixed_precision(
    make, focus_classifier, gradients, policy, segments, labels, name, precision
):
    expected = focus_classifier(make())(segments, training=True)
    policy(name)
    model = focus_classifier(make())
    outputs = model(segments, training=True)
    assert {dtype_of(x) for x in outputs.values()} == {"float32"}
    # Scores and logits are sums of D products of numbers up to about 3, rounded each.
    assert_equal(outputs, expected, atol=10 * precision)
    average, weights = make()(ops.cast(segments, model.compute_dtype), segments[..., 0])
    assert (dtype_of(average), dtype_of(weights)) == (model.compute_dtype, "float32")
    assert all(np.isfinite(g).all() for g in gradients(model, segments, labels))


# Keras's floats, and dtype policies with floats of other kinds.
DTYPES = [(name, name) for name in ("float16", "bfloat16", "float32", "float64")]
DTYPES += [("float32", name) for name in ("float16", "bfloat16", "float64")]
DTYPES += [("float32", "mixed_float16"), ("float32", "mixed_bfloat16")]
DTYPES += [("float64", "mixed_float16"), ("float64", "float32"), ("float16", "float32")]
DTYPE_PAIRS = [
    pytest.param(pair, marks=[pytest.mark.low_precision] * ("16" in "".join(pair)))
    for pair in DTYPES
]

UNIT_ROUNDOFF = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}


@pytest.fixture(params=DTYPE_PAIRS, ids=lambda pair: f"floatx={pair[0]}-policy={pair[1]}")
def dtypes(request):
    floatx, policy = request.param
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)
    yield floatx, keras.config.dtype_policy().compute_dtype
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


@FEW
def test_every_floatx_and_dtype_policy(
    make, dtypes, focus_classifier, gradients, segments, scores, labels
):
    """Weights and class scores are float32, averages of the values' dtype, said symbolically too.

    A score is a sum of D products, each factor and each sum rounded; softmax at most doubles the
    difference, relative to its weights.
    """
    floatx, compute_dtype = dtypes
    for given in (floatx, "float32", "int32"):
        values = ops.cast(segments, given)
        expected = "float32" if given == "int32" else given, "float32"
        symbolic = make()(keras.KerasTensor((B, M, D), dtype=given), keras.KerasTensor((B, M)))
        assert tuple(x.dtype for x in symbolic) == expected
        for training in (False, True):
            outputs = make()(values, ops.cast(scores, floatx), training=training)
            assert tuple(map(dtype_of, outputs)) == expected
    q, a = make().class_scores(lambda x: x, ops.cast(segments, floatx), scores, None, True)
    assert (dtype_of(q), dtype_of(a)) == ("float32", "float32")

    model = focus_classifier(make())
    outputs = model(segments, training=True)
    assert {dtype_of(x) for x in outputs.values()} == {"float32"}
    assert all(np.isfinite(g.astype("float32")).all() for g in gradients(model, segments, labels))
    kernel, bias = (w.astype("float64") for w in model.focus.get_weights())
    s = segments.astype("float64") @ kernel[:, 0] + bias
    a = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    unit = sum(UNIT_ROUNDOFF[name] for name in (floatx, compute_dtype, "float32"))  # inputs: floatx
    error = (D + 3) * unit * np.max(np.abs(segments) @ np.abs(kernel))
    np.testing.assert_allclose(outputs["focus"], a, rtol=2.1 * error, atol=4 * error)


@FEW
def test_xla_agrees_with_eager(make, step, assert_steps_agree, segments, scores, kernel, labels):
    """The same numbers, and for samplers the same samples, now and next."""
    eager, compiled = make(), make()
    assert_steps_agree(
        step(compiled, scores, segments, kernel, labels, xla=True),
        step(eager, scores, segments, kernel, labels),
    )
    if keras.backend.backend() != "jax":  # its compiled functions leave state to their caller
        assert_equal(compiled.variables, eager.variables)


@FEW
def test_two_replicas_give_the_gradients_of_one(
    make, focus_classifier, gradients, segments, labels, two_replicas
):
    """Each replica takes half of the batch; a sampler draws the same noise on both."""
    halves = [
        gradients(focus_classifier(make()), segments[half], labels[half])
        for half in (slice(B // 2), slice(B // 2, B))
    ]
    expected = [np.mean(pair, axis=0) for pair in zip(*halves, strict=True)]
    if not samples(make()):
        whole = gradients(focus_classifier(make()), segments, labels)
        assert_equal(whole, expected, atol=1e-5)
    with two_replicas.scope():
        model = focus_classifier(make())
        model.compile(keras.optimizers.SGD(1.0), metrics=[])
    before = model.get_weights()
    model.fit(segments, labels, batch_size=B, shuffle=False, verbose=0)
    after = [v.numpy() for v in model.trainable_variables]
    assert_equal(after, [w - g for w, g in zip(before, expected)], atol=1e-5)


# --- errors ---


@pytest.mark.parametrize(
    ("values_shape", "scores_shape", "mask_shape", "message"),
    [
        ((B, M, D), (B, M + 1), None, r"scores has shape (6, 5), expected (6, 4): "),
        ((B, M, D), (B, M, 1), None, r"scores has shape (6, 4, 1), expected (6, 4): "),
        ((B, M, D), (B, M), (B, 1), r"mask has shape (6, 1), expected (6, 4): "),
    ],
)
@TRAINING
def test_shapes_that_disagree_raise(
    make, values_shape, scores_shape, mask_shape, message, training
):
    values, scores = np.zeros(values_shape, "float32"), np.zeros(scores_shape, "float32")
    mask = None if mask_shape is None else np.ones(mask_shape, bool)
    message += "the segments have shape (6, 4, 3)"
    attention = make()
    with pytest.raises(ValueError, match="has shape") as error:
        attention.class_scores(lambda x: x, values, scores, mask, training)
    assert message in str(error.value)
    with pytest.raises(ValueError, match="has shape") as error:
        attention(values, scores, mask=mask, training=training)
    assert message in str(error.value)


def test_values_without_segments_raise(make):
    with pytest.raises(ValueError, match=r"have shape \(6,\), expected \(batch, segments"):
        make()(np.zeros(B), np.zeros(B))
