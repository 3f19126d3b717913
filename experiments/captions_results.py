"""Prints the results of finished runs of captions as two Markdown tables, beside two floors.

python -m experiments.captions_results --data_dir=coco runs/soft_0 runs/soft_1 runs/uniform_0

Folders whose names differ in the number at the end only are runs of one kind: means over seeds;
behind each mean stands half the distance between the lowest and the highest. The floors: captions
that people wrote of a random training picture, a mean of several draws, which needs no run; and
attention held uniform, --attention=uniform of the trainer, whose runs are named here as any others.
The first table has the perplexity by each way to predict, a model's own in bold, the second the
captions that were written. What each kind gains over uniform attention in perplexity is told below,
by the kind's own way and by its best.
"""

import argparse
import collections
import json

import numpy as np

from attention_zoo import datasets, metrics
from attention_zoo.report.measures import WAYS
from experiments.results import markdown, runs_by_kind, spread

SCORES = {  # name in results.json: heading, factor, decimals
    "bleu_1": ("BLEU-1", 100, 1),
    "bleu_2": ("BLEU-2", 100, 1),
    "bleu_3": ("BLEU-3", 100, 1),
    "bleu_4": ("BLEU-4", 100, 1),
    "rouge_l": ("ROUGE-L", 100, 1),
    "cider": ("CIDEr", 100, 1),
    "meteor": ("METEOR", 100, 1),
    "attention_entropy": ("entropy, nats", 1, 2),
    "attention_diversity": ("diversity", 1, 2),
    "words": ("words", 1, 1),
}


def main():
    """Prints the table of the runs named on the command line."""
    arguments = _parser().parse_args()
    runs, kinds = {}, {}
    for kind, paths in runs_by_kind(arguments.runs).items():
        runs[kind] = [json.loads((path / "results.json").read_text())["test"] for path in paths]
        kinds[kind] = json.loads((paths[-1] / "config.json").read_text())
    print("Perplexity a word on test pictures; bold is the model's own way:\n")
    print(perplexities(runs))
    rows = dict(runs)
    if arguments.draws:
        train, test = _splits(arguments, kinds)
        name = "captions of a random training picture"
        rows[name] = [random_captions(train, test, seed) for seed in range(arguments.draws)]
    print("\nCaptions of test pictures, scores in %:\n")
    print(scores(rows))
    for line in against_uniform(runs, kinds):
        print(f"\n{line}")


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", help="folders of finished runs")
    parser.add_argument("--data_dir", required=True, help="as of the trainer")
    parser.add_argument("--draws", type=int, default=5, help="of random captions; 0 for none")
    return parser


def _splits(arguments, kinds):
    """Captions of the runs' training and test pictures, those of the trainer without runs."""
    config = next(iter(kinds.values()), {"train_split": "train[:95%]", "test_split": "validation"})
    return [
        datasets.load("coco_captions", config[name], data_dir=arguments.data_dir)[1].source
        for name in ("train_split", "test_split")
    ]


def random_captions(train, test, seed):
    """Scores of captions that know nothing of the picture."""
    rng = np.random.default_rng(seed)
    references = collections.defaultdict(list)
    for number, text in zip(test.picture_of, _texts(test), strict=True):
        references[number].append(text)
    said = rng.choice(_texts(train), len(references)).tolist()
    scores = metrics.caption_scores(list(references.values()), said)
    return scores | {"words": float(np.mean([len(one.split()) for one in said]))}


def _texts(captions):
    return [text.decode() for text in captions.texts.numpy()]


def perplexities(runs):
    """A Markdown table: a row a kind, a column a way to predict, the model's own in bold."""
    lines = [
        [kind, str(len(group)), *(_perplexity(group, way) for way in WAYS)]
        for kind, group in runs.items()
    ]
    return markdown(["", "seeds", *WAYS], lines)


def _perplexity(group, way):
    cell = spread([one[f"{way}_perplexity"] for one in group])
    is_own = all(one[f"{way}_perplexity"] == one["perplexity"] for one in group)
    return f"**{cell}**" if is_own else cell


def scores(rows):
    """A Markdown table: a row a kind, a column a measure that some of them have."""
    columns = [
        name for name in SCORES if any(name in one for group in rows.values() for one in group)
    ]
    lines = [[kind, *(_score(group, name) for name in columns)] for kind, group in rows.items()]
    return markdown(["", *(SCORES[name][0] for name in columns)], lines)


def _score(group, name):
    """Mean ± half the range; nothing where it is not known."""
    _, factor, decimals = SCORES[name]
    return spread([factor * one[name] for one in group if name in one], decimals)


def against_uniform(runs, kinds):
    """Sentences for each kind of run: whether it beats uniform attention in perplexity."""
    floor = [kind for kind, config in kinds.items() if config["attention"] == "uniform"]
    if not floor:
        return
    uniform = [one["perplexity"] for one in runs[floor[0]]]
    for kind in sorted(runs.keys() - set(floor)):
        by_way = {way: [one[f"{way}_perplexity"] for one in runs[kind]] for way in WAYS}
        best = min(WAYS, key=lambda way: np.mean(by_way[way]))
        own = [one["perplexity"] for one in runs[kind]]
        yield _verdict(kind, own, uniform)
        if by_way[best] != own:
            yield _verdict(f"{kind}, {best}", by_way[best], uniform)


def _verdict(kind, learned, uniform):
    gain = np.mean(uniform) - np.mean(learned)
    verdict = "beats" if gain > 0 else "does not beat"
    clear = max(learned) < min(uniform) or min(learned) > max(uniform)
    every = "in every seed" if clear else "but seeds overlap"
    return (
        f"{kind} {verdict} uniform attention in perplexity: {np.mean(learned):.2f} against "
        f"{np.mean(uniform):.2f}, {every}."
    )


if __name__ == "__main__":
    main()
