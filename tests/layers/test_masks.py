"""Masks that Keras carries hold with those that are given; what is masked is read as zeros."""

import keras
import numpy as np
import pytest
from keras import ops as kops

from attention_zoo import ops
from attention_zoo.layers import Attention, PerSegment, SoftAttention

B, M, D, C = 6, 4, 3, 3
TRAINING = pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
CONTENT = pytest.mark.parametrize("content", [np.nan, np.inf, -np.inf, 1e30])


@pytest.fixture
def mask(rng):
    """Rows of 0 to m segments."""
    return np.arange(M) < np.array([4, 3, 2, 1, 0, 3])[:, None]


@pytest.fixture
def kept():
    """A tensor with a mask of Keras's."""

    def with_mask(x, mask):
        x = kops.convert_to_tensor(x)
        x._keras_mask = kops.convert_to_tensor(mask)
        return x

    return with_mask


def assert_equal(actual, expected):
    for x, y in zip(keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True):
        np.testing.assert_array_equal(x, y)


# --- masks that Keras carries ---


@TRAINING
@pytest.mark.parametrize("carrier", ["values", "scores"])
def test_mask_of_values_and_of_scores_is_the_mask(
    make, kept, segments, scores, mask, training, carrier
):
    expected = make()(segments, scores, mask=mask, training=training)
    carried = {"values": segments, "scores": scores}
    carried[carrier] = kept(carried[carrier], mask)
    assert_equal(make()(**carried, training=training), expected)


@TRAINING
def test_class_scores_take_them_too(make, kept, segments, scores, kernel, mask, training):
    def run(segments, scores, mask=None):
        classify = lambda x: kops.matmul(x, kernel)  # noqa: E731
        return make().class_scores(classify, segments, scores, mask, training)

    expected = run(segments, scores, mask)
    assert_equal(run(kept(segments, mask), kops.convert_to_tensor(scores)), expected)
    assert_equal(run(kops.convert_to_tensor(segments), kept(scores, mask)), expected)


def test_all_masks_hold_together(make, kept, segments, scores):
    values, given, of_scores = (np.tile(np.arange(M) != j, (B, 1)) for j in range(3))
    _, a = make()(kept(segments, values), kept(scores, of_scores), mask=given)
    np.testing.assert_array_equal(a, np.tile(np.eye(M)[3], (B, 1)))


def test_embedding_before_attention_in_a_functional_model(make, tmp_path):
    """Padding has no attention, in the model, after saving, and in training by `fit`."""
    ids = np.array([[3, 1, 0, 0], [2, 0, 0, 0], [5, 2, 1, 4]])
    words = keras.Input((None,), dtype="int32")
    values = keras.layers.Embedding(6, D, mask_zero=True)(words)
    scores = keras.layers.Dense(1)(values)[..., 0]
    model = keras.Model(words, make()(values, scores))
    average, a = model(ids)
    np.testing.assert_array_equal(kops.convert_to_numpy(a)[ids == 0], 0.0)
    np.testing.assert_allclose(kops.sum(a, axis=1), 1.0, atol=1e-6)
    _, shorter = model(ids[:1, :2])  # the same segments without the padding
    np.testing.assert_allclose(a[0, :2], shorter[0], atol=1e-6)
    model.save(tmp_path / "model.keras")
    assert_equal(keras.saving.load_model(tmp_path / "model.keras")(ids), (average, a))


def test_compiled_steps_carry_masks_too():
    """`predict` and `evaluate`, where JAX's tensors take no attributes."""
    ids = np.array([[3, 1, 0, 0], [2, 0, 0, 0], [5, 2, 1, 4]])
    words = keras.Input((None,), dtype="int32")
    values = keras.layers.Embedding(6, D, mask_zero=True)(words)
    scores = keras.layers.Dense(1)(values)[..., 0]
    model = keras.Model(words, SoftAttention()(values, scores)[1])
    model.compile(loss=lambda padding, a: kops.sum(padding * a, axis=1))
    a = model.predict(ids, verbose=0)
    np.testing.assert_array_equal(a[ids == 0], 0.0)
    np.testing.assert_allclose(a.sum(axis=1), 1.0, atol=1e-6)
    padding = (ids == 0).astype("float32")
    assert model.evaluate(ids, padding, verbose=0) == 0.0


def test_masking_before_attention_in_a_functional_model(make, segments, scores, mask):
    values, given = keras.Input((M, D)), keras.Input((M,))
    model = keras.Model([values, given], make()(keras.layers.Masking()(values), given))
    padded = np.where(mask[..., None], segments, 0.0)
    assert_equal(model([padded, scores]), make()(padded, scores, mask=mask))


def test_mask_of_keras_of_another_shape_raises(kept, segments, scores):
    with pytest.raises(ValueError, match=r"mask has shape \(6, 5\), expected \(6, 4\)"):
        Attention()(segments, kept(scores, np.ones((B, M + 1), bool)))


def test_per_segment_keeps_both_masks(kept, segments, mask):
    given = np.tile(np.arange(M) != 1, (B, 1))
    output = PerSegment(keras.layers.Dense(2))(kept(segments, mask), mask=given)
    np.testing.assert_array_equal(output._keras_mask, mask & given)


# --- what stands in masked places ---


