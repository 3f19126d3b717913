import functools
import json
import warnings

import keras
import numpy as np
import pytest

from attention_zoo.callbacks import SwitchAttention, WarnOnCollapse
from attention_zoo.layers import HardAttention, Patches, SoftAttention
from attention_zoo.models import FocusClassifier, uniform
from attention_zoo.ops import spherical_softmax

LOG_3, LOG_5 = np.log(3), np.log(5)
COLLAPSED = {"focus_entropy": 0.01, "loss": 1.0986, "label_accuracy": 0.35}
HEALTHY = {"focus_entropy": 1.0, "loss": 1.0986, "label_accuracy": 0.35}


@pytest.fixture
def callback(linear_model):
    """(**settings) -> the callback of a training of a model of 3 segments and 3 classes."""

    def make(**settings):
        callback = WarnOnCollapse(**settings)
        callback.set_model(linear_model("lvml"))
        callback.on_train_begin()
        return callback

    return make


def fires(callback, figures, epoch=0):
    """Whether an epoch with these figures makes it warn."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        callback.on_epoch_end(epoch, dict(figures))
    return bool(caught)


def collapsing_task():
    """Segments whose noise is large in a feature that says nothing, and random labels."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(256, 5, 8)).astype("float32"), rng.integers(3, size=256)


def flat_and_one_hot(attention):
    """A model whose scores are far apart and whose classifier says the same of every segment."""
    dense = keras.layers.Dense
    focus = dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(50.0))
    model = FocusClassifier(focus, dense(3, kernel_initializer="zeros"), attention)
    model.build((None, 5, 8))
    return model


# In training


@pytest.mark.parametrize("attention", ["soft", "hard", "lvml", "reinforce"])
def test_one_hot_attention_at_the_loss_of_chance_is_said_in_one_line(attention):
    x, y = collapsing_task()
    model, callback = flat_and_one_hot(attention), WarnOnCollapse(y)
    model.compile(keras.optimizers.SGD(1e-3), run_eagerly=True)
    with pytest.warns(UserWarning, match="attention has collapsed by epoch 1") as said:
        model.fit(x, y, epochs=3, batch_size=256, verbose=0, callbacks=[callback])
    (message,) = {str(one.message) for one in said if one.category is UserWarning}
    assert callback.collapsed_epoch == 1
    assert "\n" not in message and f"of {LOG_5:.3f} nats" in message
    assert "docs/collapse.md" in message


@pytest.mark.parametrize("attention", ["soft", "hard", "lvml", "hybrid"])
def test_healthy_training_is_not_warned_of(attention):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(256, 5, 8)).astype("float32"), rng.integers(3, size=256)
    x[np.arange(256), rng.integers(5, size=256), y] += 5.0
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(3), attention)
    model.compile(keras.optimizers.Adam(0.05), run_eagerly=True)
    callbacks = [WarnOnCollapse(y)]
    if attention == "hybrid":
        callbacks.append(SwitchAttention(2))
    logs = model.fit(x, y, epochs=5, batch_size=64, verbose=0, callbacks=callbacks).history
    assert callbacks[0].collapsed_epoch is None
    assert logs["loss"][-1] < 0.8 * LOG_3  # it did learn


def test_attention_that_grows_one_hot_of_noise_is_found_by_the_training_itself():
    """Adam on labels that say nothing: the scores of two bias-free layers grow, the loss stays."""
    x, _ = collapsing_task()
    y = np.arange(256) % 3
    dense = keras.layers.Dense
    focus = keras.Sequential([dense(32, "relu", use_bias=False), dense(1, use_bias=False)])
    classifier = keras.Sequential([dense(3, kernel_initializer="zeros")])
    model = FocusClassifier(focus, classifier, "lvml")
    model.compile(keras.optimizers.Adam(0.3))
    callback = WarnOnCollapse(y, tolerance=0.2)
    with pytest.warns(UserWarning, match="attention has collapsed by epoch"):
        model.fit(x, y, epochs=10, batch_size=64, verbose=0, callbacks=[callback])


# Of an epoch's figures


def test_all_three_figures_have_to_agree(callback):
    assert fires(callback(), COLLAPSED)
    for name, healthy in {"focus_entropy": 0.2, "loss": 0.9, "label_accuracy": 0.5}.items():
        assert not fires(callback(), COLLAPSED | {name: healthy})


