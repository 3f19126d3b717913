"""What cannot be right is told in a line: what came, and what was expected."""

import logging
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import attention_zoo as az
from attention_zoo.metrics import caption_scores
from attention_zoo.models import cifar10_networks, digits_networks, networks
from attention_zoo.models.networks.linear import linear_networks

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(20, 3, 4)).astype("float32"), rng.integers(3, size=20)


@pytest.mark.parametrize("parts", [(X, Y), (X, {"label": Y}), ({"segments": X}, Y, np.ones(20))])
def test_evaluate_takes_all_examples_as_one_tuple(linear_model, parts):
    model = linear_model()
    assert az.evaluate(model, parts).scalars() == az.evaluate(model, [(X, Y)]).scalars()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X,), r"^the data are a tuple of 1, expected \(inputs, labels\)$"),
        ((X, Y[:5]), r"^inputs and labels are of \[5, 20\] examples, expected as many of each$"),
        ([X, Y], r"^a batch has no labels, expected \(inputs, labels\)$"),
        (X, r"^a batch has no labels, expected \(inputs, labels\)$"),
        ([(X[0], Y[0])], "^a batch has one label without a batch axis, expected"),
        ([(X[0], Y[:3])], r"segments have shape \(3, 4\), expected \(batch, segments, 4\): of one"),
    ],
)
def test_other_data_to_evaluate(linear_model, data, message):
    with pytest.raises(ValueError, match=message):
        az.evaluate(linear_model(), data)


@pytest.mark.parametrize("evaluate", [az.evaluate, az.evaluate_rationales])
def test_another_kind_of_model_to_evaluate(evaluate):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="^the model is a Sequential, expected a FocusClassifier$"):
        evaluate(other, [(X, Y)])
    with pytest.raises(ValueError, match="^the model is a Sequential, expected a Captioner$"):
        az.evaluate_captions(other, [])


def test_one_example_without_its_batch_axis(linear_model):
    model = linear_model()
    message = r"segments have shape \(3, 4\), expected \(batch, segments, 4\): of one example alone"
    for use in (model, model.predict_on_batch, model.encode):
        with pytest.raises(ValueError, match=message):
            use(X[0])
    with pytest.raises(ValueError, match=message):
        model.predict(X[0], verbose=0)


@pytest.mark.parametrize(
    ("references", "captions", "message"),
    [
        ("a b", ["a b"], "^references are a str, expected a list, one a picture$"),
        ([["a b"]], "a b", "^captions are a str, expected a list, one a picture$"),
        (["a b"], ["a b"], "^references of picture 0 are 'a b', expected a list of strings$"),
        (
            [[["a", "b"]]],
            ["a b"],
            r"^references of picture 0 are \[\['a', 'b'\]\], expected",
        ),
        ([["a b"]], [["a", "b"]], r"^caption of picture 0 is \['a', 'b'\], expected a string of"),
        ([None], ["a"], "^references of picture 0 are None, expected a list of strings$"),
    ],
)
def test_captions_to_score(references, captions, message):
    with pytest.raises(ValueError, match=message):
        caption_scores(references, captions)


@pytest.mark.parametrize("make", [digits_networks, cifar10_networks])
@pytest.mark.parametrize("shape", [3, (8, 8), (8, 8, 0), (8, 8, None), "abc", (8.5, 8, 1)])
def test_a_shape_that_is_none_of_an_image(make, shape):
    with pytest.raises(ValueError, match=r"^segment_shape is .*, expected \(height, width, chann"):
        make(shape)


def test_a_shape_that_is_none_of_a_segment():
    for shape in (3, (), "a", (0,)):
        with pytest.raises(ValueError, match="^segment_shape is .*, expected a tuple of sizes of"):
            linear_networks(shape, 2)
    with pytest.raises(ValueError, match="network 'digits' does not fit segments of shape 3: segm"):
        networks("digits", 3, 2)


def own_loss(true, q):
    return -q[:, 0]


class Own(keras.layers.Dense):
    """Registered nowhere."""


@pytest.fixture
def with_own_layer():
    model = az.FocusClassifier(Own(1), keras.layers.Dense(2), "soft")
    model.build((None, 3, 4))
    return model


@pytest.mark.parametrize("module", [__name__, "keras_tricks.layers"])
def test_a_layer_that_keras_does_not_know_is_refused_when_saved(
    with_own_layer, module, tmp_path, monkeypatch
):
    monkeypatch.setattr(Own, "__module__", module)
    path = tmp_path / "model.keras"
    with pytest.raises(ValueError, match="^the model holds Own, which Keras does not know when"):
        with_own_layer.save(path)
    assert not path.exists()
    with keras.saving.custom_object_scope({"Own": Own}):
        with_own_layer.save(path)
        again = keras.saving.load_model(path)
    np.testing.assert_array_equal(again(X)["label"], with_own_layer(X)["label"])
    again = keras.saving.load_model(path, custom_objects={"Own": Own})
    np.testing.assert_array_equal(again(X)["label"], with_own_layer(X)["label"])
    with pytest.raises(ValueError, match="^the model holds Own, which Keras does not know when"):
        with_own_layer.save_to_preset(tmp_path / "preset")


def test_what_keras_knows_is_saved(linear_model, tmp_path):
    model = linear_model(encoder=keras.Sequential([keras.layers.Dense(4, "relu")]))
    model.compile("sgd", loss=own_loss)  # no part of the model
    model.save(tmp_path / "model.keras")


def test_pipelines_are_trained_on_without_a_warning(linear_model):
    model = linear_model()
    model.compile("sgd")
    batches = tf.data.Dataset.from_tensor_slices((X, Y)).batch(10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(batches, verbose=0)
        model.fit(((X, Y) for _ in range(2)), steps_per_epoch=2, verbose=0)
    with pytest.warns(UserWarning, match="shuffle=True"):  # what the user says stays
        model.fit(batches, shuffle=True, verbose=0)


def test_evaluations_of_many_models_say_nothing_of_tracing(linear_model, caplog):
    with caplog.at_level(logging.WARNING, "tensorflow"):
        for _ in range(7):
            az.evaluate(linear_model(), [(X, Y), (X[:7], Y[:7])])
    assert "retracing" not in caplog.text
