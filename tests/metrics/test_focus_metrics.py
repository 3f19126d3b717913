import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.metrics import AttentionEntropy, FocusAccuracy, FocusBreakdown

B, M, C = 50, 5, 3
# Means over B of sums of M terms up to log M.
ATOL = (B + M) * np.log(M) * 2.0**-23
METRICS = [FocusAccuracy, FocusBreakdown, AttentionEntropy]
XLA = pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def truth(rng):
    return {"label": rng.integers(C, size=B), "focus": rng.integers(M, size=B)}


@pytest.fixture
def prediction(rng):
    q = np.log(rng.dirichlet(np.ones(C), size=B)).astype("float32")
    return {"label": q, "focus": rng.dirichlet(np.ones(M), size=B).astype("float32")}


def updated(metric, y_true, y_pred, sample_weight=None):
    metric.update_state(y_true, y_pred, sample_weight=sample_weight)
    return metric.result()


def as_floats(result):
    return {k: float(v) for k, v in result.items()} if isinstance(result, dict) else float(result)


def breakdown_oracle(truth, prediction, weight):
    cells = dict.fromkeys(("FTPT", "FFPT", "FTPF", "FFPF"), 0.0)
    for y, z, q, a, w in zip(*truth.values(), *prediction.values(), weight, strict=True):
        f, p = "FT"[int(a.argmax() == z)], "FT"[int(q.argmax() == y)]
        cells[f"F{f}P{p}"] += w / weight.sum()
    return cells


def arguments(metric, truth, prediction):
    whole = isinstance(metric, FocusBreakdown)
    return (truth, prediction) if whole else (truth["focus"], prediction["focus"])


# FocusAccuracy


def test_focus_accuracy_by_hand():
    a = [[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1]]
    assert updated(FocusAccuracy(), [0, 2, 1, 1], a) == 0.75


@pytest.mark.parametrize("shape", [(B,), (B, 1)])
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32"])
def test_focus_accuracy_is_the_fraction_of_right_argmaxes(truth, prediction, shape, dtype):
    z = truth["focus"].reshape(shape).astype(dtype)
    expected = np.mean(prediction["focus"].argmax(-1) == truth["focus"])
    result = updated(FocusAccuracy(), z, prediction["focus"])
    np.testing.assert_allclose(result, expected, atol=ATOL)


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
def test_focus_accuracy_of_a_rationale_leaves_out_empty_ones(rng, prediction, dtype):
    rationale = rng.random((B, M)) < 0.2
    a, some = prediction["focus"], rationale.any(-1)
    assert 0 < some.sum() < B
    expected = rationale[np.arange(B), a.argmax(-1)][some].mean()
    result = updated(FocusAccuracy(), rationale.astype(dtype), a)
    np.testing.assert_allclose(result, expected, atol=ATOL)


def test_one_hot_rationale_equals_index(truth, prediction):
    rationale = np.eye(M)[truth["focus"]]
    index, mask = FocusAccuracy(), FocusAccuracy()
    assert updated(index, truth["focus"], prediction["focus"]) == updated(
        mask, rationale, prediction["focus"]
    )


def test_unknown_focus_equals_absent_example(truth, prediction):
    z = np.where(np.arange(B) < 10, -1, truth["focus"])
    expected = updated(FocusAccuracy(), z[10:], prediction["focus"][10:])
    assert updated(FocusAccuracy(), z, prediction["focus"]) == expected


def test_index_of_no_segment_is_nan():
    assert np.isnan(updated(FocusAccuracy(), [0, 2], [[0.9, 0.1], [0.9, 0.1]]))


def test_focus_accuracy_is_unknown_until_a_known_focus_comes():
    metric, a = FocusAccuracy(), [[0.9, 0.1], [0.9, 0.1]]
    assert np.isnan(metric.result())
    assert np.isnan(updated(metric, [-1, -1], a))
    assert np.isnan(updated(metric, [[0, 0], [0, 0]], a))
    assert updated(metric, [0, -1], a) == 1.0


