import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.datasets.mosaics.augmentation import AUGMENTATIONS, augmented, check_augment

B, M, H, W, C = 40, 3, 16, 24, 2


@pytest.fixture
def segments():
    return np.random.default_rng(0).normal(size=(B, M, H, W, C)).astype("float32")


@pytest.fixture
def rows():
    return np.random.default_rng(1).integers(1000, size=(B, M)).astype("int32")


def draws(rows, seed):
    """The three draws of each segment, in [0, 1), of the same bits."""
    place = 1 + np.arange(rows.size)
    bits = tf.random.stateless_uniform(
        (*rows.shape, 3),
        [seed, int((rows.reshape(-1) * place).sum())],
        minval=None,
        maxval=None,
        dtype=tf.uint32,
        alg="philox",
    ).numpy()
    return (bits >> 16) / 2**16


def moved(image, flips, down, across, k_h, k_w):
    """The NumPy oracle: flip, pad with the edge, crop."""
    image = image[:, ::-1] if flips else image
    padded = np.pad(image, ((k_h, k_h), (k_w, k_w), (0, 0)), mode="edge")
    return padded[down : down + H, across : across + W]


@pytest.mark.parametrize(("name", "k_h", "k_w"), [("flip", 0, 0), ("flip_and_crop", 2, 3)])
def test_a_segment_is_flipped_padded_and_cropped(name, k_h, k_w, segments, rows):
    result = AUGMENTATIONS[name](segments, rows, 5).numpy()
    u = draws(rows, 5)
    for i, j in np.ndindex(B, M):
        choice = (u[i, j] * [2, 2 * k_h + 1, 2 * k_w + 1]).astype(int)
        np.testing.assert_array_equal(result[i, j], moved(segments[i, j], *choice, k_h, k_w))


def test_every_flip_and_shift_comes_as_often():
    """A pixel's value is its place: the centre says where a segment went. Chi-square test."""
    n, m = 1000, 4
    place = np.arange(8 * 8, dtype="float32").reshape(8, 8, 1)
    segments = np.broadcast_to(place, (n, m, 8, 8, 1))
    rows = np.arange(n * m, dtype="int32").reshape(n, m)
    result = AUGMENTATIONS["flip_and_crop"](segments, rows, 0).numpy()
    pairs = result[:, :, 4, 3:5, 0].reshape(-1, 2)  # neighbours: direction tells the flip
    _, counts = np.unique(pairs, axis=0, return_counts=True)
    assert len(counts) == 2 * 3 * 3
    expected = n * m / 18
    assert ((counts - expected) ** 2 / expected).sum() < 40.8  # 17 degrees of freedom, p = 0.001


def test_none_changes_nothing(segments, rows):
    assert AUGMENTATIONS["none"](segments, rows, 5) is segments


@pytest.mark.parametrize("name", ["flip", "flip_and_crop"])
def test_the_same_bits_with_xla_and_without(name, segments, rows):
    augment = AUGMENTATIONS[name]
    eager = augment(segments, rows, 2**32 - 1).numpy()
    for jit_compile in (False, True):
        compiled = tf.function(lambda s, r: augment(s, r, 2**32 - 1), jit_compile=jit_compile)
        np.testing.assert_array_equal(compiled(segments, rows), eager)


def test_draws_follow_from_seed_rows_and_their_order(segments, rows):
    augment = AUGMENTATIONS["flip_and_crop"]
    first = augment(segments, rows, 1).numpy()
    np.testing.assert_array_equal(augment(segments, rows, 1), first)
    for other_rows, seed in ((rows, 2), (rows + 1, 1), (rows[::-1], 1)):
        changed = (augment(segments, other_rows, seed).numpy() != first).any(axis=(2, 3, 4))
        assert 0.9 < changed.mean() < 1.0  # 69 of 70 on average


def test_a_batch_may_be_of_any_size(segments, rows):
    augment = AUGMENTATIONS["flip_and_crop"]
    signature = [tf.TensorSpec((None, M, H, W, C)), tf.TensorSpec((None, M), tf.int32)]
    any_size = tf.function(lambda s, r: augment(s, r, 1), input_signature=signature)
    for size in (0, 1, 7):
        expected = augment(segments[:size], rows[:size], 1)
        np.testing.assert_array_equal(any_size(segments[:size], rows[:size]), expected)


def test_gathered_segments_are_augmented(segments, rows):
    result = augmented(lambda _: segments, "flip", 3)(rows)
    np.testing.assert_array_equal(result, AUGMENTATIONS["flip"](segments, rows, 3))


def test_vectors_cannot_be_augmented():
    check_augment("none", (2,))
    check_augment("flip", (8, 8, 1))
    message = r"^augment is 'flip' with segments of shape \(2,\), expected images \(h, w, c\)$"
    with pytest.raises(ValueError, match=message):
        check_augment("flip", (2,))
