"""Bags of drawn digits."""

import numpy as np
import pytest

from attention_zoo.datasets.bags import digits


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
