import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from attention_zoo.callbacks import FocusStalled, SwitchAttention, reset
from attention_zoo.models import FocusClassifier

FIT = {"batch_size": 4, "shuffle": False, "verbose": 0}  # three steps an epoch
# Weights after nine steps at 0.1 with momentum: 16 roundings of gradients of a size up to 4, by
# 0.1 (1 + 1.9 + ... + 6.1), and two of the weight a step.
ATOL = 240 * 2.0**-23


class Watch(keras.callbacks.Callback):
    """Keeps the phase, rate, steps and slots of every epoch's start, after the switch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_begin(self, epoch, logs=None):
        optimizer = self.model.optimizer
        state = {v.path: v.numpy() for v in optimizer.variables}
        self.seen.append(
            {
                "phase": int(self.model.attention.phase.numpy()),
                "rate": float(optimizer.learning_rate.numpy()),
                "steps": int(optimizer.iterations.numpy()),
                "momentum": any(np.any(v) for k, v in state.items() if k.endswith("_momentum")),
            }
        )

    def column(self, name):
        return [row[name] for row in self.seen]


def watched(model, data, *callbacks, **settings):
    watch = Watch()
    model.fit(*data, callbacks=[*callbacks, watch], **FIT | settings)
    return watch


def compiled(model, **settings):
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, **{"run_eagerly": True} | settings)
    return model


def decaying():
    return keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10))


def assert_close(weights, expected, atol=ATOL):
    assert len(weights) == len(expected)
    for w, e in zip(weights, expected, strict=True):
        np.testing.assert_allclose(w, e, atol=atol, rtol=0)


# The switch


@pytest.mark.parametrize(
    "ways",
    [
        pytest.param({"run_eagerly": True}, id="eager"),
        pytest.param({"run_eagerly": False}, id="graph", marks=pytest.mark.slow),
        pytest.param({"run_eagerly": False, "jit_compile": True}, id="xla"),
    ],
)
def test_equals_soft_then_a_fresh_hard_model(linear_model, data, ways):
    hybrid = compiled(linear_model("hybrid"), **ways)
    start = hybrid.trainable_variables[0].numpy(), *hybrid.classifier.get_weights()
    hybrid.fit(*data, epochs=3, callbacks=[SwitchAttention(2, learning_rate=0.03)], **FIT)

    soft = compiled(linear_model("soft"))
    soft.set_weights(start)
    soft.fit(*data, epochs=2, **FIT)
    hard = linear_model("hard")
    hard.set_weights(soft.get_weights())
    hard.compile(keras.optimizers.SGD(0.03, momentum=0.9), run_eagerly=True)
    hard.fit(*data, epochs=1, **FIT)
    assert_close([v.numpy() for v in hybrid.trainable_variables], hard.get_weights())


def test_phase_rate_and_optimizer_state_change_at_the_epoch(linear_model, data):
    model = compiled(linear_model("hybrid"))
    watch = watched(model, data, SwitchAttention(2, learning_rate=0.03), epochs=4)
    assert watch.column("phase") == [0, 0, 1, 1]
    assert watch.column("rate") == pytest.approx([0.1, 0.1, 0.03, 0.03])
    assert watch.column("steps") == [0, 3, 0, 3]
    assert watch.column("momentum") == [False, True, False, True]


def test_optimizer_state_may_stay(linear_model, data):
    model = compiled(linear_model("hybrid"))
    watch = watched(model, data, SwitchAttention(1, reset_optimizer=False), epochs=2)
    assert watch.column("phase") == [0, 1]
    assert watch.column("rate") == pytest.approx([0.1, 0.1])
    assert watch.column("steps") == [0, 3]
    assert watch.column("momentum") == [False, True]


def test_epoch_zero_switches_at_once(linear_model, data):
    watch = watched(compiled(linear_model("hybrid")), data, SwitchAttention(0), epochs=1)
    assert watch.column("phase") == [1]


def test_epoch_never_reached_never_switches(linear_model, data):
    watch = watched(compiled(linear_model("hybrid")), data, SwitchAttention(5), epochs=2)
    assert watch.column("phase") == [0, 0]


def test_run_resumed_after_the_epoch_but_before_a_switch_switches(linear_model, data):
    model = compiled(linear_model("hybrid"))
    watch = watched(model, data, SwitchAttention(2), initial_epoch=3, epochs=4)
    assert watch.column("phase") == [1]


def test_resumed_second_phase_is_left_as_it_is(linear_model, data, tmp_path):
    switch = {"when": 1, "learning_rate": 0.03}
    model = compiled(linear_model("hybrid"))
    model.fit(*data, epochs=2, callbacks=[SwitchAttention(**switch)], **FIT)
    model.save(tmp_path / "model.keras")
    resumed = keras.saving.load_model(tmp_path / "model.keras")
    resumed.optimizer.learning_rate = 0.02  # as the user left it
    callback = SwitchAttention(**switch)
    watch = watched(resumed, data, callback, initial_epoch=2, epochs=3)
    assert watch.seen == [{"phase": 1, "rate": pytest.approx(0.02), "steps": 3, "momentum": True}]


def test_interrupted_and_resumed_run_equals_an_unbroken_one(linear_model, data, tmp_path):
    def switch():
        return SwitchAttention(2, learning_rate=0.03)

    model = compiled(linear_model("hybrid"))
    start = model.get_weights()
    model.fit(*data, epochs=4, callbacks=[switch()], **FIT)
    for broken_off in (1, 2, 3):
        first = compiled(linear_model("hybrid"))
        first.set_weights(start)
        first.fit(*data, epochs=broken_off, callbacks=[switch()], **FIT)
        first.save(tmp_path / "model.keras")
        second = keras.saving.load_model(tmp_path / "model.keras")
        second.fit(*data, initial_epoch=broken_off, epochs=4, callbacks=[switch()], **FIT)
        assert_close(second.get_weights(), model.get_weights(), atol=0)


class Restore(keras.callbacks.Callback):
    """Brings a model in its second phase back, as BackupAndRestore does of a run broken off."""

    def on_train_begin(self, logs=None):
        self.model.attention.phase.assign(1)


@pytest.mark.parametrize("restored_first", [True, False])
def test_a_callback_may_restore_the_second_phase(restored_first, linear_model, data):
    """The order of the callbacks makes no difference: what trains is hard attention."""
    hybrid, hard = compiled(linear_model("hybrid"), run_eagerly=False), linear_model("hard")
    hard.set_weights(hybrid.get_weights()[: len(hard.get_weights())])
    callbacks = [Restore(), SwitchAttention(when=1)]
    hybrid.fit(*data, callbacks=callbacks if restored_first else callbacks[::-1], **FIT)
    compiled(hard).fit(*data, **FIT)
    for one, other in zip(hybrid.trainable_variables, hard.trainable_variables, strict=True):
        np.testing.assert_allclose(one, other, atol=ATOL)


@pytest.mark.slow
def test_two_replicas_switch_as_one(linear_model, data, two_replicas):
    model = compiled(linear_model("hybrid"))
    start = model.get_weights()
    with two_replicas.scope():
        mirrored = compiled(linear_model("hybrid"), run_eagerly=False)
    mirrored.set_weights(start)
    for trained in (model, mirrored):
        watch = watched(trained, data, SwitchAttention(1, learning_rate=0.03), epochs=2)
        assert watch.column("steps") == [0, 0]
    assert_close(mirrored.get_weights(), model.get_weights())


# Traced graphs


def paradigm(model, data):
    """Of freshly traced graphs, one a phase: which paradigm's class scores they give."""
    scores = keras.ops.squeeze(model.focus(data[0]), -1)
    found = []
    for phase in (0, 1):
        model.attention.phase.assign(phase)
        q = tf.function(lambda x: model(x, training=True)["label"])(data[0])
        for name in ("soft", "hard"):
            expected, _ = layers.get(name).class_scores(model.classifier, data[0], scores)
            if np.allclose(q, expected, atol=1e-5):
                found.append(name)
    return found