@pytest.mark.parametrize("tolerance", [0.05, 0.1, 0.3])
def test_the_bounds_are_where_the_formula_has_them(callback, tolerance):
    below, above = 1 - 1e-6, 1 + 1e-6
    entropy, loss = tolerance * LOG_3, (1 - tolerance) * LOG_3
    accuracy = 1 / 3 + tolerance * 2 / 3
    inside = {
        "focus_entropy": below * entropy,
        "loss": above * loss,
        "label_accuracy": below * accuracy,
    }
    outside = {"focus_entropy": entropy, "loss": below * loss, "label_accuracy": above * accuracy}
    assert fires(callback(tolerance=tolerance), inside)
    for name in outside:
        moved = inside | {name: outside[name] * (above if name == "focus_entropy" else 1)}
        assert not fires(callback(tolerance=tolerance), moved)


def test_chance_is_that_of_unequal_classes(callback):
    labels = np.repeat([0, 1, 2], [90, 5, 5])
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.05))  # 0.394, where log 3 is 1.099
    commonest = COLLAPSED | {"loss": entropy, "label_accuracy": 0.9}
    assert fires(callback(labels=labels), commonest)
    assert not fires(callback(), commonest)
    assert not fires(callback(labels=labels), commonest | {"loss": 0.85 * entropy})


def test_labels_may_be_columns_or_shares(callback):
    ids = np.array([0, 0, 0, 1])
    alike = [ids, ids[:, None], np.eye(3)[ids], np.full((4, 3), [0.75, 0.25, 0.0])]
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    for labels in alike:
        at_chance = COLLAPSED | {"loss": 0.95 * entropy}
        assert fires(callback(labels=labels), at_chance)
        assert not fires(callback(labels=labels), at_chance | {"loss": 0.85 * entropy})


def test_a_single_segment_is_no_collapse(callback):
    assert not fires(callback(num_segments=1), COLLAPSED | {"focus_entropy": 0.0})
    assert not fires(callback(num_segments=np.ones(9, int)), COLLAPSED | {"focus_entropy": 0.0})


def test_the_sizes_of_bags_count(callback):
    sizes = np.array([1, 1, 1, 9])  # mean log m 0.549: one-hot is below 0.055
    assert not fires(callback(num_segments=sizes), COLLAPSED | {"focus_entropy": 0.06})
    assert fires(callback(num_segments=sizes), COLLAPSED | {"focus_entropy": 0.05})


def test_a_model_of_any_number_of_segments_counts_as_one_of_two(linear_model):
    model = linear_model("lvml")
    free = FocusClassifier(model.focus, model.classifier, "lvml")
    free.build((None, None, 4))
    callback = WarnOnCollapse()
    callback.set_model(free)
    assert fires(callback, COLLAPSED | {"focus_entropy": 0.09 * np.log(2)})
    assert not fires(callback, COLLAPSED | {"focus_entropy": 0.11 * np.log(2)})


def test_segments_with_a_mask_tell_m_too(linear_model):
    model = linear_model("lvml")
    masked = FocusClassifier(model.focus, model.classifier, "lvml")
    masked.build({"segments": (None, 5, 4), "mask": (None, 5)})
    callback = WarnOnCollapse()
    callback.set_model(masked)
    assert fires(callback, COLLAPSED | {"focus_entropy": 0.09 * LOG_5})
    assert not fires(callback, COLLAPSED | {"focus_entropy": 0.11 * LOG_5})


def test_nan_is_no_collapse(callback):
    for name in COLLAPSED:
        assert not fires(callback(), COLLAPSED | {name: float("nan")})


def test_logs_without_accuracy_are_judged_by_the_loss(callback):
    assert fires(callback(), {"focus_entropy": 0.01, "loss": 1.0986})


# Over the epochs


def test_a_collapse_is_said_once_and_forgotten_when_it_is_over(callback):
    one = callback()
    assert [fires(one, f, e) for e, f in enumerate([HEALTHY, COLLAPSED, COLLAPSED])] == [
        False,
        True,
        False,
    ]
    assert one.collapsed_epoch == 2
    assert not fires(one, HEALTHY, 3) and one.collapsed_epoch is None
    assert fires(one, COLLAPSED, 4) and one.collapsed_epoch == 5


