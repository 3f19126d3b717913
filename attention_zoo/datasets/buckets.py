"""Random batches of examples of about one length."""

import tensorflow as tf

_POOL = 16  # batches that are sorted by length together


def bucketed(lengths, batch_size, seed, drop_remainder=False):
    """One pass over n examples: a data set of batches (b,) of their numbers, int64.

    All examples in random order are cut into pools of 16 batches; a pool is sorted by length and
    cut into batches; the batches of all pools are taken in random order, the remainder last.

    Args:
        lengths: Of the examples, (n,) integer.
        batch_size: Examples a batch.
        seed: Two integers, from which the order follows alone.
        drop_remainder: Whether a last batch smaller than `batch_size` is left out.
    """
    n = len(lengths)
    order = tf.random.experimental.stateless_shuffle(tf.range(n, dtype=tf.int64), seed)
    full = order[: n // batch_size * batch_size]
    pool = tf.range(tf.size(full, tf.int64)) // (_POOL * batch_size)
    own = tf.gather(tf.cast(lengths, tf.int64), full)
    sort = tf.argsort(pool * (tf.reduce_max(own) + 1) + own, stable=True)
    batches = tf.reshape(tf.gather(full, sort), (-1, batch_size))
    shuffled = tf.random.experimental.stateless_shuffle(batches, seed)
    dataset = tf.data.Dataset.from_tensor_slices(tf.ensure_shape(shuffled, (None, batch_size)))
    if drop_remainder or n % batch_size == 0:
        return dataset
    rest = tf.data.Dataset.from_tensors(order[n // batch_size * batch_size :])
    return dataset.concatenate(rest)
