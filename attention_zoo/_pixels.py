"""Bytes as numbers in [-1, 1]: one formula for NumPy, TensorFlow and every backend of Keras."""


def from_bytes(values):
    """(x - 127.5) / 127.5 of bytes x that were cast to float32.

    The difference is exact, so this rounds once: the same bits in every library, and under XLA.
    """
    return (values - 127.5) * (1 / 127.5)
