"""SavedModels for deployment: TensorFlow alone loads and serves them."""

import keras
import tensorflow as tf
from keras import ops


def export(model, directory):
    """Writes a FocusClassifier as a SavedModel, with a free batch size.

    Signatures, each taking `segments` float32 (b, m, ...):

    - `serving_default`: "probabilities" (b, c) and "label" (b,) by the model's way to predict;
    - `explain`: these, "focus" (b, m), the attention, and "segment" (b,), the chosen segment.

    Args:
        model: a built FocusClassifier that takes segments as one tensor.
        directory: where the SavedModel goes; it must not exist or be empty.

    Raises:
        ValueError: the model was not built.
    """
    if not model.built:
        raise ValueError("the model is not built; expected one that was trained or called once")
    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = [tf.TensorSpec(_segments_shape(model), tf.float32, name="segments")]
    archive.add_endpoint("serving_default", lambda segments: _predict(model, segments), signature)
    archive.add_endpoint("explain", lambda segments: _explain(model, segments), signature)
    archive.write_out(directory, verbose=False)


def _segments_shape(model):
    shape = model.get_build_config()["input_shape"]
    return (None, *shape[1:])


def _predict(model, segments):
    probabilities = ops.exp(model(segments, training=False)["label"])
    return {"probabilities": probabilities, "label": ops.argmax(probabilities, axis=-1)}


def _explain(model, segments):
    outputs = model(segments, training=False)
    probabilities = ops.exp(outputs["label"])
    return {
        "probabilities": probabilities,
        "label": ops.argmax(probabilities, axis=-1),
        "focus": outputs["focus"],
        "segment": ops.argmax(outputs["focus"], axis=-1),
    }
