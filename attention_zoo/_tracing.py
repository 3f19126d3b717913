"""Says nothing of graphs that are traced anew where that is meant."""

import contextlib
import logging


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
