"""Whether the prediction rests on the segments that attention names: the model is run again.

Reference: DeYoung et al., ERASER, ACL 2020, arXiv:1911.03429; curves: Petsiuk, Das and Saenko,
RISE, BMVC 2018, arXiv:1806.07421.
"""

import numpy as np


def comprehensiveness(probabilities, without):
    """How much is lost without the named tokens: high if the prediction rests on them.

        p_i(y_i | x_i) - p_i(y_i | x_i without its named tokens),   y_i = argmax_y p_i(y | x_i)

    Args:
        probabilities: of the whole posts (n, c).
        without: of the posts with the named tokens masked (n, c).

    Returns:
        (n,), from -1 to 1.
    """
    return _drop(probabilities, without)


def sufficiency(probabilities, only):
    """How much is lost with the named tokens alone: low if they are enough.

        p_i(y_i | x_i) - p_i(y_i | the named tokens of x_i),   y_i = argmax_y p_i(y | x_i)

    Args:
        probabilities: of the whole posts (n, c).
        only: of the posts with all other tokens masked (n, c).

    Returns:
        (n,), from -1 to 1.
    """
    return _drop(probabilities, only)


def flips(probabilities, without):
    """Whether another class is predicted without the named segments: args as `comprehensiveness`.

    Returns:
        bool (n,).
    """
    p, rest = _checked(probabilities, without)
    return p.argmax(axis=1) != rest.argmax(axis=1)


def curve_area(probabilities, curve):
    """Area under a curve of deletion or insertion: the mean of p_i(y_i) along it.

    Of deletion, the most attended segments going first, it is low where attention names what the
    prediction rests on; of insertion, these coming first, it is high.

    Args:
        probabilities: of the whole examples (n, c), whose most probable class is y_i.
        curve: probabilities at k points, (n, k, c).

    Returns:
        (n,), 0 to 1.
    """
    p, curve = np.asarray(probabilities), np.asarray(curve)
    if curve.ndim != 3 or p.shape != (curve.shape[0], curve.shape[2]):
        raise ValueError(
            f"probabilities have shape {p.shape}, the curve {curve.shape}, expected (n, c) and "
            "(n, k, c)"
        )
    y = p.argmax(axis=1)
    return np.take_along_axis(curve, y[:, None, None], axis=2)[..., 0].mean(axis=1)


def _drop(probabilities, rest):
    p, rest = _checked(probabilities, rest)
    rows = np.arange(len(p)), p.argmax(axis=1)
    return p[rows] - rest[rows]


def _checked(probabilities, rest):
    p, rest = np.asarray(probabilities), np.asarray(rest)
    if p.ndim != 2 or p.shape != rest.shape:
        raise ValueError(
            f"probabilities have the shapes {p.shape} and {rest.shape}, expected (n, c) twice"
        )
    return p, rest
