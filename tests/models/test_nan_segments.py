"""NaN in is NaN out, also in networks whose ReLU makes a number of it."""

import warnings

import keras
import numpy as np
import pytest

import attention_zoo as az


def net(outputs, features=8):
    layers = [keras.layers.Dense(16, "relu"), keras.layers.Dense(outputs)]
    return keras.Sequential([keras.Input((features,)), *layers])


def classifier(attention="lvml", encoder=None, features=8):
    model = az.FocusClassifier(net(1, features), net(3, features), attention, encoder)
    model.compile(keras.optimizers.SGD(0.1))
    return model


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 6, 8)).astype("float32")
    return x, rng.integers(3, size=64)


ENCODERS = {
    "none": lambda: None,
    "relu": lambda: az.layers.PerSegment(
        keras.Sequential([keras.Input((8,)), keras.layers.Dense(5, "relu")])
    ),
}


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("attention", ["soft", "hard", "lvml"])
def test_a_segment_with_nan_makes_its_example_nan_and_no_other(attention, encoder, data):
    x, y = data
    model = classifier(attention, ENCODERS[encoder](), 8 if encoder == "none" else 5)
    sound = model.predict(x, verbose=0)
    broken = x.copy()
    broken[5, 2, 3] = np.nan
    found = model.predict(broken, verbose=0)
    others = np.arange(64) != 5
    for name in ("label", "focus"):
        assert np.isnan(keras.ops.convert_to_numpy(found[name])[5]).all()
        np.testing.assert_array_equal(found[name][others], sound[name][others])
    ways = model.every_way(*model.encode(broken))
    assert all(np.isnan(keras.ops.convert_to_numpy(values)[5]).all() for values in ways.values())
    assert np.isnan(model.evaluate(broken, y, verbose=0, return_dict=True)["loss"])


def test_a_masked_segment_may_have_nan(data):
    x, _ = data
    mask = np.ones(x.shape[:2], bool)
    mask[5, 2] = False
    zeros, broken = x.copy(), x.copy()
    zeros[5, 2], broken[5, 2] = 0.0, np.nan
    model = classifier()
    expected, found = (
        model.predict({"segments": one, "mask": mask}, verbose=0) for one in (zeros, broken)
    )
    for name in ("label", "focus"):
        np.testing.assert_array_equal(found[name], expected[name])


def test_fit_on_nan_says_so(data):
    x, y = data
    x[5, 2, 3] = np.nan
    model = classifier()
    with pytest.warns(UserWarning, match="have values that are not finite, .* expected none, look"):
        history = model.fit(x, y, epochs=1, verbose=0)
    assert np.isnan(history.history["loss"]).all()


def test_sound_training_says_nothing(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        classifier().fit(*data, epochs=1, verbose=0)


def test_labels_may_be_lists_beside_bags_of_unequal_size(data):
    x, y = data
    bags = [one[: 2 + i % 5] for i, one in enumerate(x)]
    model = classifier()
    model.fit(bags, y.tolist(), verbose=0)
    expected = az.evaluate(model, (bags, y)).scalars()
    assert az.evaluate(model, (bags, y.tolist())).scalars() == expected
    model.fit(x, list(y), validation_data=[x, y], verbose=0)


def test_one_example_without_its_batch_axis_is_one_line(data):
    x, y = data
    model = classifier()
    model.build(x.shape)
    with pytest.raises(ValueError, match="one label without a batch axis, expected labels"):
        az.evaluate(model, (x[0], y[0]))
