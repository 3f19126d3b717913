import contextlib

import numpy as np
import pytest

from attention_zoo.models import FocusClassifier, networks
from attention_zoo.training.run_callbacks import WriteMetrics


@pytest.fixture(scope="session")
def linear():
    """(u (d,), W (d, c), attention) -> a FocusClassifier of 4 segments: s = u x, g = W x."""

    def build(u, w, attention="soft"):
        focus, classifier = networks("linear", (len(u),), w.shape[1])
        model = FocusClassifier(focus, classifier, attention)
        model.build((None, 4, len(u)))
        focus.set_weights([np.reshape(u, (-1, 1))])
        classifier.set_weights([w])
        return model

    return build


@pytest.fixture(scope="session")
def broken_off():
    """(call) -> a context whose run is broken off at the beginning of that call, from 1."""

    @contextlib.contextmanager
    def at(call):
        begun = []

        def on_train_batch_begin(self, batch, logs=None):
            begun.append(batch)
            if len(begun) == call:
                raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(WriteMetrics, "on_train_batch_begin", on_train_batch_begin)
            with pytest.raises(KeyboardInterrupt):
                yield

    return at
