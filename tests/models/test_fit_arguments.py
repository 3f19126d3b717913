"""What both models make of the arguments of `fit` and its siblings, and how their graphs refuse."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.models import FocusClassifier

B, M, D, C = 8, 3, 4, 3


@pytest.fixture
def model(linear_model):
    built = linear_model()
    built.compile("sgd")
    return built


@pytest.fixture
def segments():
    return np.random.default_rng(1).normal(size=(B, M, D)).astype("float32")


@pytest.fixture
def labels():
    return np.arange(B) % C


WRONG = np.where(np.arange(B) == 5, C, 0)
UP_TO_VALIDATION = B, 1, 0, None, 0.0  # batch size, epochs, verbose, callbacks, split


def test_validation_data_by_its_place_is_checked(model, segments, labels):
    with pytest.raises(ValueError, match="^label is 3 at row 5, expected 0 to 2"):
        model.fit(segments, labels, *UP_TO_VALIDATION, (segments, WRONG))
    assert model.optimizer.iterations == 0


def test_validation_bags_by_their_place_are_padded(model, segments, labels):
    bags = [x[: 1 + i % M] for i, x in enumerate(segments)]
    by_place = model.fit(segments, labels, *UP_TO_VALIDATION, (bags, labels)).history
    found = model.evaluate(bags, labels, verbose=0, return_dict=True)
    assert by_place["val_loss"][0] == pytest.approx(found["loss"])


@pytest.mark.parametrize("call", ["train_on_batch", "test_on_batch"])
def test_a_batch_of_wrong_labels_is_refused_in_one_line(model, segments, call):
    with pytest.raises(ValueError, match="^label is 3 at row 5, expected 0 to 2") as error:
        getattr(model, call)(segments, WRONG)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("call", ["train_on_batch", "test_on_batch"])
def test_a_batch_of_unequal_bags_is_padded(linear_model, segments, labels, call):
    bags = [x[: 1 + i % M] for i, x in enumerate(segments)]
    mask = np.arange(M) < np.array([[len(bag)] for bag in bags])
    model, twin = linear_model(), linear_model()
    twin.set_weights(model.get_weights())
    for one in (model, twin):
        one.compile("sgd", run_eagerly=True)
    found = getattr(model, call)(bags, labels, return_dict=True)
    expected = getattr(twin, call)({"segments": segments, "mask": mask}, labels, return_dict=True)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("call", ["train_on_batch", "test_on_batch"])
def test_a_captioners_batch_of_wrong_words_is_refused_in_one_line(captioner, captions, call):
    model, (inputs, targets) = captioner(), captions
    model.compile("sgd")
    words = np.where(targets["words"] == 7, 99, targets["words"])
    with pytest.raises(ValueError, match="^label is 99 at row 1, expected 0 to 8") as error:
        getattr(model, call)(inputs, words)
    assert "\n" not in str(error.value)


def complains(y, q):
    """A loss of a user's own, with a check of its own."""
    tf.debugging.Assert(tf.reduce_all(q > 1.0), ["my own check", q])
    return -q[:, 0]


@pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch"])
def test_an_assertion_of_the_users_own_stays_as_it_is(linear_model, segments, labels, call):
    model = linear_model()
    model.compile("sgd", loss=complains)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"assertion failed: \[my own check\]"):
        getattr(model, call)(segments, labels)


def test_a_graph_of_the_other_phase_says_so_in_one_line(linear_model, segments):
    """Its message of one part came out as ", message"."""
    model = linear_model("hybrid")
    attention = model.attention

    def loss(y, q):  # of a function that the model does not trace again
        traced(tf.zeros((2, M, D)), tf.zeros((2, M)))
        return -q[:, 0]

    traced = tf.function(lambda values, scores: attention(values, scores))
    traced(tf.zeros((2, M, D)), tf.zeros((2, M)))
    attention.phase.assign(1)
    model.compile("sgd", loss=loss)
    with pytest.raises(ValueError, match="^hybrid.*: this graph was traced in the other phase"):
        model.evaluate(segments, np.zeros(B), verbose=0)


