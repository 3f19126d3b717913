"""What a run does as it goes: progress bar, curves, checkpoints, a check of the loss."""

import keras
import numpy as np
from tqdm.auto import tqdm


class Progress(keras.callbacks.Callback):
    """One progress bar over all steps of the run, with the time left and the newest figures."""

    def __init__(self, steps_per_epoch, epochs, first_epoch):
        super().__init__()
        self._steps = steps_per_epoch
        self._bar = tqdm(
            total=steps_per_epoch * epochs,
            initial=steps_per_epoch * first_epoch,
            unit="step",
            dynamic_ncols=True,
        )

    def on_epoch_begin(self, epoch, logs=None):
        self._bar.set_description(f"epoch {epoch + 1}", refresh=False)

    def on_train_batch_end(self, batch, logs=None):
        self._bar.set_postfix(_headline(logs, ""), refresh=False)
        self._bar.update()

    def on_epoch_end(self, epoch, logs=None):
        self._bar.set_postfix(_headline(logs, "val_"))

    def on_train_end(self, logs=None):
        self._bar.close()


def _headline(logs, prefix):
    """The three figures to watch, with their common prefix."""
    names = {"loss": "loss", "label_accuracy": "accuracy", "focus_accuracy": "FT"}
    return {prefix + short: f"{logs[prefix + name]:.3f}" for name, short in names.items()}


class StopIfNotFinite(keras.callbacks.Callback):
    """Stops the run at the first loss that is not finite, with an error that says where."""

    def __init__(self, workdir):
        super().__init__()
        self._workdir = workdir
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite(logs["loss"]):
            checkpoint = self._workdir.newest_checkpoint()
            raise FloatingPointError(
                f"loss is {logs['loss']} at epoch {self._epoch + 1}, step {batch + 1}, expected a "
                f"finite number; the last good checkpoint is {checkpoint or 'none'}"
            )


class Record(keras.callbacks.Callback):
    """Writes the curves, then the checkpoint, after every epoch."""

    def __init__(self, workdir, first_epoch, keep_checkpoints):
        super().__init__()
        self._workdir = workdir
        self._keep = keep_checkpoints
        self._rows = workdir.read_metrics()[:first_epoch]

    def on_epoch_end(self, epoch, logs=None):
        learning_rate = float(self.model.optimizer.learning_rate.numpy())
        row = {"epoch": epoch + 1, "learning_rate": learning_rate}
        self._rows.append(row | {name: float(value) for name, value in logs.items()})
        self._workdir.write_metrics(self._rows)
        self._workdir.save_checkpoint(self.model, epoch + 1, self._keep)
