import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from attention_zoo.evaluation import attention_on_truth, evaluate
from attention_zoo.evaluation.every_way import EveryWay
from attention_zoo.models import FocusClassifier

N, M, D, C = 23, 3, 4, 3
# Means over N of class scores: sums of D and M terms of a size up to 8, two softmaxes.
ATOL = (16 * 8 + N * 4) * 2.0**-23
WAYS = ["argmax", "marginal", "soft"]
CELLS = ["FTPT", "FFPT", "FTPF", "FFPF"]
BELIEF = ["ece", "brier", "aurc", "confidence_aurc"]
BELIEF += ["comprehensiveness", "sufficiency", "flip_rate", "deletion_area", "insertion_area"]


@pytest.fixture
def segments():
    return np.random.default_rng(1).normal(size=(N, M, D)).astype("float32")


@pytest.fixture
def truth():
    rng = np.random.default_rng(2)
    return {"label": rng.integers(C, size=N), "focus": rng.integers(M, size=N)}


def batches(segments, truth, size=8):
    """Batches of arrays, the last one partial."""
    starts = range(0, len(segments), size)
    slices = [slice(start, start + size) for start in starts]
    return [(segments[s], {name: y[s] for name, y in truth.items()}) for s in slices]


def histogram(pairs, bins):
    """Counts of (a_z, p_y), one at a time; the last bin holds 1, too."""
    counts = np.zeros((bins, bins), int)
    for pair in pairs:
        row, column = (min(int(bins * min(value, 1.0)), bins - 1) for value in pair)
        counts[row, column] += 1
    return counts


def assert_is_what_numpy_computes(result, expected, truth, bins=5):
    """`expected`: log-probabilities and attention; `truth["focus"]`: index, < 0 where unknown."""
    a, y, z = expected["focus"], truth["label"], truth["focus"]
    known, focus = z >= 0, a.argmax(axis=1) == z
    assert (result.num_examples, result.num_known) == (len(y), known.sum())
    expected_focus = focus[known].mean() if known.any() else np.nan
    assert result.focus_accuracy == pytest.approx(expected_focus, nan_ok=True)
    positive = np.where(a > 0, a, 1.0)
    assert result.entropy == pytest.approx(-(a * np.log(positive)).sum(1).mean(), abs=ATOL)
    assert list(result.ways) == WAYS
    for name, way in result.ways.items():
        log_p = expected[name]
        right, nll = log_p.argmax(axis=1) == y, -log_p[np.arange(len(y)), y]
        assert way.accuracy == pytest.approx(right.mean())
        assert way.nll == pytest.approx(nll.mean(), abs=1e-4)
        cells = [focus & right, ~focus & right, focus & ~right, ~focus & ~right]
        fractions = [cell[known].mean() if known.any() else np.nan for cell in cells]
        breakdown = dict(zip(CELLS, fractions, strict=True))
        assert way.breakdown == pytest.approx(breakdown, nan_ok=True)
        pairs = zip(a[known, z[known]], np.exp(-nll[known]), strict=True)
        np.testing.assert_array_equal(way.histogram, histogram(pairs, bins))


@pytest.mark.parametrize(
    ("attention", "source"), [("soft", "arrays"), ("hard", "dataset"), ("lvml", "arrays")]
)
def test_all_figures_are_what_numpy_computes(
    linear_model, numpy_predictions, segments, truth, attention, source
):
    model = linear_model(attention)
    data = batches(segments, truth)
    if source == "dataset":
        data = tf.data.Dataset.from_tensor_slices((segments, truth)).batch(8)
    result = evaluate(model, data)
    assert_is_what_numpy_computes(result, numpy_predictions(model, segments), truth)
    for way in result.ways.values():
        assert sum(way.breakdown.values()) == pytest.approx(1.0)
        assert way.histogram.sum() == N


