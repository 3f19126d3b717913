"""Pictures: what attention chose, how training went, where attention and probability meet.

Every function returns a `matplotlib.figure.Figure` to save or to show; none touches the state
of pyplot or needs a display.
"""

from attention_zoo.plots.joint_histogram import joint_histogram
from attention_zoo.plots.mosaics import mosaics
from attention_zoo.plots.training_curves import training_curves

__all__ = ["joint_histogram", "mosaics", "training_curves"]
