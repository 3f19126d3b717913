import keras
import numpy as np
import pytest
from keras.optimizers import SGD, Adam, LossScaleOptimizer

from attention_zoo.callbacks import SwitchAttention, reset
from attention_zoo.models import FocusClassifier
from attention_zoo.optimizers import TwoOptimizers

FIT = {"batch_size": 4, "shuffle": False, "verbose": 0}  # three steps an epoch


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, 3, 4)).astype("float32"), rng.integers(3, size=12)


def values(variables):
    return [variable.numpy() for variable in variables]


def assert_equal(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def rate(optimizer):
    return float(optimizer.learning_rate.numpy())


def test_each_network_takes_its_own_steps(linear_model):
    """Against NumPy: plain gradient descent for the focus, momentum for the rest."""
    model = linear_model()
    u, w, e = (value.astype("float64") for value in values(model.trainable_variables))
    optimizer = TwoOptimizers.of(model, focus=SGD(0.1), classifier=SGD(0.01, momentum=0.9))
    rng = np.random.default_rng(1)
    m_w, m_e = np.zeros_like(w), np.zeros_like(e)
    for step in range(4):
        g_u, g_w, g_e = (rng.normal(size=x.shape) for x in (u, w, e))
        grads = [keras.ops.cast(g, "float32") for g in (g_u, g_w, g_e)]
        optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))
        m_w, m_e = 0.9 * m_w - 0.01 * g_w, 0.9 * m_e - 0.01 * g_e
        u, w, e = u - 0.1 * g_u, w + m_w, e + m_e
        assert int(optimizer.iterations.numpy()) == step + 1
    for value, expected in zip(values(model.trainable_variables), (u, w, e), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-6)


