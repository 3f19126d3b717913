"""Bags: padded batches of any bags, the field's CSV, slides in HDF5, drawn digits, folds."""

import h5py
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import datasets
from attention_zoo.datasets.bags import csv_file, digits, slides
from attention_zoo.datasets.bags.bags import padded_size
from attention_zoo.datasets.bags.folds import folds, train_validation_test

SIZES = (3, 1, 12, 7, 2, 9)


def some_bags(**options):
    """Bag i has instances that are i everywhere, i.0 to i.9 in the first feature."""
    bags = [np.full((m, 4), i, "float32") for i, m in enumerate(SIZES)]
    for bag in bags:
        bag[:, 0] += np.arange(len(bag)) / 100
    return datasets.Bags.from_lists(bags, [0, 1, 0, 1, 0, 1], **options)


def test_a_batch_is_the_bags_with_zeros_behind_and_says_what_is_there():
    source = some_bags(keys=[None, 0, None, [0, 1, 0, 0, 0, 0, 1], -1, None])
    (inputs, truth), (last, _) = source.dataset(4)
    assert inputs["segments"].shape == (4, 16, 4) and last["segments"].shape == (2, 16, 4)
    for i, m in enumerate(SIZES[:4]):
        np.testing.assert_array_equal(inputs["mask"][i], np.arange(16) < m)
        np.testing.assert_array_equal(inputs["segments"][i, :m], source.read(i))
        assert not np.any(inputs["segments"][i, m:])
    assert truth["label"].numpy().tolist() == [0, 1, 0, 1] and truth["focus"].dtype == tf.bool
    assert np.argwhere(truth["focus"]).tolist() == [[1, 0], [3, 1], [3, 6]]


def test_ragged_tensors_and_lists_are_the_same_bags():
    lists = some_bags()
    ragged = tf.RaggedTensor.from_row_lengths(lists.instances.flat, SIZES)
    same = datasets.Bags.from_lists(ragged, lists.labels)
    assert same.fingerprint() == lists.fingerprint()
    other = datasets.Bags.from_lists(ragged + 1.0, lists.labels)
    assert other.fingerprint() != lists.fingerprint()


def test_rows_are_those_bags():
    part = some_bags(coords=[np.zeros((m, 2)) + i for i, m in enumerate(SIZES)]).rows([5, 0])
    assert part.lengths.tolist() == [9, 3] and part.labels.tolist() == [1, 0]
    np.testing.assert_array_equal(part.read(1), some_bags().read(0))
    np.testing.assert_array_equal(part.instances.coords(0), np.full((9, 2), 5))
    assert part.names == ("5", "0")


def test_the_order_can_be_taken_up_at_any_step():
    whole = [x["segments"] for x, _ in some_bags().endless(2, seed=3).take(7)]
    later = [x["segments"] for x, _ in some_bags().endless(2, seed=3, first_step=4).take(3)]
    for one, other in zip(whole[4:], later, strict=True):
        np.testing.assert_array_equal(one, other)


def test_bags_of_a_batch_are_of_about_one_size():
    """Of 64 bags, half of 2 and half of 40 instances, no batch pads a small one to 40."""
    bags = [np.zeros((m, 1)) for m in np.tile([2, 40], 32)]
    source = datasets.Bags.from_lists(bags, np.arange(64) % 2)
    widths = [x["segments"].shape[1] for x, _ in source.endless(4, seed=0).take(16)]
    assert sorted(widths) == [8] * 8 + [40] * 8


def test_padded_sizes_are_few_and_hardly_larger():
    sizes = [padded_size(m) for m in range(1, 200_001)]
    assert sizes[:9] == [8] * 8 + [16] and sizes == sorted(sizes)
    assert all(m <= size for m, size in enumerate(sizes, start=1))
    assert all(size <= m * 1.13 for m, size in enumerate(sizes, start=1) if m > 64)
    assert len(set(sizes)) < 110


def test_without_a_batch_axis_nothing_is_padded():
    shapes = [x["segments"].shape for x, _ in some_bags().dataset()]
    assert shapes == [(m, 4) for m in SIZES]


