"""The paper's networks, against its layer list."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.models import cifar10_networks, cifar100_networks, digits_networks

# Valid padding: 32 -> 30 -> 15 -> 13 -> 6 -> 4 (focus), 32 -> 28 -> 14 -> 10 -> 5 (classifier).
FOCUS_CONVOLUTIONS = 3 * 3 * 3 * 32 + 3 * 3 * 32 * 64 + 3 * 3 * 64 * 64
PARAMETERS = {
    "cifar10 focus": FOCUS_CONVOLUTIONS + 4 * 4 * 64 * 512 + 512 * 64 + 64 * 10 + 10,
    "cifar10 classifier": (
        (5 * 5 * 3 * 6 + 6)
        + (5 * 5 * 6 * 16 + 16)
        + (5 * 5 * 16 * 120 + 120)
        + (120 * 84 + 84)
        + (84 * 10 + 10)
        + (10 * 3 + 3)
    ),
    "cifar100 focus": FOCUS_CONVOLUTIONS + 4 * 4 * 64 * 512 + 512 * 64 + 64,
    "cifar100 classifier": (
        (5 * 5 * 3 * 16 + 16) + (5 * 5 * 16 * 32 + 32) + (5 * 5 * 32 * 120 + 120) + (120 * 50 + 50)
    ),
}


@pytest.fixture(scope="module")
def pairs():
    return {
        "cifar10": cifar10_networks(),
        "cifar100": cifar100_networks(),
        "digits": digits_networks(),
    }


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_numbers_of_parameters_are_the_papers(pairs, name):
    focus, classifier = pairs[name]
    assert focus.count_params() == PARAMETERS[f"{name} focus"]
    assert classifier.count_params() == PARAMETERS[f"{name} classifier"]


@pytest.mark.parametrize(
    ("name", "focus", "classifier"),
    [
        (
            "cifar10",
            "32 3 pool relu 64 3 pool relu 64 3 relu 512 relu 64 relu 10 relu 1",
            "6 5 pool relu 16 5 pool relu 120 relu 84 relu 10 relu 3",
        ),
        (
            "cifar100",
            "32 3 pool relu 64 3 pool relu 64 3 relu 512 relu 64 relu 1",
            "16 5 pool relu 32 5 pool relu 120 relu 50",
        ),
        ("digits", "32 3 relu 32 3 pool relu 64 relu 1", "16 3 relu 32 3 pool relu 64 relu 3"),
    ],
)
def test_layers_are_the_papers_with_pools_before_relu(pairs, name, focus, classifier):
    """A maximum and ReLU commute: see `test_pool_before_relu_is_pool_after_relu`."""
    assert [in_words(network) for network in pairs[name]] == [focus, classifier]


def in_words(network):
    """Filters and kernel size of every convolution, "pool", units of dense layers, "relu"."""
    words = {
        "Conv2D": lambda layer: f"{layer.filters} {layer.kernel_size[0]}",
        "BlockMaxPool2D": lambda layer: "pool",
        "Dense": lambda layer: str(layer.units),
        "Flatten": lambda layer: "",
        "ReLU": lambda layer: "relu",
    }
    said = []
    for layer in network.layers:
        said.append(words[type(layer).__name__](layer))
        activation = getattr(layer, "activation", keras.activations.linear)
        said.append("" if activation is keras.activations.linear else activation.__name__)
    return " ".join(word for word in said if word)


def pool_after_relu(network):
    """The network in the paper's order: convolution, ReLU, pool. With the same weights."""
    layers = [keras.Input(network.input_shape[1:])]
    for layer in network.layers:
        if isinstance(layer, keras.layers.ReLU):
            continue
        config = layer.get_config()
        if isinstance(layer, keras.layers.Conv2D):
            config["activation"] = "relu"
        layers.append(type(layer).from_config(config))
    other = keras.Sequential(layers)
    other.set_weights(network.get_weights())
    return other


