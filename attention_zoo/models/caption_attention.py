"""What attention layers do at every word of a caption: weigh the regions."""

from functools import singledispatch

from keras import ops as kops

from attention_zoo import layers, ops


@singledispatch
def weights(attention, scores, training=None):
    """The weights w of the regions whose average enters the state: (b, r) -> (b, r).

    Those of the layer's own call: a itself, a sample of it, or the most attended region.
    """
    raise NotImplementedError(f"{type(attention).__name__} is not registered with weights")


@weights.register(layers.SoftAttention)
@weights.register(layers.HardAttention)
@weights.register(layers.LVMLAttention)
@weights.register(layers.GumbelAttention)
def _(attention, scores, training=None):
    return attention(scores[..., None], scores, training=training)[1]


@weights.register(layers.ReinforceAttention)
def _(attention, scores, training=None):
    """One sample: of K samples every one has a recurrence of its own (`chains`)."""
    if not training:
        return attention(scores[..., None], scores, training=False)[1]
    log_a = attention.log_attend(scores)
    return ops.one_hot_argmax(attention.perturbed(log_a)[:, 0])


@weights.register(layers.HybridAttention)
def _(attention, scores, training=None):
    return by_phase(attention, lambda layer: weights(layer, scores, training))


def by_phase(attention, branch):
    """`branch` of the layer whose phase it is; of both, in a conditional, where that may change."""
    if attention.trace_key is not None:
        return branch(attention.second if attention.trace_key else attention.first)
    first, second = (lambda layer=layer: branch(layer) for layer in _both(attention))
    return kops.cond(kops.equal(attention.phase.value, 0), first, second)


def sampler(attention):
    """The ReinforceAttention that an attention is or has, or None."""
    if isinstance(attention, layers.HybridAttention):
        return next(filter(None, map(sampler, _both(attention))), None)
    return attention if isinstance(attention, layers.ReinforceAttention) else None


def _both(attention):
    return attention.first, attention.second
