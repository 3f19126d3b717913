"""How large a slide and its patches are, in the units of coords.

As the attributes of `coords` say it, which TRIDENT and CLAM write, or two cells of labels.csv.
Coords are in pixels of level 0 with both. TRIDENT gives sizes of level 0 (`patch_size_level0`,
`level0_width`, `level0_height`); CLAM those of the level that was cut (`patch_size`, `level_dim`),
and how much smaller that is than level 0 (`downsample`, in x and y).
"""

import numpy as np


def patch_side(attributes):
    """The side of a patch; None where the attributes do not say it."""
    side = _numbers(attributes.get("patch_size_level0")) or _at_level_0(attributes, "patch_size")
    return None if side is None else side[0]


def slide_extent(attributes):
    """(width, height) of a slide; None where the attributes do not say it."""
    sides = [_numbers(attributes.get(f"level0_{name}")) for name in ("width", "height")]
    if None not in sides:
        return sides[0][0], sides[1][0]
    found = _at_level_0(attributes, "level_dim")
    return found if found is not None and len(found) == 2 else None


def extent_of_cells(cells, place):
    """(width, height) of the cells `width` and `height` of a row; None where both are "".

    Raises:
        ValueError: no numbers above 0, or one alone.
    """
    texts = [cells[name] for name in ("width", "height")]
    if not any(texts):
        return None
    found = _numbers(texts)
    if found is None:
        raise ValueError(
            f"{place} has width {texts[0]!r} and height {texts[1]!r}, expected numbers above 0, in "
            "the units of coords, or two empty cells"
        )
    return found


def _at_level_0(attributes, name):
    """A size in pixels of the level that was cut, in those of level 0."""
    size, scale = (_numbers(attributes.get(key)) for key in (name, "downsample"))
    if scale is None and np.any(attributes.get("patch_level", 0)):
        return None
    if size is None or scale is None:
        return size
    scales = (scale[0], scale[-1])  # of x and y, or one of both
    return tuple(a * b for a, b in zip(size, scales, strict=False))


def _numbers(value):
    """A value as a tuple of floats; None unless all are numbers above 0."""
    try:
        found = np.ravel(np.asarray(value, float))
    except (TypeError, ValueError):
        return None
    return tuple(found.tolist()) if len(found) and np.all((found > 0) & (found < np.inf)) else None
