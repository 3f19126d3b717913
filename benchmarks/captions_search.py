r"""Captions a second, by greedy and by beam search, of pictures whose features are there.

    python benchmarks/captions_search.py --data_dir=coco --model=runs/soft/model.keras
    python benchmarks/captions_search.py --data_dir=coco --encoder=encoder.keras

Searches of every width, batch size, and with or without XLA take turns in every round, each over
the same pictures, after a first turn that compiles. Prints medians and, in brackets, the slowest
and the fastest round, of seconds and of the processor's seconds, which other processes disturb
less. Without a model it is an untrained one of the trainer's sizes, whose captions seldom end: the
most work that a search can have.
"""

import argparse
import itertools
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf

from attention_zoo import datasets
from attention_zoo.models import Captioner, CaptionSearch


def main():
    arguments = _parser().parse_args()
    model, features = _model_and_features(arguments)
    settings = itertools.product(arguments.widths, arguments.batch_sizes, (False, True))
    contestants = {one: Contestant(model, features, *one) for one in settings}
    times = {one: [] for one in contestants}
    for number in range(arguments.rounds + 1):
        for one, contestant in contestants.items():
            taken = contestant.turn()
            times[one] += [taken] if number else []  # the first compiles
    print(f"{len(features)} pictures, features {features.shape[1:]}, {model.num_words} words\n")
    print(table(contestants, times))


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="as of the trainer")
    parser.add_argument("--split", default="validation", help="pictures to write captions of")
    parser.add_argument("--model", help=".keras file of a trained captioner")
    parser.add_argument("--encoder", help=".keras file, where there is no model")
    parser.add_argument("--image_size", type=int, default=128)
    parser.add_argument("--features_dir", help="as of the trainer; a temporary one if unset")
    parser.add_argument("--widths", nargs="+", type=int, default=[1, 5], help="of the beam")
    parser.add_argument("--batch_sizes", nargs="+", type=int, default=[1, 10, 50, 125])
    parser.add_argument("--rounds", type=int, default=5, help="turns of each, after a first one")
    return parser


def _model_and_features(arguments):
    """The captioner, and the features (n, R, d) of the pictures."""
    if arguments.model is None:
        encoder, words = keras.models.load_model(arguments.encoder), None
    else:
        model = keras.models.load_model(arguments.model)
        encoder, words = model.encoder, model.vocabulary
    size = arguments.image_size
    options = {"data_dir": arguments.data_dir, "image_size": size, "words": words}
    info = datasets.load("coco_captions", arguments.split, **options)[1]
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.features_dir or temporary
        cached = datasets.cached_features(info.source.pictures, encoder, folder)
        features = cached.tensor().numpy().astype("float32")
    if arguments.model is None:
        keras.utils.set_random_seed(0)
        model = Captioner(info.vocabulary)
        model.build({"features": (None, *features.shape[1:]), "words": (None, None)})
    return model, features


class Contestant:
    """A search of one width and batch size, compiled for it."""

    def __init__(self, model, features, width, batch_size, jit_compile):
        search = CaptionSearch(model, width)
        specification = tf.TensorSpec((batch_size, *features.shape[1:]), tf.float32)
        self.search = tf.function(
            lambda x: search({"features": x})["words"],
            jit_compile=jit_compile,
            input_signature=[specification],
        )
        whole = len(features) // batch_size * batch_size
        if not whole:
            raise SystemExit(f"batch size {batch_size}, expected {len(features)} or less")
        self.batches = [tf.constant(x) for x in np.split(features[:whole], whole // batch_size)]
        self.count = whole
        self.words = 0.0  # of a caption, its end among them

    def turn(self):
        """Captions a second, and a second of the processor."""
        start = time.perf_counter(), time.process_time()
        found = [self.search(x).numpy() for x in self.batches]
        taken = time.perf_counter() - start[0], time.process_time() - start[1]
        self.words = float(np.mean([(words != 0).sum(axis=1).mean() for words in found]))
        return [self.count / seconds for seconds in taken]


def table(contestants, times):
    """A Markdown table, a row a contestant, and below it the fastest of each width."""
    lines = ["| beam | batch | XLA | captions a second | of the processor | words |"]
    lines.append("|" + " --- |" * 6)
    medians = {}
    for (width, size, jit), rounds in times.items():
        wall, processor = np.array(rounds).T
        medians[width, size, jit] = np.median(processor)
        words = f"{contestants[width, size, jit].words:.1f}"
        cells = [width, size, "yes" if jit else "no", spread(wall), spread(processor), words]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    for width in dict.fromkeys(one[0] for one in times):
        best = max((one for one in medians if one[0] == width), key=medians.get)
        xla = "with" if best[2] else "without"
        lines.append(
            f"\nbeam {width}: {medians[best]:.0f} captions a second of the processor at best, in "
            f"batches of {best[1]}, {xla} XLA"
        )
    return "\n".join(lines)


def spread(values):
    """Median (lowest to highest)."""
    return f"{np.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


if __name__ == "__main__":
    main()
