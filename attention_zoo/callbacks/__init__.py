"""Callbacks for `model.fit`, and the signals that tell SwitchAttention when to switch."""

from attention_zoo.callbacks.focus_drive import FocusDrive, focus_drive
from attention_zoo.callbacks.focus_stalled import FocusStalled
from attention_zoo.callbacks.switch_attention import SwitchAttention, reset
from attention_zoo.callbacks.switch_signal import SwitchSignal
from attention_zoo.callbacks.warn_on_collapse import WarnOnCollapse

__all__ = [
    "FocusDrive",
    "FocusStalled",
    "SwitchAttention",
    "SwitchSignal",
    "WarnOnCollapse",
    "focus_drive",
    "reset",
]
