"""What compiles the graph that is being traced, and the floats that it has."""

import keras


def compiled_by_xla():
    """Whether operations called now will be compiled by XLA; False in eager mode."""
    if keras.backend.backend() != "tensorflow":
        return keras.backend.backend() == "jax"
    import tensorflow as tf
    from tensorflow.python.ops import control_flow_util  # no public function tells

    if tf.executing_eagerly():
        return False
    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def widest_float():
    """The name of float64; of float32 where there is none, under JAX without `jax_enable_x64`."""
    if keras.backend.backend() != "jax":
        return "float64"
    import jax

    return "float64" if jax.config.jax_enable_x64 else "float32"
