"""How a Captioner is trained: its loss and its metrics, over the words that are there."""

import keras
from keras import ops

from attention_zoo.metrics import AttentionEntropy
from attention_zoo.models.attention_model import AttentionModel
from attention_zoo.models.captioning import inputs as caption_inputs
from attention_zoo.models.captioning.attention import sampler
from attention_zoo.models.captioning.loss import CaptionLoss, Perplexity, present, true_scores
from attention_zoo.models.captioning.reinforce import score_function_term, spread
from attention_zoo.models.keras_losses import class_score_loss
from attention_zoo.models.keras_metrics import class_score_metric, class_score_metrics


class WordTraining(AttentionModel):
    """A model of {"words": q (b, n, v), "focus": a (b, n, r)}, trained by the next words.

    What it takes as targets and weights stands under `Captioner`. `loss` of `fit` and `evaluate`
    is the mean of the batches' losses, each weighed by the sum of its words' weights: of a loss
    that is a mean over words, as the own one is, in nats a word, whatever the batch size.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.loss_a_word = keras.metrics.Mean(name="loss")
        self.perplexity = Perplexity()
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="word_accuracy")
        self.word_accuracy = class_score_metric(accuracy)
        self.focus_entropy = AttentionEntropy(name="focus_entropy")

    def compile(
        self, optimizer="adam", loss=None, *, metrics=None, weighted_metrics=None, **kwargs
    ):
        """As `keras.Model.compile`; the loss is of the words, by default `CaptionLoss`.

        Losses and metrics of Keras are given what they want, or refused, as in `FocusClassifier`.
        """
        super().compile(
            optimizer,
            class_score_loss(loss, CaptionLoss),
            metrics=class_score_metrics(metrics),
            weighted_metrics=class_score_metrics(weighted_metrics),
            **kwargs,
        )

    def check_class_weight(self, class_weight, y, x=None):
        """There is none: weigh captions, or words, by `sample_weight`."""
        if class_weight is not None:
            raise ValueError(
                "class_weight is given, expected None: a caption has many words and no class; "
                "weigh captions (b,) or words (b, n) by sample_weight"
            )

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        words, q = caption_inputs.words_of(y), y_pred["words"]
        weights = _word_weights(words, sample_weight)
        if "chains" in y_pred:
            q = q + self._judged(words, weights, y_pred)[..., None]
        loss = super().compute_loss(x, words, q, weights, training)
        strategy = getattr(self, "distribute_strategy", None)  # TensorFlow alone has one
        replicas = getattr(strategy, "num_replicas_in_sync", 1)  # Keras divides the loss by them
        self.loss_a_word.update_state(loss * replicas, ops.sum(weights))
        return loss

    @property
    def metrics(self):
        """As in Keras, `loss` being of words: its own weighs a batch by its number of captions."""
        return [self.loss_a_word] + [one for one in super().metrics if one.name != "loss"]

    def _judged(self, words, weights, y_pred):
        """REINFORCE's term (b, 1); tells the baseline how well the words were known."""
        judge, there = sampler(self.attention), present(words)
        log_p = _of_true(y_pred["chains"], words)
        greedy = _of_true(y_pred["greedy"][:, None], words) if "greedy" in y_pred else None
        term = score_function_term(judge, log_p, y_pred["choice"], greedy, weights)
        count = ops.maximum(ops.sum(ops.cast(there, "float32")), 1.0)
        mean = ops.sum(ops.where(there[:, None], log_p, 0.0)) / (count * judge.num_samples)
        # NaN of no words, as on a replica that gets no captions, is passed over.
        self.attention.observe(ops.where(ops.any(there), mean, float("nan"))[None])
        return spread(term, weights)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        words, q, a = caption_inputs.words_of(y), y_pred["words"], y_pred["focus"]
        there = ops.cast(present(words), "float32")
        self.perplexity.update_state(-true_scores(q, words), there)
        every_word = ops.reshape(there, (-1,))
        self.word_accuracy.update_state(
            ops.reshape(words, (-1,)), ops.reshape(q, (-1, q.shape[-1])), every_word
        )
        self.focus_entropy.update_state(None, ops.reshape(a, (-1, a.shape[-1])), every_word)
        return super().compute_metrics(x, words, q, _word_weights(words, sample_weight))


def _word_weights(words, sample_weight):
    """Of words (b, n), weights of captions (b,), of words (b, n) or None: (b, n), 0 for padding."""
    weights = ops.cast(present(words), "float32")
    if isinstance(sample_weight, dict):  # as Keras makes it of an array, beside a dict of words
        sample_weight = caption_inputs.words_of(sample_weight)
    if sample_weight is None:
        return weights
    shape = tuple(sample_weight.shape)
    if len(shape) == 1:
        sample_weight = sample_weight[:, None]
    elif len(shape) != 2 or shape[1] not in (1, None, words.shape[1]):
        raise ValueError(
            f"sample_weight has shape {shape}, expected (b,) or as the words {tuple(words.shape)}"
        )
    return weights * ops.cast(sample_weight, "float32")


def _of_true(q, words):
    """q (b, k, n, v) of the true words (b, n): (b, k, n)."""
    b, k, n, v = ops.shape(q)
    words = ops.reshape(ops.repeat(words[:, None], k, axis=1), (-1, n))
    return ops.reshape(true_scores(ops.reshape(q, (-1, n, v)), words), (-1, k, n))
