"""Random batches of examples of about one length."""

import tensorflow as tf

from attention_zoo.datasets.epochs import endless_epochs

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


def rebucketed(lengths, batch_size, seed, drop_remainder=False):
    """`bucketed` in a new order each pass, all following from the seed, an integer."""
    number = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1)
    return number.flat_map(lambda i: bucketed(lengths, batch_size, [seed, i], drop_remainder))


def endless_buckets(lengths, batch_size, seed, first_step):
    """Full batches of `bucketed`, epoch after epoch, from batch `first_step` on."""
    return endless_epochs(
        lambda number: bucketed(lengths, batch_size, [seed, number], drop_remainder=True),
        len(lengths) // batch_size,
        first_step,
    )
