"""Why a run failed, in one line."""

import re

import tensorflow as tf

# What TensorFlow writes around the reason: where the op stands, in its program and in ours.
_AROUND = re.compile(
    r"Graph execution error:|Detected at node |  File \"|\s*\[\[\{\{node |<stack traces un"
)
_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError)


def one_line(error):
    """The reason of an exception in one line, never empty."""
    reason = _reason(error)
    if (
        isinstance(error, tf.errors.ResourceExhaustedError)
        and "OOM" in reason
        or isinstance(error, MemoryError)
    ):
        return f"memory is not enough ({reason}), expected less data, a smaller batch or model"
    if isinstance(error, _LOST) and "ollective" in reason:
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
