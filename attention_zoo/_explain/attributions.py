"""How much each segment counts for a prediction, by other means than attention."""

from keras import ops as kops

from attention_zoo._explain.deletions import Deletions
from attention_zoo._explain.gradients import gradient


def occlusion(model, inputs):
    """log p(y') - log p(y') without segment j, y' the prediction by the model's own way: (b, m).

    Costs a `Deletions` of m masks.
    """
    way, deletions = model.way_to_predict, Deletions(model, inputs)
    m = deletions.focus.shape[1]
    left = deletions.of([_all_but(deletions.mask, j) for j in range(m)], [way])[way]
    whole = deletions.ways[way]
    y = kops.argmax(whole, axis=-1)[:, None, None]  # (b, 1, 1)
    return kops.take_along_axis(whole[:, None], y, axis=2)[..., 0] - kops.squeeze(
        kops.take_along_axis(left, kops.broadcast_to(y, (*left.shape[:2], 1)), axis=2), axis=2
    )


def _all_but(mask, j):
    return kops.logical_and(mask, kops.arange(mask.shape[1]) != j)


def gradient_x_input(model, inputs):
    """sum over the numbers of segment j of x d log p(y') / dx, (b, m): one gradient.

    x is what focus and classifier read, of which attention is a part; y' as in `occlusion`.
    """
    return _integrated(model, inputs, [1.0])


def integrated_gradients(model, inputs, steps=16):
    """The same with the mean gradient on the way from zeros to x, of `steps` midpoints: (b, m).

    Over the segments they sum up to log p(y'| x) - log p(y' | zeros), the error falling with the
    steps.

    Reference: Sundararajan, Taly and Yan, ICML 2017, arXiv:1703.01365.
    """
    return _integrated(model, inputs, [(i + 0.5) / steps for i in range(steps)])


def _integrated(model, inputs, places):
    """Of the mean gradient at some places of the way from zeros to x."""
    way = model.way_to_predict
    x, mask = model.encode(inputs)
    x = kops.cast(x, "float32")
    y = kops.argmax(model.every_way(x, mask, [way])[way], axis=-1)

    def log_p(x):
        q = model.every_way(x, mask, [way])[way]
        return kops.take_along_axis(q, y[:, None], axis=1)

    total = sum(gradient(log_p, place * x) for place in places)
    return kops.sum(x * total / len(places), axis=tuple(range(2, len(x.shape))))


METHODS = {
    "occlusion": occlusion,
    "gradient_x_input": gradient_x_input,
    "integrated_gradients": integrated_gradients,
}
