"""The metrics in a model with the outputs of a focus classifier, under fit and evaluate."""

import keras
import numpy as np
import pytest

from attention_zoo.losses import NegativeLogLikelihood
from attention_zoo.metrics import AttentionEntropy, FocusAccuracy, FocusBreakdown

B, M, C = 50, 5, 3


class Linear(keras.Model):
    """A model with the output dict of a focus classifier, and a breakdown over all of it.

    `seen` is the attention of the last two batches that the metrics were given.
    """

    def __init__(self, dtype=None):
        super().__init__(dtype=dtype)
        self.breakdown = FocusBreakdown()
        self.q = keras.layers.Dense(C, "log_softmax", dtype=dtype)
        self.a = keras.layers.Dense(M, "softmax", dtype=dtype)
        self.seen = self.add_weight(shape=(B, M), trainable=False, dtype="float32")

    def call(self, x):
        a = self.a(x)
        return {"label": self.q(a), "focus": a}

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        self.breakdown.update_state(y, y_pred, sample_weight)
        latest = keras.ops.cast(y_pred["focus"], "float32")
        self.seen.assign(keras.ops.concatenate([self.seen[B // 2 :], latest]))
        return super().compute_metrics(x, y, y_pred, sample_weight)


@pytest.mark.parametrize(("dtype", "xla"), [("float32", True), ("mixed_float16", False)])
def test_fit_and_evaluate_report_what_the_model_gives(dtype, xla, rounding):
    """Of the very numbers that the metrics saw: another graph may round float16 otherwise."""
    rng = np.random.default_rng(0)
    truth = {"label": rng.integers(C, size=B), "focus": rng.integers(M, size=B)}
    x = rng.normal(size=(B, 4)).astype("float32")
    model = Linear(dtype)
    model.compile(
        "sgd",
        loss={"label": NegativeLogLikelihood()},
        metrics={"focus": [FocusAccuracy(), AttentionEntropy()]},
        jit_compile=xla,
    )
    model.fit(x, truth, batch_size=B // 2, verbose=0)
    results = model.evaluate(x, truth, batch_size=B // 2, verbose=0, return_dict=True)
    a = model.seen.numpy().astype("float64")
    size = (np.abs(x) @ np.abs(model.a.kernel)).max()  # of scores: sums of four products
    predicted = model.predict(x, verbose=0)["focus"]
    np.testing.assert_allclose(a, predicted, rtol=0, atol=rounding(4, size, dtype))
    ft = np.mean(a.argmax(-1) == truth["focus"])
    assert results["focus_focus_accuracy"] == pytest.approx(ft, abs=1e-6)
    assert results["FTPT"] + results["FTPF"] == pytest.approx(ft, abs=1e-6)
    entropy = np.mean(-(a * np.log(np.maximum(a, 1e-30))).sum(-1))
    error = rounding(B + M, np.log(M))  # sums of M terms, then of B, up to log M
    assert results["focus_attention_entropy"] == pytest.approx(entropy, abs=error)
