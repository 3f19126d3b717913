"""Inputs as the captioner takes them: an image or its features, and words."""

from keras import ops as kops

from attention_zoo.layers.masks import keras_mask


def check_keys(inputs, has_encoder, words=True):
    """Raises ValueError unless the inputs are a dict of what a captioner reads."""
    image = ("features", "image") if has_encoder else ("features",)
    expected = f"a dict of {' or '.join(map(repr, image))}" + (" and 'words'" if words else "")
    if not isinstance(inputs, dict):
        raise ValueError(f"inputs are a {type(inputs).__name__}, expected {expected}")
    given = [key for key in image if key in inputs]
    if len(given) != 1 or set(inputs) != {*given, *(["words"] if words else [])}:
        raise ValueError(f"inputs have the keys {sorted(inputs)}, expected {expected}")
    return given[0]


def check_words(shape):
    """Raises ValueError unless words have a shape (b, n), n 1 or more."""
    if len(shape) != 2 or shape[1] == 0:
        raise ValueError(f"words have shape {tuple(shape)}, expected (b, n), 1 word or more")


def check_counts(inputs):
    """Raises ValueError where pictures and captions are known to differ in number."""
    counts = {key: x.shape[0] for key, x in inputs.items()}
    if len(set(counts.values()) - {None}) > 1:
        given = " and ".join(f"{key} of {count}" for key, count in counts.items())
        raise ValueError(f"inputs have {given} examples, expected as many of each")


def grid_of(shape):
    """Rows and columns of features (b, h, w, d); None of regions (b, r, d), or if not known."""
    if len(shape) != 4 or None in shape[1:3]:
        return None
    return tuple(shape[1:3])


def as_regions(features, name="features"):
    """A grid (b, h, w, d) as regions (b, h * w, d); regions as they are.

    Raises:
        ValueError: features of another rank, or with a mask of Keras's.
    """
    check_features(features.shape, name)
    if keras_mask(features) is not None:
        raise ValueError(f"{name} carry a mask, expected none: a captioner reads every region")
    if len(features.shape) == 3:
        return features
    b, h, w, d = kops.shape(features)
    return kops.reshape(features, (b, h * w, d))


def check_features(shape, name):
    """Raises ValueError unless features have the rank of regions or of a grid of them."""
    if len(shape) not in (3, 4):
        raise ValueError(
            f"{name} has shape {tuple(shape)}, expected features (b, h, w, d) or (b, regions, d)"
        )


def words_of(targets):
    """The true words out of the targets, an array or a dict of it."""
    if not isinstance(targets, dict):
        return targets
    if set(targets) != {"words"}:
        raise ValueError(f"targets have the keys {sorted(targets)}, expected 'words'")
    return targets["words"]
