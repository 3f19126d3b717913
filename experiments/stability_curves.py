"""What is measured while a run may collapse: gradients, momentum, scores; and fresh mosaics."""

import time

import keras
import numpy as np
import tensorflow as tf

from attention_zoo import _tracing as tracing
from attention_zoo import datasets
from attention_zoo.models.attention_model import Retraced, trace_key

SEED = 1_000_003  # of mosaics drawn anew, and of no run


@keras.saving.register_keras_serializable("experiments")
class StabilityCurves(keras.callbacks.Callback):
    """Adds figures of stability, and of fresh mosaics of training images, to every epoch.

    In `metrics.csv`:

    - `paper_focus_accuracy`, `paper_label_accuracy`, `paper_focus_entropy`: of mosaics drawn anew
      from the training images, the test mosaics of the paper's public scripts; `val_…` are of
      images that no training mosaic has;
    - `focus_gradient`, `classifier_gradient`: norms on one fixed batch;
    - `focus_momentum`, `classifier_momentum`: largest norms of SGD's momentum in the epoch, looked
      at once a call of the loop; a step with a large gradient shows in the steps after it;
    - `score_max`, `score_range`: of the fixed batch, the largest |score|, and the mean of the
      largest minus the smallest score of a mosaic;
    - `focus_weights`: norm of the focus network's weights;
    - `seconds`: that the epoch took, with validation and these figures, without breaks.

    Args:
        data_dir: folder of tensorflow_datasets.
        num_segments: m.
        num_examples: fresh mosaics.
        dataset, split: images that they are drawn from.
    """

    def __init__(
        self,
        data_dir=None,
        num_segments=5,
        num_examples=4_000,
        dataset="sdc/cifar10",
        split="train[:90%]",
    ):
        super().__init__()
        self._config = {
            "data_dir": data_dir,
            "num_segments": num_segments,
            "num_examples": num_examples,
            "dataset": dataset,
            "split": split,
        }
        self._momentum = np.zeros(2)
        self._seconds, self._since = 0.0, time.monotonic()

    def get_config(self):
        return dict(self._config)

    def get_state(self):
        """What there is of the epoch so far, which a resumed run goes on from."""
        return {"momentum": self._momentum.tolist(), "seconds": self._elapsed()}

    def set_state(self, state):
        """Takes what `get_state` gave."""
        self._momentum = np.array(state["momentum"])
        self._seconds, self._since = state["seconds"], time.monotonic()

    def _elapsed(self):
        return self._seconds + time.monotonic() - self._since

    def on_train_begin(self, logs=None):
        options = {key: self._config[key] for key in ("data_dir", "num_segments", "num_examples")}
        options["seed"] = SEED
        info = datasets.load(self._config["dataset"], self._config["split"], **options)[1]
        self._mosaics = info.source
        self._batch = next(iter(info.source.dataset(256)))
        self._measure = Retraced(lambda: trace_key(self.model), lambda: _measure(self.model))

    def on_epoch_begin(self, epoch, logs=None):
        self._momentum = np.zeros(2)
        self._seconds, self._since = 0.0, time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        self._momentum = np.maximum(self._momentum, momentum_norms(self.model))

    def on_epoch_end(self, epoch, logs=None):
        logs["focus_momentum"], logs["classifier_momentum"] = map(float, self._momentum)
        logs |= {name: float(value) for name, value in self._measure(*self._batch).items()}
        with tracing.expected():  # of the last batch, which is smaller
            found = self.model.evaluate(self._mosaics.dataset(256), verbose=0, return_dict=True)
        logs |= {f"paper_{name}": found[name] for name in _FRESH}
        logs["seconds"] = self._elapsed()


_FRESH = ("focus_accuracy", "label_accuracy", "focus_entropy")


def momentum_norms(model):
    """Norms of the optimizer's momentum of the focus network, and of the rest: (2,)."""
    squares = np.zeros(2)
    variables = zip(model.trainable_variables, model.optimizer.momentums, strict=True)
    focus = _ids_of(model.focus)
    for variable, momentum in variables:
        squares[int(id(variable) not in focus)] += float(tf.reduce_sum(momentum.value**2))
    return np.sqrt(squares)


def _measure(model):
    """(segments, targets) -> gradients' norms and sizes of scores by name."""
    focus = _ids_of(model.focus)

    @tf.function(autograph=False)
    def measure(segments, targets):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(segments, targets, model(segments, training=True))
        variables = model.trainable_variables
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        parts: tuple[list, list] = ([], [])
        for gradient, variable in zip(gradients, variables, strict=True):
            parts[id(variable) not in focus].append(gradient)
        scores = tf.cast(model.scores(segments), tf.float32)
        ranges = tf.reduce_max(scores, axis=1) - tf.reduce_min(scores, axis=1)
        return {
            "focus_gradient": tf.linalg.global_norm(parts[0]),
            "classifier_gradient": tf.linalg.global_norm(parts[1]),
            "score_max": tf.reduce_max(tf.abs(scores)),
            "score_range": tf.reduce_mean(ranges),
            "focus_weights": tf.linalg.global_norm(
                [variable.value for variable in model.focus.trainable_variables]
            ),
        }

    return measure


def _ids_of(network):
    return {id(variable) for variable in network.trainable_variables}
