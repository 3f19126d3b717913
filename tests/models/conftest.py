"""What the captioner's tests share: one small model, one batch, and the same in NumPy."""

import itertools

import keras
import numpy as np
import pytest

from attention_zoo.models import Captioner

B, N, R, D, V = 4, 4, 3, 5, 9  # images, words, regions, features, words known (5 + 4)
VOCABULARY = ["a", "dog", "red", "runs", "sits"]


@pytest.fixture(scope="session")
def captioner():
    """(attention, **settings) -> a built Captioner with lively weights, the same each time."""

    def build(attention="soft", **settings):
        sizes = {"units": 6, "embedding_dim": 4, "attention_units": 3}
        model = Captioner(VOCABULARY, attention, **sizes | settings)
        model.build({"features": (None, R, D), "words": (None, None)})
        rng = np.random.default_rng(1)
        for weight in model.decoder.trainable_variables:
            weight.assign(rng.normal(scale=1.0, size=weight.shape))
        return model

    return build


@pytest.fixture
def captions():
    """(inputs, targets): captions of 3, 2, 1 and 0 words; the last one is of padding alone."""
    rng = np.random.default_rng(2)
    features = rng.normal(size=(B, R, D)).astype("float32")
    words = np.array([[2, 4, 7, 5], [2, 1, 8, 0], [2, 6, 0, 0], [0, 0, 0, 0]])
    targets = np.array([[4, 7, 5, 3], [1, 8, 3, 0], [6, 3, 0, 0], [0, 0, 0, 0]])
    return {"features": features, "words": words}, {"words": targets}


@pytest.fixture(scope="session")
def numpy_captioner():
    return NumpyCaptioner


class NumpyCaptioner:
    """The decoder in float64, a word, an image and a region at a time.

    Weights may be set apart from the model's: `weights["decoder/scores/of_state/kernel"]`.
    """

    def __init__(self, model):
        start = len(model.name) + 1
        self.weights = {
            weight.path[start:]: weight.numpy().astype("float64")
            for weight in model.trainable_variables
        }

    def __call__(self, name):
        return self.weights[f"decoder/{name}"]

    def attention(self, x, h):
        """Scores and softmax attention (r,) of regions x (r, d) by state h (u,)."""
        fit = x @ self("scores/of_region/kernel") + self("scores/of_region/bias")
        fit = np.tanh(fit + h @ self("scores/of_state/kernel"))
        s = (fit @ self("scores/score/kernel"))[:, 0]
        return s, np.exp(s - s.max()) / np.exp(s - s.max()).sum()

    def start(self, x):
        state = x.mean(axis=0) @ self("first_state/kernel") + self("first_state/bias")
        return np.split(np.tanh(state), 2)

    def step(self, word, context, h, c):
        embedded = self("embedding/embeddings")[word]
        gates = embedded @ self("of_word/kernel") + self("of_word/bias")
        gates = gates + context @ self("of_context/kernel") + h @ self("of_state/kernel")
        enter, keep, candidate, leave = np.split(gates, 4)
        c = _sigmoid(keep) * c + _sigmoid(enter) * np.tanh(candidate)
        return _sigmoid(leave) * np.tanh(c), c

    def log_p(self, word, h, context):
        """log p (v,) of the next word, read from `context`."""
        read = self("embedding/embeddings")[word] + h @ self("read_state/kernel")
        read = read + context @ self("read_context/kernel")
        logits = read @ self("vocabulary/kernel") + self("vocabulary/bias")
        return logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())

    def caption(self, x, words, regions=None):
        """Of one image: log p_j (n, r, v), log p of the average region (n, v), a (n, r).

        The state reads the average region, or those that `regions` (n,) names.
        """
        h, c = self.start(x)
        apart, average, attention = [], [], []
        for t, word in enumerate(words):
            a = self.attention(x, h)[1]
            h, c = self.step(word, a @ x if regions is None else x[regions[t]], h, c)
            apart.append([self.log_p(word, h, x_j) for x_j in x])
            average.append(self.log_p(word, h, a @ x))
            attention.append(a)
        return np.array(apart), np.array(average), np.array(attention)

    def scores(self, features, words):
        """Every paradigm's q (b, n, v), by enumeration of the regions; "focus" (b, n, r)."""
        captions = [self.caption(x, row) for x, row in zip(features, words)]
        log_p, average, a = (np.array(parts) for parts in zip(*captions))
        chosen = np.take_along_axis(log_p, a.argmax(axis=2)[..., None, None], axis=2)
        return {
            "soft": average,
            "hard": np.einsum("bnr,bnrv->bnv", a, log_p),
            "lvml": np.log(np.einsum("bnr,bnrv->bnv", a, np.exp(log_p))),
            "argmax": chosen[:, :, 0],
            "focus": a,
        }

    def loss(self, kind, features, words, targets):
        """The mean loss of a word."""
        q = self.scores(features, words)[kind]
        q = np.take_along_axis(q, targets[..., None], axis=2)[..., 0]
        return -q[targets != 0].mean()

    def every_choice(self, x, words):
        """Every sequence of regions: its log p (n, v), its log a (n,)."""
        for regions in itertools.product(range(len(x)), repeat=len(words)):
            log_p, _, a = self.caption(x, words, regions)
            places = np.arange(len(words)), list(regions)
            yield log_p[places], np.log(a[places])

    def expected_loss(self, x, words, targets, weights=1.0):
        """Of REINFORCE: minus the expected sum of w_t log p_t of the caption, over all choices."""
        places = np.arange(len(words)), targets
        return -sum(
            np.exp(log_a.sum()) * (weights * q[places]).sum()
            for q, log_a in self.every_choice(x, words)
        )


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture(scope="session")
def pictures():
    """(number) -> (inputs, targets): captions of two words, each named by one region.

    The region with flag t names word t, by which of its other numbers is set.
    """

    def draw(count, seed=0):
        rng = np.random.default_rng(seed)
        x = rng.normal(scale=0.1, size=(count, 3, 2 + 5)).astype("float32")
        words = rng.integers(5, size=(count, 2))
        for features, caption in zip(x, words):
            for t, region in enumerate(rng.permutation(3)[:2]):
                features[region, [t, 2 + caption[t]]] = 2.0
        ends = np.full((count, 1), 2), np.full((count, 1), 3)
        caption = np.concatenate([ends[0], words + 4, ends[1]], axis=1)
        return {"features": x, "words": caption[:, :-1]}, {"words": caption[:, 1:]}

    return draw


@pytest.fixture(scope="session")
def small_encoder():
    """A Keras model of images (8, 8, 3), in 0 to 255, that gives a grid (2, 2, D)."""

    def build():
        return keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                keras.layers.Rescaling(1 / 127.5, -1.0),
                keras.layers.Conv2D(D, 4, strides=4),
            ]
        )

    return build
