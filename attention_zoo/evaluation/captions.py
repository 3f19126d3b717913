"""Evaluation of a captioner: the captions it writes, and where it looks as it writes them."""

import collections
import dataclasses

import keras
import numpy as np
from keras import ops as kops

from attention_zoo import _tracing as tracing
from attention_zoo import metrics
from attention_zoo.evaluation.classification import known_mean, warn_of_nan
from attention_zoo.models import Captioner, CaptionSearch, text_of
from attention_zoo.models.attention_model import warn_of_broken_weights
from attention_zoo.models.captioning.loss import present
from attention_zoo.models.captioning.vocabulary import END, PADDING


@dataclasses.dataclass(frozen=True, eq=False)
class CaptionEvaluation:
    """The result of `evaluate_captions` on n pictures.

    Attributes:
        scores: by name, as of `metrics.caption_scores`; what is missing there is missing here.
        grounding: means over the captions: "entropy" in nats, `metrics.word_entropy`, and
            "diversity", `metrics.word_diversity`; and the mean number of words, "words".
        pictures: the pictures' numbers, (n,).
        captions: n strings.
        log_probabilities: of the captions, in nats, (n,).
        focus: attention of the first captions, as many as a batch had, (k, T, R).
        grid: rows and columns of the R regions, of a picture's line by line; None where they are
            in no grid.
        perplexities: of the true captions, a word, by way to predict, if they were measured.
        perplexity: by the captioner's own way.
        top_k_error: in nats a word, if it was measured.
    """

    scores: dict[str, float]
    grounding: dict[str, float]
    pictures: np.ndarray = dataclasses.field(repr=False)
    captions: tuple[str, ...] = dataclasses.field(repr=False)
    log_probabilities: np.ndarray = dataclasses.field(repr=False)
    focus: np.ndarray = dataclasses.field(repr=False)
    grid: tuple[int, int] | None = None
    perplexities: dict[str, float] = dataclasses.field(default_factory=dict)
    perplexity: float | None = None
    top_k_error: float | None = None

    def scalars(self):
        """All figures by name."""
        measured = {"perplexity": self.perplexity, "top_k_error": self.top_k_error}
        known = {name: value for name, value in measured.items() if value is not None}
        known |= {f"{way}_perplexity": value for way, value in self.perplexities.items()}
        grounding = {f"attention_{name}": self.grounding[name] for name in ("entropy", "diversity")}
        words = {"words": self.grounding["words"], "num_pictures": len(self.captions)}
        figures = known | self.scores | grounding | words
        return {name: value for name, value in figures.items() if np.isfinite(value)}

    def table(self):
        """The figures in plain text."""
        return ", ".join(
            f"{name.replace('_', ' ')} {value:.{0 if name == 'num_pictures' else 3}f}"
            for name, value in self.scalars().items()
        )


def evaluate_captions(
    captioner,
    dataset,
    *,
    beam_width=1,
    max_length=20,
    length_power=0.7,
    perplexities=None,
    top_k_error=None,
):
    """Has a captioner write captions, and compares them with what people wrote.

    Args:
        captioner: a built `Captioner`.
        dataset: batches of ({"image"} or {"features"}, {"picture" (b,), "references"}), the
            references being strings (b, r) padded with "", as of `datasets.Captions.by_picture`.
        beam_width, max_length, length_power: as of `CaptionSearch`.
        perplexities: of the true captions, to stand beside the scores, as of `word_figures`.
        top_k_error: of them too, as of `word_figures`.

    Returns:
        A `CaptionEvaluation`. Scores are missing where their library is. Where attention is NaN a
        RuntimeWarning says of how many captions, and its figures are NaN.
    """
    if not isinstance(captioner, Captioner):
        raise ValueError(f"the model is a {type(captioner).__name__}, expected a Captioner")
    search = CaptionSearch(captioner, beam_width, max_length, length_power)
    warn_of_broken_weights(captioner)
    captions, references = [], []
    parts: dict[str, list[np.ndarray]] = collections.defaultdict(list)
    for inputs, truth in dataset:
        with tracing.expected():
            found = search.predict_on_batch(inputs)
        captions += text_of(found["words"], captioner.vocabulary)
        references += _texts(_as_lists(truth["references"]))
        first = {"focus": found["focus"]} if not parts else {}
        for name, values in (_figures(found, truth) | first).items():
            parts[name].append(values)
    if not captions:
        raise ValueError("the data set has no picture that can be read, expected one or more")
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    warn_of_nan(int(joined["broken"].sum()), len(captions), stacklevel=3)
    return CaptionEvaluation(
        scores=metrics.caption_scores(references, captions) if metrics.has_scores() else {},
        grounding=_grounding(joined),
        pictures=joined["pictures"],
        captions=tuple(captions),
        log_probabilities=joined["log_probabilities"],
        focus=joined["focus"],
        grid=captioner.grid,
        perplexities=perplexities or {},
        perplexity=(perplexities or {}).get(captioner.way_to_predict),
        top_k_error=top_k_error,
    )


