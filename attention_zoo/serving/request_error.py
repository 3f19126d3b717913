"""RequestError: why a request gets no answer; and the checks of its inputs that raise it."""

import numpy as np

LONGEST = 400  # letters of a reason: what came in is quoted, and may be long
KINDS = {"float": "fiu", "integer": "iu", "bool": "b", "string": "SU"}  # NumPy's, that it takes


class RequestError(Exception):
    """A request that cannot be answered.

    Args:
        status: the HTTP status, 4xx where the request is to blame.
        reason: one line: what came in and what was expected.
        closes: whether the connection ends with the answer: the body is not worth reading.
    """

    def __init__(self, status, reason, closes=False):
        super().__init__(reason if len(reason) <= LONGEST else reason[: LONGEST - 3] + "...")
        self.status = status
        self.closes = closes


def family(dtype):
    """The key of `KINDS` that a TensorFlow type belongs to, or None."""
    if dtype.is_floating:
        return "float"
    if dtype.is_integer:
        return "integer"
    return {"bool": "bool", "string": "string"}.get(dtype.name)


def shape_of(spec):
    """The shape of a TensorSpec as people write it: (b, 5, 8), with ? where any size will do."""
    rest = ["?" if n is None else str(n) for n in spec.shape[1:]]
    first = "b" if spec.shape[0] is None else str(spec.shape[0])
    return f"({', '.join([first, *rest])}{'' if rest else ','})"


def check_shape(shape, name, spec):
    """Refuses a shape that the TensorSpec of the input `name` does not allow, or with a 0 in it."""
    fits = len(shape) == len(spec.shape) and min(shape) > 0 and spec.shape.is_compatible_with(shape)
    if not fits:
        raise RequestError(400, f"{name} has shape {tuple(shape)}, expected {shape_of(spec)}")


def check_count(rows, most):
    """Refuses more rows than these."""
    if rows > most:
        raise RequestError(413, f"there are {rows} instances, expected {most} or fewer")


def padded_bytes(arrays):
    """The bytes of arrays, every string as long as the longest of its array, and one at least."""
    return sum(_longest(one) * one.size if one.dtype == object else one.nbytes for one in arrays)


def _longest(strings):
    return max(1, *map(len, strings.flat))


def check_range(least, most, name, dtype):
    """Refuses whole numbers outside the range of an integer type."""
    bounds = np.iinfo(dtype.as_numpy_dtype)
    for value in (least, most):
        if not bounds.min <= value <= bounds.max:
            raise RequestError(400, f"{name} has a number out of range, expected {dtype.name}")


def check_kind(numpy_dtype, name, dtype):
    """Refuses arrays of another family of types, and objects."""
    if numpy_dtype.kind not in KINDS[family(dtype)]:
        raise RequestError(400, f"{name} has the type {numpy_dtype}, expected {dtype.name}")


def cast(array, name, dtype):
    """An array of the right kind and not empty, as the type of its input.

    Raises:
        RequestError: numbers that are not finite as this type, or out of its range.
    """
    if family(dtype) == "string":
        return (
            np.char.encode(array).astype(object) if array.dtype.kind == "U" else array.astype("O")
        )
    if family(dtype) == "integer":
        check_range(array.min(), array.max(), name, dtype)
    with np.errstate(over="ignore"):
        array = np.asarray(array, dtype.as_numpy_dtype)
    if family(dtype) == "float" and not np.isfinite(array).all():
        raise RequestError(400, f"{name} has a number that is not finite, expected {dtype.name}")
    return array