def test_a_resumed_run_remembers_and_a_new_one_does_not(callback):
    first, second = callback(), callback()
    assert fires(first, COLLAPSED, 1)
    second.set_state(json.loads(json.dumps(first.get_state())))
    assert not fires(second, COLLAPSED, 2) and second.collapsed_epoch == 2
    second.on_train_begin()
    assert second.collapsed_epoch is None and fires(second, COLLAPSED)


def test_missing_entropy_is_said_once(callback):
    one, logs = callback(), {"loss": 1.1, "label_accuracy": 0.3}
    with pytest.warns(UserWarning, match=r"the logs have \['label_accuracy', 'loss'\]; expected"):
        one.on_epoch_end(0, logs)
    assert not fires(one, logs, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tolerance": 0.0}, "tolerance is 0.0, expected a number above 0 and below 1"),
        ({"tolerance": 1.0}, "tolerance is 1.0, expected"),
        ({"labels": []}, r"labels have shape \(0,\), expected \(n,\) or \(n, classes\)"),
        ({"labels": np.zeros((2, 2, 2))}, r"labels have shape \(2, 2, 2\), expected"),
        ({"num_segments": 2.5}, r"num_segments is array\(2.5\), expected integers"),
    ],
)
def test_bad_setting_is_refused(settings, message):
    with pytest.raises(ValueError, match=message) as error:
        WarnOnCollapse(**settings)
    assert "\n" not in str(error.value)


# A dead focus network


def of_relus(kernel="glorot_uniform", rate=0.05, attention="lvml", **settings):
    """A model whose focus network is two bias-free layers with a ReLU between them."""
    dense = keras.layers.Dense
    first = dense(4, "relu", use_bias=False, kernel_initializer=kernel)
    focus = keras.Sequential([first, dense(1, use_bias=False)])
    model = FocusClassifier(focus, dense(3), attention)
    model.build((None, 5, 8))
    model.compile(keras.optimizers.Adam(rate), **settings)
    return model


class Kill(keras.callbacks.Callback):
    """Sets the focus network's first kernel at the end of an epoch, so that every ReLU is 0."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            kernel = self.model.focus.layers[0].kernel
            kernel.assign(-np.ones(kernel.shape))


def positive_task():
    rng = np.random.default_rng(0)
    return rng.uniform(1, 2, size=(64, 5, 8)).astype("float32"), rng.integers(3, size=64)


@pytest.mark.parametrize(
    ("attention", "settings"),
    [
        ("lvml", {}),
        ("lvml", {"jit_compile": True}),
        ("soft", {"steps_per_execution": 2}),
        ("hybrid", {"run_eagerly": True}),
    ],
)
def test_a_network_that_dies_is_said_in_one_line(attention, settings):
    x, y = positive_task()
    model, callback = of_relus(attention=attention, **settings), WarnOnCollapse(y)
    callbacks = [callback, Kill(), *([SwitchAttention(1)] if attention == "hybrid" else [])]
    mask = np.arange(5) < np.random.default_rng(1).integers(1, 6, size=64)[:, None]
    with pytest.warns(UserWarning, match="^the focus network is dead since epoch 2: ") as said:
        model.fit(
            {"segments": x, "mask": mask},
            y,
            epochs=4,
            batch_size=16,
            verbose=0,
            callbacks=callbacks,
            validation_data=(x[:16], y[:16]),
        )
    said = [str(one.message) for one in said if one.category is UserWarning]
    assert len(said) == 1 and "\n" not in said[0]
    assert callback.dead_epoch == 2


def test_a_network_that_was_never_alive_is_said_after_three_epochs(two_replicas):
    x, y = positive_task()
    callback = WarnOnCollapse(y)
    with two_replicas.scope():
        model = of_relus(keras.initializers.Constant(-1.0))
    with pytest.warns(UserWarning, match="^the focus network is dead since epoch 1: "):
        model.fit(x, y, epochs=3, batch_size=16, verbose=0, callbacks=[callback])


@pytest.mark.parametrize(
    "make",
    [
        lambda: of_relus(rate=1e-9),  # has not moved yet
        lambda: of_relus(keras.initializers.RandomNormal(stddev=1e-12), rate=1e-9),
        lambda: FocusClassifier(keras.layers.Dense(1, "relu"), keras.layers.Dense(3), "hard"),
        lambda: FocusClassifier(
            keras.layers.Dense(1, kernel_initializer="zeros", use_bias=False),
            keras.layers.Dense(3, kernel_initializer="zeros", use_bias=False),
            "lvml",
        ),
    ],
)
def test_attention_that_has_not_begun_is_no_dead_network(make):
    """In full batches, one step an epoch: the least that an epoch can be."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 5, 8)).astype("float32"), np.arange(64) % 3
    model, callback = make(), WarnOnCollapse(y)
    if not model.compiled:
        model.compile("sgd")
    model.fit(x, y, epochs=6, batch_size=64, verbose=0, callbacks=[callback])
    assert callback.dead_epoch is None


