"""Posts of your own with rationales: which word made the model say so, and is it people's?

    python examples/text_with_rationales.py

Writes made-up reviews as JSON lines, reads them back as the trainer does, trains on the labels
alone, and compares the words that the model attends to with the rationales.
"""

import json
import tempfile
from pathlib import Path

import keras
import numpy as np

import attention_zoo as az
from attention_zoo.datasets.text.posts import vocabulary
from attention_zoo.models import TokenEncoder
from attention_zoo.models.networks.text import text_networks

WORDS = ("the", "soup", "tea", "little", "place", "was", "today", "my", "aunt", "says", "we", "had")
TELLING = {"praise": ["delicious", "lovely", "perfect"], "complaint": ["cold", "stale", "burnt"]}


def write_reviews(path, count, seed):
    """One review a line: tokens, label, and a 1 at the word that tells."""
    rng = np.random.default_rng(seed)
    with path.open("w") as file:
        for _ in range(count):
            label = str(rng.choice(list(TELLING)))
            tokens = [str(word) for word in rng.choice(WORDS, rng.integers(4, 12))]
            place = int(rng.integers(len(tokens)))
            tokens[place] = str(rng.choice(TELLING[label]))
            rationale = [int(j == place) for j in range(len(tokens))]
            review = {"tokens": tokens, "label": label, "rationale": rationale}
            file.write(json.dumps(review) + "\n")


def main(epochs=4):
    """Trains, prints and returns the `RationaleEvaluation` of new reviews."""
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        for seed, (split, count) in enumerate({"train": 1000, "test": 200}.items()):
            write_reviews(Path(folder, f"{split}.jsonl"), count, seed)
        _, training = az.datasets.load("json_lines", "train", data_dir=folder)
        _, test = az.datasets.load("json_lines", "test", data_dir=folder)

    tokens = vocabulary(training.source, 1)
    focus, classifier, network = text_networks("simple", tokens, training.num_classes, dim=16)
    encoder = TokenEncoder(tokens, network)
    model = az.FocusClassifier(focus, classifier, attention="lvml", encoder=encoder)
    model.compile(keras.optimizers.Adam(0.01))
    posts = training.source.encoded(encoder.look_up).dataset(64)
    model.fit(posts, epochs=epochs, shuffle=False, verbose=0)

    reviews = test.source.encoded(encoder.look_up).dataset(100)
    found = az.evaluate_rationales(model, reviews, top_k=1)
    print(found.table())
    return found


if __name__ == "__main__":
    main()