def test_size_of_the_batches_does_not_matter(linear_model, segments, truth):
    model = linear_model("lvml")
    whole = evaluate(model, batches(segments, truth, size=N))
    parts = evaluate(model, batches(segments, truth, size=5))
    assert parts.scalars() == pytest.approx(whole.scalars(), abs=ATOL)
    for name in WAYS:
        np.testing.assert_array_equal(parts.ways[name].histogram, whole.ways[name].histogram)


@pytest.mark.parametrize("bins", [1, 7])
def test_number_of_bins(linear_model, numpy_predictions, segments, truth, bins):
    model = linear_model()
    result = evaluate(model, batches(segments, truth), bins=bins)
    assert_is_what_numpy_computes(result, numpy_predictions(model, segments), truth, bins)


def test_certain_attention_and_certain_predictions_fall_in_the_last_bin(
    linear_model, numpy_predictions, segments, truth
):
    model = linear_model("hard")
    model.set_weights([1e4 * w for w in model.get_weights()])
    result = evaluate(model, batches(segments, truth))
    way = result.ways["argmax"]
    assert way.histogram.sum() == N
    assert way.histogram[1:-1].sum() == way.histogram[:, 1:-1].sum() == 0
    assert way.histogram[-1].sum() == round(N * result.focus_accuracy)
    assert way.histogram[:, -1].sum() == round(N * way.accuracy)


# The focus: an index, a rationale, or unknown


def test_index_in_a_column_equals_a_flat_one(linear_model, segments, truth):
    model = linear_model()
    column = truth | {"focus": truth["focus"][:, None]}
    flat = evaluate(model, batches(segments, truth))
    result = evaluate(model, batches(segments, column))
    assert result.scalars() == flat.scalars()
    for name in WAYS:
        np.testing.assert_array_equal(result.ways[name].histogram, flat.ways[name].histogram)


@pytest.mark.parametrize("dtype", ["bool", "float32"])
def test_one_hot_rationale_equals_index(linear_model, segments, truth, dtype):
    model = linear_model()
    one_hot = truth | {"focus": np.eye(M)[truth["focus"]].astype(dtype)}
    flat = evaluate(model, batches(segments, truth))
    result = evaluate(model, batches(segments, one_hot))
    assert result.scalars() == pytest.approx(flat.scalars())
    for name in WAYS:
        np.testing.assert_array_equal(result.ways[name].histogram, flat.ways[name].histogram)


def test_attention_on_a_rationale_is_summed():
    a = np.float32([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.2, 0.2, 0.6]])
    rationale = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1]])
    np.testing.assert_allclose(attention_on_truth(rationale, a), [0.7, np.nan, 1.0], rtol=1e-6)
    for index in ([2, -1, 0], [[2], [-1], [0]], np.float32([2, -1, 0])):
        found = attention_on_truth(index, a)
        np.testing.assert_allclose(found, [0.2, np.nan, 0.2], rtol=1e-6)


def test_rationales_of_several_segments(linear_model, numpy_predictions, segments, truth):
    model = linear_model("lvml")
    rationale = np.random.default_rng(3).random((N, M)) < 0.3
    some = rationale.any(axis=1)
    assert 0 < some.sum() < N
    result = evaluate(model, batches(segments, truth | {"focus": rationale.astype("int32")}))
    expected = numpy_predictions(model, segments)
    a, y = expected["focus"], truth["label"]
    hit = rationale[np.arange(N), a.argmax(axis=1)]
    assert result.focus_accuracy == pytest.approx(hit[some].mean())
    p_y = np.exp(expected["marginal"][np.arange(N), y])
    pairs = zip((a * rationale).sum(axis=1)[some], p_y[some], strict=True)
    np.testing.assert_array_equal(result.ways["marginal"].histogram, histogram(pairs, bins=5))


@pytest.mark.parametrize("unknown", [0.4, 1.0])
def test_unknown_focus_is_left_out(linear_model, numpy_predictions, segments, truth, unknown):
    """Out of focus accuracy, breakdown and histogram; not out of accuracy, NLL and entropy."""
    truth["focus"][: int(unknown * N)] = -1
    model = linear_model("hard")
    result = evaluate(model, batches(segments, truth))
    assert_is_what_numpy_computes(result, numpy_predictions(model, segments), truth)


