"""Signatures of a Captioner: from the bytes of an image to its caption."""

import numpy as np
import tensorflow as tf

from attention_zoo._decode import decoded
from attention_zoo.models import CaptionSearch
from attention_zoo.models.captioning.vocabulary import END, spellings


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
    for name, width in (("serving_default", 1), ("beam", beam_width)):
        search = CaptionSearch(model, width, max_length, length_power)
        archive.add_endpoint(name, _captions_by(search, inputs_of), signature)


def _captions_by(search, inputs_of):
    """(images or features) -> captions in letters."""
    spelled = tf.constant(spellings(search.captioner.vocabulary))

    def captions(x):
        found = search(inputs_of(x))
        ids = found.pop("words")  # (b, l)
        words = tf.where(ids == END, "", tf.gather(spelled, ids))
        caption = tf.strings.strip(tf.strings.reduce_join(words, axis=1, separator=" "))
        return found | {"caption": caption, "words": words}

    return captions


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
