"""Class scores of the words: what the paradigms make of the regions, without (b, n, r, v).

The logits of a word are linear in the region that it is read from, so they split into two:

    logits_j = base + U_j,  base = W_o(E w + L_h h) + b_o  (b, n, v),  U = W_o L_z x  (b, r, v)

and what the paradigms need of all n r v logits are matrix products of exp(base) and exp(U). These
are float64: a word is likely where the sum of both is large, maybe where neither is near its own
maximum. In float32 what lies 85 nats below is lost, and with it the normalisers' gradient: training
then raises the logits without end, as it did after five epochs of LVML. Under JAX they are float32
all the same unless `jax_enable_x64` is set.
Letters: b images, n words of each, r regions, v vocabulary.
"""

from functools import singledispatch
from typing import Any, NamedTuple

import keras
from keras import ops as kops

from attention_zoo import layers, ops
from attention_zoo._compiler import widest_float

# Below the smallest sum that is not rounding, above the denormals.
_TINY = {"float64": 1e-300, "float32": 1e-37}


class RegionLogits(NamedTuple):
    """U (b, r, v), top = max_v U (b, r, 1) and exp(U - top), float64: made once for all words."""

    logits: Any
    top: Any
    exp: Any


class Split(NamedTuple):
    """The logits of n words: base (b, n, v) + U."""

    base: Any
    regions: RegionLogits


class Reading(NamedTuple):
    """What the words of a caption are read from.

    decoder: CaptionDecoder.
    pre: (b, n, e), E w + L_h h.
    features: (b, r, d).
    scores, weights: (b, n, r), as in Roll.
    present: (b, n), False for padding; None where none is.
    region_logits: RegionLogits of the features; None if they are yet to be made.
    """

    decoder: Any
    pre: Any
    features: Any
    scores: Any
    weights: Any
    present: Any = None
    region_logits: RegionLogits | None = None


@singledispatch
def class_scores(attention, reading, top_k=None):
    """q (b, n, v) of the paradigm: `attention.class_scores` of every word."""
    raise NotImplementedError(f"{type(attention).__name__} is not registered with class_scores")


@class_scores.register(layers.SoftAttention)
@class_scores.register(layers.GumbelAttention)
@class_scores.register(layers.ReinforceAttention)
def _(attention, reading, top_k=None):
    """The word is read from the context that entered the state."""
    return read_context(reading, reading.weights)


@class_scores.register(layers.HardAttention)
def _(attention, reading, top_k=None):
    logits = split(reading, reading.features)
    return expected_log_likelihood(logits, attend(attention, reading.scores))


@class_scores.register(layers.LVMLAttention)
def _(attention, reading, top_k=None):
    log_a, features = log_attend(attention, reading.scores), reading.features
    if top_k is not None:
        most = most_attended(attend(attention, reading.scores), reading.present, top_k)
        features = ops.gather_segments(features, most)  # (b, k, d)
        log_a = kops.swapaxes(ops.gather_segments(kops.swapaxes(log_a, 1, 2), most), 1, 2)
    return log_marginal(split(reading, features), log_a)


def most_attended(a, present, k):
    """The k regions with most attention over the words that are there: (b, n, r) -> int (b, k)."""
    total = kops.sum(kops.where(present[..., None], a, 0.0), axis=1)
    return kops.top_k(total, min(k, a.shape[-1]))[1]


def read_context(reading, weights):
    """log softmax(W_o(E w + L_h h + L_z z) + b_o), z the average of the regions by `weights`."""
    decoder = reading.decoder
    context = kops.matmul(kops.cast(weights, reading.features.dtype), reading.features)
    return ops.log_likelihoods(decoder.vocabulary(reading.pre + decoder.read_context(context)))


def attend(attention, scores, mask=None):
    """a of scores (b, n, r); mask, bool of that shape, is True for the regions that are there."""
    return _by_word(attention.attend, scores, *([] if mask is None else [mask]))


def log_attend(attention, scores):
    """log a of scores (b, n, r)."""
    return _by_word(attention.log_attend, scores)


def _by_word(function, *arrays):
    n, r = kops.shape(arrays[0])[1:]
    return kops.reshape(function(*(kops.reshape(x, (-1, r)) for x in arrays)), (-1, n, r))


def split(reading, features):
    """The logits of regions (b, r, d) in two parts, float32. The mean of U goes to the base."""
    decoder, regions = reading.decoder, reading.region_logits
    mean = kops.mean(features, axis=1, keepdims=True)  # (b, 1, d)
    base = decoder.vocabulary(reading.pre + decoder.read_context(mean))
    regions = region_logits(decoder, features) if regions is None else regions
    return Split(kops.cast(base, "float32"), regions)


def region_logits(decoder, features):
    """U less its mean over the regions, of features (b, r, d)."""
    rest = decoder.read_context(features - kops.mean(features, axis=1, keepdims=True))
    return as_region_logits(kops.matmul(rest, decoder.vocabulary.kernel))


def as_region_logits(logits):
    """`RegionLogits` of U (b, r, v)."""
    logits = kops.cast(logits, "float32")
    top = _maximum(logits)
    return RegionLogits(logits, top, _exp(logits - top))


def expected_log_likelihood(logits, a):
    """Exact hard attention: sum_j a_j log p_j(w), a (b, n, r) -> (b, n, v)."""
    total = kops.sum(a, axis=-1, keepdims=True)
    log_z = kops.sum(a * log_normalizers(logits), axis=-1, keepdims=True)
    return total * logits.base + kops.matmul(a, logits.regions.logits) - log_z


def log_marginal(logits, log_a):
    """LVML: log sum_j a_j p_j(w), log a (b, n, r) -> (b, n, v)."""
    shares = log_a - log_normalizers(logits) + kops.swapaxes(logits.regions.top, 1, 2)
    top = _maximum(shares)  # of log (a_j exp(top_j) / Z_j)
    product = kops.matmul(_exp(shares - top), logits.regions.exp)  # (b, n, v)
    return logits.base + top + _log(product)


def log_normalizers(logits):
    """log Z_j = log sum_w exp(base_w + U_jw): (b, n, r).

    Base and U are taken relative to their maxima. A sum whose every term lies 690 nats or more
    below the product of the two (85, where there is no float64) would be lost: it counts as that
    much below.
    """
    base, regions = logits
    top = _maximum(base)
    product = kops.einsum("bnv,brv->bnr", _exp(base - top), regions.exp)
    return _log(product) + top + kops.swapaxes(regions.top, 1, 2)


def _exp(x):
    return kops.exp(kops.cast(x, widest_float()))


def _log(product):
    tiny = _TINY[keras.backend.standardize_dtype(product.dtype)]
    return kops.cast(kops.log(product + tiny), "float32")


def _maximum(x):
    return kops.stop_gradient(kops.max(x, axis=-1, keepdims=True))


def _argmax(reading, a):
    """log p(. | x_j), j = argmax a."""
    return read_context(reading, ops.one_hot_argmax(a))


def _marginal(reading, a):
    """log sum_j a_j p_j."""
    return log_marginal(split(reading, reading.features), ops.safe_log(a))


WAYS = {"argmax": _argmax, "marginal": _marginal, "soft": read_context}
