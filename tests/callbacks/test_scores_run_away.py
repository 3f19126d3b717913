"""WarnOnCollapse: scores so far apart that float32 has no weight left."""

import functools
import json
import warnings

import keras
import numpy as np
import pytest
from support.epochs import COLLAPSED, HEALTHY, fires

from attention_zoo.callbacks import SwitchAttention, WarnOnCollapse
from attention_zoo.layers import HardAttention
from attention_zoo.models import FocusClassifier
from attention_zoo.ops import spherical_softmax

_FAR = -float(np.log(np.finfo("float32").tiny))


def scored(kernel, attention="hard", dtype=None, **settings):
    """A model that scores a segment by `kernel` times its feature, and answers class 0."""
    dense = functools.partial(keras.layers.Dense, dtype=dtype)
    focus = dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(kernel))
    sure = lambda shape, dtype: keras.ops.array([9.0, 0.0, 0.0], dtype)  # noqa: E731
    classifier = dense(3, kernel_initializer="zeros", bias_initializer=sure)
    model = FocusClassifier(focus, classifier, attention, dtype=dtype)
    model.build((None, 3, 1))
    model.compile(keras.optimizers.SGD(1e-12), **settings)
    return model


def far_apart():
    """Two examples whose features are 1 and 3 apart: 2 in the mean."""
    return np.array([[[0.0], [1.0], [0.5]], [[-1.0], [0.0], [2.0]]], "float32"), np.zeros(2, int)


@pytest.mark.parametrize(
    ("attention", "settings"),
    [
        ("hard", {}),
        ("lvml", {"jit_compile": True}),
        ("soft", {"steps_per_execution": 2}),
        ("hybrid", {"run_eagerly": True}),
    ],
)
def test_scores_that_run_away_are_said_once_in_one_line(attention, settings):
    x, y = far_apart()
    callback = WarnOnCollapse()
    switch = [SwitchAttention(1)] if attention == "hybrid" else []
    with pytest.warns(UserWarning, match="^scores have run away since epoch 1: ") as said:
        scored(_FAR, attention, **settings).fit(
            x, y, batch_size=1, epochs=3, verbose=0, callbacks=[callback, *switch]
        )
    (message,) = [str(one.message) for one in said if one.category is UserWarning]
    assert "\n" not in message and "weight decay" in message and "docs/collapse.md" in message
    assert f"is {2 * _FAR:.0f} above the smallest in the mean" in message
    assert callback.saturated_epoch == 1 and callback.collapsed_epoch is None


@pytest.mark.parametrize(("times", "far"), [(0.999, False), (1.001, True)])
def test_the_bound_is_where_float32_has_no_weight_left(times, far):
    x, y = far_apart()
    model, callback = scored(times * _FAR / 2), WarnOnCollapse()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model.fit(x, y, batch_size=2, epochs=2, verbose=0, callbacks=[callback])
    assert (callback.saturated_epoch == 1) == far
    assert any("run away" in str(one.message) for one in said) == far


