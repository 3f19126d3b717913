"""Captioner: what it refuses of `fit`, of `compile`, and which attentions it writes with."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from attention_zoo.models import Captioner
from attention_zoo.models.captioning import attention as caption_attention
from attention_zoo.models.captioning import reinforce as caption_reinforce
from attention_zoo.models.captioning import scores as caption_scores
from attention_zoo.models.captioning.loss import CaptionLoss


@pytest.fixture
def compiled(captioner):
    def build(attention="soft", **settings):
        model = captioner(attention)
        model.compile("sgd", **{"run_eagerly": True} | settings)
        return model

    return build


# fit


@pytest.mark.parametrize("call", ["fit", "train_on_batch"])
def test_class_weight_is_refused(compiled, captions, call):
    """Keras took the place of the largest id in a caption for its class."""
    with pytest.raises(
        ValueError, match=r"^class_weight is given, expected None: a caption has"
    ) as e:
        getattr(compiled(), call)(*captions, class_weight={0: 2.0})
    assert "\n" not in str(e.value)


def test_class_weight_is_refused_by_its_place_too(compiled, captions):
    with pytest.raises(ValueError, match="^class_weight is given"):
        compiled().fit(*captions, 4, 1, 0, None, 0.0, None, False, {0: 2.0})


def true_scores(model, inputs, words):
    q = model(inputs)["words"].numpy()
    return np.take_along_axis(q, words[..., None], axis=2)[..., 0]


def test_sample_weights_of_captions_and_of_words(compiled, captions):
    model, (inputs, targets) = compiled(), captions
    words = targets["words"]
    score = true_scores(model, inputs, words)
    of_words = np.random.default_rng(0).uniform(size=words.shape).astype("float32")
    of_captions = of_words[:, 0]
    for y, weight in (
        (words, of_words),
        (targets, {"words": of_words}),
        (words, of_captions),
        (targets, of_captions),
    ):
        w = weight["words"] if isinstance(weight, dict) else weight
        w = np.reshape(w, (len(words), -1)) * (words != 0)
        found = model.evaluate(inputs, y, sample_weight=weight, verbose=0, return_dict=True)
        assert found["loss"] == pytest.approx(-np.average(score, weights=w), rel=1e-5)


def test_sample_weights_of_another_shape_are_refused(compiled, captions):
    """(n + 1,) weights of one caption were broadcast to (n + 1, n)."""
    inputs, words = {k: v[:1] for k, v in captions[0].items()}, captions[1]["words"][:1]
    weight = np.ones((1, words.shape[1] + 1), "float32")
    with pytest.raises(ValueError, match=r"^sample_weight has shape \(1, \d\), expected \(b,\) or"):
        compiled().evaluate(inputs, words, sample_weight=weight, verbose=0)


@pytest.mark.parametrize("eager", [True, False])
def test_words_of_no_vocabulary_are_refused(compiled, captions, eager):
    inputs, targets = captions
    words = targets["words"].copy()
    words[1, 0] = 99
    model = compiled(run_eagerly=eager)
    data = tf.data.Dataset.from_tensor_slices((inputs, {"words": words})).batch(4)
    for call in (lambda: model.fit(data, shuffle=False, verbose=0), lambda: model.evaluate(data)):
        with pytest.raises(ValueError, match="^label is 99 at row [0-9]+, expected 0 to") as error:
            call()
        assert "\n" not in str(error.value)


# compile


@pytest.mark.parametrize("attention", ["hard", "lvml"])
@pytest.mark.parametrize("from_logits", [False, True])
def test_keras_cross_entropy_is_the_caption_loss(compiled, captions, attention, from_logits):
    inputs, targets = captions
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=from_logits, reduction="mean_with_sample_weight"
    )
    found = []
    for one in (None, loss):
        model = compiled(attention, loss=one)
        found.append(float(model.compute_loss(None, targets, model(inputs, training=True))))
    assert found[0] == found[1]
    assert isinstance(model.loss, CaptionLoss)


def test_other_losses_and_metrics_of_keras_are_refused(compiled):
    with pytest.raises(ValueError, match="^loss is MeanSquaredError, expected"):
        compiled(loss=keras.losses.MeanSquaredError())
    with pytest.raises(ValueError, match="^metric is Accuracy, which compares predicted ids"):
        compiled(metrics=[keras.metrics.Accuracy()])


def test_label_smoothing_of_words(captions):
    rng = np.random.default_rng(0)
    q, words = np.log(rng.dirichlet(np.ones(7), size=(2, 3))), rng.integers(7, size=(2, 3))
    loss = CaptionLoss(reduction=None, label_smoothing=0.2)(words, q)
    true = np.take_along_axis(q, words[..., None], axis=2)[..., 0]
    np.testing.assert_allclose(loss, -0.8 * true - 0.2 * q.mean(axis=2), rtol=1e-5)


def test_nan_scores_make_the_accuracy_of_words_nan(compiled, captions):
    inputs, targets = captions
    features = np.full_like(inputs["features"], np.nan)
    found = compiled().evaluate(
        inputs | {"features": features}, targets, verbose=0, return_dict=True
    )
    assert all(np.isnan(value) for value in found.values())


# Attentions


class Direct(layers.base.Attention):
    """An attention of one's own: for FocusClassifier it is whole."""

    def class_scores(self, classify, segments, scores, mask=None, training=None):
        return layers.HardAttention().class_scores(classify, segments, scores, mask, training)


