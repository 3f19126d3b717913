"""Figures of belief: a brute-force oracle, and models whose worth is known by hand."""

import json

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo import layers, metrics
from attention_zoo.evaluation import evaluate
from attention_zoo.evaluation.every_way import EveryWay
from attention_zoo.models import FocusClassifier
from attention_zoo.models.networks.bags import _MaxOfBag

N, M, D, C = 9, 6, 4, 3
WAYS = ["argmax", "marginal", "soft"]
STEPS = 5


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    lengths = np.array([1, 2, 3, 4, 5, 6, 6, 6, 6])
    x = rng.normal(size=(N, M, D)).astype("float32")
    return x, np.arange(M) < lengths[:, None], rng.integers(C, size=N)


def model_of(encoder=None, read_by=lambda dense: dense):
    normal = keras.initializers.RandomNormal(stddev=1.0, seed=3)
    focus = keras.layers.Dense(1, use_bias=False, kernel_initializer=normal)
    classifier = keras.layers.Dense(C, kernel_initializer=normal)
    model = FocusClassifier(focus, read_by(classifier), "lvml", encoder=encoder)
    model.build((None, None, D))
    return model


def predicted(model, segments, way):
    return np.exp(keras.ops.convert_to_numpy(model.every_way(*model.encode(segments[None]))[way]))[
        0
    ]


