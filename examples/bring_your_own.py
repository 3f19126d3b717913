"""A paradigm, images, a schedule and a callback of your own, in a run with all that runs have.

    python examples/bring_your_own.py --folder=runs/own

Checkpoints, exact resume, three ways to predict, SavedModel, report and comparison come with it.
Killed, the same command goes on and ends with the same weights, bit for bit.

The paradigm: hard attention on the k most attended segments only, the others' share given to these.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from keras import ops

import attention_zoo as az


@az.layers.register("top_k_hard")
class TopKHardAttention(az.layers.Attention):
    """Averages the log-likelihoods of the k most attended segments.

        q(y) = sum_j b_j log p_j(y),  b = a on the k largest a_j, 0 elsewhere, then normalised

    Args:
        k: number of segments.
        **kwargs: as in `Attention`.
    """

    def __init__(self, k=2, **kwargs):
        super().__init__(**kwargs)
        self.k = k

    def class_scores(self, classify, segments, scores, mask=None, training=None):
        a = self.attend(scores, mask)  # (b, m)
        least = ops.min(ops.top_k(a, self.k)[0], axis=-1, keepdims=True)
        b = ops.where(a >= least, a, 0.0)
        b = b / ops.maximum(ops.sum(b, axis=-1, keepdims=True), keras.config.epsilon())
        log_p = az.ops.log_likelihoods(az.ops.map_segments(classify, segments, mask))  # (b, m, c)
        return ops.sum(b[..., None] * log_p, axis=1), a

    def get_config(self):
        return super().get_config() | {"k": self.k}


class SlowestEpoch(keras.callbacks.Callback):
    """Remembers the epoch with the highest loss: plain attributes are saved with checkpoints."""

    def __init__(self):
        super().__init__()
        self.epoch, self.loss = None, 0.0

    def on_epoch_end(self, epoch, logs=None):
        if logs["loss"] > self.loss:
            self.epoch, self.loss = epoch + 1, float(logs["loss"])


def images(count, seed):
    """Bytes (n, 8, 8, 1) and labels (n,): a bar that lies, stands or leans, or noise (3 to 5)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(6, size=count)
    x = rng.integers(0, 120, (count, 8, 8, 1))
    line, at = np.arange(8), rng.integers(1, 7, count)
    for i, (label, k) in enumerate(zip(labels, at, strict=True)):
        where = {0: (k, line), 1: (line, k), 2: (line, (line + k) % 8)}.get(int(label))
        if where is not None:
            x[i][where] = 255
    return x.astype("uint8"), labels


def mosaics(num_examples, seed):
    """Mosaics of five images, one of them with a bar; its kind is the label."""
    return az.datasets.sdc.from_arrays(
        *images(2_000, seed),
        foreground_classes=(0, 1, 2),
        num_segments=5,
        num_examples=num_examples,
        seed=seed,
    )


def train(workdir, attention):
    """Trains on mosaics of our own images, at a rate that falls as a cosine."""
    epochs, batch_size = 4, 64
    data = {"train": mosaics(2_000, 0), "validation": mosaics(500, 1), "test": mosaics(500, 2)}
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, epochs * (2_000 // batch_size))
    return az.train(
        "mosaics",
        workdir,
        data=data,
        attention=attention,
        optimizer=keras.optimizers.Adam(schedule),
        callbacks=[SlowestEpoch()],
        network="digits",
        epochs=epochs,
        batch_size=batch_size,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("runs/own"))
    folder = parser.parse_args().folder
    for name, layer in (("top_k_hard", TopKHardAttention(k=2)), ("lvml", "lvml")):
        print(name, train(folder / name, layer)["test"].table(), sep="\n")
    print(az.report.compare(folder / "top_k_hard", folder / "lvml", output=folder / "compare.html"))
