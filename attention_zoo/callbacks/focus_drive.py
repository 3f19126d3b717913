"""FocusDrive: how hard each of the three losses pulls at the present focus."""

from typing import Any

import keras

from attention_zoo import layers
from attention_zoo.callbacks.drives import Drives, Probe, check_step
from attention_zoo.callbacks.switch_signal import check_patience
from attention_zoo.models import FocusClassifier

_PARADIGMS = {
    layers.SoftAttention: "soft",
    layers.HardAttention: "hard",
    layers.LVMLAttention: "lvml",
}
_KNOWN = 0.1  # the share of the labels' entropy that the classifier knows before an epoch counts


class FocusDrive(keras.callbacks.Callback):
    """Measures the drive to focus after every epoch, on a probe batch; a signal for the switch.

        drive = (L(a) - L(a')) / h,  a' = (1 - h) a + h t

    L is each of the soft, hard and LVML losses of the present networks in inference mode, in nats,
    mean over the probe batch. t is where attention should go: equal parts on the true segments
    where they are known (and not masked), else LVML's responsibilities, which need labels only:

        t_j = a_j p_j(y) / sum_k a_k p_k(y)

    In `fit(callbacks=[FocusDrive(x, y), ...])` it adds "drive_soft", "drive_hard", "drive_lvml"
    to the logs of every epoch, for the callbacks after it: so they reach the history, CSV files
    and TensorBoard as metrics do. It is no Keras metric, as a metric sees only a model's outputs,
    and drives need its networks.

    In `SwitchAttention(when=FocusDrive(x, y))` it says switch when the drive of the hybrid's first
    paradigm has been below that of its second for `patience` epochs in a row. An epoch counts only
    if the first's loss on the probe is below 0.9 of the entropy of the probe's labels: while the
    classifier knows next to nothing, all drives are about 0, and which is larger means nothing.

    A probe of some hundred training examples will do; each measurement runs the classifier on all
    their segments and twice on their averages. It is no part of the state: give a resumed run the
    same one. Under half precision soft's drive needs a larger step: rounding counts 1/h times.

    Args:
        inputs: segments (b, m, ...), or a dict of "segments" and "mask", as FocusClassifier takes;
            None if `probe` is to give them before training.
        targets: class ids (b,), or {"label": ids, "focus": truth}, as FocusClassifier takes.
        step: h, above 0 and up to 1.
        patience: epochs in a row, 1 or more.

    Reference: arXiv:2307.13421, L(alpha) - L(alpha + 0.01) under a fixed focus alpha; here the
    focus is the model's own, and the difference is divided by its step.
    """

    def __init__(self, inputs=None, targets=None, step=0.01, patience=2):
        super().__init__()
        check_step(step)
        check_patience(patience)
        self.step = step
        self.patience = patience
        self._probe: Any = None  # a Probe once it is given
        self._paradigms: tuple[str, ...] = ()
        self._epochs_below = 0
        if inputs is not None or targets is not None:
            self.probe(inputs, targets)

    def probe(self, inputs, targets):
        """Takes the probe batch, arguments as of the class; not during an epoch."""
        self._probe = Probe.of(inputs, targets)

    def on_train_begin(self, logs=None):
        self._check(self.model)

    def on_epoch_end(self, epoch, logs=None):
        drives, _ = self._measure()
        if logs is not None:
            logs |= {f"drive_{name}": drive for name, drive in drives.items()}

    def bind(self, model):
        """Takes the model that `should_switch` measures; its hybrid has to be one of these three.

        Raises:
            ValueError: no probe, labels that do not fit, or paradigms whose drives say nothing.
        """
        self._check(model)
        self._paradigms = _paradigms(model.attention)
        if self._probe.label_entropy() == 0.0:
            raise ValueError(
                f"all labels of FocusDrive's probe are {self._probe.label[0]}, expected two "
                "classes or more"
            )
        self.set_model(model)

    def should_switch(self, epoch, logs):
        """Whether first's drive has now been below second's for `patience` epochs that count."""
        drives, losses = self._measure()
        first, second = self._paradigms
        counts = losses[first] < (1.0 - _KNOWN) * self._probe.label_entropy()
        below = counts and drives[first] < drives[second]
        self._epochs_below = self._epochs_below + 1 if below else 0
        return self._epochs_below >= self.patience

    def get_state(self):
        """How many epochs in a row the first's drive has been below the second's."""
        return {"epochs_below": self._epochs_below}

    def set_state(self, state):
        """Takes what `get_state` gave."""
        self._epochs_below = state["epochs_below"]

    def _check(self, model):
        if self._probe is None:
            raise ValueError(
                "FocusDrive has no probe batch, expected FocusDrive(inputs, targets) or a call of "
                "probe(inputs, targets) before training"
            )
        _check_model(model)
        self._probe.check_labels(model.num_classes)

    def _measure(self):
        return Drives(self.model, self.step).measure(self._probe)


def focus_drive(model, inputs, targets, step=0.01):
    """The drive to focus under each loss, once; see FocusDrive.

    Args:
        model: a FocusClassifier, built; with any attention.
        inputs: segments (b, m, ...), or a dict of "segments" and "mask".
        targets: class ids (b,), or {"label": ids, "focus": truth}.
        step: h, above 0 and up to 1.

    Returns:
        {"soft": drive, "hard": drive, "lvml": drive}: floats in nats per unit of attention moved,
        mean over the batch.
    """
    check_step(step)
    _check_model(model)
    probe = Probe.of(inputs, targets)
    probe.check_labels(model.num_classes)
    drives, _ = Drives(model, step).measure(probe)
    return drives


def _check_model(model):
    if not isinstance(model, FocusClassifier):
        raise ValueError(f"model is a {type(model).__name__}, expected a FocusClassifier")
    if not model.built:
        raise ValueError("model is not built, expected a built FocusClassifier")


def _paradigms(hybrid):
    """The names of the two paradigms of a hybrid, where their drives can be compared."""
    kinds = type(hybrid.first), type(hybrid.second)
    if kinds[0] == kinds[1] or not set(kinds) <= set(_PARADIGMS):
        raise ValueError(
            f"FocusDrive got a hybrid of {kinds[0].__name__} and {kinds[1].__name__}, expected two "
            f"different ones of {sorted(_PARADIGMS.values())}"
        )
    return tuple(_PARADIGMS[kind] for kind in kinds)
