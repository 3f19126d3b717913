"""The theory of the learning dynamics: gradient flow in the orthogonal setting, in closed form.

Linear focus and classification networks, classes at unit vectors, background zero: two numbers
tell all, the class margin mu and the score gap nu. See `Paradigm` for the setting and the letters.
NumPy and SciPy only.
"""

from attention_zoo.dynamics.fixed_focus import fixed_focus
from attention_zoo.dynamics.hard import Hard
from attention_zoo.dynamics.hybrid import hybrid
from attention_zoo.dynamics.lvml import LVML
from attention_zoo.dynamics.ode import integrate
from attention_zoo.dynamics.paradigm import Paradigm
from attention_zoo.dynamics.phase_plane import drive, score_gap, time_to, velocity
from attention_zoo.dynamics.registry import get
from attention_zoo.dynamics.soft import Soft
from attention_zoo.dynamics.switch import Switch, best_switch
from attention_zoo.dynamics.trajectory import Trajectory, trajectory

__all__ = [
    "LVML",
    "Hard",
    "Paradigm",
    "Soft",
    "Switch",
    "Trajectory",
    "best_switch",
    "drive",
    "fixed_focus",
    "get",
    "hybrid",
    "integrate",
    "score_gap",
    "time_to",
    "trajectory",
    "velocity",
]
