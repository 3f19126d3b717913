"""explain: where a model looked, and what its predictions rest on."""

import keras
import numpy as np

from attention_zoo import _tracing as tracing
from attention_zoo._explain.captions import explain_captions
from attention_zoo._explain.crops import parts_of
from attention_zoo._explain.encoders import are_of_one_picture, grid_of
from attention_zoo._explain.explained import TOP, Explained, Explainer, as_fields
from attention_zoo._explain.explanation import Explanation
from attention_zoo._text import tokens_of
from attention_zoo.models import Captioner, FocusClassifier, WordEncoder
from attention_zoo.models.bags import dense, is_ragged
from attention_zoo.models.inputs import split


def explain(model, inputs, *, top=TOP, words=None):
    """Explains the predictions of a FocusClassifier, or the words of a Captioner.

        explanation = az.explain(model, segments[:4])
        explanation.plot()
        print(explanation[0].table())

    A segment is taken away by the mask: the model predicts as though it had never been there. Of
    `Regions` the features that stay have read its pixels, and still know something of it.

    Args:
        model: a FocusClassifier, or a Captioner, that was trained or built.
        inputs: what the model takes, a batch or one example: segments (b, m, ...) or (m, ...), a
            dict of "segments" and "mask", bags of unequal size; of a model with a `TokenEncoder` or
            a `TextEncoder` also texts, a string or a list of them; of a captioner a dict of
            "features" or "image".
        top: number of the most attended segments to look at, 1 or more.
        words: of a captioner, the captions to explain, ids (b, n) as `CaptionSearch` gives; None is
            what its greedy search writes.

    Returns:
        An `Explanation`; of a captioner a list, a `CaptionExplanation` for each picture.

    Raises:
        ValueError: another kind of model, one that is not built, or inputs that it does not take.
    """
    if not isinstance(model, FocusClassifier | Captioner):
        kind = type(model).__name__
        raise ValueError(f"the model is a {kind}, expected a FocusClassifier or a Captioner")
    if not model.built:
        raise ValueError("the model is not built, expected one that was trained or called once")
    if not isinstance(top, int) or top < 1:
        raise ValueError(f"top is {top!r}, expected 1 or more")
    if isinstance(model, Captioner):
        return explain_captions(model, inputs, top, words)
    if words is not None:
        raise ValueError("words are given with a FocusClassifier, expected none: it writes none")
    inputs, shown = _read(model, inputs)
    with tracing.expected():
        found = Explainer(Explained(model, top)).predict_on_batch(inputs)
    return Explanation(
        **as_fields(found, found["mask"]),
        way_to_predict=model.way_to_predict,
        class_names=model.class_names,
        **_shown(model.encoder, shown, found["mask"].shape[1]),
    )


def _shown(encoder, inputs, m):
    """What the m segments look like: where they are a grid of places of a picture, its parts."""
    grid = grid_of(encoder, inputs.shape, m)
    if grid is not None and are_of_one_picture(encoder, inputs.shape):
        inputs = parts_of(inputs, grid)
    return {"grid": grid, "inputs": inputs}


def _read(model, inputs):
    """Inputs as a batch that the model takes, and the segments or tokens as they are shown."""
    if (texts := _texts(inputs)) is not None:
        return _of_texts(model.encoder, texts)
    inputs, _ = dense(_as_batch(model, inputs))
    return inputs, np.asarray(split(inputs)[0])


def _texts(inputs):
    """The texts that inputs are, an array of strings; None where they are numbers."""
    if isinstance(inputs, dict) or is_ragged(inputs):
        return None
    if isinstance(inputs, list | tuple) and not all(map(_is_text, inputs)):  # bags
        return None
    texts = np.asarray(inputs, object if isinstance(inputs, list | tuple) else None)
    return texts if texts.size and all(map(_is_text, texts.flat)) else None


def _is_text(one):
    return isinstance(one, str | bytes)


def _of_texts(encoder, texts):
    if not isinstance(encoder, WordEncoder):
        raise ValueError(
            "inputs are texts, expected segments: the model has no encoder of words, such as a "
            "TokenEncoder or a TextEncoder"
        )
    if texts.ndim > 1 and texts.size != len(texts):
        raise ValueError(f"texts have shape {texts.shape}, expected (b,)")
    tokens = tokens_of(texts.reshape(-1).tolist())
    return np.asarray(encoder.look_up(tokens)), tokens.numpy()


def _as_batch(model, inputs):
    """A batch of one example, where that came alone."""
    shape = model.get_build_config()["input_shape"]
    rank = len(shape["segments"] if isinstance(shape, dict) else shape)
    segments = split(inputs)[0] if isinstance(inputs, dict) else inputs
    if isinstance(segments, list | tuple) or len(segments.shape) != rank - 1:
        return inputs
    if len(segments.shape) in getattr(model.encoder, "input_ranks", ()):  # rows of base images
        return inputs
    return keras.tree.map_structure(lambda part: np.asarray(part)[None], inputs)
