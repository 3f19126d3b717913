"""Greedy and beam search, each a loop of the graph over the words.

Letters: b images, k captions begun of each, l words at most, r regions, v vocabulary.
"""

from typing import Any, NamedTuple

from keras import ops as kops

from attention_zoo import ops
from attention_zoo.models.captioning.steps import NEVER
from attention_zoo.models.captioning.vocabulary import END, PADDING


class Found(NamedTuple):
    """Captions: words int (b, l), focus (b, l, r), log_probability (b,), score (b,)."""

    words: Any
    focus: Any
    log_probability: Any
    score: Any


class _Begun(NamedTuple):
    """Beginnings of captions: last word (b, k), state, and what was written (b, k, ...)."""

    last: Any
    state: Any
    words: Any
    focus: Any
    log_p: Any


def greedy_search(step, max_length, length_power):
    """The most probable next word, until END: `Found`."""
    begun = _begin(step, max_length)
    going = kops.ones_like(begun.log_p, dtype="bool")  # (b, 1)
    length = kops.zeros_like(begun.log_p)

    def body(t, begun, going, length):
        q, a, state = step(begun.last, begun.state)
        word = kops.where(going, kops.cast(kops.argmax(q, axis=-1), "int32"), PADDING)
        gain = kops.where(going, kops.max(q, axis=-1), 0.0)
        begun = _Begun(
            word,
            state,
            _written(begun.words, t, word),
            _written(begun.focus, t, kops.where(going[..., None], a, 0.0)),
            begun.log_p + gain,
        )
        length = length + kops.cast(going, "float32")
        return t + 1, begun, kops.logical_and(going, word != END), length

    _, begun, _, length = kops.while_loop(
        lambda t, begun, going, length: kops.logical_and(t < max_length, kops.any(going)),
        body,
        (0, begun, going, length),
    )
    log_p = begun.log_p[:, 0]
    score = log_p / kops.maximum(length[:, 0], 1.0) ** length_power
    return Found(begun.words[:, 0], begun.focus[:, 0], log_p, score)


def beam_search(step, width, max_length, length_power):
    """The ended caption of the best score among those that k beginnings lead to: `Found`."""
    begun = _begin(step, max_length)
    first = kops.arange(width) == 0  # all are the same at first: only one goes on
    begun = begun._replace(log_p=kops.where(first, begun.log_p, NEVER))
    nothing = kops.full_like(begun.log_p[:, 0], NEVER)
    best = Found(begun.words[:, 0], begun.focus[:, 0], nothing, nothing)

    def body(t, begun, best):
        q, a, state = step(begun.last, begun.state)
        log_p = begun.log_p[..., None] + q  # (b, k, v)
        focus = _written(begun.focus, t, a)
        ended = begun._replace(
            words=_written(begun.words, t, kops.full_like(begun.last, END)),
            focus=focus,
            log_p=log_p[..., END],
        )
        best = better(best, _best_of(ended, t + 1, length_power))
        log_p = kops.where(kops.arange(q.shape[-1]) == END, NEVER, log_p)
        return t + 1, _go_on(step, begun._replace(state=state, focus=focus), log_p, t), best

    def may_be_better(t, begun, best):
        bound = kops.max(begun.log_p, axis=1) / float(max_length) ** length_power
        return kops.logical_and(t < max_length, kops.any(bound > best.score))

    t, begun, best = kops.while_loop(may_be_better, body, (0, begun, best))
    cut = _best_of(begun, max_length, length_power)
    cut = cut._replace(score=kops.where(t == max_length, cut.score, NEVER))
    return better(best, cut)


def better(one, other):
    """The one of two captions of each image whose score is larger; `one` where they are equal."""
    is_other = other.score > one.score  # (b,)
    return Found(
        *(
            kops.where(kops.reshape(is_other, (-1,) + (1,) * (len(x.shape) - 1)), y, x)
            for x, y in zip(one, other, strict=True)
        )
    )


def _begin(step, max_length):
    words, state = step.start()
    b, k = kops.shape(words)
    return _Begun(
        words,
        state,
        kops.zeros((b, k, max_length), dtype="int32"),
        kops.zeros((b, k, max_length, step.num_regions), dtype="float32"),
        kops.zeros((b, k), dtype="float32"),
    )


def _go_on(step, begun, log_p, t):
    """The k most probable next beginnings, log_p (b, k, v)."""
    k, v = log_p.shape[1:]
    log_p, index = kops.top_k(kops.reshape(log_p, (-1, k * v)), k)  # (b, k), in descending order
    beam, word = kops.cast(index // v, "int32"), kops.cast(index % v, "int32")
    return _Begun(
        word,
        step.follow(begun.state, beam),
        _written(ops.gather_segments(begun.words, beam), t, word),
        ops.gather_segments(begun.focus, beam),
        log_p,
    )


def _best_of(begun, length, length_power):
    """The best of k captions of one length."""
    score = begun.log_p / kops.cast(length, "float32") ** length_power
    first = kops.argmax(score, axis=1)[:, None]
    parts = (begun.words, begun.focus, begun.log_p, score)
    return Found(*(ops.gather_segments(x, first)[:, 0] for x in parts))


def _written(sequence, t, value):
    """`value` (b, k, ...) at place t of `sequence` (b, k, l, ...)."""
    place = kops.arange(sequence.shape[2]) == t
    place = kops.reshape(place, (-1,) + (1,) * (len(sequence.shape) - 3))
    return kops.where(place, value[:, :, None], sequence)
