"""Labels as FocusClassifier takes them, and the logs that it makes of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers, losses

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


@pytest.mark.parametrize("call", ["fit", "evaluate"])
@pytest.mark.parametrize("loss", [None, lambda y, q: -q[:, 0]], ids=["own", "of the user"])
def test_labels_of_a_pipeline_that_name_no_class_are_refused(linear_model, segments, call, loss):
    model = linear_model()
    model.compile(loss=loss)
    labels = np.where(np.arange(B) == 5, C, 0)
    batches = tf.data.Dataset.from_tensor_slices((segments, labels)).batch(B)
    settings = {"shuffle": False} if call == "fit" else {}
    with pytest.raises(ValueError, match="^label is 3 at row 5, expected 0 to 2: the") as error:
        getattr(model, call)(batches, verbose=0, **settings)
    assert "\n" not in str(error.value)


def test_two_replicas_refuse_a_pipelines_labels(linear_model, two_replicas, segments):
    with two_replicas.scope():
        model = linear_model("hard")
        model.compile("sgd")
    labels = np.where(np.arange(B) == 5, C, 0)
    batches = tf.data.Dataset.from_tensor_slices((segments, labels)).batch(B)
    with pytest.raises(ValueError, match="^label is 3 at row 1, expected 0 to 2: the"):
        model.fit(batches, shuffle=False, verbose=0)


@pytest.mark.parametrize("call", ["fit", "evaluate"])
def test_under_xla_a_pipelines_labels_are_named_at_the_end(linear_model, segments, truth, call):
    model = linear_model()
    model.compile(jit_compile=True)
    labels = np.where(np.arange(B) == 5, C, 0)
    batches = tf.data.Dataset.from_tensor_slices((segments, labels)).batch(B)
    settings = {"shuffle": False} if call == "fit" else {}
    with pytest.raises(ValueError, match="^a label is none of the 3 classes, which a step"):
        getattr(model, call)(batches, verbose=0, **settings)
    assert np.isfinite(evaluated(model, segments, truth)["loss"]) or call == "fit"  # forgotten


def test_missing_labels_are_refused(linear_model, segments):
    with pytest.raises(ValueError, match="^labels are None, expected class ids"):
        compiled(linear_model()).evaluate(segments)


# One-hot and soft labels


@pytest.mark.parametrize("attention", ["soft", "hard", "lvml", "reinforce"])
def test_one_hot_labels_train_as_ids_do(linear_model, segments, truth, attention):
    weights, results = [], []
    one_hot = truth | {"label": np.eye(C)[truth["label"]]}
    for labels in (truth, one_hot):
        keras.utils.set_random_seed(3)
        model = compiled(linear_model(layers.get(attention)))
        model.fit(segments, labels, batch_size=4, shuffle=False, verbose=0)
        weights.append(model.get_weights())
        results.append(evaluated(model, segments, labels))
        unknown = evaluated(model, segments, labels["label"])
        assert unknown == {name: results[-1][name] for name in ALWAYS}
    assert_close(*weights)
    assert results[0] == pytest.approx(results[1], rel=1e-5)


@pytest.mark.parametrize("name", ["soft", "hard", "lvml"])
def test_loss_of_soft_labels_is_the_expectation_of_q(
    linear_model, numpy_predictions, segments, name
):
    y = np.random.default_rng(4).dirichlet(np.ones(C), size=B)
    model = compiled(linear_model(name))
    q = numpy_predictions(model, segments)[{"lvml": "marginal"}.get(name, name)]
    loss = model.compute_loss(None, y, model(segments, training=True))
    assert float(loss) == pytest.approx(-(y * q).sum(axis=1).mean(), rel=1e-5)


def test_class_weights_of_one_hot_labels_are_those_of_ids(linear_model, segments, truth):
    weights = []
    for labels in (truth["label"], np.eye(C)[truth["label"]]):
        keras.utils.set_random_seed(3)
        model = compiled(linear_model())
        model.fit(segments, labels, class_weight={0: 1, 1: 2, 2: 0.5}, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    assert_close(*weights)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            np.eye(C)[[0] * B] + np.eye(C)[[1] * B],
            "^label at row 0 has sum 2 and minimum 0, expected",
        ),
        (
            np.zeros((B, C + 1)),
            r"^labels have shape \((8|None), 4\), expected class ids .* not supported$",
        ),
        (np.full(B, 0.37), "^label is 0.37 at row 0, .* regression is not supported$"),
    ],
)
@pytest.mark.parametrize("source", ["arrays", "pipeline"])
def test_other_targets_are_refused_in_one_line(linear_model, segments, labels, message, source):
    model = linear_model()
    model.compile()
    data = (segments, labels.astype("float32"))
    if source == "pipeline":
        data = (tf.data.Dataset.from_tensor_slices(data).batch(B),)
    with pytest.raises(ValueError, match=message) as error:
        model.fit(*data, shuffle=False, verbose=0)
    assert "\n" not in str(error.value)


def test_only_attention_that_observes_is_told(linear_model, segments, monkeypatch):
    """No loss is computed that the user did not choose."""
    calls = []
    monkeypatch.setattr(losses.NegativeLogLikelihood, "call", lambda *_: calls.append(1))
    for attention, told in (("soft", 0), ("hybrid", 0)):
        model = compiled(linear_model(attention), loss=lambda y, q: -q[:, 0])
        model.compute_loss(None, np.zeros(B, int), model(segments, training=True))
        assert len(calls) == told


def test_which_attention_observes():
    class Own(layers.SoftAttention):
        def observe(self, log_likelihood):
            pass

    told = [Own(), layers.ReinforceAttention(), layers.HybridAttention("soft", "reinforce")]
    others = [layers.get(name) for name in ("soft", "hard", "lvml", "gumbel", "hybrid")]
    assert all(one.observes for one in told) and not any(one.observes for one in others)


def test_nan_segments_make_the_loss_nan(linear_model, segments, truth):
    segments[0, 0, 0] = np.nan
    model = compiled(linear_model("hard"))
    with pytest.warns(UserWarning, match="^3 weights of .* not finite"):
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


@pytest.mark.parametrize("call", ["fit", "train_on_batch"])
def test_class_weights_of_soft_labels_are_refused(linear_model, segments, call):
    """Keras weighed them by the most probable class."""
    y = np.random.default_rng(4).dirichlet(np.ones(C), size=B)
    with pytest.raises(ValueError, match="^class_weight is given beside soft labels, expected"):
        getattr(compiled(linear_model()), call)(segments, y, class_weight={0: 1.0, 1: 2.0, 2: 1.0})


def test_class_weights_of_soft_labels_in_a_pipeline_are_refused(linear_model, segments):
    y = np.random.default_rng(4).dirichlet(np.ones(C), size=B).astype("float32")
    data = tf.data.Dataset.from_tensor_slices((segments, y)).batch(4)
    with pytest.raises(ValueError, match="^class_weight is given beside soft labels, expected"):
        compiled(linear_model()).fit(data, class_weight={0: 1.0, 1: 2.0, 2: 1.0})


def test_class_weights_of_ids_and_one_hot_labels_in_a_pipeline(linear_model, segments, truth):
    weights, ids = [], truth["label"]
    for x, *y in (
        (segments, ids),
        (_pipeline(segments, ids),),
        (_pipeline(segments, np.eye(C)[ids]),),
    ):
        keras.utils.set_random_seed(3)
        model = compiled(linear_model())
        settings = {"batch_size": 4} if y else {}
        model.fit(x, *y, class_weight={0: 1, 1: 2, 2: 0.5}, shuffle=False, verbose=0, **settings)
        weights.append(model.get_weights())
    assert_close(weights[1], weights[0])
    assert_close(weights[2], weights[0])


def _pipeline(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays).batch(4)