def test_images_stay_bytes():
    source = datasets.Bags.from_lists([np.full((2, 5, 5, 1), 9, "uint8")] * 2, [0, 1])
    ((inputs, _),) = source.dataset(2)
    assert inputs["segments"].dtype == tf.uint8 and inputs["segments"].shape == (2, 8, 5, 5, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0, 1]}, "there are 3 bags and 2 labels"),
        ({"labels": [0, 1, -1]}, "^a label is -1, expected class ids from 0"),
        ({"labels": [0.0, 1.0, 1.0]}, r"^labels are float64 \(3,\), expected class ids from 0"),
        ({"bags": [np.zeros((2, 3)), np.zeros((0, 3)), np.zeros((1, 3))]}, "bag 1 has 0 instances"),
        ({"bags": [np.zeros((2, 3)), np.zeros((1, 4)), np.zeros((1, 3))]}, "bag 1 has segments"),
        ({"bags": [np.zeros((2, 3)), [[0, np.nan, 0]], np.zeros((1, 3))]}, "bag 1 has NaN or inf"),
        ({"bags": []}, "there are 0 bags"),
        ({"keys": [3, 0, 0]}, "keys of bag 0 are 3, expected a number below 2"),
        ({"keys": [0, 0]}, "there are 3 bags and 2 keys"),
        (
            {"coords": [np.zeros((1, 2))] * 3},
            r"coords are of \[1, 1, 1\] … instances, expected \[2, 1, 1\]",
        ),
    ],
)
def test_bad_bags_are_refused_in_a_line(change, message):
    given = {"bags": [np.zeros((2, 3)), np.zeros((1, 3)), np.zeros((1, 3))], "labels": [0, 1, 1]}
    with pytest.raises(ValueError, match=message) as error:
        datasets.Bags.from_lists(**given | change)
    assert "\n" not in str(error.value)


# --- the field's CSV ---

ROWS = "1,a,0.5,1\n1,a,0.25,2\n0,b,3,4\n0,c,5,6\n0,b,7,8\n"


def test_rows_of_a_bag_are_found_wherever_they_stand(tmp_path):
    numbered = f"label,bag,0,1\n{ROWS}"  # as pandas names columns without names
    for text in (ROWS, f"label,bag,f1,f2\n{ROWS}", numbered, f"class,f1,f2,f3\n{ROWS}"):
        (tmp_path / "bags.csv").write_text(text)
        _, info = datasets.load("bags/csv", data_dir=str(tmp_path / "bags.csv"))
        assert info.source.names == ("a", "b", "c") and info.class_names == ("0", "1")
        assert info.source.labels.tolist() == [1, 0, 0]
        np.testing.assert_array_equal(info.source.read(1), [[3, 4], [7, 8]])
        assert datasets.load("bags/csv", "train[:1]", data_dir=str(tmp_path / "bags.csv"))[
            1
        ].source.names == ("a",)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,d", "line 6 has 2 cells, expected label,bag,features"),
        (",d,1,2", "line 6 has no label"),
        ("1,d,1,1e300", "line 6 has NaN or infinity"),
        ("nan,d,1,2", "line 6 has no label"),
        ("1,,1,2", "line 6 has no bag"),
        ("1,d,1", "line 6 has 1 features, expected 2"),
        ("1,d,1,x", "line 6 has a feature that is no number"),
        ("1,d,1,nan", "line 6 has NaN or infinity"),
        ("1,b,1,2", "line 6 has the label '1', expected '0', that of bag b before"),
    ],
)
def test_a_bad_row_is_named_with_its_line(row, message, tmp_path):
    (tmp_path / "bags.csv").write_text(ROWS + row + "\n")
    with pytest.raises(ValueError, match=message) as error:
        csv_file.load(data_dir=str(tmp_path / "bags.csv"))
    assert "\n" not in str(error.value)


def test_a_file_of_no_bags_or_one_class_or_none_at_all(tmp_path):
    path = tmp_path / "bags.csv"
    with pytest.raises(FileNotFoundError, match="expected a CSV file of bags"):
        csv_file.load(data_dir=str(path))
    path.write_text("")
    with pytest.raises(ValueError, match="has 0 instances"):
        csv_file.load(data_dir=str(path))
    path.write_text("1,a,0.5,1\n1.0,b,0.5,1\n")  # one class, in two writings
    with pytest.raises(ValueError, match="the labels are all '1', expected 2 classes"):
        csv_file.load(data_dir=str(path))


@pytest.mark.parametrize(
    ("name", "bags", "positive", "instances", "width"),
    [("musk1", 92, 47, 476, 166), ("elephant", 200, 100, 1391, 230)],
)
def test_the_benchmarks_of_the_field(name, bags, positive, instances, width, shared_dir):
    info = csv_file.load(data_dir=str(shared_dir / "data" / "bags" / f"{name}.csv"))
    assert (info.num_examples, info.source.labels.sum()) == (bags, positive)
    assert info.source.lengths.sum() == instances and info.segment_shape == (width,)


