"""The one order of examples: it follows from the seed, and can be taken up at any step.

Grain has such orders too; it reads example by example in Python, where a batch of mosaics is one
look-up in a table of numbers.
"""

import tensorflow as tf

_POOL = 16  # batches that are sorted by length together


# AutoGraph writes files, for which a disk may have no room, and there is nothing for it to do.
_as_it_is = tf.autograph.experimental.do_not_convert


def endless(n, batch_size, seed, *, first_step=0, lengths=None):
    """Full batches (b,) of the numbers of n examples, epoch after epoch, from a step on.

    The order of an epoch follows from the seed and the epoch's number alone. An epoch has
    n // batch_size batches.

    Args:
        n: Number of examples.
        batch_size: Examples a batch.
        seed: A non-negative integer.
        first_step: The number of the first batch, counted from the first epoch's first.
        lengths: Of the examples, (n,) integer, where batches are to be of about one length.

    Returns:
        A `tf.data.Dataset` of int64 (b,).
    """
    first_epoch, done = divmod(first_step, n // batch_size)

    @_as_it_is
    def left(number):
        batches = _epoch(n, batch_size, [seed, number], lengths, drop_remainder=True)
        return batches.skip(tf.where(number == first_epoch, tf.cast(done, tf.int64), 0))

    return tf.data.Dataset.range(first_epoch, tf.int64.max).flat_map(left)


def one_pass(n, batch_size, seed=None, *, lengths=None, drop_remainder=False):
    """Batches of all n numbers: in their order without a seed, else in a new one each pass."""
    if seed is None:
        return tf.data.Dataset.range(n).batch(batch_size, drop_remainder=drop_remainder)
    number = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1)

    @_as_it_is
    def epoch(i):
        return _epoch(n, batch_size, [seed, i], lengths, drop_remainder)

    return number.flat_map(epoch)


def check_batch_size(batch_size, most=None, what="examples"):
    """Raises ValueError for a batch of none, or of more than the `most` there are of `what`."""
    if batch_size < 1 or (most is not None and batch_size > most):
        expected = "1 or more" if most is None else f"1 to {most}, the {what} there are"
        raise ValueError(f"batch_size is {batch_size}, expected {expected}")


def _epoch(n, batch_size, seed, lengths, drop_remainder):
    """One pass in the order of two seeds; by `lengths`, batches are of about one length.

    For these all examples in random order are cut into pools of 16 batches; a pool is sorted by
    length and cut into batches; the batches of all pools are taken in random order. The remainder
    comes last.
    """
    order = tf.random.experimental.stateless_shuffle(tf.range(n, dtype=tf.int64), seed)
    whole = n // batch_size * batch_size
    full = order[:whole]
    if lengths is not None:
        full = _by_length(full, batch_size, lengths, seed)
    batches = tf.ensure_shape(tf.reshape(full, (-1, batch_size)), (None, batch_size))
    dataset = tf.data.Dataset.from_tensor_slices(batches)
    if drop_remainder or whole == n:
        return dataset
    return dataset.concatenate(tf.data.Dataset.from_tensors(order[whole:]))


def _by_length(numbers, batch_size, lengths, seed):
    pool = tf.range(tf.size(numbers, tf.int64)) // (_POOL * batch_size)
    own = tf.gather(tf.cast(lengths, tf.int64), numbers)
    sort = tf.argsort(pool * (tf.reduce_max(own) + 1) + own, stable=True)
    batches = tf.reshape(tf.gather(numbers, sort), (-1, batch_size))
    return tf.random.experimental.stateless_shuffle(batches, seed)
