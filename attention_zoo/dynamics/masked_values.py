"""Values at some places of an array."""

import numpy as np


def pick(values, where):
    """Those of the values, which broadcast to the shape of `where`; one number stays one."""
    values = np.asarray(values)
    return values if values.ndim == 0 else np.broadcast_to(values, where.shape)[where]
