import keras
import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from attention_zoo import ops
from attention_zoo.layers import GumbelAttention

B, M = 6, 4


@pytest.fixture
def schedule():
    """Temperatures 2, 1, 0.5, 0.25, ..."""
    return keras.optimizers.schedules.ExponentialDecay(2.0, decay_steps=1, decay_rate=0.5)


@pytest.fixture
def noise():
    """What a layer with seed 1 draws first, in float64."""
    noise = ops.gumbel_noise((B, 1, M), keras.random.SeedGenerator(1))
    return keras.ops.convert_to_numpy(noise)[:, 0].astype("float64")


def relaxed(scores, noise, temperature):
    return softmax((log_softmax(scores, axis=-1) + noise) / temperature, axis=-1)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_relaxed_sample_is_its_formula(segments, scores, noise, temperature):
    attention = GumbelAttention(temperature, straight_through=False, seed=1)
    average, w = attention(segments, scores, training=True)
    expected = relaxed(scores, noise, temperature)
    np.testing.assert_allclose(w, expected, atol=1e-5)
    np.testing.assert_allclose(keras.ops.sum(w, axis=1), 1.0, atol=1e-6)
    assert keras.ops.min(w) >= 0.0
    np.testing.assert_allclose(average, np.einsum("bm,bmd->bd", expected, segments), atol=1e-5)


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
def test_straight_through_sample_is_exactly_one_hot(
    compiled, state_of, segments, scores, noise, xla
):
    attention = GumbelAttention(0.3, seed=1)
    call = compiled(lambda: attention(segments, scores, training=True), xla, state_of(attention))
    average, w = call()
    z = (log_softmax(scores, axis=-1) + noise).argmax(axis=-1)
    np.testing.assert_array_equal(w, np.eye(M)[z])
    np.testing.assert_array_equal(average, segments[np.arange(B), z])


@pytest.mark.parametrize("straight_through", [False, True])
def test_gradients(
    central_differences, step, segments, scores, kernel, labels, noise, straight_through
):
    """Both go back through the relaxed sample; they differ in where the loss is taken."""
    x, w = segments.astype("float64"), kernel.astype("float64")
    rows = np.arange(B)

    def losses(weights, kernel):
        return -log_softmax(np.einsum("bm,bmd->bd", weights, x) @ kernel, axis=-1)[rows, labels]

    soft = relaxed(scores.astype("float64"), noise, 0.7)
    point = np.eye(M)[soft.argmax(axis=1)] if straight_through else soft
    d_weights = central_differences(lambda v: losses(v, w).sum(), point)
    d_scores = central_differences(lambda s: (d_weights * relaxed(s, noise, 0.7)).sum(), scores)
    d_kernel = central_differences(lambda k: losses(point, k).sum(), w)
    attention = GumbelAttention(0.7, straight_through=straight_through, seed=1)
    run = step(attention, scores, segments, kernel, labels)
    np.testing.assert_allclose(-run.q[rows, labels], losses(point, w), atol=1e-5)
    np.testing.assert_allclose(run.d_scores, d_scores, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run.d_kernel, d_kernel, rtol=1e-4, atol=1e-5)


def test_weights_given_with_class_scores_are_the_attention(step, segments, scores, kernel, labels):
    a = step(GumbelAttention(seed=1), scores, segments, kernel, labels).a
    np.testing.assert_allclose(a, softmax(scores, axis=-1), atol=1e-6)


def test_temperature_schedule_counts_training_calls(schedule, segments, scores):
    annealed = GumbelAttention(schedule, straight_through=False, seed=1)
    for temperature in (2.0, 1.0, 0.5):
        fixed = GumbelAttention(temperature, straight_through=False)
        fixed.seed_generator.state.assign(annealed.seed_generator.state)
        _, w = annealed(segments, scores, training=True)
        annealed(segments, scores, training=False)  # does not count
        np.testing.assert_allclose(w, fixed(segments, scores, training=True)[1], atol=1e-6)
    assert int(annealed.step.numpy()) == 3


def test_temperature_schedule_under_xla(compiled, state_of, schedule, segments, scores):
    eager, twin = (GumbelAttention(schedule, False, seed=1) for _ in range(2))
    call = compiled(lambda: twin(segments, scores, training=True)[1], True, state_of(twin))
    for _ in range(3):
        np.testing.assert_allclose(call(), eager(segments, scores, training=True)[1], atol=1e-5)


def test_temperature_schedule_is_saved(schedule, focus_classifier, segments, tmp_path):
    model = focus_classifier(GumbelAttention(schedule, straight_through=False, seed=1))
    for _ in range(3):
        model(segments, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert int(loaded.attention.step.numpy()) == int(model.attention.step.numpy()) == 3
    for _ in range(2):
        expected = model(segments, training=True)["label"]
        np.testing.assert_array_equal(loaded(segments, training=True)["label"], expected)


def test_config(schedule):
    twin = GumbelAttention.from_config(GumbelAttention(schedule, False, seed=3).get_config())
    assert (twin.seed, twin.straight_through) == (3, False)
    assert twin.temperature.get_config() == schedule.get_config()


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), "0.5", None])
def test_bad_temperature_raises(temperature):
    message = rf"temperature is {temperature!r}, expected a number above 0"
    with pytest.raises(ValueError, match=message):
        GumbelAttention(temperature)


@pytest.mark.tensorflow("graphs whose operations can be counted")
@pytest.mark.parametrize("training", [True, False])
def test_segments_are_masked_once(training):
    """Of 4,096 features a segment it is most of what the layer does."""
    import tensorflow as tf

    attention, features = GumbelAttention(seed=1), 4096

    @tf.function(autograph=False)
    def class_scores(x, scores, mask):
        return attention.class_scores(lambda c: c[:, :3], x, scores, mask, training)[0]

    shapes = (B, M, features), (B, M)
    graph = class_scores.get_concrete_function(
        *(tf.TensorSpec(shape) for shape in shapes), tf.TensorSpec((B, M), "bool")
    ).graph
    selects = [op for op in graph.get_operations() if op.type.startswith("Select")]
    assert sum(op.outputs[0].shape == shapes[0] for op in selects) == 1
