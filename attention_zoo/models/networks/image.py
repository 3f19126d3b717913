"""The paper's focus and classification networks for images, and small ones for digits.

Each function returns (focus, classifier): two networks of one segment (h, w, channels), the focus
network with one score and no biases, the classifier with a logit a class. Glorot-normal kernels,
zero biases, valid padding, ReLU between layers, max-pooling before it: the two commute. Smaller
images than a network can read raise ValueError.

Reference: arXiv:2307.13421, experiments on CIFAR-10 and CIFAR-100.
"""

import keras

from attention_zoo.models.networks.block_max_pool import BlockMaxPool2D
from attention_zoo.models.segment_shape import check_segment_shape


def cifar10_networks(segment_shape=(32, 32, 3), num_classes=3):
    """The paper's CIFAR-10 networks; for images of 18×18 pixels and more."""
    focus = _network(
        segment_shape,
        "focus",
        convolutions=[(32, 3, True), (64, 3, True), (64, 3, False)],
        units=[512, 64, 10, 1],
        use_bias=False,
    )
    classifier = _network(
        segment_shape,
        "classifier",
        convolutions=[(6, 5, True), (16, 5, True)],
        units=[120, 84, 10, num_classes],
    )
    return focus, classifier


def cifar100_networks(segment_shape=(32, 32, 3), num_classes=50):
    """The paper's CIFAR-100 networks; for images of 18×18 pixels and more."""
    focus = _network(
        segment_shape,
        "focus",
        convolutions=[(32, 3, True), (64, 3, True), (64, 3, False)],
        units=[512, 64, 1],
        use_bias=False,
    )
    classifier = _network(
        segment_shape,
        "classifier",
        convolutions=[(16, 5, True), (32, 5, True)],
        units=[120, num_classes],
    )
    return focus, classifier


def digits_networks(segment_shape=(8, 8, 1), num_classes=3):
    """Small networks of the same kind, for images of 6×6 pixels and more (not in the paper)."""
    focus = _network(
        segment_shape,
        "focus",
        convolutions=[(32, 3, False), (32, 3, True)],
        units=[64, 1],
        use_bias=False,
    )
    classifier = _network(
        segment_shape,
        "classifier",
        convolutions=[(16, 3, False), (32, 3, True)],
        units=[64, num_classes],
    )
    return focus, classifier


def _network(segment_shape, name, *, convolutions, units, use_bias=True):
    """Convolutions (filters, kernel size, whether a 2×2 pool follows), then dense layers."""
    _check_size(segment_shape, convolutions)
    check_segment_shape(segment_shape, ("height", "width", "channels"))
    settings = {"kernel_initializer": "glorot_normal", "use_bias": use_bias}
    stack = [keras.Input(segment_shape)]
    for filters, kernel_size, pool in convolutions:
        stack.append(keras.layers.Conv2D(filters, kernel_size, **settings))
        if pool:  # before ReLU: the same values and gradients, a quarter of the numbers
            stack.append(BlockMaxPool2D())
        stack.append(keras.layers.ReLU())
    stack.append(keras.layers.Flatten())
    stack += [keras.layers.Dense(n, activation="relu", **settings) for n in units[:-1]]
    stack.append(keras.layers.Dense(units[-1], **settings))
    return keras.Sequential(stack, name=name)


def _check_size(segment_shape, convolutions):
    """Raises where a convolution or a pool would be left without a pixel; Keras 3.12 does not."""
    least = 1  # pixel that the dense layers see, along each axis
    for _, kernel_size, pool in reversed(convolutions):
        least = (2 * least if pool else least) + kernel_size - 1
    is_image = isinstance(segment_shape, tuple | list) and len(segment_shape) == 3
    if not is_image or any(size is not None and size < least for size in segment_shape[:2]):
        raise ValueError(
            f"segment_shape is {segment_shape}, expected (height, width, channels) of "
            f"{least}×{least} pixels or more"
        )
