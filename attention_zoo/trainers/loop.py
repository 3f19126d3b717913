"""The training loop: compiled steps, many a call, broken off and taken up at any of them."""

import keras
import tensorflow as tf

from attention_zoo.datasets import gather_segments


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
    there as everything is (written by TensorFlow's guide; no GPU or TPU has run this).

    Args:
        model: a built and compiled FocusClassifier, made in the scope of its strategy.
        prepare: callable, a batch's inputs -> the model's inputs, of TensorFlow ops; None takes
            them as they are.
        prepare_validation: the same for validation batches; None is `prepare`.
        jit_compile: True, False, or "auto": XLA for one replica on a GPU.
        steps_per_call: steps between two looks at the figures, at the clock, and for a signal to
            stop.
    """

    def __init__(
        self, model, *, prepare=None, prepare_validation=None, jit_compile="auto", steps_per_call=8
    ):
        self.model = model
        self.strategy = model.distribute_strategy
        self.steps_per_call = steps_per_call
        self._prepare = prepare or (lambda inputs: inputs)
        self._prepare_validation = prepare_validation or self._prepare
        self._jit_compile = gains_by_xla(self.strategy) if jit_compile == "auto" else jit_compile
        if self._jit_compile and self.strategy.num_replicas_in_sync > 1:
            raise ValueError(
                f"jit_compile is {jit_compile} under {type(self.strategy).__name__}, expected "
                "'auto' or False: replicas exchange gradients within the step"
            )
        self._key = self._train = self._test = None

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

        Callbacks are those of Keras; `on_train_batch_end` comes once a call, `on_epoch_begin`
        again where an epoch is taken up. One with `get_state() -> dict` and `set_state(dict)`
        goes on where it was.

        Args:
            batches: callable, number of the first step -> an endless `tf.data.Dataset` of
                (inputs, targets) from that step on.
            epochs: number of epochs.
            steps_per_epoch: steps an epoch.
            validation: `tf.data.Dataset` of (inputs, targets) for figures `val_…`, or None.
            callbacks: Keras callbacks.
            checkpoints: `Checkpoints` to restore from and save to, or None.
            stop: object whose attribute `requested` turns true when training is to stop after
                the present call, such as `Preemption`; or None.

        Returns:
            Whether training reached its end; False where it was stopped.
        """
        self._build_metrics(batches(0) if validation is None else validation)
        callbacks = keras.callbacks.CallbackList(
            list(callbacks), model=self.model, epochs=epochs, steps=steps_per_epoch
        )
        step = 0 if checkpoints is None else checkpoints.restore(self.model, callbacks)
        self.model.stop_training = False
        callbacks.on_train_begin()
        iterator = iter(self._distributed(batches(step)))
        begun, stopped = None, False
        while step < epochs * steps_per_epoch and not (stopped or self.model.stop_training):
            epoch, done = divmod(step, steps_per_epoch)
            if done == 0:
                self.model.reset_metrics()
            if epoch != begun:
                callbacks.on_epoch_begin(epoch)
                begun = epoch
            count = min(self.steps_per_call, steps_per_epoch - done)
            callbacks.on_train_batch_begin(done)
            self.run(iterator, count)
            step += count
            logs = self._figures()
            callbacks.on_train_batch_end(done + count - 1, logs)
            if done + count == steps_per_epoch:
                callbacks.on_epoch_end(epoch, logs | self._validate(validation))
            stopped = stop is not None and stop.requested
            if checkpoints is not None:
                checkpoints.save(self.model, callbacks, step, now=stopped)
        callbacks.on_train_end()
        return not stopped

    def run(self, iterator, steps):
        """Takes `steps` steps on the next batches of an iterator."""
        key = self.model.attention.trace_key
        if self._train is None or key != self._key:
            self._key, self._train = key, self._compiled_call()
        self._train(iterator, steps)

    def evaluate(self, dataset):
        """The model's figures over a data set of validation batches, by name."""
        if self._test is None:
            step = self._step(self.model.test_step, self._prepare_validation)
            self._test = tf.function(self._on_replicas(step), autograph=False)
        self.model.reset_metrics()
        for batch in self._distributed(dataset):
            self._test(batch)
        return self._figures()

    def _validate(self, validation):
        if validation is None:
            return {}
        return {f"val_{name}": value for name, value in self.evaluate(validation).items()}

    def _figures(self):
        return {name: float(value) for name, value in self.model.get_metrics_result().items()}

    def _build_metrics(self, dataset):
        """Makes the metrics' variables, which Keras leaves to the first batch."""
        self.evaluate(dataset.take(1))

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
            steps_of(tf.nest.map_structure(lambda *parts: tf.stack(parts), *batches))

        return call

    def _on_replicas(self, step, jit_compile=False):
        """batch -> runs the step on every replica's share of it; for use in a tf.function."""
        if self.strategy.num_replicas_in_sync == 1:
            return tf.function(step, jit_compile=jit_compile, autograph=False)
        return lambda batch: self.strategy.run(step, args=(batch,))

    def _step(self, keras_step, prepare):
        """batch -> makes the model's inputs of it and runs Keras's step on them."""

        @tf.autograph.experimental.do_not_convert
        def step(batch):
            inputs, targets = batch
            keras_step((prepare(inputs), targets))

        return step

    def _distributed(self, dataset):
        if self.strategy.num_replicas_in_sync == 1:
            return dataset
        return self.strategy.experimental_distribute_dataset(dataset)


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


def resident(source, strategy=None):
    """`source.gather` with the base images on the device of every replica.

    Several GPUs in each of several workers gather on the host instead.

    Args:
        source: `Mosaics`.
        strategy: the model's; None is TensorFlow's default.

    Returns:
        Callable, rows of the table (b, m) -> segments (b, m, ...), for `Loop(prepare=...)`.
    """
    strategy = strategy or tf.distribute.get_strategy()
    if isinstance(strategy, tf.distribute.TPUStrategy):
        with strategy.scope():
            images = tf.Variable(source.images, trainable=False, name="base_images")
        return lambda rows: gather_segments(images, rows)
    # No mirrored variable: workers cannot broadcast bytes.
    copies = [_copy_on(device, source.images) for device in _local_devices(strategy)]

    def gather(rows):
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        if len(copies) == 1:
            return gather_segments(copies[0], rows)
        if isinstance(replica, int):
            return gather_segments(copies[replica], rows)
        return source.gather(rows)

    return gather


def _local_devices(strategy):
    if strategy is tf.distribute.get_strategy() and not tf.distribute.has_strategy():
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return [devices[0].name]
    return strategy.extended.worker_devices


def _copy_on(device, images):
    with tf.device(device):
        return tf.identity(images)  # no copy where they are there already
