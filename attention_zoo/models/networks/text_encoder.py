"""TextEncoder: features of words by a pretrained model of word pieces."""

import keras
from keras import ops

from attention_zoo._checks import as_count
from attention_zoo._pieces import num_pieces, word_pieces
from attention_zoo.layers.masks import conjunction, keras_mask
from attention_zoo.models.networks._keras_hub import (
    keras_hub,
    load_backbone,
    load_tokenizer,
    tokenizer_config,
)
from attention_zoo.models.networks.lora import keep_factors
from attention_zoo.models.networks.piece_rows import POOLING, in_rows, shares, with_ends
from attention_zoo.models.networks.word_encoder import WordEncoder
from attention_zoo.ops import zero_masked


@keras.saving.register_keras_serializable(package="attention_zoo")
class TextEncoder(WordEncoder):
    """The encoder of a `FocusClassifier` of texts by a pretrained backbone: a segment is a word.

        h = backbone(start, pieces of word 1, …, pieces of word m, end),
        x_j = h of the first piece of word j, or the mean of h over its pieces

    Words are told apart by the package's rule, not the tokenizer's, which cuts each of them by
    itself. Masked words are not there: the backbone never sees them. Of a word, `max_pieces`
    pieces are read, of a text as many as the backbone has positions for; a word without a place
    has features 0 and is masked.

    It needs KerasHub: `pip install attention-zoo[pretrained]`.

    Args:
        tokenizer: a tokenizer of KerasHub.
        backbone: the backbone of KerasHub that it belongs to, of the kind of BERT (also
            DistilBERT, RoBERTa, DeBERTa): it takes "token_ids" and "padding_mask", and maybe
            "segment_ids", and gives a feature vector a piece, alone or as "sequence_output".
        pooling: how pieces become words: "first" or "mean".
        max_pieces: places for the pieces of a word, p.
        lora_rank: of the backbone's queries and values only changes of this rank are trained (LoRA,
            arXiv:2106.09685); 0 for a backbone that is trained whole. A saved model has the changes
            in its weights, and their factors beside, so that training goes on with these.

    Call arguments:
        pieces: int (b, m, p), as `look_up` makes them: ids + 1, 0 for none.
        mask: bool (b, m), True for the words that are there; it holds together with the mask that
            Keras keeps with the pieces.

    Returns:
        Features (b, m, d), with a Keras mask.

    Raises:
        ValueError: tokenizer and backbone do not belong together. ImportError: without KerasHub.
    """

    def __init__(self, tokenizer, backbone, pooling="first", max_pieces=16, lora_rank=0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if pooling not in POOLING:
            raise ValueError(f"pooling is {pooling!r}, expected one of {list(POOLING)}")
        as_count("max_pieces", max_pieces, 1)
        as_count("lora_rank", lora_rank, 0)
        _check_pair(tokenizer, backbone)
        self.tokenizer, self.backbone = tokenizer, backbone
        self.pooling, self.max_pieces, self.lora_rank = pooling, max_pieces, lora_rank
        self.supports_masking = True
        # TensorFlow's rows are as long as the longest of a batch, for which XLA does not compile.
        self.supports_jit = keras.backend.backend() != "tensorflow"
        _freeze_what_is_not_read(backbone)
        if lora_rank:
            backbone.enable_lora(lora_rank)
        keep_factors(backbone)

    @classmethod
    def from_preset(cls, preset, **settings):
        """The encoder of a preset of KerasHub, with its weights.

        Args:
            preset: a folder, KerasHub's or Hugging Face's, or a handle such as
                "bert_tiny_en_uncased" or "hf://user/name".
            **settings: `pooling`, `max_pieces`, `lora_rank`.

        Raises:
            ValueError: there is no such preset, or no way to it. ImportError: without KerasHub.
        """
        return cls(load_tokenizer(preset), load_backbone(preset), **settings)

    @property
    def segment_shape(self):
        """The shape of a word: (p,)."""
        return (self.max_pieces,)

    @property
    def dim(self):
        """The number of features of a word, d."""
        return _features(self.backbone.output).shape[-1]

    @property
    def max_length(self):
        """How many pieces of a text are read; None where the backbone takes any number."""
        most = getattr(self.backbone, "max_sequence_length", None)
        return None if most is None else most - 2  # start and end

    def look_up(self, tokens):
        return word_pieces(self.tokenizer, tokens, self.max_pieces)

    def num_cut(self, tokens):
        """(words, texts) of a ragged tensor of strings (n, words) that are not read whole."""
        lengths = num_pieces(self.tokenizer, tokens.flat_values).numpy()
        kept = tokens.with_flat_values(lengths.clip(max=self.max_pieces))
        most = float("inf") if self.max_length is None else self.max_length
        texts = [sum(row) for row in kept.to_list()]
        return int((lengths > self.max_pieces).sum()), sum(one > most for one in texts)

    def build(self, pieces_shape):
        if len(pieces_shape) != 3:
            raise ValueError(
                f"pieces have shape {tuple(pieces_shape)}, expected (batch, words, "
                f"{self.max_pieces}), as look_up makes them"
            )
        self.built = True

    def call(self, pieces, mask=None, training=None):
        pieces = self._present(pieces, mask)
        m, p = ops.shape(pieces)[1:]
        rows, places = in_rows(pieces, m * p if self.max_length is None else self.max_length)
        ids, padding_mask = with_ends(rows, self.tokenizer)
        given = {"token_ids": ids, "padding_mask": padding_mask, "segment_ids": ops.zeros_like(ids)}
        given = {name: given[name] for name in self.backbone.input}
        h = _features(self.backbone(given, training=training))[:, 1:-1]  # (b, l, d)
        share = ops.cast(shares(places, m, p, self.pooling), h.dtype)
        return ops.matmul(share, zero_masked(h, rows > 0))

    def compute_mask(self, pieces, mask=None):
        there = self._present(pieces, mask) > 0
        if self.max_length is None:
            return there[..., 0]
        count = ops.sum(ops.cast(there, "int32"), axis=-1)  # (b, m)
        before = ops.cumsum(count, axis=1) - count
        return ops.logical_and(there[..., 0], before < self.max_length)

    def compute_output_spec(self, pieces, mask=None, training=None):
        dtype = _features(self.backbone.output).dtype
        return keras.KerasTensor((*pieces.shape[:2], self.dim), dtype=dtype)

    def _present(self, pieces, mask):
        mask = conjunction(mask, keras_mask(pieces))
        return zero_masked(ops.cast(pieces, "int32"), mask)

    def get_config(self):
        own = {name: getattr(self, name) for name in ("pooling", "max_pieces", "lora_rank")}
        backbone = keras.saving.serialize_keras_object(self.backbone)
        networks = {"tokenizer": tokenizer_config(self.tokenizer), "backbone": backbone}
        return super().get_config() | networks | own

    @classmethod
    def from_config(cls, config):
        keras_hub()  # Keras knows its classes then
        names = ("tokenizer", "backbone")
        made = {name: keras.saving.deserialize_keras_object(config[name]) for name in names}
        return cls(**config | made)


def _features(outputs):
    """A vector a piece, (b, l, d), of what a backbone gives."""
    return outputs["sequence_output"] if isinstance(outputs, dict) else outputs


_TAKEN = {"token_ids", "padding_mask", "segment_ids"}
_PADDING = 128  # a backbone may have so many ids, less one, that its tokenizer does not know


def _check_pair(tokenizer, backbone):
    """Raises ValueError unless the tokenizer makes what the backbone reads."""
    kinds = type(tokenizer).__name__, type(backbone).__name__
    inputs = backbone.input if isinstance(getattr(backbone, "input", None), dict) else {}
    if not {"token_ids", "padding_mask"} <= inputs.keys() <= _TAKEN:
        raise ValueError(
            f"backbone is a {kinds[1]} of {sorted(inputs)}, expected one of token_ids, "
            "padding_mask and maybe segment_ids, such as a BertBackbone of KerasHub"
        )
    expected = getattr(tokenizer, "backbone_cls", None)
    if expected is not None and not isinstance(backbone, expected):
        raise ValueError(
            f"tokenizer is a {kinds[0]} and backbone a {kinds[1]}, expected a "
            f"{expected.__name__}: they do not belong together"
        )
    sizes = tokenizer.vocabulary_size(), backbone.vocabulary_size
    if not 0 <= sizes[1] - sizes[0] < _PADDING:
        raise ValueError(
            f"tokenizer has {sizes[0]} pieces and backbone {sizes[1]}, expected as many: they do "
            "not belong together"
        )


def _freeze_what_is_not_read(backbone):
    """Without a gradient, such as BERT's pooler, nothing is to be trained."""
    read = keras.Model(backbone.input, _features(backbone.output))
    of_use = {id(layer) for layer in read.layers}
    for layer in backbone.layers:
        if id(layer) not in of_use:
            layer.trainable = False
