"""Prints the results of finished HateXplain runs as Markdown tables, beside what needs no network.

python -m experiments.hatexplain_results --data_dir=hatexplain runs/simple_soft_0 runs/simple_soft_1

Folders whose names differ in the number at the end only are runs of one kind: means over seeds;
behind each mean stands half the distance between the lowest and the highest. Rows for comparison:
logistic regression on TF-IDF of words and pairs of words, its C chosen on the validation posts;
attention that is random (the mean of 20 draws); attention that is constant; attention on the word
that was most often marked in the training posts, or most often for how often it comes.
"""

import argparse
import collections
import itertools

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from attention_zoo import datasets, metrics
from attention_zoo.report.run import Run
from experiments.results import markdown, runs_by_kind, spread

WAYS = {"soft": "soft", "lvml": "marginal"}  # the others predict by argmax
BY_WAY = ("accuracy", "macro_f1", "auroc", "comprehensiveness", "sufficiency")
AGREEMENT = ("focus_accuracy", "average_precision", "attention_mass", "token_f1", "iou_f1", "auprc")
NAMES = {"focus_accuracy": "FT", "macro_f1": "macro F1", "auroc": "AUROC", "iou_f1": "IOU F1"}
NAMES |= {"token_f1": "token F1", "auprc": "AUPRC"}


def main():
    """Prints the tables of the runs named on the command line."""
    arguments = _parser().parse_args()
    runs: dict[str, list] = collections.defaultdict(list)
    for kind, paths in runs_by_kind(arguments.runs).items():
        for run in map(Run.read, paths):
            runs[kind].append(figures(run.results["test"], run.config))
    posts = {split: _posts(arguments, split) for split in ("train", "validation", "test")}
    rows = dict(sorted(runs.items()))
    rows |= {"TF-IDF + logistic regression": [tfidf(posts)]}
    rows |= {"random token": [random_token(posts, arguments.top_k, seed) for seed in range(20)]}
    rows |= {"constant attention": [agreement(posts["test"], _constant, arguments.top_k)]}
    rows |= word_lists(posts, arguments.top_k)
    print("Test posts, %, each run by its own way to predict:\n")
    print(table(rows, (*BY_WAY, *AGREEMENT)))
    print("\nAccuracy on test posts by way to predict, %:\n")
    ways = [f"{way}_accuracy" for way in ("argmax", "marginal", "soft")]
    print(table(runs, ways))


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", help="folders of finished runs")
    parser.add_argument("--data_dir", required=True, help="as of the trainer")
    parser.add_argument("--annotators", default="majority", help="as of the trainer")
    parser.add_argument("--top_k", type=int, default=5, help="as of the trainer")
    return parser


def _posts(arguments, split):
    """(tokens of every post, labels, rationales)."""
    options = {"data_dir": arguments.data_dir, "annotators": arguments.annotators}
    source = datasets.load("hatexplain", split, **options)[1].source
    tokens = [[token.decode() for token in post] for post in source.tokens.to_list()]
    return tokens, source.labels, source.rationales.to_list()


def figures(test, config):
    """The figures of a run, those by way under its own way too."""
    way, attention = config["inference"], config["attention"]
    attention = config["second_attention"] if attention == "hybrid" else attention  # its last phase
    way = WAYS.get(attention, "argmax") if way == "auto" else way
    return test | {name: test[f"{way}_{name}"] for name in BY_WAY}


def tfidf(posts):
    """Accuracy, macro F1 and AUROC of logistic regression."""
    vectorizer = TfidfVectorizer(analyzer=_words_and_pairs, min_df=2, sublinear_tf=True)
    x = {"train": vectorizer.fit_transform(posts["train"][0])}
    x |= {split: vectorizer.transform(posts[split][0]) for split in ("validation", "test")}
    models = [
        LogisticRegression(C=c, max_iter=1000).fit(x["train"], posts["train"][1])
        for c in (0.3, 1.0, 3.0, 10.0)
    ]
    best = max(models, key=lambda model: model.score(x["validation"], posts["validation"][1]))
    labels, p = posts["test"][1], best.predict_proba(x["test"])
    return {
        "accuracy": best.score(x["test"], labels),
        "macro_f1": metrics.macro_f1(labels, p),
        "auroc": metrics.auroc(labels, p),
    }


def _words_and_pairs(tokens):
    return [*tokens, *map(" ".join, itertools.pairwise(tokens))]


def random_token(posts, top_k, seed):
    """Attention that knows nothing."""
    rng = np.random.default_rng(seed)
    return agreement(posts["test"], lambda tokens: rng.random(len(tokens)), top_k)


def _constant(tokens):
    return np.ones(len(tokens))


def word_lists(posts, top_k):
    """Attention on the words that people marked in the training posts: no model can see these."""
    marked: collections.Counter = collections.Counter()
    all_of_it: collections.Counter = collections.Counter()
    for tokens, _, rationale in zip(*posts["train"], strict=True):
        all_of_it.update(tokens)
        marked.update(token for token, mark in zip(tokens, rationale, strict=True) if mark)
    share = {token: count / (all_of_it[token] + 5) for token, count in marked.items()}
    return {
        name: [agreement(posts["test"], lambda tokens, w=w: _weights(tokens, w), top_k)]
        for name, w in (("most often marked word", marked), ("most surely marked word", share))
    }


def _weights(tokens, weights):
    return np.array([1e-6 + weights.get(token, 0.0) for token in tokens])


def agreement(posts, attention, top_k):
    """The figures of an attention: a function of the tokens of a post."""
    values = collections.defaultdict(list)
    for tokens, _, rationale in zip(*posts, strict=True):
        if not any(rationale):
            continue
        r, a = np.array([rationale]), attention(tokens)[None]
        a = a / a.sum()
        named = metrics.predicted_rationale(a, top_k)
        values["focus_accuracy"].append(r[0, a.argmax()])
        values["average_precision"] += list(metrics.average_precision(r, a))
        values["attention_mass"] += list(metrics.attention_mass(r, a))
        values["token_f1"] += list(metrics.token_scores(r, named)["f1"])
        values["iou"] += list(metrics.iou(r, named))
        values["auprc"] += list(metrics.auprc(r, a))
    overlaps = values.pop("iou")
    found = {name: float(np.mean(some)) for name, some in values.items()}
    return found | {"iou_f1": metrics.iou_f1(overlaps, np.ones(len(overlaps), bool))}


def table(rows, columns):
    """A Markdown table."""
    head = ["", "seeds", *(NAMES.get(name, name.replace("_", " ")) for name in columns)]
    lines = [
        [name, str(len(group)), *(percent(group, column) for column in columns)]
        for name, group in rows.items()
    ]
    return markdown(head, lines)


def percent(group, name):
    """Mean ± half the range, in percent; nothing where it is not known."""
    return spread([100 * one[name] for one in group if name in one])


if __name__ == "__main__":
    main()
