import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.datasets import Mosaics
from attention_zoo.datasets.mosaics.device_dataset import resident


def mosaics(shape, dtype="uint8"):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (9, *shape)).astype(dtype)
    table = rng.integers(9, size=(5, 4), dtype=np.int32)
    return Mosaics(tf.constant(images), table, np.arange(5), np.arange(5) % 4)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((4, 6, 1), "uint8"), ((3, 5, 3), "uint8"), ((7,), "float32")],
    ids=["words", "no words", "floats"],
)
def test_gathers_what_the_mosaics_gather(shape, dtype, jit_compile):
    """Bit for bit; images whose bytes make whole words of four, and others."""
    source = mosaics(shape, dtype)
    gathered = tf.function(resident(source), jit_compile=jit_compile)(source.table)
    assert gathered.shape == (5, 4, *shape)
    np.testing.assert_array_equal(gathered, source.gather(source.table))


def test_the_batch_may_be_of_any_size():
    source = mosaics((4, 6, 1))
    gather = tf.function(resident(source), input_signature=[tf.TensorSpec((None, 4), tf.int32)])
    np.testing.assert_array_equal(gather(source.table[:2]), source.gather(source.table[:2]))


def test_every_replica_gathers_from_its_own_copy(two_replicas):
    source = mosaics((4, 6, 1))
    gather = resident(source, two_replicas)

    @tf.function
    def call():
        return two_replicas.run(gather, args=(tf.constant(source.table),))

    for part in two_replicas.experimental_local_results(call()):
        np.testing.assert_array_equal(part, source.gather(source.table))
    captured = [x for x, _ in call.get_concrete_function().graph.captures]
    copies = [x.device for x in captured if x.shape == (9, 6)]
    assert sorted(copy[-5:] for copy in copies) == ["CPU:0", "CPU:1"]
