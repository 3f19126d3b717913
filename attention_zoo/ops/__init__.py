"""Pure tensor maths of attention: normalisers, averages, gathers, samples. No state.

Letters: b batch, m segments, c classes, d features; a attention weights, s scores, q class
scores. Everything about scores, weights and log-likelihoods is float32, whatever comes in.
"""

from attention_zoo.ops.networks import (
    aware_of_mask,
    map_segments,
    mixes_batch,
)
from attention_zoo.ops.normalizers import (
    NORMALIZERS,
    entmax15,
    entropy,
    get_normalizer,
    log_softmax,
    log_weights,
    safe_log,
    serialize_normalizer,
    softmax,
    sparsemax,
    spherical_softmax,
)
from attention_zoo.ops.samples import (
    gumbel_noise,
    one_hot_argmax,
    straight_through,
)
from attention_zoo.ops.segments import (
    any_nan,
    average,
    average_dtype,
    choose_segment,
    gather_segments,
    is_integer,
    log_average,
    log_likelihoods,
    nan_where,
    scaled,
    zero_masked,
)

__all__ = [
    "NORMALIZERS",
    "any_nan",
    "average",
    "average_dtype",
    "aware_of_mask",
    "choose_segment",
    "entmax15",
    "entropy",
    "gather_segments",
    "get_normalizer",
    "gumbel_noise",
    "is_integer",
    "log_average",
    "log_likelihoods",
    "log_softmax",
    "log_weights",
    "map_segments",
    "mixes_batch",
    "nan_where",
    "one_hot_argmax",
    "safe_log",
    "scaled",
    "serialize_normalizer",
    "softmax",
    "sparsemax",
    "spherical_softmax",
    "straight_through",
    "zero_masked",
]