def word_figures(captioner, dataset):
    """What `evaluate_captions` is given of the true words, measured in one pass.

    Args:
        captioner: a built `Captioner`.
        dataset: batches of (inputs, {"words"}), as of `datasets.Captions.dataset`.

    Returns:
        "perplexities": exp of the mean of -log p(true word), by each way to predict; and, of a
        captioner with a `top_k`, "top_k_error": what that takes off log p, in nats, the mean.
    """
    means = _word_means(_OfWords(captioner), dataset)
    error = {"top_k_error": means.pop("error")} if "error" in means else {}
    return {"perplexities": {way: float(np.exp(-mean)) for way, mean in means.items()}} | error


class _OfWords(keras.Model):
    """Of the true words (b, n): log p by every way to predict, and what `top_k` takes off it."""

    def __init__(self, captioner):
        super().__init__(name="of_words", dtype=captioner.dtype_policy, autocast=False)
        self.captioner = captioner

    def build(self, input_shape):
        self.built = True

    def call(self, inputs):
        found = self.captioner.likelihoods(*inputs)
        if self.captioner.top_k is None:
            return found
        return found | {"error": self.captioner.top_k_error(*inputs)}


def _word_means(model, dataset):
    """Means over the words of all batches (inputs, {"words"}) of what a model gives, by name."""
    totals: dict[str, float] = collections.defaultdict(float)
    count = 0
    for inputs, targets in dataset:
        with tracing.expected():
            found = model.predict_on_batch([inputs, targets["words"]])
        for name, values in found.items():
            totals[name] += float(np.sum(values, dtype="float64"))
        count += int(kops.sum(present(targets["words"])))
    if count == 0:
        raise ValueError("the data set has 0 words, expected one or more")
    return {name: total / count for name, total in totals.items()}


def _figures(found, truth):
    """What is kept of a batch, by name, (b, ...); attention is that of words without their end."""
    there = (found["words"] != PADDING) & (found["words"] != END)
    return {
        "pictures": kops.convert_to_numpy(truth["picture"]),
        "log_probabilities": found["log_probability"],
        "entropy": metrics.word_entropy(found["focus"], there),
        "diversity": metrics.word_diversity(found["focus"], there),
        "words": there.sum(axis=1),
        "broken": np.isnan(found["focus"]).any(axis=(1, 2)),
    }


def _grounding(joined):
    """Means over the captions; those of attention are NaN where one has NaN attention."""
    means = {name: known_mean(joined[name]) for name in ("entropy", "diversity", "words")}
    if joined["broken"].any():
        means |= {"entropy": float("nan"), "diversity": float("nan")}
    return means


def _texts(references):
    """Strings or byte strings (b, r), padded with "", as lists of strings."""
    return [
        [text.decode() if isinstance(text, bytes) else str(text) for text in row if text]
        for row in references
    ]


def _as_lists(references):
    """Rows of texts: a tensor, an array or lists that may be of unequal length."""
    return references if isinstance(references, list | tuple) else np.asarray(references).tolist()
