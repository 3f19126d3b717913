"""What the theory of the orthogonal setting follows, measured of networks."""

import keras
import numpy as np

FIGURES = ("mu", "nu", "attention", "probability")


def gaps(model, segments, labels, focus):
    """mu, nu, a and b of a model on examples, each the mean over them.

    mu is the logit of the right class minus the mean of the others, nu the score of the
    foreground minus the mean of the background, a the attention and b the probability of the
    right class, all on the foreground.

    Args:
        model: a FocusClassifier.
        segments: (b, m, d).
        labels: class ids (b,).
        focus: index of the foreground (b,).

    Returns:
        Four floats, in the order of `FIGURES`.

    Reference: arXiv:2307.13421, learning dynamics in the orthogonal setting.
    """
    rows = np.arange(len(labels))
    scores = model.scores(segments)  # (b, m)
    a = model.attention.attend(scores).numpy()[rows, focus]
    logits = model.classifier(segments[rows, focus])  # (b, c)
    b = keras.ops.softmax(logits).numpy()[rows, labels]
    nu, mu = (_gap(x.numpy(), picked) for x, picked in ((scores, focus), (logits, labels)))
    return [float(np.mean(values)) for values in (mu, nu, a, b)]


def _gap(values, picked):
    """(b, n) -> the one picked minus the mean of the others, (b,)."""
    values = values.astype(float)
    chosen = values[np.arange(len(values)), picked]
    with np.errstate(invalid="ignore"):  # of a run that diverged
        return chosen - (values.sum(axis=1) - chosen) / (values.shape[1] - 1)
