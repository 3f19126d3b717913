"""Presets: a model in a folder and back, and every way in which the folder can be wrong."""

import json
import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from attention_zoo.models import FocusClassifier, TokenEncoder
from attention_zoo.models.networks.text import text_networks
from attention_zoo.zoo.preset import (
    PRESETS,
    load_preset,
    preset_names,
    read_card,
    save_preset,
)
from attention_zoo.zoo.preset_folder import check, seal

B, M, D, C = 8, 3, 4, 3
FILES = ["SHA256SUMS", "card.json", "config.json", "metadata.json", "model.weights.h5"]
CARD = {"name": "small", "description": "für Prüfungen"}


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).normal(size=(B, M, D)).astype("float32")


@pytest.fixture(scope="module")
def trained(linear_model, x):
    """A trained hybrid in its second phase, and the folder of its preset."""
    model = linear_model("hybrid")
    model.attention.switch()
    model.compile("adam", run_eagerly=True)
    model.train_on_batch(x, np.arange(B) % C)
    return model


@pytest.fixture(scope="module")
def saved(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets") / "small"
    trained.save_to_preset(folder, card=CARD)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy of the preset, to be damaged."""
    return shutil.copytree(saved, tmp_path / "copy")


def sealed(folder):
    """The folder with new sums, as if its files had been saved so."""
    (folder / "SHA256SUMS").unlink()
    seal(folder)
    return folder


def assert_refused(folder, *words):
    """Every word stands in the error, which is one line and names the folder."""
    with pytest.raises(ValueError, match="expected|preset") as refusal:
        FocusClassifier.from_preset(folder)
    message = str(refusal.value)
    assert "\n" not in message
    assert str(folder) in message
    for word in words:
        assert word in message


def test_model_comes_back(trained, saved, x):
    twin = FocusClassifier.from_preset(saved)
    assert twin.built
    assert not twin.compiled
    assert int(twin.attention.phase.numpy()) == 1
    expected, outputs = trained(x), twin(x)  # eagerly both: a graph may round otherwise
    for key in ("label", "focus"):
        np.testing.assert_array_equal(outputs[key], expected[key])


def test_loaded_model_is_trained_on(saved, x):
    twin = FocusClassifier.from_preset(str(saved))
    before = twin.get_weights()
    twin.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    twin.train_on_batch(x, np.arange(B) % C)
    assert all(np.any(w != b) for w, b in zip(twin.get_weights()[:3], before[:3]))


def test_folder_has_no_compile_state(saved, trained, tmp_path):
    assert sorted(path.name for path in saved.iterdir()) == FILES
    trained.save_weights(tmp_path / "all.weights.h5")
    assert b"optimizer" in (tmp_path / "all.weights.h5").read_bytes()  # HDF5 keeps names as text
    assert b"optimizer" not in (saved / "model.weights.h5").read_bytes()
    assert "compile_config" not in (saved / "config.json").read_text()


def test_card_comes_back(saved, trained, tmp_path):
    assert read_card(saved) == CARD
    trained.save_to_preset(tmp_path / "bare")
    assert read_card(tmp_path / "bare") is None
    FocusClassifier.from_preset(tmp_path / "bare")


def test_networks_compiled_by_themselves_leave_their_optimizer_behind(tmp_path, x):
    classifier = keras.Sequential([keras.Input((D,)), keras.layers.Dense(C)])
    classifier.compile("adam", "mse")
    model = FocusClassifier(keras.layers.Dense(1), classifier)
    model.build((None, M, D))
    model.save_to_preset(tmp_path / "preset")
    assert "compile_config" not in (tmp_path / "preset" / "config.json").read_text()
    assert not FocusClassifier.from_preset(tmp_path / "preset").classifier.compiled


@pytest.mark.parametrize(
    "attention",
    [
        layers.GumbelAttention(keras.optimizers.schedules.ExponentialDecay(2.0, 3, 0.5), seed=5),
        layers.ReinforceAttention("leave_one_out", num_samples=2, seed=5, normalizer="entmax15"),
        layers.HybridAttention("lvml", "reinforce", normalizer="sparsemax"),
    ],
    ids=lambda attention: type(attention).__name__,
)
def test_attention_comes_back_with_its_options_and_seeds(linear_model, tmp_path, x, attention):
    model = linear_model(attention, inference="marginal")
    model(x, training=True)  # the samplers' seeds move on
    model.save_to_preset(tmp_path / "preset")
    twin = FocusClassifier.from_preset(tmp_path / "preset")
    assert twin.attention.get_config() == model.attention.get_config()
    assert twin.way_to_predict == "marginal"
    for training in (False, True):
        expected, outputs = model(x, training=training), twin(x, training=training)
        np.testing.assert_array_equal(outputs["label"], expected["label"])


def test_encoder_and_mask_come_back(tmp_path):
    encoder = keras.layers.Embedding(10, D, mask_zero=True)
    networks = keras.layers.Dense(1), keras.layers.Dense(C)
    model = FocusClassifier(*networks, "lvml", encoder=encoder)
    tokens = np.array([[3, 1, 7, 0, 0], [2, 2, 9, 1, 0]])
    inputs = {"segments": tokens, "mask": np.array([[1, 0, 1, 1, 1]] * 2, bool)}
    expected = model(inputs)
    model.save_to_preset(tmp_path / "preset")
    outputs = FocusClassifier.from_preset(tmp_path / "preset")(inputs)
    np.testing.assert_array_equal(outputs["focus"], expected["focus"])
    np.testing.assert_array_equal(outputs["label"], expected["label"])


def test_token_encoder_comes_back_with_its_vocabulary(tmp_path):
    words = ["thunder", "soup", "שלום"]
    focus, classifier, network = text_networks("simple", words, C, dim=4)
    model = FocusClassifier(focus, classifier, encoder=TokenEncoder(words, network))
    model.build((None, None))
    model.save_to_preset(tmp_path / "preset")
    twin = FocusClassifier.from_preset(tmp_path / "preset")
    tokens = [["Soup", "thunder", ""], ["quark", "שלום", "soup"]]
    ids = twin.encoder.look_up(tokens)
    np.testing.assert_array_equal(ids, [[3, 2, 0], [1, 4, 3]])
    np.testing.assert_array_equal(twin(ids)["label"], model(ids)["label"])


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_found(folder, name):
    path = folder / name
    sound = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.permutation(len(sound))[:100]:
        damaged = bytearray(sound)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="preset|has no metadata"):
            check(folder)
    path.write_bytes(sound)
    check(folder)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "card.json"])
def test_damage_is_said_with_the_files_name(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    assert_refused(folder, "damaged", name, "SHA256SUMS")


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_named(folder, name):
    (folder / name).unlink()
    assert_refused(folder, f"{name} is missing")


def test_preset_of_a_later_format_is_refused(folder):
    later = {"format": 2, "versions": {"attention_zoo": "9.1"}}
    (folder / "metadata.json").write_text(json.dumps(later))
    assert_refused(folder, "format 2, expected 1 or less", "9.1")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ('{"format": 1', "no JSON"),
        ("[1]", "is a list"),
        ('{"format": "1"}', "the format '1'"),
        ('{"format": true}', "the format True"),
    ],
)
def test_metadata_that_says_nothing_is_refused(folder, metadata, words):
    (folder / "metadata.json").write_text(metadata)
    assert_refused(folder, words)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{", "config.json is no JSON"),
        ("3", "config.json is a int, expected a mapping"),
        ('{"class_name": "Nobody", "module": null, "config": {}}', "makes no model"),
        ("{}", "makes no model, but a dict"),
        ("[" * 10_000 + "]" * 10_000, "config.json is no JSON"),
        (json.dumps(keras.saving.serialize_keras_object(keras.layers.Dense(1))), "but a Dense"),
    ],
)
def test_config_of_no_model_is_refused(folder, config, words):
    (folder / "config.json").write_text(config)
    assert_refused(sealed(folder), words)


@pytest.mark.parametrize("missing", ["class_name", "config", "focus", "build_config"])
def test_config_without_a_part_is_refused(folder, missing):
    config = json.loads((folder / "config.json").read_text())
    (config["config"] if missing == "focus" else config).pop(missing)
    (folder / "config.json").write_text(json.dumps(config))
    assert_refused(sealed(folder))


def test_sums_of_other_files_are_refused(folder):
    (folder / "notes.txt").write_text("mine")
    assert_refused(sealed(folder), "SHA256SUMS lists", "notes.txt")


def test_weights_of_other_shapes_are_refused(folder):
    other = FocusClassifier(keras.layers.Dense(1, use_bias=False), keras.layers.Dense(C), "hybrid")
    other.build((None, M, D + 1))
    other.save_weights(folder / "model.weights.h5")
    assert_refused(sealed(folder), "weights that do not fit", "could not be loaded")


def test_preset_of_another_class_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((D,)), keras.layers.Dense(C)])
    save_preset(model, tmp_path / "preset")
    assert_refused(tmp_path / "preset", "holds a Sequential, expected a FocusClassifier")


def test_folder_of_something_else_is_refused(tmp_path):
    assert_refused(tmp_path, "has no metadata.json, expected a folder that save_to_preset")


def test_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="did you mean 'sdc_digits_hybrid'") as refusal:
        FocusClassifier.from_preset("sdc_digits_hybird")
    assert all(name in str(refusal.value) for name in preset_names())
    with pytest.raises(ValueError, match="expected a folder, hf://user/name or one of") as refusal:
        FocusClassifier.from_preset("nowhere/at/all")
    assert "did you mean" not in str(refusal.value)


def test_name_of_a_shipped_preset_stands_for_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where no such folder is
    assert read_card("sdc_digits_soft") == read_card(PRESETS / "sdc_digits_soft")


def test_folder_with_the_name_of_a_shipped_preset_is_not_passed_over(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(saved, "sdc_digits_soft")
    with pytest.raises(ValueError, match="a name of the zoo and a folder here, expected './sdc_"):
        FocusClassifier.from_preset("sdc_digits_soft")
    assert read_card("./sdc_digits_soft") == CARD


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_there_is_left_alone(trained, tmp_path, kind):
    target = tmp_path / "mine"
    if kind == "folder":
        target.mkdir()
    held = target / "notes.txt" if kind == "folder" else target
    held.write_text("mine")
    with pytest.raises(ValueError, match="is there already, expected a new or empty folder"):
        trained.save_to_preset(target)
    assert held.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [target]


def test_empty_folder_is_filled(trained, tmp_path):
    trained.save_to_preset(tmp_path / "new" / "preset")
    (tmp_path / "empty").mkdir()
    trained.save_to_preset(tmp_path / "empty")
    assert sorted(path.name for path in (tmp_path / "empty").iterdir()) == sorted(
        set(FILES) - {"card.json"}
    )


def test_empty_folder_stays_the_same_folder(trained, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir(mode=0o750)
    monkeypatch.chdir(tmp_path / "here")
    before = os.stat(".")
    trained.save_to_preset(".", card=CARD)
    after = os.stat(tmp_path / "here")
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert sorted(os.listdir()) == FILES
    assert read_card(".") == CARD


@pytest.mark.parametrize("count", range(len(FILES)))
def test_interrupted_filling_is_no_preset(trained, tmp_path, monkeypatch, count):
    """Wherever moving the files ends, the folder is not taken for a whole preset."""
    move, moved = os.replace, []

    def replace(source, target):
        if len(moved) == count:
            raise OSError("the disk is full")
        move(source, target)
        moved.append(target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="the disk is full"):
        trained.save_to_preset(tmp_path, card=CARD)
    assert sorted(tmp_path.iterdir()) == sorted(moved)
    assert tmp_path / "SHA256SUMS" not in moved
    assert_refused(tmp_path)


VOCABULARIES = {
    keras.layers.IntegerLookup: ("int64", [[5, 7, 5]], [5, 7]),
    keras.layers.StringLookup: ("string", [["a", "b", "a"]], ["a", "b"]),
    keras.layers.TextVectorization: ("string", [["a b a"]], ["", "[UNK]", "a", "b"]),
}


@pytest.mark.parametrize("layer", VOCABULARIES)
def test_given_vocabulary_comes_back(tmp_path, layer):
    dtype, tokens, words = VOCABULARIES[layer]
    model = keras.Sequential([keras.Input((None,), dtype=dtype), layer(vocabulary=words)])
    save_preset(model, tmp_path / "preset")
    twin = load_preset(tmp_path / "preset")
    tokens = tf.constant(tokens, dtype)
    np.testing.assert_array_equal(twin(tokens), model(tokens))
    assert np.ptp(twin(tokens)) > 0


@pytest.mark.parametrize("layer", VOCABULARIES)
def test_adapted_vocabulary_which_is_in_no_file_is_refused(tmp_path, layer):
    dtype, tokens, _ = VOCABULARIES[layer]
    adapted = layer()
    adapted.adapt(tf.constant(tokens, dtype))
    model = keras.Sequential([keras.Input((None,), dtype=dtype), adapted])
    with pytest.raises(ValueError, match=f"vocabulary of adapt .* {layer.__name__}.vocabulary="):
        save_preset(model, tmp_path / "preset")
    assert not (tmp_path / "preset").exists()


def test_adapted_normalization_comes_back(tmp_path, x):
    normalization = keras.layers.Normalization()
    normalization.adapt(3 * x + 1)
    model = keras.Sequential([keras.Input((M, D)), normalization])
    save_preset(model, tmp_path / "preset")
    np.testing.assert_array_equal(load_preset(tmp_path / "preset")(x), model(x))


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ({"name": "x", "description": "", "colour": "red"}, "has 'colour', expected"),
        ({"name": "x"}, "lacks 'description', expected"),
        (CARD | {"classes": None}, "classes is None, expected tuple"),
        (CARD | {"figures": {"accuracy": np.float32(0.5)}}, "expected what JSON can hold"),
        (CARD | {"figures": {"accuracy": float("nan")}}, "expected what JSON can hold"),
        ([CARD], "is a list, expected a mapping or a Card"),
    ],
)
def test_card_that_could_not_be_read_is_not_written(trained, tmp_path, card, words):
    with pytest.raises(ValueError, match=words):
        trained.save_to_preset(tmp_path / "preset", card=card)
    assert list(tmp_path.iterdir()) == []


def test_model_that_was_not_built_is_refused(tmp_path):
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C))
    with pytest.raises(ValueError, match="the model is not built"):
        model.save_to_preset(tmp_path / "preset")


def test_model_that_could_not_be_loaded_is_not_written(tmp_path):
    classifier = keras.Sequential([keras.layers.Lambda(lambda x: x), keras.layers.Dense(C)])
    model = FocusClassifier(keras.layers.Dense(1), classifier)
    model.build((None, M, D))
    with pytest.raises(ValueError, match="the model has a config that makes no model") as refusal:
        model.save_to_preset(tmp_path / "preset")
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []
