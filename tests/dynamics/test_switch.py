import numpy as np
import pytest

from attention_zoo import dynamics

GOALS = [(0.9, 3.0), (0.99, 1.0), (0.5, 6.0)]


def reaching_time(times, trajectory, attention, mu):
    """The first of the times at which the goal is reached."""
    there = (trajectory.attention >= attention) & (trajectory.mu >= mu)
    return times[there.argmax()] if there.any() else np.inf


@pytest.mark.parametrize(("attention", "mu"), GOALS)
@pytest.mark.parametrize(("m", "c"), [(5, 3), (20, 20), (100, 3)])
def test_no_switch_on_a_grid_is_better(attention, mu, m, c):
    """Trajectories of 150 switch times, read every 0.2 % of time."""
    best = dynamics.best_switch(attention=attention, mu=mu, num_segments=m, num_classes=c)
    times = float(best.reached) * np.arange(0.9, 1.6, 0.002)
    switches = np.linspace(0, 1.2 * float(best.time), 150)
    hybrid = dynamics.hybrid(
        switch_time=switches[:, None], num_segments=m, num_classes=c, times=times
    )
    there = (hybrid.attention >= attention) & (hybrid.mu >= mu)  # (switches, times)
    reached = np.where(there.any(axis=1), times[there.argmax(axis=1)], np.inf)
    assert reached.min() == pytest.approx(best.reached, rel=0.003)
    assert reached.min() >= best.reached * (1 - 1e-9)


@pytest.mark.parametrize(("attention", "mu"), GOALS)
def test_the_goal_is_reached_when_it_says(attention, mu):
    m, c = 20, 3
    best = dynamics.best_switch(attention=attention, mu=mu, num_segments=m, num_classes=c)
    runs = {
        "reached": lambda t: dynamics.hybrid(
            switch_time=best.time, num_segments=m, num_classes=c, times=t
        ),
        "first": lambda t: dynamics.trajectory("soft", num_segments=m, num_classes=c, times=t),
        "second": lambda t: dynamics.trajectory("hard", num_segments=m, num_classes=c, times=t),
    }
    for name, run in runs.items():
        there = run(getattr(best, name))
        short = min(there.attention / attention, there.mu / mu)
        assert short == pytest.approx(1.0, abs=1e-9)


def test_hybrid_is_never_slower_than_either():
    best = dynamics.best_switch(
        attention=0.95, mu=2.0, num_segments=[[2], [100], [1e5]], num_classes=[2, 50]
    )
    assert best.time.shape == best.reached.shape == (3, 2)
    assert (best.reached <= np.minimum(best.first, best.second) * (1 + 1e-9)).all()
    assert (best.time <= best.reached).all()


@pytest.mark.parametrize(("m", "c", "saved"), [(5, 3, 0.077), (1000, 2, 0.328)])
def test_what_a_switch_saves(m, c, saved):
    best = dynamics.best_switch(attention=0.9, mu=3.0, num_segments=m, num_classes=c)
    assert 1 - best.reached / min(best.first, best.second) == pytest.approx(saved, abs=5e-4)


def test_time_is_reached_where_the_first_alone_is_best():
    """As hard after soft where the goal is a class margin and hardly more focus."""
    best = dynamics.best_switch(attention=0.5, mu=3.0, num_segments=2, num_classes=3)
    assert best.time == pytest.approx(best.reached, rel=1e-9)
    assert best.time == pytest.approx(best.first, rel=1e-9)


def test_soft_that_never_gets_there_is_infinite():
    best = dynamics.best_switch(attention=1 - 1e-9, mu=1.0, num_segments=1000, num_classes=3)
    assert np.isinf(best.first)
    assert best.reached < best.second < np.inf
