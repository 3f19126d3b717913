"""The contestants of exported_inference.py that are SavedModels."""

import tempfile

import keras
import tensorflow as tf

import attention_zoo as az
from attention_zoo.models import FocusClassifier, networks


class Ours:
    """The signature `argmax` of `az.export`, loaded by TensorFlow alone."""

    policy = "float32"

    def __init__(self, task):
        keras.config.set_dtype_policy(self.policy)
        focus, classifier = networks("cifar10", (32, 32, 3), task.num_classes)
        model = FocusClassifier(focus, classifier, "hard")
        model.build((None, task.num_segments, 32, 32, 3))
        focus.set_weights(task.weights["focus"])
        classifier.set_weights(task.weights["classifier"])
        self._folder = tempfile.TemporaryDirectory()
        az.export(model, self._folder.name)
        self._loaded = tf.saved_model.load(self._folder.name)
        self._argmax = self._loaded.signatures["argmax"]
        self._segments = tf.constant(task.segments)

    def step(self, i):
        """Predicts the batch; returns the first example's probabilities."""
        return self._argmax(segments=self._segments)["probabilities"].numpy()[0].tolist()


class OursBfloat16(Ours):
    """The same of a model whose products are in bfloat16."""

    policy = "mixed_bfloat16"
