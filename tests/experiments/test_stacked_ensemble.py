import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.models import BlockMaxPool2D, networks
from experiments.held_focus.stacked_ensemble import StackedEnsemble

N, K = 4, 3


def classifier(name):
    if name in ("cifar10", "linear"):
        return networks(name, (32, 32, 3), 5)[1]
    if name == "functional":
        x = keras.Input((6,))
        hidden = keras.layers.Dense(6, "relu")(x)
        return keras.Model(x, keras.layers.Dense(5)(hidden + x))
    layers = {
        "scaled first": [keras.layers.Rescaling(2.0), keras.layers.Dense(5, use_bias=False)],
        "squashed first": [keras.layers.Activation("tanh"), keras.layers.Dense(5)],
        "normalised first": [keras.layers.LayerNormalization(), keras.layers.Dense(5)],
        "one layer": [keras.layers.Dense(5, "tanh")],
        "dip before the pool": [
            keras.layers.Conv2D(4, 3, activation="gelu"),
            BlockMaxPool2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ],
        "strides": [
            keras.layers.Conv2D(4, 3, strides=2, padding="same"),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ],
    }[name]
    images = name in ("dip before the pool", "strides")
    return keras.Sequential([keras.Input((8, 8, 2) if images else (6,)), *layers])


def with_random_weights(copies, network):
    """Gives copies different weights; returns each copy as a network of its own."""
    rng = np.random.default_rng(0)
    for stack in copies.stacks:
        stack.assign(rng.normal(0, 0.3, stack.shape))
    alone = [keras.models.clone_model(network) for _ in range(copies.count)]
    for k, one in enumerate(alone):
        one.set_weights([stack.numpy()[k] for stack in copies.stacks])
    return alone


NAMES = [
    "cifar10",
    "linear",
    "functional",
    "scaled first",
    "squashed first",
    "normalised first",
    "one layer",
    "dip before the pool",
    "strides",
]


@pytest.mark.parametrize("name", NAMES)
def test_copies_are_networks_of_their_own(name, rounding):
    network = classifier(name)
    copies = StackedEnsemble(network, K)
    alone = with_random_weights(copies, network)
    x = np.random.default_rng(1).normal(size=(K, N, *network.input_shape[1:])).astype("float32")
    same = copies(x[0])
    assert same.shape == (K, N, 5)
    # Sums of up to 3072 terms of either sign: roundings add up like their square root.
    close = {"rtol": 0, "atol": rounding(3072**0.5, np.abs(same).max())}
    for k, one in enumerate(alone):
        np.testing.assert_allclose(same[k], one(x[0]), **close)
    np.testing.assert_allclose(copies(x[0], first=2), same[:2], **close)
    mix = np.array([[0.2, 0.8], [0.7, 0.3], [1.0, 0.0]], "float32")
    mixed = copies([x[0], x[1]], mix=mix)
    for k, one in enumerate(alone):
        own = mix[k, 0] * x[0] + mix[k, 1] * x[1]
        np.testing.assert_allclose(mixed[k], one(own), **close)
    fewer = copies([x[0], x[1]], mix=mix, first=2)
    np.testing.assert_allclose(fewer, mixed[:2], **close)
    alone_again = copies([x[0], x[1]], mix=mix, first=1)
    np.testing.assert_allclose(alone_again, mixed[:1], **close)


def test_gradients_reach_every_copy_as_they_reach_it_alone():
    network = classifier("cifar10")
    copies = StackedEnsemble(network, K)
    alone = with_random_weights(copies, network)
    x = np.random.default_rng(1).normal(size=(N, 32, 32, 3)).astype("float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(copies(x) ** 2)
    stacked = tape.gradient(loss, [stack.value for stack in copies.stacks])
    for k, one in enumerate(alone):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(one(x) ** 2)
        for together, own in zip(stacked, tape.gradient(loss, one.trainable_weights)):
            np.testing.assert_allclose(together[k], own, rtol=1e-3, atol=1e-4)


def test_all_start_from_the_network_and_leave_it_alone():
    network = classifier("linear")
    network.layers[-1].kernel.assign(np.ones(network.layers[-1].kernel.shape))
    copies = StackedEnsemble(network, K)
    assert [tuple(w.shape) for w in copies.trainable_variables] == [(K, 3072, 5)]
    np.testing.assert_array_equal(copies.stacks[0], 1.0)
    copies.stacks[0].assign(2 * copies.stacks[0])
    np.testing.assert_array_equal(network.layers[-1].kernel, 1.0)


def test_a_network_with_state_is_refused():
    network = keras.Sequential(
        [keras.Input((6,)), keras.layers.BatchNormalization(), keras.layers.Dense(5)]
    )
    with pytest.raises(ValueError, match=r"moving_mean.*expected a network of trainable weights"):
        StackedEnsemble(network, K)
