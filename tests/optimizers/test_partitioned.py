import keras
import numpy as np
import pytest
from keras.optimizers import SGD, Adam, LossScaleOptimizer

from attention_zoo.callbacks import SwitchAttention, reset
from attention_zoo.models import FocusClassifier
from attention_zoo.optimizers import PartitionedOptimizer, TwoOptimizers

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
    optimizer = PartitionedOptimizer.of(model, focus=SGD(0.1), classifier=SGD(0.01, momentum=0.9))
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
    optimizer = PartitionedOptimizer.of(
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
    two.compile(
        PartitionedOptimizer.of(two, focus=make(), classifier=make()), jit_compile=jit_compile
    )
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
        model.compile(PartitionedOptimizer.of(model, **optimizers))
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
        optimizer = PartitionedOptimizer.of(model, **optimizers)
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
    optimizer = PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.5))
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
    optimizer = PartitionedOptimizer.of(model, focus=SGD(0.5, momentum=0.5), classifier=Adam(0.1))
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
        one.compile(PartitionedOptimizer.of(one, **optimizers))
        one.optimizer.build(one.trainable_variables)
    model.fit(*data, **FIT)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    assert_equal(values(other.optimizer.variables), values(model.optimizer.variables))
    other.optimizer.set_weights([0 * value for value in values(model.optimizer.variables)])
    assert not any(value.any() for value in values(other.optimizer.variables))


def test_a_rate_that_is_set_keeps_the_proportion(linear_model):
    model = linear_model()
    optimizer = PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.1))
    assert optimizer.learning_rate is optimizer.focus.learning_rate
    optimizer.learning_rate = 0.05
    assert rate(optimizer.focus) == pytest.approx(0.05)
    assert rate(optimizer.classifier) == pytest.approx(0.01)


def test_a_rate_reaches_every_part_however_it_is_changed(linear_model, data):
    """Set, assigned, by Keras's callbacks, to 0 and back: the steps are those of equal rates."""
    rates = [0.5, 0.25, 0.0, 0.1]

    def assign(model, epoch):
        model.optimizer.learning_rate.assign(rates[epoch])

    ways = {
        "assign": keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: assign(parted, epoch)
        ),
        "scheduler": keras.callbacks.LearningRateScheduler(lambda epoch, rate: rates[epoch]),
    }
    for callback in ways.values():
        parted, by_hand = linear_model(), linear_model()
        by_hand.set_weights(parted.get_weights())
        parted.compile(
            PartitionedOptimizer.of(parted, focus=SGD(0.5), classifier=SGD(0.1, momentum=0.9))
        )
        parted.fit(*data, epochs=4, callbacks=[callback], **FIT)
        focus, classifier = SGD(0.5), SGD(0.1, momentum=0.9)
        by_hand.compile(
            PartitionedOptimizer.of(by_hand, focus=focus, classifier=classifier), run_eagerly=True
        )
        for epoch in range(4):
            by_hand.optimizer.learning_rate = rates[epoch]
            assert rate(classifier) == pytest.approx(0.2 * rates[epoch])
            by_hand.fit(*data, **FIT)
        assert np.any(values(parted.variables)[0])
        for one, other in zip(parted.get_weights(), by_hand.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
        assert rate(parted.optimizer) == pytest.approx(0.1)


def test_a_plateau_lowers_every_rate_down_to_nothing(linear_model, data):
    model = linear_model()
    model.compile(PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.1)))
    plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.0, patience=0, min_delta=1e9)
    before = None
    for epochs in (3, 2):
        model.fit(*data, epochs=epochs, callbacks=[plateau], **FIT)
        if before is not None:
            assert_equal(values(model.trainable_variables), before)
        before = values(model.trainable_variables)
    assert [rate(model.optimizer.focus), rate(model.optimizer.classifier)] == [0.0, 0.0]
    model.optimizer.learning_rate = 1.0
    assert rate(model.optimizer.classifier) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("rates", "leads"), [((0.0, 0.1, 0.2), "classifier"), ((0.0, 0.0, 0.0), "focus")]
)
def test_a_part_whose_rate_is_0_does_not_lead(rates, leads):
    model = with_encoder()
    names = "focus", "classifier", "encoder"
    parts = {name: SGD(rate) for name, rate in zip(names, rates, strict=True)}
    optimizer = PartitionedOptimizer.of(model, **parts)
    assert optimizer.learning_rate is parts[leads].learning_rate
    optimizer.learning_rate = 0.3
    expected = [0.0, 0.3, 0.6] if leads == "classifier" else [0.3] * 3
    assert [rate(one) for one in parts.values()] == pytest.approx(expected)


