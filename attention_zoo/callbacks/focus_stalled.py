"""FocusStalled: switch when attention has stopped to move."""

from attention_zoo.callbacks.switch_signal import check_patience


class FocusStalled:
    """Says switch when a value in the logs improved once, and then no longer.

    The default is the entropy of attention over the training batches of the epoch, which needs no
    true focus: in soft's first epochs it falls, then it stalls. What is measured is how peaked the
    focus is, not how right. "focus_accuracy" and "val_focus_accuracy" measure that, where the data
    say which segment is true. The loss is a poor guide: it goes on falling while the classifier
    learns to read averages.

    Entropy stays near log m at first, until the classifier is of use. Hence epochs are counted from
    the first improvement on; a value that never improves on its first never says switch. NaN is no
    improvement.

    Args:
        monitor: name of the value in the logs.
        patience: epochs in a row without improvement, 1 or more.
        min_delta: an improvement is by more than this over the best value so far; in the value's
            unit (entropy: nats).
        mode: "min", "max", or "auto": "max" for names that end in "accuracy", "min" for those that
            end in "loss" or "entropy".
    """

    def __init__(self, monitor="focus_entropy", patience=3, min_delta=0.01, mode="auto"):
        check_patience(patience)
        if not min_delta >= 0:
            raise ValueError(f"min_delta is {min_delta}, expected a number of 0 or more")
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta
        self.mode = _resolved(mode, monitor)
        self._best = None
        self._improved = False
        self._stalled_epochs = 0

    def bind(self, model):
        """Needs nothing of the model."""

    def should_switch(self, epoch, logs):
        """Whether the monitored value has now stalled for `patience` epochs."""
        if self.monitor not in logs:
            raise ValueError(
                f"FocusStalled monitors {self.monitor!r}, expected one of the logs' {sorted(logs)}"
            )
        value = float(logs[self.monitor])
        if self._best is None:
            self._best = None if value != value else value
        elif self._is_better(value):
            self._best, self._improved, self._stalled_epochs = value, True, 0
        elif self._improved:
            self._stalled_epochs += 1
        return self._stalled_epochs >= self.patience

    def _is_better(self, value):
        gain = self._best - value if self.mode == "min" else value - self._best
        return gain > self.min_delta

    def get_state(self):
        """The best value so far, whether it was an improvement, and the epochs since."""
        return {
            "best": self._best,
            "improved": self._improved,
            "stalled_epochs": self._stalled_epochs,
        }

    def set_state(self, state):
        """Takes what `get_state` gave."""
        self._best = state["best"]
        self._improved = state["improved"]
        self._stalled_epochs = state["stalled_epochs"]


_DIRECTIONS = {"accuracy": "max", "loss": "min", "entropy": "min"}


def _resolved(mode, monitor):
    if mode in ("min", "max"):
        return mode
    if mode != "auto":
        raise ValueError(f"mode is {mode!r}, expected 'auto', 'min' or 'max'")
    for ending, direction in _DIRECTIONS.items():
        if monitor.endswith(ending):
            return direction
    raise ValueError(
        f"mode is 'auto' and monitor is {monitor!r}, expected mode 'min' or 'max': auto knows "
        f"names that end in {sorted(_DIRECTIONS)}"
    )
