"""Whether the prediction rests on the tokens that attention names: the model is run again.

Reference: DeYoung et al., ERASER, ACL 2020, arXiv:1911.03429.
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


def _drop(probabilities, rest):
    p, rest = np.asarray(probabilities), np.asarray(rest)
    if p.ndim != 2 or p.shape != rest.shape:
        raise ValueError(
            f"probabilities have the shapes {p.shape} and {rest.shape}, expected (n, c) twice"
        )
    rows = np.arange(len(p)), p.argmax(axis=1)
    return p[rows] - rest[rows]
