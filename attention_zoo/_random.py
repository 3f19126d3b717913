"""Random numbers that do not depend on how the graph is compiled."""

import keras


def uniform(shape, seed_generator):
    """Uniform float32 numbers in (0, 1), the next ones of a `keras.random.SeedGenerator`.

    On TensorFlow they are made here from random bits. `keras.random` leaves the algorithm to the
    compiler, which takes ThreeFry under XLA and Philox elsewhere, and also with the algorithm
    named, TensorFlow's float generators differ under XLA while its bits are the same
    (tensorflow/tensorflow#117644): a model would draw other samples with `jit_compile=True`.
    """
    if keras.backend.backend() != "tensorflow":
        return keras.random.uniform(shape, minval=2.0**-24, dtype="float32", seed=seed_generator)
    import tensorflow as tf

    bits = tf.random.stateless_uniform(
        shape, seed_generator.next(), minval=None, maxval=None, dtype="uint32", alg="philox"
    )
    # The upper 23 bits: with the half added, exact in float32, and neither 0 nor 1.
    return (
        tf.cast(tf.bitwise.right_shift(bits, tf.constant(9, "uint32")), "float32") + 0.5
    ) / 2**23