@pytest.mark.parametrize("form", ["ids", "dict"])
def test_labels_without_focus(linear_model, numpy_predictions, segments, truth, form):
    model, label = linear_model("lvml"), truth["label"]
    result = evaluate(model, [(segments, label if form == "ids" else {"label": label})])
    unknown = {"label": label, "focus": np.full(N, -1)}
    assert_is_what_numpy_computes(result, numpy_predictions(model, segments), unknown)
    assert all(way.histogram.sum() == 0 for way in result.ways.values())


def test_what_is_not_known_is_not_given_as_a_number(linear_model, segments, truth):
    result = evaluate(linear_model(), [(segments, truth["label"])])
    scalars = json.loads(json.dumps(result.scalars(), allow_nan=False))
    figures = ("accuracy", "nll", *BELIEF)
    names = {f"{way}_{f}" for way in WAYS for f in figures}
    assert set(scalars) == {"entropy", "num_left_out"} | names
    head, columns, *lines = result.table().splitlines()[:5]
    assert head.startswith(f"{N} examples, focus true (FT) –, attention entropy")
    assert all(line.split()[3:] == ["–"] * 4 for line in lines)
    assert len({len(line) for line in (columns, *lines)}) == 1


def test_table_says_how_many_are_known(linear_model, segments, truth):
    truth["focus"][:9] = -1
    head = evaluate(linear_model(), [(segments, truth)]).table().splitlines()[0]
    assert f"% of {N - 9} known, attention entropy" in head


def test_rows_without_segments_have_no_focus(linear_model, segments, truth):
    model, mask = linear_model(), np.arange(N)[:, None] >= np.full(M, 4)
    result = evaluate(model, [({"segments": segments, "mask": mask}, truth)])
    rest = evaluate(model, [(segments[4:], {name: y[4:] for name, y in truth.items()})])
    assert (result.num_examples, result.num_known) == (N, N - 4)
    assert result.focus_accuracy == pytest.approx(rest.focus_accuracy)
    for name, way in result.ways.items():
        assert way.breakdown == pytest.approx(rest.ways[name].breakdown)
        np.testing.assert_array_equal(way.histogram, rest.ways[name].histogram)


def test_sample_weights_are_ignored(linear_model, segments, truth):
    model = linear_model()
    data = tf.data.Dataset.from_tensor_slices((segments, truth, np.arange(N))).batch(8)
    assert evaluate(model, data).scalars() == evaluate(model, batches(segments, truth)).scalars()


# The model


def test_model_that_was_never_built(segments, truth):
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C), "lvml")
    result = evaluate(model, batches(segments, truth))
    assert model.built
    assert evaluate(model, batches(segments, truth)).scalars() == result.scalars()


def test_masked_segments_do_not_count(linear_model, segments, truth):
    model = linear_model("lvml")
    padded = np.concatenate([segments, np.full((N, 1, D), 9.0, "float32")], axis=1)
    mask = np.broadcast_to(np.arange(M + 1) < M, (N, M + 1))
    result = evaluate(model, [({"segments": padded, "mask": mask}, truth)])
    expected = evaluate(model, [(segments, truth)])
    assert result.scalars() == pytest.approx(expected.scalars(), abs=ATOL)


def test_agrees_with_the_models_own_evaluate(linear_model, segments, truth):
    model = linear_model("lvml")
    model.compile(run_eagerly=True)
    own = model.evaluate(segments, truth, return_dict=True, verbose=0)
    figures = evaluate(model, batches(segments, truth)).scalars()
    assert figures["marginal_accuracy"] == pytest.approx(own["label_accuracy"])
    assert figures["marginal_nll"] == pytest.approx(own["loss"], abs=ATOL)
    assert figures["entropy"] == pytest.approx(own["focus_entropy"], abs=ATOL)
    for cell in CELLS:
        assert figures[f"marginal_{cell}"] == pytest.approx(own[cell])