def test_the_rate_of_one_part_alone_cannot_be_set(linear_model):
    model = linear_model()
    optimizer = PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.1))
    with pytest.raises(ValueError, match="^the learning rate of part 'classifier' is set to 0.2"):
        optimizer.classifier.learning_rate = 0.2


@pytest.mark.parametrize("value", [0.25, 0.0])
def test_a_changed_rate_is_saved(linear_model, data, tmp_path, value):
    model = linear_model()
    optimizers = {"focus": SGD(0.5, momentum=0.5), "classifier": Adam(0.1)}
    model.compile(PartitionedOptimizer.of(model, **optimizers))
    model.fit(*data, **FIT)
    model.optimizer.learning_rate = value
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, loaded):
        assert rate(one.optimizer) == value
        assert rate(one.optimizer.classifier) == pytest.approx(0.2 * value)
        one.optimizer.learning_rate = 0.5
        one.fit(*data, **FIT)
    assert_equal(values(loaded.trainable_variables), values(model.trainable_variables))


def with_encoder(build=True):
    encoder = keras.layers.Dense(4)
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(3), encoder=encoder)
    if build:
        model.build((None, 3, 4))
    return model


def test_three_parts_take_each_its_own_steps():
    """Plain gradient descent: a variable moves by its part's rate times its gradient."""
    model = with_encoder()
    parts = {"focus": SGD(0.1), "classifier": SGD(0.2), "encoder": SGD(0.4)}
    optimizer = PartitionedOptimizer.of(model, **parts)
    before = values(model.trainable_variables)
    ones = [keras.ops.ones_like(v) for v in model.trainable_variables]
    optimizer.apply(ones, model.trainable_variables)
    for part, optimizer in parts.items():
        for variable in getattr(model, part).trainable_variables:
            at = [v is variable for v in model.trainable_variables].index(True)
            np.testing.assert_allclose(before[at] - variable.numpy(), rate(optimizer), atol=1e-6)


def test_excluded_variables_do_not_decay(linear_model):
    """Rate 1, no gradient: what decays halves."""
    model = linear_model()
    before = values(model.trainable_variables)
    optimizer = PartitionedOptimizer.of(
        model, focus=SGD(1.0, weight_decay=0.5), classifier=SGD(1.0, weight_decay=0.5)
    )
    focus, kernel, bias = model.trainable_variables
    optimizer.exclude_from_weight_decay(var_list=[focus], var_names=["bias"])
    zeros = [keras.ops.zeros_like(v) for v in model.trainable_variables]
    optimizer.apply(zeros, model.trainable_variables)
    assert_equal(values([focus, bias]), [before[0], before[2]])
    np.testing.assert_allclose(kernel.numpy(), before[1] / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "value"), [("clipnorm", 1.0), ("weight_decay", 0.1), ("loss_scale_factor", 2.0)]
)
def test_settings_of_the_whole_are_refused(linear_model, name, value):
    optimizer = PartitionedOptimizer.of(linear_model(), focus=SGD(0.5), classifier=SGD(0.1))
    with pytest.raises(ValueError, match=f"^{name} is set to {value} on Partitioned.* focus, cl"):
        setattr(optimizer, name, value)


def test_accumulated_gradients_count_as_updates(linear_model, data):
    model = linear_model()
    settings = {"gradient_accumulation_steps": 3}
    optimizers = {"focus": SGD(0.5, **settings), "classifier": SGD(0.1, **settings)}
    model.compile(PartitionedOptimizer.of(model, **optimizers))
    model.fit(*data, epochs=2, **FIT)
    assert int(model.optimizer.iterations) == int(optimizers["focus"].iterations) == 2


