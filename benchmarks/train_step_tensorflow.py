"""The TensorFlow contestants of train_step.py: ours, and Keras with stock layers."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from attention_zoo.datasets.mosaics.mosaics import gather_segments
from attention_zoo.models import FocusClassifier, networks
from attention_zoo.training.loop import Loop


class Ours:
    """The training loop of this package, its metrics included; base images are resident."""

    xla = False
    policy = "float32"

    def __init__(self, task):
        keras.config.set_dtype_policy(self.policy)
        focus, classifier = networks("cifar10", task.images.shape[1:], task.num_classes)
        self.model = FocusClassifier(focus, classifier, task.attention)
        self.model.build((None, task.num_segments, *task.images.shape[1:]))
        _set_weights(focus, classifier, task.weights)
        self.model.compile(_sgd(task))
        self.model.optimizer.build(self.model.trainable_variables)
        images = tf.constant(task.images)
        self.loop = Loop(
            self.model, prepare=lambda rows: gather_segments(images, rows), jit_compile=self.xla
        )
        batches = _batches(task).map(lambda batch: (batch.pop("rows"), batch))
        self.loop.evaluate(batches.take(1))  # makes the metrics' variables
        self.batches = iter(batches)
        self.loss = next(metric for metric in self.model.metrics if metric.name == "loss")

    def step(self, i):
        """Takes one step and returns the loss of its batch."""
        self.loss.reset_state()
        self.loop.run(self.batches, 1)
        return float(self.loss.result())


class OursXLA(Ours):
    """The same under XLA."""

    xla = True


class OursBfloat16(Ours):
    """The same with products in bfloat16."""

    policy = "mixed_bfloat16"


class StockKeras:
    """What a user of Keras writes without this package, trained by what `fit` runs."""

    def __init__(self, task):
        segments = keras.Input((task.num_segments, *task.images.shape[1:]))
        focus, classifier = _stock_networks(task.images.shape[1:], task.num_classes)
        q = _STOCK_SCORES[task.attention](segments, focus, classifier, task.num_segments)
        self.model = keras.Model(segments, q)
        _set_weights(focus, classifier, task.weights)
        self.model.compile(_sgd(task), loss=_negative_score)
        self.model.make_train_function()
        self.batches = iter(_pipeline(task))

    def step(self, i):
        """Takes one step and returns the loss of its batch."""
        self.model.reset_metrics()
        return float(self.model.train_function(self.batches)["loss"])


def matrix_product(bfloat16):
    """A function of (a, b) that multiplies and waits, and one that makes its arguments."""
    product, dtype = tf.function(tf.matmul), tf.bfloat16 if bfloat16 else tf.float32
    return lambda a, b: product(a, b)[0, 0].numpy(), lambda a: tf.cast(a, dtype)


def _sgd(task):
    return keras.optimizers.SGD(task.learning_rate, momentum=task.momentum)


def _set_weights(focus, classifier, weights):
    focus.set_weights(weights["focus"])
    classifier.set_weights(weights["classifier"])


def _stock_networks(shape, num_classes):
    focus = [
        layers.Conv2D(32, 3, activation="relu", use_bias=False),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu", use_bias=False),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu", use_bias=False),
        layers.Flatten(),
        layers.Dense(512, activation="relu", use_bias=False),
        layers.Dense(64, activation="relu", use_bias=False),
        layers.Dense(10, activation="relu", use_bias=False),
        layers.Dense(1, use_bias=False),
    ]
    classifier = [
        layers.Conv2D(6, 5, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(16, 5, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(120, activation="relu"),
        layers.Dense(84, activation="relu"),
        layers.Dense(10, activation="relu"),
        layers.Dense(num_classes),
    ]
    return (keras.Sequential([keras.Input(shape), *stack]) for stack in (focus, classifier))


def _on_each(network, segments, m):
    """(b, m, ...) -> (b, m, outputs)."""
    flat = network(ops.reshape(segments, (-1, *segments.shape[2:])))
    return ops.reshape(flat, (-1, m, flat.shape[-1]))


def _soft(segments, focus, classifier, m):
    a = ops.softmax(_on_each(focus, segments, m), axis=1)  # (b, m, 1)
    average = ops.sum(a[..., None, None] * segments, axis=1)
    return ops.log_softmax(classifier(average))


def _hard(segments, focus, classifier, m):
    a = ops.softmax(_on_each(focus, segments, m), axis=1)
    return ops.sum(a * ops.log_softmax(_on_each(classifier, segments, m)), axis=1)


def _lvml(segments, focus, classifier, m):
    log_a = ops.log_softmax(_on_each(focus, segments, m), axis=1)
    return ops.logsumexp(log_a + ops.log_softmax(_on_each(classifier, segments, m)), axis=1)


_STOCK_SCORES = {"soft": _soft, "hard": _hard, "lvml": _lvml}


def _negative_score(label, q):
    label = ops.reshape(ops.cast(label, "int32"), (-1, 1))
    return -ops.take_along_axis(q, label, axis=1)[:, 0]


def _pipeline(task):
    images = tf.constant(task.images)

    def example(batch):
        return gather_segments(images, batch["rows"]), batch["label"]

    return _batches(task).map(example, num_parallel_calls=tf.data.AUTOTUNE).prefetch(1)


def _batches(task):
    """The task's batches over and over: dicts of "rows", "label", "focus"."""
    parts = {name: np.stack([batch[name] for batch in task.batches]) for name in task.batches[0]}
    return tf.data.Dataset.from_tensor_slices(parts).repeat()
