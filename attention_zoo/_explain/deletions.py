"""A FocusClassifier's predictions where segments are taken away."""

from keras import ops as kops

from attention_zoo import ops
from attention_zoo._explain.encoders import is_per_segment
from attention_zoo.models.inputs import split
from attention_zoo.models.prediction import WAYS, averaged, nan_where_nan


class Deletions:
    """Predictions from some of the segments: what a model says where the others are masked.

    Attention is made anew of the scores of those that stay. Where the encoder reads every segment
    by itself (there is none, a `PerSegment`, a `GatherSegments`) or makes them of a picture, it,
    the focus model and the classifier run once for all, m runs of the classifier an example; then
    "argmax" and "marginal" cost nothing, and "soft" a run a prediction. Else the model is run again
    for each prediction.

    Args:
        model: a built FocusClassifier.
        inputs: segments, or a dict of "segments" and "mask".

    Attributes:
        focus: attention a (b, m).
        mask: bool (b, m), True for the segments that are there.
        order: numbers of the segments by falling attention, int (b, m), of equals the first before
            the second; those that are not there last.
        rank: place of every segment in it, from 0, int (b, m).
        ways: log-probabilities (b, c) of the inputs as they are, by way to predict.
    """

    def __init__(self, model, inputs):
        self._model, self._inputs = model, split(inputs)[0]
        self._segments, mask = model.encode(inputs)
        self._scores = model.scores(self._segments)
        self.focus = model._attend(self._scores, mask)
        there = kops.ones(kops.shape(self.focus), "bool") if mask is None else mask
        self.mask = there
        self.order = kops.argsort(kops.where(there, -self.focus, 1.0), axis=1)
        self.rank = kops.argsort(self.order, axis=1)
        self._once = is_per_segment(model.encoder)
        if self._once:
            self._log_p = ops.log_likelihoods(ops.map_segments(model.classifier, self._segments))
        self.ways = self._whole(mask)

    def _whole(self, mask):
        if not self._once:
            ways = self._model.every_way(self._segments, mask)
            return {name: ways[name] for name in WAYS}
        found = self._at_once(kops.expand_dims(self.focus, 1), WAYS)
        return {name: log_p[:, 0] for name, log_p in found.items()}

    @property
    def count(self):
        """Number of segments that are there, int (b, 1)."""
        return kops.sum(kops.cast(self.mask, "int32"), axis=1, keepdims=True)

    def of(self, masks, names=tuple(WAYS)):
        """Log-probabilities (b, k, c) by way to predict, of what k masks leave.

        Args:
            masks: k bool (b, m) each, True for what stays; what is not there never does.
            names: of the ways wanted.
        """
        masks = self._of_those_there(masks)
        if not self._once:
            return self._again(masks, names)
        k, m = masks.shape[1], kops.shape(masks)[2]
        a = self._model._attend(kops.repeat(self._scores, k, axis=0), kops.reshape(masks, (-1, m)))
        return self._at_once(kops.reshape(a, (-1, k, m)), names)

    def remains(self, masks):
        """Whether k masks leave anything, bool (b, k): elsewhere no prediction rests on the rest.

        Args:
            masks: as of `of`.
        """
        return kops.any(self._of_those_there(masks), axis=2)

    def _of_those_there(self, masks):
        """k masks (b, m) as one, bool (b, k, m), of the segments that are there."""
        return kops.logical_and(kops.stack(masks, axis=1), self.mask[:, None])

    def _again(self, masks, names):
        """The model run again, as one batch of b * k examples, for masks (b, k, m)."""
        k, m = masks.shape[1], kops.shape(masks)[2]
        segments = kops.repeat(kops.convert_to_tensor(self._inputs), k, axis=0)
        inputs = {"segments": segments, "mask": kops.reshape(masks, (-1, m))}
        encoded = self._model.encode(inputs, may_lose_mask=True)
        found = self._model.every_way(*encoded, names)
        return {name: kops.reshape(found[name], (-1, k, found[name].shape[-1])) for name in names}

    def _at_once(self, a, names):
        """Of attentions a (b, k, m)."""
        return {name: getattr(self, f"_{name}")(a) for name in names}

    def _argmax(self, a):
        chosen = kops.argmax(a, axis=2)[..., None]  # (b, k, 1)
        log_p = kops.take_along_axis(self._log_p, chosen, axis=1)  # (b, k, c)
        nothing = kops.all(a <= 0.0, axis=2, keepdims=True)
        shape = kops.shape(self._segments)[2:]
        zeros = kops.zeros((1, *shape), self._segments.dtype)  # read where nothing is there
        of_nothing = ops.log_likelihoods(self._model.classifier(zeros))
        log_p = kops.where(nothing, of_nothing[None], log_p)
        return ops.nan_where(kops.any(kops.isnan(a), axis=2), log_p)

    def _marginal(self, a):
        k, m = a.shape[1], kops.shape(a)[2]
        log_p = averaged(kops.repeat(self._log_p, k, axis=0), kops.reshape(a, (-1, m)))
        return kops.reshape(log_p, (-1, k, log_p.shape[-1]))

    def _soft(self, a):
        k, m = a.shape[1], kops.shape(a)[2]
        averages = [ops.average(self._segments, a[:, i]) for i in range(k)]
        log_p = ops.map_segments(self._model.classifier, kops.stack(averages, axis=1))
        log_p = ops.log_likelihoods(log_p)  # (b, k, c)
        c = log_p.shape[-1]
        flat = nan_where_nan(kops.reshape(a, (-1, m)), kops.reshape(log_p, (-1, c)))
        return kops.reshape(flat, (-1, k, c))
