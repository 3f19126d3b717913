import keras
import numpy as np
import pytest

from attention_zoo import datasets
from experiments.full_batch import FullBatch, balanced

# These tests are of a hybrid in its phase, as it is; that it stays there is its own warning.
pytestmark = pytest.mark.filterwarnings("ignore:attention is hybrid")


@pytest.mark.parametrize(("attention", "jit_compile"), [("hybrid", True), ("lvml", False)])
def test_full_batch_steps_are_those_of_fit(linear, attention, jit_compile):
    """A hybrid switched on the way, too: its steps are compiled again."""
    rng = np.random.default_rng(0)
    segments, labels = rng.normal(size=(6, 4, 5)).astype("float32"), np.array([0, 1, 2] * 2)
    u, w = rng.normal(size=5), rng.normal(size=(5, 3))
    fitted, stepped = linear(u, w, attention), linear(u, w, attention)
    for one in (fitted, stepped):
        one.compile(keras.optimizers.SGD(0.3), metrics=[], jit_compile=False)
    batch = FullBatch(stepped, segments, labels, jit_compile)
    for epochs in (4, 3):
        fitted.fit(segments, labels, batch_size=6, epochs=epochs, shuffle=False, verbose=0)
        batch.run(epochs)
        batch.run(0)
        if attention == "hybrid":
            fitted.attention.switch(), stepped.attention.switch()
    for a, b in zip(fitted.get_weights(), stepped.get_weights(), strict=True):
        # Seven steps at 0.3: 16 roundings of gradients of a size up to 4, and two of the weight.
        np.testing.assert_allclose(a, b, rtol=0, atol=150 * 2.0**-23)


def test_the_examples_have_as_many_of_each_class():
    mosaics = datasets.orthogonal.load(num_segments=4, num_classes=3, num_examples=50).source
    segments, labels, focus = balanced(mosaics)
    counts = np.bincount(labels)
    assert (counts == np.bincount(mosaics.labels).min()).all() and len(counts) == 3
    np.testing.assert_allclose(segments[np.arange(len(labels)), focus, labels], 1.0, atol=1e-4)
