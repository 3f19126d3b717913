import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.datasets.mosaics.base_images import BaseImages
from attention_zoo.datasets.splits import is_test, select

SIZES = {"train": 40, "test": 10}


@pytest.fixture
def base():
    """Vectors that hold their own label: 0 to 39 in train, 100 to 109 in test."""
    labels = {"train": np.arange(40, dtype=np.int32), "test": np.arange(100, 110, dtype=np.int32)}

    def read(split):
        return tf.constant(labels[split][:, None], tf.float32), labels[split]

    return BaseImages(("none",), SIZES, read, "none")


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", range(40)),
        ("test", range(100, 110)),
        ("train[:90%]", range(36)),
        ("train[90%:]", range(36, 40)),
        ("train[-5:]", range(35, 40)),
        ("test[3:5]", range(103, 105)),
        ("train[:3]+test[:2]", [0, 1, 2, 100, 101]),
        ("train[:0]+test[9:]", [109]),
        ("all", [*range(40), *range(100, 110)]),
    ],
)
def test_a_split_is_what_tfds_means_by_it(base, split, expected):
    images, labels = select(base, split)
    np.testing.assert_array_equal(labels, list(expected))
    np.testing.assert_array_equal(images[:, 0], list(expected))


def test_the_paper_reads_training_images_under_every_name(base):
    for split in ("train", "test"):
        np.testing.assert_array_equal(select(base, split, "paper")[1], range(40))
    np.testing.assert_array_equal(select(base, "test[25:50%]", "paper")[1], range(10, 20))


@pytest.mark.parametrize("split", ["train[:0]", "train[5:5]", "test[8:2]", "train[:0]+test[:0]"])
def test_an_empty_split_is_named(base, split):
    with pytest.raises(ValueError, match=r"^split '.*' is empty, expected") as error:
        select(base, split)
    assert split in str(error.value)


@pytest.mark.parametrize(
    "split", ["validation", "train[", "train[1]", "train[:41]", "train[:101%]", "all[:3]", "", None]
)
def test_an_unknown_split_is_told_in_a_line(base, split):
    with pytest.raises(ValueError, match="expected train or test, or slices") as error:
        select(base, split)
    assert f"split is {split!r}" in str(error.value) and "\n" not in str(error.value)


def test_an_unknown_protocol_is_named(base):
    with pytest.raises(ValueError, match="^protocol is 'both', expected 'disjoint' or 'paper'$"):
        select(base, "train", "both")


def test_only_parts_of_the_test_split_are_test():
    assert is_test("test[:3]+test[5:]", SIZES)
    assert not is_test("train[:3]+test", SIZES) and not is_test("all", SIZES)
