"""Captioner: a recurrent decoder that looks at a region of an image before every word."""

import math

import keras
from keras import ops as kops

from attention_zoo import layers
from attention_zoo._checks import as_count
from attention_zoo.layers.output_spec import output_spec
from attention_zoo.models.attention_model import checked_inference
from attention_zoo.models.captioning import inputs as caption_inputs
from attention_zoo.models.captioning import scores as caption_scores
from attention_zoo.models.captioning.attention import sampler
from attention_zoo.models.captioning.decoder import CaptionDecoder, Regions
from attention_zoo.models.captioning.loss import present, true_scores
from attention_zoo.models.captioning.paradigms import check_known
from attention_zoo.models.captioning.reinforce import chains, log_choice
from attention_zoo.models.captioning.scores import Reading
from attention_zoo.models.captioning.vocabulary import NUM_SPECIAL, checked_vocabulary
from attention_zoo.models.captioning.word_training import WordTraining
from attention_zoo.models.networks.standardize import Standardize


@keras.saving.register_keras_serializable(package="attention_zoo")
class Captioner(WordTraining):
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
        standardize: whether features are scaled to mean 0 and variance 1 before anything reads
            them, by `model.standardize.adapt(mean, deviation)`, (d,) each.

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
    entropy of attention. Words that are none of the vocabulary's raise a ValueError as the step
    with them runs; where XLA compiles the steps their loss is NaN. There is no `class_weight`:
    weigh captions by `sample_weight`. With n not known when it is traced, the recurrence is a loop
    of the graph: slower, and not for XLA.

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
        standardize=False,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # `look` casts
        self.vocabulary = checked_vocabulary(vocabulary)
        self.num_words = NUM_SPECIAL + len(self.vocabulary)
        self.attention = layers.get(attention)
        check_known(self.attention)
        for part in self.attention.parts():
            if part.entropy_penalty:
                raise ValueError(
                    f"entropy_penalty of {type(part).__name__} is {part.entropy_penalty}, expected "
                    "0: a captioner has none"
                )
        self.encoder = encoder
        self.inference = checked_inference(inference, caption_scores.WAYS)
        self.top_k = None if top_k is None else as_count("top_k", top_k, least=1)
        if top_k is not None and not any(
            isinstance(part, layers.LVMLAttention) for part in self.attention.parts()
        ):
            raise ValueError(
                f"top_k is {top_k} with {type(self.attention).__name__}, expected None: LVML alone "
                "averages over regions"
            )
        sizes = {"units": units, "embedding_dim": embedding_dim, "attention_units": attention_units}
        sizes = {name: as_count(name, size, least=1) for name, size in sizes.items()}
        self.decoder = CaptionDecoder(self.num_words, dropout=dropout, **sizes, name="decoder")
        self.standardize = Standardize(name="standardize") if standardize else None
        self.grid = None

    def build(self, input_shape):
        key = caption_inputs.check_keys(input_shape, self.encoder is not None)
        caption_inputs.check_words(input_shape["words"])
        shape = input_shape[key]
        if key == "image":
            shape = output_spec(self.encoder, (None, *shape[1:])).shape
        caption_inputs.check_features(shape, "encoder's output" if key == "image" else "features")
        self.grid = caption_inputs.grid_of(shape)
        if self.standardize is not None:
            self.standardize.build(tuple(shape))
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
        attention = self.attention.of_phase()
        reading = self._read(regions, inputs["words"], attention=attention)
        q, a = self.predict_words(reading, attention)
        return {"words": q, "focus": a}

    def look(self, inputs, training=None):
        """What the decoder sees of an image: `Regions`."""
        name = "features" if "features" in inputs else "encoder's output"
        features = caption_inputs.as_regions(self.features(inputs, training), name)
        if self.standardize is not None:
            features = self.standardize(features)
        return self.decoder.look(kops.cast(features, self.compute_dtype))

    def features(self, inputs, training=None):
        """Those among the inputs, or what the encoder makes of the image."""
        if "features" in inputs:
            return inputs["features"]
        return self.encoder(kops.cast(inputs["image"], "float32"), training=training)

    def predict_words(self, reading, attention):
        """Log-probabilities (b, n, v) by the model's way to predict, and attention (b, n, r).

        Args:
            reading: Reading.
            attention: that whose phase it is.
        """
        a = caption_scores.attend(attention, reading.scores)
        return caption_scores.WAYS[self.way_to_predict](reading, a), a

    def likelihoods(self, inputs, targets):
        """Log-likelihoods (b, n) of the true words by each way to predict, in nats; 0 for padding.

        Args:
            inputs: as of a call.
            targets: as of `fit`.
        """
        words = caption_inputs.words_of(targets)
        reading = self._read(self.look(inputs), inputs["words"])
        a = caption_scores.attend(self.attention, reading.scores)
        return {
            name: kops.where(present(words), true_scores(way(reading, a), words), 0.0)
            for name, way in caption_scores.WAYS.items()
        }

    def _read(self, regions, words, training=False, attention=None):
        attention = attention or self.attention.of_phase()
        embedded = self.decoder.embed(words, training)
        roll = self.decoder.roll(regions, embedded, attention, training)
        pre = self.decoder.before_context(embedded, roll.states, training)
        return Reading(
            self.decoder, pre, regions.features, roll.scores, roll.weights, present(words)
        )

    def _train(self, regions, words):
        judge, attention = sampler(self.attention), self.attention.of_phase()
        k = chains(judge)
        apart = [_repeated(x, k) for x in (*regions, words)]
        reading = self._read(Regions(*apart[:2]), apart[2], True, attention)
        q = caption_scores.class_scores(attention, reading, self.top_k)
        a = caption_scores.attend(attention, reading.scores)
        outputs = {"words": _mean(q, k), "focus": _mean(a, k)}
        if judge is None:
            return outputs
        choice, bonus = log_choice(attention, reading)
        outputs["words"] = outputs["words"] + _mean(bonus, k)[..., None]
        outputs |= {"chains": _by_chain(q, k), "choice": _by_chain(choice, k)}
        if judge.baseline == "self_critical":
            greedy = self._read(regions, words, False, attention)
            greedy_q = caption_scores.read_context(greedy, greedy.weights)
            outputs["greedy"] = kops.stop_gradient(greedy_q)
        return outputs

    def top_k_error(self, inputs, targets):
        """What `top_k` takes off the log-likelihood of each true word, in nats: (b, n), 0 or more.

        Outside training, without dropout; 0 for padding.
        """
        words = caption_inputs.words_of(targets)
        reading = self._read(self.look(inputs), inputs["words"])
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

    networks = "attention", "encoder"

    def get_config(self):
        decoder = self.decoder.get_config()
        sizes = ("units", "embedding_dim", "attention_units", "dropout")
        own = {name: getattr(self, name) for name in ("inference", "top_k")}
        own |= {"standardize": True} if self.standardize is not None else {}
        return (
            super().get_config()
            | {"vocabulary": list(self.vocabulary)}
            | self.config_of_networks()
            | own
            | {name: decoder[name] for name in sizes}
        )


def _repeated(x, k):
    return x if k == 1 else kops.repeat(x, k, axis=0)


def _by_chain(x, k):
    """(b * k, ...) -> (b, k, ...)."""
    return kops.reshape(x, (-1, k, *kops.shape(x)[1:]))


def _mean(x, k):
    """The mean over the chains: (b * k, ...) -> (b, ...)."""
    return x if k == 1 else kops.mean(_by_chain(x, k), axis=1)
