import numpy as np
import pytest
import scipy.stats
import tensorflow_datasets as tfds

from attention_zoo.datasets import sdc

FOREGROUND = (7, 2)


@pytest.fixture(scope="module")
def base():
    """40 vectors of 6 classes; class i is rarer the larger i is."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2, 4, 7, 9], [10, 8, 7, 6, 5, 4])
    return rng.normal(size=(len(labels), 2)).astype(np.float32), labels


@pytest.fixture(scope="module")
def drawn(base):
    settings = {"foreground_classes": FOREGROUND, "num_segments": 5, "num_examples": 20_000}
    return sdc.from_arrays(*base, **settings, seed=0)


def bytes_of(mosaics):
    return [array.tobytes() for array in (mosaics.table, mosaics.labels, mosaics.focus)]


def test_one_segment_is_foreground_and_stands_at_the_focus(drawn, base):
    is_foreground = np.isin(base[1][drawn.table], FOREGROUND)
    assert (is_foreground.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(is_foreground.argmax(axis=1), drawn.focus)


def test_the_label_is_the_class_of_the_focus_segment(drawn, base):
    at_focus = np.take_along_axis(drawn.table, drawn.focus[:, None], axis=1)[:, 0]
    np.testing.assert_array_equal(np.array(FOREGROUND)[drawn.labels], base[1][at_focus])


def test_segments_are_the_images_that_the_table_names(drawn, base):
    segments, targets = next(drawn.dataset(batch_size=8).as_numpy_iterator())
    np.testing.assert_array_equal(segments, base[0][drawn.table[:8]])
    np.testing.assert_array_equal(targets["focus"], drawn.focus[:8])


def test_positions_and_images_are_drawn_uniformly(drawn, base):
    is_foreground = np.isin(base[1], FOREGROUND)
    used = np.bincount(drawn.table.ravel(), minlength=len(base[1]))
    for counts in (
        np.bincount(drawn.focus, minlength=5),
        used[is_foreground],
        used[~is_foreground],
    ):
        assert scipy.stats.chisquare(counts).pvalue > 1e-3


def test_segments_of_a_mosaic_are_drawn_independently(drawn, base):
    background = drawn.table[drawn.focus == 0][:, 1:3]
    repeated = (background[:, 0] == background[:, 1]).mean()
    kinds = (~np.isin(base[1], FOREGROUND)).sum()
    assert repeated == pytest.approx(1 / kinds, abs=4 * (kinds * len(background)) ** -0.5)


def test_the_table_costs_four_bytes_a_segment(drawn):
    assert drawn.table.nbytes == 4 * 20_000 * 5
    assert drawn.labels.dtype == drawn.focus.dtype == np.int32


def test_the_seed_decides_every_byte(base):
    settings = {"foreground_classes": FOREGROUND, "num_segments": 3, "num_examples": 50}
    one, same, other = (sdc.from_arrays(*base, **settings, seed=seed) for seed in (5, 5, 6))
    assert bytes_of(one) == bytes_of(same)
    assert bytes_of(one) != bytes_of(other)


VALID = {
    "images": np.zeros((6, 2), np.uint8),
    "labels": np.arange(6) // 2,
    "foreground_classes": [0],
    "num_segments": 5,
    "num_examples": 10,
}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_segments": 1}, "num_segments is 1, expected 2 or more"),
        ({"num_segments": 5.5}, "num_segments is 5.5, expected an integer"),
        ({"num_examples": 0}, "num_examples is 0, expected 1 or more"),
        ({"num_examples": "10"}, "num_examples is '10', expected an integer"),
        ({"foreground_classes": 1}, "foreground_classes is 1, expected a list of classes"),
        ({"labels": np.zeros(5, int)}, "images has 6 rows, labels has 5"),
        ({"labels": np.zeros((6, 1), int)}, r"labels has shape \(6, 1\) and dtype int64, expected"),
        ({"labels": np.zeros(6)}, r"labels has shape \(6,\) and dtype float64, expected \(N,\)"),
        (
            {"images": np.zeros(6)},
            r"images has shape \(6,\) and dtype float64, expected \(N, ...\)",
        ),
        ({"images": np.zeros((6, 2), int)}, r"shape \(6, 2\) and dtype int64, expected .* uint8"),
        ({"foreground_classes": []}, r"foreground_classes is \[\], expected one or more"),
        ({"foreground_classes": [1, 1]}, r"is \[1, 1\], expected one or more distinct"),
        (
            {"foreground_classes": [1, 5]},
            r"foreground_classes has \[5\], expected classes found in",
        ),
        (
            {"foreground_classes": [0, 1, 2]},
            "images has 6 foreground images among 6, expected some",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_line(wrong, message):
    with pytest.raises(ValueError, match=message) as error:
        sdc.from_arrays(**VALID | wrong)
    assert "\n" not in str(error.value)


def test_settings_may_come_from_numpy(base):
    counts = {"num_segments": np.int64(3), "num_examples": np.int32(50)}
    one = sdc.from_arrays(*base, **counts, foreground_classes=np.array(FOREGROUND))
    plain = {"num_segments": 3, "num_examples": 50}
    assert bytes_of(one) == bytes_of(sdc.from_arrays(*base, **plain, foreground_classes=FOREGROUND))


@pytest.mark.parametrize(("split", "count"), [("train", 10_000), ("test[:50%]", 2_000)])
def test_digits_are_described(split, count):
    info = sdc.load("digits", split)
    assert (info.name, info.split, info.protocol) == ("sdc/digits", split, "disjoint")
    assert (info.num_examples, info.num_segments, info.num_classes) == (count, 5, 3)
    assert info.class_names == ("0", "1", "2") and info.segment_shape == (8, 8, 1)
    assert info.source.table.shape == (count, 5) and "UCI" in info.citation
    assert len(repr(info)) < 400


def images_in(info):
    """The distinct images that the mosaics show."""
    return {
        image.tobytes() for image in np.asarray(info.source.images)[np.unique(info.source.table)]
    }


def test_test_mosaics_show_training_images_only_under_the_protocol_of_the_paper():
    train = images_in(sdc.load("digits", "train"))
    assert not images_in(sdc.load("digits", "test")) & train
    paper = sdc.load("digits", "test", protocol="paper")
    assert paper.protocol == "paper" and images_in(paper) <= train


def test_every_split_draws_mosaics_of_its_own():
    tables = [
        sdc.load("digits", split, protocol="paper", num_examples=100).source.table.tobytes()
        for split in ("train", "test", "train[:100%]")
    ]
    assert len(set(tables)) == 3


def test_splits_of_the_same_images_share_their_memory():
    whole, half = (
        np.asarray(sdc.load("digits", split, num_examples=10).source.images)
        for split in ("train", "train[:50%]")
    )
    assert np.shares_memory(whole, half)


def test_foreground_classes_are_named_or_numbered():
    named, numbered = (
        sdc.load("digits", num_examples=50, foreground_classes=classes)
        for classes in (("8", "3"), (8, 3))
    )
    assert named.class_names == ("8", "3") and named.num_classes == 2
    assert bytes_of(named.source) == bytes_of(numbered.source)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"foreground_classes": ["8", "bird"]}, r"has \['bird'\], expected ids below 10 or names"),
        ({"foreground_classes": 7}, "foreground_classes is 7, expected a list of classes"),
        ({"foreground_classes": "83"}, "foreground_classes is '83', expected a list of classes"),
        ({"foreground_classes": [10]}, r"has \[10\], expected ids below 10"),
        ({"foreground_classes": []}, r"is \[\], expected one or more"),
        ({"foreground_classes": range(10)}, "split 'train' has 1442 foreground images among 1442"),
        ({"split": "train[:1]"}, r"split 'train\[:1\]' has 1 foreground images among 1, expected"),
        (
            {"split": "train[3:6]"},
            r"split 'train\[3:6\]' has 0 foreground images among 3, expected",
        ),
        ({"num_segments": 1}, "num_segments is 1, expected 2 or more"),
    ],
)
def test_wrong_options_are_told_in_a_line(options, message):
    with pytest.raises(ValueError, match=message) as error:
        sdc.load("digits", **options)
    assert "\n" not in str(error.value)


def test_cifar10_mosaics_show_its_images(shared_dir):
    """Against a plain reading of the files through tfds."""
    info = sdc.load("cifar10", "test[:500]", data_dir=shared_dir / "tfds", num_examples=64)
    assert info.class_names == ("airplane", "automobile", "bird")
    assert info.segment_shape == (32, 32, 3)
    folder = shared_dir / "tfds" / "cifar10" / "3.0.2"
    plain = tfds.builder_from_directory(folder).as_dataset(split="test[:500]", batch_size=500)
    images, labels = (next(plain.as_numpy_iterator())[key] for key in ("image", "label"))
    segments, targets = next(info.source.dataset(64).as_numpy_iterator())
    shown = images[info.source.table]
    np.testing.assert_allclose(segments, shown / 127.5 - 1, atol=1e-6)
    at_focus = np.take_along_axis(info.source.table, targets["focus"][:, None], axis=1)[:, 0]
    np.testing.assert_array_equal(labels[at_focus], targets["label"])
    assert (np.sort(labels[info.source.table], axis=1)[:, 1] > 2).all()
