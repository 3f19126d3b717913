"""An attention layer of the package within a functional Keras model of your own.

    python examples/attention_layer.py

Sequences of unequal length, padded; one step of each, marked by a 1 in its last feature, carries
the number to predict. The layer averages the steps by sparsemax attention, which gives most steps
a weight of exactly 0, and padded ones always.
"""

import keras
import numpy as np

import attention_zoo as az

STEPS, FEATURES = 10, 6


def sequences(count, seed):
    """Steps (n, 10, 6), mask (n, 10), targets (n,), the step that carries them (n,)."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(count, STEPS, FEATURES)).astype("float32")
    sizes = rng.integers(3, STEPS + 1, count)
    rows, marked = np.arange(count), rng.integers(0, sizes)
    steps[..., -1] = 0.0
    steps[rows, marked, -1] = 1.0
    return steps, np.arange(STEPS) < sizes[:, None], steps[rows, marked, 0], marked


def build():
    """The model that is trained, and one that gives its weights."""
    steps = keras.Input((STEPS, FEATURES), name="steps")
    mask = keras.Input((STEPS,), dtype="bool", name="mask")
    scores = keras.layers.Flatten()(keras.layers.Dense(1)(steps))
    attention = az.layers.SoftAttention(normalizer="sparsemax")
    average, weights = attention(steps, scores, mask=mask)
    value = keras.layers.Dense(1)(average)
    inputs = {"steps": steps, "mask": mask}
    return keras.Model(inputs, value), keras.Model(inputs, weights)


def main(epochs=15):
    """Trains, and returns the error, and the weights with what they should point to."""
    keras.utils.set_random_seed(0)
    model, reader = build()
    model.compile(keras.optimizers.Adam(0.02), "mse")
    steps, mask, targets, _ = sequences(4096, seed=0)
    model.fit({"steps": steps, "mask": mask}, targets, batch_size=128, epochs=epochs, verbose=0)

    steps, mask, targets, marked = sequences(1000, seed=1)
    inputs = {"steps": steps, "mask": mask}
    error = model.evaluate(inputs, targets, verbose=0)
    weights = reader.predict(inputs, verbose=0)
    share = np.mean(weights.argmax(axis=-1) == marked)
    zeros = np.mean(weights == 0)
    print(f"mean squared error {error:.4f} (of always 0: {np.mean(targets**2):.2f})")
    print(
        f"largest weight on the marked step: {share:.1%}; weights that are exactly 0: {zeros:.1%}"
    )
    return error, weights, mask, marked


if __name__ == "__main__":
    main()
