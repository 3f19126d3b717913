"""Checks of values in a graph, where TensorFlow can raise."""

import contextlib
import re

import keras

from attention_zoo._compiler import compiled_by_xla


def can_raise():
    """Whether `require` raises in what is being traced: in TensorFlow's graphs, not under XLA."""
    return keras.backend.backend() == "tensorflow" and not compiled_by_xla()


def can_look(x):
    """Whether the value of a tensor may be read here for a check.

    Not of a PyTorch tensor on a GPU, where every look waits for the device, nor of one whose
    function PyTorch compiles.
    """
    if keras.backend.backend() != "torch":
        return True
    import torch

    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def require(condition, *message):
    """Raises as the graph runs unless `condition`, a bool scalar, holds; nothing under XLA.

    Args:
        condition: bool scalar.
        *message: strings and scalars, the parts of the error's line, two or more.
    """
    if can_raise():
        _assert(condition, message)


def require_all(right, message):
    """Raises unless all of `right` is, wherever that can be done.

    Eagerly a ValueError; in a graph of TensorFlow that is not compiled by XLA an error as it runs,
    which `as_value_error` makes a ValueError of; elsewhere nothing, as of what lies on a GPU in
    PyTorch's steps.

    Args:
        right: bool (...).
        message: callable -> the parts of the error's line, two or more.
    """
    if not can_look(right):
        return
    try:
        are_right = bool(keras.ops.all(right))
    except TypeError:  # what a symbolic truth value raises
        _require_lazily(keras.ops.all(right), message)
        return
    if not are_right:
        raise ValueError(as_line(*map(_as_text, message())))


def _as_text(part):
    if isinstance(part, str):
        return part
    value = keras.ops.convert_to_numpy(part)
    return str(value) if value.dtype.kind == "i" else f"{float(value):g}"


def _require_lazily(condition, message):
    """As `require`; the message's operations run where the condition fails alone.

    A step that is right pays for one conditional.

    Args:
        condition: bool scalar.
        message: callable -> the parts.
    """
    if not can_raise():
        return
    import tensorflow as tf

    def fail():
        _assert(False, message())
        return False

    tf.cond(condition, lambda: True, fail)


def _assert(condition, message):
    import tensorflow as tf

    data = [tf.convert_to_tensor(part) for part in (_MARK, *message)]
    tf.raw_ops.Assert(condition=condition, data=data, summarize=1)


_MARK = "attention_zoo"  # tells these assertions from those of others
_OWN = re.compile(rf"assertion failed: \[{_MARK}\] \[(.*)\]")


# As Keras writes a ValueError that a layer raised in its call.
_OF_A_CALL = re.compile(
    r"Exception encountered when calling (\w+)\.call\(\)\.\n\n\x1b\[1m(.*)\x1b\[0m\n\nArguments "
)


@contextlib.contextmanager
def as_value_error(model):
    """What these two raise within, as a ValueError of one line: TensorFlow writes a page.

    So is a ValueError of one line that the call of the model itself raised: Keras adds its
    arguments, all of them. Assertions and errors of others stay as they are.
    """
    try:
        yield
    except Exception as error:
        found = _OWN.search(str(error))
        if found is not None:
            raise ValueError(as_line(*found[1].split("] ["))) from None
        refused = _OF_A_CALL.match(str(error)) if type(error) is ValueError else None
        if refused is None or refused[1] != type(model).__name__:
            raise
        raise ValueError(refused[2]) from error


def as_line(*message):
    """The line of a message in parts, of two or more; the last says what was expected."""
    return f"{' '.join(message[:-1])}, {message[-1]}"
