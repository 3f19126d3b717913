"""The training loop: compiled steps, many a call, broken off and taken up at any of them."""

import itertools

import tensorflow as tf

from attention_zoo._tensorflow import require_backend
from attention_zoo.models.attention_model import Retraced, trace_key
from attention_zoo.training.averaging import Callbacks, averaged_weights, take_averages


class Loop:
    """Trains and evaluates a FocusClassifier in compiled steps.

    A step is the model's own `train_step`: the same update as under `model.fit`. What the loop
    adds: the inputs are made on the device, inside the compiled step (`prepare`: gather, scale,
    augment), many steps run in one call, figures are read once a call, and training can stop
    after any call and go on from a checkpoint as if nothing had happened.

    On a GPU the loop over the steps of a call is compiled by XLA with them. On a CPU nothing is by
    default; with jit_compile=True each step is and the loop is not: XLA runs convolutions in a loop
    twenty times slower there.
    Under a strategy of several replicas the loop is TensorFlow's own; on a TPU it is compiled
    there as everything is (written by TensorFlow's guide; no GPU or TPU has run this). Batches
    should be a multiple of the replicas: the gradient is the mean of the replicas' means, each
    clipped by itself if the optimizer clips.

    Args:
        model: a built and compiled FocusClassifier, made in the scope of its strategy.
        prepare: callable, a batch's inputs -> the model's inputs, of TensorFlow ops; None takes
            them as they are.
        prepare_validation: the same for validation batches; None is `prepare`.
        jit_compile: True, False, or "auto": XLA for one replica on a GPU, unless the
            model's encoder says that it cannot be compiled by it.
        steps_per_call: steps between two looks at the figures, at the clock, and for a signal to
            stop.
    """

    def __init__(
        self, model, *, prepare=None, prepare_validation=None, jit_compile="auto", steps_per_call=8
    ):
        require_backend("the training loop")
        self.model = model
        self.strategy = model.distribute_strategy
        self.steps_per_call = steps_per_call
        self._prepare = prepare or (lambda inputs: inputs)
        self._prepare_validation = prepare_validation or self._prepare
        if steps_per_call < 1:
            raise ValueError(f"steps_per_call is {steps_per_call}, expected 1 or more")
        if jit_compile not in ("auto", True, False):
            raise ValueError(f"jit_compile is {jit_compile!r}, expected 'auto', True or False")
        can = getattr(getattr(model, "encoder", None), "supports_jit", True)
        gains = can and gains_by_xla(self.strategy)
        self._jit_compile = gains if jit_compile == "auto" else jit_compile
        if self._jit_compile and self.strategy.num_replicas_in_sync > 1:
            raise ValueError(
                f"jit_compile is {jit_compile} under {type(self.strategy).__name__}, expected "
                "'auto' or False: replicas exchange gradients within the step"
            )
        self._train = Retraced(self._trace_key, self._compiled_call)
        self._test = Retraced(self._trace_key, self._compiled_test)

    def fit(
        self,
        batches,
        *,
        epochs,
        steps_per_epoch,
        validation=None,
        callbacks=(),
        checkpoints=None,
        stop=None,
    ):
        """Trains to the end of the last epoch, from the newest checkpoint if there is one.

        Callbacks are those of Keras; `on_train_batch_end` comes once a call, `on_epoch_begin` not
        again where an epoch is taken up: `params["first_step"]` tells. One with `get_state() ->
        dict` and `set_state(dict)`, called after `on_train_begin`, goes on where it was. So do
        those that `Checkpoints` is told are `brought`, as `az.train` tells it, Keras's own
        (EarlyStopping, ReduceLROnPlateau) among them; others begin anew.

        Args:
            batches: callable, number of the first step -> an endless `tf.data.Dataset` of
                (inputs, targets), or (inputs, targets, sample weights), from that step on.
            epochs: number of epochs.
            steps_per_epoch: steps an epoch.
            validation: such a data set, not endless, for figures `val_…`; or None.
            callbacks: Keras callbacks.
            checkpoints: `Checkpoints` to restore from and save to, or None.
            stop: object whose attribute `requested` turns true when training is to stop after
                the present call, such as `Preemption`; or None.

        An optimizer that averages weights (`use_ema=True`) gives the averages for validation and
        to `on_epoch_end` of callbacks, see `Callbacks`, and the model has them in the end.

        Returns:
            Whether training reached its end; False where it was stopped.
        """
        with self.strategy.scope():
            self.model.optimizer.build(self.model.trainable_variables)
        self._build_metrics(batches(0) if validation is None else validation)
        params = {"epochs": epochs, "steps": steps_per_epoch}
        callbacks = Callbacks(list(callbacks), model=self.model, **params)
        step = self._restore(checkpoints)
        if hasattr(self.model, "attention"):
            self.model.attention.check_callbacks(callbacks.callbacks)
        callbacks.set_params(params | {"first_step": step})
        callbacks.on_train_begin()
        if checkpoints is not None:
            checkpoints.restore_callbacks(callbacks)
        iterator, last = iter(self._distributed(batches(step))), epochs * steps_per_epoch
        stopped = False
        while step < last and not (stopped or self.model.stop_training):
            step = self._call(iterator, step, steps_per_epoch, validation, callbacks)
            stopped = stop is not None and self._any_worker(stop.requested)
            if checkpoints is not None:
                over = step == last or self.model.stop_training
                checkpoints.save(self.model, callbacks, step, now=stopped or over)
        if not stopped:
            take_averages(self.model)
        callbacks.on_train_end()
        return not stopped

    def _restore(self, checkpoints):
        """The step to go on from; whether training was over is then in `stop_training`."""
        self.model.stop_training = False
        if checkpoints is None:
            return 0
        step = checkpoints.restore(self.model)
        if self._any_worker(step != self._mean_of_workers(step)):
            raise ValueError(
                f"workdir gives step {step} to this worker and another to others, expected one "
                "folder that all workers share"
            )
        return step

    def _call(self, iterator, step, steps_per_epoch, validation, callbacks):
        """Takes the steps of a call; returns the number of steps after it."""
        epoch, done = divmod(step, steps_per_epoch)
        if done == 0:
            self.model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
        count = min(self.steps_per_call, steps_per_epoch - done)
        callbacks.on_train_batch_begin(done)
        self.run(iterator, count)
        logs = self._figures()
        callbacks.on_train_batch_end(done + count - 1, logs)
        if done + count == steps_per_epoch:
            callbacks.on_epoch_end(epoch, logs | self._validate(validation))
        return step + count

    def run(self, iterator, steps):
        """Takes `steps` steps on the next batches of an iterator."""
        try:
            self._train(iterator, steps)
        except (tf.errors.OutOfRangeError, StopIteration) as error:
            raise ValueError("the batches came to an end, expected them without end") from error

    def evaluate(self, dataset):
        """The model's figures over a data set of validation batches, by name."""
        self.model.reset_metrics()
        for batch in self._distributed(dataset):
            self._test(batch)
        return self._figures()

    def _validate(self, validation):
        if validation is None:
            return {}
        with averaged_weights(self.model):
            return {f"val_{name}": value for name, value in self.evaluate(validation).items()}

    def _figures(self):
        return {name: float(value) for name, value in self.model.get_metrics_result().items()}

    def _build_metrics(self, dataset):
        """Makes the metrics' variables, which Keras leaves to the first batch."""
        self.evaluate(dataset.take(1))

    def _trace_key(self):
        """What the graphs hold: a phase of the attention, and what `compile` makes."""
        model = self.model
        return trace_key(model), model.optimizer, model._compile_loss, model._compile_metrics

    def _compiled_test(self):
        """batch -> adds it to the model's figures."""
        step = self._step(self.model.test_step, self._prepare_validation)
        if not self._alone:
            step = _unless_empty(step)  # a last batch need not be enough for all replicas
        return tf.function(self._on_replicas(step), autograph=False)

    def _compiled_call(self):
        """(iterator, number of steps) -> runs them."""
        if self._jit_compile and loops_within_xla():
            return self._call_within_xla()
        step = self._step(self.model.train_step, self._prepare)
        step = self._on_replicas(step, self._jit_compile)

        @tf.function
        def call(iterator, steps):
            for _ in tf.range(steps):
                step(next(iterator))

        return lambda iterator, steps: call(iterator, tf.constant(steps))

    def _call_within_xla(self):
        """As above, the loop compiled too: batches go in as one, (steps, b, ...)."""
        step = self._step(self.model.train_step, self._prepare)

        @tf.function(jit_compile=True, autograph=False)
        def steps_of(stacked):
            count = tf.nest.flatten(stacked)[0].shape[0]
            tf.while_loop(
                lambda i: i < count,
                lambda i: (step(tf.nest.map_structure(lambda x: x[i], stacked)), i + 1)[1:],
                [tf.constant(0)],
            )

        def call(iterator, steps):
            batches = [next(iterator) for _ in range(steps)]
            for _, alike in itertools.groupby(batches, key=_shapes):
                steps_of(tf.nest.map_structure(lambda *parts: tf.stack(parts), *alike))

        return call

    def _on_replicas(self, step, jit_compile=False):
        """batch -> runs the step on every replica's share of it; for use in a tf.function."""
        if self._alone:
            return tf.function(step, jit_compile=jit_compile, autograph=False)
        return lambda batch: self.strategy.run(step, args=(batch,))

    def _step(self, keras_step, prepare):
        """batch -> makes the model's inputs of it and runs Keras's step on them."""

        @tf.autograph.experimental.do_not_convert
        def step(batch):
            inputs, *targets_and_weights = batch
            keras_step((prepare(inputs), *targets_and_weights))

        return step

    def _distributed(self, dataset):
        return dataset if self._alone else self.strategy.experimental_distribute_dataset(dataset)

    @property
    def _alone(self):
        """Whether steps run outside any strategy: on a TPU even one core needs its own."""
        tpu = isinstance(self.strategy, tf.distribute.TPUStrategy)
        return self.strategy.num_replicas_in_sync == 1 and not tpu

    def _any_worker(self, flag):
        """Whether a flag is set in this process or, where there are several, in one of them."""
        return self._mean_of_workers(float(flag)) > 0.0

    def _mean_of_workers(self, number):
        """The mean of a number over the worker processes; all must ask."""
        if not isinstance(self.strategy, tf.distribute.MultiWorkerMirroredStrategy):
            return number
        values = self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(number, tf.float64)
        )
        return float(self.strategy.reduce(tf.distribute.ReduceOp.MEAN, values, axis=None))


def _unless_empty(step):
    """The step on a batch with examples; nothing on one without, whose mean would be NaN."""

    def guarded(batch):
        examples = tf.shape(tf.nest.flatten(batch)[0])[0]
        tf.cond(examples > 0, lambda: (step(batch), True)[1], lambda: False)

    return tf.autograph.experimental.do_not_convert(guarded)


def _shapes(batch):
    return [part.shape.as_list() for part in tf.nest.flatten(batch)]


def gains_by_xla(strategy):
    """What jit_compile="auto" means: XLA for one replica on a GPU.

    On a CPU oneDNN's convolutions are faster than XLA's by half and more
    (benchmarks/train_step.py). Replicas exchange gradients within the step, which XLA does not
    compile everywhere; a TPU compiles everything by itself.
    """
    return strategy.num_replicas_in_sync == 1 and loops_within_xla()


def loops_within_xla():
    """Whether XLA compiles the loop over a call's steps: on accelerators; on CPUs it is slow."""
    return bool(tf.config.list_logical_devices("GPU"))
