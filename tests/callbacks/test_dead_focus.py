"""WarnOnCollapse: a focus network whose scores are equal for good."""

import json

import keras
import numpy as np
import pytest
from support.epochs import HEALTHY

from attention_zoo.callbacks import SwitchAttention, WarnOnCollapse
from attention_zoo.layers import SoftAttention
from attention_zoo.models import FocusClassifier, uniform


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
