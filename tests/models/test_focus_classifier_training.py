"""FocusClassifier under compile and fit: losses, labels, logs, weights, and every way to run."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers, losses
from attention_zoo.models import FocusClassifier

B, M, D, C = 8, 3, 4, 3
# Weights after three steps at 0.1 with momentum: 16 roundings of gradients of a size up to 4, by
# 0.1 (1 + 1.9 + 2.7), and two of the weight a step.
ATOL = 48 * 2.0**-23
ATTENTIONS = ["soft", "hard", "lvml", "gumbel", "reinforce", "hybrid"]
FOCUS_KNOWN = {"focus_accuracy", "FTPT", "FFPT", "FTPF", "FFPF"}
ALWAYS = {"loss", "label_accuracy", "focus_entropy"}

# These tests are of a hybrid in its phase, as it is; that it stays there is its own warning.
pytestmark = pytest.mark.filterwarnings("ignore:attention is hybrid")


def attentions(*quick, of=ATTENTIONS):
    """The names, the quick ones in every run, the others marked slow."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in of]


@pytest.fixture
def segments():
    return np.random.default_rng(1).normal(size=(B, M, D)).astype("float32")


@pytest.fixture
def truth():
    rng = np.random.default_rng(2)
    return {"label": rng.integers(C, size=B), "focus": rng.integers(M, size=B)}


def compiled(model, **settings):
    """Compiled with SGD and momentum, run eagerly unless told otherwise: tracing takes seconds."""
    settings = {"run_eagerly": True} | settings
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), **settings)
    return model


def evaluated(model, *data, **settings):
    return model.evaluate(*data, return_dict=True, verbose=0, **settings)


def assert_close(weights, expected, atol=ATOL):
    for w, e in zip(weights, expected, strict=True):
        np.testing.assert_allclose(w, e, atol=atol, rtol=0)


# What is minimised


def test_defaults(linear_model, segments, truth):
    model = linear_model("hard")
    model.compile()
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    assert isinstance(model.loss, losses.NegativeLogLikelihood)
    assert set(evaluated(model, segments, truth)) == ALWAYS | FOCUS_KNOWN


@pytest.mark.parametrize("name", ["soft", "hard", "lvml"])
def test_step_of_sgd_follows_the_gradient_of_the_numpy_loss(
    linear_model, numpy_predictions, central_differences, segments, truth, name
):
    model = linear_model(name)
    model.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    before = [w.astype("float64") for w in model.get_weights()[:3]]
    sizes = np.cumsum([w.size for w in before])[:-1]

    def loss(flat):
        pieces = np.split(flat, sizes)
        twin = _Weights([w.reshape(b.shape) for w, b in zip(pieces, before, strict=True)])
        q = numpy_predictions(twin, segments.astype("float64"))
        return -q["marginal" if name == "lvml" else name][np.arange(B), truth["label"]].mean()

    gradient = central_differences(loss, np.concatenate([w.ravel() for w in before]))
    model.train_on_batch(segments, truth)
    moved = np.concatenate([(b - w).ravel() for b, w in zip(before, model.get_weights()[:3])])
    np.testing.assert_allclose(moved, gradient, atol=ATOL)


class _Weights:
    """Float64 weights where a model is expected."""

    def __init__(self, weights):
        self.trainable_variables = [_Value(w) for w in weights]


class _Value:
    def __init__(self, value):
        self.value = value

    def numpy(self):
        return self.value


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTENTIONS)
def test_fit_finds_the_marked_segment(linear_model, name):
    """The true segment has a mark and its class; the others have neither."""
    rng = np.random.default_rng(0)
    label, z = rng.integers(C, size=64), rng.integers(M, size=64)
    segments = 0.1 * rng.normal(size=(64, M, D))
    segments[np.arange(64), z, label] += 2.0
    segments[np.arange(64), z, 3] += 2.0
    model = linear_model(name)
    model.compile(keras.optimizers.SGD(0.5, momentum=0.9))
    model.fit(segments.astype("float32"), label, batch_size=32, epochs=15, verbose=0)
    result = evaluated(model, segments, {"label": label, "focus": z})
    assert result["focus_accuracy"] == result["label_accuracy"] == result["FTPT"] == 1.0


def test_custom_loss_and_metrics(linear_model, numpy_predictions, segments, truth):
    def twice(y_true, q):
        return 2.0 * losses.NegativeLogLikelihood(reduction=None)(y_true, q)

    top = keras.metrics.SparseTopKCategoricalAccuracy(k=C, name="top")
    model = compiled(linear_model(), loss=twice, metrics={"label": [top]})
    q = numpy_predictions(model, segments)["soft"]
    result = evaluated(model, segments, truth["label"])
    assert set(result) == {"loss", "label_top"}
    assert result["label_top"] == 1.0
    expected = -2 * q[np.arange(B), truth["label"]].mean()
    assert result["loss"] == pytest.approx(expected, abs=1e-5)


