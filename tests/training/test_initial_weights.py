"""Weights to start from: files, models, runs and presets, with the same classes or others."""

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.models import FocusClassifier, networks
from attention_zoo.training.initial_weights import load_initial_weights


def model_of(classes, name="digits", attention="lvml"):
    model = FocusClassifier(*networks(name, (8, 8, 1), classes), attention)
    model.build((None, 5, 8, 8, 1))
    return model


@pytest.fixture
def trained():
    """A model of 3 classes whose weights are no initial ones."""
    model = model_of(3)
    for weight in model.weights:
        if "float" in weight.dtype:
            weight.assign(weight + 0.5)
    return model


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_model_and_the_folder_of_a_run(trained, tmp_path):
    trained.save(tmp_path / "model.keras")
    for source in (tmp_path / "model.keras", tmp_path):
        model = model_of(3)
        load_initial_weights(model, str(source))
        assert equal(model.get_weights(), trained.get_weights())


@pytest.mark.parametrize("form", ["model.keras", "model.weights.h5"])
def test_a_hybrid_begins_in_its_first_phase(form, tmp_path):
    source = model_of(3, attention="hybrid")
    source.attention.switch()
    source.save(tmp_path / form) if form == "model.keras" else source.save_weights(tmp_path / form)
    model = model_of(3, attention="hybrid")
    load_initial_weights(model, tmp_path / form)
    assert int(model.attention.phase) == 0
    assert equal(model.focus.get_weights(), source.focus.get_weights())


def test_another_attention_takes_the_networks(tmp_path):
    source = model_of(3, attention="hybrid")
    source.save(tmp_path / "model.keras")
    model = model_of(3, attention="lvml")
    load_initial_weights(model, tmp_path)
    assert equal(model.get_weights(), source.focus.get_weights() + source.classifier.get_weights())


def test_a_preset():
    model, preset = model_of(3), FocusClassifier.from_preset("sdc_digits_lvml")
    load_initial_weights(model, "sdc_digits_lvml")
    assert equal(model.get_weights(), preset.get_weights())


def test_other_classes_get_a_new_last_layer_and_all_else(trained, tmp_path):
    trained.save(tmp_path / "model.keras")
    model = model_of(7)
    before = model.classifier.layers[-1].get_weights()
    load_initial_weights(model, str(tmp_path / "model.keras"))
    assert equal(model.focus.get_weights(), trained.focus.get_weights())
    ours, theirs = (one.classifier.layers for one in (model, trained))
    for own, other in zip(ours[:-1], theirs[:-1], strict=True):
        assert equal(own.get_weights(), other.get_weights())
    assert equal(ours[-1].get_weights(), before)


@pytest.mark.parametrize("classes", [("dog", "cat", "cow"), ("dog", "cat", "hen")])
def test_classes_in_another_order_get_a_new_last_layer_as_others_do(
    trained, classes, tmp_path, caplog
):
    trained.class_names = ("cat", "dog", "cow")
    trained.save(tmp_path / "model.keras")
    model = model_of(3)
    model.class_names = classes
    before = model.classifier.layers[-1].get_weights()
    load_initial_weights(model, str(tmp_path / "model.keras"))
    assert equal(model.classifier.layers[-1].get_weights(), before)
    assert equal(model.focus.get_weights(), trained.focus.get_weights())
    assert f"starts anew: its classes are ['cat', 'dog', 'cow'] there, {list(classes)} here" in (
        caplog.text
    )


@pytest.mark.parametrize("names", [None, ("cat", "dog", "cow")])
def test_the_same_classes_or_ones_without_names_keep_the_last_layer(trained, names, tmp_path):
    trained.class_names = ("cat", "dog", "cow")
    trained.save(tmp_path / "model.keras")
    model = model_of(3)
    model.class_names = names
    load_initial_weights(model, str(tmp_path / "model.keras"))
    assert equal(model.get_weights(), trained.get_weights())


