"""What a page says in the words of a run's task: what figures were measured on, what they mean."""

import numpy as np

from attention_zoo.report.measures import OF_CLASSES, WAYS, split_way, title

TRAINING, HELD_OUT, TEST = "", "val_", "test"  # prefixes of the columns of metrics.csv; a split
_KINDS = {  # of examples, by prefix or split
    TRAINING: "training",
    "train": "training",
    HELD_OUT: "validation",
    "validation": "validation",
    TEST: "test",
}
_DEFAULT = {  # as of `tasks.Words`
    "example": "example",
    "examples": "examples",
    "segment": "segment",
    "segments": "segments",
    "truth": "the true segment",
    "known": "whose true segment is known",
}


def _bleu(n):
    runs = "words" if n == 1 else f"runs of up to {n} words"
    return f"share of a caption's {runs} that people's captions have; short captions lose"


_HIT = "the most attended {segment} hits {truth}"
_MISS = "the most attended {segment} misses {truth}"
_MEANINGS = {  # by name, in words of a task; {those}: the examples whose truth is known
    "argmax": "what is predicted from the most attended {segment} alone",
    "marginal": "what is predicted from each {segment}, averaged by attention",
    "soft": "what is predicted from the average of the {segments}, weighted by attention",
    "accuracy": "share of the {examples} that are given the true label",
    "nll": "−log of the probability of the true label, mean; low is good",
    "focus_accuracy": "share of the {those} in which " + _HIT,
    "FTPT": "share of the {those}: focus true, prediction true; " + _HIT + ", the label is right",
    "FFPT": "focus false, prediction true; the label is right, but " + _MISS,
    "FTPF": "focus true, prediction false; " + _HIT + ", but the label is wrong",
    "FFPF": "focus false, prediction false; " + _MISS + ", the label is wrong",
    "entropy": "0 where one {segment} has all attention, log m where each of m has as much",
    "macro_f1": "F1 of every class, their mean: a rare class counts as much as a frequent one",
    "auroc": "how often, of {examples} of two classes, that of the one is given the higher "
    "probability of it; mean over the pairs of classes",
    "balanced_accuracy": "share of right labels in each class, mean over the classes",
    "class_average_precision": "mean precision as more {examples} of the second of two classes are "
    "found, ranked by its probability",
    "instance_auroc": "how often attention ranks {truth} above another {segment} of the same "
    "{example}",
    "comprehensiveness": "what the probability of the predicted label loses without the most "
    "attended {segments}; high if the prediction rests on them",
    "sufficiency": "what it loses where they alone are left; low if they are enough",
    "flip_rate": "share of the {examples} whose prediction changes without the most attended "
    "{segments}; high if it rests on them",
    "num_left_out": "how many {examples} have nothing left without their most attended {segments}: "
    "comprehensiveness and flip rate are of the others",
    "deletion_area": "probability of the predicted label, mean as the most attended {segments} go "
    "one after the other; low if it rests on them",
    "insertion_area": "the same as they come; high if they are enough",
    "ece": "expected calibration error: how far probabilities are from the share that is right; "
    "low is good",
    "brier": "mean squared error of the probabilities, 0 to 2; low is good",
    "aurc": "error rate among the most probable predictions, mean over all shares of them; low "
    "is good",
    "confidence_aurc": "the same among the most confident, confidence being the product of "
    "probability, certainty of attention and agreement of the ways to predict",
    "attention_mass": "attention on {truth}, summed",
    "average_precision": "mean precision as more of {truth} is found, {segments} ranked by "
    "attention",
    "token_precision": "share of the most attended {segments} that lie in {truth}",
    "token_recall": "share of {truth} that is among the most attended {segments}",
    "token_f1": "harmonic mean of token precision and token recall",
    "auprc": "area under precision against recall, as published figures have it; even attention "
    "comes out too well",
    "iou_f1": "F1 where the most attended {segments} count as right if they and {truth} have half "
    "of their union in common",
    **{f"bleu_{n}": _bleu(n) for n in range(1, 5)},
    "rouge_l": "F-score of the longest sequence of words in common with people's captions",
    "cider": "likeness to people's captions in runs of one to four words, rare ones counting more",
    "meteor": "likeness to people's captions in words, stems and synonyms, and their order",
    "perplexity": "exp of −log of the probability of a word of people's captions, mean; low is "
    "good",
    "top_k_error": "what a word's log-likelihood loses by top_k, nats",
    "attention_entropy": "0 where a word looks at one {segment}, log m where at all m alike",
    "attention_diversity": "how far the attention of two words differs: 0 not at all, 1 wholly",
    "words": "words of a caption, mean",
    "word_accuracy": "share of the words of people's captions that are predicted right",
    "loss": "−q(y), what training makes small: the attention's own score of the true label",
    "drive": "how much each loss would fall if attention moved to {truth}, nats a unit of it",
}