class Derived(layers.SoftAttention):
    class_scores = Direct.class_scores


class Renamed(layers.SoftAttention):
    """Does what soft attention does."""


@pytest.mark.parametrize(
    "attention",
    [Direct, Derived, lambda: layers.HybridAttention("soft", Direct())],
    ids=["direct", "derived", "in a hybrid"],
)
def test_attention_with_class_scores_of_its_own_is_refused(captioner, attention):
    """It trained as soft attention, whose class scores it has not."""
    name = "Derived" if attention is Derived else "Direct"
    with pytest.raises(
        NotImplementedError, match=rf"^Captioner does not know {name}, .*\.register\("
    ):
        captioner(attention())


@pytest.mark.parametrize(
    "dispatch",
    [
        lambda: caption_attention.weights(Direct(), None),
        lambda: caption_scores.class_scores(Direct(), None),
        lambda: caption_reinforce.log_choice(Direct(), None),
    ],
)
def test_no_function_has_a_default(dispatch):
    with pytest.raises(NotImplementedError, match="^Direct is not registered with"):
        dispatch()


def test_subclass_that_keeps_what_soft_does_is_soft(captioner, captions):
    outputs = [
        captioner(one())(captions[0], training=True) for one in (layers.SoftAttention, Renamed)
    ]
    np.testing.assert_array_equal(outputs[0]["words"], outputs[1]["words"])


def test_registered_attention_trains(captioner, captions):
    class Own(Direct):
        pass

    known = layers.HardAttention
    for function in (
        caption_attention.weights,
        caption_scores.class_scores,
        caption_reinforce.log_choice,
    ):
        function.register(Own)(function.registry[known])
    outputs = [captioner(one())(captions[0], training=True)["words"] for one in (Own, known)]
    np.testing.assert_array_equal(*outputs)


def test_a_penalty_that_a_captioner_has_not_is_refused():
    for attention in (
        layers.SoftAttention(entropy_penalty=0.1),
        layers.HybridAttention(layers.SoftAttention(entropy_penalty=0.1), "hard"),
    ):
        with pytest.raises(
            ValueError, match="^entropy_penalty of SoftAttention is 0.1, expected 0"
        ):
            Captioner(["a", "b"], attention)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean"])
def test_keras_default_mean_leaves_padding_out_too(compiled, captions, reduction):
    loss = keras.losses.SparseCategoricalCrossentropy(reduction=reduction)
    assert compiled("lvml", loss=loss).loss.reduction == CaptionLoss().reduction
