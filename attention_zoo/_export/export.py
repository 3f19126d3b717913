"""A trained model as a SavedModel."""

import inspect
from pathlib import Path

import keras

from attention_zoo._export.captions import add_caption_endpoints
from attention_zoo._export.classifiers import add_classifier_endpoints
from attention_zoo._paths import expanded
from attention_zoo._tensorflow import require_backend
from attention_zoo.layers import GatherSegments
from attention_zoo.models import Captioner, FocusClassifier
from attention_zoo.zoo.preset_folder import check_new


def export(model, directory, **settings):
    """Writes a model as a SavedModel, with a free batch size.

    Of a FocusClassifier, signatures that take `segments` (b, m, ...), and `mask` bool (b, m) where
    the model was built with one or `mask=True` asks for it:

    - `serving_default`: "probabilities" (b, c) and "label" (b,) by the model's way to predict;
    - `explain`: these, "focus" (b, m), the attention, "segment" (b,), the chosen segment, -1 where
      all are masked, and what the classifier says of that segment alone (of zeros, where all are
      masked): "segment_probabilities" (b, c) and "segment_label" (b,);
    - `argmax`: "probabilities", "label" and "segment" by the chosen segment alone: the classifier
      runs once an example, on (b, ...).

    Where the model scales bytes (`byte_segments="scaled"`, as the presets of images do), each has a
    twin that takes `segments` uint8: `serving_default_bytes`, `explain_bytes`, `argmax_bytes`. The
    others take pixels that are scaled already, to [-1, 1].

    Where the names of the classes are known, "label_name" and "segment_label_name", strings (b,),
    stand beside the ids. Segments are of the dtype that the encoder takes, or without one the
    focus network: int32 where it begins with an Embedding, what its `keras.Input` declares, or else
    float32.

    m is free as well without an encoder, with one that is a `PerSegment`, and where the model was
    built with m None; another encoder may count on the m that the model was built with.

    Where the model's encoder is a `TokenEncoder` or a `TextEncoder`, they take `text`, strings
    (b,), `explain` also gives "tokens" (b, m), "" for padding, and `explain` and `argmax` "token"
    (b,), the chosen one.
    Tokens are made by the one rule for words, that of `datasets.words_of` and docs/data.md;
    `explain_tokens` takes `tokens` (b, m) of one's own. With a `TextEncoder` they are cut into
    pieces within the graph: the process that serves it has to import `tensorflow_text`.

    Of a Captioner, signatures that take `image`, strings (b,), the bytes of JPEG or PNG files,
    which are turned upright by their EXIF data, as in training, or, where it has no encoder,
    `features` float32 of the shape that it was built with:

    - `serving_default`: greedy search's "caption", strings (b,), its "words", strings (b, l), ""
      after the end, "focus" (b, l, r), the attention of each word, "log_probability" (b,) and
      "score" (b,), as of `CaptionSearch`;
    - `beam`: the same by beam search;
    - `explain`: "caption", "words" and "focus" of greedy search, and of every word what
      `az.explain` says: its "probability" (b, l), the three most attended "segments" (b, l, 3), its
      probability from each of these alone, "alone_probability", and without the first, without
      the first two, and so on, "without_probability", both (b, l, 3); "certainty", "agreement" and
      "confidence" (b, l). After the end they are 0, "segments" -1.

    Args:
        model: a built FocusClassifier or Captioner.
        directory: where the SavedModel goes, a new or empty folder.
        **settings: of a FocusClassifier: `mask` (default False); `class_names`, in the order of
            the labels (default: the model's own); `dtype` of the segments, for networks of your own
            classes, which do not tell. Of a Captioner: `beam_width` (default 5), `max_length` and
            `length_power`, as of `CaptionSearch`; `image_size`, (h, w) that pictures are resized
            to, where the encoder leaves it open.

    A model that begins with `layers.GatherSegments` is exported without it: base images are data.

    Raises:
        RuntimeError: Keras does not run on TensorFlow. ValueError: the model is of another class
        or was not built, the folder has files, a setting is unknown or bad, a mask or dtype is
        asked for beside texts, or the size of images is not known.
    """
    require_backend("export")
    add, directory = _endpoints(model), expanded(directory)
    _check(model, directory, settings.keys(), add)
    model = _of_segments(model)
    archive = keras.export.ExportArchive()
    archive.track(model)
    add(archive, model, **settings)
    archive.write_out(directory, verbose=False)


def _of_segments(model):
    """The model, one that looks base images up as one that is given segments."""
    encoder = getattr(model, "encoder", None)
    if not isinstance(encoder, GatherSegments):
        return model
    are_scaled = encoder.scales_bytes and model.byte_segments != "refused"
    twin = FocusClassifier(
        model.focus,
        model.classifier,
        model.attention,
        inference=model.inference,
        byte_segments="scaled" if are_scaled else "refused",
        class_names=model.class_names,
    )
    twin.build((None, None, *encoder.segment_shape))
    return twin


def _endpoints(model):
    """The function that adds the signatures of a model."""
    if isinstance(model, FocusClassifier):
        return add_classifier_endpoints
    if isinstance(model, Captioner):
        return add_caption_endpoints
    raise ValueError(
        f"the model is a {type(model).__name__}, expected a FocusClassifier or a Captioner"
    )


def _check(model, directory, names, add):
    known = list(inspect.signature(add).parameters)[2:]  # after archive and model
    if unknown := sorted(names - known):
        kind = type(model).__name__
        raise ValueError(f"unknown setting {unknown[0]!r} of a {kind}, expected some of {known}")
    if not model.built:
        raise ValueError("the model is not built, expected one that was trained or called once")
    if Path(directory).suffix == ".keras":
        raise ValueError(
            f"directory is {str(directory)!r}, expected a folder's name: model.save writes .keras"
        )
    check_new(directory)