def test_masked_segments_and_examples_of_one_do_not_count(two_replicas):
    """Against NumPy, over steps of an epoch and replicas."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 5, 1)).astype("float32")
    mask = np.arange(5) < rng.integers(0, 6, size=64)[:, None]
    x[~mask] = 1e6
    with two_replicas.scope():
        model = scored(4.0)
    model.fit({"segments": x, "mask": mask}, rng.integers(3, size=64), batch_size=16, verbose=0)
    ranges = [np.ptp(4.0 * one[there]) for one, there in zip(x, mask) if there.sum() > 1]
    assert len(ranges) < 50
    assert model.score_watch.mean_range() == pytest.approx(np.mean(ranges), rel=1e-5)
    model.score_watch.reset()
    assert model.score_watch.mean_range() is None
    model.fit(x[:, :1], rng.integers(3, size=64), verbose=0)
    assert model.score_watch.mean_range() is None


def test_the_distance_of_half_floats_is_summed_in_float32():
    """511 of 300 each make 153,300, which bfloat16 does not have."""
    x = np.tile(np.array([0.0, 300.0, 1.0], "float32")[:, None], (511, 1, 1))
    model = scored(1.0, dtype="mixed_bfloat16")
    model.fit(x, np.zeros(511, int), batch_size=511, verbose=0)
    assert model.score_watch.mean_range() == 300.0


class Scores:
    """Of a training whose scores have a given mean range."""

    def __init__(self, mean):
        self.mean = mean

    def all_equal(self):
        return False

    def mean_range(self):
        return self.mean

    def get_state(self):
        return [0.0, 0.0, 0.0]

    def set_state(self, sums):
        assert sums == self.get_state()


def after(callback, mean, epoch, figures):
    callback.model.score_watch = Scores(mean)
    return fires(callback, figures, epoch)


def test_one_epoch_of_scores_far_apart_may_pass(warn_on_collapse):
    one, means = warn_on_collapse(), [80.0, 90.0, 80.0, 90.0, 80.0]
    assert not any(after(one, mean, epoch, HEALTHY) for epoch, mean in enumerate(means))
    assert one.saturated_epoch is None


def test_scores_that_come_back_are_forgotten_and_a_resumed_run_remembers(warn_on_collapse):
    one = warn_on_collapse()
    assert not after(one, 90.0, 1, HEALTHY)
    one, before = warn_on_collapse(), one
    one.set_state(json.loads(json.dumps(before.get_state())))
    assert after(one, 1e3, 2, HEALTHY) and one.saturated_epoch == 2
    assert not after(one, float("inf"), 3, HEALTHY)
    other = warn_on_collapse()
    other.set_state(json.loads(json.dumps(one.get_state())))
    assert other.saturated_epoch == 2 and not after(other, float("inf"), 4, HEALTHY)
    assert not after(other, 80.0, 5, HEALTHY) and other.saturated_epoch is None
    assert not after(other, float("inf"), 6, HEALTHY) and after(other, 1e3, 7, HEALTHY)
    assert other.saturated_epoch == 7
    other.on_train_begin()
    assert other.saturated_epoch is None and not after(other, 1e3, 0, HEALTHY)


def test_of_collapsed_attention_no_more_is_said(warn_on_collapse):
    one = warn_on_collapse()
    assert [after(one, 1e3, epoch, COLLAPSED) for epoch in range(3)] == [True, False, False]
    assert one.collapsed_epoch == 1 and one.saturated_epoch is None
    assert after(one, 1e3, 3, HEALTHY) and one.saturated_epoch == 1  # once that has passed


@pytest.mark.parametrize("mean", [None, float("nan")])
def test_no_distance_is_not_far(warn_on_collapse, mean):
    one = warn_on_collapse()
    assert not any(after(one, mean, epoch, HEALTHY) for epoch in range(3))
    assert one.saturated_epoch is None


def test_other_normalizers_and_frozen_networks_are_not_asked():
    """Spherical softmax does not depend on the scale of the scores."""
    x, y = far_apart()
    frozen = scored(_FAR)
    frozen.focus.trainable = False
    frozen.compile("sgd")
    for model in (scored(_FAR, HardAttention(spherical_softmax)), frozen):
        callback = WarnOnCollapse()
        model.fit(x, y, epochs=3, verbose=0, callbacks=[callback])
        assert callback.saturated_epoch is None
        assert model.score_watch.mean_range() == pytest.approx(2 * _FAR)


def test_an_epoch_taken_up_in_its_middle_is_judged_as_a_whole(two_replicas):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 3, 1)).astype("float32"), np.zeros(32, int)
    with two_replicas.scope():
        whole, first, second = scored(4.0), scored(4.0), scored(4.0)
    whole.fit(x, y, batch_size=8, verbose=0)
    first.fit(x[:8], y[:8], batch_size=8, verbose=0)
    before, after = WarnOnCollapse(), WarnOnCollapse()
    before.set_model(first)
    after.set_model(second)
    state = json.loads(json.dumps(before.get_state()))
    after.set_state(state)
    second.fit(x[8:], y[8:], batch_size=8, verbose=0)
    assert second.score_watch.mean_range() == pytest.approx(whole.score_watch.mean_range())
    assert second.score_watch.mean_range() != pytest.approx(np.ptp(4.0 * x[8:], axis=1).mean())
