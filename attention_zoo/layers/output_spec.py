"""What a network makes of inputs of a shape."""

import keras


def output_spec(network, shape, dtype=None):
    """The KerasTensor that `network` makes of inputs of this shape; builds its weights.

    Runs the network symbolically, so a subclassed one needs neither `build` nor
    `compute_output_shape`. The dtype is by default Keras's float.
    """
    return network(keras.KerasTensor(shape, dtype=dtype or keras.config.floatx()))
