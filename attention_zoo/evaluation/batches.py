"""What is evaluated, batch by batch."""

import keras
import numpy as np

from attention_zoo.models.bags import dense
from attention_zoo.models.labels import as_targets


def batches_of(dataset, size=256):
    """The batches of a data set; those of all examples where it is one tuple (inputs, labels)."""
    if not isinstance(dataset, tuple) or not dataset or isinstance(dataset[0], tuple):
        yield from dataset
        return
    x, y, *_ = (*dataset, None)
    if y is None or len(dataset) > 3:
        raise ValueError(f"the data are a tuple of {len(dataset)}, expected (inputs, labels)")
    x, y = keras.tree.map_structure(np.asarray, dense(x, y))
    counts = {len(part) for part in keras.tree.flatten((x, y)) if part.ndim}
    if len(counts) != 1:
        raise ValueError(
            f"inputs and labels are of {sorted(counts)} examples, expected as many of each"
        )
    for first in range(0, counts.pop(), size):
        yield keras.tree.map_structure(
            lambda part, i=first: part[i : i + size] if part.ndim else part, (x, y)
        )


def unpacked(batch):
    """Inputs, and {"label", "focus": truth} as arrays; the truth is -1 where none is given."""
    inputs, labels, _ = keras.utils.unpack_x_y_sample_weight(batch)
    if labels is None:
        raise ValueError("a batch has no labels, expected (inputs, labels)")
    inputs, labels = dense(inputs, labels)
    if keras.backend.backend() != "tensorflow":  # of a pipeline of TensorFlow
        inputs = keras.tree.map_structure(np.asarray, inputs)
    targets = as_targets(labels)
    label = np.asarray(targets["label"])
    if label.ndim == 0:
        raise ValueError(
            "a batch has one label without a batch axis, expected labels (b,): of one example "
            "alone, x and y, give x[None] and y[None]"
        )
    focus = targets.get("focus", np.full(label.shape[:1], -1))
    return inputs, {"label": label, "focus": np.asarray(focus)}
