"""Checks of values in a graph, where TensorFlow can raise."""

import contextlib
import re

import keras

from attention_zoo._compiler import compiled_by_xla


def can_raise():
    """Whether `require` raises in what is being traced: in TensorFlow's graphs, not under XLA."""
    return keras.backend.backend() == "tensorflow" and not compiled_by_xla()


def require(condition, message):
    """Raises as the graph runs unless `condition`, a bool scalar, holds; nothing under XLA.

    Args:
        condition: bool scalar.
        message: callable -> strings and scalars, the parts of the error's line. Its operations run
            where the condition fails alone: a step that is right pays for one conditional.
    """
    if not can_raise():
        return
    import tensorflow as tf

    def fail():
        data = [tf.convert_to_tensor(part) for part in message()]
        tf.raw_ops.Assert(condition=False, data=data, summarize=1)
        return False

    tf.cond(condition, lambda: True, fail)


@contextlib.contextmanager
def as_value_error():
    """What `require` raises within, as a ValueError of one line: TensorFlow writes a page."""
    try:
        yield
    except Exception as error:
        found = re.search(r"assertion failed: \[(.*)\]", str(error))
        if found is None:
            raise
        raise ValueError(as_line(*found[1].split("] ["))) from None


def as_line(*message):
    """The line of a message in parts; the last says what was expected."""
    return f"{' '.join(message[:-1])}, {message[-1]}"
