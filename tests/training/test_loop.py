import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import datasets
from attention_zoo.callbacks import SwitchAttention
from attention_zoo.datasets.mosaics.device_dataset import resident
from attention_zoo.models import FocusClassifier, networks
from attention_zoo.optimizers import PartitionedOptimizer
from attention_zoo.training import loop as loop_module
from attention_zoo.training.checkpoints import Checkpoints, find_checkpoints
from attention_zoo.training.loop import Loop
from attention_zoo.training.workdir import Workdir

B, STEPS = 32, 5  # steps an epoch


@pytest.fixture(scope="module")
def digits():
    return datasets.load("sdc/digits", num_examples=B * STEPS, num_segments=3)[1]


def build(attention, network="linear"):
    keras.utils.set_random_seed(0)
    focus, classifier = networks(network, (8, 8, 1), 3)
    model = FocusClassifier(focus, classifier, attention)
    model.build((None, 3, 8, 8, 1))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), jit_compile=False)
    return model


def run(model, digits, epochs, *, jit_compile=False, steps_per_call=3, **options):
    loop = Loop(
        model,
        prepare=resident(digits.source, model.distribute_strategy),
        jit_compile=jit_compile,
        steps_per_call=steps_per_call,
    )

    def batches(first_step):
        return digits.source.indices().endless(B, seed=1, first_step=first_step)

    return loop.fit(batches, epochs=epochs, steps_per_epoch=STEPS, **options)


def weights(model):
    return [variable.numpy() for variable in model.trainable_variables]


def assert_equal(one, other, atol=0.0):
    for a, b in zip(weights(one), weights(other)):
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


class Logs(keras.callbacks.Callback):
    """Keeps the logs of every epoch and the order of all calls."""

    def __init__(self):
        super().__init__()
        self.epochs, self.calls = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch}")

    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(f"from {batch}")

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(f"to {batch}")

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(logs)


@pytest.mark.parametrize(
    ("attention", "jit_compile", "epochs"),
    [
        *((name, False, 10) for name in ("soft", "hard", "lvml")),
        ("lvml", True, 2),
        *(pytest.param(name, True, 2, marks=pytest.mark.slow) for name in ("soft", "hard")),
    ],
)
def test_fit_and_the_loop_give_the_same_weights(attention, jit_compile, epochs, digits):
    """After 50 steps; under XLA after 10, for its kernels sum in another order.

    That is 1e-7 a step at first, and more once a maximum of a pool changes its place.
    """
    start, fitted, looped = (build(attention, "digits") for _ in range(3))
    batches = digits.source.endless(B, seed=1)
    fitted.fit(batches, steps_per_epoch=STEPS, epochs=epochs, shuffle=False, verbose=0)
    run(looped, digits, epochs, jit_compile=jit_compile)
    moved = max(np.abs(a - b).max() for a, b in zip(weights(looped), weights(start)))
    assert moved > 0.01 * epochs
    assert_equal(fitted, looped, atol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_fit_and_the_loop_agree_with_two_optimizers(jit_compile, digits):
    fitted, looped = two_rates(build("lvml")), two_rates(build("lvml"))
    batches = digits.source.endless(B, seed=1)
    fitted.fit(batches, steps_per_epoch=STEPS, epochs=2, shuffle=False, verbose=0)
    run(looped, digits, 2, jit_compile=jit_compile)
    assert_equal(fitted, looped, atol=1e-5)
    assert int(looped.optimizer.iterations.numpy()) == 2 * STEPS


def two_rates(model):
    focus, classifier = keras.optimizers.SGD(0.5), keras.optimizers.SGD(0.05, momentum=0.9)
    optimizer = PartitionedOptimizer.of(model, focus=focus, classifier=classifier)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, jit_compile=False)
    return model


