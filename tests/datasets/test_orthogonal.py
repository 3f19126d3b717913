import numpy as np
import pytest

from attention_zoo import datasets
from attention_zoo.datasets import orthogonal

C, M, N = 6, 8, 4_000


@pytest.fixture(scope="module")
def info():
    return orthogonal.load(num_segments=M, num_classes=C, num_examples=N)


@pytest.fixture(scope="module")
def mosaics(info):
    return next(info.source.dataset(N).as_numpy_iterator())


def kinds(mosaics):
    """Foreground vectors (n, d) and background vectors (n(m-1), d), by the focus."""
    segments, targets = mosaics
    at_focus = np.arange(M) == targets["focus"][:, None]
    return segments[at_focus], segments[~at_focus]


def test_foreground_is_the_unit_vector_of_the_class(mosaics):
    noise = kinds(mosaics)[0] - np.eye(C, C + 1)[mosaics[1]["label"]]
    assert abs(noise).max() < 1e-4
    np.testing.assert_allclose(noise.var(axis=0), 1e-10, rtol=0.15)


def test_background_is_zero_but_for_the_extra_dimension(mosaics):
    background = kinds(mosaics)[1]
    np.testing.assert_array_equal(background[:, :C], 0)
    assert background[:, C].var() == pytest.approx(1e-2, rel=0.1)
    assert abs(background[:, C].mean()) < 4 * 0.1 / N**0.5


def test_it_is_described(info):
    assert (info.name, info.split, info.num_examples) == ("orthogonal", "train", N)
    assert (info.num_segments, info.num_classes) == (M, C)
    assert info.segment_shape == (C + 1,) and info.class_names == ("0", "1", "2", "3", "4", "5")


def test_defaults_are_the_papers():
    for info in (orthogonal.load(), datasets.load("orthogonal", num_examples=None)[1]):
        assert (info.num_segments, info.num_classes, info.num_examples) == (20, 20, 5_000)


def test_seed_and_split_decide_the_vectors():
    one, same, other, test = (
        orthogonal.load(split, num_examples=50, seed=seed).source
        for split, seed in (("train", 1), ("train", 1), ("train", 2), ("test", 1))
    )
    np.testing.assert_array_equal(one.images, same.images)
    np.testing.assert_array_equal(one.table, same.table)
    for different in (other, test):
        assert not np.isin(one.images[:, -1], different.images[:, -1]).any()
        assert (one.table != different.table).any()


@pytest.mark.parametrize("split", ["train[:90%]", "train[90%:]"])
def test_slices_have_all_classes(split):
    source = orthogonal.load(split, num_classes=C, num_examples=200).source
    assert set(source.labels) == set(range(C))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 1}, "^num_classes is 1, expected 2 or more$"),
        ({"num_segments": 1}, "^num_segments is 1, expected 2 or more$"),
        ({"num_classes": 2.5}, "^num_classes is 2.5, expected an integer$"),
        ({"num_examples": 300.5}, "^num_examples is 300.5, expected an integer$"),
        ({"num_examples": 0}, "^num_examples is 0, expected 1 or more$"),
        ({"split": "validation"}, "^split is 'validation', expected train or test"),
        ({"split": "train[:0]"}, r"^split 'train\[:0\]' is empty"),
    ],
)
def test_what_is_wrong_is_said(options, message):
    with pytest.raises(ValueError, match=message):
        orthogonal.load(**options)