@pytest.mark.parametrize("truth", [[0, 0], [[1, 0], [1, 0]]], ids=["index", "rationale"])
def test_row_without_segments_is_left_out(truth):
    metric = FocusAccuracy()
    assert np.isnan(updated(metric, truth[:1], [[0.0, 0.0]]))
    assert updated(metric, truth, [[0.0, 0.0], [0.9, 0.1]]) == 1.0
    assert metric.count == 1


def test_nan_of_an_example_of_unknown_focus_does_not_count():
    truth = {"label": np.array([0, 0]), "focus": np.array([0, -1])}
    found = {"label": np.array([[-0.1, -2.4], [np.nan, np.nan]], "float32")}
    found["focus"] = np.array([[0.9, 0.1], [np.nan, np.nan]], "float32")
    expected = {"FTPT": 1.0, "FFPT": 0.0, "FTPF": 0.0, "FFPF": 0.0}
    assert as_floats(updated(FocusBreakdown(), truth, found)) == expected
    known = truth | {"focus": np.array([0, 1])}
    assert np.isnan(as_floats(updated(FocusBreakdown(), known, found))["FTPT"])


@pytest.mark.parametrize("truth", [[0, 0], [[1, 0], [1, 0]]], ids=["index", "rationale"])
def test_nan_attention_is_nan(truth):
    assert np.isnan(updated(FocusAccuracy(), truth, [[0.9, 0.1], [np.nan, np.nan]]))
    unknown = np.stack([truth[0], np.negative(truth[0]) - 1 if np.ndim(truth) == 1 else [0, 0]])
    assert updated(FocusAccuracy(), unknown, [[0.9, 0.1], [np.nan, np.nan]]) == 1.0


@XLA
def test_of_equal_weights_the_first_counts(xla):
    metric = FocusAccuracy()
    tf.function(metric.update_state, jit_compile=xla)(np.array([0, 1, 1]), np.full((3, 4), 0.25))
    np.testing.assert_allclose(metric.result(), 1 / 3, atol=ATOL)


def test_with_one_segment_an_index_is_told_from_a_mask_by_its_dtype():
    a = np.ones((3, 1))
    assert updated(FocusAccuracy(), np.array([[0], [0], [-1]]), a) == 1.0
    metric = FocusAccuracy()
    assert updated(metric, np.array([[True], [False], [True]]), a) == 1.0
    assert metric.count == 2


@pytest.mark.parametrize("shape", [(B,), (B, 1)])
def test_focus_accuracy_is_weighted(rng, truth, prediction, shape):
    z = np.where(np.arange(B) < 10, -1, truth["focus"])
    weight = rng.random(B).astype("float32")
    right = prediction["focus"].argmax(-1) == z
    result = updated(FocusAccuracy(), z, prediction["focus"], weight.reshape(shape))
    np.testing.assert_allclose(result, np.average(right[10:], weights=weight[10:]), atol=ATOL)


@pytest.mark.parametrize(
    ("true", "pred"), [((B, M + 1), (B, M)), ((B - 1,), (B, M)), ((B,), (B,)), ((B - 1, M), (B, M))]
)
def test_focus_shapes_that_disagree_raise(true, pred):
    with pytest.raises(ValueError, match="expected") as error:
        FocusAccuracy().update_state(np.zeros(true), np.zeros(pred))
    assert str(pred) in str(error.value) or str(true) in str(error.value)
    assert "\n" not in str(error.value)


# FocusBreakdown


def test_breakdown_by_hand():
    truth = {"label": [0, 0, 0, 0, 1], "focus": [0, 1, 0, 1, 0]}
    q = [[0.0, -1.0], [0.0, -1.0], [-1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]]
    prediction = {"label": q, "focus": [[0.9, 0.1]] * 5}
    expected = {"FTPT": 0.4, "FFPT": 0.2, "FTPF": 0.2, "FFPF": 0.2}
    found = as_floats(updated(FocusBreakdown(), truth, prediction))
    assert found == pytest.approx(expected, abs=ATOL)


