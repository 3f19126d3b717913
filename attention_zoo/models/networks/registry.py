"""Pairs of focus and classification networks by name."""

from attention_zoo.models.networks.image import (
    cifar10_networks,
    cifar100_networks,
    digits_networks,
)
from attention_zoo.models.networks.linear import linear_networks

NETWORKS = {
    "digits": digits_networks,
    "cifar10": cifar10_networks,
    "cifar100": cifar100_networks,
    "linear": linear_networks,
}


def networks(name, segment_shape, num_classes):
    """(focus, classifier) for segments of this shape.

    Args:
        name: "digits", "cifar10", "cifar100" or "linear".
        segment_shape: the shape of one segment, without batch and segment axes.
        num_classes: number of classes.

    Raises:
        ValueError: unknown name, or segments too small for the network.
    """
    if name not in NETWORKS:
        raise ValueError(f"network is {name!r}, expected one of {sorted(NETWORKS)}")
    try:
        return NETWORKS[name](segment_shape, num_classes)
    except ValueError as error:
        raise ValueError(
            f"network {name!r} does not fit segments of shape {segment_shape}: {error}"
        ) from error