def test_each_clips_the_gradient_of_its_own_share(linear_model):
    """Norms 10 and 10: the focus's is cut to 1, the rest's, of two variables together, to 5."""
    model = linear_model()
    before = values(model.trainable_variables)
    optimizer = TwoOptimizers.of(
        model, focus=SGD(1.0, clipnorm=1.0), classifier=SGD(1.0, global_clipnorm=5.0)
    )
    grads = [np.zeros(x.shape, "float32") for x in before]
    grads[0][0], grads[1][0, 0], grads[2][0] = 10.0, 6.0, 8.0
    optimizer.apply([keras.ops.convert_to_tensor(g) for g in grads], model.trainable_variables)
    steps = [b - a for b, a in zip(before, values(model.trainable_variables), strict=True)]
    np.testing.assert_allclose(steps[0], grads[0] / 10, atol=1e-6)
    np.testing.assert_allclose(steps[1], grads[1] / 2, atol=1e-6)
    np.testing.assert_allclose(steps[2], grads[2] / 2, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("make", [lambda: SGD(0.1, momentum=0.9), lambda: Adam(0.1)])
def test_two_of_equal_settings_are_one(linear_model, data, make, jit_compile):
    one, two = linear_model(), linear_model()
    two.set_weights(one.get_weights())
    one.compile(make(), jit_compile=jit_compile)
    two.compile(TwoOptimizers.of(two, focus=make(), classifier=make()), jit_compile=jit_compile)
    for model in (one, two):
        model.fit(*data, epochs=3, **FIT)
    assert_equal(values(two.trainable_variables), values(one.trainable_variables))


def test_two_replicas_take_the_steps_of_one(linear_model, data, two_replicas):
    def trained(start=None):
        model = linear_model("lvml")
        if start is not None:
            model.set_weights(start)
        start = model.get_weights()
        optimizers = {"focus": SGD(0.5), "classifier": SGD(0.1, momentum=0.9)}
        model.compile(TwoOptimizers.of(model, **optimizers))
        model.fit(*data, epochs=2, **FIT)
        return model, start

    one, start = trained()
    with two_replicas.scope():
        two, _ = trained(start)
    assert_equal(values(two.optimizer.variables)[:1], values(one.optimizer.variables)[:1])
    for pair in (
        (one.trainable_variables, two.trainable_variables),
        (
            one.optimizer.variables,
            two.optimizer.variables,
        ),
    ):
        for a, b in zip(*map(values, pair), strict=True):
            np.testing.assert_allclose(b, a, atol=1e-5)


@pytest.mark.parametrize("on_replicas", [False, True])
def test_a_loss_scale_goes_around_it(linear_model, data, on_replicas, two_replicas):
    """Powers of two: scaled and unscaled gradients are the same bits."""

    def trained(scaled, start=None):
        model = linear_model()
        if start is not None:
            model.set_weights(start)
        start = model.get_weights()
        optimizers = {"focus": SGD(0.5), "classifier": SGD(0.1, momentum=0.9)}
        optimizer = TwoOptimizers.of(model, **optimizers)
        model.compile(LossScaleOptimizer(optimizer) if scaled else optimizer)
        model.fit(*data, **FIT)
        return model, start

    plain, start = trained(scaled=False)
    if on_replicas:
        with two_replicas.scope():
            scaled, _ = trained(True, start)
    else:
        scaled, _ = trained(True, start)
    for a, b in zip(
        values(scaled.trainable_variables), values(plain.trainable_variables), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-6 if on_replicas else 0)
    assert rate(scaled.optimizer) == 0.5


def test_a_step_that_is_not_finite_is_skipped_under_a_loss_scale(linear_model, data):
    model = linear_model()
    before = values(model.trainable_variables)
    optimizer = TwoOptimizers.of(model, focus=SGD(0.5), classifier=SGD(0.5))
    model.compile(LossScaleOptimizer(optimizer))
    model.fit(data[0] * np.nan, data[1], batch_size=12, verbose=0)
    assert_equal(values(model.trainable_variables), before)
    assert float(model.optimizer.dynamic_scale.numpy()) == 2.0**14


@keras.saving.register_keras_serializable(package="test_optimizers")
class Scorer(keras.Model):
    """Its layer is named anew in every copy, so no path is the same after loading."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)


@pytest.mark.parametrize("scaled", [False, True])
def test_a_loaded_model_goes_on_as_the_saved_one(data, tmp_path, scaled):
    model = FocusClassifier(Scorer(), keras.Sequential([keras.layers.Dense(3)]), "lvml")
    model.build((None, 3, 4))
    optimizer = TwoOptimizers.of(model, focus=SGD(0.5, momentum=0.5), classifier=Adam(0.1))
    model.compile(LossScaleOptimizer(optimizer) if scaled else optimizer)
    model.fit(*data, **FIT)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    paths = [[v.path for v in m.trainable_variables] for m in (model, loaded)]
    assert not set(paths[0]) & set(paths[1])
    assert_equal(values(loaded.optimizer.variables), values(model.optimizer.variables))
    for one in (model, loaded):
        one.fit(*data, **FIT)
    assert_equal(values(loaded.trainable_variables), values(model.trainable_variables))
    assert_equal(values(loaded.optimizer.variables), values(model.optimizer.variables))


def test_weights_saved_alone_hold_each_state_once(linear_model, data, tmp_path):
    model, other = linear_model(), linear_model()
    for one in (model, other):
        optimizers = {"focus": SGD(0.5, momentum=0.5), "classifier": Adam(0.1)}
        one.compile(TwoOptimizers.of(one, **optimizers))
        one.optimizer.build(one.trainable_variables)
    model.fit(*data, **FIT)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    assert_equal(values(other.optimizer.variables), values(model.optimizer.variables))
    other.optimizer.set_weights([0 * value for value in values(model.optimizer.variables)])
    assert not any(value.any() for value in values(other.optimizer.variables))


def test_a_rate_that_is_set_keeps_the_proportion(linear_model):
    model = linear_model()
    optimizer = TwoOptimizers.of(model, focus=SGD(0.5), classifier=SGD(0.1))
    assert optimizer.learning_rate is optimizer.focus.learning_rate
    optimizer.learning_rate = 0.05
    assert rate(optimizer.focus) == pytest.approx(0.05)
    assert rate(optimizer.classifier) == pytest.approx(0.01)
    with pytest.raises(ValueError, match="^learning_rate is set from 0.05.* to 0, expected"):
        optimizer.learning_rate = 0


@pytest.mark.parametrize("share", ["focus", "classifier"])
def test_a_rate_that_follows_a_schedule_cannot_be_set(linear_model, data, share):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 3, 0.1)
    model = linear_model("hybrid")
    optimizers = {"focus": SGD(0.5), "classifier": SGD(0.1)} | {share: SGD(schedule)}
    model.compile(TwoOptimizers.of(model, **optimizers))
    with pytest.raises(TypeError, match="expected a number, and two optimizers without a sch"):
        model.optimizer.learning_rate = 0.2
    with pytest.raises(ValueError, match="the optimizer's follows a schedule"):
        model.fit(*data, callbacks=[SwitchAttention(1, learning_rate=0.2)], **FIT)
    model.fit(*data, **FIT)
    assert rate(model.optimizer) == pytest.approx(0.05 if share == "focus" else 0.5)


@pytest.mark.parametrize("scaled", [False, True])
def test_the_switch_resets_both_and_sets_both_rates(linear_model, data, scaled):
    model = linear_model("hybrid")
    optimizers = {"focus": SGD(0.5, momentum=0.5), "classifier": Adam(0.1)}
    optimizer = TwoOptimizers.of(model, **optimizers)
    model.compile(LossScaleOptimizer(optimizer) if scaled else optimizer)
    switch = SwitchAttention(1, learning_rate=0.25)
    model.fit(*data, epochs=2, callbacks=[switch], **FIT)
    assert rate(optimizer.focus) == 0.25
    assert rate(optimizer.classifier) == pytest.approx(0.05)
    counts = [one.iterations.numpy() for one in (optimizer, optimizer.focus, optimizer.classifier)]
    assert counts == [3, 3, 3]


def test_reset_is_the_state_before_the_first_step(linear_model, data):
    model = linear_model()
    optimizers = {"focus": Adam(0.5), "classifier": SGD(0.1, momentum=0.9)}
    model.compile(TwoOptimizers.of(model, **optimizers))
    model.optimizer.build(model.trainable_variables)
    before = values(model.optimizer.variables)
    model.fit(*data, **FIT)
    reset(model.optimizer, model.trainable_variables)
    assert_equal(values(model.optimizer.variables), before)


def test_tensorboard_and_averages_work(linear_model, data, tmp_path):
    """The average of weights, which one of them keeps, takes their place after fit."""
    model = linear_model()
    averaging = SGD(0.1, use_ema=True, ema_momentum=0.0)
    model.compile(TwoOptimizers.of(model, focus=SGD(0.5), classifier=averaging))
    model.fit(*data, callbacks=[keras.callbacks.TensorBoard(tmp_path, write_graph=False)], **FIT)
    averages = values(averaging.variables)[2:]
    assert_equal(values(model.classifier.trainable_variables), averages)


def test_a_frozen_network_is_left_as_it_is(linear_model, data):
    model = linear_model()
    model.focus.trainable = False
    model.compile(TwoOptimizers.of(model, focus=SGD(0.5), classifier=SGD(0.1)))
    before = values(model.variables)
    model.fit(*data, **FIT)
    assert_equal(values(model.focus.variables), before[:1])
    assert int(model.optimizer.iterations.numpy()) == 3
    assert rate(model.optimizer) == 0.5


def test_a_network_without_gradients_is_left_with_a_warning(linear_model):
    model = linear_model()
    before = values(model.trainable_variables)
    optimizer = TwoOptimizers.of(model, focus=SGD(0.5), classifier=SGD(0.5))
    ones = [keras.ops.ones_like(v) for v in model.trainable_variables[1:]]
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([None, *ones], model.trainable_variables)
    assert_equal(values(model.trainable_variables)[:1], before[:1])
    np.testing.assert_allclose(model.trainable_variables[1].numpy(), before[1] - 0.5)
    with pytest.raises(ValueError, match="No gradients provided"):
        optimizer.apply([None, None, None], model.trainable_variables)


def test_an_encoder_is_the_classifiers_share():
    encoder = keras.layers.Dense(4)
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(3), encoder=encoder)
    model.build((None, 3, 4))
    optimizer = TwoOptimizers.of(model, focus=SGD(0.5), classifier=SGD(0.1))
    own = [v for v, is_own in zip(model.trainable_variables, optimizer.is_focus) if is_own]
    assert [id(v) for v in own] == [id(v) for v in model.focus.variables]


def test_a_model_that_is_not_built_is_refused():
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(3), name="raw")
    with pytest.raises(ValueError, match="^raw is not built, expected a built FocusClassifier$"):
        TwoOptimizers.of(model, focus=SGD(0.5), classifier=SGD(0.1))


def test_networks_that_share_a_layer_are_refused():
    shared = keras.layers.Dense(2, name="shared")
    focus = keras.Sequential([shared, keras.layers.Dense(1)])
    model = FocusClassifier(focus, keras.Sequential([shared, keras.layers.Dense(3)]))
    model.build((None, 3, 4))
    message = "shared/kernel belongs to focus and classifier, expected networks that share no"
    with pytest.raises(ValueError, match=message):
        TwoOptimizers.of(model, focus=SGD(0.5), classifier=SGD(0.1))


def test_freezing_afterwards_is_refused(linear_model):
    model = linear_model()
    optimizer = TwoOptimizers.of(model, focus=SGD(0.5), classifier=SGD(0.1))
    model.focus.trainable = False
    message = "^the model has 2 trainable variables, expected 3, as when TwoOptimizers was made"
    with pytest.raises(ValueError, match=message):
        optimizer.build(model.trainable_variables)


@pytest.mark.parametrize(
    ("focus", "message"),
    [
        (lambda: "sgd", "^focus is 'sgd', expected a keras.optimizers.Optimizer$"),
        (lambda: LossScaleOptimizer(SGD()), "^focus scales the loss, expected a LossScale"),
        (lambda: SGD(loss_scale_factor=2.0), "^focus scales the loss, expected a LossScale"),
    ],
)
def test_what_cannot_be_one_of_two_is_refused(linear_model, focus, message):
    with pytest.raises(ValueError, match=message):
        TwoOptimizers.of(linear_model(), focus=focus(), classifier=SGD(0.1))


def test_one_optimizer_twice_is_refused(linear_model):
    one = SGD(0.1, name="one")
    with pytest.raises(ValueError, match="^focus and classifier are both one, expected two"):
        TwoOptimizers.of(linear_model(), focus=one, classifier=one)
