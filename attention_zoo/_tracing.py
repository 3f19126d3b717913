"""Values that a graph holds fixed: read while it is traced, checked while it runs."""

import keras


def known_int(variable):
    """The present value of an integer variable, also while a graph is traced.

    None where nobody can say: on JAX within `fit` or a traced call, where it is an argument.
    """
    if keras.backend.backend() != "tensorflow":
        return _concrete(variable)
    import tensorflow as tf

    with tf.init_scope():
        return _concrete(variable)


def _concrete(variable):
    if getattr(variable, "_value", variable) is None:
        return None  # JAX's `fit` has taken it, and its `value` would be the initial one
    try:
        return int(variable.numpy())
    except (TypeError, AttributeError, NotImplementedError, RuntimeError):
        return None  # an argument of what is traced, or given away to it


def check_held(variable, value, message):
    """Makes the graph that is traced now fail once the variable is no longer `value`.

    On TensorFlow; XLA drops the check.
    """
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    if not tf.executing_eagerly():
        tf.debugging.Assert(tf.equal(tf.convert_to_tensor(variable.value), value), [message])
