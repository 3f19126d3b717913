"""SavedModels of word pieces that take raw strings, where there is TensorFlow and its texts."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import datasets
from attention_zoo._export import export
from attention_zoo.models import FocusClassifier, TextEncoder, reading_networks

TEXTS = [
    "The thunderstorm, is COLD!",
    "teaspoon",
    "  ",
    "quark soup שלום 🌧️ teas",
    "x x x x x x x x x",
]


@pytest.fixture
def model(tiny_bert):
    tokenizer, backbone = tiny_bert(max_sequence_length=12)
    encoder = TextEncoder(tokenizer, backbone, "mean", max_pieces=4)
    focus, classifier = reading_networks(encoder.dim, 3, hidden=4)
    model = FocusClassifier(focus, classifier, "lvml", encoder=encoder)
    model.build((None, None, *encoder.segment_shape))
    return model


def test_raw_texts_are_answered_as_predict_answers_their_words(model, served_texts, tmp_path):
    """All at once, and each alone: other padding, the same answer."""
    whole, *alone = served_texts(model, TEXTS, tmp_path, ops="tensorflow_text")
    words = tf.ragged.constant(datasets.words_of(TEXTS), dtype=tf.string).to_tensor("")
    predicted = model.predict(model.encoder.look_up(words).numpy(), verbose=0)
    np.testing.assert_allclose(whole["probabilities"], np.exp(predicted["label"]), atol=1e-5)
    np.testing.assert_allclose(whole["focus"], predicted["focus"], atol=1e-5)
    for i, outputs in enumerate(alone):
        m = len(outputs["focus"][0])
        np.testing.assert_allclose(outputs["focus"][0], whole["focus"][i][:m], atol=1e-5)
        np.testing.assert_allclose(
            outputs["probabilities"][0], whole["probabilities"][i], atol=1e-5
        )
        assert outputs["token"][0] == whole["token"][i]
        assert [one for one in whole["tokens"][i] if one] == datasets.words_of(TEXTS[i])


def test_mask_beside_texts_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match="mask is True with a TextEncoder, expected False"):
        export(model, tmp_path / "model", mask=True)


SERVED = """
import sys
from attention_zoo.serving.served_model import ServedModel

if sys.argv[2] == "without":
    sys.modules["tensorflow_text"] = None
try:
    print(sorted(ServedModel(sys.argv[1]).signatures))
except ImportError as error:
    print(error)
"""


@pytest.mark.slow
def test_the_server_loads_the_ops_of_pieces_or_names_the_extra(model, tmp_path):
    export(model, tmp_path / "served")
    outputs = {}
    for way in ("with", "without"):
        command = [sys.executable, "-c", SERVED, str(tmp_path / "served"), way]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        outputs[way] = done.stdout.splitlines()[-1]
    assert "serving_default" in outputs["with"]
    assert outputs["without"].endswith("pip install attention-zoo[pretrained]")
