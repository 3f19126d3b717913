"""Rates of parts of a model and of an encoder's layers, against updates computed by hand."""

import dataclasses

import keras
import numpy as np
import pytest

from attention_zoo.layers import PerSegment
from attention_zoo.models import FocusClassifier
from attention_zoo.optimizers import WarmUp
from attention_zoo.training.checks import check_config
from attention_zoo.training.components import (
    make_attention,
    make_optimizer,
    make_switch,
)
from attention_zoo.training.config import EncoderConfig, TaskConfig
from attention_zoo.training.learning_rates import encoder_is_frozen, encoder_learns_apart


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(EncoderConfig, TaskConfig):
    """Settings of a task with an encoder."""


RATES = {"focus": 0.1, "classifier": 0.2, "encoder": 0.4}


@pytest.fixture
def stack():
    """(names) -> a model whose encoder is a stack of dense layers of these names."""

    def make(*names):
        layers = [keras.layers.Dense(4, name=name) for name in names]
        encoder = keras.Sequential([keras.Input((None, 4)), *layers])
        model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(3), encoder=encoder)
        model.build((None, 3, 4))
        return model

    return make


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(8, 3, 4)).astype("float32"), rng.integers(3, size=8)


def by_hand(model, batch):
    """The gradients, read off a step of plain SGD at rate 1."""
    twin = FocusClassifier.from_config(model.get_config())
    twin.build((None, 3, 4))
    twin.set_weights(model.get_weights())
    twin.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    twin.train_on_batch(*batch)
    return [
        a.numpy() - b.numpy() for a, b in zip(model.trainable_variables, twin.trainable_variables)
    ]


@pytest.mark.parametrize(
    ("names", "exponents"),
    [
        (("one", "two", "three"), (2, 1, 0)),
        (("embedding", "a_layer_0", "a_layer_1", "norm"), (2, 1, 0, 0)),
        (("norm", "embedding", "a_layer_0", "pooler"), (1, 1, 0, 0)),
    ],
)
def test_a_layer_learns_at_a_share_of_the_rate_above_it(names, exponents, stack, batch):
    model = stack(*names)
    gradients, before = by_hand(model, batch), [v.numpy() for v in model.trainable_variables]
    settings = Config(momentum=0.0, layer_decay=0.5)
    model.compile(make_optimizer(settings, model, RATES, "classifier", 5), run_eagerly=True)
    model.train_on_batch(*batch)
    of_encoder = {f"{name}/": 0.4 * 0.5**n for name, n in zip(names, exponents)}
    focus = {id(v) for v in model.focus.trainable_variables}
    for variable, gradient, start in zip(model.trainable_variables, gradients, before):
        own = [rate for name, rate in of_encoder.items() if name in variable.path]
        rate = own[0] if own else RATES["focus" if id(variable) in focus else "classifier"]
        np.testing.assert_allclose(variable.numpy(), start - rate * gradient, atol=1e-6)
        assert own or "sequential" not in variable.path


@pytest.mark.parametrize("lower_is_trained", [None, False])
def test_an_encoder_of_one_depth_is_refused(lower_is_trained, stack):
    model = stack("one") if lower_is_trained is None else stack("lower", "one")
    model.encoder.layers[0].trainable = lower_is_trained is None
    with pytest.raises(
        ValueError, match=r"^layer_decay is 0\.5, expected 1\.0 with this encoder: none of its"
    ):
        make_optimizer(Config(layer_decay=0.5), model, RATES, "classifier", 5)


def test_an_encoder_with_a_network_within_learns_by_depth_too(batch):
    """As `application` makes one: a network around a network."""
    layers = [keras.layers.Dense(4, name=name) for name in ("one", "two", "three")]
    inner = keras.Sequential([keras.Input((4,)), *layers], name="inner")
    x = keras.Input((4,))
    model = FocusClassifier(
        keras.layers.Dense(1),
        keras.layers.Dense(3),
        encoder=PerSegment(keras.Model(x, inner(keras.layers.Rescaling(2.0)(x)))),
    )
    model.build((None, 3, 4))
    optimizer = make_optimizer(Config(layer_decay=0.5), model, RATES, "classifier", 5)
    of_parts = zip(model.trainable_variables, optimizer.parts, strict=True)
    found = {v.path.split("/")[-2]: part for v, part in of_parts if part not in ("focus", "class")}
    assert [found[name] for name in ("one", "two", "three")] == [f"encoder_{i}" for i in range(3)]
    rates = [float(getattr(optimizer, f"encoder_{i}").learning_rate) for i in range(3)]
    np.testing.assert_allclose(rates, [0.1, 0.2, 0.4], rtol=1e-6)


