import json

import keras
import numpy as np
import pytest

from attention_zoo import layers, metrics
from attention_zoo.evaluation import evaluate, evaluate_rationales
from attention_zoo.models import FocusClassifier

N, M, D, C = 17, 6, 4, 3


@pytest.fixture
def data():
    """Inputs with a mask, labels and rationales; every fourth example has none."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, M + 1, N)
    mask = np.arange(M) < lengths[:, None]
    rationale = (rng.random((N, M)) < 0.5) & mask & (np.arange(N) % 4 != 0)[:, None]
    segments = rng.normal(size=(N, M, D)).astype("float32")
    return segments, mask, rng.integers(C, size=N), rationale.astype(int)


def batches(segments, mask, label, focus, size=5):
    for start in range(0, N, size):
        s = slice(start, start + size)
        yield {"segments": segments[s], "mask": mask[s]}, {"label": label[s], "focus": focus[s]}


@pytest.fixture
def model(linear_model):
    model = linear_model("lvml")
    return model


def probabilities(model, segments, mask, way):
    inputs = {"segments": segments, "mask": mask}
    return np.exp(keras.ops.convert_to_numpy(model.every_way(*model.encode(inputs))[way]))


def test_agreement_is_that_of_the_attention_alone(model, data):
    segments, mask, label, focus = data
    result = evaluate_rationales(model, list(batches(*data)), top_k=2)
    a = np.asarray(model({"segments": segments, "mask": mask})["focus"])
    named = metrics.predicted_rationale(a, 2)
    scores = metrics.token_scores(focus, named)
    expected = {
        "average_precision": metrics.average_precision(focus, a, mask),
        "auprc": metrics.auprc(focus, a, mask),
    } | {f"token_{name}": values for name, values in scores.items()}
    for name, values in expected.items():
        assert result.agreement[name] == pytest.approx(np.nanmean(values), abs=1e-6)
    overlap = metrics.iou_f1(metrics.iou(focus, named), named.any(axis=1))
    assert result.agreement["iou_f1"] == pytest.approx(overlap)
    mass = np.nanmean(metrics.attention_mass(focus, a))
    assert result.attention_mass == pytest.approx(mass, abs=1e-6)


@pytest.mark.parametrize("way", ["argmax", "marginal", "soft"])
def test_the_model_is_run_again_without_and_with_the_named_segments_alone(model, data, way):
    """The oracle has other segments cut out one example at a time."""
    segments, mask, label, _ = data
    result = evaluate_rationales(model, list(batches(*data)), top_k=2)
    a = np.asarray(model({"segments": segments, "mask": mask})["focus"])
    drops = []
    for x, there, weights in zip(segments, mask, a, strict=True):
        best = np.argsort(-weights[there], kind="stable")[:2]
        rows = [x[there], np.delete(x[there], best, axis=0), x[there][np.sort(best)]]
        p = [_alone(model, some, way) for some in rows]
        y = p[0].argmax()
        left = p[1][y] if there.sum() > 2 else np.nan  # else nothing is left of it
        drops.append([p[0][y] - left, p[0][y] - p[2][y]])
    found = [result.ways[way].belief[name] for name in ("comprehensiveness", "sufficiency")]
    np.testing.assert_allclose(found, np.nanmean(drops, axis=0), atol=1e-5)
    assert result.num_left_out == np.isnan(drops).any(axis=1).sum() > 0
    p = probabilities(model, segments, mask, way)
    assert result.by_way[way]["macro_f1"] == pytest.approx(metrics.macro_f1(label, p))
    assert result.by_way[way]["auroc"] == pytest.approx(metrics.auroc(label, p))


def _alone(model, segments, way):
    """Of one example; with two masked segments more, as there may be none."""
    padded = np.concatenate([segments, np.zeros((2, D), "float32")])[None]
    return probabilities(model, padded, np.arange(len(segments) + 2)[None] < len(segments), way)[0]


def test_the_rest_is_what_evaluate_finds(model, data):
    whole = evaluate_rationales(model, list(batches(*data)))
    plain = evaluate(model, batches(*data), top_k=5)
    same = {name: whole.scalars()[name] for name in plain.scalars()}
    assert same == pytest.approx(plain.scalars(), abs=1e-6)
    assert whole.table().startswith(plain.table())
    assert "rationales, 5 tokens: attention mass" in whole.table()
    figures = ("attention mass", "comprehensiveness", "sufficiency")  # each said once
    assert [whole.table().count(name) for name in figures] == [1, 1, 1]
    json.dumps(whole.scalars(), allow_nan=False)


def test_an_index_is_a_rationale_of_one_segment(model, data):
    segments, mask, label, _ = data
    z = np.arange(N) % 2
    one_hot = (z[:, None] == np.arange(M)).astype(int)
    of_index, of_mask = (
        evaluate_rationales(model, list(batches(segments, mask, label, focus)))
        for focus in (z, one_hot)
    )
    assert of_index.scalars() == pytest.approx(of_mask.scalars())


def test_without_rationales_agreement_is_unknown(linear_model):
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C))
    x = np.random.default_rng(0).normal(size=(N, 2, D)).astype("float32")
    result = evaluate_rationales(model, [(x, np.arange(N) % C)])
    assert not result.scalars().keys() & result.agreement.keys()
    assert "attention mass –" in result.table()
    assert result.ways["argmax"].belief["sufficiency"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("normalizer", ["softmax", "entmax15"])
def test_nan_attention_makes_nan_figures_and_one_warning(data, normalizer):
    """scikit-learn refused it, and the rest were means without that example."""
    segments, mask, label, rationale = data
    segments[5, 0, 0] = np.nan  # the first segment is always there
    attention = layers.LVMLAttention(normalizer=normalizer)
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C), attention)
    with pytest.warns(RuntimeWarning, match="^attention is NaN in 1 of 17 examples") as told:
        found = evaluate_rationales(model, list(batches(segments, mask, label, rationale)))
    assert len(told) == 1 and told[0].filename == __file__
    assert np.isnan(list(found.agreement.values())).all()
    assert all(np.isnan(list(figures.values())).all() for figures in found.by_way.values())
    assert "average precision –" in found.table()


def test_nan_without_a_rationale_leaves_the_agreement_of_the_others(data):
    segments, mask, label, rationale = data
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C), "lvml")
    whole = evaluate_rationales(model, list(batches(segments, mask, label, rationale)))
    assert not rationale[4].any()
    segments[4, 0, 0] = np.nan
    with pytest.warns(RuntimeWarning, match="^attention is NaN in 1 of 17 examples"):
        found = evaluate_rationales(model, list(batches(segments, mask, label, rationale)))
    assert found.agreement == pytest.approx(whole.agreement, rel=1e-6)
