"""Slides: HDF5 files of features, and labels.csv."""

import h5py
import numpy as np
import pytest

from attention_zoo import datasets
from attention_zoo.datasets.bags import slides


@pytest.fixture
def folder(tmp_path):
    """Six slides of three patients, with splits; "c" as CLAM writes it, (1, m, d) in float16."""
    rng = np.random.default_rng(0)
    for i, name in enumerate("abcdef"):
        features = rng.normal(size=(4 + i, 5)).astype("float32")
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["features"] = features.astype("float16")[None] if name == "c" else features
            file["coords"] = np.stack([np.arange(4 + i) * 256, np.full(4 + i, i)], axis=1)
            file["coords"].attrs["patch_size"] = 256
    table = ["slide,label,split,case"]
    splits = ["train", "train", "train", "train", "val", "test"]
    table += [f"{s},{'ab'[i % 2]},{splits[i]},p{i // 2 + i // 5}" for i, s in enumerate("abcdef")]
    (tmp_path / "labels.csv").write_text("\n".join(table) + "\n")
    return tmp_path


def test_slides_are_read_as_they_are(folder):
    _, info = datasets.load("bags/slides", "all", data_dir=str(folder))
    assert info.source.names == tuple("abcdef") and info.class_names == ("a", "b")
    assert info.source.lengths.tolist() == [4, 5, 6, 7, 8, 9] and info.segment_shape == (5,)
    with h5py.File(folder / "c.h5") as file:
        np.testing.assert_array_equal(info.source.read(2), file["features"][0].astype("float32"))
    assert info.source.read(2).dtype == np.float32
    np.testing.assert_array_equal(info.source.instances.coords(1)[:, 0], np.arange(5) * 256)
    assert info.source.instances.patch_size(0) == 256.0


def test_coords_may_have_the_axis_that_features_have(folder):
    """(1, m, 2), beside (1, m, d)."""
    places = np.arange(6.0).reshape(1, 3, 2)
    edit(folder, "a", features=np.ones((1, 3, 5)), coords=places)
    instances = slides.load("all", data_dir=str(folder)).source.instances
    np.testing.assert_array_equal(instances.coords(0), places[0])


def test_a_table_may_have_columns_without_a_name(folder):
    """As a spreadsheet leaves them."""
    lines = (folder / "labels.csv").read_text().splitlines()
    (folder / "labels.csv").write_text("".join(f"{line},,\n" for line in lines))
    assert slides.load("all", data_dir=str(folder)).num_examples == 6


def test_slides_without_a_case_are_cases_of_their_own(folder):
    lines = (folder / "labels.csv").read_text().splitlines()
    cells = [line.rpartition(",")[0] for line in lines[1:]]
    known = ["p0", "nan", "NA", "", "<NA>", "p0"]
    rows = [f"{some},{case}".replace(",test", ",train") for some, case in zip(cells, known)]
    (folder / "labels.csv").write_text("\n".join([lines[0], *rows]))
    _, info = datasets.load("bags/slides", "all", data_dir=str(folder))
    cases = dict(zip(info.source.names, info.source.cases, strict=True))
    assert cases == {"a": "p0", "b": "b", "c": "c", "d": "d", "e": "e", "f": "p0"}


def with_attributes(folder, name, **attributes):
    with h5py.File(folder / f"{name}.h5", "a") as file:
        for old in list(file["coords"].attrs):
            del file["coords"].attrs[old]
        for key, value in attributes.items():
            file["coords"].attrs[key] = value


@pytest.mark.parametrize(
    ("attributes", "side", "extent"),
    [
        # As TRIDENT writes them, as CLAM does for level 0 and level 1, and what says nothing.
        (
            {"patch_size": 256, "patch_size_level0": 512, "level0_width": 90, "level0_height": 70},
            512,
            (90, 70),
        ),
        (
            {"patch_size": 256, "patch_level": 0, "downsample": (1.0, 1.0), "level_dim": (90, 70)},
            256,
            (90, 70),
        ),
        (
            {"patch_size": 256, "patch_level": 1, "downsample": (4.0, 4.5), "level_dim": (90, 70)},
            1024,
            (360, 315),
        ),
        ({"patch_size": 256, "patch_level": 0, "level_dim": (90, 70)}, 256, (90, 70)),
        ({"patch_size": (64, 64, 3), "downsample": 2, "level_dim": (90, 70)}, 128, (180, 140)),
        ({"patch_size": 256, "patch_level": 1, "level_dim": (90, 70)}, None, None),
        ({"patch_size": np.array([128]), "level0_width": 90}, 128, None),
        ({"patch_size": "NA", "level0_width": 0, "level0_height": 70}, None, None),
        ({}, None, None),
    ],
)
def test_sizes_are_in_the_units_of_coords(attributes, side, extent, folder):
    with_attributes(folder, "b", **attributes)
    instances = slides.load("all", data_dir=str(folder)).source.instances
    assert (instances.patch_size(1), instances.extent(1)) == (side, extent)


