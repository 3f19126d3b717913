"""Writes slides as CLAM and TRIDENT leave them, made up: to try bags without any.

    python examples/made_up_slides.py --folder=slides

A slide has some hundred patches of 32 features, their places and its size in an HDF5 file, and a
thumbnail of all of it, also of the glass right of its tissue and below. In every other one some
neighbouring patches are a tumour. labels.csv says which, and of whom.
"""

import argparse
from pathlib import Path

import h5py
import numpy as np
from matplotlib import image

PATCH = 256
WIDTH, HEIGHT = 24 * PATCH, 18 * PATCH  # of a slide; its patches lie within 16 × 12
PIXEL = 16  # side of a thumbnail's pixel


def main(folder, slides=40, seed=0):
    """Writes the folder: two slides a patient, each with a tumour or without."""
    folder, rng = Path(folder), np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["slide,label,case"]
    for i in range(slides):
        name, label = f"slide{i:02}", ("normal", "tumour")[i % 2]
        coords, tumour = places(rng, label == "tumour")
        features = rng.normal(size=(len(coords), 32)).astype("float32")
        features[tumour, :4] += 2.0
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file["features"], file["coords"] = features, coords
            sizes = {"patch_size_level0": PATCH, "level0_width": WIDTH, "level0_height": HEIGHT}
            file["coords"].attrs.update(sizes)
        image.imsave(folder / f"{name}.png", thumbnail(coords, rng))
        rows.append(f"{name},{label},patient{i // 2:02}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")


def places(rng, has_tumour):
    """Corners of the patches of some tissue (m, 2), and which are tumour, bool (m,)."""
    grid = np.stack(np.meshgrid(np.arange(16), np.arange(12)), axis=-1).reshape(-1, 2)
    middle = rng.uniform([6, 4], [10, 8])
    inside = (((grid - middle) / rng.uniform(4, 6, 2)) ** 2).sum(axis=1) < 1
    coords = grid[inside] * PATCH
    centre = coords[rng.integers(len(coords))]
    near = np.abs(coords - centre).max(axis=1) <= PATCH
    return coords, near & has_tumour


def thumbnail(coords, rng):
    """A picture of the whole slide: tissue pink, glass grey."""
    picture = np.full((HEIGHT // PIXEL, WIDTH // PIXEL, 3), 240.0)
    side = PATCH // PIXEL
    for x, y in coords // PIXEL:
        picture[y : y + side, x : x + side] = (225, 170, 200)
    return np.uint8(np.clip(picture + rng.normal(0, 8, picture.shape), 0, 255))


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default="slides")
    return parser


if __name__ == "__main__":
    main(_parser().parse_args().folder)