def test_graphs_traced_after_fit_hold_the_phase_of_then(linear_model, data):
    model = compiled(linear_model("hybrid"))
    model.fit(*data, epochs=2, callbacks=[SwitchAttention(1)], **FIT)
    assert paradigm(model, data) == ["soft", "hard"]


def test_weights_that_a_callback_loads_are_trained_in_their_phase(linear_model, data, tmp_path):
    """Also where the training step was traced in the other phase before, without a switch."""

    class Load(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 0:
                self.model.load_weights(tmp_path / "hard.weights.h5")

    model, hard = compiled(linear_model("hybrid"), run_eagerly=False), linear_model("hard")
    model.fit(*data, callbacks=[SwitchAttention(5)], **FIT)
    model.attention.switch()
    reset(model.optimizer, model.trainable_variables)
    model.save_weights(tmp_path / "hard.weights.h5")
    hard.set_weights([v.numpy() for v in model.trainable_variables])
    model.attention.phase.assign(0)
    model.fit(*data, callbacks=[SwitchAttention(5), Load()], **FIT)
    compiled(hard).fit(*data, **FIT)
    assert_close([v.numpy() for v in model.trainable_variables], hard.get_weights())


def test_a_tensorflow_checkpoint_is_right_in_its_phase(linear_model, data, tmp_path):
    model, hard = compiled(linear_model("hybrid"), run_eagerly=False), linear_model("hard")
    model.fit(*data, callbacks=[SwitchAttention(5)], **FIT)
    reset(model.optimizer, model.trainable_variables)
    hard.set_weights([v.numpy() for v in model.trainable_variables])
    model.attention.phase.assign(1)
    path = tf.train.Checkpoint(model).save(tmp_path / "checkpoint")
    model.attention.phase.assign(0)
    tf.train.Checkpoint(model).restore(path)
    for trained in (model, compiled(hard)):
        trained.fit(*data, **FIT)
    assert_close([v.numpy() for v in model.trainable_variables], hard.get_weights())


def test_fit_without_the_callback_trains_the_phase_it_finds(linear_model, data):
    model = compiled(linear_model("hybrid"), run_eagerly=False)
    model.fit(*data, callbacks=[SwitchAttention(5)], **FIT)
    model.attention.switch()
    hard = compiled(linear_model("hard"))
    hard.set_weights([v.numpy() for v in model.trainable_variables])
    reset(model.optimizer, model.trainable_variables)
    for trained in (model, hard):
        trained.fit(*data, **FIT)
    assert_close([v.numpy() for v in model.trainable_variables], hard.get_weights())


def test_fit_after_one_that_broke_off_trains_the_phase_it_finds(linear_model, data):
    class BreakOff(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    model = compiled(linear_model("hybrid"), run_eagerly=False)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data, callbacks=[SwitchAttention(5), BreakOff()], **FIT)
    model.attention.phase.assign(1)  # as load_weights does
    hard = compiled(linear_model("hard"))
    hard.set_weights([v.numpy() for v in model.trainable_variables])
    reset(model.optimizer, model.trainable_variables)
    model.fit(*data, callbacks=[SwitchAttention(5)], **FIT)
    hard.fit(*data, **FIT)
    assert_close([v.numpy() for v in model.trainable_variables], hard.get_weights())


# Loss scale


@pytest.mark.low_precision
@pytest.mark.parametrize("rate", [None, 0.03])
def test_loss_scale_survives_the_switch(data, rate):
    """Under mixed_float16 the second phase starts from a fresh loss scale, not from 0."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        networks = keras.layers.Dense(1), keras.layers.Dense(3)
        model = compiled(FocusClassifier(*networks, "hybrid"))
    finally:
        keras.config.set_dtype_policy(policy)
    before = None

    class Look(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            nonlocal before
            before = model.get_weights()
            if epoch == 1:
                assert float(model.optimizer.dynamic_scale.numpy()) == 2.0**15
                expected = 0.1 if rate is None else rate
                assert float(model.optimizer.learning_rate.numpy()) == np.float32(expected)
                assert int(model.optimizer.iterations.numpy()) == 0

    model.fit(*data, epochs=2, callbacks=[SwitchAttention(1, learning_rate=rate), Look()], **FIT)
    assert np.any(model.classifier.kernel.numpy() != before[1])
    assert all(np.all(np.isfinite(w)) for w in model.get_weights())


# A hybrid that nothing switches

STAYS = (
    "^attention is hybrid and no callback switches it: it stays with SoftAttention and never goes "
    r"on to HardAttention, expected callbacks=\[SwitchAttention\(when=...\)\] in fit$"
)


@pytest.mark.parametrize("callbacks", [None, [], [keras.callbacks.TerminateOnNaN()]])
def test_a_hybrid_that_nothing_switches_is_warned_of_before_it_trains(
    linear_model, data, callbacks
):
    model = compiled(linear_model("hybrid"))
    with pytest.raises(UserWarning, match=STAYS):  # warnings are errors here
        model.fit(*data, callbacks=callbacks, **FIT)
    assert int(model.optimizer.iterations.numpy()) == 0


def test_callbacks_are_found_wherever_they_are_given(linear_model, data):
    model = compiled(linear_model("hybrid"))
    model.fit(*data, 4, 1, 0, SwitchAttention(5))
    model.fit(*data, 4, 1, 0, keras.callbacks.CallbackList([SwitchAttention(5)], model=model))
    model.fit(*data, 4, 1, 0, [[SwitchAttention(5)]])


def test_a_switched_hybrid_is_not_warned_of(linear_model, data):
    model = compiled(linear_model("hybrid"))
    model.attention.switch()
    model.fit(*data, **FIT)


def test_a_callback_of_ones_own_may_say_that_it_switches(linear_model, data):
    class Own(keras.callbacks.Callback):
        switches_attention = True

    compiled(linear_model("hybrid")).fit(*data, callbacks=[Own()], **FIT)


# What is refused


@pytest.mark.parametrize("when", [-1, 1.5, None, True, "half", FocusStalled])
def test_when_must_be_an_epoch(when):
    with pytest.raises(ValueError, match="expected an epoch: an int of 0 or more"):
        SwitchAttention(when)


@pytest.mark.parametrize("rate", [0, -0.1, float("nan")])
def test_learning_rate_must_be_positive(rate):
    with pytest.raises(ValueError, match=f"learning_rate is {rate}, expected a number above 0"):
        SwitchAttention(1, learning_rate=rate)


def test_other_attention_is_refused(linear_model, data):
    with pytest.raises(ValueError, match="attention SoftAttention, expected HybridAttention"):
        compiled(linear_model("soft")).fit(*data, callbacks=[SwitchAttention(1)], **FIT)


def test_model_without_attention_is_refused(data):
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="attention NoneType, expected HybridAttention"):
        model.fit(data[0], data[1]["label"], callbacks=[SwitchAttention(1)], verbose=0)


@pytest.mark.parametrize("scaled", [False, True])
def test_rate_on_top_of_a_schedule_is_refused_before_training(linear_model, data, scaled):
    optimizer = decaying()
    model = linear_model("hybrid")
    model.compile(keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer)
    with pytest.raises(ValueError, match=r"learning_rate is 0\.03, but .* follows a schedule"):
        model.fit(*data, callbacks=[SwitchAttention(1, learning_rate=0.03)], **FIT)
    assert int(optimizer.iterations.numpy()) == 0


def test_schedule_starts_anew_at_the_switch(linear_model, data):
    model = linear_model("hybrid")
    model.compile(decaying(), run_eagerly=True)
    watch = watched(model, data, SwitchAttention(1), epochs=2)
    assert watch.column("rate") == pytest.approx([0.1, 0.1])
