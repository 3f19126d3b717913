"""What the words of captions rest on: a layer, for Python and SavedModels, and its explanations."""

import math

import keras
import numpy as np
from keras import ops as kops

from attention_zoo import _tracing as tracing
from attention_zoo._explain.caption_explanation import CaptionExplanation
from attention_zoo._explain.confidence import reasons
from attention_zoo._explain.crops import parts_of
from attention_zoo._explain.explained import TOP, Explainer, as_fields, first_of
from attention_zoo.layers.output_spec import output_spec
from attention_zoo.models import CaptionSearch
from attention_zoo.models.captioning import inputs as caption_inputs
from attention_zoo.models.captioning.scores import WAYS, attend, read_context
from attention_zoo.models.captioning.vocabulary import END, PADDING, START, spellings


class ExplainedWords(keras.layers.Layer):
    """Of pictures and their captions, n words each, what `CaptionExplanation` holds.

    Args:
        captioner: a built Captioner.
        top: number of the most attended regions to take away, one after the other.

    Call arguments:
        inputs: a dict of "features" or "image", and "words", int (b, n), the words that were
            written, without a start.

    Returns:
        As of `Explained`, but for the mask: (b, n, ...) in place of (b, ...), the classes being the
        v words, the segments the r regions. Outside of word t all is as the captioner has it.
    """

    def __init__(self, captioner, top=TOP):
        super().__init__(dtype=captioner.dtype_policy, autocast=False)
        self.captioner = captioner
        self.top = top

    def build(self, input_shape):
        self.built = True

    def call(self, inputs):
        captioner, way, words = self.captioner, self.captioner.way_to_predict, inputs["words"]
        reading = captioner._read(captioner.look(inputs), _after_start(words))
        a = attend(captioner.attention, reading.scores)
        ways = {name: predict(reading, a) for name, predict in WAYS.items()}
        order = kops.argsort(-a, axis=2)
        rank = kops.argsort(order, axis=2)
        alone = [read_context(reading, kops.cast(rank == k, a.dtype)) for k in range(self.top)]
        without = [
            WAYS[way](reading, attend(captioner.attention, reading.scores, rank > k))
            for k in range(self.top)
        ]
        found = ways | _reasons(ways, way, a, words)
        found |= {"focus": a, "segments": first_of(order, self.top, kops.shape(a)[2])}
        return found | {"alone": kops.stack(alone, 2), "without": kops.stack(without, 2)}


def _reasons(ways, way, a, words):
    """`reasons` of every word that was written."""
    b, n = kops.shape(a)[:2]
    flat = {name: kops.reshape(x, (-1, x.shape[-1])) for name, x in (ways | {"a": a}).items()}
    a = flat.pop("a")
    found = reasons(flat, way, a, kops.ones_like(a, "bool"), kops.reshape(words, (-1,)))
    return {name: kops.reshape(x, (b, n)) for name, x in found.items()}


def _after_start(words):
    """What a captioner reads to write words (b, n): the start, and all of them but the last."""
    start = kops.full_like(words[:, :1], START)
    return kops.concatenate([start, words[:, :-1]], axis=1)


def explain_captions(captioner, inputs, top=TOP, words=None):
    """Explanations of captions, a list of one a picture; see `az.explain`."""
    inputs = _as_batch(captioner, inputs)
    (x,) = inputs.values()
    with tracing.expected():
        if "image" in inputs:  # once, for the search and the explanation
            x = captioner.encoder.predict_on_batch(x.astype("float32"))
        seen = {"features": x}
        if words is None:
            words = CaptionSearch(captioner).predict_on_batch(seen)["words"]
        words = _checked(words, len(x), captioner.num_words)
        explainer = Explainer(ExplainedWords(captioner, top))
        found = explainer.predict_on_batch(seen | {"words": words})
    grid = _grid(captioner, x.shape, found["focus"].shape[-1])
    pictures = inputs.get("image", [None] * len(words))
    return [
        _explanation(captioner, {name: x[i] for name, x in found.items()}, words[i], picture, grid)
        for i, picture in enumerate(pictures)
    ]


def _grid(captioner, shape, r):
    """Rows and columns of the r regions of features (b, ...), of pictures of whatever size."""
    grid = caption_inputs.grid_of(shape) if len(shape) == 4 else captioner.grid
    return grid if grid is not None and grid[0] * grid[1] == r else None


def _explanation(captioner, found, words, picture, grid):
    """Of one picture: `found` (n, ...) by name, words (n,)."""
    n = next(iter(np.flatnonzero((words == END) | (words == PADDING))), len(words))
    spelled = spellings(captioner.vocabulary)
    found = {name: np.asarray(x)[:n] for name, x in found.items()}
    picture = None if picture is None else np.clip(picture, 0, 255).astype("uint8")
    return CaptionExplanation(
        **as_fields(found, np.ones(found["focus"].shape, bool)),
        way_to_predict=captioner.way_to_predict,
        class_names=tuple(spelled),
        inputs=_shown(picture, grid, n),
        written=words[:n],
        words=tuple(spelled[word] for word in words[:n]),
        grid=grid,
        picture=picture,
    )


def _shown(picture, grid, n):
    """The regions of a picture as segments (n, r, h, w, 3), the same for every word; or None."""
    if picture is None or grid is None:
        return None
    parts = parts_of(picture[None], grid)
    return None if parts is None else np.broadcast_to(parts[0], (n, *parts.shape[1:]))


def _as_batch(captioner, inputs):
    """Features or images as a batch; of one picture too, where that came alone."""
    key = caption_inputs.check_keys(inputs, captioner.encoder is not None, words=False)
    try:
        x = np.asarray(inputs[key])
    except ValueError as error:  # NumPy says "inhomogeneous shape"
        raise ValueError(f"{key} are of several sizes, expected one size in a batch") from error
    return {key: x[None] if _is_alone(captioner, key, x.shape) else x}


def _is_alone(captioner, key, shape):
    """Whether the shape is that of one picture. Of a grid it has the rank of regions (b, r, d)."""
    rank = _rank(captioner, key)
    if len(shape) != rank - 1:
        return False
    if key == "image" or rank != 4:
        return True
    if captioner.grid is None:
        raise ValueError(
            f"features have shape {shape}, one grid or a batch of regions, of a captioner that "
            "knows no size of pictures: expected a batch of grids (b, h, w, d)"
        )
    return shape[1] != math.prod(captioner.grid)


def _rank(captioner, key):
    """Of a batch of features or images, as the captioner was built."""
    built = captioner.get_build_config()["input_shape"]
    if key in built:
        return len(built[key])
    if key == "image":
        return 4
    return len(output_spec(captioner.encoder, (None, *built["image"][1:])).shape)


def _checked(words, b, num_words):
    words = np.asarray(words)
    if words.ndim != 2 or words.dtype.kind not in "iu" or len(words) != b or not words.shape[1]:
        raise ValueError(
            f"words have shape {words.shape} and dtype {words.dtype}, expected ids ({b}, n), such "
            "as CaptionSearch gives"
        )
    if words.size and not 0 <= words.min() <= words.max() < num_words:
        raise ValueError(
            f"words are of {words.min()} to {words.max()}, expected ids of 0 to {num_words - 1}"
        )
    ended = np.maximum.accumulate((words == END) | (words == PADDING), axis=1)
    if (words == START).any() or (ended & (words != END) & (words != PADDING)).any():
        raise ValueError(
            "words have a start, or a word behind padding or the end, expected the words alone, "
            f"then an end ({END}) and padding ({PADDING})"
        )
    return words
