"""Bags: padded batches of any bags."""

import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import datasets
from attention_zoo.datasets.bags.bags import padded_size

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


@pytest.mark.parametrize(
    ("keys", "others"),
    [([None, 0], [0, None]), ([0, None], [0, 0]), ([None, None], [0, 0]), ([0, 0], [0, 1])],
)
def test_bags_are_told_apart_by_whose_key_instances_are_known(keys, others):
    def found(keys):
        return datasets.Bags.from_lists(np.zeros((2, 2, 4)), [0, 1], keys).fingerprint()

    assert found(keys) == found(keys) != found(others)


@pytest.mark.parametrize("keys", [None, [0] * len(SIZES)])
def test_bags_of_which_all_keys_are_known_or_none_keep_their_fingerprint(keys):
    """Runs that have begun know them by this."""
    source = some_bags(keys=keys)
    marks = np.array([]) if keys is None else np.concatenate(source.keys)
    parts = [source.instances.fingerprint()], source.labels, source.names, source.cases
    assert source.fingerprint() == datasets.fingerprint(*parts, marks)


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
        ({"keys": [True, 0, 0]}, "keys of bag 0 are True, expected a number below 2, or 0/1"),
        (
            {"keys": [float("nan"), 0, 0]},
            "keys of bag 0 are nan, expected a number below 2, or 0/1",
        ),
        ({"keys": [1.5, 0, 0]}, "keys of bag 0 are 1.5, expected a number below 2, or 0/1"),
        ({"keys": ["1", 0, 0]}, "keys of bag 0 are '1', expected a number below 2, or 0/1"),
        ({"keys": [[0.3, 0.7], 0, 0]}, r"keys of bag 0 are \[0.3, 0.7\], expected a number below"),
        ({"keys": [[0, 2], 0, 0]}, r"keys of bag 0 are \[0, 2\], expected a number below 2, or 0"),
        ({"keys": [[0, np.nan], 0, 0]}, r"keys of bag 0 are \[0.0, nan\], expected a number below"),
        (
            {"coords": [np.zeros((1, 2))] * 3},
            r"coords are of \[1, 1, 1\] … instances, expected \[2, 1, 1\]",
        ),
        (
            {"coords": [np.zeros((2, 2)), np.zeros((1, 4)), np.zeros((1, 2))]},
            r"coords of bag 1 have shape \(1, 4\), expected \(1, 2\)$",
        ),
    ],
)
def test_bad_bags_are_refused_in_a_line(change, message):
    given = {"bags": [np.zeros((2, 3)), np.zeros((1, 3)), np.zeros((1, 3))], "labels": [0, 1, 1]}
    with pytest.raises(ValueError, match=message) as error:
        datasets.Bags.from_lists(**given | change)
    assert "\n" not in str(error.value)


def test_a_key_may_be_a_whole_float():
    """As pandas has them beside missing ones."""
    bags = [np.zeros((2, 3), "float32")] * 2
    found, same = (datasets.Bags.from_lists(bags, [0, 1], keys) for keys in ([1.0, -1.0], [1, -1]))
    assert found.fingerprint() == same.fingerprint()