def values_and_gradients(network, images):
    with tf.GradientTape() as tape:
        outputs = network(images)
        weights = tf.cos(tf.range(tf.size(outputs), dtype="float32") + 1.0)
        loss = tf.reduce_sum(tf.reshape(outputs, (-1,)) * weights)
    return [outputs.numpy(), *[g.numpy() for g in tape.gradient(loss, network.trainable_variables)]]


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "digits"])
def test_pool_before_relu_is_pool_after_relu(pairs, name):
    """Equal values and gradients: both orders pass on the first of equal maxima above 0.

    The two graphs may round differently (fused bias and ReLU), hence a few epsilon of the largest
    number of each tensor, times the root of the longest sum, 1,024 terms.
    """
    for network in pairs[name]:
        images = np.random.default_rng(0).normal(size=(8, *network.input_shape[1:]))
        both = [
            values_and_gradients(one, images.astype("float32"))
            for one in (network, pool_after_relu(network))
        ]
        for ours, papers in zip(*both):
            scale = np.abs(papers).max()
            np.testing.assert_allclose(ours, papers, atol=8 * 32 * 1.2e-7 * scale, rtol=0)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "digits"])
def test_weights_of_pool_after_relu_load(pairs, name, tmp_path):
    """Files written before the order changed hold the same layers by the same names."""
    for network in pairs[name]:
        old = pool_after_relu(network)
        old.set_weights([weight + 1.0 for weight in old.get_weights()])
        old.save_weights(tmp_path / "old.weights.h5")
        new = keras.models.clone_model(network)
        new.load_weights(tmp_path / "old.weights.h5")
        for was, now in zip(old.get_weights(), new.get_weights()):
            np.testing.assert_array_equal(now, was)


@pytest.mark.parametrize(
    ("name", "segment_shape", "classes"),
    [("cifar10", (32, 32, 3), 3), ("cifar100", (32, 32, 3), 50), ("digits", (8, 8, 1), 3)],
)
def test_one_score_and_a_logit_a_class(pairs, name, segment_shape, classes):
    focus, classifier = pairs[name]
    images = np.zeros((2, *segment_shape), "float32")
    assert focus(images).shape == (2, 1)
    assert classifier(images).shape == (2, classes)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "digits"])
def test_weights_start_as_the_paper_has_them(pairs, name):
    """Glorot: variance 2 / (inputs + outputs), truncated normal; biases 0, none in the focus."""
    focus, classifier = pairs[name]
    assert all(layer.bias is None for layer in focus.layers if hasattr(layer, "bias"))
    for layer in (*focus.layers, *classifier.layers):
        if getattr(layer, "bias", None) is not None:
            np.testing.assert_array_equal(layer.bias, 0.0)
        if not hasattr(layer, "kernel") or layer.kernel.shape[-1] == 1:
            continue
        kernel = layer.kernel.numpy()
        receptive_field = np.prod(kernel.shape[:-2])
        variance = 2.0 / (receptive_field * (kernel.shape[-2] + kernel.shape[-1]))
        error = 6 * variance * np.sqrt(2 / kernel.size)  # six standard errors
        assert kernel.var() == pytest.approx(variance, abs=error)
        assert np.abs(kernel).max() < 2.3 * np.sqrt(variance)  # cut at two, then widened
    assert np.unique(classifier.layers[0].kernel).size > 1


def test_other_shapes_and_numbers_of_classes():
    focus, classifier = cifar10_networks((20, 24, 1), num_classes=7)
    assert (focus.output_shape, classifier.output_shape) == ((None, 1), (None, 7))


@pytest.mark.parametrize("make", [cifar10_networks, cifar100_networks, digits_networks])
def test_two_calls_share_nothing(make):
    (focus, _), (other, _) = make(), make()
    assert focus is not other
    assert np.any(focus.get_weights()[0] != other.get_weights()[0])


@pytest.mark.parametrize(
    ("make", "least"), [(cifar10_networks, 18), (cifar100_networks, 18), (digits_networks, 6)]
)
def test_images_too_small_are_refused(make, least):
    """By this package: Keras 3.12 builds layers of no pixels."""
    for network in make((least, least, 1)):
        assert all(weight.size > 0 for weight in network.get_weights())
    for shape in ((least - 1, 32, 3), (32, least - 1, 3), (least, least), 3):
        expected = rf"segment_shape is {re.escape(str(shape))}, expected .* of {least}×{least} pix"
        with pytest.raises(ValueError, match=expected):
            make(shape)
