"""Base images on the device: a training step gathers its pixels where it needs them."""

import numpy as np
import tensorflow as tf

from attention_zoo.datasets.mosaics.mosaics import scaled


def resident(source, strategy=None):
    """`source.gather` with the base images on the device of every replica.

    Args:
        source: `Mosaics`.
        strategy: the model's; None is TensorFlow's default.

    Returns:
        Callable, rows of the table (b, m) -> segments (b, m, ...), for `Loop(prepare=...)`.
    """
    strategy = strategy or tf.distribute.get_strategy()
    with tf.device("CPU:0"):
        images = tf.convert_to_tensor(source.images)
    words = _words(images)
    if isinstance(strategy, tf.distribute.TPUStrategy):
        with strategy.scope():
            copies = [tf.Variable(words, trainable=False, name="base_images")]
    else:  # no mirrored variable: workers would broadcast it through their network
        copies = [_copy_on(device, words) for device in _local_devices(strategy)]

    def gather(rows):
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        mine = 0 if len(copies) == 1 else tf.get_static_value(replica) % len(copies)
        return scaled(_bytes(tf.gather(copies[mine], rows), images))

    return gather


def _words(images):
    """Bytes as int32 words, (N, bytes / 4), if they are a multiple: GPUs gather no bytes."""
    size = int(np.prod(images.shape[1:]))
    if images.dtype != tf.uint8 or size % 4:
        return images
    return tf.bitcast(tf.reshape(images, (-1, size // 4, 4)), tf.int32)


def _bytes(gathered, images):
    """What `_words` made of images, (..., words), back as images (..., h, w, c)."""
    if gathered.dtype == images.dtype:
        return gathered
    shape = tf.concat([tf.shape(gathered)[:-1], images.shape[1:]], axis=0)
    found = tf.reshape(tf.bitcast(gathered, tf.uint8), shape)
    return tf.ensure_shape(found, (*gathered.shape[:-1], *images.shape[1:]))


def _local_devices(strategy):
    if not isinstance(
        strategy, (tf.distribute.MirroredStrategy, tf.distribute.MultiWorkerMirroredStrategy)
    ):
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return [devices[0].name]
    return strategy.extended.worker_devices


def _copy_on(device, images):
    with tf.device(device):
        return tf.identity(images)  # no copy where they are there already