def test_breakdown_is_weighted_and_sums_to_one(rng, truth, prediction):
    weight = rng.random(B)
    result = as_floats(updated(FocusBreakdown(), truth, prediction, weight))
    assert result == pytest.approx(breakdown_oracle(truth, prediction, weight), abs=ATOL)
    assert sum(result.values()) == pytest.approx(1.0, abs=ATOL)


def test_breakdown_margins_are_focus_and_prediction_accuracy(truth, prediction):
    result = as_floats(updated(FocusBreakdown(), truth, prediction))
    ft = float(updated(FocusAccuracy(), truth["focus"], prediction["focus"]))
    pt = np.mean(prediction["label"].argmax(-1) == truth["label"])
    assert result["FTPT"] + result["FTPF"] == pytest.approx(ft, abs=ATOL)
    assert result["FTPT"] + result["FFPT"] == pytest.approx(pt, abs=ATOL)


def test_breakdown_leaves_out_empty_rationales(truth, prediction):
    rationale = np.eye(M)[truth["focus"]]
    rationale[:10] = 0
    known = {"label": truth["label"][10:], "focus": truth["focus"][10:]}
    expected = breakdown_oracle(known, {k: v[10:] for k, v in prediction.items()}, np.ones(B - 10))
    truth = {"label": truth["label"][:, None], "focus": rationale}
    result = as_floats(updated(FocusBreakdown(), truth, prediction))
    assert result == pytest.approx(expected, abs=ATOL)


def test_breakdown_leaves_out_rows_without_segments(truth, prediction):
    a = prediction["focus"].copy()
    a[:10] = 0.0
    known = {name: y[10:] for name, y in truth.items()}
    expected = breakdown_oracle(known, {k: v[10:] for k, v in prediction.items()}, np.ones(B - 10))
    result = as_floats(updated(FocusBreakdown(), truth, prediction | {"focus": a}))
    assert result == pytest.approx(expected, abs=ATOL)


@pytest.mark.parametrize("broken", ["label", "focus"])
def test_breakdown_of_nan_is_nan(truth, prediction, broken):
    prediction[broken][3] = np.nan
    assert np.all(np.isnan(list(as_floats(updated(FocusBreakdown(), truth, prediction)).values())))


def test_breakdown_needs_label_and_focus(truth, prediction):
    with pytest.raises(ValueError, match=r"y_true has keys \['label'\], expected a dict with"):
        FocusBreakdown().update_state({"label": truth["label"]}, prediction)
    with pytest.raises(ValueError, match="y_pred has ndarray, expected a dict with"):
        FocusBreakdown().update_state(truth, prediction["label"])


def test_label_shape_that_disagrees_raises(truth, prediction):
    bad = {"label": truth["label"][1:], "focus": truth["focus"]}
    with pytest.raises(ValueError, match=rf"label has shape \({B - 1},\).* a batch of {B}"):
        FocusBreakdown().update_state(bad, prediction)


# AttentionEntropy


@pytest.mark.parametrize(
    ("attention", "entropy"),
    [([0.0, 1.0, 0.0], 0.0), ([0.5, 0.5, 0.0], np.log(2)), ([1 / 3] * 3, np.log(3))],
)
def test_entropy_by_hand(attention, entropy):
    np.testing.assert_allclose(updated(AttentionEntropy(), None, [attention]), entropy, atol=ATOL)


def test_entropy_is_the_weighted_mean_over_examples(rng, prediction):
    a, weight = prediction["focus"], rng.random(B)
    expected = np.average(-(a * np.log(a)).sum(-1), weights=weight)
    result = updated(AttentionEntropy(), None, a, weight)
    np.testing.assert_allclose(result, expected, atol=ATOL)