def test_labels_csv_may_say_how_large_a_slide_is(folder):
    """Where its file does not; `height` without `width` may be a patient's."""
    lines = (folder / "labels.csv").read_text().splitlines()
    sizes = ["width,height", "90,70", "80.5,60", ",", "nan,nan", "1,1", "1,1"]
    with_attributes(folder, "b", level0_width=5, level0_height=6)
    table = "".join(f"{line},{size}\n" for line, size in zip(lines, sizes, strict=True))
    (folder / "labels.csv").write_text(table)
    source = slides.load("train", data_dir=str(folder)).source.rows([3, 2, 1, 0])
    assert [source.instances.extent(i) for i in range(4)] == [None, None, (5, 6), (90, 70)]
    heights = "".join(f"{line},{size}\n" for line, size in zip(lines, ["height", *"123456"]))
    (folder / "labels.csv").write_text(heights)
    assert slides.load("all", data_dir=str(folder)).source.instances.extent(0) is None


def test_splits_of_slides(folder):
    assert slides.splits_of(str(folder)) == ["train", "validation", "test"]
    sizes = {
        name: datasets.load("bags/slides", name, data_dir=str(folder))[1].num_examples
        for name in ("train", "validation", "test", "all", "train[:50%]")
    }
    assert sizes == {"train": 4, "validation": 1, "test": 1, "all": 6, "train[:50%]": 2}


def test_slides_are_read_when_a_batch_needs_them(folder, monkeypatch):
    source = slides.load("train", data_dir=str(folder)).source.rows(np.arange(40) % 4)
    read = []
    real = slides.SlideInstances.read
    monkeypatch.setattr(
        slides.SlideInstances, "read", lambda self, i: read.append(i) or real(self, i)
    )
    batches = iter(source.dataset(1))
    assert read == []
    next(batches)
    assert 1 <= len(read) < 20  # what is in flight, not the 40


def test_the_fingerprint_of_slides_follows_their_files(folder):
    before = slides.load("train", data_dir=str(folder)).source.fingerprint()
    assert slides.load("train", data_dir=str(folder)).source.fingerprint() == before
    with h5py.File(folder / "a.h5", "a") as file:
        file["features"][0, 0] = 1234.0
    assert slides.load("train", data_dir=str(folder)).source.fingerprint() != before


def test_the_fingerprint_sees_features_of_files_that_grew(tmp_path):
    """CLAM appends, in chunks of a patch: the ends of a file are its head and its coords."""
    (tmp_path / "labels.csv").write_text("slide,label\na,x\nb,y\n")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["features"] = np.ones((1, 256))
    found = set()
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        with h5py.File(tmp_path / "a.h5", "w") as file:
            for name, width in (("features", 256), ("coords", 2)):
                file.create_dataset(
                    name, (0, width), "f4", maxshape=(None, width), chunks=(1, width)
                )
            for start in range(0, 600, 200):
                file["features"].resize(start + 200, axis=0)
                file["features"][start:] = rng.normal(size=(200, 256))
                file["coords"].resize(start + 200, axis=0)
        found.add(slides.load("all", data_dir=str(tmp_path)).source.fingerprint())
    assert len(found) == 2


def edit(folder, name, line=None, **parts):
    """Writes a slide anew, and maybe a line behind labels.csv."""
    with h5py.File(folder / f"{name}.h5", "w") as file:
        for key, value in parts.items():
            file[key] = value
    if line:
        with (folder / "labels.csv").open("a") as file:
            file.write(line + "\n")


