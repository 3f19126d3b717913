"""Bags: labelled sets of instances, read and padded a batch at a time."""

import dataclasses

import numpy as np
import tensorflow as tf

from attention_zoo._class_names import ids_of, names_of
from attention_zoo.datasets.bags.instances import ArrayInstances, Instances
from attention_zoo.datasets.fingerprint import fingerprint
from attention_zoo.datasets.split import Examples, Split


def padded_size(m):
    """What bags of up to m instances are padded to: 8, 16, … 64, then eight sizes a doubling.

    Few, so that few graphs are compiled; at most an eighth of a large batch is padding.
    """
    step = max(8, 1 << max(int(m - 1).bit_length() - 4, 0))
    return max(step, -(-int(m) // step) * step)


@dataclasses.dataclass(frozen=True, eq=False)
class Bags(Examples):
    """n bags.

    Batches are ({"segments", "mask"}, {"label", "focus"}): instances (b, m, ...), float32 or uint8,
    which of them are there, bool (b, m), class ids (b,), and key instances, bool (b, m), all False
    where none are known. m is that of the largest bag, as `padded_size` has it. A batch is in
    memory while it is in flight, whatever holds the bags.

    Attributes:
        instances: `Instances`.
        labels: Class ids, (n,), int32.
        names: What the bags are called, n strings.
        cases: Of what each is a part, n strings: the patient of a slide. Bags of a case never lie
            in two splits.
        keys: Of every bag which instances decide, bool (m,), or None where that is not known. A bag
            without any, as a negative one, counts as not known.
        class_names: Names of the classes, in the order of the labels; None where not known.
    """

    instances: Instances = dataclasses.field(repr=False)
    labels: np.ndarray = dataclasses.field(repr=False)
    names: tuple[str, ...] = dataclasses.field(repr=False)
    cases: tuple[str, ...] = dataclasses.field(repr=False)
    keys: tuple = dataclasses.field(repr=False)
    class_names: tuple[str, ...] | None = None

    kind = "bags"

    @classmethod
    def from_lists(
        cls,
        bags,
        labels,
        keys=None,
        *,
        names=None,
        cases=None,
        coords=None,
        class_names=None,
    ):
        """From arrays of your own.

        Args:
            bags: Instances (m_j, ...) of one shape in a list, or a `tf.RaggedTensor` (n, m, ...).
                uint8 stays as it is, anything else becomes float32.
            labels: Class ids, (n,), from 0.
            keys: For every bag None, the number of its key instance, or 0/1 (m_j,); or None.
            names: What they are called; their numbers if None.
            cases: Of what they are parts; each of one of its own if None.
            coords: Where the instances are, (m_j, 2), or None.
            class_names: Names of the classes, in the order of the ids; None where not known.

        Raises:
            ValueError: No bags, an empty one, instances of two shapes, NaN, labels that are no
                class ids, or parts of another number.
        """
        instances = ArrayInstances.of(bags, coords)
        n = len(instances.lengths)
        names = tuple(map(str, range(n))) if names is None else tuple(map(str, names))
        cases = names if cases is None else tuple(map(str, cases))
        given = (None,) * n if keys is None else tuple(keys)
        labels = ids_of(labels, n, "bags")
        for name, part in {"names": names, "cases": cases, "keys": given}.items():
            if len(part) != n:
                raise ValueError(f"there are {n} bags and {len(part)} {name}, expected as many")
        marks = tuple(
            _marks(one, m, name)
            for one, m, name in zip(given, instances.lengths, names, strict=True)
        )
        classes = names_of(class_names, labels)
        found = cls(instances, labels, names, cases, marks, classes)
        for number in range(n):
            found.read(number)
        return found

    def __len__(self):
        return len(self.labels)

    @property
    def lengths(self):
        """Instances of every bag, (n,)."""
        return self.instances.lengths

    def rows(self, rows):
        rows = np.asarray(rows, int)
        names, cases, keys = (
            tuple(part[i] for i in rows) for part in (self.names, self.cases, self.keys)
        )
        labels = self.labels[rows]
        return Bags(self.instances.rows(rows), labels, names, cases, keys, self.class_names)

    def fingerprint(self):
        marks = np.array([m for one in self.keys for m in (() if one is None else one)])
        parts = [[self.instances.fingerprint()], self.labels, self.names, self.cases, marks]
        known = [key is not None for key in self.keys]
        if any(known) and not all(known):  # else lengths say whose marks they are
            parts.append(known)
        return fingerprint(*parts)

    def read(self, number):
        """The instances of a bag, (m, ...), float32 or uint8.

        Raises:
            ValueError: There are none, or one of them is not finite.
        """
        found = self.instances.read(number)
        if not len(found):
            raise ValueError(f"bag {self.names[number]} has 0 instances, expected 1 or more")
        if found.dtype == np.uint8:
            return found
        found = np.asarray(found, np.float32)
        if not np.isfinite(np.sum(found)):  # one pass; a sum may overflow, hence the second look
            broken = np.flatnonzero(~np.isfinite(found.reshape(len(found), -1)).all(axis=1))
            if len(broken):
                raise ValueError(
                    f"bag {self.names[number]} has NaN or infinity in instance {broken[0]}, "
                    "expected finite features"
                )
        return found

    def in_batches_of(self, instances):
        """One pass in batches of as many bags as padded to the largest have so many instances."""
        return self.dataset(min(256, max(1, instances // padded_size(self.lengths.max()))))

    def padded(self, rows, m=None):
        """(segments, mask, labels, keys) of the bags of these numbers, padded to m instances."""
        bags = [self.read(row) for row in rows]
        m = padded_size(max(map(len, bags))) if m is None else m
        segments = np.zeros((len(rows), m, *self.instances.shape), bags[0].dtype)
        mask, keys = np.zeros((2, len(rows), m), bool)
        for i, (row, bag) in enumerate(zip(rows, bags, strict=True)):
            segments[i, : len(bag)], mask[i, : len(bag)] = bag, True
            if self.keys[row] is not None:
                keys[i, : len(bag)] = self.keys[row]
        return segments, mask, self.labels[rows], keys

    def batches(self, numbers, batch_size, padded):
        kind = tf.uint8 if self.instances.dtype == np.uint8 else tf.float32
        shape, types = self.instances.shape, (kind, tf.bool, tf.int32, tf.bool)

        def read(rows):
            b = rows.shape[0]
            m = None if padded else tf.reduce_max(tf.gather(self.lengths, rows))
            given = [rows] if padded else [rows, m]
            segments, mask, label, focus = tf.numpy_function(
                lambda *args: self.padded(*args), given, types, stateful=False
            )
            segments = tf.ensure_shape(segments, (b, None, *shape))
            mask, focus = (tf.ensure_shape(x, (b, None)) for x in (mask, focus))
            label = tf.ensure_shape(label, (b,))
            return {"segments": segments, "mask": mask}, {"label": label, "focus": focus}

        return numbers.map(read).prefetch(1)


def _marks(key, m, name):
    """Key instances of a bag of m as bool (m,), or None."""
    if key is None:
        return None
    key = np.asarray(key)
    if key.ndim == 0 and key.dtype.kind in "iuf" and key % 1 == 0 and -1 <= key < m:
        return np.arange(m) == key
    if key.shape != (m,) or not np.isin(key, (0, 1)).all():
        raise ValueError(
            f"keys of bag {name} are {key.tolist()!r}, expected a number below {m}, or 0/1 ({m},)"
        )
    return key > 0


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class BagInfo(Split):
    """Bags and what is known of them.

    Attributes:
        source: The bags behind the pipeline.
    """

    source: Bags = dataclasses.field(repr=False)

    @property
    def segment_shape(self):
        """Shape of one instance, (d,) of a vector or (h, w, c) of an image."""
        return self.source.instances.shape

    @property
    def num_known(self):
        """How many of the bags have known key instances."""
        return sum(key is not None and bool(np.any(key)) for key in self.source.keys)