# --- slides ---


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


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [
        (lambda f: edit(f, "a", coords=[[0, 0]]), ValueError, r"a.h5 has \['coords'\], expected f"),
        (
            lambda f: edit(f, "b", features=np.ones((5, 5)), coords=[[0, 0]]),
            ValueError,
            "b.h5 has 1 coords, expected 5, one a patch",
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


# --- drawn digits ---


def test_a_bag_of_digits_is_positive_where_the_key_digit_is():
    info = digits.load("train", num_examples=300, mean_size=6.0)
    again = digits.load("train", num_examples=300, mean_size=6.0)
    assert info.source.fingerprint() == again.source.fingerprint()
    assert info.source.labels.sum() == 150
    has_key = [bool(np.any(key)) for key in info.source.keys]
    assert has_key == info.source.labels.astype(bool).tolist()
    assert info.num_known == 150
    assert info.source.lengths.mean() == pytest.approx(6.0, abs=5 * 2.0 / 300**0.5)
    assert max(sum(key) for key in info.source.keys) > 1  # several keys are a mask


def test_bags_of_the_test_split_are_of_other_images():
    train, test = (
        digits.load(s, num_examples=200).source.instances.flat for s in ("train", "test")
    )
    pixels = [{one.tobytes() for one in images} for images in (train, test)]
    assert not pixels[0] & pixels[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_examples": 0}, "num_examples is 0"),
        ({"mean_size": 0.5}, "mean_size is 0.5"),
        ({"key_class": 10}, "key_class is 10"),
    ],
)
def test_digits_that_cannot_be_drawn(options, message):
    with pytest.raises(ValueError, match=message):
        digits.load(**options)


# --- folds ---


def test_folds_keep_cases_whole_and_classes_alike():
    rng = np.random.default_rng(0)
    cases = rng.integers(40, size=200).astype(str)
    labels = (cases.astype(int) % 2).astype(int)
    of = folds(labels, cases, 5, seed=1)
    for case in set(cases):
        assert len(set(of[cases == case])) == 1
    shares = [labels[of == k].mean() for k in range(5)]
    assert max(shares) - min(shares) < 0.2
    assert (of != folds(labels, cases, 5, seed=2)).any()


def test_every_bag_is_tested_once_and_the_splits_are_a_partition():
    labels, cases = np.arange(60) % 2, np.arange(60).astype(str)
    tested = []
    for fold in range(6):
        rows = train_validation_test(labels, cases, count=6, fold=fold, repeat=0, validation=1 / 6)
        assert [len(rows[name]) for name in ("train", "validation", "test")] == [40, 10, 10]
        assert sorted(np.concatenate(list(rows.values()))) == list(range(60))
        assert all(labels[some].mean() == 0.5 for some in rows.values())
        tested += rows["test"].tolist()
    assert sorted(tested) == list(range(60))
    assert "validation" not in train_validation_test(
        labels, cases, count=6, fold=0, repeat=0, validation=0
    )


@pytest.mark.parametrize(("count", "fold"), [(1, 0), (7, 0), (3, 3)])
def test_folds_that_there_are_not(count, fold):
    with pytest.raises(ValueError, match="^(folds|fold) is "):
        train_validation_test(
            [0, 1] * 3, list("abcdef"), count=count, fold=fold, repeat=0, validation=0
        )


def test_more_folds_than_a_class_has_bags_are_refused_in_our_words():
    message = "^folds is 5, expected 2 to 4: there are 7 cases, and 4 bags of the commonest class$"
    with pytest.raises(ValueError, match=message):
        folds([0, 1, 0, 1, 0, 1, 0], list("abcdefg"), 5, seed=0)
    cases = [f"p{i // 4}" for i in range(12)]
    with pytest.raises(ValueError, match="^folds is 4, expected 2 to 3: there are 3 cases, and 6"):
        folds([0, 1] * 6, cases, 4, seed=0)


def test_of_few_patients_the_validation_split_is_at_least_one():
    """A tenth of eight patients would be less; the folds are not to blame for it."""
    cases = [f"p{i // 3}" for i in range(24)]
    rows = train_validation_test([0, 1, 0, 1] * 6, cases, count=4, fold=0, repeat=0, validation=0.1)
    patients = {name: len({cases[i] for i in some}) for name, some in rows.items()}
    assert patients == {"train": 5, "validation": 1, "test": 2}


def test_what_leaves_no_bags_for_validation_is_said_of_validation():
    message = "^validation is 0.1, expected 0: beside fold 0 of 2 there are 2 bags of 1 cases, whic"
    with pytest.raises(ValueError, match=message):
        train_validation_test(
            [0, 1, 0, 1], ["a", "a", "b", "b"], count=2, fold=0, repeat=0, validation=0.1
        )


def test_a_fold_is_a_data_set_too(tmp_path):
    path = tmp_path / "bags.csv"
    path.write_text("".join(f"{i % 2},b{i},{i}\n" for i in range(12)))
    _, whole = datasets.load("bags/csv", "all", data_dir=str(path))
    options = {"data_dir": str(path), "folds": 3, "fold": 2, "repeat": 1}
    rows = train_validation_test(
        whole.source.labels, whole.source.cases, count=3, fold=2, repeat=1, validation=0
    )
    for split in ("train", "test"):
        info = datasets.load("bags/csv", split, **options)[1]
        assert info.source.names == whole.source.rows(rows[split]).names and info.split == split
    with pytest.raises(ValueError, match=r"^split is 'all' of a fold, expected .*'test', 'train'"):
        datasets.load("bags/csv", "all", **options)
    with pytest.raises(ValueError, match="^fold is 2 without folds, expected their number too"):
        datasets.load("bags/csv", "all", **options | {"folds": None})