def test_the_loop_reports_the_figures_of_fit(digits):
    fitted, logs = build("lvml"), Logs()
    batches, test = digits.source.endless(B, seed=1), digits.source
    history = fitted.fit(
        batches,
        steps_per_epoch=STEPS,
        epochs=2,
        validation_data=test.dataset(50),
        shuffle=False,
        verbose=0,
    ).history
    run(build("lvml"), digits, 2, callbacks=[logs], validation=test.indices().dataset(50))
    assert logs.epochs[0].keys() == history.keys()
    for name, values in history.items():
        looped = [epoch[name] for epoch in logs.epochs]
        np.testing.assert_allclose(looped, values, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("attention", ["soft", "gumbel"])
def test_how_many_steps_a_call_takes_makes_no_difference(attention, digits):
    model, other = build(attention), build(attention)
    run(model, digits, 2, steps_per_call=1)
    run(other, digits, 2, steps_per_call=5)
    assert_equal(model, other)


def test_steps_in_one_xla_program_are_the_same_steps(digits, monkeypatch):
    """What a GPU does, here on a CPU."""
    model, other = build("lvml"), build("lvml")
    run(model, digits, 2, jit_compile=True)
    monkeypatch.setattr(loop_module, "loops_within_xla", lambda: True)
    run(other, digits, 2, jit_compile=True)
    assert_equal(model, other, atol=1e-5)


def test_callbacks_see_calls_and_epochs(digits):
    logs = Logs()
    run(build("soft"), digits, 2, callbacks=[logs])
    first = ["from 0", "to 2", "from 3", "to 4"]
    assert logs.calls == ["epoch 0", *first, "epoch 1", *first]


def test_a_callback_can_stop_training(digits):
    class Stop(Logs):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch)
            self.model.stop_training = batch == 2

    stop = Stop()
    run(build("soft"), digits, 2, callbacks=[stop])
    assert stop.calls[-1] == "to 2"


class StopAfter(Logs):
    """Asks to stop after a number of calls, as SIGTERM would."""

    def __init__(self, calls):
        super().__init__()
        self._left = calls
        self.requested = False

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch)
        self._left -= 1
        self.requested = self._left == 0


@pytest.mark.parametrize(
    "attention",
    [
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("soft", "reinforce", "gumbel")),
        "hybrid",
    ],
)
def test_stopped_anywhere_and_started_again_it_ends_the_same(attention, digits, tmp_path):
    """Bit for bit: weights, optimizer, samplers, figures. Four calls in two epochs."""

    def trained(folder, stop=None):
        model, logs = build(attention), stop or Logs()
        checkpoints = Checkpoints(Workdir(tmp_path / folder, {}), every_steps=STEPS)
        switch = [SwitchAttention(when=1, learning_rate=0.01)] if attention == "hybrid" else []
        options = {"callbacks": [*switch, logs], "checkpoints": checkpoints, "stop": stop}
        finished = run(model, digits, 2, validation=digits.source.indices().dataset(50), **options)
        return finished, model, logs

    _, unbroken, expected = trained("unbroken")
    for calls in range(1, 4):
        finished, _, before = trained(f"{calls}", StopAfter(calls))
        assert not finished
        finished, resumed, logs = trained(f"{calls}")
        assert finished
        assert before.calls + logs.calls == expected.calls  # no step is taken twice
        for a, b in zip(resumed.variables, unbroken.variables, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)
        for a, b in zip(resumed.optimizer.variables, unbroken.optimizer.variables, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)
        assert logs.epochs == expected.epochs[-len(logs.epochs) :]


def test_a_finished_run_has_nothing_left_to_do(digits, tmp_path):
    for _ in range(2):
        model, logs = build("soft"), Logs()
        checkpoints = Checkpoints(Workdir(tmp_path, {}), every_steps=STEPS)
        assert run(model, digits, 1, callbacks=[logs], checkpoints=checkpoints)
    assert logs.calls == []


def test_training_that_a_callback_ended_stays_ended(digits, tmp_path):
    """Also though no checkpoint was due: the same call again takes no step."""

    class Stop(Logs):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch)
            self.model.stop_training = True

    for _ in range(2):
        model, stop = build("soft"), Stop()
        checkpoints = Checkpoints(Workdir(tmp_path, {}), every_steps=99)
        assert run(model, digits, 2, callbacks=[stop], checkpoints=checkpoints)
    assert stop.calls == []


def test_the_last_step_is_saved(digits, tmp_path):
    checkpoints = Checkpoints(Workdir(tmp_path, {}), every_steps=99)
    run(build("soft"), digits, 2, checkpoints=checkpoints)
    assert [path.name for path in find_checkpoints(tmp_path / "checkpoints")] == ["step-00000010"]


def test_two_replicas_take_the_steps_of_one(digits, two_replicas):
    one = build("hard")
    with two_replicas.scope():
        two = build("hard")
    one_logs, two_logs = Logs(), Logs()
    validation = digits.source.indices().dataset(
        53
    )  # the last has one example: none for the second
    run(one, digits, 1, callbacks=[one_logs], validation=validation)
    run(two, digits, 1, jit_compile="auto", callbacks=[two_logs], validation=validation)
    assert_equal(one, two, atol=1e-5)
    for name, value in one_logs.epochs[0].items():
        assert two_logs.epochs[0][name] == pytest.approx(value, abs=1e-5), name


