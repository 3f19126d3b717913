"""Pictures: what attention chose, how training went, where attention and probability meet.

Every function returns a `matplotlib.figure.Figure` to save or to show; none touches the state
of pyplot or needs a display.
"""

from attention_zoo.plots.breakdown import breakdown
from attention_zoo.plots.calibration import calibration
from attention_zoo.plots.captions import captions
from attention_zoo.plots.compared_curves import compared_curves
from attention_zoo.plots.explanation import explanation
from attention_zoo.plots.fixed_focus import fixed_focus
from attention_zoo.plots.heat_maps import heat_maps
from attention_zoo.plots.joint_histogram import joint_histogram
from attention_zoo.plots.mosaics import mosaics
from attention_zoo.plots.phase_portrait import phase_portrait
from attention_zoo.plots.posts import posts
from attention_zoo.plots.switch_map import switch_map
from attention_zoo.plots.training_curves import training_curves, training_panels

__all__ = [
    "breakdown",
    "calibration",
    "captions",
    "compared_curves",
    "explanation",
    "fixed_focus",
    "heat_maps",
    "joint_histogram",
    "mosaics",
    "phase_portrait",
    "posts",
    "switch_map",
    "training_curves",
    "training_panels",
]
