"""FocusClassifier: a focus model picks the segment, a classification model reads it."""

import functools
import inspect

import keras
from keras import ops as kops

from attention_zoo import layers, ops
from attention_zoo._class_names import as_class_names
from attention_zoo.layers.masks import masked
from attention_zoo.layers.output_spec import output_spec
from attention_zoo.layers.precomputed import Precomputed
from attention_zoo.models import byte_segments as bytes_read
from attention_zoo.models import prediction
from attention_zoo.models.attention_model import checked_inference
from attention_zoo.models.final_activation import check_logits, check_scores
from attention_zoo.models.inputs import masked_segments, segments_shape, split, unrounded
from attention_zoo.models.kept_masks import (
    check_made_mask_is_kept,
    checked_call,
    without_warnings,
    without_warnings_of,
)
from attention_zoo.models.label_training import LabelTraining
from attention_zoo.models.score_watch import ScoreWatch
from attention_zoo.ops.normalizers import mean_or_0
from attention_zoo.zoo.preset import load_preset, save_preset


@keras.saving.register_keras_serializable(package="attention_zoo")
class FocusClassifier(LabelTraining):
    """A focus model and a classification model, joined by an attention.

        s_j = f(x_j),  a = normalizer(s),  q = attention's class scores from a, g and x

    Trained with the attention's own class scores, it predicts by one of three ways, whichever
    the training was.

    Args:
        focus: network f of one segment, (n, ...) -> (n, 1): the segment's score.
        classifier: network g of one segment, (n, ...) -> (n, c): logits.
        attention: an attention layer or its name: "soft", "hard", "lvml", "gumbel", "reinforce",
            "hybrid".
        encoder: optional network of all segments, (b, m, ...) -> (b, m, ...), whose features f
            and g share and the attention averages; it is given the mask if its `call` takes one,
            and a mask that it makes is kept. Of a sequential or functional one every layer has to
            heed the mask, which `Conv1D` does not. For one network applied to each segment, wrap it
            in `layers.PerSegment`. One that cannot do with floats (it indexes by token ids itself)
            begins with `keras.Input(..., dtype="int32")`.
        inference: "argmax" (one run of g on the chosen segment), "marginal", "soft", or "auto":
            argmax for hard, Gumbel, REINFORCE and hybrid, marginal for LVML, soft for soft.
        byte_segments: what segments of dtype uint8 are: "scaled", pixels that the model scales to
            [-1, 1] by (x - 127.5) / 127.5, as `datasets.sdc` does; "numbers" like any other;
            "refused"; or "auto": numbers, unless the model was trained on floats, then refused.
            Integers of other types may be pixels, too: they are refused where bytes are scaled and,
            of segments of two axes or more, where bytes are refused; vectors become floats there.
        class_names: optional names of the c classes, in the order of the labels. They are saved
            with the model, and `export` has them beside the ids.

    Call arguments:
        inputs: segments (b, m, ...), or a dict of "segments" and "mask".
        mask: bool (b, m), True for the segments that are there. The mask argument, the inputs'
            "mask" and the mask that Keras keeps with the segments hold together.

    Returns:
        {"label": q (b, c), "focus": a (b, m)}, float32. q in nats: in training the paradigm's class
        scores, otherwise log-probabilities.

    `fit` takes as labels class ids (b,) or probabilities of the classes (b, c), one-hot or soft,
    alone or as {"label": them, "focus": truth}, the truth being the index of the true segment (b,)
    or a 0/1 rationale (b, m). The loss of soft labels is the expectation of -q over them.

    Labels that name no class raise a ValueError: those of arrays before training, those of other
    data as the step with them runs; where XLA compiles the steps (on a GPU by default) at the end
    of the epoch, the loss being NaN.

    Bags of unequal size, a list of arrays (m_j, ...) or a `tf.RaggedTensor`, are padded and masked
    (`datasets.pad`), and so are rationales; also in the batches of a `tf.data.Dataset`. Those of a
    generator or a `keras.utils.PyDataset` it has to pad itself.

    `class_weight` works with labels that are ids or one-hot alone; those of a `tf.data.Dataset` are
    judged by its first batch. Keras refuses it beside a dict of labels: give `sample_weight` there.

    Reference: arXiv:2307.13421.
    """

    def __init__(
        self,
        focus,
        classifier,
        attention="soft",
        encoder=None,
        inference="auto",
        byte_segments="auto",
        class_names=None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # `encode` casts
        if byte_segments not in bytes_read.WAYS:
            raise ValueError(
                f"byte_segments is {byte_segments!r}, expected one of {sorted(bytes_read.WAYS)}"
            )
        self.focus = focus
        self.classifier = classifier
        self.supports_masking = True
        self.attention = layers.get(attention)
        self.encoder = encoder
        self.inference = checked_inference(inference, prediction.WAYS)
        self.byte_segments = byte_segments
        self.class_names = class_names
        self.score_watch = ScoreWatch()
        self._segments_shape = self._given_rank = None
        self.num_attended = None  # segments that attention is over, once built; None where free

    def build(self, input_shape):
        shape, dtype = segments_shape(input_shape), None
        self._segments_shape = tuple(shape)
        if self.encoder is not None:
            features = output_spec(self.encoder, shape)
            shape, dtype = features.shape, features.dtype
        if len(shape) < 3:
            raise ValueError(f"segments have shape {shape}, expected (batch, segments, ...)")
        self.num_attended = shape[1]
        self._build_networks((None, *shape[2:]), dtype)
        if not self.attention.built:
            self.attention.build(tuple(shape), tuple(shape[:2]))
        self.built = True

    def _build_networks(self, one_segment, dtype):
        scores = output_spec(self.focus, one_segment, dtype).shape
        if len(scores) != 2 or scores[1] != 1:
            raise ValueError(f"focus gives shape {scores} for a batch of segments, expected (n, 1)")
        logits = output_spec(self.classifier, one_segment, dtype).shape
        if len(logits) != 2 or logits[1] < 2:
            raise ValueError(
                f"classifier gives shape {logits} for a batch of segments, expected (n, classes) "
                "with 2 classes or more: regression is not supported"
            )
        check_scores(self.focus)
        check_logits(self.classifier)
        self.num_classes = logits[1]
        as_class_names(self.class_names, self.num_classes)

    def call(self, inputs, mask=None, training=None):
        if training:
            self._learn_bytes(split(inputs)[0])
        segments, mask = self.encode(inputs, mask, training)
        scores = self.scores(segments, mask if training else None, training)
        if training:
            self.score_watch.look(scores, mask)
            classify = ops.aware_of_mask(self.classifier, training, segments, mask)
            q, a = self.attention.class_scores(classify, segments, scores, mask, training)
            q = prediction.nan_where_nan(a, q)
            if penalty := self._entropy_penalty():
                self.add_loss(penalty * mean_or_0(ops.entropy(a)))
        else:
            a = self._attend(scores, mask)
            q = prediction.WAYS[self.way_to_predict](self.classifier, segments, a)
        return {"label": q, "focus": a}

    def _entropy_penalty(self):
        """That of the attention and, of a hybrid, of the part whose phase it is."""
        acting = {id(one): one for one in (self.attention, self.attention.of_phase())}
        return sum(one.entropy_penalty for one in acting.values())

    def _learn_bytes(self, segments):
        """From segments, not from what an encoder takes in their place: rows, or features."""
        if self._segments_shape is None or len(segments.shape) == len(self._segments_shape):
            self.byte_segments = bytes_read.learnt(segments, self.byte_segments)

    def accepted(self, x, y=None):
        """As of `LabelTraining`; the rank too, of which a graph may know nothing."""
        x, y = super().accepted(x, y)
        given = x
        if hasattr(x, "element_spec"):  # a pipeline
            given = x.element_spec[0] if isinstance(x.element_spec, tuple) else x.element_spec
        segments = given.get("segments") if isinstance(given, dict) else given
        shape = getattr(segments, "shape", None)
        if shape is not None and getattr(shape, "rank", 0) is not None:
            self._given_rank = len(shape)
            self._check_rank(segments)
        return x, y

    def _trace_key(self):
        """The rank too: TensorFlow makes one graph of two ranks, which knows neither."""
        return super()._trace_key(), self._given_rank

    def compute_mask(self, inputs, mask=None):
        return None

    @property
    def class_names(self):
        """Names of the classes, a tuple, in the order of the labels; None where not known."""
        return self._class_names

    @class_names.setter
    def class_names(self, names):
        self._class_names = as_class_names(names, self.num_classes)

    def encode(self, inputs, mask=None, training=None, *, may_lose_mask=False):
        """The segments (b, m, ...) that focus and classifier read, and their mask or None.

        What is masked is zeros, in what the encoder reads (the id 0 of ids) and in what it gives.

        Args:
            inputs, mask, training: as of a call.
            may_lose_mask: whether the encoder may read what is masked as zeros, as of segments that
                are there and taken away to see what follows; padding has to be as if it were not.
        """
        segments, mask = masked_segments(inputs, mask)
        self._check_rank(segments)
        segments = bytes_read.read(segments, self.byte_segments)
        segments = unrounded(segments, self.compute_dtype)
        if self.encoder is not None:
            broken = ops.any_nan(segments)
            segments, mask = masked(
                self._encoded(segments, mask, training, may_lose_mask), None, mask
            )
            segments = ops.nan_where(kops.any(broken, axis=1), segments)
        return segments, mask

    def _check_rank(self, segments):
        built = self._segments_shape
        if built is None:
            return
        if len(segments.shape) not in getattr(self.encoder, "input_ranks", (len(built),)):
            rest = ", ".join("?" if n is None else str(n) for n in built[2:])
            raise ValueError(
                f"segments have shape {tuple(segments.shape)}, expected (batch, segments, {rest}): "
                "of one example alone, x, give x[None]"
            )

    def _encoded(self, segments, mask, training, may_lose_mask):
        encoder, reads = _told(self.encoder, training), self._reads(segments)
        if reads is None:
            return encoder(segments)
        if mask is None:
            with without_warnings_of(reads):
                features = encoder(segments)
            if not may_lose_mask:
                check_made_mask_is_kept(reads, features)
            return features
        if "mask" in inspect.signature(reads.call).parameters:
            with without_warnings() if may_lose_mask else checked_call(reads):
                return encoder(segments, mask=mask)
        if ops.mixes_batch(reads):
            raise ValueError(
                f"encoder is a {type(reads).__name__} with BatchNormalization whose call "
                "takes no mask, expected one that does: padding would count in its means"
            )
        return encoder(segments)

    def _reads(self, segments):
        """The network that reads the segments; None of features, which are passed on."""
        if not isinstance(self.encoder, Precomputed):
            return self.encoder
        return None if self.encoder.are_features(segments) else self.encoder.encoder

    def scores(self, segments, mask=None, training=None):
        """f of every segment: (b, m, ...) -> (b, m); of those that `mask` keeps, as in training.

        NaN in examples that have one: a network may make a number of it, as a fused ReLU does.
        """
        focus = _told(self.focus, training)
        scores = kops.squeeze(ops.map_segments(focus, segments, mask), axis=-1)
        return ops.nan_where(kops.any(ops.any_nan(segments), axis=1), scores)

    def _attend(self, scores, mask):
        """Attention a (b, m); NaN where a score is: XLA's softmax on a CPU makes numbers of it."""
        a = self.attention.attend(scores, mask)
        return ops.nan_where(kops.any(kops.isnan(scores), axis=1), a)

    def every_way(self, segments, mask=None, names=tuple(prediction.WAYS)):
        """Log-probabilities (b, c) under "argmax", "marginal" and "soft", and "focus" (b, m).

        Args:
            segments, mask: as `encode` gives them.
            names: the ways wanted.
        """
        a = self._attend(self.scores(segments), mask)
        ways = {name: prediction.WAYS[name](self.classifier, segments, a) for name in names}
        return ways | {"focus": a}

    networks = "focus", "classifier", "attention", "encoder"

    def get_config(self):
        names = {} if self.class_names is None else {"class_names": list(self.class_names)}
        own = {"inference": self.inference, "byte_segments": self.byte_segments}
        return super().get_config() | self.config_of_networks() | own | names

    @classmethod
    def from_preset(cls, preset):
        """The trained model of a preset: built, ready to predict, to be compiled to train on.

        Args:
            preset: one of `az.zoo.list()`; the path of a folder that `save_to_preset` made; or an
                address on the Hugging Face Hub, "hf://user/name" or "hf://user/name@revision".

        Raises:
            ValueError: an unknown name, no preset, one of a later format, or a damaged one.
            ConnectionError: the hub is not reached. ImportError: it needs huggingface_hub.
        """
        model = load_preset(preset)
        if not isinstance(model, cls):
            raise ValueError(
                f"preset {str(preset)!r} holds a {type(model).__name__}, expected a {cls.__name__}"
            )
        return model

    def save_to_preset(self, directory, card=None):
        """Writes config, weights and card, without the optimizer's state; see `save_preset`.

        Args:
            directory: a new or empty folder.
            card: an `az.zoo.Card`, or None.
        """
        save_preset(self, directory, card)


def _told(network, training):
    """A network that is told of training: on JAX Keras calls `call` itself, so it cannot know."""
    return functools.partial(network, training=training) if training else network