def word(run, name):
    """How the run's task calls one of its things; a general word where it did not say."""
    return run.about.get("words", {}).get(name, _DEFAULT[name])


def kind(where):
    """What examples of a prefix or a split are: "training", "validation" or "test"."""
    return _KINDS[where]


def capitalised(text):
    """The text with its first letter in upper case; the others stay as they are."""
    return text[:1].upper() + text[1:]


def measured_on(run, where):
    """The examples of a prefix or a split, such as "validation mosaics"."""
    return f"{kind(where)} {word(run, 'examples')}"


def known_of(run, where, whole):
    """Those of `measured_on` whose truth is known; all of them where they are the `whole`."""
    return measured_on(run, where) + ("" if whole else f" {word(run, 'known')}")


def truth(run):
    """What attention is compared with."""
    return word(run, "truth")


def is_whole(accuracy, ftpt, ffpt):
    """Whether a breakdown is of every example that the accuracy is of: their figures agree.

    Args:
        accuracy, ftpt, ffpt: fractions, numbers or (n,); accuracy None where it is not known.
    """
    return accuracy is not None and np.allclose(accuracy, np.add(ftpt, ffpt), rtol=0, atol=1e-4)


def is_known_of_all(run, split, way):
    """Whether the truth of every example of a split is known.

    Runs of earlier versions have no count of these: there the figures of a way to predict tell.

    Args:
        split: its name.
        way: "argmax", "marginal" or "soft"; None of a run that has no such figures.
    """
    known = run.results.get("num_known", {})
    if split in known:
        return known[split] == run.results.get("num_examples", {}).get(split)
    figures = run.splits.get(split, {})
    names = [f"{way}_{name}" for name in ("accuracy", "FTPT", "FFPT")]
    return set(names) <= figures.keys() and is_whole(*(figures[name] for name in names))


def terms(runs, names):
    """{what a page calls it: what it means} of measures, in the words that the runs have in common.

    Args:
        runs: `Run`s.
        names: of measures, with or without a way to predict. Those without a meaning are left out.
    """
    said = _in_common(runs)
    own = {k: v for run in runs for k, v in run.about.get("words", {}).get("measures", {}).items()}
    own = {other: own[name] for name, other in OF_CLASSES.items() if name in own} | own
    meanings = {name: text.format(**said) for name, text in _MEANINGS.items()} | own
    asked = [split_way(name) for name in names]
    measures = dict.fromkeys(measure for _, measure in asked)
    ways = [way for way in WAYS if any(way == one for one, _ in asked)]
    return {title(name): meanings[name] for name in (*measures, *ways) if name in meanings}


def _in_common(runs):
    """Each word, where all runs have the same, else a general one; "known" as a whole phrase."""
    said = {}
    for name, default in _DEFAULT.items():
        found = {word(run, name) for run in runs}
        said[name] = found.pop() if len(found) == 1 else default
    of_all = all(any(is_known_of_all(run, run.shown_split, way) for way in WAYS) for run in runs)
    return said | {"those": said["examples"] + ("" if of_all else f" {said['known']}")}
