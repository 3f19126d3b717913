"""SwitchSignal: what SwitchAttention asks after every epoch."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class SwitchSignal(Protocol):
    """Anything with these four methods may be the `when` of SwitchAttention.

    `bind` comes when training begins, in a resumed run after `set_state`. `should_switch` comes
    once an epoch, at its end, until it says True; so a signal may count epochs. What it counts is
    in its state.
    """

    def bind(self, model: Any) -> None:
        """Told the model, whose attention is a HybridAttention; raises ValueError if it cannot."""

    def should_switch(self, epoch: int, logs: dict[str, float]) -> bool:
        """Whether the next epoch is to be the first of the second phase.

        Args:
            epoch: the one that has ended, counted from 0.
            logs: its logs, as `keras.callbacks.Callback.on_epoch_end` gets them.
        """
        ...

    def get_state(self) -> dict[str, Any]:
        """What a resumed run needs: a new dict, fit for JSON."""
        ...

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes what `get_state` gave."""


def check_patience(patience):
    """Raises ValueError unless `patience`, a signal's epochs in a row, is an int of 1 or more."""
    if not isinstance(patience, int) or isinstance(patience, bool) or patience < 1:
        raise ValueError(f"patience is {patience!r}, expected epochs: an int of 1 or more")
