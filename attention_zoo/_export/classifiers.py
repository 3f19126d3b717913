"""Signatures of a FocusClassifier."""

import tensorflow as tf
from keras import ops

from attention_zoo._class_names import as_class_names
from attention_zoo._explain.explained import Explained
from attention_zoo._export.input_dtype import input_dtype
from attention_zoo._export.prediction_modes import Ways
from attention_zoo._text import tokens_of
from attention_zoo.layers import PerSegment
from attention_zoo.models import WordEncoder
from attention_zoo.models.prediction import WAYS


def add_classifier_endpoints(archive, model, mask=False, class_names=None, dtype=None):
    """Adds those that `export` names to a `keras.export.ExportArchive`."""
    names = as_class_names(class_names, model.num_classes) or model.class_names
    predict, explain, argmax = (_naming(function, names) for function in _functions(model))
    if isinstance(model.encoder, WordEncoder):
        kind = type(model.encoder).__name__
        if mask:
            raise ValueError(f"mask is True with a {kind}, expected False: texts have no mask")
        if dtype is not None:
            raise ValueError(f"dtype is {dtype!r} with a {kind}, expected none: it takes texts")
        _add_text_endpoints(archive, model.encoder, predict, explain, argmax)
        return
    signature = _signature(model, mask, _dtype(model, dtype))
    for name, function in zip(_NAMES, (predict, explain, argmax), strict=True):
        archive.add_endpoint(name, function, signature)
        if model.byte_segments == "scaled":
            archive.add_endpoint(f"{name}_bytes", function, _of_bytes(signature))


_NAMES = ("serving_default", "explain", "argmax")


def _functions(model):
    """(segments, mask=None) -> outputs by name, of each of `_NAMES`."""
    way = model.way_to_predict
    own, explained, alone = Ways(model, way), Explained(model), Ways(model, "argmax")

    def predict(*inputs):
        return _prediction(own(_named(inputs))[way])

    def explain(*inputs):
        found = explained(_named(inputs))
        chosen = _prediction(found["argmax"])
        by_way = {f"{name}_probabilities": ops.exp(found[name]) for name in WAYS}
        on_top = {f"{name}_probabilities": ops.exp(found[name]) for name in ("alone", "without")}
        return (
            _prediction(found[way])
            | by_way
            | on_top
            | {
                "focus": found["focus"],
                "segment": _segment(found["focus"]),
                "segment_probabilities": chosen["probabilities"],
                "segment_label": chosen["label"],
                "segments": found["segments"],
                **{name: found[name] for name in ("certainty", "agreement", "confidence")},
            }
        )

    def argmax(*inputs):
        outputs = alone(_named(inputs))
        return _prediction(outputs["argmax"]) | {"segment": _segment(outputs["focus"])}

    return predict, explain, argmax


def _naming(function, names):
    """The function with the names of the classes beside their ids, where there are names."""
    if names is None:
        return function

    def named(*inputs):
        outputs = function(*inputs)
        ids = {name: outputs[name] for name in ("label", "segment_label") if name in outputs}
        return outputs | {f"{name}_name": tf.gather(names, one) for name, one in ids.items()}

    return named


def _dtype(model, dtype):
    """The `tf.DType` of segments: as asked, or else as the networks tell."""
    try:
        return tf.as_dtype(input_dtype(model) if dtype is None else dtype)
    except TypeError as error:
        raise ValueError(f"dtype is {dtype!r}, expected one such as 'int32'") from error


def _named(inputs):
    return dict(zip(("segments", "mask"), inputs, strict=False))


def _prediction(log_probabilities):
    probabilities = ops.exp(log_probabilities)
    return {"probabilities": probabilities, "label": ops.argmax(probabilities, axis=-1)}


def _segment(a):
    return ops.where(ops.any(a != 0.0, axis=-1), ops.argmax(a, axis=-1), -1)


def _signature(model, mask, dtype):
    """Segments, and the mask where there is one: batch and, if it may be, segments are free."""
    shapes = model.get_build_config()["input_shape"]
    if not isinstance(shapes, dict):
        shapes = {"segments": shapes}
    m, *one_segment = shapes["segments"][1:]
    if model.encoder is None or isinstance(model.encoder, PerSegment):
        m = None
    signature = [tf.TensorSpec((None, m, *one_segment), dtype, name="segments")]
    if mask or "mask" in shapes:
        signature.append(tf.TensorSpec((None, m), tf.bool, name="mask"))
    return signature


def _of_bytes(signature):
    """The same with segments that are bytes."""
    segments, *mask = signature
    return [tf.TensorSpec(segments.shape, tf.uint8, name="segments"), *mask]


def _add_text_endpoints(archive, encoder, predict, explain, argmax):
    text = [tf.TensorSpec((None,), tf.string, name="text")]
    tokens = [tf.TensorSpec((None, None), tf.string, name="tokens")]

    def predict_text(text):
        return predict(encoder.look_up(tokens_of(text)))

    def explain_tokens(tokens):
        outputs = explain(encoder.look_up(tokens))
        return outputs | {"tokens": tokens, "token": _chosen(tokens, outputs["segment"])}

    def argmax_text(text):
        tokens = tokens_of(text)
        outputs = argmax(encoder.look_up(tokens))
        return outputs | {"token": _chosen(tokens, outputs["segment"])}

    archive.add_endpoint("serving_default", predict_text, text)
    archive.add_endpoint("explain", lambda text: explain_tokens(tokens_of(text)), text)
    archive.add_endpoint("explain_tokens", explain_tokens, tokens)
    archive.add_endpoint("argmax", argmax_text, text)


def _chosen(tokens, segment):
    chosen = tf.gather(tokens, tf.maximum(segment, 0), batch_dims=1)
    return tf.where(segment < 0, "", chosen)