@pytest.mark.parametrize("kind", ["classifier", "captioner"])
def test_evaluate_says_that_weights_are_not_finite(linear_model, captioner, captions, kind):
    """A ReLU can make a number of a NaN: the figures need not show it."""
    if kind == "classifier":
        model, data = linear_model(), (np.zeros((B, M, D), "float32"), np.zeros(B))
        weight = model.classifier.weights[0]
    else:
        model, data = captioner(), captions
        weight = model.decoder.vocabulary.kernel
    model.compile("sgd", run_eagerly=True)
    weight.assign(np.full(weight.shape, np.nan))
    with pytest.warns(UserWarning, match=f"^1 weights of {model.name} have values that are not"):
        model.evaluate(*data, verbose=0)


def test_fit_with_validation_says_it_once(linear_model, segments, labels):
    model = linear_model()
    model.compile(keras.optimizers.SGD(float("inf")), run_eagerly=True)
    with pytest.warns(UserWarning, match="weights of .* not finite") as said:
        model.fit(
            segments, labels, epochs=2, verbose=0, shuffle=False, validation_data=(segments, labels)
        )
    assert len(said) == 1


@pytest.mark.parametrize("source", ["arrays", "pipeline", "bags"])
def test_two_replicas_take_masks_and_rationales(linear_model, two_replicas, segments, source):
    """Keras takes the mean of a first batch over the replicas, which bools have none of."""
    mask = np.arange(M) < np.array([[1 + i % M] for i in range(B)])
    inputs = {"segments": segments, "mask": mask}
    truth = {"label": np.arange(B) % C, "focus": mask}
    given = {
        "arrays": lambda: (inputs, truth),
        "pipeline": lambda: (tf.data.Dataset.from_tensor_slices((inputs, truth)).batch(B),),
        "bags": lambda: ([x[there] for x, there in zip(segments, mask, strict=True)], truth),
    }
    with two_replicas.scope():
        model = linear_model()
        model.compile("sgd")
    twin = linear_model()
    twin.set_weights(model.get_weights())
    twin.compile("sgd", run_eagerly=True)
    for one, data in ((model, given[source]()), (twin, (inputs, truth))):
        one.fit(*data, verbose=0)
    for weight, expected in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-6)


def test_bags_of_one_segment_are_no_matter_to_warn_of(linear_model, segments, labels):
    model = linear_model()
    model.compile("sgd", run_eagerly=True)
    model.fit(segments[:, :1], labels, verbose=0)
    np.testing.assert_array_equal(model.predict(segments[:, :1], verbose=0)["focus"], 1.0)


@pytest.mark.parametrize("call", ["fit", "evaluate", "predict", "predict_on_batch"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: x[0], r"^segments have shape \(.*\), expected \(batch, segments, "),
        (lambda x: x.astype("uint8"), r"^segments are bytes \(uint8\) of shape"),
        (
            lambda x: {"segments": x, "mask": np.ones((B, M + 1), "bool")},
            r"^mask has shape \(.*, 4\), expected",
        ),
    ],
)
def test_a_refusal_within_the_call_is_one_line(model, segments, labels, call, wrong, message):
    """Keras wrote its arguments beside it, eight lines and more."""
    model.fit(segments, labels, verbose=0)  # on floats
    given = wrong(segments)
    count = len(given["mask"]) if isinstance(given, dict) else len(given)
    data = (given, labels[:count]) if call in ("fit", "evaluate") else (given,)
    with pytest.raises(ValueError, match=message) as error:
        getattr(model, call)(*data)
    assert "\n" not in str(error.value)


def test_an_error_of_the_users_own_layer_stays_as_it_is(segments, labels):
    class Refuses(keras.layers.Layer):
        def call(self, x):
            raise ValueError("not today")

    focus = keras.Sequential([Refuses(), keras.layers.Dense(1)])
    model = FocusClassifier(focus, keras.layers.Dense(C))
    with pytest.raises(ValueError, match=r"Exception encountered when calling Refuses\.call"):
        model.predict(segments)
