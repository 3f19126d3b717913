"""Which part a variable belongs to, and what cannot be a part."""

import keras
import numpy as np
import pytest
from keras.optimizers import SGD, Adam, LossScaleOptimizer
from support.optimizers import FIT, assert_equal, rate, values

from attention_zoo.models import FocusClassifier
from attention_zoo.optimizers import PartitionedOptimizer, TwoOptimizers


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


def test_a_variable_of_no_part_goes_to_the_others_or_is_refused(with_encoder):
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
def test_parts_that_cannot_be_are_refused(parts, others, message, with_encoder):
    optimizers = {part: SGD(rate) for part, rate in parts.items()}
    with pytest.raises(ValueError, match=message):
        PartitionedOptimizer.of(with_encoder(), others=others, **optimizers)


def test_a_part_without_a_name_is_refused():
    with pytest.raises(ValueError, match=r"^a part is 'head', expected one of \['focus'\]$"):
        PartitionedOptimizer({"focus": SGD(0.1)}, ["focus", "head"])


def test_a_model_that_is_not_built_is_refused(with_encoder):
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


def test_the_former_name_is_one_of_two_parts(with_encoder):
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
