"""Random numbers that do not depend on how the graph is compiled."""

import keras


def uniform(shape, minval, seed_generator):
    """Uniform float32 numbers in [minval, 1), the next ones of a `keras.random.SeedGenerator`.

    On TensorFlow the algorithm is named: `keras.random` leaves it to the compiler, which takes
    ThreeFry under XLA and Philox elsewhere, so that a model would draw other samples with
    `jit_compile=True` than with False.
    """
    if keras.backend.backend() != "tensorflow":
        return keras.random.uniform(shape, minval=minval, dtype="float32", seed=seed_generator)
    import tensorflow as tf

    return tf.random.stateless_uniform(
        shape, seed_generator.next(), minval=minval, maxval=1.0, alg="philox"
    )
