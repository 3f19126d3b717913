"""Finds the image that decides, in bags of your own images with a label a bag.

    python examples/multiple_instance_learning.py

The images are scikit-learn's digits, in place of your own. A bag has two to six of them, and is
positive if one is a 7; which one, nobody tells the model. Bags of unequal size are padded, and a
mask says what is there.
"""

import keras
import numpy as np
from sklearn.datasets import load_digits

import attention_zoo as az

LARGEST, WANTED = 6, 7


def bags(images, digits, count, seed):
    """Images (n, m, 8, 8, 1), mask (n, m), labels (n,), where the 7 is (n,), -1 without one."""
    rng = np.random.default_rng(seed)
    sevens, others = np.flatnonzero(digits == WANTED), np.flatnonzero(digits != WANTED)
    chosen = rng.choice(others, (count, LARGEST))
    sizes, labels = rng.integers(2, LARGEST + 1, count), rng.integers(0, 2, count)
    focus = np.where(labels == 1, rng.integers(0, sizes), -1)
    positive = np.flatnonzero(labels)
    chosen[positive, focus[positive]] = rng.choice(sevens, len(positive))
    mask = np.arange(LARGEST) < sizes[:, None]
    return images[chosen] * mask[..., None, None, None], mask, labels, focus


def network(outputs):
    """From an image to scores, or to the logits of negative and positive."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(64, "relu"), keras.layers.Dense(outputs)]
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


def main(epochs=12):
    """Trains, and returns accuracy by bag and the share of sevens found in positive bags."""
    keras.utils.set_random_seed(0)
    digits = load_digits()
    images = (digits.images[..., None] / 8 - 1).astype("float32")
    half = len(images) // 2
    segments, mask, labels, _ = bags(images[:half], digits.target[:half], 4096, seed=0)

    model = az.FocusClassifier(network(1), network(2), attention="lvml", inference="argmax")
    model.compile(keras.optimizers.Adam(0.003))
    model.fit({"segments": segments, "mask": mask}, labels, epochs=epochs, verbose=0)

    segments, mask, labels, focus = bags(images[half:], digits.target[half:], 1000, seed=1)
    found = model.predict({"segments": segments, "mask": mask}, verbose=0)
    accuracy = np.mean(found["label"].argmax(axis=-1) == labels)
    chosen = found["focus"].argmax(axis=-1)
    precision = np.mean(chosen[labels == 1] == focus[labels == 1])
    print(
        f"bags of new images: {accuracy:.1%} right; in positive ones, the 7 chosen {precision:.1%}"
    )
    return accuracy, precision


if __name__ == "__main__":
    main()
