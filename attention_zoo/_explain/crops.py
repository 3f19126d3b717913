"""Pictures as the parts that segments were made of."""

import numpy as np


def crops(picture, grid):
    """The parts of a picture (h, w, 3) that are the regions of a grid, (rows * columns, ...).

    All are of one size; where the grid does not divide the picture, what is over is left out.
    """
    rows, columns = grid
    h, w = picture.shape[0] // rows, picture.shape[1] // columns
    parts = picture[: rows * h, : columns * w].reshape(rows, h, columns, w, -1)
    return parts.transpose(0, 2, 1, 3, 4).reshape(rows * columns, h, w, -1)


def parts_of(pictures, grid):
    """Those of pictures (b, H, W, c), (b, rows * columns, h, w, c); None if less than a pixel each.

    Numbers of 0 to 255 come back as bytes, what else is no number of a picture as it is.
    """
    if pictures.shape[1] < grid[0] or pictures.shape[2] < grid[1]:
        return None
    parts = np.stack([crops(picture, grid) for picture in pictures])
    are_bytes = parts.dtype.kind == "f" and parts.min() >= 0.0 and 1.0 < parts.max() <= 255.0
    return parts.astype("uint8") if are_bytes else parts
