"""add_loss and activity regularizers of the networks reach the loss under every attention."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from attention_zoo.callbacks import SwitchAttention
from attention_zoo.models import Captioner, FocusClassifier
from attention_zoo.training.loop import Loop

# A hybrid that no callback switches is what broke: the warning of it has tests of its own.
pytestmark = pytest.mark.filterwarnings("ignore:attention is hybrid")

B, M, D, C = 8, 3, 4, 3
PER_CALL, PER_SQUARE = 0.25, 0.1

ATTENTIONS = {
    "soft": layers.SoftAttention,
    "hard": layers.HardAttention,
    "lvml": layers.LVMLAttention,
    "gumbel": lambda: layers.GumbelAttention(seed=1),
    "reinforce": lambda: layers.ReinforceAttention(seed=1),
    "self_critical": lambda: layers.ReinforceAttention("self_critical", seed=1),
    "hybrid_first": layers.HybridAttention,
    "hybrid_second": layers.HybridAttention,
    "hybrid_sampler": lambda: layers.HybridAttention("soft", layers.GumbelAttention(seed=1)),
}
CALLS = {"self_critical": 2}  # the most attended segment is classified as well


@keras.saving.register_keras_serializable(package="test_side_outputs")
class Toll(keras.layers.Layer):
    """Adds the same loss in every call."""

    def call(self, x):
        self.add_loss(keras.ops.convert_to_tensor(PER_CALL))
        return x


def build(name, side, regularized=True):
    """With the same weights; rate 0, so that every step finds them again."""
    keras.utils.set_random_seed(0)
    regularizer = keras.regularizers.L2(PER_SQUARE) if side and regularized else None
    focus = keras.layers.Dense(1, activity_regularizer=regularizer)
    head = [keras.layers.Dense(C)] + ([Toll()] if side else [])
    model = FocusClassifier(focus, keras.Sequential(head), ATTENTIONS[name]())
    model.build((None, M, D))
    if name in ("hybrid_second", "hybrid_sampler"):
        model.attention.switch()
    model.compile(keras.optimizers.SGD(0.0))
    return model


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(B, M, D)).astype("float32"), rng.integers(C, size=B)


def side_loss(model, x, name):
    """What the networks add where they stand alone; whether Keras means it depends on its version.

    The focus network reads all segments at once, (b m, d).
    """
    model.focus(x.reshape(-1, D))
    of_focus = float(sum(model.focus.losses))
    assert of_focus > 0.01
    return of_focus + PER_CALL * CALLS.get(name, 1)


def fitted(model, x, y):
    return model.fit(x, y, batch_size=B, shuffle=False, verbose=0).history["loss"][0]


def looped(model, x, y):
    found = {}
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: found.update(logs))
    batches = tf.data.Dataset.from_tensors((x, y)).repeat()
    Loop(model).fit(lambda step: batches, epochs=1, steps_per_epoch=2, callbacks=[keep])
    return found["loss"]


def accumulated(model, x, y):
    """Several steps in one call of a graph."""
    model.steps_per_execution = 2
    return fitted(model, np.concatenate([x, x]), np.concatenate([y, y]))


@pytest.mark.parametrize("name", ATTENTIONS)
def test_the_loss_of_fit_has_them(name, data):
    plain, sided = (build(name, side) for side in (False, True))
    expected = fitted(plain, *data) + side_loss(sided, data[0], name)
    assert fitted(sided, *data) == pytest.approx(expected, rel=1e-5)
    expected = plain.evaluate(*data, verbose=0)[0] + side_loss(sided, data[0], "evaluate")
    assert sided.evaluate(*data, verbose=0)[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("way", [looped, accumulated])
@pytest.mark.parametrize("name", ["hard", "hybrid_first", "hybrid_second"])
def test_the_loss_of_several_steps_a_call_has_them(name, way, data):
    plain, sided = (build(name, side) for side in (False, True))
    expected = way(plain, *data) + side_loss(sided, data[0], name)
    assert way(sided, *data) == pytest.approx(expected, rel=1e-5)


def test_the_switch_goes_on_with_them(data):
    """The second phase's loss is that of hard attention from the same weights."""
    hybrid, hard = build("hybrid_first", True), build("hard", True)
    hybrid.fit(*data, batch_size=B, epochs=2, callbacks=[SwitchAttention(1)], verbose=0)
    assert hybrid.history.history["loss"][1] == pytest.approx(fitted(hard, *data), rel=1e-5)


def test_two_replicas_have_those_of_one(data, two_replicas):
    """A loss of every call counts once: it is a replica's share of the mean."""
    one = build("hybrid_second", True, regularized=False)
    with two_replicas.scope():
        two = build("hybrid_second", True, regularized=False)
    assert fitted(two, *data) == pytest.approx(fitted(one, *data), rel=1e-5)


@pytest.mark.parametrize("attention", ["hard", "hybrid"])
def test_a_captioners_encoder_has_them(attention):
    def build(side):
        keras.utils.set_random_seed(0)
        image = keras.Input((4, 4, 3))
        encoded = keras.layers.Conv2D(5, 2, 2)(image)
        encoder = keras.Model(image, Toll()(encoded) if side else encoded)
        model = Captioner(["a"], attention, encoder=encoder, units=4, embedding_dim=4)
        model.compile(keras.optimizers.SGD(0.0))
        return model

    images = np.random.default_rng(0).normal(size=(4, 4, 4, 3)).astype("float32")
    inputs = {"image": images, "words": np.full((4, 2), 2)}
    callbacks = [SwitchAttention(1)] if attention == "hybrid" else []
    settings = {"epochs": 2, "callbacks": callbacks, "verbose": 0}
    plain, sided = (
        build(side).fit(inputs, np.full((4, 2), 4), **settings).history["loss"]
        for side in (False, True)
    )
    np.testing.assert_allclose(np.subtract(sided, plain), PER_CALL, rtol=1e-5)


@pytest.mark.parametrize("attention", ["soft", "hard", "lvml"])
@pytest.mark.parametrize("where", ["focus", "classifier", "encoder"])
def test_an_activity_regularizer_does_not_count_padding(attention, where):
    """A masked segment equals an absent one, in the loss and in what is learnt."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 5, 4)).astype("float32"), rng.integers(3, size=8)
    masked = {"segments": x, "mask": np.arange(5) < np.full((8, 1), 3)}
    dense, results = keras.layers.Dense, []
    for inputs in (masked, x[:, :3]):
        keras.utils.set_random_seed(0)
        made = {"activity_regularizer": "l2", "bias_initializer": "ones"}
        first = {name: made if name == where else {} for name in ("focus", "classifier", "encoder")}
        model = FocusClassifier(
            keras.Sequential([dense(6, "relu", **first["focus"]), dense(1)]),
            keras.Sequential([dense(6, "relu", **first["classifier"]), dense(3)]),
            attention,
            encoder=layers.PerSegment(dense(4, **first["encoder"])),
        )
        model.compile("sgd", run_eagerly=True)
        loss = model.train_on_batch(inputs, y, return_dict=True)["loss"]
        results.append([loss, *model.get_weights()])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
