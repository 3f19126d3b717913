"""Small models: linear ones, a layer that counts, a BERT of random weights."""

import keras
import numpy as np
import pytest

from attention_zoo.models import FocusClassifier, networks


@pytest.fixture(scope="session")
def linear_model():
    """(attention, **settings) -> a FocusClassifier of (b, 3, 4): s = u x, g = W x + e, c = 3."""

    def build(attention="soft", **settings):
        normal = keras.initializers.RandomNormal(stddev=1.0)
        focus = keras.layers.Dense(1, use_bias=False, kernel_initializer=normal)
        classifier = keras.layers.Dense(3, kernel_initializer=normal, bias_initializer=normal)
        model = FocusClassifier(focus, classifier, attention, **settings)
        model.build((None, 3, 4))
        return model

    return build


@pytest.fixture(scope="session")
def counting_layer():
    """The class of a classifier that counts the segments that it reads."""

    class Counting(keras.layers.Layer):
        """A classifier that counts the segments that it reads."""

        def __init__(self, dense):
            super().__init__()
            self.dense, self.count = dense, 0

        def call(self, x):
            if isinstance(x.shape[0], int):  # symbolic under JAX, None as Keras builds
                self.count += x.shape[0]
            return self.dense(x)

    return Counting


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
def keras_hub():
    """KerasHub, of the extra "pretrained"; skips where it is not installed."""
    return pytest.importorskip(
        "keras_hub",
        reason="KerasHub is not installed: attention-zoo[pretrained]",
        exc_type=ImportError,
    )


@pytest.fixture
def tiny_bert(keras_hub):
    """(**sizes) -> (tokenizer, backbone): a BERT of random weights, of words of weather and food.

    It splits "thunderstorm" and "teaspoon" into two pieces, "teas" into "tea" and "##s".
    """
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = ["tea", "soup", "thunder", "rain", "##storm", "##spoon", "##s", "the", "is", "!", ","]
    words += ["drizzle", "sun", "cold", "hot", "nice", "good", "bad", "x"]

    def make(num_layers=2, max_sequence_length=32, dropout=0.0, **sizes):
        tokenizer = keras_hub.models.BertTokenizer(vocabulary=special + words, lowercase=True)
        backbone = keras_hub.models.BertBackbone(
            vocabulary_size=len(special + words),
            num_layers=num_layers,
            num_heads=2,
            hidden_dim=8,
            intermediate_dim=16,
            dropout=dropout,
            max_sequence_length=max_sequence_length,
            **sizes,
        )
        return tokenizer, backbone

    return make
