import itertools

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops as kops

from attention_zoo import ops

B, M, D, C = 6, 4, 3, 3
NORMALIZERS = pytest.mark.parametrize("name", ops.NORMALIZERS)
SORTED = pytest.mark.parametrize("name", ["sparsemax", "entmax15"])
WITH_AND_WITHOUT_XLA = pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def scores(rng):
    return rng.normal(size=(B, M)).astype("float32")


@pytest.fixture
def values(rng):
    return rng.normal(size=(B, M, D)).astype("float32")


@pytest.fixture
def mask():
    """No, one, two and all segments masked."""
    return (
        np.array([[1, 1, 1, 1], [1, 1, 1, 0], [0, 1, 1, 1], [0, 1, 0, 1], [0, 0, 1, 0], [0] * 4])
        > 0
    )


@pytest.fixture
def gradient_of(gradients_of):
    """(f, x) -> the gradient of the scalar f at x."""
    return lambda f, x: gradients_of(f, np.asarray(x, "float32"))[1]


def dtype_of(x):
    return keras.backend.standardize_dtype(x.dtype)


def of_unknown_size(function):
    """In a graph of TensorFlow that does not know how many segments there are; else as it is."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    def call(*arrays):
        free = [tf.TensorSpec([None, None, *x.shape[2:]], "float32") for x in arrays]
        return tf.function(function, free, autograph=False)(*arrays)

    return call


# --- entropy ---


def test_entropy_has_no_gradient_where_a_weight_is_0(gradient_of):
    """And -(1 + log a) elsewhere."""
    a = np.array([[0.0, 0.25, 0.75]])
    found = gradient_of(lambda x: kops.sum(ops.entropy(x)), a)
    np.testing.assert_allclose(found, [[0.0, *-(1 + np.log(a[0, 1:]))]], rtol=1e-6)
    assert float(ops.entropy(a.astype("float32"))[0]) == pytest.approx(
        -np.sum(a[0, 1:] * np.log(a[0, 1:])), rel=1e-6
    )


# --- normalisers ---


@NORMALIZERS
@pytest.mark.parametrize("scale", [0.1, 1.0, 1e4])
@pytest.mark.parametrize("shift", [0.0, 1e4, -1e4])
def test_normalizer_is_its_formula(numpy_normalizers, scores, name, scale, shift):
    s = (scale * scores + shift).astype("float32")
    a = kops.convert_to_numpy(ops.NORMALIZERS[name](s))
    np.testing.assert_allclose(a, numpy_normalizers[name](s), atol=1e-5)
    np.testing.assert_allclose(np.sum(a, axis=1), 1.0, atol=1e-5)
    assert np.min(a) >= 0.0


@SORTED
@settings(max_examples=40)
@given(
    # Quarters make ties and thresholds that fall exactly on a score.
    quarters=arrays("int64", (B, M), elements=st.integers(-12, 12)),
    scale=st.sampled_from([0.25, 0.2, 1e4]),
)
def test_sorted_normalizer_agrees_with_bisection(numpy_normalizers, name, quarters, scale):
    s = (scale * quarters).astype("float32")
    np.testing.assert_allclose(ops.NORMALIZERS[name](s), numpy_normalizers[name](s), atol=1e-5)


@SORTED
def test_sorted_normalizer_of_many_segments(numpy_normalizers, rng, name):
    s = np.stack([rng.normal(size=2000), np.zeros(2000), 5.0 * np.eye(2000)[7]]).astype("float32")
    np.testing.assert_allclose(ops.NORMALIZERS[name](s), numpy_normalizers[name](s), atol=1e-5)


@SORTED
@pytest.mark.parametrize(
    ("m", "gap", "spread"),
    [
        *itertools.product([20_000], [0.5, 1.01, 1.99, 3.7], [0.0, 1e-3]),
        (20_000, 1.3, 1.0),
        (100_000, 1.995, 0.0),
    ],
)
def test_sorted_normalizer_of_a_slide(numpy_normalizers, rng, name, gap, spread, m):
    """One segment stands out by a gap, the others are alike: sums in order are off by units."""
    s = -gap - spread * rng.random((1, m))
    s[0, 17] = 0.0
    a = np.asarray(ops.NORMALIZERS[name](s.astype("float32")), "float64")
    np.testing.assert_allclose(a.sum(), 1.0, atol=1e-5)
    # The threshold, of a size up to 1, has an error of half an ulp, and m weights have it.
    distance = np.abs(a - numpy_normalizers[name](s.astype("float32"))).sum()
    assert distance < 2 * m * np.finfo("float32").eps / 2


@SORTED
@pytest.mark.parametrize("gap", [0.5, 1.99, 1.999])
def test_gradient_of_a_sorted_normalizer_of_a_slide(gradients_of, rng, name, gap):
    """Of the weight that stands out, by the implicit function."""
    s = -gap - 1e-4 * rng.random((1, 20_000)).astype("float32")
    s[0, 17] = 0.0
    a = np.asarray(ops.NORMALIZERS[name](s), "float64")
    root = a if name == "sparsemax" else np.sqrt(a)
    share = (a > 0.0).astype(float) if name == "sparsemax" else root
    share = share / share.sum()
    _, gradient = gradients_of(lambda x: keras.ops.sum(ops.NORMALIZERS[name](x)[:, 17]), s)
    power = 1.0 if name == "sparsemax" else root[0, 17]  # of s / 2, squared
    expected = power * ((np.arange(20_000) == 17) - share)
    np.testing.assert_allclose(gradient, expected, atol=5e-3 * np.abs(expected).max())


def test_known_values():
    np.testing.assert_allclose(ops.softmax([[0.0, np.log(3.0)]]), [[0.25, 0.75]], atol=1e-6)
    np.testing.assert_allclose(ops.sparsemax([[0.0, 0.5, -1.0]]), [[0.25, 0.75, 0.0]], atol=1e-6)
    # tau = -1/2 - 1/10: (0.6, 0.8) squared.
    np.testing.assert_allclose(ops.entmax15([[0.0, 0.4]]), [[0.36, 0.64]], atol=1e-6)
    np.testing.assert_allclose(ops.spherical_softmax([[1.0, -2.0]]), [[0.2, 0.8]], atol=1e-6)


def test_spherical_softmax_of_zeros_is_uniform():
    np.testing.assert_allclose(ops.spherical_softmax(np.zeros((1, M))), 1 / M, rtol=1e-6)


@NORMALIZERS
def test_masked_segment_equals_absent_segment(numpy_normalizers, scores, mask, name):
    a = ops.NORMALIZERS[name](np.where(mask, scores, 1e4), mask)  # masked scores would win
    np.testing.assert_array_equal(a[~mask], 0.0)
    np.testing.assert_allclose(a, numpy_normalizers[name](scores, mask), atol=1e-5)


@NORMALIZERS
@pytest.mark.parametrize("masked", [False, True])
def test_normalizer_gradient(
    gradient_of, numpy_normalizers, central_differences, rng, scores, mask, name, masked
):
    mask = mask if masked else None
    v = rng.normal(size=(B, M)).astype("float32")
    gradient = gradient_of(
        lambda s: kops.sum(kops.multiply(v, ops.NORMALIZERS[name](s, mask))), scores
    )
    expected = central_differences(lambda s: (v * numpy_normalizers[name](s, mask)).sum(), scores)
    # Spherical softmax divides by sum s^2, 0.1 for some of these rows: a gradient of about 50.
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-5)


@NORMALIZERS
def test_normalizer_gradient_is_finite_far_out(gradient_of, scores, name):
    for s in (1e4 * scores, np.zeros_like(scores), np.full_like(scores, -1e4)):
        gradient = gradient_of(
            lambda s: kops.sum(kops.multiply(scores, ops.NORMALIZERS[name](s))), s
        )
        assert np.isfinite(gradient).all()


@NORMALIZERS
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_normalizer_computes_in_float32(scores, name, dtype):
    s = kops.cast(scores, dtype)
    a = ops.NORMALIZERS[name](s)
    assert dtype_of(a) == "float32"
    np.testing.assert_array_equal(a, ops.NORMALIZERS[name](kops.cast(s, "float32")))


@NORMALIZERS
def test_normalizer_commutes_with_permutations(scores, name):
    normalizer, order = ops.NORMALIZERS[name], [2, 0, 3, 1]
    permuted = normalizer(scores[:, order])
    np.testing.assert_allclose(
        permuted, kops.convert_to_numpy(normalizer(scores))[:, order], atol=1e-5
    )


@NORMALIZERS
def test_normalizer_by_name(name):
    assert ops.get_normalizer(name) is ops.NORMALIZERS[name]
    assert ops.serialize_normalizer(ops.get_normalizer(name)) == name


def test_unknown_normalizer_raises():
    with pytest.raises(ValueError, match="normalizer is 'hardmax', expected one of .*'entmax15'"):
        ops.get_normalizer("hardmax")


# --- logarithms ---


def test_log_weights_of_softmax_are_exact_where_weights_underflow():
    s = np.array([[0.0, 300.0, 100.0]], "float32")
    expected = scipy.special.log_softmax(s.astype("float64"), axis=-1)
    np.testing.assert_allclose(ops.log_weights(ops.softmax, s), expected, rtol=1e-6)


@NORMALIZERS
def test_log_weights_are_the_log_of_the_weights(scores, mask, name):
    a = kops.convert_to_numpy(ops.NORMALIZERS[name](scores, mask))
    log_a = kops.convert_to_numpy(ops.log_weights(ops.NORMALIZERS[name], scores, mask))
    np.testing.assert_allclose(log_a[a > 0], np.log(a[a > 0]), rtol=1e-5, atol=1e-6)
    assert (log_a[a == 0] < -1e29).all() and np.isfinite(log_a).all()


def test_safe_log_has_no_gradient_at_zero(gradient_of):
    gradient = gradient_of(lambda a: kops.sum(ops.safe_log(a)), [0.0, 0.5])
    np.testing.assert_array_equal(gradient, [0.0, 2.0])


def test_log_likelihoods(values):
    log_p = ops.log_likelihoods(values)
    np.testing.assert_allclose(log_p, scipy.special.log_softmax(values, axis=-1), atol=1e-5)
    assert dtype_of(ops.log_likelihoods(kops.cast(values, "float16"))) == "float32"


# --- averages ---


@pytest.mark.parametrize("shape", [(B, M), (B, M, D), (B, M, 2, 2, D)])
def test_average_is_the_weighted_sum(rng, scores, shape):
    values = rng.normal(size=shape).astype("float32")
    expected = np.einsum("bm,bm...->b...", scores, values)
    np.testing.assert_allclose(ops.average(values, scores), expected, atol=1e-5)


def test_average_is_in_the_dtype_of_float_values(scores):
    assert dtype_of(ops.average(kops.zeros((B, M, D), "float16"), scores)) == "float16"
    pixels = ops.average(np.full((B, M, D), 255, "uint8"), np.full((B, M), 1 / M))
    np.testing.assert_allclose(pixels, 255.0)


@pytest.mark.parametrize("m", [1, 5, 1024])
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_average_of_few_segments_is_one_sum_bit_by_bit(rng, gradients_of, m, known):
    """Also where TensorFlow does not know how many there are."""
    values, a = rng.normal(size=(B, m, D)).astype("float32"), rng.random((B, m)).astype("float32")
    average = ops.average if known else of_unknown_size(ops.average)

    def one_sum(x, a):
        return kops.sum(kops.multiply(a[..., None], x), axis=1)

    results = []
    for f in (average, one_sum):
        value, *gradients = gradients_of(lambda x, a, f=f: kops.sum(kops.sin(f(x, a))), values, a)
        results.append([kops.convert_to_numpy(x) for x in (f(values, a), value, *gradients)])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("m", [1025, 100_000])
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_averages_of_a_slide_do_not_drift(rng, m, known):
    """Summed one after the other, ones came to 1.001."""
    average = ops.average if known else of_unknown_size(ops.average)
    a = np.full((2, m), 1 / m, "float32")
    np.testing.assert_allclose(average(np.ones((2, m, D), "float32"), a), 1.0, rtol=1e-5)
    values = rng.random((2, m, D)).astype("float32")
    expected = np.einsum("bm,bmd->bd", a.astype("float64"), values)
    np.testing.assert_allclose(average(values, a), expected, rtol=2e-6)


def test_averages_of_a_slide_do_not_drift_when_compiled(compiled):
    """XLA joins sums of blocks to one that goes one after the other: 1.0001."""
    m = 100_000
    average = compiled(ops.average, xla=True)
    a = np.full((2, m), 1 / m, "float32")
    np.testing.assert_allclose(average(np.ones((2, m, D), "float32"), a), 1.0, rtol=1e-5)


def test_log_average_of_a_slide_does_not_drift():
    log_v = np.full((2, 100_000, D), -1.2, "float32")
    log_v[:, 0] = 0.0
    expected = scipy.special.logsumexp(log_v.astype("float64"), axis=1)
    found = ops.log_average(log_v, np.zeros(log_v.shape[:2], "float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_gradient_of_an_average_of_a_slide(rng, gradients_of):
    m = 2500
    values, a = rng.normal(size=(2, m, D)).astype("float32"), rng.random((2, m)).astype("float32")
    d_values, d_a = gradients_of(lambda v, a: kops.sum(ops.average(v, a)), values, a)[1:]
    np.testing.assert_array_equal(d_values, np.broadcast_to(a[..., None], values.shape))
    np.testing.assert_allclose(d_a, values.sum(axis=2), atol=1e-6)
    log_a = np.log(a)
    gradient = gradients_of(lambda v: kops.sum(ops.log_average(v, log_a)), values)[1]
    expected = scipy.special.softmax(log_a[..., None].astype("float64") + values, axis=1)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-9)


@pytest.mark.tensorflow("graphs that do not know how many segments there are")
def test_average_of_no_segments_is_0():
    none = np.zeros((B, 0, D), "float32"), np.zeros((B, 0), "float32")
    for average in (ops.average, of_unknown_size(ops.average)):
        np.testing.assert_array_equal(average(*none), np.zeros((B, D)))


@pytest.mark.low_precision
@pytest.mark.parametrize(("dtype", "eps"), [("float16", 2**-10), ("bfloat16", 2**-7)])
def test_average_of_many_half_floats_is_rounded_once(gradient_of, rng, dtype, eps):
    m = 40_000
    values = kops.cast(1.0 + rng.normal(size=(2, m, D)), dtype)
    weights = np.stack([np.full(m, 1 / m), rng.dirichlet(np.ones(m))]).astype("float32")
    given = kops.convert_to_numpy(kops.cast(values, "float32")).astype("float64")
    found = ops.average(values, weights)
    assert dtype_of(found) == dtype
    expected = np.einsum("bm,bmd->bd", weights.astype("float64"), given)
    np.testing.assert_allclose(kops.cast(found, "float32"), expected, rtol=0.51 * eps)
    gradient = gradient_of(
        lambda a: kops.sum(kops.cast(ops.average(values, a), "float32")), weights
    )
    np.testing.assert_allclose(gradient, given.sum(axis=2), rtol=1e-5, atol=1e-5)


def test_no_sum_of_float16_is_taken_for_nan():
    segments = kops.cast([[[3e4, 3e4, 3e4, -3e4, -3e4, -3e4] * 20, [np.nan] * 120]], "float16")
    np.testing.assert_array_equal(ops.any_nan(segments), [[False, True]])


def test_log_average_is_the_log_of_the_average(values, scores):
    expected = scipy.special.logsumexp(scores[..., None].astype("float64") + values, axis=1)
    np.testing.assert_allclose(ops.log_average(values, scores), expected, atol=1e-5)


def test_log_average_without_weight_is_zero_and_so_is_its_gradient(gradient_of, values):
    nothing = ops.log_softmax(np.zeros((B, M)), np.zeros((B, M), bool))
    np.testing.assert_array_equal(ops.log_average(values, nothing), np.zeros((B, D)))
    gradient = gradient_of(lambda v: kops.sum(ops.log_average(v, nothing)), values)
    np.testing.assert_array_equal(gradient, 0.0)


# --- segments ---


def test_map_segments_is_a_loop_over_segments(rng):
    segments = rng.normal(size=(B, M, 2, D)).astype("float32")

    def function(x):  # (n, 2, d) -> (n, d, 3)
        return kops.stack([kops.sum(x, 1), kops.prod(x, 1), x[:, 0]], axis=-1)

    expected = np.stack([function(segments[:, j]) for j in range(M)], axis=1)
    np.testing.assert_array_equal(ops.map_segments(function, segments), expected)


@pytest.mark.parametrize("shape", [(B, M), (B, M, D), (B, M, 2, D)])
def test_gather_segments_reads_the_named_ones(rng, shape):
    values = rng.normal(size=shape).astype("float32")
    index = rng.integers(M, size=(B, 2))
    expected = np.stack([v[i] for v, i in zip(values, index, strict=True)])
    np.testing.assert_array_equal(ops.gather_segments(values, index), expected)


def test_choose_segment_takes_the_largest_weight_the_first_of_a_tie_zeros_of_none(values):
    a = np.array([[0.1, 0.7, 0.1, 0.1], [0, 0.5, 0, 0.5], [0] * M])
    expected = np.stack([values[0, 1], values[1, 1], np.zeros(D)])
    np.testing.assert_array_equal(ops.choose_segment(values[:3], a), expected)


# --- samples ---


def test_gumbel_noise_has_the_gumbel_distribution():
    noise = ops.gumbel_noise((20_000,), keras.random.SeedGenerator(0))
    assert dtype_of(noise) == "float32"
    assert scipy.stats.kstest(kops.convert_to_numpy(noise), scipy.stats.gumbel_r.cdf).pvalue > 0.01


@WITH_AND_WITHOUT_XLA
def test_gumbel_noise_does_not_depend_on_the_compiler(compiled, xla):
    eager, twin = keras.random.SeedGenerator(3), keras.random.SeedGenerator(3)
    draw = compiled(lambda: ops.gumbel_noise((B, M), twin), xla, [twin.state])
    for _ in range(2):
        # The uniform numbers are equal bit by bit, the logarithms to rounding.
        np.testing.assert_allclose(draw(), ops.gumbel_noise((B, M), eager), rtol=1e-5, atol=1e-6)


def test_one_hot_argmax(scores, mask):
    expected = np.eye(M)[scores.argmax(axis=1)]
    np.testing.assert_array_equal(ops.one_hot_argmax(scores), expected)
    np.testing.assert_array_equal(ops.one_hot_argmax(scores, mask), expected * mask)


@WITH_AND_WITHOUT_XLA
def test_straight_through_has_one_value_and_the_other_gradient(
    compiled, differentiated, scores, xla
):
    def sum_and_value(s):
        y = ops.straight_through(kops.round(s), kops.sin(s))
        return kops.sum(y), y

    step = compiled(lambda s: differentiated(sum_and_value, s), xla)
    (_, value), gradient = step(scores)
    np.testing.assert_array_equal(value, np.round(scores))  # bit by bit
    np.testing.assert_allclose(gradient, np.cos(scores), atol=1e-6)


def test_straight_through_of_arrays(scores):
    np.testing.assert_array_equal(ops.straight_through(np.round(scores), scores), np.round(scores))
