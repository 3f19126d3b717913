"""Losses and metrics of Keras on class scores: each gets what it is made for, or is refused."""

import functools
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import losses
from attention_zoo.models import FocusClassifier
from attention_zoo.models.keras_metrics import class_score_metric

B, M, D, C = 8, 3, 4, 3
KL, KM = keras.losses, keras.metrics
KIND = {"soft": "soft", "hard": "hard", "lvml": "marginal"}  # of the NumPy oracle


@pytest.fixture
def segments():
    return np.random.default_rng(1).normal(size=(B, M, D)).astype("float32")


@pytest.fixture
def labels():
    return np.random.default_rng(2).integers(C, size=B)


def training_loss(model, segments, labels, **weights):
    return float(model.compute_loss(None, labels, model(segments, training=True), **weights))


# Losses


def _name(value):
    """Of a parameter, the same in every process: no addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        "categorical_crossentropy",
        "crossentropy",
        "SparseCategoricalCrossentropy",
        KL.sparse_categorical_crossentropy,
        functools.partial(KL.sparse_categorical_crossentropy, from_logits=True),
        KL.SparseCategoricalCrossentropy(),
        KL.SparseCategoricalCrossentropy(from_logits=True),
        KL.CategoricalCrossentropy(from_logits=True),
        KL.serialize(KL.CategoricalCrossentropy()),
    ],
    ids=_name,
)
@pytest.mark.parametrize("attention", ["soft", "hard", "lvml"])
def test_cross_entropies_of_keras_are_minus_q(
    linear_model, numpy_predictions, segments, labels, attention, loss
):
    """Hard's q, which is not normalised, stays so: a softmax of it would be another loss."""
    model = linear_model(attention)
    model.compile("sgd", loss)
    q = numpy_predictions(model, segments)[KIND[attention]]
    expected = -q[np.arange(B), labels].mean()
    assert training_loss(model, segments, labels) == pytest.approx(expected, rel=1e-5)
    assert training_loss(model, segments, np.eye(C)[labels]) == pytest.approx(expected, rel=1e-5)


def test_settings_of_a_cross_entropy_are_kept(linear_model, numpy_predictions, segments, labels):
    model = linear_model("hard")
    model.compile("sgd", KL.CategoricalCrossentropy(label_smoothing=0.2, reduction="sum", name="x"))
    q, weight = numpy_predictions(model, segments)["hard"], np.arange(B, dtype="float32")
    expected = -weight @ (0.8 * q[np.arange(B), labels] + 0.2 * q.mean(axis=1))
    loss = training_loss(model, segments, labels, sample_weight=weight)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert model.loss.name == "x"


def test_the_loss_that_most_people_write_trains(labels):
    rng = np.random.default_rng(0)
    y, z = rng.integers(C, size=256), rng.integers(M, size=256)
    x = rng.normal(size=(256, M, D)).astype("float32")
    x[np.arange(256), z, y] += 5
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C), "lvml")
    model.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
    history = model.fit(x, y, epochs=4, verbose=0).history
    assert history["loss"][-1] < 0.5 * np.log(C)
    assert history["label_accuracy"][-1] > 0.8


@pytest.mark.parametrize(
    "loss",
    ["mse", "kl_divergence", KL.BinaryCrossentropy(), KL.CategoricalFocalCrossentropy(), KL.hinge],
    ids=_name,
)
def test_other_losses_of_keras_are_refused(linear_model, loss):
    with pytest.raises(
        ValueError, match=r"^loss is \w+, expected NegativeLogLikelihood, a"
    ) as error:
        linear_model().compile(loss=loss)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"ignore_class": -1}, "ignore_class of the loss is -1"), ({"axis": 0}, "axis of the loss")],
)
def test_settings_without_a_meaning_are_refused(linear_model, settings, message):
    with pytest.raises(ValueError, match=f"^{message}.*expected"):
        linear_model().compile(loss=KL.SparseCategoricalCrossentropy(**settings))