def linked(folder):
    """Slide "twin" is a link to that of "b"."""
    (folder / "twin.h5").symlink_to(folder / "b.h5")
    with (folder / "labels.csv").open("a") as file:
        file.write("twin,a,test,p9\n")


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [
        (lambda f: edit(f, "a", coords=[[0, 0]]), ValueError, r"a.h5 has \['coords'\], expected f"),
        (
            lambda f: edit(f, "b", features=np.ones((5, 5)), coords=[[0, 0]]),
            ValueError,
            r"b.h5 has coords of shape \(1, 2\), expected \(5, 2\), a row a patch$",
        ),
        (lambda f: (f / "a.h5").write_text("no"), ValueError, "a.h5 cannot be read as HDF5"),
        (lambda f: (f / "a.h5").unlink(), FileNotFoundError, "slide a has no file, expected .*a.h"),
        (
            lambda f: edit(f, "b", features=np.ones((2, 6))),
            ValueError,
            "b.h5 has features of width 6",
        ),
        (lambda f: edit(f, "b", features=np.ones((0, 5))), ValueError, "slide b has 0 patches"),
        (
            lambda f: edit(f, "b", features=np.ones(5)),
            ValueError,
            r"shape \(5,\) and dtype float64",
        ),
        (lambda f: edit(f, "g", "g,,train,p9"), ValueError, "line 8 has no label, expected one"),
        (lambda f: edit(f, "g", "g,a,,p9"), ValueError, "line 8 has no split, expected one"),
        (
            lambda f: edit(f, "g", "g,a,tain,p9"),
            ValueError,
            "line 8 has the split 'tain', expected",
        ),
        (lambda f: edit(f, "g", "a,b,train,p0"), ValueError, "the labels 'a' and 'b' for slide a"),
        (lambda f: edit(f, "g", "a,a,train,p0"), ValueError, "has two rows for slide a"),
        (
            lambda f: edit(f, "g", "g,a,test,p0"),
            ValueError,
            "case p0 in the splits 'train' and 'te",
        ),
        (
            lambda f: (f / "labels.csv").write_text("name,label\n"),
            ValueError,
            "expected slide, lab",
        ),
        (lambda f: (f / "labels.csv").unlink(), FileNotFoundError, "a folder with labels.csv"),
        (
            lambda f: edit(f, "g", "g,a,train,p9,b"),
            ValueError,
            r"labels.csv, line 8 has \['b'\] beyond the last column, expected a cell a column$",
        ),
        (
            lambda f: (f / "labels.csv").write_text("slide,label, Label\na,a,b\n"),
            ValueError,
            "labels.csv has the column label twice, expected it once$",
        ),
        (
            lambda f: edit(f, "g", "a.h5,a,test,p9"),
            ValueError,
            "the slides a and a.h5 are one file, .*a.h5, expected a file a slide$",
        ),
        (
            linked,
            ValueError,
            "the slides b and twin are one file, .*b.h5, expected a file a slide$",
        ),
        *(
            (
                lambda f, coords=coords: edit(f, "b", features=np.ones((3, 5)), coords=coords),
                ValueError,
                r"b.h5 has coords of shape \(.*\), expected \(3, 2\), a row a patch$",
            )
            for coords in (np.ones((2, 3)), np.ones(6), np.ones((1, 2, 3)))
        ),
        *(
            (
                lambda f, size=size: (f / "labels.csv").write_text(
                    f"slide,label,width,height\na,a,{size}\n"
                ),
                ValueError,
                r"labels.csv, line 2 has width '.*' and height '.*', expected numbers above 0",
            )
            for size in ("90,", "90,tall", "90,-1", "inf,3")
        ),
    ],
)
def test_bad_slides_are_refused_in_a_line(damage, kind, message, folder):
    damage(folder)
    with pytest.raises(kind, match=message) as error:
        slides.load("all", data_dir=str(folder))
    assert "\n" not in str(error.value)


def test_nan_in_a_slide_is_said_when_it_is_read(folder):
    broken = np.ones((4, 5), "float32")
    broken[2, 1] = np.nan
    edit(folder, "a", features=broken)
    source = slides.load("train", data_dir=str(folder)).source
    with pytest.raises(ValueError, match="^bag a has NaN or infinity in instance 2, expected"):
        source.read(0)
