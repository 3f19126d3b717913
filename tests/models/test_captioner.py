"""Captioner: its numbers against NumPy, what padding does, what bad input gives."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from attention_zoo.models import Captioner

# Tolerances: log-probabilities of a size up to 20, after sums of some 40 terms, are off by up to
# 1e-4; attention, losses and gradients, of a size up to 4, by up to 2e-5.
EXACT = ["soft", "hard", "lvml"]
ATTENTIONS = [*EXACT, "gumbel", "reinforce", "hybrid"]


def make(name):
    """The attention of that name, its samples always the same."""
    return layers.get(name, **{"seed": 3} if name in ("gumbel", "reinforce") else {})


def trained_on(model, inputs, targets):
    """Loss and gradients of a training step."""
    model.compile("sgd", run_eagerly=True)
    with tf.GradientTape() as tape:
        outputs = model(inputs, training=True)
        loss = model.compute_loss(inputs, targets, outputs)
    return loss.numpy(), tape.gradient(loss, model.trainable_variables)


def test_standardised_features_are_what_a_plain_captioner_is_given(captioner, captions, tmp_path):
    plain, (inputs, _) = captioner("lvml"), captions
    model = Captioner.from_config(plain.get_config() | {"standardize": True, "name": "scaled"})
    model.build({name: x.shape for name, x in inputs.items()})
    model.decoder.set_weights(plain.decoder.get_weights())
    d = inputs["features"].shape[-1]
    mean, deviation = np.linspace(-1, 1, d), np.linspace(0.5, 2, d)
    model.standardize.adapt(mean, deviation)
    scaled = inputs | {"features": ((inputs["features"] - mean) / deviation).astype("float32")}
    for training in (True, False):
        found, expected = model(inputs, training=training), plain(scaled, training=training)
        np.testing.assert_allclose(found["words"], expected["words"], atol=1e-4)
        np.testing.assert_allclose(found["focus"], expected["focus"], atol=1e-5)
    assert len(model.trainable_variables) == len(plain.trainable_variables)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(inputs)["words"], model(inputs)["words"], atol=1e-6)


@pytest.mark.parametrize("name", EXACT)
def test_training_scores_are_those_of_every_region_enumerated(
    captioner, captions, numpy_captioner, name
):
    model, (inputs, _) = captioner(name), captions
    expected = numpy_captioner(model).scores(**inputs)
    outputs = model(inputs, training=True)
    np.testing.assert_allclose(outputs["words"], expected[name], atol=1e-4)
    np.testing.assert_allclose(outputs["focus"], expected["focus"], atol=1e-5)


@pytest.mark.parametrize("normalizer", ["softmax", "sparsemax", "spherical_softmax"])
@pytest.mark.parametrize("name", EXACT)
def test_scores_are_the_attention_layers_own(captioner, captions, name, normalizer):
    """`class_scores` of the layer, asked for every word with its own copy of all regions."""
    model, (inputs, _) = captioner(layers.get(name, normalizer=normalizer)), captions
    x = inputs["features"]
    regions = model.look(inputs)
    embedded = model.decoder.embed(inputs["words"])
    roll = model.decoder.roll(regions, embedded, model.attention, training=True)
    pre = model.decoder.before_context(embedded, roll.states)
    q = model(inputs, training=True)["words"]
    for t in range(inputs["words"].shape[1]):

        def classify(context, t=t):
            copies = len(context) // len(x)
            seen = model.decoder.read_context(context) + tf.repeat(pre[:, t], copies, axis=0)
            return model.decoder.vocabulary(seen)

        own, _ = model.attention.class_scores(classify, tf.constant(x), roll.scores[:, t])
        np.testing.assert_allclose(q[:, t], own, atol=1e-4)


@pytest.mark.parametrize(
    ("inference", "name"), [("argmax", "argmax"), ("marginal", "lvml"), ("soft", "soft")]
)
def test_ways_to_predict(captioner, captions, numpy_captioner, inference, name):
    model, (inputs, _) = captioner("lvml", inference=inference), captions
    expected = numpy_captioner(model).scores(**inputs)
    outputs = model(inputs, training=False)
    np.testing.assert_allclose(outputs["words"], expected[name], atol=1e-4)
    np.testing.assert_allclose(outputs["focus"], expected["focus"], atol=1e-5)


@pytest.mark.parametrize("name", ["gumbel", "reinforce"])
def test_a_word_is_read_from_the_sample_that_entered_the_state(
    captioner, captions, numpy_captioner, name
):
    model, (inputs, _) = captioner(make(name)), captions
    rows = model(inputs, training=True)["words"].numpy()
    for x, words, q in zip(inputs["features"], inputs["words"], rows):
        choices = [log_p for log_p, _ in numpy_captioner(model).every_choice(x, words)]
        assert min(np.abs(q - one).max() for one in choices) < 1e-4


def test_samplers_read_the_most_attended_region_outside_training(captioner, captions):
    (inputs, _) = captions
    model = captioner("reinforce")
    outputs, again = model(inputs), model(inputs)
    np.testing.assert_array_equal(outputs["words"], again["words"])
    np.testing.assert_allclose(np.exp(outputs["words"]).sum(axis=2), 1.0, atol=1e-5)


class Cold(layers.SoftAttention):
    """An attention of its own: scores times 10."""

    def attend(self, scores, mask=None):
        return super().attend(10 * scores, mask)


def test_focus_of_a_hybrid_is_that_of_the_part(captioner, captions):
    inputs, _ = captions
    hybrid, cold, soft = map(captioner, (layers.HybridAttention(Cold(), "soft"), Cold(), "soft"))
    for training in (False, True):
        focus, expected, plain = (
            m(inputs, training=training)["focus"] for m in (hybrid, cold, soft)
        )
        np.testing.assert_allclose(focus, expected, atol=1e-6)
        assert np.abs(expected - plain).max() > 0.01


def test_hybrid_is_its_first_then_its_second(captioner, captions):
    model, (inputs, _) = captioner("hybrid"), captions
    for name in ("soft", "hard"):
        expected = captioner(name)(inputs, training=True)["words"]
        np.testing.assert_allclose(model(inputs, training=True)["words"], expected, atol=1e-4)
        model.attention.switch()


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        ("soft", "scores/of_state/kernel"),
        ("hard", "scores/of_region/kernel"),
        ("lvml", "scores/score/kernel"),
        ("soft", "first_state/bias"),
        ("hard", "read_context/kernel"),
        ("lvml", "read_context/kernel"),
        ("lvml", "vocabulary/kernel"),
        ("lvml", "of_context/kernel"),
    ],
)
def test_gradient_is_that_of_finite_differences(
    captioner, captions, numpy_captioner, central_differences, name, weight
):
    model, (inputs, targets) = captioner(name), captions
    loss, gradients = trained_on(model, inputs, targets)
    oracle = numpy_captioner(model)
    np.testing.assert_allclose(loss, oracle.loss(name, **inputs, targets=targets["words"]), 1e-5)
    path = f"decoder/{weight}"
    original = oracle.weights[path]

    def at(value):
        oracle.weights[path] = value
        return oracle.loss(name, **inputs, targets=targets["words"])

    paths = [variable.path for variable in model.trainable_variables]
    gradient = gradients[paths.index(f"{model.name}/{path}")]
    np.testing.assert_allclose(gradient, central_differences(at, original), atol=2e-5)


@pytest.mark.parametrize("name", ATTENTIONS)
def test_padding_changes_nothing(captioner, captions, name):
    inputs, targets = captions
    loss, gradients = trained_on(captioner(make(name)), inputs, targets)
    padded = [np.pad(x["words"], [(0, 0), (0, 2)]) for x in (inputs, targets)]
    model = captioner(make(name))
    more, with_padding = trained_on(model, inputs | {"words": padded[0]}, {"words": padded[1]})
    np.testing.assert_allclose(more, loss, rtol=1e-5)
    for one, other in zip(with_padding, gradients):
        np.testing.assert_allclose(
            tf.convert_to_tensor(one), tf.convert_to_tensor(other), atol=2e-5
        )
    figures = model.evaluate(inputs | {"words": padded[0]}, {"words": padded[1]}, verbose=0)
    np.testing.assert_allclose(figures, model.evaluate(inputs, targets, verbose=0), rtol=1e-5)


def test_figures_are_of_the_words_that_are_there(captioner, captions, numpy_captioner):
    model, (inputs, targets) = captioner("soft"), captions
    model.compile("sgd", run_eagerly=True)
    figures = model.evaluate(inputs, targets, batch_size=4, verbose=0, return_dict=True)
    expected = numpy_captioner(model).scores(**inputs)
    y = targets["words"]
    there = y != 0
    q = np.take_along_axis(expected["soft"], y[..., None], axis=2)[..., 0][there]
    a = expected["focus"][there]
    right = (expected["soft"].argmax(axis=2) == y)[there].mean()
    assert set(figures) == {"loss", "perplexity", "word_accuracy", "focus_entropy"}
    np.testing.assert_allclose(figures["loss"], -q.mean(), rtol=1e-5)
    np.testing.assert_allclose(figures["perplexity"], np.exp(-q.mean()), rtol=1e-5)
    np.testing.assert_allclose(figures["word_accuracy"], right, rtol=1e-5)
    np.testing.assert_allclose(
        figures["focus_entropy"], -(a * np.log(a)).sum(axis=1).mean(), rtol=1e-4
    )


def test_every_word_counts_once_whatever_the_length_of_its_batch(captioner, captions):
    model, (inputs, targets) = captioner("soft"), captions
    model.compile("sgd", run_eagerly=True)
    alike = model.evaluate(inputs, targets, batch_size=4, verbose=0, return_dict=True)

    def batches():
        yield tuple({name: x[:1] for name, x in part.items()} for part in (inputs, targets))
        padding = {"words": ((0, 0), (0, 9))}
        yield tuple(
            {name: np.pad(x[1:], padding.get(name, 0)) for name, x in part.items()}
            for part in (inputs, targets)
        )

    apart = model.evaluate(batches(), steps=2, verbose=0, return_dict=True)
    for name in ("loss", "perplexity", "word_accuracy", "focus_entropy"):
        np.testing.assert_allclose(apart[name], alike[name], rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_loss_is_a_word_whatever_the_batch_size(captioner, captions, batch_size):
    """Of captions of 3, 2, 1 and 0 words: the logarithm of the perplexity, in `fit` too."""
    model, (inputs, targets) = captioner("soft"), captions
    model.compile(keras.optimizers.SGD(0.0))
    settings = {"batch_size": batch_size, "verbose": 0}
    found = model.evaluate(inputs, targets, return_dict=True, **settings)
    history = model.fit(inputs, targets, validation_data=captions, **settings).history
    for one, name in ((found, "loss"), (history, "loss"), (history, "val_loss")):
        np.testing.assert_allclose(one[name], np.log(found["perplexity"]), rtol=1e-5)
    figures = model.evaluate(inputs, targets, **settings)  # a list, the loss first
    assert len(figures) == 4 and figures[0] == pytest.approx(found["loss"])


def test_loss_is_a_word_by_the_weights_of_words_whatever_the_batch_size(captioner, captions):
    model, inputs, words = captioner("soft"), captions[0], captions[1]["words"]
    model.compile("sgd", run_eagerly=True)
    w = np.random.default_rng(0).uniform(size=words.shape).astype("float32")
    at_once, apart = (
        model.evaluate(inputs, words, batch_size, 0, w, return_dict=True)["loss"]
        for batch_size in (4, 1)
    )
    np.testing.assert_allclose(apart, at_once, rtol=1e-5)


def test_sample_weights_weigh_captions(captioner, captions):
    model, (inputs, targets) = captioner(), captions
    model.compile("sgd", run_eagerly=True)
    one = {name: x[:1] for name, x in inputs.items()}
    alone = model.test_on_batch(one, {"words": targets["words"][:1]})
    weighed = model.test_on_batch(inputs, targets, sample_weight=np.array([1.0, 0.0, 0.0, 0.0]))
    np.testing.assert_allclose(weighed[0], alone[0], rtol=1e-5)


def test_a_grid_is_its_regions(captioner, captions):
    model, (inputs, _) = captioner(), captions
    grid = inputs | {"features": inputs["features"].reshape(4, 1, 3, 5)}
    np.testing.assert_array_equal(model(grid)["words"], model(inputs)["words"])


def test_the_grid_is_that_of_the_encoder_or_of_the_features(small_encoder, tmp_path):
    wide = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(5, 4, 4)])
    flat = keras.Sequential([small_encoder(), keras.layers.Reshape((4, 5))])
    words = {"words": (None, 3)}
    for encoder, shape, grid in [
        (wide, {"image": (None, 8, 16, 3)}, (2, 4)),
        (flat, {"image": (None, 8, 8, 3)}, None),
        (None, {"features": (None, 2, 3, 5)}, (2, 3)),
        (None, {"features": (None, None, None, 5)}, None),
        (None, {"features": (None, 6, 5)}, None),
    ]:
        model = Captioner(["a"], encoder=encoder, units=4, embedding_dim=3, attention_units=2)
        model.build(shape | words)
        assert model.grid == grid
        model.save(tmp_path / "model.keras")
        assert keras.saving.load_model(tmp_path / "model.keras").grid == grid


def test_number_of_words_need_not_be_known(captioner, captions):
    """The loop of the graph gives the same as the unrolled one, forwards and backwards."""
    inputs, targets = captions
    results = []
    for n in (4, None):
        model = captioner("lvml")
        model.compile("sgd")

        @tf.function(
            autograph=False,
            input_signature=[
                tf.TensorSpec((None, 3, 5)),
                tf.TensorSpec((None, n), "int32"),
                tf.TensorSpec((None, n), "int32"),
            ],
        )
        def step(features, words, y, model=model):
            x = {"features": features, "words": words}
            with tf.GradientTape() as tape:
                loss = model.compute_loss(x, y, model(x, training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            return loss, [tf.convert_to_tensor(gradient) for gradient in gradients]

        words, y = (tf.constant(x["words"], "int32") for x in (inputs, targets))
        results.append(tf.nest.flatten(step(inputs["features"], words, y)))
    for one, other in zip(*results):
        np.testing.assert_allclose(one, other, atol=2e-5)


def test_dropout_is_of_training_alone(captioner, captions):
    model, (inputs, _) = captioner(dropout=0.5), captions
    plain = captioner()
    np.testing.assert_allclose(model(inputs)["words"], plain(inputs)["words"], atol=1e-4)
    dropped = model(inputs, training=True)["words"]
    assert np.abs(dropped - plain(inputs, training=True)["words"]).max() > 0.1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vocabulary": []}, "vocabulary has 0 words, expected 1 or more"),
        ({"vocabulary": "dog"}, "vocabulary is 'dog', expected a list of words"),
        ({"vocabulary": ["a", "b", "a"]}, "vocabulary has 'a' more than once, expected distinct"),
        ({"vocabulary": ["a", ""]}, "vocabulary has '', expected words: strings"),
        ({"vocabulary": ["a", 3]}, "vocabulary has 3, expected words: strings"),
        ({"units": 0}, "units is 0, expected 1 or more"),
        ({"top_k": 0}, "top_k is 0, expected 1 or more"),
        ({"top_k": 2}, "top_k is 2 with SoftAttention, expected None: LVML alone averages over"),
        ({"top_k": 2, "attention": "hybrid"}, "top_k is 2 with HybridAttention, expected None"),
        ({"inference": "beam"}, "inference is 'beam', expected 'auto' or one of"),
        ({"attention": "hart"}, "attention is 'hart', expected one of"),
    ],
)
def test_bad_settings_raise(settings, message):
    with pytest.raises(ValueError, match=message):
        Captioner(**{"vocabulary": ["a", "b"]} | settings)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.ones((2, 3, 5)), "inputs are a .*, expected a dict of 'features' and 'words'"),
        ({"features": np.ones((2, 3, 5))}, r"inputs have the keys \['features'\], expected a dict"),
        (
            {"image": np.ones((2, 8, 8, 3)), "words": np.ones((2, 3), int)},
            r"inputs have the keys \['image', 'words'\], expected a dict of 'features' and",
        ),
        (
            {"features": np.ones((2, 5)), "words": np.ones((2, 3), int)},
            r"features has shape \(2, 5\), expected features \(b, h, w, d\) or \(b, regions, d\)",
        ),
        (
            {"features": np.ones((2, 3, 5)), "words": np.ones((2,), int)},
            r"words have shape \(2,\), expected \(b, n\)",
        ),
        (
            {"features": np.ones((2, 3, 5)), "words": np.ones((3, 4), int)},
            "inputs have features of 2 and words of 3 examples, expected as many of each",
        ),
    ],
)
def test_bad_inputs_raise(captioner, inputs, message):
    with pytest.raises(ValueError, match=message):
        captioner()(inputs)


def test_encoder_of_wrong_rank_raises():
    encoder = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    model = Captioner(["a"], encoder=encoder)
    with pytest.raises(ValueError, match=r"encoder's output has shape \(None, 192\), expected"):
        model.build({"image": (None, 8, 8, 3), "words": (None, 4)})


def test_targets_have_one_key(captioner, captions):
    model, (inputs, targets) = captioner(), captions
    model.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match=r"targets have the keys \['label'\], expected 'words'"):
        model.test_on_batch(inputs, {"label": targets["words"]})


def test_features_with_a_mask_of_keras_are_refused(captioner, captions):
    inputs, _ = captions
    features = keras.layers.Masking()(inputs["features"])
    with pytest.raises(ValueError, match="^features carry a mask, expected none: a captioner"):
        captioner().look(inputs | {"features": features})


@pytest.mark.parametrize("training", [True, False])
def test_a_hybrid_is_asked_for_its_phase_once_a_caption(captioner, captions, training, monkeypatch):
    """Not once a word: each question is an assertion in the graph."""
    model, (inputs, _) = captioner("hybrid"), captions
    asked, given = [], type(model.attention).of_phase
    monkeypatch.setattr(
        type(model.attention), "of_phase", lambda self: asked.append(1) or given(self)
    )
    model(inputs, training=training)
    assert len(asked) == 1
