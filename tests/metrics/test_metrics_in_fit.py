"""The metrics in a model with the outputs of a focus classifier, under fit and evaluate."""

import keras
import numpy as np
import pytest

from attention_zoo.losses import NegativeLogLikelihood
from attention_zoo.metrics import AttentionEntropy, FocusAccuracy, FocusBreakdown

B, M, C = 50, 5, 3


class Linear(keras.Model):
    """A model with the output dict of a focus classifier, and a breakdown over all of it."""

    def __init__(self, dtype=None):
        super().__init__(dtype=dtype)
        self.breakdown = FocusBreakdown()
        self.q = keras.layers.Dense(C, "log_softmax", dtype=dtype)
        self.a = keras.layers.Dense(M, "softmax", dtype=dtype)

    def call(self, x):
        a = self.a(x)
        return {"label": self.q(a), "focus": a}

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        self.breakdown.update_state(y, y_pred, sample_weight)
        return super().compute_metrics(x, y, y_pred, sample_weight)


@pytest.mark.parametrize(("dtype", "xla"), [("float32", True), ("mixed_float16", False)])
def test_fit_and_evaluate_report_what_the_model_gives(dtype, xla):
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
    a = np.asarray(model(x)["focus"], "float64")
    ft = np.mean(a.argmax(-1) == truth["focus"])
    assert results["focus_focus_accuracy"] == pytest.approx(ft, abs=1e-6)
    assert results["FTPT"] + results["FTPF"] == pytest.approx(ft, abs=1e-6)
    entropy = np.mean(-(a * np.log(np.maximum(a, 1e-30))).sum(-1))
    assert results["focus_attention_entropy"] == pytest.approx(entropy, abs=1e-5)