def test_losses_of_ones_own_get_labels_and_q(linear_model, numpy_predictions, segments, labels):
    class Own(KL.Loss):
        def call(self, y_true, y_pred):
            return -keras.ops.take_along_axis(y_pred, keras.ops.cast(y_true, int)[:, None], 1)[:, 0]

    class Derived(KL.SparseCategoricalCrossentropy):
        call = Own.call

    def own(y_true, y_pred):
        return Own(reduction=None)(y_true, y_pred)

    model = linear_model("hard")
    expected = -numpy_predictions(model, segments)["hard"][np.arange(B), labels].mean()
    for loss in (own, Own(), Derived(), losses.NegativeLogLikelihood()):
        model.compile("sgd", loss)
        assert training_loss(model, segments, labels) == pytest.approx(expected, rel=1e-5)


# Metrics


def class_scores(kind):
    """q (b, c): log-probabilities, or hard's, whose exp sum to less than 1."""
    rng = np.random.default_rng(3)
    log_p = np.log(rng.dirichlet(np.ones(C), size=(64, 2)))
    return (log_p[:, 0] if kind == "soft" else log_p.mean(axis=1)).astype("float32")


IDS = np.random.default_rng(4).integers(C, size=64)
ONE_HOT = np.eye(C, dtype="float32")[IDS]


@pytest.mark.parametrize("kind", ["soft", "hard"])
@pytest.mark.parametrize(
    "make",
    [
        KM.AUC,
        lambda: KM.AUC(multi_label=True, num_labels=C),
        lambda: KM.Precision(class_id=1),
        lambda: KM.Recall(0.3),
        KM.BinaryAccuracy,
        lambda: KM.F1Score(average="macro"),
        lambda: KM.SensitivityAtSpecificity(0.5),
        KM.KLDivergence,
        KM.MeanSquaredError,
        KM.TruePositives,
    ],
)
def test_metrics_of_probabilities_get_one_hot_labels_and_exp_q(make, kind):
    q = class_scores(kind)
    expected = make()
    expected.update_state(ONE_HOT, np.exp(q))
    for y in (IDS, IDS[:, None], ONE_HOT):
        metric = class_score_metric(make())
        metric.update_state(y, q)
        np.testing.assert_allclose(metric.result(), expected.result(), rtol=1e-6)


@pytest.mark.parametrize("kind", ["soft", "hard"])
@pytest.mark.parametrize(
    ("make", "k"),
    [
        ("accuracy", 1),
        ("acc", 1),
        ("categorical_accuracy", 1),
        (KM.sparse_categorical_accuracy, 1),
        (lambda: KM.TopKCategoricalAccuracy(2), 2),
        (lambda: KM.SparseTopKCategoricalAccuracy(2), 2),
    ],
)
def test_metrics_of_the_largest_score_get_q(make, k, kind):
    """Not exp(q), which is 0 for all classes where hard attention's q lie below -104."""
    q = class_scores(kind) - (300 if kind == "hard" else 0)
    expected = np.mean([y in np.argsort(-row)[:k] for y, row in zip(IDS, q, strict=True)])
    for y in (IDS, ONE_HOT):
        metric = class_score_metric(make() if callable(make) and k == 2 else make)
        metric.update_state(y, q)
        assert float(metric.result()) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("metric", "smoothing"),
    [
        ("sparse_categorical_crossentropy", 0.0),
        (KM.SparseCategoricalCrossentropy(from_logits=True), 0.0),
        (KM.CategoricalCrossentropy(label_smoothing=0.2), 0.2),
    ],
)
def test_cross_entropy_as_a_metric_is_minus_q(metric, smoothing):
    q = class_scores("hard")
    score = (1 - smoothing) * q[np.arange(64), IDS] + smoothing * q.mean(axis=1)
    weight = np.arange(64, dtype="float32")
    for y in (IDS, ONE_HOT):
        found = class_score_metric(metric)
        found.update_state(y, q, sample_weight=weight)
        assert float(found.result()) == pytest.approx(-np.average(score, weights=weight), rel=1e-5)
    name = metric if isinstance(metric, str) else metric.name
    assert found.name == name


