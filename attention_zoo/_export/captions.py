"""Signatures of a Captioner: from the bytes of an image to its caption."""

import numpy as np
import tensorflow as tf

from attention_zoo._decode import decoded
from attention_zoo._explain.captions import ExplainedWords
from attention_zoo.models import CaptionSearch
from attention_zoo.models.captioning.vocabulary import END, PADDING, spellings


def add_caption_endpoints(
    archive, model, beam_width=5, max_length=20, length_power=0.7, image_size=None
):
    """Adds those that `export` names to a `keras.export.ExportArchive`."""
    if model.encoder is None:
        shape = model.get_build_config()["input_shape"]["features"]
        signature = [tf.TensorSpec((None, *shape[1:]), tf.float32, name="features")]
        inputs_of = _features
    else:
        size = _image_size(model) if image_size is None else _checked(image_size)
        signature = [tf.TensorSpec((None,), tf.string, name="image")]
        inputs_of = _image_reader(size)
    features_of = _shared(lambda x: model.features(inputs_of(x)))
    greedy, beam = (
        _search(CaptionSearch(model, width, max_length, length_power)) for width in (1, beam_width)
    )
    archive.add_endpoint("serving_default", _captions_by(greedy, features_of, model), signature)
    archive.add_endpoint("beam", _captions_by(beam, features_of, model), signature)
    archive.add_endpoint("explain", _explained(greedy, features_of, model), signature)


def _shared(function):
    """The function as one that signatures share: it is traced and saved once for all of them."""
    return tf.function(function, autograph=False)


def _search(search):
    """Features -> what the search finds."""
    return _shared(lambda features: search({"features": features}))


def _captions_by(search, features_of, captioner):
    """(images or features) -> captions in letters."""
    in_letters = _speller(captioner)

    def captions(x):
        found = search(features_of(x))
        return found | in_letters(found["words"])

    return captions


def _speller(captioner):
    """Ids (b, l) -> {"caption": strings (b,), "words": strings (b, l)}."""
    spelled = tf.constant(spellings(captioner.vocabulary))

    def in_letters(ids):
        words = tf.where(ids == END, "", tf.gather(spelled, ids))
        caption = tf.strings.strip(tf.strings.reduce_join(words, axis=1, separator=" "))
        return {"caption": caption, "words": words}

    return in_letters


def _explained(search, features_of, captioner):
    """(images or features) -> captions in letters, and what each of their words rests on."""
    in_letters, explained = _speller(captioner), ExplainedWords(captioner)

    def explain(x):
        features = features_of(x)
        ids = search(features)["words"]
        found = explained({"features": features, "words": ids})
        outputs = {
            "alone_probability": _of_written(found["alone"], ids),
            "without_probability": _of_written(found["without"], ids),
            "focus": found["focus"],
            **{name: found[name] for name in _REASONS},
        }
        is_word = (ids != END) & (ids != PADDING)
        outputs = {name: _where(is_word, x, 0.0) for name, x in outputs.items()}
        outputs["segments"] = _where(is_word, found["segments"], -1)
        return outputs | in_letters(ids)

    return explain


_REASONS = ("probability", "certainty", "agreement", "confidence")


def _of_written(log_p, ids):
    """Probabilities (b, l, k) of the words that were written, out of log p (b, l, k, v)."""
    one_hot = tf.one_hot(ids, log_p.shape[-1], on_value=True, off_value=False, dtype=tf.bool)
    return tf.exp(tf.reduce_sum(tf.where(one_hot[:, :, None], log_p, 0.0), axis=-1))


def _where(is_word, x, otherwise):
    """x (b, l, ...) of words, and for what follows the end something else."""
    shape = tf.concat([tf.shape(is_word), tf.ones(len(x.shape) - 2, tf.int32)], axis=0)
    return tf.where(tf.reshape(is_word, shape), x, tf.cast(otherwise, x.dtype))


def _features(features):
    return {"features": features}


def _image_reader(size):
    """Bytes, strings (b,) -> the captioner's inputs: images (b, h, w, 3)."""

    def inputs(data):
        spec = tf.TensorSpec((*size, 3), tf.float32)
        return {"image": tf.map_fn(lambda one: decoded(one, size), data, fn_output_signature=spec)}

    return inputs


def _checked(image_size):
    if len(np.shape(image_size)) != 1 or len(image_size) != 2 or min(image_size) < 1:
        raise ValueError(f"image_size is {image_size!r}, expected (height, width), 1 or more")
    return tuple(int(one) for one in image_size)


def _image_size(model):
    """(h, w) that the captioner was built with, or else its encoder."""
    shape = model.get_build_config()["input_shape"].get("image") or model.encoder.input_shape
    if None in shape[1:3]:
        raise ValueError(
            f"the encoder takes images of shape {tuple(shape)}, expected an image_size (h, w)"
        )
    return tuple(shape[1:3])
