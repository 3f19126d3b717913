import numpy as np
import pytest

from attention_zoo.models import TokenDropout


def test_tokens_turn_into_the_unknown_one_at_the_rate_and_padding_stays():
    ids = np.tile([2, 3, 4, 0], (5000, 1))
    found = np.asarray(TokenDropout(0.3, seed=1)(ids, training=True))
    np.testing.assert_array_equal(found[:, 3], 0)
    dropped = found[:, :3] == 1
    assert dropped.mean() == pytest.approx(0.3, abs=0.02)
    np.testing.assert_array_equal(found[:, :3][~dropped], ids[:, :3][~dropped])


def test_nothing_is_dropped_outside_training():
    ids = np.array([[2, 3, 0]])
    np.testing.assert_array_equal(TokenDropout(0.9)(ids), ids)


def test_every_call_drops_others():
    layer, ids = TokenDropout(0.5, seed=1), np.full((1, 99), 2)
    one, other = layer(ids, training=True), layer(ids, training=True)
    assert np.any(np.asarray(one) != np.asarray(other))


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_rates_out_of_range(rate):
    with pytest.raises(ValueError, match=f"^rate is {rate}, expected 0 or more, and below 1$"):
        TokenDropout(rate)
