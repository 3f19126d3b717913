"""What an error says, in a line."""

import re

# What TensorFlow writes around the reason: where the op stands, in its program and in ours.
_AROUND = re.compile(
    r"Graph execution error:|Detected at node |  File \"|\s*\[\[\{\{node |<stack traces un"
)
_LOST = ("UnavailableError", "AbortedError", "DeadlineExceededError")


def first_line(error):
    """The first line of an exception's text; the name of its class where it has none."""
    return (str(error) or type(error).__name__).splitlines()[0]


def is_tensorflow_error(error, *names):
    """Whether an exception is one of these `tf.errors`, or any of them without names.

    By the names of its classes: to know them, nothing has to import TensorFlow.
    """
    classes = {cls.__name__ for cls in type(error).__mro__}
    return "OpError" in classes and (not names or not classes.isdisjoint(names))


def one_line(error):
    """The reason of an exception in one line, never empty, also of TensorFlow's many."""
    reason = _reason(error)
    is_out_of_memory = is_tensorflow_error(error, "ResourceExhaustedError") and "OOM" in reason
    if is_out_of_memory or isinstance(error, MemoryError):
        return f"memory is not enough ({reason}), expected less data, a smaller batch or model"
    if is_tensorflow_error(error, *_LOST) and "ollective" in reason:
        return (
            f"another worker is lost ({reason}), expected all workers to live: the same commands "
            "on all of them go on from the last checkpoint"
        )
    return reason


def _reason(error):
    text = re.sub(r"\{\{function_node [^}]*\}\} ", "", str(error))
    lines = [line.strip() for line in text.splitlines() if not _AROUND.match(line)]
    lines = [line for line in lines if line]
    if not lines:
        return type(error).__name__
    introduces = lines[0].endswith(":") and len(lines) > 1
    return " ".join(lines[: 1 + introduces])