@pytest.mark.low_precision
def test_model_in_half_precision_is_evaluated_in_half_precision(segments, truth, rounding):
    focus, classifier = (keras.layers.Dense(n, dtype="mixed_bfloat16") for n in (1, C))
    model = FocusClassifier(focus, classifier, "soft", dtype="mixed_bfloat16")
    every_way = EveryWay(model)
    assert every_way.compute_dtype == "bfloat16"
    q = every_way.predict_on_batch(segments)["soft"]  # of the same compiled step
    way = evaluate(model, [(segments, truth)]).ways["soft"]
    assert way.nll == pytest.approx(-q[np.arange(N), truth["label"]].mean(), abs=rounding(N, 4))


# What it says


@pytest.fixture
def result(linear_model, segments, truth):
    return evaluate(linear_model(), batches(segments, truth))


def test_scalars_are_all_figures_by_name(result):
    figures = ["accuracy", "nll", *CELLS, *BELIEF]
    names = {"focus_accuracy", "attention_mass", "entropy"} | {
        f"{way}_{f}" for way in WAYS for f in figures
    }
    scalars = result.scalars()
    assert scalars.pop("num_left_out") == 0
    assert set(scalars) == names
    assert {type(value) for value in scalars.values()} == {float}
    assert scalars["soft_FFPT"] == result.ways["soft"].breakdown["FFPT"]


def test_table_has_a_line_a_way(result):
    head, columns, *lines = result.table().splitlines()[:5]
    assert head.startswith(f"{N} examples, focus true (FT) {result.focus_accuracy:.1%}")
    assert columns.split() == ["prediction", "accuracy", "NLL", *CELLS]
    assert [line.split()[0] for line in lines] == WAYS
    for line, way in zip(lines, result.ways.values(), strict=True):
        figures = [f"{way.accuracy:.1%}", f"{way.nll:.4f}"]
        assert line.split()[1:] == figures + [f"{way.breakdown[cell]:.1%}" for cell in CELLS]
    assert len({len(line) for line in (columns, *lines)}) == 1
    columns, *lines = result.table().splitlines()[5:]
    assert columns.split() == ["prediction"] + " ".join(BELIEF).replace("_", " ").split()
    for line, (name, way) in zip(lines, result.ways.items(), strict=True):
        assert line.split() == [name, *(f"{way.belief[figure]:.3f}" for figure in BELIEF)]


# What is refused


@pytest.mark.parametrize("data", [list, lambda: tf.data.Dataset.from_tensor_slices([]).batch(2)])
def test_empty_data_are_refused(linear_model, data):
    with pytest.raises(ValueError, match="has 0 batches, expected 1 or more"):
        evaluate(linear_model(), data())


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((), "a batch has no labels, expected .inputs, labels."),
        (({"focus": np.zeros(N)},), r"labels have the keys \['focus'\], expected 'label'"),
        ((np.array(["cat"] * N),), "labels have dtype <U3, expected class ids: numbers"),
        ((tf.constant(["cat"] * N),), "labels have dtype object, expected class ids: numbers"),
        ((np.where(np.arange(N) == 4, C, 0),), "label is 3 at row 4, expected 0 to 2"),
    ],
)
def test_labels_that_name_no_class_are_refused(linear_model, segments, labels, message):
    with pytest.raises(ValueError, match=f"^{message}") as error:
        evaluate(linear_model(), [(segments, *labels)])
    assert "\n" not in str(error.value)


def test_focus_that_names_no_segment_is_refused(linear_model, segments, truth):
    truth["focus"][4] = M
    with pytest.raises(ValueError, match="focus is 3, expected an index below 3"):
        evaluate(linear_model(), [(segments, truth)])


# One-hot and soft labels


def test_one_hot_labels_are_evaluated_as_ids(linear_model, segments, truth):
    model = linear_model("lvml")
    one_hot = truth | {"label": np.eye(C, dtype="float32")[truth["label"]]}
    found = [evaluate(model, batches(segments, labels)) for labels in (truth, one_hot)]
    assert found[0].scalars() == pytest.approx(found[1].scalars(), rel=1e-6)
    alone = evaluate(model, [(segments, one_hot["label"])])
    assert alone.ways["soft"].nll == pytest.approx(found[0].ways["soft"].nll, rel=1e-5)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float32", "int64"])
