import numpy as np
import pytest

from attention_zoo.models import FocusClassifier, networks


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
