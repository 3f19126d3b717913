"""Captioner: every paradigm trains, in `fit` and in the loop, and comes back from a file."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from attention_zoo.callbacks import SwitchAttention
from attention_zoo.models import Captioner
from attention_zoo.training.loop import Loop

ATTENTIONS = {
    "soft": lambda: "soft",
    "hard": lambda: "hard",
    "lvml": lambda: "lvml",
    "gumbel": lambda: layers.GumbelAttention(seed=1),
    "moving_average": lambda: layers.ReinforceAttention(seed=1),
    "leave_one_out": lambda: layers.ReinforceAttention("leave_one_out", 2, seed=1),
    "self_critical": lambda: layers.ReinforceAttention("self_critical", seed=1),
    "hybrid": lambda: "hybrid",
    "hybrid_reinforce": lambda: layers.HybridAttention(
        "soft", layers.ReinforceAttention("leave_one_out", 2, seed=1)
    ),
}

# These tests are of a hybrid in its phase, as it is; that it stays there is its own warning.
pytestmark = pytest.mark.filterwarnings("ignore:attention is hybrid")


def slow(name):
    return pytest.param(name, marks=pytest.mark.slow)


WORDS = ["a", "b", "c", "d", "e"]


def small(attention, **settings):
    keras.utils.set_random_seed(0)
    sizes = {"units": 24, "embedding_dim": 12, "attention_units": 16}
    model = Captioner(WORDS, ATTENTIONS[attention](), **sizes | settings)
    model.build({"features": (None, 3, 7), "words": (None, None)})
    return model


def compiled(attention, rate=0.02, **settings):
    model = small(attention)
    model.compile(keras.optimizers.Adam(rate), **{"jit_compile": False} | settings)
    return model


@pytest.mark.parametrize(
    "attention", ["soft", "hard", "lvml", slow("gumbel"), "leave_one_out", slow("hybrid")]
)
def test_learns_which_region_names_the_word(pictures, attention):
    """Under uniform attention about two of five words can be guessed: 0.6 with the ends."""
    model, (x, y) = compiled(attention), pictures(512)
    switch = [SwitchAttention(4, learning_rate=0.01)] if "hybrid" in attention else []
    model.fit(x, y, batch_size=32, epochs=8, callbacks=switch, verbose=0)
    unseen, truth = pictures(256, seed=1)
    words = model(unseen)["words"].numpy().argmax(axis=2)
    assert (words == truth["words"]).mean() > 0.85


@pytest.mark.parametrize("attention", ["lvml", slow("hybrid_reinforce")])
def test_loop_gives_the_weights_of_fit(pictures, attention):
    (x, y), weights = pictures(32), []
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(8, drop_remainder=True)
    model = compiled(attention)
    model.fit(batches, shuffle=False, verbose=0)
    weights.append(model.get_weights())
    model = compiled(attention)
    loop = Loop(model, steps_per_call=2)
    loop.fit(lambda step: batches.repeat(), epochs=1, steps_per_epoch=4, validation=batches)
    weights.append(model.get_weights())
    for one, other in zip(*weights):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert set(loop.evaluate(batches)) == {"loss", "perplexity", "word_accuracy", "focus_entropy"}


@pytest.mark.parametrize("attention", ["lvml", slow("self_critical"), slow("hybrid")])
def test_compiled_by_xla_it_takes_the_same_step(captions, captioner, attention):
    inputs, targets = captions
    inputs = inputs | {"words": inputs["words"][:, :2]}  # XLA takes seconds for every word
    targets = {"words": targets["words"][:, :2]}
    weights = []
    for jit_compile in (False, True):
        model = captioner(ATTENTIONS[attention]())
        model.compile(keras.optimizers.SGD(0.1), jit_compile=jit_compile)
        model.train_on_batch(inputs, targets)
        weights.append(model.get_weights())
    for one, other in zip(*weights):
        np.testing.assert_allclose(one, other, atol=2e-5)


@pytest.mark.parametrize(
    "attention", ["soft", "lvml", "gumbel", "moving_average", "hybrid_reinforce"]
)
def test_saved_and_loaded_it_goes_on_as_before(pictures, attention, tmp_path):
    x, y = pictures(16)
    model = compiled(attention, run_eagerly=True)
    model.train_on_batch(x, y)
    if "hybrid" in attention:
        model.attention.switch()
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.vocabulary == model.vocabulary
    for name, value in model(x).items():
        np.testing.assert_array_equal(twin(x)[name], value)
    for one in (model, twin):
        one.run_eagerly = True
        one.train_on_batch(x, y)  # optimizer, samples and baselines are those saved
    for one, other in zip(model.get_weights(), twin.get_weights()):
        np.testing.assert_allclose(one, other, atol=1e-7)


def test_settings_are_saved(small_encoder, tmp_path):
    settings = {
        "units": 7,
        "embedding_dim": 5,
        "attention_units": 4,
        "dropout": 0.25,
        "inference": "soft",
        "top_k": 2,
    }
    model = Captioner(WORDS, "lvml", small_encoder(), **settings)
    inputs = {"image": np.ones((2, 8, 8, 3), "uint8"), "words": np.array([[2, 4], [2, 5]])}
    expected = model(inputs)["words"]
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    config = twin.get_config()
    assert {name: config[name] for name in settings} == settings
    np.testing.assert_array_equal(twin(inputs)["words"], expected)


def test_encoder_is_trained_or_left_as_it_is(small_encoder):
    rng = np.random.default_rng(0)
    inputs = {
        "image": rng.integers(256, size=(4, 8, 8, 3), dtype="uint8"),
        "words": np.array([[2, 4, 5]] * 4),
    }
    for trainable in (True, False):
        encoder = small_encoder()
        encoder.trainable = trainable
        model = Captioner(WORDS, encoder=encoder, units=6, embedding_dim=5, attention_units=4)
        model.compile("sgd", run_eagerly=True)
        before = encoder.get_weights()
        model.train_on_batch(inputs, {"words": np.array([[4, 5, 3]] * 4)})
        changed = [np.any(x != y) for x, y in zip(before, encoder.get_weights())]
        assert all(changed) if trainable else not any(changed)
        features = {"features": encoder(inputs["image"]), "words": inputs["words"]}
        np.testing.assert_allclose(model(features)["words"], model(inputs)["words"], atol=1e-5)


@pytest.mark.slow
def test_two_replicas_take_the_step_of_one(pictures, two_replicas):
    x, y = pictures(16)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    weights = []
    for strategy in (tf.distribute.get_strategy(), two_replicas):
        with strategy.scope():
            model = small("soft")
            model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
        model.fit(batches, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.slow
def test_loss_of_two_replicas_is_a_word(pictures, two_replicas):
    """One of them has captions of a third as many words."""
    x, y = pictures(8)
    y["words"][[*range(4)], 1:] = 0
    with two_replicas.scope():
        model = small("soft")
        model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    loop = Loop(model, steps_per_call=1)
    for figures in (model.evaluate(batches, verbose=0, return_dict=True), loop.evaluate(batches)):
        np.testing.assert_allclose(figures["loss"], np.log(figures["perplexity"]), rtol=1e-5)


def test_top_k_is_a_lower_bound(captioner, captions, numpy_captioner):
    inputs, targets = captions
    model = captioner("lvml", top_k=2)
    q = model(inputs, training=True)["words"].numpy()
    error = model.top_k_error(inputs, targets).numpy()
    y, oracle = targets["words"], numpy_captioner(model)
    for i, (x, words) in enumerate(zip(inputs["features"], inputs["words"])):
        log_p, _, a = oracle.caption(x, words)
        most = np.argsort(-a[words != 0].sum(axis=0))[:2]
        bound = np.log(np.einsum("nr,nrv->nv", a[:, most], np.exp(log_p[:, most])))
        exact = np.log(np.einsum("nr,nrv->nv", a, np.exp(log_p)))
        if any(words):
            np.testing.assert_allclose(q[i], bound, atol=1e-4)
            lost = np.take_along_axis(exact - bound, y[i][:, None], axis=1)[:, 0]
            np.testing.assert_allclose(error[i], np.where(y[i] != 0, lost, 0.0), atol=1e-4)
    assert error.min() >= 0.0 and error.max() > 0.01
    every = captioner("lvml", top_k=3)
    np.testing.assert_allclose(every.top_k_error(inputs, targets), 0.0, atol=1e-4)
    expected = captioner("lvml")(inputs, training=True)["words"]
    np.testing.assert_allclose(every(inputs, training=True)["words"], expected, atol=1e-4)
