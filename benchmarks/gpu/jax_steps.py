"""The contestants of gpu_step.py under JAX: this package's model, trained on row numbers."""

import jax
import keras
import numpy as np
from train_step_task import SHAPES

import attention_zoo as az
from attention_zoo.models import networks

PRECISION = {"float32": "highest", "tf32": "tensorfloat32", "bfloat16": "default"}


def device():
    """What JAX runs on."""
    return f"JAX {jax.__version__} on {jax.devices()[0].device_kind}"


class Step:
    """One compiled step a call, its state given away to it and taken back."""

    steps_per_call = 1

    def __init__(self, task, dtype):
        jax.config.update("jax_default_matmul_precision", PRECISION[dtype])
        keras.config.set_dtype_policy("mixed_bfloat16" if dtype == "bfloat16" else "float32")
        self.task = task
        self.model = _model(task)
        self.batches = [self._batch(i) for i in range(len(task.batches))]
        self.state = tuple(
            [variable.value for variable in variables]
            for variables in (
                self.model.trainable_variables,
                self.model.non_trainable_variables,
                self.model.optimizer.variables,
                self.model.metrics_variables,
            )
        )
        self.step = jax.jit(self._step, donate_argnums=0)

    def _batch(self, i):
        batch = self.task.batches[i]
        return jax.device_put((batch["rows"], {"label": batch["label"], "focus": batch["focus"]}))

    def _step(self, state, batch):
        logs, state = self.model.train_step(state, batch)
        return state, logs["loss"]

    def steps(self, count):
        """Takes `count` steps and waits for them; the mean loss of all so far."""
        for i in range(count // self.steps_per_call):
            self.state, loss = self.step(self.state, self.batches[i % len(self.batches)])
        return np.asarray(jax.block_until_ready(loss)).ravel()[-1]

    def first_step(self):
        """The loss, and the change of every weight, as Keras lays them out."""
        before = [np.asarray(value) for value in self.state[0]]
        found = {"loss": self.steps(1)}
        changes = zip(self.state[0], before)
        return found | {f"w{i}": np.asarray(w) - old for i, (w, old) in enumerate(changes)}


class Scan(Step):
    """Eight steps in one call, a loop that XLA compiles."""

    steps_per_call = 8

    def _batch(self, i):
        batches = [super(Scan, self)._batch(j) for j in range(len(self.task.batches))]
        return jax.tree.map(lambda *parts: jax.numpy.stack(parts), *batches)

    def _step(self, state, batches):
        return jax.lax.scan(super()._step, state, batches)


class Fit(Step):
    """`model.fit` on row numbers: what a user has without a loop of one's own."""

    def __init__(self, task, dtype):
        super().__init__(task, dtype)
        self.state = None
        self.data = {
            name: np.concatenate([batch[name] for batch in task.batches])
            for name in ("rows", "label", "focus")
        }

    def steps(self, count):
        rows = np.arange(count * self.task.batch_size) % len(self.data["rows"])
        x, label, focus = (self.data[name][rows] for name in ("rows", "label", "focus"))
        history = self.model.fit(
            x,
            {"label": label, "focus": focus},
            batch_size=self.task.batch_size,
            shuffle=False,
            verbose=0,
        )
        return history.history["loss"][0]


def _model(task):
    focus, classifier = networks("cifar10", task.images.shape[1:], task.num_classes)
    model = az.FocusClassifier(
        focus, classifier, task.attention, encoder=az.layers.GatherSegments(task.images)
    )
    model.build((None, task.num_segments))
    for name in SHAPES:
        getattr(model, name).set_weights(task.weights[name])
    model.compile(keras.optimizers.SGD(task.learning_rate, momentum=task.momentum))
    model.optimizer.build(model.trainable_variables)
    # Its metrics make their variables with the first step.
    batch = task.batches[0]
    model.evaluate(
        batch["rows"][:2],
        {"label": batch["label"][:2], "focus": batch["focus"][:2]},
        verbose=0,
    )
    model.reset_metrics()
    return model


CONTESTANTS = {"jax": Step, "jax_scan": Scan, "fit": Fit}
