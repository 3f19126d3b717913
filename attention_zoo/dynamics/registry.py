"""Paradigms by name."""

from attention_zoo.dynamics.hard import Hard
from attention_zoo.dynamics.lvml import LVML
from attention_zoo.dynamics.paradigm import Paradigm
from attention_zoo.dynamics.soft import Soft

_PARADIGMS: dict[str, Paradigm] = {one.name: one for one in (Soft(), Hard(), LVML())}


def get(paradigm):
    """The `Paradigm` of a name: "soft", "hard" or "lvml"; a `Paradigm` is returned as it is."""
    if isinstance(paradigm, Paradigm):
        return paradigm
    if not isinstance(paradigm, str) or paradigm not in _PARADIGMS:
        raise ValueError(f"paradigm is {paradigm!r}, expected one of {sorted(_PARADIGMS)}")
    return _PARADIGMS[paradigm]