def test_entropy_leaves_out_rows_without_segments(rng, prediction):
    a, weight = prediction["focus"].copy(), rng.random(B)
    a[:3] = 0.0
    expected = np.average(-(a[3:] * np.log(a[3:])).sum(-1), weights=weight[3:])
    np.testing.assert_allclose(updated(AttentionEntropy(), None, a, weight), expected, atol=ATOL)


def test_nan_of_weight_0_does_not_count(truth, prediction):
    weight = (np.arange(B) > 0).astype("float32")
    for metric in (FocusAccuracy(), FocusBreakdown(), AttentionEntropy()):
        given = arguments(metric, truth, prediction)
        expected = as_floats(updated(type(metric)(), *given, weight))
        broken = {name: y.astype("float32") for name, y in prediction.items()}
        for y in broken.values():
            y[0] = np.nan
        given = arguments(metric, truth, broken)
        assert as_floats(updated(metric, *given, weight)) == expected


# all of them


@pytest.mark.parametrize("cls", METRICS)
def test_batches_equal_one_batch(cls, truth, prediction):
    whole, parts = cls(), cls()
    for piece in np.array_split(np.arange(B), 3):
        batch = [{k: v[piece] for k, v in y.items()} for y in (truth, prediction)]
        parts.update_state(*arguments(parts, *batch))
    expected = as_floats(updated(whole, *arguments(whole, truth, prediction)))
    assert as_floats(parts.result()) == pytest.approx(expected, abs=ATOL)


@pytest.mark.parametrize(
    ("cls", "empty"), [(FocusAccuracy, np.nan), (FocusBreakdown, np.nan), (AttentionEntropy, 0.0)]
)
def test_before_the_first_example_and_after_reset(cls, empty, truth, prediction):
    metric = cls()
    for _ in range(2):
        np.testing.assert_array_equal(tf.nest.flatten(metric.result()), empty)
        metric.update_state(*arguments(metric, truth, prediction))
        assert np.all(np.isfinite(tf.nest.flatten(metric.result())))
        metric.reset_state()


@XLA
@pytest.mark.parametrize("cls", METRICS)
@pytest.mark.parametrize("focus", ["index", "rationale"])
def test_graph_of_unknown_batch_size_equals_eager(cls, truth, prediction, focus, xla):
    truth = {**truth, "focus": truth["focus"] if focus == "index" else np.eye(M)[truth["focus"]]}
    eager, compiled = cls(), cls()
    expected = as_floats(updated(eager, *arguments(eager, truth, prediction)))
    inputs = arguments(compiled, truth, prediction)
    signature = tf.nest.map_structure(lambda x: tf.TensorSpec((None, *x.shape[1:])), inputs)
    step = tf.function(compiled.update_state, input_signature=signature, jit_compile=xla)
    step(*tf.nest.map_structure(lambda x: tf.cast(x, "float32"), inputs))
    assert as_floats(compiled.result()) == pytest.approx(expected, abs=ATOL)


@pytest.mark.parametrize("cls", METRICS)
def test_half_precision_comes_in_and_float32_goes_out(cls, truth, prediction):
    half = {k: v.astype("float16") for k, v in prediction.items()}
    metric = cls()
    result = updated(metric, *arguments(metric, truth, half))
    assert {v.dtype for v in tf.nest.flatten(result)} == {tf.float32}
    whole = {k: v.astype("float32") for k, v in half.items()}
    expected = as_floats(updated(cls(), *arguments(metric, truth, whole)))
    assert as_floats(result) == pytest.approx(expected, abs=ATOL)


@pytest.mark.parametrize("cls", METRICS)
def test_config_round_trip(cls):
    metric = cls(name="other")
    twin = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(twin) is cls
    assert twin.get_config() == metric.get_config() == {"name": "other", "dtype": "float32"}
