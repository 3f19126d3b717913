"""Values that a graph holds fixed, read while it is traced; and tracing that is expected."""

import contextlib
import logging

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


@contextlib.contextmanager
def expected():
    """Within, TensorFlow does not warn of frequent tracing.

    An evaluation traces a graph for each model and each shape of its batches. TensorFlow counts
    those of all models of a process, and takes them for one function called wrongly.
    """
    logger = logging.getLogger("tensorflow")
    logger.addFilter(_is_other)
    try:
        yield
    finally:
        logger.removeFilter(_is_other)


def _is_other(record):
    return "triggered tf.function retracing" not in str(record.msg)
