"""Epoch after epoch without end, from any step on."""

import tensorflow as tf


def endless_epochs(epoch, batches_per_epoch, first_step):
    """A data set of the batches of one epoch after the other.

    Args:
        epoch: Function of an epoch's number, an int64 tensor, -> the data set of its batches.
        batches_per_epoch: How many these are.
        first_step: The number of the first batch, counted from the first epoch's first.
    """
    first_epoch, done = divmod(first_step, batches_per_epoch)

    def left(number):
        return epoch(number).skip(tf.where(number == first_epoch, tf.cast(done, tf.int64), 0))

    return tf.data.Dataset.range(first_epoch, tf.int64.max).flat_map(left)


def check_batch_size(batch_size, most=None, what="examples"):
    """Raises ValueError for a batch of none, or of more than the `most` there are of `what`."""
    if batch_size < 1 or (most is not None and batch_size > most):
        expected = "1 or more" if most is None else f"1 to {most}, the {what} there are"
        raise ValueError(f"batch_size is {batch_size}, expected {expected}")
