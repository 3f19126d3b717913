"""Captioner: a recurrent decoder that looks at a region of an image before every word."""

import inspect
import math

import keras
from keras import ops as kops

from attention_zoo import layers, metrics
from attention_zoo._checks import as_count
from attention_zoo.layers.output_spec import output_spec
from attention_zoo.models.attention_model import AttentionModel
from attention_zoo.models.captioning import inputs as caption_inputs
from attention_zoo.models.captioning import scores as caption_scores
from attention_zoo.models.captioning.attention import sampler
from attention_zoo.models.captioning.decoder import CaptionDecoder, Regions
from attention_zoo.models.captioning.loss import CaptionLoss, Perplexity, present, true_scores
from attention_zoo.models.captioning.paradigms import check_known
from attention_zoo.models.captioning.reinforce import chains, log_choice, score_function_term
from attention_zoo.models.captioning.scores import Reading
from attention_zoo.models.captioning.vocabulary import NUM_SPECIAL, checked_vocabulary
from attention_zoo.models.keras_losses import class_score_loss
from attention_zoo.models.keras_metrics import class_score_metric, class_score_metrics


@keras.saving.register_keras_serializable(package="attention_zoo")
class Captioner(AttentionModel):
    """Describes images word by word; attention chooses the region each word is read from.

        s_t = scores of the regions, by the state h_t-1
        q_t = the attention's class scores of word t, a region being classified by
              softmax(W_o(E w_t-1 + L_h h_t + L_z x_j) + b_o)

    What enters the LSTM is what the attention layer itself averages: the expected region for soft,
    hard and LVML, the sample for Gumbel and REINFORCE, which is then also what the word is read
    from. REINFORCE judges a sample by all words from it on, and K samples are K recurrences. A
    schedule of Gumbel's temperature counts words here.

    A word is its id: 0 padding, 1 a word that is not in the vocabulary, 2 the start, 3 the end,
    from 4 on the vocabulary. Padding adds nothing to loss, gradient, the model's own metrics or
    `weighted_metrics`; plain `metrics=` of `compile` count it as any word.

    Args:
        vocabulary: list of distinct words.
        attention: an attention layer or its name, as in `FocusClassifier`.
        encoder: Keras model of images (b, h, w, 3), 0 to 255, that gives a grid of features
            (b, h', w', d) or regions (b, r, d); None if the inputs are features.
        units: of the LSTM.
        embedding_dim: of words, and of the layer before the vocabulary.
        attention_units: of the scores, `AdditiveScores`.
        dropout: share of the numbers of embedded words and of states that training drops.
        inference: "argmax", "marginal", "soft", or "auto", as in `FocusClassifier`: what a word is
            read from outside training.
        top_k: LVML in training averages the `top_k` regions of each caption only, those with most
            attention over its words: a lower bound of the likelihood. None takes all.

    Call arguments:
        inputs: a dict of "features" (b, r, d) or (b, h, w, d), or, with an encoder, "image"
            (b, h, w, 3), and "words", int (b, n), which begin with the start. Where there are
            "features", an encoder is not asked.

    Returns:
        {"words": q (b, n, v), "focus": a (b, n, r)}, float32; q_t is of the word after the first t.
        q in nats: in training the paradigm's class scores, otherwise log-probabilities. REINFORCE
        in training has more, for the loss: "chains", "choice" and maybe "greedy".

    Attributes:
        grid: rows and columns that it was built for, of the regions line by line; None where they
            are in no grid.

    `fit` takes as targets the next words, int (b, n), or {"words": them}. Sample weights (b,) weigh
    captions, (b, n) words. Its figures: the loss, in nats a word; perplexity; word accuracy;
    entropy of attention. With n not known when it is traced, the recurrence is a loop of the graph:
    slower, and not for XLA.

    References: Xu et al., Show, Attend and Tell, arXiv:1502.03044; arXiv:2307.13421.
    """

    def __init__(
        self,
        vocabulary,
        attention="soft",
        encoder=None,
        units=512,
        embedding_dim=512,
        attention_units=256,
        dropout=0.0,
        inference="auto",
        top_k=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if inference != "auto" and inference not in caption_scores.WAYS:
            raise ValueError(
                f"inference is {inference!r}, expected 'auto' or one of "
                f"{sorted(caption_scores.WAYS)}"
            )
        self.vocabulary = checked_vocabulary(vocabulary)
        self.num_words = NUM_SPECIAL + len(self.vocabulary)
        self.attention = layers.get(attention)
        check_known(self.attention)
        self.encoder = encoder
        self.inference = inference
        self.top_k = None if top_k is None else as_count("top_k", top_k, least=1)
        if top_k is not None and not _has_lvml(self.attention):
            raise ValueError(
                f"top_k is {top_k} with {type(self.attention).__name__}, expected None: LVML alone "
                "averages over regions"
            )
        sizes = {"units": units, "embedding_dim": embedding_dim, "attention_units": attention_units}
        sizes = {name: as_count(name, size, least=1) for name, size in sizes.items()}
        self.decoder = CaptionDecoder(self.num_words, dropout=dropout, **sizes, name="decoder")
        self.perplexity = Perplexity()
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="word_accuracy")
        self.word_accuracy = class_score_metric(accuracy)
        self.focus_entropy = metrics.AttentionEntropy(name="focus_entropy")
        self.grid = None

    def build(self, input_shape):
        key = caption_inputs.check_keys(input_shape, self.encoder is not None)
        caption_inputs.check_words(input_shape["words"])
        shape = input_shape[key]
        if key == "image":
            shape = output_spec(self.encoder, (None, *shape[1:])).shape
        caption_inputs.check_features(shape, "encoder's output" if key == "image" else "features")
        self.grid = caption_inputs.grid_of(shape)
        self.decoder.build(tuple(shape))
        if not self.attention.built:
            r = shape[1] if len(shape) == 3 else math.prod(self.grid) if self.grid else None
            self.attention.build((shape[0], r, shape[-1]), (shape[0], r))
        self.built = True

    def call(self, inputs, training=None):
        caption_inputs.check_keys(inputs, self.encoder is not None)
        caption_inputs.check_words(inputs["words"].shape)
        caption_inputs.check_counts(inputs)
        regions = self.look(inputs, training)
        if training:
            return self._train(regions, inputs["words"])
        reading = self._read(regions, inputs["words"], training=False)
        q, a = self.predict_words(reading)
        return {"words": q, "focus": a}

    def look(self, inputs, training=None):
        """What the decoder sees of an image: `Regions`."""
        if "features" in inputs:
            return self.decoder.look(caption_inputs.as_regions(inputs["features"]))
        features = self.encoder(kops.cast(inputs["image"], "float32"), training=training)
        return self.decoder.look(caption_inputs.as_regions(features, "encoder's output"))

    def predict_words(self, reading):
        """Log-probabilities (b, n, v) by the model's way to predict, and attention (b, n, r)."""
        a = caption_scores.attend(self.attention, reading.scores)
        return caption_scores.WAYS[self.way_to_predict](reading, a), a

    def likelihoods(self, inputs, targets):
        """Log-likelihoods (b, n) of the true words by each way to predict, in nats; 0 for padding.

        Args:
            inputs: as of a call.
            targets: as of `fit`.
        """
        words = caption_inputs.words_of(targets)
        reading = self._read(self.look(inputs), inputs["words"], training=False)
        a = caption_scores.attend(self.attention, reading.scores)
        return {
            name: kops.where(present(words), true_scores(way(reading, a), words), 0.0)
            for name, way in caption_scores.WAYS.items()
        }

    @property
    def way_to_predict(self):
        """The resolved `inference`: "argmax", "marginal" or "soft"."""
        return self.attention.inference if self.inference == "auto" else self.inference

    def _read(self, regions, words, training):
        embedded = self.decoder.embed(words, training)
        roll = self.decoder.roll(regions, embedded, self.attention, training)
        pre = self.decoder.before_context(embedded, roll.states, training)
        return Reading(
            self.decoder, pre, regions.features, roll.scores, roll.weights, present(words)
        )

    def _train(self, regions, words):
        judge = sampler(self.attention)
        k = chains(judge)
        apart = [_repeated(x, k) for x in (*regions, words)]
        reading = self._read(Regions(*apart[:2]), apart[2], training=True)
        q = caption_scores.class_scores(self.attention, reading, self.top_k)
        a = caption_scores.attend(self.attention, reading.scores)
        outputs = {"words": _mean(q, k), "focus": _mean(a, k)}
        if judge is None:
            return outputs
        choice, bonus = log_choice(self.attention, reading)
        outputs["words"] = outputs["words"] + _mean(bonus, k)[..., None]
        outputs |= {"chains": _by_chain(q, k), "choice": _by_chain(choice, k)}
        if judge.baseline == "self_critical":
            greedy = self._read(regions, words, training=False)
            greedy_q = caption_scores.read_context(greedy, greedy.weights)
            outputs["greedy"] = kops.stop_gradient(greedy_q)
        return outputs

    def top_k_error(self, inputs, targets):
        """What `top_k` takes off the log-likelihood of each true word, in nats: (b, n), 0 or more.

        Outside training, without dropout; 0 for padding.
        """
        words = caption_inputs.words_of(targets)
        reading = self._read(self.look(inputs), inputs["words"], training=False)
        exact, bound = (
            true_scores(
                caption_scores.class_scores(
                    layers.LVMLAttention(self.attention.normalizer), reading, k
                ),
                words,
            )
            for k in (None, self.top_k)
        )
        lost = kops.maximum(exact - bound, 0.0)  # rounded, it could be less
        return kops.where(present(words), lost, 0.0)

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

    def fit(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.fit`, but without `class_weight`: weigh captions by `sample_weight`.

        Words that are none of the vocabulary's raise a ValueError as the step with them runs; where
        XLA compiles the steps their loss is NaN.
        """
        given = inspect.signature(keras.Model.fit).bind(self, x, y, *args, **kwargs).arguments
        _refuse_class_weight(given.get("class_weight"))
        return super().fit(x, y, *args, **kwargs)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, **kwargs):
        """As `keras.Model.train_on_batch`, but without `class_weight`."""
        _refuse_class_weight(class_weight)
        return super().train_on_batch(x, y, sample_weight, **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        words, q = caption_inputs.words_of(y), y_pred["words"]
        there = present(words)
        if "chains" in y_pred:
            q = q + self._judged(words, there, y_pred)[..., None]
        return super().compute_loss(x, words, q, _word_weights(words, sample_weight), training)

    def _judged(self, words, there, y_pred):
        """REINFORCE's term (b, n); tells the baseline how well the words were known."""
        judge = sampler(self.attention)
        log_p = _of_true(y_pred["chains"], words)
        greedy = _of_true(y_pred["greedy"][:, None], words) if "greedy" in y_pred else None
        term = score_function_term(judge, log_p, y_pred["choice"], greedy, there)
        count = kops.maximum(kops.sum(kops.cast(there, "float32")), 1.0)
        mean = kops.sum(kops.where(there[:, None], log_p, 0.0)) / (count * judge.num_samples)
        self.attention.observe(mean[None])
        return term

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        words, q, a = caption_inputs.words_of(y), y_pred["words"], y_pred["focus"]
        there = kops.cast(present(words), "float32")
        self.perplexity.update_state(-true_scores(q, words), there)
        every_word = kops.reshape(there, (-1,))
        self.word_accuracy.update_state(
            kops.reshape(words, (-1,)), kops.reshape(q, (-1, q.shape[-1])), every_word
        )
        self.focus_entropy.update_state(None, kops.reshape(a, (-1, a.shape[-1])), every_word)
        return super().compute_metrics(x, words, q, _word_weights(words, sample_weight))

    def get_config(self):
        decoder = self.decoder.get_config()
        sizes = ("units", "embedding_dim", "attention_units", "dropout")
        return (
            super().get_config()
            | {
                "vocabulary": list(self.vocabulary),
                "attention": keras.saving.serialize_keras_object(self.attention),
                "encoder": keras.saving.serialize_keras_object(self.encoder),
                "inference": self.inference,
                "top_k": self.top_k,
            }
            | {name: decoder[name] for name in sizes}
        )

    @classmethod
    def from_config(cls, config, custom_objects=None):
        networks = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in ("attention", "encoder")
        }
        return cls(**config | networks)


def _has_lvml(attention):
    parts = (attention.first, attention.second) if hasattr(attention, "second") else (attention,)
    return any(isinstance(part, layers.LVMLAttention) for part in parts)


def _refuse_class_weight(class_weight):
    if class_weight is not None:
        raise ValueError(
            "class_weight is given, expected None: a caption has many words and no class; weigh "
            "captions (b,) or words (b, n) by sample_weight"
        )


def _word_weights(words, sample_weight):
    """Of words (b, n), weights of captions (b,), of words (b, n) or None: (b, n), 0 for padding."""
    weights = kops.cast(present(words), "float32")
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
    return weights * kops.cast(sample_weight, "float32")


def _of_true(q, words):
    """q (b, k, n, v) of the true words (b, n): (b, k, n)."""
    b, k, n, v = kops.shape(q)
    words = kops.reshape(kops.repeat(words[:, None], k, axis=1), (-1, n))
    return kops.reshape(true_scores(kops.reshape(q, (-1, n, v)), words), (-1, k, n))


def _repeated(x, k):
    return x if k == 1 else kops.repeat(x, k, axis=0)


def _by_chain(x, k):
    """(b * k, ...) -> (b, k, ...)."""
    return kops.reshape(x, (-1, k, *kops.shape(x)[1:]))


def _mean(x, k):
    """The mean over the chains: (b * k, ...) -> (b, ...)."""
    return x if k == 1 else kops.mean(_by_chain(x, k), axis=1)