def test_in_frozen_epochs_the_encoder_stays_bit_for_bit(stack, batch):
    model = stack("one", "two")
    settings = Config(frozen_epochs=2, epochs=3, optimizer="adam", weight_decay=0.1)
    model.compile(make_optimizer(settings, model, RATES, "classifier", 4))
    before = model.encoder.get_weights(), model.focus.get_weights()
    model.fit(*batch, batch_size=2, epochs=2, verbose=0)
    for a, b in zip(before[0], model.encoder.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert np.any(before[1][0] != model.focus.get_weights()[0])
    model.fit(*batch, batch_size=2, epochs=1, verbose=0)
    assert all(np.any(a != b) for a, b in zip(before[0], model.encoder.get_weights()))


def test_schedules_run_over_all_steps(stack):
    model = stack("one")
    settings = Config(epochs=4, warmup=0.25, schedule="linear", frozen_epochs=1)
    optimizer = make_optimizer(settings, model, RATES, "classifier", 10)
    focus, encoder = (getattr(optimizer, part)._learning_rate for part in ("focus", "encoder"))
    found = [[float(one(t)) for t in (0, 9, 10, 25, 40)] for one in (focus, encoder)]
    np.testing.assert_allclose(found[0], [0.01, 0.1, 0.1, 0.05, 0.0], atol=1e-6)
    # Frozen to step 10; 30 steps are left, of which 8 (a quarter, to even) rise.
    np.testing.assert_allclose(found[1], [0.0, 0.0, 0.05, 0.4 * 15 / 22, 0.0], atol=1e-6)


def test_gradients_of_batches_are_averaged(stack, batch):
    """Two halves of a batch, accumulated, move the weights as the whole does."""
    x, y = batch
    halves, whole = stack("one"), stack("one")
    whole.set_weights(halves.get_weights())
    for model, settings in ((halves, Config(accumulation=2)), (whole, Config())):
        model.compile(make_optimizer(settings, model, RATES, "classifier", 4))
    halves.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    whole.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(halves.get_weights(), whole.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_with_a_schedule_a_hybrid_keeps_its_optimizers_steps():
    """A reset would have the schedule begin anew, and frozen epochs come again."""
    settings = Config(schedule="cosine", batch_size=32)
    optimizer = make_optimizer(settings, None, steps_per_epoch=3)
    assert isinstance(optimizer._learning_rate, WarmUp)
    switch = make_switch(settings, make_attention(settings), optimizer, None)
    assert not switch.reset_optimizer and switch.learning_rate is None
    settings = dataclasses.replace(settings, second_learning_rate=0.1)
    with pytest.raises(
        ValueError, match=r"^second_learning_rate is 0\.1 beside a schedule, warm-up"
    ):
        check_config(settings, make_attention(settings), 96, 1)


def test_with_an_encoder_that_is_never_trained_a_hybrid_begins_its_second_phase_anew(stack):
    settings = Config(epochs=4, frozen_epochs=4, second_learning_rate=0.03)
    attention, model = make_attention(settings), stack("one", "two")
    model.encoder.trainable = False
    check_config(settings, attention, 256, 1)
    for rates in (None, RATES):
        optimizer = make_optimizer(settings, model, rates, "classifier", 5)
        switch = make_switch(settings, attention, optimizer, None)
        assert switch.reset_optimizer and switch.learning_rate == 0.03
        assert isinstance(optimizer.learning_rate, keras.Variable)


def test_what_is_frozen_to_the_end_learns_at_no_rate():
    assert encoder_is_frozen(Config(epochs=3, frozen_epochs=3))
    assert not encoder_learns_apart(Config(epochs=3, frozen_epochs=3, encoder_learning_rate=1.0))
    assert encoder_learns_apart(Config(epochs=3, frozen_epochs=2))
    assert encoder_learns_apart(Config(layer_decay=0.9))
    assert not encoder_learns_apart(Config()) and not encoder_is_frozen(TaskConfig())