def test_of_other_classes_a_classifier_of_one_layer_starts_anew(tmp_path):
    models = []
    for names in (("cat", "dog"), ("dog", "cat")):
        focus, classifier = (keras.layers.Dense(n) for n in (1, 2))
        models.append(FocusClassifier(focus, classifier, "lvml", class_names=names))
        models[-1].build((None, 5, 4))
    models[0].save(tmp_path / "model.keras")
    before = models[1].classifier.get_weights()
    load_initial_weights(models[1], tmp_path)
    assert equal(models[1].classifier.get_weights(), before)
    assert equal(models[1].focus.get_weights(), models[0].focus.get_weights())


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: model_of(3, "linear"), "a FocusClassifier of .* variables for a FocusClassifier"),
        (lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), "a Sequential of 2"),
    ],
)
def test_what_does_not_fit_is_one_line(make, reason, tmp_path):
    make().save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=f"^initial_weights is .*, expected weights .*{reason}"):
        load_initial_weights(model_of(3), str(tmp_path / "model.keras"))


def test_another_shape_below_the_head_is_refused(tmp_path):
    other = FocusClassifier(*networks("digits", (10, 10, 1), 3), "lvml")
    other.build((None, 5, 10, 10, 1))
    other.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"^initial_weights is .*\(.*dense.* for .*dense"):
        load_initial_weights(model_of(3), str(tmp_path / "model.keras"))


def test_nothing_of_that_name(tmp_path):
    for source in ("sdc_digits_lvm", str(tmp_path / "none.keras"), str(tmp_path / "w.weights.h5")):
        with pytest.raises(ValueError, match="^initial_weights is ") as error:
            load_initial_weights(model_of(3), source)
        assert "\n" not in str(error.value)


@pytest.mark.usefixtures("no_saved_model")
def test_a_run_begins_with_them(tmp_path):
    settings = {"num_examples": 64, "num_test_examples": 32, "batch_size": 32, "epochs": 1}
    found = az.train(
        "mosaics",
        tmp_path,
        initial_weights="sdc_digits_lvml",
        attention="lvml",
        learning_rate=1e-9,
        **settings,
    )
    assert found["test"].focus_accuracy > 0.9  # which 64 mosaics do not teach


def _captioner(words=("a", "b"), **settings):
    sizes = {"units": 4, "embedding_dim": 4, "attention_units": 3}
    model = az.models.Captioner([*words], "lvml", **sizes, **settings)
    model.build({"features": (None, 4, 8), "words": (None, None)})
    return model


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("model.keras", "standardize is True there, False here"),
        (
            "model.weights.h5",
            "the file has layers/standardize/vars/0, which the model has no place",
        ),
    ],
)
def test_weights_that_the_model_has_no_place_for_are_not_passed_over(form, reason, tmp_path):
    scaled = _captioner(standardize=True)
    scaled.standardize.adapt(np.arange(8.0), np.arange(1.0, 9.0))
    (scaled.save if form == "model.keras" else scaled.save_weights)(tmp_path / form)
    with pytest.raises(ValueError, match=reason):
        load_initial_weights(_captioner(), str(tmp_path / form))
    model = _captioner(standardize=True)
    load_initial_weights(model, str(tmp_path / form))
    assert equal(model.get_weights(), scaled.get_weights()) and model.standardize.is_adapted


def _classifier_of_tokens(words):
    network = keras.Sequential([keras.layers.Embedding(len(words) + 2, 4, mask_zero=True)])
    encoder = az.models.TokenEncoder(words, network)
    model = FocusClassifier(*networks("linear", (4,), 2), "soft", encoder=encoder)
    model.build((None, 5))
    return model


def _look_up(words):
    layers = [keras.layers.StringLookup(vocabulary=[*words]), keras.layers.Embedding(9, 4)]
    return keras.Sequential([keras.Input((5,), dtype="string"), *layers])


@pytest.mark.parametrize("make", [_classifier_of_tokens, _captioner, _look_up])
def test_no_word_gets_the_vector_of_another(make, tmp_path):
    source = make(["cat", "dog", "cow"])
    source.save(tmp_path / "model.keras")
    for others in (["cat", "cow", "dog"], ["cat", "hen", "cow"]):
        with pytest.raises(ValueError, match=f"'dog' there, '{others[1]}' here"):
            load_initial_weights(make(others), tmp_path)
    same = make(["cat", "dog", "cow"])
    load_initial_weights(same, tmp_path)
    assert equal(same.get_weights(), source.get_weights())