# Sources of data and sample weights


def test_arrays_and_datasets_train_alike(linear_model, segments, truth):
    weights = []
    data = tf.data.Dataset.from_tensor_slices((segments, truth)).batch(3)
    for arguments in ((data,), (segments, truth)):
        keras.utils.set_random_seed(3)
        model = compiled(linear_model("lvml"))
        batch_size = 3 if len(arguments) == 2 else None
        model.fit(*arguments, batch_size=batch_size, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    assert_close(weights[0], weights[1], atol=0)


@pytest.mark.parametrize(
    ("source", "known"),
    [("array", True), ("array", False), ("dict", False), ("dataset", True)],
)
def test_examples_of_weight_zero_teach_nothing(linear_model, segments, truth, source, known):
    y = truth if known else {"label": truth["label"]}
    weight = (np.arange(B) < B // 2).astype("float32")
    keras.utils.set_random_seed(3)
    model = compiled(linear_model("hard"), loss=losses.NegativeLogLikelihood("sum"))
    if source == "dataset":
        batches = tf.data.Dataset.from_tensor_slices((segments, y, weight)).batch(B)
        model.fit(batches, shuffle=False, verbose=0)
    else:
        weights = dict.fromkeys(y, weight) if source == "dict" else weight
        model.fit(segments, y, sample_weight=weights, batch_size=B, shuffle=False, verbose=0)
    keras.utils.set_random_seed(3)
    half = compiled(linear_model("hard"), loss=losses.NegativeLogLikelihood("sum"))
    half.fit(segments[: B // 2], truth["label"][: B // 2], verbose=0)
    assert_close(model.get_weights(), half.get_weights())


def test_breakdown_agrees_with_the_accuracies_under_sample_weights(linear_model, segments, truth):
    model = compiled(linear_model())
    result = evaluated(model, segments, truth, sample_weight=np.arange(B))
    assert result["FTPT"] + result["FFPT"] == pytest.approx(result["label_accuracy"], abs=ATOL)
    assert result["FTPT"] + result["FTPF"] == pytest.approx(result["focus_accuracy"], abs=ATOL)


def test_masks_in_fit(linear_model, segments, truth):
    """Padding never reaches the weights."""
    padded = np.concatenate([segments, np.full((B, 1, D), 9.0, "float32")], axis=1)
    mask = np.broadcast_to(np.arange(M + 1) < M, (B, M + 1))
    weights = []
    for x in (segments, {"segments": padded, "mask": mask}):
        keras.utils.set_random_seed(3)
        model = compiled(linear_model("lvml"))
        model.fit(x, truth, verbose=0)
        weights.append(model.get_weights())
    assert_close(*weights)


# Ways to run


def trained(model, data):
    """The weights after an epoch."""
    model.fit(data, shuffle=False, verbose=0)
    return model.get_weights()


@pytest.fixture
def three_steps():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(12, M, D)).astype("float32")
    y = {"label": rng.integers(C, size=12), "focus": rng.integers(M, size=12)}
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(4, drop_remainder=True)


@pytest.mark.parametrize("name", attentions("gumbel"))
def test_xla_trains_alike(linear_model, three_steps, name):
    """Samplers, too: what they draw does not depend on the compiler."""
    weights = []
    for way in ({"run_eagerly": True}, {"run_eagerly": False, "jit_compile": True}):
        keras.utils.set_random_seed(3)
        weights.append(trained(compiled(linear_model(name), **way), three_steps))
    assert_close(*weights)


@pytest.mark.parametrize("name", attentions("lvml", of=["soft", "hard", "lvml"]))
def test_two_replicas_train_as_one(linear_model, three_steps, name, two_replicas):
    keras.utils.set_random_seed(3)
    expected = trained(compiled(linear_model(name)), three_steps)
    keras.utils.set_random_seed(3)
    with two_replicas.scope():
        model = compiled(linear_model(name), run_eagerly=False)
    assert_close(trained(model, three_steps), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gumbel", "reinforce"])
def test_samplers_keep_two_replicas_alike(linear_model, three_steps, name, two_replicas):
    with two_replicas.scope():
        model = compiled(linear_model(name), run_eagerly=False)
    assert np.all(np.isfinite(np.concatenate([w.ravel() for w in trained(model, three_steps)])))
    for variable in model.trainable_variables:
        one, other = (v.numpy() for v in two_replicas.experimental_local_results(variable.value))
        np.testing.assert_array_equal(one, other)


@pytest.mark.low_precision
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", attentions("soft", "lvml", "reinforce"))
def test_mixed_precision(linear_model, three_steps, policy, name):
    reference = linear_model(name)
    with_policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = compiled(linear_model(name, inference="marginal"))
    finally:
        keras.config.set_dtype_policy(with_policy)
    reference.inference = "marginal"
    reference.set_weights(model.get_weights())
    x, _ = next(iter(three_steps))
    output = model(x)
    assert {keras.backend.standardize_dtype(v.dtype) for v in output.values()} == {"float32"}
    np.testing.assert_allclose(output["label"], reference(x)["label"], atol=0.1)
    np.testing.assert_allclose(np.exp(output["label"]).sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(np.sum(output["focus"], axis=1), 1.0, atol=1e-5)
    before = model.get_weights()
    history = model.fit(three_steps, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"][0])
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    assert all(np.all(np.isfinite(w)) for w in model.get_weights())
    assert np.any(model.get_weights()[0] != before[0])
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")


# compile(metrics=...), as Keras and KerasHub have it


def test_metrics_are_none_where_none_is_asked_for(linear_model, segments, truth):
    for metrics in (None, [], {}, {"label": []}):
        logs = evaluated(compiled(linear_model(), metrics=metrics), segments, truth["label"])
        assert set(logs) == {"loss"}, metrics


def test_metrics_auto_is_the_default(linear_model, segments, truth):
    for settings in ({}, {"metrics": "auto"}):
        logs = evaluated(compiled(linear_model(), **settings), segments, truth)
        assert set(logs) == ALWAYS | FOCUS_KNOWN


@pytest.mark.parametrize("metrics", ["auto", None, ["accuracy"]])
def test_a_loaded_model_has_the_metrics_it_was_saved_with(
    linear_model, segments, truth, tmp_path, metrics
):
    model = compiled(linear_model(), metrics=metrics)
    model.fit(segments, truth, verbose=0)
    expected = evaluated(model, segments, truth)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert evaluated(loaded, segments, truth) == pytest.approx(expected, abs=1e-6)


def test_another_word_for_metrics_raises(linear_model):
    with pytest.raises(ValueError, match="metrics is 'accuracy', expected 'auto', a list, a dict"):
        linear_model().compile(metrics="accuracy")


@pytest.mark.parametrize("attention", ["soft", "hard", "lvml", "hybrid", "gumbel", "reinforce"])
def test_entropy_penalty_adds_the_entropy_of_attention_to_the_loss(attention):
    """In training alone; the oracle is the entropy of what the model looks at."""
    penalty, x = 0.7, np.random.default_rng(0).normal(size=(6, 3, 4)).astype("float32")
    normal = keras.initializers.RandomNormal(stddev=1.0, seed=2)
    focus, classifier = (keras.layers.Dense(n, kernel_initializer=normal) for n in (1, 3))
    layer = layers.get(attention, entropy_penalty=penalty)
    model = FocusClassifier(focus, classifier, layer)
    model(x, training=False)
    assert model.losses == []
    a = keras.ops.convert_to_numpy(model(x, training=True)["focus"]).astype("float64")
    expected = penalty * -(a * np.log(a)).sum(axis=1).mean()
    assert float(model.losses[0]) == pytest.approx(expected, rel=1e-5)
    assert type(layer).from_config(layer.get_config()).entropy_penalty == penalty


def test_without_a_penalty_a_config_is_as_it_was():
    assert "entropy_penalty" not in layers.SoftAttention().get_config()
    with pytest.raises(ValueError, match="entropy_penalty is -1"):
        layers.SoftAttention(entropy_penalty=-1)


def test_a_penalty_of_a_part_counts_in_its_phase():
    """Beside that of the hybrid itself."""
    x = np.random.default_rng(0).normal(size=(6, 3, 4)).astype("float32")
    soft = layers.SoftAttention(entropy_penalty=0.5)
    model = FocusClassifier(
        keras.layers.Dense(1), keras.layers.Dense(3), layers.HybridAttention(soft, "hard")
    )
    a = keras.ops.convert_to_numpy(model(x, training=True)["focus"]).astype("float64")
    expected = 0.5 * -(a * np.log(a)).sum(axis=1).mean()
    assert float(model.losses[0]) == pytest.approx(expected, rel=1e-5)
    model.attention.switch()
    model(x, training=True)
    assert model.losses == []


def test_a_penalty_of_no_examples_is_0():
    """What a replica may get of the last batch."""
    attention = layers.SoftAttention(entropy_penalty=0.5)
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(3), attention)
    model.build((None, 3, 4))

    @tf.function
    def loss(x):
        model(x, training=True)
        return model.losses[0]

    assert float(loss(np.zeros((0, 3, 4), "float32"))) == 0.0
