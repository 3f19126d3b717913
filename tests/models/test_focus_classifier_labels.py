"""Labels as FocusClassifier takes them, and the logs that it makes of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import losses

B, M, D, C = 8, 3, 4, 3
# Weights after two steps at 0.1 with momentum: 16 roundings of gradients of a size up to 4, by
# 0.1 (1 + 1.9), and two of the weight a step.
ATOL = 24 * 2.0**-23
FOCUS_KNOWN = {"focus_accuracy", "FTPT", "FFPT", "FTPF", "FFPF"}
ALWAYS = {"loss", "label_accuracy", "focus_entropy"}


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


# Labels


def test_plain_ids_train_as_a_dict_does(linear_model, segments, truth):
    weights = []
    for labels in (truth["label"], {"label": truth["label"]}, truth):
        keras.utils.set_random_seed(3)
        model = compiled(linear_model("lvml"))
        model.fit(segments, labels, batch_size=4, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    assert_close(weights[1], weights[0], atol=0)
    assert_close(weights[2], weights[0], atol=0)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_labels_of_any_type_and_either_shape(linear_model, segments, truth, dtype):
    model = compiled(linear_model())
    expected = evaluated(model, segments, truth)
    for shape in ((B,), (B, 1)):
        labels = {name: ids.reshape(shape).astype(dtype) for name, ids in truth.items()}
        assert evaluated(model, segments, labels) == pytest.approx(expected)
        unknown = evaluated(model, segments, labels["label"])
        assert unknown == pytest.approx({name: expected[name] for name in ALWAYS})


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("call", ["fit", "evaluate", "validation"])
def test_array_labels_that_name_no_class_are_refused(linear_model, segments, truth, call, built):
    model = linear_model()
    if not built:
        networks = keras.layers.Dense(1), keras.layers.Dense(C)
        model = type(model)(*networks, "soft")
    model = compiled(model)
    wrong = np.where(np.arange(B) == 5, 3, 0)
    calls = {
        "fit": lambda: model.fit(segments, wrong),
        "evaluate": lambda: model.evaluate(segments, {"label": wrong}),
        "validation": lambda: model.fit(segments, truth, validation_data=(segments, wrong)),
    }
    with pytest.raises(ValueError, match="^label is 3 at row 5, expected 0 to 2: the classifier"):
        calls[call]()
    assert model.optimizer.iterations == 0


def test_labels_without_ids_are_refused(linear_model, segments, truth):
    with pytest.raises(ValueError, match=r"labels have the keys \['focus'\]"):
        compiled(linear_model()).fit(segments, {"focus": truth["focus"]}, verbose=0)


def test_label_out_of_range_in_a_graph_makes_the_loss_nan(linear_model, segments):
    model = linear_model()
    model.compile()
    batches = tf.data.Dataset.from_tensor_slices((segments, np.full(B, C))).batch(B)
    assert np.isnan(evaluated(model, batches)["loss"])


def test_nan_segments_make_the_loss_nan(linear_model, segments, truth):
    segments[0, 0, 0] = np.nan
    model = compiled(linear_model("hard"))
    assert np.isnan(model.fit(segments, truth, verbose=0).history["loss"][0])


def test_labels_that_are_no_numbers_are_refused(linear_model, segments):
    words = np.array(["cat"] * B)
    with pytest.raises(ValueError, match="^labels have dtype <U3, expected class ids: numbers$"):
        compiled(linear_model()).fit(segments, words)


def test_class_weights_are_sample_weights_by_class(linear_model, segments, truth):
    weights, label = [], truth["label"]
    by_class = {0: 1.0, 1: 2.0, 2: 0.5}
    for y, settings in (
        (label, {"class_weight": by_class}),
        (truth, {"sample_weight": np.array([by_class[i] for i in label])}),
    ):
        keras.utils.set_random_seed(3)
        model = compiled(linear_model("lvml"))
        model.fit(segments, y, shuffle=False, verbose=0, **settings)
        weights.append(model.get_weights())
    assert_close(*weights)
    with pytest.raises(ValueError, match="`class_weight` is only supported"):  # of Keras
        model.fit(segments, truth, class_weight=by_class)


# Arguments of compile


@pytest.mark.parametrize("argument", ["metrics", "weighted_metrics"])
def test_list_of_metrics_is_of_the_label(linear_model, segments, truth, argument):
    top = keras.metrics.SparseTopKCategoricalAccuracy(1, name="top")
    model = compiled(linear_model(), **{"metrics": [], argument: ["accuracy", top]})
    weight = np.arange(B, dtype="float32")
    result = evaluated(model, segments, truth["label"], sample_weight=weight)
    assert set(result) == {"loss", "label_accuracy", "label_top"}
    right = np.argmax(model(segments)["label"], axis=1) == truth["label"]
    weight = weight if argument == "weighted_metrics" else np.ones(B)
    for name in ("label_accuracy", "label_top"):
        assert result[name] == pytest.approx(np.average(right, weights=weight))


def test_loss_of_the_label_alone_or_in_a_dict(linear_model, segments, truth):
    model, results = linear_model(), []
    for loss in (losses.NegativeLogLikelihood("sum"), "sparse_categorical_crossentropy"):
        for form in (loss, {"label": loss}):
            results.append(evaluated(compiled(model, loss=form), segments, truth)["loss"])
    assert results[0] == results[1] and results[2] == results[3]


def test_loss_of_the_focus_is_refused(linear_model):
    message = r"loss has the keys \['focus', 'label'\], expected 'label': focus has no loss"
    with pytest.raises(ValueError, match=message):
        linear_model().compile(loss={"label": "mse", "focus": "mse"})


# Logs


def test_logs_name_focus_metrics_only_where_the_focus_is_known(linear_model, segments, truth):
    model = linear_model()
    model.compile()
    known = evaluated(model, segments, truth)
    unknown = evaluated(model, segments, truth["label"])
    assert set(known) == ALWAYS | FOCUS_KNOWN
    assert unknown == {name: known[name] for name in ALWAYS}
    assert evaluated(model, segments, truth) == known  # not as it was the last time


def test_logs_are_what_numpy_computes(linear_model, numpy_predictions, segments, truth):
    model = compiled(linear_model("hard"))
    result = evaluated(model, segments, truth, batch_size=3)
    expected = numpy_predictions(model, segments)
    q, a = expected["argmax"], expected["focus"]
    focus, label = a.argmax(1) == truth["focus"], q.argmax(1) == truth["label"]
    assert result == pytest.approx(
        {
            "loss": -q[np.arange(B), truth["label"]].mean(),
            "label_accuracy": label.mean(),
            "focus_accuracy": focus.mean(),
            "focus_entropy": -(a * np.log(a)).sum(axis=1).mean(),
            "FTPT": (focus & label).mean(),
            "FFPT": (~focus & label).mean(),
            "FTPF": (focus & ~label).mean(),
            "FFPF": (~focus & ~label).mean(),
        },
        abs=1e-5,
    )


def test_focus_metrics_of_unknown_focus_are_nan(linear_model, segments, truth):
    unknown = truth | {"focus": np.full(B, -1)}
    result = evaluated(compiled(linear_model()), segments, unknown)
    assert all(np.isnan(result[name]) for name in FOCUS_KNOWN)
    assert all(np.isfinite(result[name]) for name in ALWAYS)


def test_focus_metrics_wait_for_a_batch_whose_focus_is_known(linear_model, segments, truth):
    model = compiled(linear_model())
    some = truth | {"focus": np.where(np.arange(B) < 4, -1, truth["focus"])}
    result = evaluated(model, segments, some, batch_size=4)
    known = evaluated(model, segments[4:], {name: y[4:] for name, y in truth.items()})
    for name in FOCUS_KNOWN:
        assert result[name] == pytest.approx(known[name])


def test_rationales_as_focus(linear_model, segments, truth):
    model = compiled(linear_model())
    rationale = truth | {"focus": np.eye(M)[truth["focus"]]}
    assert evaluated(model, segments, rationale) == evaluated(model, segments, truth)


def test_validation_logs_may_lack_what_training_logs_have(linear_model, segments, truth):
    model = linear_model()
    model.compile()
    data = tf.data.Dataset.from_tensor_slices((segments, truth)).batch(4)
    unknown = (segments, truth["label"])
    history = model.fit(data, validation_data=unknown, epochs=2, shuffle=False, verbose=0).history
    assert set(history) == ALWAYS | FOCUS_KNOWN | {f"val_{name}" for name in ALWAYS}
    assert {len(values) for values in history.values()} == {2}


@pytest.mark.parametrize("known_in", ["training", "validation"])
@pytest.mark.parametrize("replicas", [1, 2])
def test_steps_that_were_traced_long_ago_still_say_what_they_know(
    linear_model, two_replicas, segments, truth, known_in, replicas
):
    """Two rounds of compiled steps: only the first of them runs any Python."""
    strategy = two_replicas if replicas == 2 else tf.distribute.get_strategy()
    with strategy.scope():
        model = linear_model()
        model.compile()
    expected = {}
    for kind in ("training", "validation"):
        expected[kind] = ALWAYS | (FOCUS_KNOWN if kind == known_in else set())
    labels = {kind: truth if kind == known_in else truth["label"] for kind in expected}
    model.make_train_function()
    model.make_test_function()
    for _ in range(2):
        for kind, step in (("training", model.train_function), ("validation", model.test_function)):
            model.reset_metrics()
            data = tf.data.Dataset.from_tensor_slices((segments, labels[kind])).batch(B)
            logs = step(iter(strategy.experimental_distribute_dataset(data)))
            assert set(logs) == set(model.get_metrics_result()) == expected[kind]


def test_what_the_steps_know_is_no_part_of_the_model(linear_model):
    model = linear_model()
    model.compile()
    assert not any("seen" in variable.path for variable in [*model.variables])
    assert not any("seen" in variable.path for variable in model.metrics_variables)


def test_metrics_start_anew_every_epoch(linear_model, segments, truth):
    model = linear_model()
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    history = model.fit(segments, truth, epochs=2, verbose=0).history
    for first, second in history.values():
        assert first == second