def test_averages_take_the_place_of_weights_in_validation(linear_model, data):
    """Momentum 0: the averages are the weights, in the model's own order."""
    model = linear_model()
    settings = {"use_ema": True, "ema_momentum": 0.0}
    optimizers = {"focus": SGD(0.5, **settings), "classifier": SGD(0.1, **settings)}
    model.compile(PartitionedOptimizer.of(model, **optimizers))
    swap = keras.callbacks.SwapEMAWeights()
    history = model.fit(*data, validation_data=data, callbacks=[swap], **FIT).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(*data, verbose=0)[0], abs=1e-6)


@pytest.mark.parametrize("share", ["focus", "classifier"])
def test_a_rate_that_follows_a_schedule_cannot_be_set(linear_model, data, share):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 3, 0.1)
    model = linear_model("hybrid")
    optimizers = {"focus": SGD(0.5), "classifier": SGD(0.1)} | {share: SGD(schedule)}
    model.compile(PartitionedOptimizer.of(model, **optimizers))
    with pytest.raises(TypeError, match="expected a number, and optimizers without a sch"):
        model.optimizer.learning_rate = 0.2
    with pytest.raises(ValueError, match="the optimizer's follows a schedule"):
        model.fit(*data, callbacks=[SwitchAttention(1, learning_rate=0.2)], **FIT)
    model.fit(*data, callbacks=[SwitchAttention(9)], **FIT)
    assert rate(model.optimizer) == pytest.approx(0.05 if share == "focus" else 0.5)


@pytest.mark.parametrize("scaled", [False, True])
def test_the_switch_resets_both_and_sets_both_rates(linear_model, data, scaled):
    model = linear_model("hybrid")
    optimizers = {"focus": SGD(0.5, momentum=0.5), "classifier": Adam(0.1)}
    optimizer = PartitionedOptimizer.of(model, **optimizers)
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
    model.compile(PartitionedOptimizer.of(model, **optimizers))
    model.optimizer.build(model.trainable_variables)
    before = values(model.optimizer.variables)
    model.fit(*data, **FIT)
    reset(model.optimizer, model.trainable_variables)
    assert_equal(values(model.optimizer.variables), before)


def test_tensorboard_and_averages_work(linear_model, data, tmp_path):
    """The average of weights, which one of them keeps, takes their place after fit."""
    model = linear_model()
    averaging = SGD(0.1, use_ema=True, ema_momentum=0.0)
    model.compile(PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=averaging))
    model.fit(*data, callbacks=[keras.callbacks.TensorBoard(tmp_path, write_graph=False)], **FIT)
    averages = values(averaging.variables)[2:]
    assert_equal(values(model.classifier.trainable_variables), averages)


def test_a_frozen_network_is_left_as_it_is(linear_model, data):
    model = linear_model()
    model.focus.trainable = False
    model.compile(PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.1)))
    before = values(model.variables)
    model.fit(*data, **FIT)
    assert_equal(values(model.focus.variables), before[:1])
    assert int(model.optimizer.iterations.numpy()) == 3
    assert rate(model.optimizer) == 0.5


def test_a_network_without_gradients_is_left_with_a_warning(linear_model):
    model = linear_model()
    before = values(model.trainable_variables)
    optimizer = PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.5))
    ones = [keras.ops.ones_like(v) for v in model.trainable_variables[1:]]
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([None, *ones], model.trainable_variables)
    assert_equal(values(model.trainable_variables)[:1], before[:1])
    np.testing.assert_allclose(model.trainable_variables[1].numpy(), before[1] - 0.5)
    with pytest.raises(ValueError, match="No gradients provided"):
        optimizer.apply([None, None, None], model.trainable_variables)


