"""Trained: one model, trained for one fold after another by one compiled step."""

import dataclasses
import tempfile
import typing

import keras
import numpy as np

from attention_zoo.evaluation.every_way import EveryWay
from attention_zoo.training.checks import check_config
from attention_zoo.training.components import make_switch
from attention_zoo.training.learning_rates import are_scheduled
from attention_zoo.training.run import build_model, make_loop
from attention_zoo.training.run_callbacks import KeepBest, StopIfNotFinite
from attention_zoo.training.workdir import Workdir

_STEPS = 1000  # in a call: an epoch of most bags


class Trained:
    """Trains for one fold after another; every fold begins as a run of its own would.

    Args:
        task: a `BagsTask`.

    Attributes:
        model: that of the last fold.
    """

    def __init__(self, task):
        self._task = task
        self.model: typing.Any = None
        self._loop: typing.Any = None
        self._steps: int | None = None  # an epoch, of the fold that the loop was made for
        self._every_way: typing.Any = None

    def fold(self, config, splits):
        """Figures and predictions of the test split of a fold, fit for JSON."""
        task = self._task
        task.check(config, splits)
        n = len(splits["train"].source)
        layer, has_validation = task.attention(config), "validation" in splits
        check_config(config, layer, n, 1, has_validation=has_validation)
        keras.utils.set_random_seed(config.seed)
        self._start(build_model(task, config, splits), config, n // config.batch_size)
        with tempfile.TemporaryDirectory() as elsewhere:
            self._fit(config, splits, Workdir(elsewhere, {}))
        test = splits["test"]
        found = task.evaluate(self._every_way, test, config)
        way = self.model.way_to_predict
        return {
            "way_to_predict": way,
            "figures": found.scalars(),
            "class_names": list(test.class_names),
            "bags": list(test.source.names),
            "labels": found.labels.tolist(),
            "probabilities": np.round(found.ways[way].probabilities, 6).tolist(),
        }

    def _start(self, fresh, config, steps):
        """Takes the variables of a fresh model: weights, optimizer's state, seeds, phase.

        Or the model itself, and compiles anew, where learning rates follow a schedule over another
        number of steps an epoch: the steps are compiled with it.
        """
        fresh.optimizer.build(fresh.trainable_variables)
        if self.model is None or (are_scheduled(config) and steps != self._steps):
            self.model, self._every_way = fresh, EveryWay(fresh)
            self._loop = make_loop(fresh, dataclasses.replace(config, steps_per_call=_STEPS))
            self._steps = steps
            return
        for mine, new in zip(_state(self.model), _state(fresh), strict=True):
            mine.assign(new)
        self.model.attention.switch_state = None

    def _fit(self, config, splits, folder):
        task, training = self._task, splits["train"]
        switch = make_switch(
            config, self.model.attention, self.model.optimizer, lambda: task.probe(splits)
        )
        keep = None if config.keep == "last" else KeepBest(folder, config.keep, config.patience)
        callbacks = [switch, StopIfNotFinite(folder), keep]
        self._loop.fit(
            lambda first_step: task.batches(training, config, first_step),
            epochs=config.epochs,
            steps_per_epoch=len(training.source) // config.batch_size,
            validation=keep and task.validation_batches(splits["validation"], config),
            callbacks=[one for one in callbacks if one is not None],
        )


def _state(model):
    """All that training changes."""
    return [*model.variables, *model.optimizer.variables]
