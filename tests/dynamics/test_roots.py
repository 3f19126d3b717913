import numpy as np

from attention_zoo.dynamics.roots import increasing_root


def test_many_roots_at_once():
    target = np.array([0.0, 1e-30, 2.0, 1e6])
    found = increasing_root(np.expm1, np.exp, target, 0.0, 50.0)
    np.testing.assert_allclose(found, np.log1p(target), rtol=1e-15)


def test_where_newtons_method_alone_runs_away():
    """arctan from 3 diverges."""
    found = increasing_root(np.arctan, lambda x: 1 / (1 + x**2), -0.5, -3.0, 3.0)
    np.testing.assert_allclose(found, np.tan(-0.5), rtol=1e-15)


def test_where_the_slope_is_nought_at_the_start():
    root = increasing_root(lambda x: x**3, lambda x: 3 * x**2, np.array([0.0, 8.0]), 0.0, 5.0)
    np.testing.assert_allclose(root, [0.0, 2.0], rtol=1e-15)