def by_brute_force(model, x, there, way):
    """Every figure of one example, its segments cut out; without the chosen one of more than 1."""
    x = x[there]
    n, a = len(x), keras.ops.convert_to_numpy(model(x[None])["focus"])[0]
    order = np.argsort(-a, kind="stable")
    whole = predicted(model, x, way)
    y = whole.argmax()

    def kept(first, last):
        return predicted(model, x[np.sort(order[first:last])], way)

    sizes = [-(-n * step // STEPS) for step in range(1, STEPS)]
    deleted = [whole[y], *(kept(min(size, n - 1), n)[y] for size in sizes)]
    inserted = [*(kept(0, size)[y] for size in sizes), whole[y]]
    figures = {"sufficiency": whole[y] - kept(0, 1)[y]}
    figures |= {"deletion_area": np.mean(deleted), "insertion_area": np.mean(inserted)}
    if n > 1:
        figures["comprehensiveness"] = whole[y] - kept(1, n)[y]
        figures["flip_rate"] = float(kept(1, n).argmax() != y)
    return figures


@pytest.mark.parametrize("encoder", [None, layers.PerSegment, _MaxOfBag])
@pytest.mark.parametrize("way", WAYS)
def test_every_figure_is_that_of_brute_force(data, rounding, encoder, way):
    x, there, labels = data
    model = model_of(encoder and encoder(keras.layers.Dense(D)))
    result = evaluate(model, [({"segments": x, "mask": there}, labels)], curves=True)
    assert result.num_left_out == 1  # of one segment: without it there is nothing to predict from
    found = result.ways[way].belief
    figures = [by_brute_force(model, x[i], there[i], way) for i in range(N)]
    for name in figures[-1]:
        mean = np.mean([one[name] for one in figures if name in one])
        assert found[name] == pytest.approx(mean, abs=rounding(4 * D, 8))


def test_examples_without_a_rest_are_left_out_and_counted(data):
    """Of one segment, or all of whose segments are named; what is not known is in no JSON."""
    x, there, labels = data
    model = model_of()
    inputs = {"segments": x, "mask": there}
    result = evaluate(model, [(inputs, labels)], top_k=3)
    assert result.num_left_out == result.scalars()["num_left_out"] == 3
    assert "3 examples have nothing left" in result.table()
    rest = evaluate(model, [({k: v[3:] for k, v in inputs.items()}, labels[3:])], top_k=3)
    assert rest.num_left_out == rest.scalars()["num_left_out"] == 0
    for way in WAYS:
        for name in ("comprehensiveness", "flip_rate"):
            figures = result.ways[way].belief[name], rest.ways[way].belief[name]
            assert figures[0] == pytest.approx(figures[1], abs=1e-6)
    alone = evaluate(model, [(x[:, :1], labels)])
    assert alone.num_left_out == N
    written = json.loads(json.dumps(alone.scalars(), allow_nan=False))
    assert "soft_comprehensiveness" not in written and written["soft_sufficiency"] == 0.0


def test_attention_that_is_nan_is_no_missing_rest(data):
    x, _, labels = data
    x = np.where(np.arange(N)[:, None, None] == 3, np.nan, x)
    with pytest.warns(RuntimeWarning, match="attention is NaN in 1 of 9"):
        result = evaluate(model_of(), [(x, labels)])
    assert np.isnan(result.ways["soft"].belief["comprehensiveness"]) and result.num_left_out == 0
    assert "num_left_out" not in result.scalars()


def test_explain_has_the_same_rule(data):
    x, there, labels = data
    model = model_of()
    inputs = {"segments": x, "mask": there}
    found = az.explain(model, inputs, top=3)
    np.testing.assert_array_equal(np.isnan(found.without).all(axis=2), ~found.remains)
    np.testing.assert_array_equal(found.remains[:4], np.arange(1, 4) < [[1], [2], [3], [4]])
    lost = found.support["whole"] - found.support["without"][:, 0]
    figures = evaluate(model, [(inputs, labels)]).ways[model.way_to_predict].belief
    assert np.nanmean(lost) == pytest.approx(figures["comprehensiveness"], abs=1e-6)
    known = found.remains[:, 0]
    assert np.mean(found.flips[known] == 1) == pytest.approx(figures["flip_rate"])


def test_padding_changes_no_figure(data):
    x, there, labels = data
    model = model_of()
    wider = np.concatenate([x, 1e3 * np.ones((N, 3, D), "float32")], axis=1)
    padded = np.concatenate([there, np.zeros((N, 3), bool)], axis=1)
    one, other = (
        evaluate(model, [({"segments": s, "mask": mask}, labels)])
        for s, mask in ((x, there), (wider, padded))
    )
    assert one.scalars() == pytest.approx(other.scalars(), abs=1e-5)
    for name, values in one.reasons.items():
        np.testing.assert_allclose(values, other.reasons[name], atol=1e-5)


def test_calibration_is_of_the_probabilities(data):
    x, _, labels = data
    result = evaluate(model_of(), [(x, labels)])
    for way in result.ways.values():
        p = way.probabilities
        assert way.belief["ece"] == pytest.approx(metrics.calibration_error(labels, p))
        assert way.belief["brier"] == pytest.approx(metrics.brier_score(labels, p))
        right = p.argmax(axis=1) == labels
        sure = result.reasons["confidence"]
        assert way.belief["aurc"] == pytest.approx(metrics.aurc(right, p.max(axis=1)))
        assert way.belief["confidence_aurc"] == pytest.approx(metrics.aurc(right, sure))


# Models whose worth is known


def decided(count=30, m=5):
    """Segments of which one, at z, is the unit vector of the label; the others are zeros."""
    rng = np.random.default_rng(1)
    labels, z = rng.integers(C, size=count), rng.integers(m, size=count)
    x = np.zeros((count, m, C + 1), "float32")
    x[np.arange(count), z, labels] = 1.0
    x[np.arange(count), z, C] = 1.0  # marks the true segment
    return x, labels, z


def network(weights):
    dense = keras.layers.Dense(np.shape(weights)[1], use_bias=False)
    dense.build((None, len(weights)))
    dense.set_weights([np.float32(weights)])
    return dense


READS = 50 * np.eye(C + 1)[:, :C]  # logits: 50 for the class of the segment
LOOKS = 50 * np.eye(C + 1)[:, C:]  # scores: 50 on the true segment


def test_a_model_that_uses_the_true_segment_alone_scores_best():
    x, labels, z = decided()
    model = FocusClassifier(network(LOOKS), network(READS), "lvml")
    model.build((None, 5, C + 1))
    result = evaluate(model, [(x, {"label": labels, "focus": z})])
    assert result.focus_accuracy == result.attention_mass == 1.0
    for way in WAYS:
        found = result.ways[way].belief
        assert found["ece"] == pytest.approx(0.0, abs=1e-6)
        assert found["brier"] == pytest.approx(0.0, abs=1e-6)
        assert found["aurc"] == 0.0
        assert found["comprehensiveness"] == pytest.approx(1 - 1 / C)
        assert found["sufficiency"] == pytest.approx(0.0, abs=1e-6)
        assert found["flip_rate"] == pytest.approx(np.mean(labels > 0))  # of equals the first
        assert found["insertion_area"] == pytest.approx(1.0)
        assert found["deletion_area"] == pytest.approx((1 + 4 / C) / 5)


def test_a_model_that_ignores_attention_scores_worst():
    """It says the same of all segments: nothing is lost without any, and nothing by deletion."""
    x, labels, z = decided()
    model = FocusClassifier(network(LOOKS), network(np.zeros((C + 1, C))), "lvml")
    model.build((None, 5, C + 1))
    result = evaluate(model, [(x, {"label": labels, "focus": z})])
    for way in WAYS:
        found = result.ways[way].belief
        assert found["comprehensiveness"] == pytest.approx(0.0, abs=1e-6)
        assert found["flip_rate"] == 0.0
        assert found["deletion_area"] == pytest.approx(found["insertion_area"])


def test_a_model_that_looks_elsewhere_is_found_out_by_what_is_left():
    """Its attention is anywhere but on the segment that the soft answer comes from."""
    x, labels, z = decided()
    model = FocusClassifier(network(-0.05 * LOOKS), network(READS), "soft")
    model.build((None, 5, C + 1))
    result = evaluate(model, [(x, {"label": labels, "focus": z})])
    found = result.ways["soft"].belief
    assert result.focus_accuracy == 0.0
    assert result.ways["soft"].accuracy == 1.0  # right for the wrong reason
    assert found["comprehensiveness"] < 0.0  # the answer grows clearer without it
    assert found["sufficiency"] > 0.2  # alone it says nothing
    assert found["deletion_area"] > found["insertion_area"]


# What it costs


@pytest.mark.parametrize(
    ("settings", "runs", "batches_of_zeros"),
    [
        ({"leaves_out": False}, M + 1, 1),
        ({"curves": False}, M + 1 + 2, 2),
        ({"curves": True}, M + 1 + 2 + 2 * (STEPS - 1), 2),
    ],
)
def test_classifier_runs_an_example(data, counting_layer, settings, runs, batches_of_zeros):
    """m for all segments, soft's one, one each without and with the chosen one, 8 of the curves."""
    x = data[0]
    model = model_of(read_by=counting_layer)
    run = EveryWay(model, **settings)
    model.classifier.count = 0
    run(x)
    assert model.classifier.count == N * runs + batches_of_zeros


class Mixing(keras.layers.Layer):
    """An encoder that reads all segments together, and cannot be told of absent ones."""

    def __init__(self):
        super().__init__()
        self.normalization = keras.layers.BatchNormalization()

    def call(self, x):
        return self.normalization(x + keras.ops.mean(x, axis=1, keepdims=True))


def test_a_model_that_cannot_leave_segments_out_has_no_figures_of_it(data):
    x, _, labels = data
    found = evaluate(model_of(Mixing()), [(x, labels)])
    assert set(found.ways["soft"].belief) == {"ece", "brier", "aurc", "confidence_aurc"}
    assert "num_left_out" not in found.scalars()


def test_curves_is_checked(data):
    x, _, labels = data
    with pytest.raises(ValueError, match="curves is 'all', expected 'auto', True or False"):
        evaluate(model_of(), [(x, labels)], curves="all")
