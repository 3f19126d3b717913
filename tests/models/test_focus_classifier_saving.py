"""FocusClassifier in a file and back: the same model, which goes on as if nothing had happened."""

import keras
import numpy as np
import pytest

from attention_zoo import layers, metrics
from attention_zoo.models import FocusClassifier

B, M, D, C = 8, 3, 4, 3
ATTENTIONS = ["soft", "hard", "lvml", "gumbel", "reinforce", "hybrid"]
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(0.1),
}

# These tests are of a hybrid in its phase, as it is; that it stays there is its own warning.
pytestmark = pytest.mark.filterwarnings("ignore:attention is hybrid")


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    segments = rng.normal(size=(B, M, D)).astype("float32")
    return segments, {"label": rng.integers(C, size=B), "focus": rng.integers(M, size=B)}


@pytest.fixture
def reloaded(tmp_path):
    """A model -> the same, saved and loaded, without custom_objects."""

    def reload(model):
        model.save(tmp_path / "model.keras")
        return keras.saving.load_model(tmp_path / "model.keras")

    return reload


def attention(name):
    schedule = keras.optimizers.schedules.ExponentialDecay(2.0, 3, 0.5)
    made = {
        "gumbel": lambda: layers.GumbelAttention(schedule, seed=5),
        "reinforce": lambda: layers.ReinforceAttention(num_samples=2, seed=5),
        "hybrid": lambda: layers.HybridAttention("soft", "lvml", normalizer="entmax15"),
    }
    return made.get(name, lambda: layers.get(name, normalizer="sparsemax"))()


def train(model, data, steps):
    for _ in range(steps):
        model.train_on_batch(*data)


def assert_equal(weights, expected):
    assert len(weights) == len(expected)
    for w, e in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(w, e)


def optimizer_state(model):
    return [variable.numpy() for variable in model.optimizer.variables]


@pytest.mark.parametrize("name", ATTENTIONS)
@pytest.mark.parametrize("optimizer", ["sgd", pytest.param("adam", marks=pytest.mark.slow)])
def test_training_goes_on_as_if_unbroken(linear_model, reloaded, data, name, optimizer):
    model = linear_model(attention(name))
    model.compile(OPTIMIZERS[optimizer]())
    model.run_eagerly = True
    train(model, data, steps=3)
    twin = reloaded(model)
    twin.run_eagerly = True
    assert twin.optimizer.iterations == 3
    assert_equal(optimizer_state(twin), optimizer_state(model))
    for trained in (model, twin):
        train(trained, data, steps=3)
    assert_equal(twin.get_weights(), model.get_weights())
    assert_equal(optimizer_state(twin), optimizer_state(model))


@pytest.mark.slow
def test_training_in_graphs_goes_on_as_if_unbroken(linear_model, reloaded, data):
    model = linear_model("hard")
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    settings = {"batch_size": 4, "shuffle": False, "verbose": 0}
    model.fit(*data, **settings)
    twin = reloaded(model)
    model.fit(*data, **settings)
    twin.fit(*data, **settings)
    assert_equal(twin.get_weights(), model.get_weights())


@pytest.mark.parametrize("name", ATTENTIONS)
def test_loaded_model_predicts_the_same(linear_model, reloaded, data, name):
    model = linear_model(attention(name), inference="marginal")
    twin = reloaded(model)
    assert type(twin.attention) is type(model.attention)
    assert twin.attention.get_config() == model.attention.get_config()
    assert twin.way_to_predict == "marginal"
    for key, value in model(data[0]).items():
        np.testing.assert_array_equal(twin(data[0])[key], value)


def test_switched_hybrid_stays_switched(linear_model, reloaded, data):
    model = linear_model("hybrid")
    model.attention.switch()
    twin = reloaded(model)
    q = model(data[0], training=True)["label"]
    np.testing.assert_array_equal(twin(data[0], training=True)["label"], q)
    assert int(twin.attention.phase.numpy()) == 1


def test_model_with_encoder_and_mask_comes_back(reloaded):
    tokens = np.array([[3, 1, 7, 0, 0], [2, 2, 9, 1, 0]])
    encoder = keras.layers.Embedding(10, D, mask_zero=True)
    focus, classifier = keras.layers.Dense(1), keras.layers.Dense(C)
    model = FocusClassifier(focus, classifier, "lvml", encoder=encoder)
    inputs = {"segments": tokens, "mask": np.array([[1, 0, 1, 1, 1]] * 2, bool)}
    expected = model(inputs)
    output = reloaded(model)(inputs)
    for key in ("label", "focus"):
        np.testing.assert_array_equal(output[key], expected[key])


def test_per_segment_encoder_comes_back(reloaded):
    cnn = keras.Sequential([keras.layers.Conv2D(2, 3), keras.layers.Flatten()])
    encoder = layers.PerSegment(cnn)
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C), encoder=encoder)
    images = np.random.default_rng(0).normal(size=(2, M, 4, 4, 1)).astype("float32")
    expected = model(images)["label"]
    np.testing.assert_array_equal(reloaded(model)(images)["label"], expected)


def test_compiled_state_comes_back(linear_model, reloaded, data):
    model = linear_model()
    focus_metrics = [metrics.FocusAccuracy(name="accuracy")]
    model.compile(
        "adam",
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        metrics={"label": ["accuracy", keras.metrics.AUC(name="auc")], "focus": focus_metrics},
        run_eagerly=True,
    )
    model.train_on_batch(*data)
    twin = reloaded(model)
    assert isinstance(twin.optimizer, keras.optimizers.Adam)
    assert twin.loss.get_config() == model.loss.get_config()
    expected = model.evaluate(*data, return_dict=True, verbose=0)
    assert twin.evaluate(*data, return_dict=True, verbose=0) == expected


def test_model_that_was_not_compiled_comes_back_so(linear_model, reloaded):
    assert not reloaded(linear_model()).compiled


@pytest.mark.low_precision
def test_mixed_precision_comes_back(reloaded, data):
    policy = "mixed_float16"
    focus, classifier = (keras.layers.Dense(n, dtype=policy) for n in (1, C))
    model = FocusClassifier(focus, classifier, "hard", dtype=policy)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), run_eagerly=True)
    train(model, data, steps=2)
    twin = reloaded(model)
    assert (twin.dtype_policy.name, twin.focus.dtype_policy.name) == (policy, policy)
    for trained in (model, twin):
        train(trained, data, steps=2)
    assert_equal(twin.get_weights(), model.get_weights())
    assert_equal(optimizer_state(twin), optimizer_state(model))


@pytest.mark.parametrize("name", ["soft", "gumbel", "hybrid"])
@pytest.mark.parametrize(
    "clone",
    [keras.models.clone_model, lambda model: FocusClassifier.from_config(model.get_config())],
    ids=["clone_model", "from_config"],
)
def test_clone_is_the_same_model_with_weights_of_its_own(linear_model, data, name, clone):
    model = linear_model(attention(name), inference="soft")
    twin = clone(model)
    twin.build((None, M, D))
    assert np.any(twin.get_weights()[0] != model.get_weights()[0])
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin(data[0])["label"], model(data[0])["label"])
    assert twin.attention is not model.attention
    assert twin.attention.get_config() == model.attention.get_config()


def test_weights_alone_come_back(linear_model, data, tmp_path):
    model, twin = linear_model("reinforce"), linear_model("reinforce")
    model.save_weights(tmp_path / "model.weights.h5")
    twin.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(twin(data[0])["label"], model(data[0])["label"])