def test_a_variable_of_no_part_goes_to_the_others_or_is_refused():
    model = with_encoder()
    optimizer = PartitionedOptimizer.of(
        model, others="classifier", focus=SGD(0.5), classifier=SGD(0.1)
    )
    own = [v for v, part in zip(model.trainable_variables, optimizer.parts) if part == "focus"]
    assert [id(v) for v in own] == [id(v) for v in model.focus.variables]
    assert set(optimizer.parts) == {"focus", "classifier"}
    rest = PartitionedOptimizer.of(model, others="rest", focus=SGD(0.5), rest=SGD(0.1))
    assert set(rest.parts) == {"focus", "rest"}
    with pytest.raises(ValueError, match=r"belongs to none of \['focus', 'classifier'\], expected"):
        PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.1))


@pytest.mark.parametrize(
    ("parts", "others", "message"),
    [
        ({"focus": 0.5, "head": 0.1}, None, "has no network 'head', expected parts that it has"),
        ({"focus": 0.5}, "rest", r"others is 'rest', expected one of the parts \['focus'\]"),
        ({"variables": 0.5}, "variables", "a part is named 'variables', expected a name that is"),
    ],
)
def test_parts_that_cannot_be_are_refused(parts, others, message):
    optimizers = {part: SGD(rate) for part, rate in parts.items()}
    with pytest.raises(ValueError, match=message):
        PartitionedOptimizer.of(with_encoder(), others=others, **optimizers)


def test_a_part_without_a_name_is_refused():
    with pytest.raises(ValueError, match=r"^a part is 'head', expected one of \['focus'\]$"):
        PartitionedOptimizer({"focus": SGD(0.1)}, ["focus", "head"])


def test_a_model_that_is_not_built_is_refused():
    model = with_encoder(build=False)
    with pytest.raises(ValueError, match=f"^{model.name} is not built, expected a built Focus"):
        PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.1))


def test_networks_that_share_a_layer_are_refused():
    shared = keras.layers.Dense(2, name="shared")
    focus = keras.Sequential([shared, keras.layers.Dense(1)])
    model = FocusClassifier(focus, keras.Sequential([shared, keras.layers.Dense(3)]))
    model.build((None, 3, 4))
    message = "shared/kernel belongs to focus and classifier, expected networks that share no"
    with pytest.raises(ValueError, match=message):
        PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.1))


def test_freezing_afterwards_is_refused(linear_model):
    model = linear_model()
    optimizer = PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.1))
    model.focus.trainable = False
    message = (
        "^the model has 2 trainable variables, expected 3, as when PartitionedOptimizer was made"
    )
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
        PartitionedOptimizer.of(linear_model(), focus=focus(), classifier=SGD(0.1))


def test_one_optimizer_twice_is_refused(linear_model):
    one = SGD(0.1, name="one")
    with pytest.raises(ValueError, match="^focus and classifier have the same optimizer, expected"):
        PartitionedOptimizer.of(linear_model(), focus=one, classifier=one)


def test_an_optimizer_of_another_whole_is_refused(linear_model):
    one, other = SGD(0.1), SGD(0.2, name="other")
    PartitionedOptimizer.of(linear_model(), focus=one, classifier=other)
    with pytest.raises(ValueError, match="^focus is SGD 'other' that is in use or has parts"):
        PartitionedOptimizer.of(linear_model(), focus=other, classifier=SGD(0.1))


# The former name


def test_the_former_name_is_one_of_two_parts():
    model = with_encoder()
    with pytest.warns(DeprecationWarning, match="use PartitionedOptimizer"):
        old = TwoOptimizers.of(model, focus=SGD(0.5), classifier=SGD(0.1))
    assert isinstance(old, PartitionedOptimizer)
    assert old.is_focus == (True, True, False, False, False, False)
    again = TwoOptimizers.from_config(old.get_config())
    assert again.parts == old.parts


def test_a_config_of_the_former_name_is_loaded():
    """As files written before have it."""
    config = {
        "focus": keras.saving.serialize_keras_object(SGD(0.5)),
        "classifier": keras.saving.serialize_keras_object(Adam(0.1)),
        "is_focus": [True, False, False],
        "name": "two_optimizers",
    }
    loaded = TwoOptimizers.from_config(config)
    assert type(loaded) is PartitionedOptimizer
    assert loaded.parts == ("focus", "classifier", "classifier")
    assert [rate(loaded.focus), rate(loaded.classifier)] == pytest.approx([0.5, 0.1])
