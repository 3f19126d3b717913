"""Loss and perplexity of captions, over the words that are there."""

import keras
from keras import ops as kops

from attention_zoo import _labels
from attention_zoo.losses import NegativeLogLikelihood, smoothed
from attention_zoo.models.captioning.vocabulary import PADDING


@keras.saving.register_keras_serializable(package="attention_zoo")
class CaptionLoss(NegativeLogLikelihood):
    """Minus the class score of the true word, in nats, averaged over the words that are there.

        loss_t = -q_t(w_t)

    As `NegativeLogLikelihood`, for a word at a time. A word that is none of the v raises where
    that loss does, and gives NaN where nothing can be raised.

    Args:
        reduction: as in `keras.losses.Loss`; the default is the mean over the weights.
        name: the name of the loss.
        label_smoothing: as of `NegativeLogLikelihood`.
        dtype: of the computation; None is float32, whatever the dtype policy.

    Call arguments:
        y_true: words, int (b, n).
        y_pred: class scores q (b, n, v).
        sample_weight: (b, n); `Captioner` gives 0 for padding.
    """

    def __init__(
        self,
        reduction="mean_with_sample_weight",
        name="caption_loss",
        label_smoothing=0.0,
        dtype=None,
    ):
        super().__init__(reduction, name, label_smoothing, dtype)

    def call(self, y_true, y_pred):
        _labels.refuse_unknown(kops.reshape(y_true, (-1,)), y_pred.shape[-1])
        return -smoothed(true_scores(y_pred, y_true), y_pred, self.label_smoothing)


def true_scores(q, words):
    """q of the true words: (b, n, v), (b, n) -> (b, n); NaN of words that are none."""
    v, words = q.shape[-1], kops.cast(words, "int32")
    known = kops.logical_and(words >= 0, words < v)
    index = kops.where(known, words, 0)[..., None]
    return kops.where(known, kops.take_along_axis(q, index, axis=-1)[..., 0], float("nan"))


def present(words):
    """Which words are there, bool: all but padding."""
    return kops.not_equal(words, PADDING)


@keras.saving.register_keras_serializable(package="attention_zoo")
class Perplexity(keras.metrics.Mean):
    """exp of the mean loss of a word: e to the nats.

    Update arguments: losses, and their weights, of one shape.
    """

    def __init__(self, name="perplexity", dtype="float32"):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, values, sample_weight=None):
        if sample_weight is not None:
            sample_weight = kops.reshape(sample_weight, (-1,))
        # Of (b, n) Keras takes means over n first, and so would weigh words by their batch's n.
        super().update_state(kops.reshape(values, (-1,)), sample_weight)

    def result(self):
        return kops.exp(super().result())
