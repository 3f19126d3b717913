"""Augmentation in the compiled training step: every segment flipped and shifted, anew each time.

The draws follow from the seed and the batch's rows of the table, in their order. They keep no
state, so a resumed run draws what an unbroken one would; and they are bits, not floats, which
TensorFlow draws otherwise under XLA (`attention_zoo._random`). Each replica draws for its share of
a batch: the draws are not those of one replica.
"""

import tensorflow as tf


def flip(segments, rows, seed):
    """Flips each segment left to right with probability 1/2.

    Args:
        segments: (b, m, h, w, c).
        rows: the rows of the table that they are, (b, m) int32.
        seed: int.

    Returns:
        (b, m, h, w, c).
    """
    return _moved(segments, _bits(rows, seed), 0, 0)


def flip_and_crop(segments, rows, seed):
    """As `flip`; then shifts by -h//8 to h//8 pixels down and -w//8 to w//8 across.

    Pixels that come in from outside are copies of the nearest one of the edge.
    """
    h, w = segments.shape[2:4]
    return _moved(segments, _bits(rows, seed), h // 8, w // 8)


AUGMENTATIONS = {
    "none": lambda segments, rows, seed: segments,
    "flip": flip,
    "flip_and_crop": flip_and_crop,
}


def check_augment(name, segment_shape):
    """Raises ValueError unless segments of this shape can be augmented so."""
    if name != "none" and len(segment_shape) != 3:
        raise ValueError(
            f"augment is {name!r} with segments of shape {segment_shape}, expected images (h, w, c)"
        )


def augmented(gather, name, seed):
    """`gather`, its segments augmented: rows (b, m) -> segments, for `Loop(prepare=...)`."""
    augment = AUGMENTATIONS[name]
    return lambda rows: augment(gather(rows), rows, seed)


def _bits(rows, seed):
    """Three random uint32 a segment, (b, m, 3)."""
    flat = tf.cast(tf.reshape(rows, [-1]), tf.int64)
    place = tf.range(1, tf.size(flat, out_type=tf.int64) + 1)
    key = tf.stack([tf.constant(seed, tf.int64), tf.reduce_sum(flat * place)])
    shape = tf.concat([tf.shape(rows), [3]], axis=0)
    return tf.random.stateless_uniform(
        shape, key, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )


def _below(bits, n):
    """Whole numbers 0 to n - 1, of the upper 16 bits."""
    return tf.cast(tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32)), tf.int32) * n // 2**16


def _moved(segments, bits, most_down, most_across):
    """Looks every pixel up where it was: one gather for flip and shift."""
    m, h, w, c = segments.shape[1:]
    flips, down, across = tf.unstack(bits[..., tf.newaxis], axis=2)  # each (b, m, 1)
    y = tf.range(h) + _below(down, 2 * most_down + 1) - most_down
    x = tf.range(w) + _below(across, 2 * most_across + 1) - most_across
    y, x = tf.clip_by_value(y, 0, h - 1), tf.clip_by_value(x, 0, w - 1)
    x = tf.where(_below(flips, 2) == 1, w - 1 - x, x)
    pixel = y[..., :, tf.newaxis] * w + x[..., tf.newaxis, :]  # (b, m, h, w)
    moved = tf.gather(
        tf.reshape(segments, (-1, m, h * w, c)),
        tf.reshape(pixel, (-1, m, h * w)),
        axis=2,
        batch_dims=2,
    )
    return tf.reshape(moved, (-1, m, h, w, c))
