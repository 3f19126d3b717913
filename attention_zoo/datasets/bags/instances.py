"""Instances of bags: what a bag holds, read when it is asked for."""

import abc

import numpy as np

from attention_zoo._bags import arrays_of
from attention_zoo.datasets.fingerprint import fingerprint


class Instances(abc.ABC):
    """The instances of n bags.

    Attributes:
        lengths: Instances of every bag, (n,).
        shape: Of one instance, (d,) of a vector or (h, w, c) of an image.
        dtype: Of what `read` gives.
    """

    lengths: np.ndarray
    shape: tuple[int, ...]
    dtype: np.dtype

    @abc.abstractmethod
    def read(self, number):
        """The instances of a bag, (m, ...)."""

    @abc.abstractmethod
    def rows(self, rows):
        """Those of the bags of these numbers, (k,)."""

    @abc.abstractmethod
    def fingerprint(self):
        """A SHA-256, hexadecimal: equal for equal instances in equal order."""

    def coords(self, number):
        """Where the instances of a bag are, (m, 2), x and y; None where that is not known."""
        return None

    def patch_size(self, number):
        """The side of an instance in the units of `coords`; None where that is not known."""
        return None

    def extent(self, number):
        """(width, height) of what a bag was cut from, in the units of `coords`, or None."""
        return None

    def thumbnail(self, number):
        """A small picture of the whole that a bag was cut from, (h, w, c), or None."""
        return None


class ArrayInstances(Instances):
    """Instances in memory, all bags in one array.

    Args:
        flat: The instances of all bags, one bag after another, (N, ...).
        lengths: Instances of every bag, (n,), summing to N.
        coords: Where they are, (N, 2), or None.
    """

    def __init__(self, flat, lengths, coords=None):
        self.flat, self.lengths = np.asarray(flat), np.asarray(lengths, np.int64)
        self.shape, self.dtype = self.flat.shape[1:], self.flat.dtype
        self._ends = np.cumsum(self.lengths)
        self._coords = coords

    @classmethod
    def of(cls, bags, coords=None):
        """From bags (m_j, ...) in a list, or a `tf.RaggedTensor`, and a list of coords (m_j, 2)."""
        arrays, shape = arrays_of(bags)
        kind = np.result_type(*(bag.dtype for bag in arrays))
        if kind.kind not in "fiub":
            raise ValueError(f"instances have dtype {kind}, expected numbers")
        kind = np.dtype("uint8" if kind == np.uint8 else "float32")
        lengths = list(map(len, arrays))
        flat = np.empty((sum(lengths), *shape), kind)
        np.concatenate([bag.reshape(-1, *shape) for bag in arrays], out=flat, casting="unsafe")
        if coords is None:
            return cls(flat, lengths)
        if list(map(len, coords)) != lengths:
            raise ValueError(
                f"coords are of {list(map(len, coords))[:5]} … instances, expected {lengths[:5]} …"
            )
        places = [np.asarray(one, np.float32) for one in coords]
        for number, (one, m) in enumerate(zip(places, lengths, strict=True)):
            if one.shape != (m, 2):
                raise ValueError(
                    f"coords of bag {number} have shape {one.shape}, expected ({m}, 2)"
                )
        return cls(flat, lengths, np.concatenate(places))

    def read(self, number):
        return self.flat[self._of(number)]

    def coords(self, number):
        return None if self._coords is None else self._coords[self._of(number)]

    def rows(self, rows):
        places = [self._of(row) for row in rows]
        index = np.concatenate([np.zeros(0, int), *(np.arange(p.start, p.stop) for p in places)])
        coords = None if self._coords is None else self._coords[index]
        return ArrayInstances(self.flat[index], self.lengths[np.asarray(rows, int)], coords)

    def fingerprint(self):
        return fingerprint(self.lengths, self.flat)

    def _of(self, number):
        end = int(self._ends[number])
        return slice(end - int(self.lengths[number]), end)