@CONTENT
@TRAINING
def test_masked_content_is_read_as_zeros(
    gradients_of, make, segments, scores, kernel, labels, mask, content, training
):
    """Bit for bit: the average, the class scores, and the gradients of both."""

    def run(fill):
        x = np.where(mask[..., None], segments, fill).astype("float32")
        s = np.where(mask, scores, fill).astype("float32")

        def of_average(x, s, w):
            average, a = make()(x, s, mask=mask, training=training)
            return kops.sum(average**2), (average, a)

        def of_scores(x, s, w):
            q, _ = make().class_scores(lambda x: kops.matmul(x, w), x, s, mask, training)
            return kops.sum(q[:, 1]), q

        return [gradients_of(f, x, s, kernel) for f in (of_average, of_scores)]

    outputs = run(content)
    assert all(np.isfinite(x).all() for x in keras.tree.flatten(outputs))
    assert_equal(outputs, run(0.0))


@CONTENT
@pytest.mark.parametrize("name", ops.NORMALIZERS)
def test_no_normalizer_reads_masked_scores(gradients_of, scores, mask, name, content):
    def run(fill):
        s = np.where(mask, scores, fill).astype("float32")

        def loss(s):
            a = ops.NORMALIZERS[name](s, mask)
            return kops.sum(a**2), a

        return gradients_of(loss, s)

    assert_equal(run(content), run(0.0))


@CONTENT
def test_per_segment_reads_no_padding(weight_gradients, segments, mask, content):
    layer = PerSegment(keras.layers.Dense(2))

    def run(fill):
        x = np.where(mask[..., None], segments, fill)
        loss = lambda: kops.sum(layer(x, mask=mask)[mask] ** 2)  # noqa: E731
        y = kops.convert_to_numpy(layer(x, mask=mask))
        return y, weight_gradients(loss, layer.trainable_variables)

    run(0.0)  # builds
    assert_equal(run(content), run(0.0))


def test_average_with_a_mask(segments, mask):
    values = np.where(mask[..., None], segments, np.nan)
    average = ops.average(values, mask.astype("float32"), mask)
    expected = (segments * mask[..., None]).sum(axis=1)
    np.testing.assert_allclose(average, expected, atol=1e-6)


def test_a_segment_that_is_there_still_gives_its_nan(make, segments, scores):
    values = np.array(segments)
    values[0, 1] = np.nan
    peak = np.where(np.arange(M) == 1, 60.0, scores).astype("float32")
    average, _ = make()(values, peak, mask=np.ones((B, M), bool))
    average = kops.convert_to_numpy(average)
    assert np.isnan(average[0]).all()
    assert np.isfinite(average[1:]).all()


# --- BatchNormalization ---


def network(kind):
    """A network of one segment that mixes a batch: of vectors, of images, one in another."""
    keras.utils.set_random_seed(0)
    if kind == "images":
        first = [keras.Input((4, 4, 2)), keras.layers.Conv2D(3, 2)]
        last = [keras.layers.MaxPooling2D(2), keras.layers.Flatten(), keras.layers.Dense(C)]
    else:
        first, last = [keras.Input((D,)), keras.layers.Dense(5)], [keras.layers.Dense(C)]
    layers = [*first, keras.layers.BatchNormalization(momentum=0.5), *last]
    net = keras.Sequential(layers)
    return keras.Sequential([net, keras.layers.Activation("tanh")]) if kind == "nested" else net


@pytest.mark.tensorflow("shapes that depend on values, in what is compiled")
@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("kind", ["vectors", "images", "nested"])
def test_batch_normalization_sees_present_segments_alone(tf, rng, mask, kind, xla):
    """The oracle: the network on the segments that are there, and on nothing else."""
    shape = (4, 4, 2) if kind == "images" else (D,)
    segments = rng.normal(size=(B, M, *shape)).astype("float32")
    segments[~mask] = np.nan
    layer, alone = PerSegment(network(kind)), network(kind)

    def train(network, x, *mask):
        with tf.GradientTape() as tape:
            y = network(x, *mask, training=True)
            loss = tf.reduce_sum((tf.boolean_mask(y, mask[0]) if mask else y) ** 2)
        return y, tape.gradient(loss, network.trainable_variables)

    layer.build(segments.shape)
    compiled = tf.function(lambda *x: train(layer, *x), jit_compile=xla, autograph=False)
    y, gradients = compiled(segments, mask)
    expected = train(alone, segments[mask])
    # Sums of B * M products of numbers up to about 10.
    atol = 10 * B * M * np.finfo("float32").eps
    np.testing.assert_allclose(y.numpy()[mask], expected[0], atol=atol)
    np.testing.assert_array_equal(y.numpy()[~mask], 0.0)
    for actual, right in zip(gradients, expected[1], strict=True):
        np.testing.assert_allclose(actual, right, rtol=1e-4, atol=10 * atol)
    for actual, right in zip(layer.weights, alone.weights, strict=True):  # the moving ones too
        np.testing.assert_allclose(actual, right, atol=atol)


def test_a_batch_of_padding_alone_leaves_finite_weights(mask):
    layer = PerSegment(network("vectors"))
    y = layer(np.full((B, M, D), np.nan, "float32"), mask=np.zeros((B, M), bool), training=True)
    assert all(kops.all(kops.isfinite(x)) for x in (y, *layer.weights))


def test_frozen_batch_normalization_mixes_nothing():
    net = network("nested")
    assert ops.mixes_batch(net)
    net.trainable = False
    assert not ops.mixes_batch(net)
    assert not ops.mixes_batch(lambda x: x)
