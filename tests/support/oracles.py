"""Oracles in NumPy: normalisers, predictions, gradients, and how far roundings carry."""

import ml_dtypes
import numpy as np
import pytest


@pytest.fixture(scope="session")
def rounding():
    """(terms, size=1, dtype="float32") -> how far two machines may be apart in a sum.

    `terms` is the number of roundings on the way, `size` that of the sum with all signs made plus.
    Each of both is off by at most half an epsilon of `size` a rounding.
    """

    def bound(terms, size=1.0, dtype="float32"):
        return terms * float(ml_dtypes.finfo(dtype.removeprefix("mixed_")).eps) * size

    return bound


@pytest.fixture(scope="session")
def numpy_normalizers():
    """The bundled normalisers by name, in float64: (scores, mask=None) -> weights, both (b, m).

    Sparsemax and entmax-1.5 find their threshold by bisection: no sort, no support.
    """
    return {
        "softmax": _by_row(lambda s: np.exp(s - s.max()) / np.exp(s - s.max()).sum()),
        "sparsemax": _by_row(lambda s: _bisection(s, power=1)),
        "entmax15": _by_row(lambda s: _bisection(s / 2, power=2)),
        "spherical_softmax": _by_row(lambda s: (s**2 + 1e-7) / (s**2 + 1e-7).sum()),
    }


@pytest.fixture(scope="session")
def central_differences():
    """(f, x) -> the gradient of the scalar f at the float64 array x; error about 1e-8."""

    def gradient(f, x, h=1e-4):
        x = np.asarray(x, "float64")
        steps = h * np.eye(x.size).reshape(-1, *x.shape)
        return np.reshape([(f(x + e) - f(x - e)) / (2 * h) for e in steps], x.shape)

    return gradient


@pytest.fixture(scope="session")
def numpy_predictions():
    """(linear model, segments, mask=None) -> float64 "argmax", "marginal", "soft", "hard", "focus".

    "hard" is exact hard attention's class scores; soft's and LVML's are "soft" and "marginal".
    """

    def predict(model, x, mask=None):
        u, w, e = (v.numpy().astype("float64") for v in model.trainable_variables)
        s = (x @ u)[..., 0] if mask is None else np.where(mask, (x @ u)[..., 0], -np.inf)
        a = np.exp(s - s.max(axis=1, keepdims=True))
        a /= a.sum(axis=1, keepdims=True)
        p = _softmax(x @ w + e)  # (b, m, c)
        return {
            "argmax": np.log(p[np.arange(len(x)), a.argmax(axis=1)]),
            "marginal": np.log(np.einsum("bm,bmc->bc", a, p)),
            "soft": np.log(_softmax(np.einsum("bm,bmd->bd", a, x) @ w + e)),
            "hard": np.einsum("bm,bmc->bc", a, np.log(p)),
            "focus": a,
        }

    return predict


def _softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def _by_row(normalizer):
    """Applies `normalizer` to the kept scores of every row; 0 elsewhere."""

    def by_row(scores, mask=None):
        weights = np.zeros(np.shape(scores))
        kept = np.ones(weights.shape, bool) if mask is None else np.asarray(mask)
        for a, s, row in zip(weights, np.asarray(scores, "float64"), kept, strict=True):
            if row.any():
                a[row] = normalizer(s[row])
        return weights

    return by_row


def _bisection(s, power):
    """max(s - tau, 0)^power with tau in [max s - 1, max s] such that it sums to 1."""
    low, high = s.max() - 1.0, s.max()
    for _ in range(60):  # to the last bit of float64
        tau = (low + high) / 2
        low, high = (tau, high) if (np.maximum(s - tau, 0) ** power).sum() > 1 else (low, tau)
    return np.maximum(s - tau, 0) ** power