def test_auc_of_perfect_predictions_is_1(linear_model):
    """It read 0.5: all log-probabilities lie below the lowest threshold."""
    metric = class_score_metric(KM.AUC())
    metric.update_state(IDS, np.log(0.9 * ONE_HOT + 0.1 / C))
    assert float(metric.result()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "make",
    ["accuracy", "AUC", "categorical_accuracy", "precision", "mse", "categorical_crossentropy"],
)
def test_nan_scores_make_nan_figures(make):
    q = class_scores("soft")
    q[5] = np.nan
    metric = class_score_metric(make)
    metric.update_state(IDS, q)
    assert np.isnan(metric.result())
    metric.reset_state()
    metric.update_state(IDS[:5], q[:5])
    assert np.isfinite(metric.result())


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (KM.Accuracy(), "metric is Accuracy, which compares predicted ids, expected"),
        (KM.MeanIoU(C), "metric is MeanIoU, which compares predicted ids, expected"),
        (KM.AUC(from_logits=True), "from_logits of metric AUC is True, expected False"),
        (KM.BinaryCrossentropy(from_logits=True), "from_logits of metric BinaryCrossentropy is"),
    ],
)
def test_metrics_that_cannot_be_right_are_refused(linear_model, metric, message):
    for argument in ("metrics", "weighted_metrics"):
        with pytest.raises(ValueError, match=f"^{message}"):
            linear_model().compile(**{argument: [metric]})


def test_metrics_of_ones_own_get_labels_and_q():
    class Own(KM.AUC):
        def update_state(self, y_true, y_pred, sample_weight=None):
            raise AssertionError

    def own(y_true, y_pred):
        return y_pred[:, 0]

    for metric in (own, Own(), KM.MeanMetricWrapper(own)):
        assert class_score_metric(metric) is metric


def test_metrics_in_evaluate_and_under_two_replicas(
    linear_model, numpy_predictions, two_replicas, segments, labels
):
    with two_replicas.scope():
        model = linear_model("soft")
        model.compile("sgd", metrics=["accuracy", KM.MeanSquaredError(name="brier")])
    p = np.exp(numpy_predictions(model, segments)["soft"])
    brier = np.mean((np.eye(C)[labels] - p) ** 2)
    batches = tf.data.Dataset.from_tensor_slices((segments, labels)).batch(B)
    result = model.evaluate(batches, verbose=0, return_dict=True)
    assert result["label_brier"] == pytest.approx(brier, rel=1e-5)
    assert result["label_accuracy"] == pytest.approx(np.mean(p.argmax(axis=1) == labels))


# What networks end in


def network(*more, outputs=C):
    return keras.Sequential([keras.Input((D,)), keras.layers.Dense(outputs), *more])


def functional(*more):
    inputs = keras.Input((D,))
    outputs = inputs
    for layer in more:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


SOFTMAX = {
    "layer": lambda: keras.layers.Dense(C, "softmax"),
    "Softmax": lambda: network(keras.layers.Softmax()),
    "Activation": lambda: network(keras.layers.Activation("softmax")),
    "nested": lambda: keras.Sequential([network(), keras.layers.Dense(C, "softmax")]),
    "in a nested one": lambda: functional(network(keras.layers.Softmax())),
    "operation": lambda: functional(network(), keras.ops.softmax),
    "before others": lambda: network(keras.layers.Softmax(), keras.layers.Dropout(0.1)),
    "sigmoid": lambda: keras.layers.Dense(C, "sigmoid"),
}


@pytest.mark.parametrize("name", SOFTMAX)
def test_a_classifier_that_ends_in_softmax_is_refused(name):
    """It could say no more than 0.576, e / (e + 2), of three classes."""
    model = FocusClassifier(keras.layers.Dense(1), SOFTMAX[name]())
    ending = "sigmoid" if name == "sigmoid" else "softmax"
    with pytest.raises(ValueError, match=f"^classifier ends in {ending}, expected logits"):
        model.build((None, M, D))


def test_a_focus_that_ends_in_softmax_is_refused():
    model = FocusClassifier(keras.layers.Dense(1, "softmax"), keras.layers.Dense(C))
    with pytest.raises(ValueError, match="^focus ends in softmax, which is 1 for every segment"):
        model.build((None, M, D))


@pytest.mark.parametrize(
    "classifier",
    [
        lambda: keras.layers.Dense(C, "log_softmax"),
        lambda: network(keras.layers.Softmax(), keras.layers.Dense(C)),
        lambda: functional(keras.layers.Dense(C, "softmax"), keras.ops.log),
        lambda: network(keras.layers.Activation("linear")),
    ],
)
def test_other_endings_are_not(classifier):
    model = FocusClassifier(keras.layers.Dense(1, "sigmoid"), classifier())
    model.build((None, M, D))
    assert model.num_classes == C
