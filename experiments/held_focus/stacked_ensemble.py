"""StackedEnsemble: networks of one architecture, trained side by side."""

import keras
import tensorflow as tf
from keras import ops

from attention_zoo.models import BlockMaxPool2D


class StackedEnsemble(keras.layers.Layer):
    """K copies of a network, each with weights of its own, all of them the network's to begin with.

    A weight (...) of the network is one variable (K, ...) here: one optimizer trains all copies in
    one step. Their first layers are one layer with K times the filters (a convolution of few
    filters costs a CPU hardly less than one of many); from there on every copy runs by itself, in
    the same compiled graph. Grouped convolutions would be a little faster where TensorFlow has them
    for CPUs at all, which takes oneDNN.

    Where copies read mixtures of the same inputs, it is the kernels that are mixed:

        conv(alpha x + (1 - alpha) x', w) = conv([x, x'], [alpha w, (1 - alpha) w])

    Args:
        network: a built `keras.Model` without state but its trainable weights, so neither batch
            normalisation nor dropout.
        count: K.

    Call arguments:
        inputs: (n, ...), the same for all copies, or a list of I such batches to mix.
        mix: (K, I), with rows that sum to 1, for such a list: copy k reads sum_i mix_ki x_i.
        first: how many of the copies to run, the first ones; None is all.

    Returns:
        (K, n, c), or with `first` (first, n, c).
    """

    def __init__(self, network, count):
        super().__init__(name="copies")
        if network.non_trainable_variables:
            raise ValueError(
                f"network {network.name!r} has {network.non_trainable_variables[0].path}, which is "
                "not trained, expected a network of trainable weights alone"
            )
        self._parts = _Parts(network)
        self.count = count
        self.stacks = [self._stacked(weight, count) for weight in network.trainable_variables]
        self.built = True

    def _stacked(self, weight, count):
        """A variable (K, ...) that holds the weight K times."""
        copies = ops.repeat(weight[None], count, axis=0)
        name = weight.path.replace("/", "_")
        return self.add_weight(shape=copies.shape, initializer=lambda *_, **__: copies, name=name)

    def call(self, inputs, mix=None, first=None):
        first = self.count if first is None else first
        weights = [ops.unstack(stack, self.count)[:first] for stack in self.stacks]
        copies = [list(own) for own in zip(*weights, strict=True)]  # a list of weights for each
        if mix is None:
            inputs, mix = [inputs], ops.ones((self.count, 1))
        mix = [ops.unstack(row, len(inputs)) for row in ops.unstack(mix, self.count)[:first]]
        return ops.stack(self._parts.outputs(copies, inputs, mix))


class _Parts:
    """The network, and what of it all copies can do at once. No layer: its weights are no copy's.

    Attributes:
        layers: all of them, one after the other.
        before: of these the ones without weights that come first.
        first: the layer that can be widened, or None.
        pools: whether a 2×2 pool follows it, and may come before its bias and activation: the
            maximum stays what it is.
        rest: the layers after these.
    """

    def __init__(self, network):
        self.layers = network.layers if isinstance(network, keras.Sequential) else [network]
        at = next(i for i, layer in enumerate(self.layers) if layer.weights)
        self.before, self.first, after = self.layers[:at], self.layers[at], self.layers[at + 1 :]
        if not _can_be_widened(self.first) or any(not _only_moves(one) for one in self.before):
            self.first = None
            return
        self.pools = bool(after) and type(after[0]) is BlockMaxPool2D and _rises(self.first)
        self.rest = after[self.pools :]

    def outputs(self, copies, inputs, mix):
        """What networks with these lists of weights make of their mixtures: a list of (n, c).

        Mixed kernels cost one network more than mixed inputs, five less.
        """
        if self.first is None or len(copies) == 1:
            return [
                _run(self.layers, own, _mixture(row, inputs))
                for own, row in zip(copies, mix, strict=True)
            ]
        taken = len(self.first.weights)
        inputs = [_run(self.before, [], x) for x in inputs]
        x = self._widened([own[:taken] for own in copies], inputs, mix)  # (n, ..., K filters)
        parts = ops.split(x, len(copies), axis=-1)
        return [_run(self.rest, own[taken:], part) for own, part in zip(copies, parts, strict=True)]

    def _widened(self, copies, inputs, mix):
        """The first layer and its pool, filters of all copies side by side, inputs one by one."""
        kernels, *biases = zip(*copies, strict=True)
        mixed = [
            ops.concatenate([share * kernel for share in row], axis=-2)
            for kernel, row in zip(kernels, mix, strict=True)
        ]
        x, kernel = ops.concatenate(inputs, axis=-1), ops.concatenate(mixed, axis=-1)
        is_convolution = isinstance(self.first, keras.layers.Conv2D)
        x = self.first.convolution_op(x, kernel) if is_convolution else ops.matmul(x, kernel)
        x = BlockMaxPool2D()(x) if self.pools else x
        x = tf.nn.bias_add(x, ops.concatenate(biases[0], axis=-1)) if biases else x
        return self.first.activation(x)


def _can_be_widened(layer):
    if type(layer) is keras.layers.Conv2D:
        return layer.groups == 1 and layer.data_format == "channels_last"
    return type(layer) is keras.layers.Dense


def _only_moves(layer):
    """Whether the layer only moves numbers, so that a mixture may come after it."""
    return isinstance(layer, keras.layers.InputLayer | keras.layers.Flatten | keras.layers.Reshape)


def _rises(layer):
    """Whether more before the activation is never less after it."""
    return layer.activation in (keras.activations.linear, keras.activations.relu)


def _mixture(row, inputs):
    if len(inputs) == 1:
        return inputs[0]
    return sum(share * x for share, x in zip(row, inputs, strict=True))


def _run(layers, weights, x):
    """The layers one after the other, with these weights in the place of their own."""
    for layer in layers:
        own, weights = weights[: len(layer.weights)], weights[len(layer.weights) :]
        x, _ = layer.stateless_call(own, [], x)
    return x