def test_ids_may_be_of_any_type_that_fit_takes(linear_model, segments, truth, dtype):
    """Of two classes, a bool among them."""
    model, label = linear_model(), truth["label"] % 2
    assert evaluate(model, [(segments, label.astype(dtype))]).scalars() == pytest.approx(
        evaluate(model, [(segments, label)]).scalars()
    )


def test_nll_of_soft_labels_is_its_expectation(linear_model, numpy_predictions, segments, truth):
    y = np.random.default_rng(3).dirichlet(np.ones(C), size=N)
    model = linear_model("lvml")
    found = evaluate(model, batches(segments, truth | {"label": y}))
    expected = numpy_predictions(model, segments)
    for name in WAYS:
        q, way = expected[name], found.ways[name]
        assert way.nll == pytest.approx(-(y * q).sum(axis=1).mean(), rel=1e-5)
        assert way.accuracy == pytest.approx(np.mean(q.argmax(axis=1) == y.argmax(axis=1)))


# NaN


class NaNFor3(keras.layers.Layer):
    """A focus network that has no number for a segment that begins with 3."""

    def call(self, x):
        return keras.ops.where(x[:, :1] == 3.0, float("nan"), x[:, 1:2])


@pytest.fixture
def broken(segments):
    """A model whose attention is NaN in one example; a ReLU makes 0 of NaN."""
    segments[5, 1, 0] = 3.0
    classifier = keras.Sequential([keras.layers.Dense(8, "relu"), keras.layers.Dense(C)])

    def build(attention="soft", normalizer="softmax", **settings):
        attention = layers.get(attention, normalizer=normalizer)
        return FocusClassifier(NaNFor3(), classifier, attention, **settings), segments

    return build


@pytest.mark.parametrize("normalizer", ["softmax", "sparsemax", "entmax15", "spherical_softmax"])
def test_nan_attention_makes_nan_figures_and_one_warning(broken, truth, normalizer):
    model, segments = broken(normalizer=normalizer)
    with pytest.warns(RuntimeWarning, match=r"^attention is NaN in 1 of 23 examples: the") as told:
        found = evaluate(model, batches(segments, truth))
    assert len(told) == 1 and told[0].filename == __file__
    assert np.isnan([found.focus_accuracy, found.entropy]).all()
    for way in found.ways.values():
        assert np.isnan([way.accuracy, way.nll, *way.breakdown.values()]).all()
        assert way.histogram.sum() == N - 1
    assert found.scalars() == {}


@pytest.mark.parametrize("inference", WAYS)
def test_keras_evaluate_gives_nan_too(broken, truth, inference):
    """It gave the accuracy of class 0, and soft a finite loss."""
    model, segments = broken(inference=inference)
    model.compile(metrics={"label": ["accuracy", keras.metrics.AUC(name="auc")]})
    found = model.evaluate(segments, truth, verbose=0, return_dict=True)
    assert set(found) > {"loss", "label_accuracy", "label_auc", "FTPT"}
    assert np.isnan(list(found.values())).all()


@pytest.mark.parametrize("attention", ["soft", "hard", "lvml", "gumbel", "reinforce"])
def test_nan_attention_makes_the_loss_of_a_compiled_step_nan(broken, truth, attention):
    model, segments = broken(attention)
    model.compile("sgd")
    assert np.isnan(model.train_on_batch(segments, truth["label"])[0])


def test_weights_that_are_not_finite_are_said_whatever_comes_of_them(linear_model, segments, truth):
    """A ReLU, or a softmax over what it left, may make plausible numbers of them."""
    model = linear_model()
    weight = model.classifier.weights[0]
    weight.assign(np.full(weight.shape, np.inf))
    with pytest.warns(UserWarning, match="^1 weights of .* have values that are not finite"):
        evaluate(model, (segments, truth))
