"""Networks of bags by the settings: the package's own, of a file, or pretrained on images."""

import keras
import numpy as np

from attention_zoo._errors import first_line
from attention_zoo.models import POOLS, bag_networks, pooled_networks
from attention_zoo.models.networks.frozen import Frozen
from attention_zoo.models.networks.image_encoders import fine_tune, segment_network


def networks_of(config, data):
    """(focus, classifier, encoder) of the settings, for the instances of a `BagInfo`."""
    options = {
        "scores": config.scores,
        "attention_units": config.attention_units,
        "dropout": config.dropout,
        "standardize": config.standardize is not False,
    }
    if config.encoder is not None:
        options["instance_network"] = _given(config, data)
    if config.attention in POOLS:
        return pooled_networks(config.attention, data.segment_shape, data.num_classes, **options)
    return bag_networks(data.segment_shape, data.num_classes, **options)


def are_pictures(data):
    """Whether instances are images RGB in bytes, as pretrained networks take them."""
    shape, dtype = data.segment_shape, data.source.instances.dtype
    return len(shape) == 3 and shape[2] == 3 and dtype == np.uint8


def _given(config, data):
    """The network that the settings name: of pictures as mosaics have it, else as it is."""
    if not are_pictures(data):
        return _load(config.encoder, tuple(data.segment_shape))
    network = segment_network(config.encoder, data.segment_shape, config.image_size)
    if not config.fine_tune_encoder:
        return Frozen(network, name="frozen")
    fine_tune(network, True)
    return network


def _load(path, shape):
    """The network of a file, which takes instances of a shape."""
    try:
        network = keras.saving.load_model(path, compile=False)
    except (ValueError, OSError, TypeError) as error:
        reason = first_line(error)
        raise ValueError(
            f"encoder is {path!r}, which cannot be read ({reason}), expected a Keras file"
        ) from error
    taken = getattr(network, "input_shape", None)  # a subclassed model has none
    if not isinstance(taken, tuple) or not _fits(taken[1:], shape):
        taken = taken[1:] if isinstance(taken, tuple) else taken
        raise ValueError(f"encoder {path} takes {taken}, expected instances of shape {shape}")
    return network


def _fits(taken, shape):
    sizes = zip(taken, shape, strict=False)
    return len(taken) == len(shape) and all(one in (size, None) for one, size in sizes)
