"""WarnOnCollapse: attention that is one-hot at the loss of chance."""

import json

import keras
import numpy as np
import pytest
from support.epochs import COLLAPSED, HEALTHY, fires

from attention_zoo.callbacks import SwitchAttention, WarnOnCollapse
from attention_zoo.layers import Patches
from attention_zoo.models import FocusClassifier

LOG_3, LOG_5 = np.log(3), np.log(5)


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


def test_all_three_figures_have_to_agree(warn_on_collapse):
    assert fires(warn_on_collapse(), COLLAPSED)
    for name, healthy in {"focus_entropy": 0.2, "loss": 0.9, "label_accuracy": 0.5}.items():
        assert not fires(warn_on_collapse(), COLLAPSED | {name: healthy})


@pytest.mark.parametrize("tolerance", [0.05, 0.1, 0.3])
def test_the_bounds_are_where_the_formula_has_them(warn_on_collapse, tolerance):
    below, above = 1 - 1e-6, 1 + 1e-6
    entropy, loss = tolerance * LOG_3, (1 - tolerance) * LOG_3
    accuracy = 1 / 3 + tolerance * 2 / 3
    inside = {
        "focus_entropy": below * entropy,
        "loss": above * loss,
        "label_accuracy": below * accuracy,
    }
    outside = {"focus_entropy": entropy, "loss": below * loss, "label_accuracy": above * accuracy}
    assert fires(warn_on_collapse(tolerance=tolerance), inside)
    for name in outside:
        moved = inside | {name: outside[name] * (above if name == "focus_entropy" else 1)}
        assert not fires(warn_on_collapse(tolerance=tolerance), moved)


def test_chance_is_that_of_unequal_classes(warn_on_collapse):
    labels = np.repeat([0, 1, 2], [90, 5, 5])
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.05))  # 0.394, where log 3 is 1.099
    commonest = COLLAPSED | {"loss": entropy, "label_accuracy": 0.9}
    assert fires(warn_on_collapse(labels=labels), commonest)
    assert not fires(warn_on_collapse(), commonest)
    assert not fires(warn_on_collapse(labels=labels), commonest | {"loss": 0.85 * entropy})


def test_labels_may_be_columns_or_shares(warn_on_collapse):
    ids = np.array([0, 0, 0, 1])
    alike = [ids, ids[:, None], np.eye(3)[ids], np.full((4, 3), [0.75, 0.25, 0.0])]
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    for labels in alike:
        at_chance = COLLAPSED | {"loss": 0.95 * entropy}
        assert fires(warn_on_collapse(labels=labels), at_chance)
        assert not fires(warn_on_collapse(labels=labels), at_chance | {"loss": 0.85 * entropy})


def test_a_single_segment_is_no_collapse(warn_on_collapse):
    assert not fires(warn_on_collapse(num_segments=1), COLLAPSED | {"focus_entropy": 0.0})
    assert not fires(
        warn_on_collapse(num_segments=np.ones(9, int)), COLLAPSED | {"focus_entropy": 0.0}
    )


def test_the_sizes_of_bags_count(warn_on_collapse):
    sizes = np.array([1, 1, 1, 9])  # mean log m 0.549: one-hot is below 0.055
    assert not fires(warn_on_collapse(num_segments=sizes), COLLAPSED | {"focus_entropy": 0.06})
    assert fires(warn_on_collapse(num_segments=sizes), COLLAPSED | {"focus_entropy": 0.05})


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


def test_nan_is_no_collapse(warn_on_collapse):
    for name in COLLAPSED:
        assert not fires(warn_on_collapse(), COLLAPSED | {name: float("nan")})


def test_logs_without_accuracy_are_judged_by_the_loss(warn_on_collapse):
    assert fires(warn_on_collapse(), {"focus_entropy": 0.01, "loss": 1.0986})


# Over the epochs


def test_a_collapse_is_said_once_and_forgotten_when_it_is_over(warn_on_collapse):
    one = warn_on_collapse()
    assert [fires(one, f, e) for e, f in enumerate([HEALTHY, COLLAPSED, COLLAPSED])] == [
        False,
        True,
        False,
    ]
    assert one.collapsed_epoch == 2
    assert not fires(one, HEALTHY, 3) and one.collapsed_epoch is None
    assert fires(one, COLLAPSED, 4) and one.collapsed_epoch == 5


def test_a_resumed_run_remembers_and_a_new_one_does_not(warn_on_collapse):
    first, second = warn_on_collapse(), warn_on_collapse()
    assert fires(first, COLLAPSED, 1)
    second.set_state(json.loads(json.dumps(first.get_state())))
    assert not fires(second, COLLAPSED, 2) and second.collapsed_epoch == 2
    second.on_train_begin()
    assert second.collapsed_epoch is None and fires(second, COLLAPSED)


def test_missing_entropy_is_said_once(warn_on_collapse):
    one, logs = warn_on_collapse(), {"loss": 1.1, "label_accuracy": 0.3}
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
