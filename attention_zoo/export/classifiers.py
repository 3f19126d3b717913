"""Signatures of a FocusClassifier."""

import tensorflow as tf
from keras import ops

from attention_zoo.models import TokenEncoder


def add_classifier_endpoints(archive, model):
    """Adds those that `export` names to a `keras.export.ExportArchive`."""
    if isinstance(model.encoder, TokenEncoder):
        _add_text_endpoints(archive, model)
        return
    signature = _signature(model)
    archive.add_endpoint("serving_default", lambda *x: _predict(model, *x), signature)
    archive.add_endpoint("explain", lambda *x: _explain(model, *x), signature)


def _add_text_endpoints(archive, model):
    text = [tf.TensorSpec((None,), tf.string, name="text")]
    tokens = [tf.TensorSpec((None, None), tf.string, name="tokens")]

    def predict(text):
        return _predict(model, model.encoder.look_up(_split(text)))

    archive.add_endpoint("serving_default", predict, text)
    archive.add_endpoint("explain", lambda text: _explain_tokens(model, _split(text)), text)
    archive.add_endpoint("explain_tokens", lambda tokens: _explain_tokens(model, tokens), tokens)


def _split(text):
    """The tokens of texts (b,) -> (b, m), m 1 or more."""
    apart = tf.strings.regex_replace(text, r'([.,!?;:"()\[\]{}])', r" \1 ")
    tokens = tf.strings.split(apart).to_tensor("")
    return tf.pad(
        tokens, [[0, 0], [0, tf.cast(tf.shape(tokens)[1] == 0, tf.int32)]], constant_values=""
    )


def _explain_tokens(model, tokens):
    outputs = _explain(model, model.encoder.look_up(tokens))
    segment = outputs["segment"]
    chosen = tf.gather(tokens, tf.maximum(segment, 0), batch_dims=1)
    return outputs | {"tokens": tokens, "token": tf.where(segment < 0, "", chosen)}


def _signature(model):
    shapes = model.get_build_config()["input_shape"]
    if not isinstance(shapes, dict):
        shapes = {"segments": shapes}
    return [
        tf.TensorSpec((None, *shapes[name][1:]), dtype, name=name)
        for name, dtype in (("segments", tf.float32), ("mask", tf.bool))
        if name in shapes
    ]


def _predict(model, *inputs):
    probabilities = ops.exp(_outputs(model, *inputs)["label"])
    return {"probabilities": probabilities, "label": ops.argmax(probabilities, axis=-1)}


def _explain(model, *inputs):
    outputs = _outputs(model, *inputs)
    probabilities, a = ops.exp(outputs["label"]), outputs["focus"]
    return {
        "probabilities": probabilities,
        "label": ops.argmax(probabilities, axis=-1),
        "focus": a,
        "segment": ops.where(ops.any(a != 0.0, axis=-1), ops.argmax(a, axis=-1), -1),
    }


def _outputs(model, segments, mask=None):
    inputs = segments if mask is None else {"segments": segments, "mask": mask}
    return model(inputs, training=False)
