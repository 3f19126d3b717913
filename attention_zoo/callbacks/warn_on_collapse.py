"""WarnOnCollapse: says when attention is one-hot or even for good, or its scores run away."""

import warnings

import keras
import numpy as np

from attention_zoo import ops
from attention_zoo._attention_warnings import WARNINGS
from attention_zoo.models.labels import entropy, shares

_AT_FIRST = 3  # epochs of equal scores, as of kernels of 0, that are no death yet
_IN_A_ROW = 2  # epochs of scores far apart: one alone may pass
_ENTROPY, _LOSS, _ACCURACY = "focus_entropy", "loss", "label_accuracy"
_UNDERFLOW = -float(np.log(np.finfo("float32").tiny))  # 87.3 nats: exp of less is subnormal


class WarnOnCollapse(keras.callbacks.Callback):
    """Warns once when attention is one-hot while the loss is still that of chance.

    Such attention stays as it is: where a is one-hot and the classifier says the same of every
    segment, the gradient of the scores is 0 under every loss. Attention that is one-hot at a loss
    well below chance is no collapse, hard attention's least of all.

    Asked after every epoch, of its figures on the training examples alone; with t the tolerance,
    all of these hold:

        focus_entropy  < t mean_i log m_i            attention is within t of one-hot
        loss           > (1 - t) H(label)            what was learnt is within t of nothing
        label_accuracy < c + t (1 - c)               likewise; c is the commonest label's share

    H(label) is the entropy of the labels' shares: the loss of one who knows these alone. The
    accuracy is asked where the logs have it. A loss with penalties in it, or one that is no
    negative log-likelihood, is told from chance by the accuracy.

    It also warns, once, of a dead focus network: one that gave all segments of every example of an
    epoch the same score, bit for bit, in the epoch after one in which it did not, or in each of the
    first three. Its attention is even and stays so.

    And it warns, once, of scores that run away, which nothing holds where the loss is smallest at
    one-hot attention: in two epochs in a row, in the mean of the training examples, the largest
    score is more than 87.3 above the smallest. That is -log of the smallest normal float32 number:
    softmax gives the segment with the smallest score less, which TensorFlow takes for 0, and under
    soft and hard attention no gradient brings it back. What attention has learnt may be lost some
    epochs later. It is said of softmax alone, and not while attention is collapsed.

    Scores are looked at under TensorFlow and PyTorch; under JAX the figures of the epoch alone are.
    Those of a network that is frozen are not.

    Args:
        labels: of the training examples: class ids (n,) or (n, 1), or shares of the classes (n, c);
            None takes all classes for equally frequent.
        num_segments: m, an int, or that of every example, (n,); None takes the segments that the
            model was built for, 2 where it was built for any number. Give it where bags are padded.
        tolerance: t, above 0 and below 1.

    Attributes:
        collapsed_epoch: the epoch, counted from 1, since which attention is collapsed; None where
            it is not, or no longer.
        dead_epoch: the epoch, counted from 1, since which the focus network is dead; or None.
        saturated_epoch: the epoch, counted from 1, since which scores have run away; None where
            they have not, or no longer.
    """

    def __init__(self, labels=None, num_segments=None, tolerance=0.1):
        super().__init__()
        if not 0.0 < tolerance < 1.0:
            raise ValueError(f"tolerance is {tolerance}, expected a number above 0 and below 1")
        self.tolerance = tolerance
        self.collapsed_epoch = self.dead_epoch = self.saturated_epoch = None
        self._even_epochs = self._far_epochs = 0  # in a row, up to now
        self._shares = None if labels is None else _shares(np.asarray(labels))
        self._uniform = None if num_segments is None else _uniform(np.asarray(num_segments))
        self._has_figures = True

    def get_state(self):
        """What a resumed run needs, fit for JSON."""
        state = {name: getattr(self, name) for name in WARNINGS}
        state |= {"even_epochs": self._even_epochs, "far_epochs": self._far_epochs}
        watch = self._watch()
        return state if watch is None else state | {"scores": watch.get_state()}

    def set_state(self, state):
        """Takes what `get_state` gave, of which a version that did not look has less."""
        for name in WARNINGS:
            setattr(self, name, state.get(name))
        self._even_epochs, self._far_epochs = (
            state.get(name, 0) for name in ("even_epochs", "far_epochs")
        )
        if "scores" in state and self._watch() is not None:
            self._watch().set_state(state["scores"])

    def on_train_begin(self, logs=None):
        for name in ("num_classes", "num_attended"):
            if not hasattr(self.model, name):
                raise ValueError(
                    f"the model is a {type(self.model).__name__}, expected a FocusClassifier"
                )
        self.set_state({})
        self._has_figures = True

    def on_epoch_begin(self, epoch, logs=None):
        if self._watch() is not None:
            self._watch().reset()

    def on_epoch_end(self, epoch, logs=None):
        focus_learns = self._watch() is not None and bool(self.model.focus.trainable_variables)
        if focus_learns:
            self._look_whether_it_is_dead(epoch)
        logs = logs or {}
        if not {_ENTROPY, _LOSS} <= logs.keys():
            self._say_once_what_is_missing(logs)
        elif not self._is_collapsed(logs):
            self.collapsed_epoch = None
        elif self.collapsed_epoch is None:
            self.collapsed_epoch = epoch + 1
            warnings.warn(self._message(logs), stacklevel=2)
        if focus_learns:
            self._look_whether_scores_run_away(epoch)

    def _watch(self):
        return getattr(self.model, "score_watch", None)

    def _look_whether_it_is_dead(self, epoch):
        if not self._watch().all_equal():
            self.dead_epoch, self._even_epochs = None, 0
            return
        self._even_epochs += 1
        has_differed = self._even_epochs <= epoch  # in this run, or in the one that it goes on with
        if self.dead_epoch is None and (has_differed or self._even_epochs == _AT_FIRST):
            self.dead_epoch = epoch + 2 - self._even_epochs
            warnings.warn(
                f"the focus network is dead since epoch {self.dead_epoch}: it gives all segments "
                "of an example the same score, so attention is even and will stay so; expected "
                "scores that differ: train it at a smaller learning rate, or with biases or leaky "
                "ReLUs (docs/collapse.md)",
                stacklevel=3,
            )

    def _look_whether_scores_run_away(self, epoch):
        mean = self._watch().mean_range()
        if mean is None or not mean > _UNDERFLOW or not self._has_softmax():  # NaN: others say so
            self.saturated_epoch, self._far_epochs = None, 0
            return
        self._far_epochs += 1
        was_said = self.saturated_epoch is not None
        if was_said or self._far_epochs < _IN_A_ROW or self.collapsed_epoch is not None:
            return
        self.saturated_epoch = epoch + 2 - self._far_epochs
        warnings.warn(
            f"scores have run away since epoch {self.saturated_epoch}: the largest of an example "
            f"is {mean:.0f} above the smallest in the mean, expected less than {_UNDERFLOW:.0f}, "
            "where attention is 0 in float32; it may lose what it has learnt: train with weight "
            "decay, or at a smaller learning rate (docs/collapse.md)",
            stacklevel=3,
        )

    def _has_softmax(self):
        return self.model.attention.of_phase().normalizer is ops.softmax

    def _is_collapsed(self, logs):
        classes, t = self._label_shares(), self.tolerance
        accuracy = classes.max() + t * (1.0 - classes.max())
        return (
            logs[_ENTROPY] < t * self._uniform_entropy()
            and logs[_LOSS] > (1.0 - t) * entropy(classes)
            and logs.get(_ACCURACY, 0.0) < accuracy
        )

    def _label_shares(self):
        if self._shares is not None:
            return self._shares
        return np.full(self.model.num_classes, 1.0 / self.model.num_classes)

    def _uniform_entropy(self):
        """Of attention that is spread evenly, in nats."""
        if self._uniform is not None:
            return self._uniform
        return np.log(self.model.num_attended or 2)

    def _message(self, logs):
        return (
            f"attention has collapsed by epoch {self.collapsed_epoch}: it is one-hot (entropy "
            f"{logs[_ENTROPY]:.3f} of {self._uniform_entropy():.3f} nats) at the loss of chance "
            f"({logs[_LOSS]:.3f} of {entropy(self._label_shares()):.3f} nats) and will hardly "
            "recover; train the focus network at a smaller learning rate (docs/collapse.md)"
        )

    def _say_once_what_is_missing(self, logs):
        if self._has_figures:
            self._has_figures = False
            warnings.warn(
                f"WarnOnCollapse asks for {_ENTROPY!r} and {_LOSS!r}, the logs have "
                f"{sorted(logs)}; expected metrics with AttentionEntropy(name='entropy') for "
                "'focus'",
                stacklevel=3,
            )


def _shares(labels):
    """The share of every class, (c,), of ids (n,) or (n, 1), or of rows of shares (n, c)."""
    if not labels.size or labels.ndim not in (1, 2):
        raise ValueError(f"labels have shape {labels.shape}, expected (n,) or (n, classes), n > 0")
    return shares(labels)


def _uniform(num_segments):
    """Mean of log m over the examples; one without segments counts as one with 1."""
    if not num_segments.size or not np.issubdtype(num_segments.dtype, np.integer):
        raise ValueError(f"num_segments is {num_segments!r}, expected integers")
    return float(np.log(np.maximum(num_segments, 1)).mean())