def test_even_attention_that_is_wanted_is_not_warned_of():
    """A frozen focus network; a normaliser that chooses nothing; bags of one segment."""
    x, y = positive_task()
    frozen = of_relus(keras.initializers.Constant(-1.0))
    frozen.focus.trainable = False
    frozen.compile("sgd")
    chooses_nothing = of_relus(attention=SoftAttention(uniform))
    for model, segments in ((frozen, x), (chooses_nothing, x), (of_relus(), x[:, :1])):
        callback = WarnOnCollapse(y, num_segments=segments.shape[1])
        model.fit(segments, y, epochs=4, verbose=0, callbacks=[callback])
        assert callback.dead_epoch is None


def test_a_resumed_run_knows_since_when():
    x, y = positive_task()
    model, callback = of_relus(keras.initializers.Constant(-1.0)), WarnOnCollapse(y)
    settings = {"batch_size": 16, "verbose": 0}
    model.fit(x, y, epochs=2, callbacks=[callback], **settings)
    state = json.loads(json.dumps(callback.get_state()))
    callback.on_train_begin()
    callback.set_state(state)
    callback.on_epoch_begin(2)
    model.train_on_batch(x, y)
    with pytest.warns(UserWarning, match="dead since epoch 1"):
        callback.on_epoch_end(2, dict(HEALTHY))
    callback.set_state({"collapsed_epoch": None})  # of a version that did not look
    assert callback.dead_epoch is None


# Scores that run away

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


def test_one_epoch_of_scores_far_apart_may_pass(callback):
    one, means = callback(), [80.0, 90.0, 80.0, 90.0, 80.0]
    assert not any(after(one, mean, epoch, HEALTHY) for epoch, mean in enumerate(means))
    assert one.saturated_epoch is None


def test_scores_that_come_back_are_forgotten_and_a_resumed_run_remembers(callback):
    one = callback()
    assert not after(one, 90.0, 1, HEALTHY)
    one, before = callback(), one
    one.set_state(json.loads(json.dumps(before.get_state())))
    assert after(one, 1e3, 2, HEALTHY) and one.saturated_epoch == 2
    assert not after(one, float("inf"), 3, HEALTHY)
    other = callback()
    other.set_state(json.loads(json.dumps(one.get_state())))
    assert other.saturated_epoch == 2 and not after(other, float("inf"), 4, HEALTHY)
    assert not after(other, 80.0, 5, HEALTHY) and other.saturated_epoch is None
    assert not after(other, float("inf"), 6, HEALTHY) and after(other, 1e3, 7, HEALTHY)
    assert other.saturated_epoch == 7
    other.on_train_begin()
    assert other.saturated_epoch is None and not after(other, 1e3, 0, HEALTHY)


def test_of_collapsed_attention_no_more_is_said(callback):
    one = callback()
    assert [after(one, 1e3, epoch, COLLAPSED) for epoch in range(3)] == [True, False, False]
    assert one.collapsed_epoch == 1 and one.saturated_epoch is None
    assert after(one, 1e3, 3, HEALTHY) and one.saturated_epoch == 1  # once that has passed


@pytest.mark.parametrize("mean", [None, float("nan")])
def test_no_distance_is_not_far(callback, mean):
    one = callback()
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


def test_another_model_is_refused_at_once(linear_model):
    callback = WarnOnCollapse()
    callback.set_model(keras.Sequential([keras.layers.Dense(1)]))
    with pytest.raises(ValueError, match="^the model is a Sequential, expected a FocusClassifier$"):
        callback.on_train_begin()


def test_the_number_of_segments_is_that_of_attention_not_of_pixels():
    networks = (keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(n)]) for n in (1, 3))
    model = FocusClassifier(*networks, encoder=Patches(4))
    model.build((None, 32, 32, 1))
    callback = WarnOnCollapse()
    callback.set_model(model)
    assert callback._uniform_entropy() == pytest.approx(np.log(64))