def test_two_replicas_take_the_steps_of_one_with_two_optimizers(digits, two_replicas):
    one = two_rates(build("soft"))
    with two_replicas.scope():
        two = two_rates(build("soft"))
    for model in (one, two):
        run(model, digits, 1)
    assert_equal(one, two, atol=1e-5)


def test_xla_under_replicas_is_refused(two_replicas):
    with two_replicas.scope():
        model = build("soft")
    message = "^jit_compile is True under MirroredStrategy, expected 'auto' or False: replicas"
    with pytest.raises(ValueError, match=message):
        Loop(model, jit_compile=True)


def test_only_rows_of_the_table_reach_the_compiled_step(digits):
    """The pixels are no input: the batch is integers, the images are words on the device."""
    rows, targets = digits.source.indices().endless(B, seed=1).element_spec
    assert rows.dtype == tf.int32 and rows.shape == (B, 3)
    model = build("soft")
    loop = Loop(model, prepare=resident(digits.source))
    step = loop._on_replicas(loop._step(model.train_step, loop._prepare), False)
    inputs = step.get_concrete_function((rows, targets)).graph.inputs
    assert not [x for x in inputs if x.dtype in (tf.float32, tf.uint8)]
    images = [x.shape for x in inputs if x.dtype == tf.int32 and x.shape.rank == 2]
    assert sorted(map(tuple, images)) == [(B, 3), (len(digits.source.images), 16)]


# Data of one's own


def table(batches, step=0):
    """(segments, targets, sample weights), the weights of a batch 0 but for two examples."""
    rng = np.random.default_rng(3)
    for number in range(step, batches):
        segments = rng.normal(size=(6, 3, 8, 8, 1)).astype("float32")
        yield segments, {"label": np.arange(6) % 3}, np.eye(6, dtype="float32")[number % 6] * 6


def own_data(batches):
    spec = (
        tf.TensorSpec((6, 3, 8, 8, 1)),
        {"label": tf.TensorSpec((6,), tf.int64)},
        tf.TensorSpec((6,)),
    )
    return tf.data.Dataset.from_generator(lambda: table(batches), output_signature=spec)


def test_sample_weights_count_as_under_fit():
    fitted, looped = build("lvml"), build("lvml")
    fitted.fit(own_data(5), steps_per_epoch=4, shuffle=False, verbose=0)
    Loop(looped).fit(lambda step: own_data(5), epochs=1, steps_per_epoch=4)
    assert_equal(fitted, looped, atol=1e-6)


def test_data_that_end_too_soon_are_told():
    message = "^the batches came to an end, expected them without end$"
    with pytest.raises(ValueError, match=message):
        Loop(build("lvml")).fit(lambda step: own_data(3), epochs=1, steps_per_epoch=4)


@pytest.mark.parametrize("within_xla", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_batches_of_different_sizes(within_xla, digits, monkeypatch):
    """A smaller one at the end of each pass: 160 mosaics in batches of 64, 64, 32."""
    monkeypatch.setattr(loop_module, "loops_within_xla", lambda: within_xla)
    fitted, looped = build("lvml"), build("lvml")
    fitted.fit(digits.source.dataset(64), epochs=2, shuffle=False, verbose=0)
    loop = Loop(looped, prepare=resident(digits.source), steps_per_call=3)
    batches = digits.source.indices().dataset(64).repeat()
    loop.fit(lambda step: batches, epochs=2, steps_per_epoch=3)
    assert_equal(fitted, looped, atol=1e-5)


def test_steps_are_traced_once_until_the_model_is_compiled_anew(digits, monkeypatch):
    model, traced = build("soft"), []
    train_step = model.train_step
    monkeypatch.setattr(model, "train_step", lambda data: traced.append(1) or train_step(data))
    loop = Loop(model, prepare=resident(digits.source))
    for compiled_anew in (False, False, True, False):
        if compiled_anew:
            optimizer = keras.optimizers.SGD(0.0)
            model.compile(optimizer)
            before = weights(model)
        loop.fit(lambda step: digits.source.indices().endless(B), epochs=1, steps_per_epoch=2)
    assert len(traced) == 2 and int(optimizer.iterations) == 4
    for now, then in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(now, then)  # as the new rate of 0 has it


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps_per_call": 0}, "^steps_per_call is 0, expected 1 or more$"),
        ({"jit_compile": "yes"}, "^jit_compile is 'yes', expected 'auto', True or False$"),
    ],
)
def test_bad_settings_raise(settings, message):
    with pytest.raises(ValueError, match=message):
        Loop(build("soft"), **settings)
