import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.optimizers import Adam

SHAPES = [(6, 3), (3,), ()]
# 1 - 0.999^t in floats is off by up to 6e-5 / t of itself, 3e-6 / t of a step of 0.1: after 20
# steps, in both that are compared, 2.2e-5; and 20 roundings of a weight.
CLOSE = {"rtol": 0, "atol": 3e-5}


def variables():
    rng = np.random.default_rng(0)
    return [keras.Variable(rng.normal(size=shape), dtype="float32") for shape in SHAPES]


def gradients(rng, sparse):
    dense = [tf.constant(rng.normal(size=shape), tf.float32) for shape in SHAPES]
    if not sparse:
        return dense
    rows = tf.constant(rng.normal(size=(4, 3)), tf.float32)  # row 2 comes twice
    return [tf.IndexedSlices(rows, tf.constant([2, 0, 2, 5]), tf.constant([6, 3])), *dense[1:]]


def follow(optimizer, *, sparse=False, jit_compile=False, densely=False, steps=20):
    """Variables, and state of the optimizer, after some steps on gradients of one seed."""
    own, rng = variables(), np.random.default_rng(1)
    optimizer.build(own)
    step = tf.function(lambda grads: optimizer.apply(grads, own), jit_compile=jit_compile)
    for _ in range(steps):
        given = gradients(rng, sparse)
        step([tf.convert_to_tensor(g) for g in given] if densely else given)
    optimizer.finalize_variable_values(own)
    return [v.numpy() for v in own], [np.asarray(v) for v in optimizer.variables]


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.1, "global_clipnorm": 0.5},
        {"use_ema": True, "ema_momentum": 0.8},
        {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
    ],
)
def test_variables_and_state_are_those_of_keras(options, sparse, jit_compile):
    """Keras on dense gradients: of sparse ones it squares the rows of one index one by one."""
    if sparse and "global_clipnorm" in options:
        pytest.skip("Keras clips sparse gradients by the norm of their rows")
    expected = follow(keras.optimizers.Adam(0.1, **options), sparse=sparse, densely=True)
    found = follow(Adam(0.1, **options), sparse=sparse, jit_compile=jit_compile)
    for some, others in zip(found, expected, strict=True):
        for one, other in zip(some, others, strict=True):
            np.testing.assert_allclose(one, other, **CLOSE)


def test_the_updates_are_those_of_the_paper():
    """Kingma and Ba, algorithm 1, with epsilon inside the scaled step as Keras has it."""
    own, rng = variables()[0], np.random.default_rng(1)
    x, m, v = own.numpy().astype("float64"), 0.0, 0.0
    optimizer = Adam(0.1)
    optimizer.build([own])
    for t in range(1, 6):
        g = rng.normal(size=x.shape)
        optimizer.apply([tf.constant(g, tf.float32)], [own])
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        x -= 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-7)
    np.testing.assert_allclose(own.numpy(), x, **CLOSE)


def test_a_schedule_gives_the_rate():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([3], [0.1, 0.01])
    expected, _ = follow(keras.optimizers.Adam(schedule))
    found, _ = follow(Adam(schedule))
    np.testing.assert_allclose(found[0], expected[0], **CLOSE)


def test_the_loss_may_be_scaled():
    expected, _ = follow(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1)))
    found, _ = follow(keras.optimizers.LossScaleOptimizer(Adam(0.1)))
    np.testing.assert_allclose(found[0], expected[0], **CLOSE)


def test_config_round_trip():
    one = keras.optimizers.deserialize(keras.optimizers.serialize(Adam(0.3, beta_1=0.7)))
    assert type(one) is Adam and float(one.learning_rate) == pytest.approx(0.3)
    assert one.beta_1 == 0.7


def test_amsgrad_is_refused():
    with pytest.raises(ValueError, match="^amsgrad is True, expected False"):
        Adam(amsgrad=True)


def test_two_replicas_take_the_step_of_one(two_replicas):
    """Each replica has the same gradient, so that their mean is that gradient."""
    with two_replicas.scope():
        own = keras.Variable(np.ones((3, 2), "float32"))
        optimizer = Adam(0.1)
        optimizer.build([own])

    def step():
        optimizer.apply([tf.constant([[1.0, -2.0]] * 3)], [own])

    for _ in range(3):
        tf.function(lambda: two_replicas.run(step))()
    alone = keras.Variable(np.ones((3, 2), "float32"))
    single = keras.optimizers.Adam(0.1)
    single.build([alone])
    for _ in range(3):
        single.apply([tf.constant([[2.0, -4.0]] * 3)], [alone])
    for copy in own.value.values:
        np.testing.assert_allclose(copy.numpy(), alone.numpy(), **CLOSE)
