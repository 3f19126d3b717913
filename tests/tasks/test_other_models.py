"""Runs of models that are no FocusClassifier, or that a task has compiled."""

import dataclasses

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.training import run as run_module


@keras.saving.register_keras_serializable(package="test_own_task")
class Mean(keras.Model):
    """A model without attention, which knows its loss."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(2)

    def build(self, input_shape):
        self.dense.build((None, input_shape[-1]))
        self.built = True

    def call(self, x):
        return self.dense(keras.ops.mean(x, axis=1))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(
            keras.losses.sparse_categorical_crossentropy(y, y_pred, from_logits=True)
        )


@pytest.mark.parametrize("module", [__name__, "keras_tricks.models"])
def test_a_class_that_keras_could_not_find_again_is_refused_before_training(
    sensors, module, tmp_path
):
    class Unknown(Mean):
        """Registered nowhere."""

        __module__ = module

    class Means(sensors.SensorsTask):
        def build(self, config, splits, attention):
            model = Unknown()
            model.build((None, 4, 3))
            return model

    with pytest.raises(ValueError, match="^the model is a Unknown, which Keras does not know when"):
        az.train(Means(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@dataclasses.dataclass
class Right:
    share: float

    def scalars(self):
        return {"right": self.share}

    def table(self):
        return f"{self.share:.1%} right"


def test_a_model_of_another_kind_has_a_run_too(sensors, tmp_path):
    class MeanTask(az.tasks.Task):
        name = "means"
        config = sensors.SensorsConfig
        load = sensors.SensorsTask.load

        def build(self, config, splits, attention):
            model = Mean()
            model.build((None, 4, 3))
            return model

        def evaluate(self, model, split, config):
            y = model.predict(split.source.x, verbose=0).argmax(axis=-1)
            return Right(float(np.mean(y == split.source.y)))

    settings = {"attention": "soft", "epochs": 12, "learning_rate": 1.0, "keep": "loss"}
    found = az.train(MeanTask(), tmp_path, **settings)
    assert found["test"].scalars()["right"] > 0.9
    assert az.tasks.evaluate_finished(tmp_path, task=MeanTask()).table().endswith("% right")
    assert (tmp_path / "saved_model").is_dir() and (tmp_path / "report.html").exists()


@pytest.fixture
def flat(sensors):
    """A task whose model is compiled with a loss and metrics."""

    class FlatTask(az.tasks.Task):
        name = "flat"
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        config = sensors.SensorsConfig
        load = sensors.SensorsTask.load

        def build(self, config, splits, attention):
            layers = keras.Input((4, 3)), keras.layers.Flatten(), keras.layers.Dense(2)
            model = keras.Sequential([*layers])
            model.compile(loss=self.loss, metrics=["accuracy"])
            return model

        def evaluate(self, model, split, config):
            found = model.evaluate(split.source.x, split.source.y, verbose=0, return_dict=True)
            return Right(found["accuracy"])

    return FlatTask()


def test_a_compiled_model_keeps_its_loss_and_metrics(flat, tmp_path):
    settings = {"attention": "soft", "epochs": 12, "learning_rate": 1.0, "keep": "loss"}
    found = az.train(flat, tmp_path, **settings)["test"].scalars()
    assert found["right"] > 0.9
    columns = (tmp_path / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(columns)
    assert az.tasks.evaluate_finished(tmp_path, task=flat).scalars() == found


def test_a_loss_that_keras_could_not_find_again_is_refused_before_training(flat, tmp_path):
    flat.loss = lambda y, q: keras.losses.sparse_categorical_crossentropy(y, q, from_logits=True)
    flat.loss.__name__ = "of_mine"
    with pytest.raises(ValueError, match="^the model was compiled with a loss or metric that Ker"):
        az.train(flat, tmp_path / "run", keep="loss")
    assert not (tmp_path / "run").exists()


def test_a_compiled_focus_classifier_keeps_its_metrics(sensors):
    class Compiled(sensors.SensorsTask):
        def build(self, *arguments):
            model = super().build(*arguments)
            model.compile(metrics=["sparse_categorical_accuracy"])
            return model

    task = Compiled()
    model = run_module.build_model(task, task.config(), task.load(task.config()))
    model.evaluate(*(np.zeros((2, 4, 3), "float32"), np.zeros(2, int)), verbose=0)
    assert any("sparse_categorical_accuracy" in name for name in model.get_metrics_result())
