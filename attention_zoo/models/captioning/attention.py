"""What attention layers do at every word of a caption: weigh the regions."""

from functools import singledispatch

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


def sampler(attention):
    """The ReinforceAttention that an attention is or has, or None."""
    found = [one for one in attention.parts() if isinstance(one, layers.ReinforceAttention)]
    return found[0] if found else None
