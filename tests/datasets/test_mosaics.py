import itertools

import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.datasets import Mosaics, gather_segments

N, M = 23, 4


@pytest.fixture
def images():
    images = np.random.default_rng(0).integers(0, 256, (9, 3, 2, 1), dtype=np.uint8)
    images.flat[:2] = 0, 255
    return images


@pytest.fixture
def mosaics(images):
    """Mosaics whose label is their own number."""
    rng = np.random.default_rng(1)
    table = rng.integers(len(images), size=(N, M), dtype=np.int32)
    focus = rng.integers(M, size=N, dtype=np.int32)
    return Mosaics(tf.constant(images), table, np.arange(N, dtype=np.int32), focus)


def scaled(images):
    return (images.astype(np.float32) - np.float32(127.5)) * np.float32(1 / 127.5)


def numbers(dataset):
    """Numbers of the mosaics in the order of one pass."""
    return np.concatenate([np.atleast_1d(targets["label"]) for _, targets in dataset])


@pytest.mark.parametrize("compiled", [False, True])
def test_gather_is_numpy_indexing_and_scaling_to_the_last_bit(mosaics, images, compiled):
    gather = tf.function(mosaics.gather, jit_compile=compiled)
    expected = scaled(images)[mosaics.table]
    np.testing.assert_array_equal(gather(mosaics.table), expected)
    np.testing.assert_array_equal(mosaics.gather(mosaics.table), expected)


def test_bytes_are_scaled_to_plus_and_minus_one(images):
    segments = gather_segments(images, np.arange(len(images))).numpy()
    assert segments.dtype == np.float32
    assert segments.min() == -1 and segments.max() == 1
    np.testing.assert_allclose(segments, images / 127.5 - 1, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_floats_are_kept(dtype):
    vectors = np.arange(12, dtype=dtype).reshape(4, 3)
    segments = gather_segments(vectors, [[3, 1]]).numpy()
    assert segments.dtype == np.float32
    np.testing.assert_array_equal(segments, vectors[[[3, 1]]])


def test_dataset_goes_through_the_table_in_order(mosaics, images):
    batches = list(mosaics.dataset(batch_size=10).as_numpy_iterator())
    assert [len(segments) for segments, _ in batches] == [10, 10, 3]
    segments, targets = (np.concatenate(parts) for parts in _columns(batches))
    np.testing.assert_array_equal(segments, scaled(images)[mosaics.table])
    np.testing.assert_array_equal(targets[:, 0], mosaics.labels)
    np.testing.assert_array_equal(targets[:, 1], mosaics.focus)


def _columns(batches):
    yield [segments for segments, _ in batches]
    yield [np.stack([targets["label"], targets["focus"]], axis=1) for _, targets in batches]


def test_without_batch_size_there_is_no_batch_axis(mosaics):
    singles = mosaics.dataset()
    segments, targets = next(iter(singles))
    assert segments.shape == (M, 3, 2, 1) and targets["focus"].shape == ()
    np.testing.assert_array_equal(numbers(singles), np.arange(N))


@pytest.mark.parametrize(
    ("options", "count"),
    [({}, N), ({"batch_size": 10}, 3), ({"batch_size": 10, "drop_remainder": True}, 2)],
)
def test_cardinality_is_known_and_true(mosaics, options, count):
    dataset = mosaics.dataset(**options, shuffle=True)
    assert len(dataset) == len(list(dataset)) == count


def test_drop_remainder_fixes_the_batch_axis(mosaics):
    segments, targets = mosaics.dataset(batch_size=10, drop_remainder=True).element_spec
    assert segments.shape == (10, M, 3, 2, 1) and targets["label"].shape == (10,)


def test_each_shuffled_pass_is_a_permutation_of_its_own(mosaics):
    dataset = mosaics.dataset(batch_size=5, shuffle=True)
    first, second = numbers(dataset), numbers(dataset)
    np.testing.assert_array_equal(np.sort(first), np.arange(N))
    np.testing.assert_array_equal(np.sort(second), np.arange(N))
    assert (first != second).any()


def test_the_seed_decides_the_order_of_all_passes(mosaics):
    one, same, other = (
        mosaics.dataset(batch_size=5, shuffle=True, seed=seed) for seed in (1, 1, 2)
    )
    for _ in range(2):
        np.testing.assert_array_equal(numbers(one), numbers(same))
    assert (numbers(one) != numbers(other)).any()


def test_index_dataset_has_the_order_of_dataset(mosaics):
    settings = {"batch_size": 5, "shuffle": True, "seed": 3}
    pairs = zip(mosaics.indices().dataset(**settings), mosaics.dataset(**settings), strict=True)
    for (rows, _), (segments, _) in pairs:
        np.testing.assert_array_equal(mosaics.gather(rows), segments)


def test_endless_epochs_are_permutations_of_their_own(mosaics):
    first, second = np.reshape(numbers(mosaics.endless(5).take(8)), (2, 20))
    assert len(set(first)) == len(set(second)) == 20
    assert (first != second).any()


def test_endless_resumes_in_the_order_of_an_unbroken_run(mosaics):
    unbroken = numbers(mosaics.endless(5, seed=7).take(12))  # 4 batches an epoch
    for first_step in (3, 8, 9):
        resumed = numbers(mosaics.endless(5, seed=7, first_step=first_step).take(3))
        np.testing.assert_array_equal(resumed, unbroken[5 * first_step :][:15])
    assert (unbroken != numbers(mosaics.endless(5, seed=8).take(12))).any()


def test_endless_indices_have_the_order_of_endless(mosaics):
    settings = {"seed": 3, "first_step": 2}
    pairs = zip(mosaics.indices().endless(5, **settings), mosaics.endless(5, **settings))
    for (rows, _), (segments, _) in itertools.islice(pairs, 6):
        np.testing.assert_array_equal(mosaics.gather(rows), segments)


def test_two_replicas_share_the_batches(mosaics, two_replicas):
    dataset = mosaics.dataset(batch_size=10)
    shares = two_replicas.experimental_distribute_dataset(dataset)
    for (_, targets), (_, shared) in zip(dataset, shares, strict=True):
        parts = two_replicas.experimental_local_results(shared["label"])
        assert len(parts) == 2
        np.testing.assert_array_equal(np.concatenate(parts), targets["label"])


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batches_have_at_least_one_mosaic(mosaics, batch_size):
    with pytest.raises(ValueError, match=rf"^batch_size is {batch_size}, expected 1 or more"):
        mosaics.dataset(batch_size=batch_size)


@pytest.mark.parametrize("batch_size", [0, N + 1])
def test_endless_batches_fit_into_an_epoch(mosaics, batch_size):
    with pytest.raises(ValueError, match=rf"^batch_size is {batch_size}, expected 1 to {N}"):
        mosaics.endless(batch_size)
