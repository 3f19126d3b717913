"""SavedModels take what the encoder takes, and name the classes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from attention_zoo._export import export
from attention_zoo.models import FocusClassifier, TokenEncoder
from attention_zoo.models.networks.text import text_networks

NAMES = ("salt", "Pfeffer", "胡椒")


def embedding():
    return keras.layers.Embedding(9, 4)


def functional(dtype, layer):
    inputs = keras.Input((None,), dtype=dtype)
    return keras.Model(inputs, layer(inputs))


class Own(keras.layers.Layer):
    """Ids to features, of a class that tells nothing."""

    def call(self, ids):
        return keras.ops.one_hot(ids, 9)


def in_turn(*parts):
    return keras.Sequential(list(parts))


IDS = (2, 5)  # (b, m)
ENCODERS = {  # what the signature takes, a batch's shape, and the encoder
    "an embedding": ("int32", IDS, embedding),
    "one that comes first": ("int32", IDS, lambda: in_turn(embedding())),
    "one within another": (
        "int32",
        IDS,
        lambda: in_turn(in_turn(embedding()), keras.layers.Dense(4)),
    ),
    "declared int64": ("int64", IDS, lambda: functional("int64", embedding())),
    "declared float, an embedding": ("int32", IDS, lambda: functional("float32", embedding())),
    "declared bytes": (
        "uint8",
        IDS,
        lambda: functional("uint8", keras.layers.CategoryEncoding(9, "one_hot")),
    ),
    "a wrapper": (
        "int32",
        (2, 5, 3),
        lambda: in_turn(keras.layers.TimeDistributed(embedding()), keras.layers.Reshape((5, 12))),
    ),
    "a network a segment": (
        "int32",
        (2, 5, 3),
        lambda: layers.PerSegment(in_turn(embedding(), keras.layers.Flatten())),
    ),
    "floats": ("float32", (2, 5, 4), lambda: keras.layers.Dense(4)),
    "half floats": ("float32", (2, 5, 4), lambda: keras.layers.Dense(4, dtype="mixed_bfloat16")),
}


def networks():
    return keras.layers.Dense(1), keras.layers.Dense(3)


def built(encoder, segments, **options):
    keras.utils.set_random_seed(0)
    model = FocusClassifier(*networks(), "lvml", encoder=encoder, **options)
    model(segments)
    return model


def served(model, folder, **settings):
    export(model, folder, **settings)
    return tf.saved_model.load(folder).signatures


HALF = pytest.param("half floats", marks=pytest.mark.low_precision)


@pytest.mark.parametrize("kind", [*(kind for kind in ENCODERS if kind != "half floats"), HALF])
def test_segments_are_of_the_encoders_type(kind, tmp_path):
    """And the answers are the model's."""
    dtype, shape, make = ENCODERS[kind]
    segments = np.random.default_rng(0).integers(9, size=shape).astype(dtype)
    model = built(make(), segments)
    signatures = served(model, tmp_path / "model")
    expected = np.exp(model(segments)["label"])
    for signature in signatures.values():
        assert signature.structured_input_signature[1]["segments"].dtype.name == dtype
    found = signatures["serving_default"](segments=tf.constant(segments))
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)


def test_ids_beyond_what_a_float_can_count_are_told_apart(tmp_path):
    class Parity(keras.layers.Layer):
        def call(self, ids):
            return keras.ops.one_hot(ids % 2, 4)

    inputs = keras.Input((2,), dtype="int32")
    model = built(keras.Model(inputs, Parity()(inputs)), np.int32([[0, 1]]))
    ids = np.int32([[2**24, 2**24], [2**24 + 1, 2**24 + 1]])
    found = served(model, tmp_path / "model")["serving_default"](segments=tf.constant(ids))
    p = found["probabilities"].numpy()
    np.testing.assert_allclose(p, np.exp(model(ids)["label"]), atol=1e-6)
    assert not np.allclose(p[0], p[1])


def test_the_type_can_be_said(tmp_path):
    model = built(Own(), np.int32([[1, 2]]))
    taken = served(model, tmp_path / "model", dtype="int64")["argmax"].structured_input_signature
    assert taken[1]["segments"].dtype == tf.int64
    with pytest.raises(ValueError, match="^dtype is 'ids', expected one such as 'int32'$"):
        export(model, tmp_path / "other", dtype="ids")


# Names of classes


def images(**options):
    return built(None, np.zeros((1, 2, 4), "float32"), **options)


def answers(signatures, x):
    return {
        name: {key: value.numpy() for key, value in function(segments=tf.constant(x)).items()}
        for name, function in signatures.items()
    }


def decoded(names):
    return [name.decode() for name in names]


@pytest.mark.parametrize("given", ["model", "export"])
def test_answers_have_names_beside_ids(given, tmp_path):
    x = np.random.default_rng(0).normal(0, 3, (20, 4, 4)).astype("float32")
    if given == "model":
        signatures = served(images(class_names=NAMES), tmp_path / "model")
    else:
        signatures = served(images(), tmp_path / "model", class_names=list(NAMES))
    found = answers(signatures, x)
    for outputs in found.values():
        assert len(set(outputs["label"].tolist())) > 1
        assert decoded(outputs["label_name"]) == [NAMES[i] for i in outputs["label"]]
    explained = found["explain"]
    names = decoded(explained["segment_label_name"])
    assert names == [NAMES[i] for i in explained["segment_label"]]


def test_names_given_to_export_go_before_the_models(tmp_path):
    signatures = served(images(class_names=NAMES), tmp_path / "model", class_names=["a", "b", "c"])
    found = answers(signatures, np.zeros((1, 2, 4), "float32"))["argmax"]
    assert decoded(found["label_name"]) == ["abc"[found["label"][0]]]


def test_without_names_there_are_ids_alone(tmp_path):
    outputs = served(images(), tmp_path / "model")["explain"].structured_outputs
    assert not [name for name in outputs if name.endswith("_name")]


def test_a_model_of_texts_names_its_classes(tmp_path):
    words = ["thunder", "tea"]
    focus, classifier, encoder = text_networks("simple", words, 3, dim=8)
    encoder = TokenEncoder(words, encoder)
    model = FocusClassifier(focus, classifier, "lvml", encoder=encoder, class_names=NAMES)
    model.build((None, None))
    signatures = served(model, tmp_path / "model")
    for name in ("serving_default", "explain", "argmax"):
        found = signatures[name](text=tf.constant(["Thunder and tea"]))
        assert decoded(found["label_name"].numpy()) == [NAMES[found["label"].numpy()[0]]]
    with pytest.raises(ValueError, match="^dtype is 'int32' with a TokenEncoder, expected none"):
        export(model, tmp_path / "other", dtype="int32")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a", "b"], "class_names has 2 names, expected 3, one for each class of the classifier"),
        (["a", "b", "a"], "class_names has 'a' twice, expected distinct names"),
        (["a", "b", 3], r"class_names is \['a', 'b', 3\], expected a sequence of texts"),
        ("abc", "class_names is 'abc', expected a sequence of texts"),
        (3, "class_names is 3, expected a sequence of texts"),
    ],
)
def test_names_that_are_none_are_refused(names, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        export(images(), tmp_path / "model", class_names=names)
    assert not (tmp_path / "model").exists()
    with pytest.raises(ValueError, match=words):
        images(class_names=names)
    model = images()
    with pytest.raises(ValueError, match=words):
        model.class_names = names


def test_names_are_saved_with_the_model(tmp_path):
    model = images(class_names=NAMES)
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").class_names == NAMES
    assert keras.models.clone_model(model).class_names == NAMES
    assert "class_names" not in images().get_config()  # as models were saved before


def test_a_preset_without_names_has_those_of_its_card(tmp_path):
    model = images()
    card = {"name": "mine", "description": "A try."}
    model.save_to_preset(tmp_path / "named", card | {"classes": list(NAMES)})
    assert FocusClassifier.from_preset(tmp_path / "named").class_names == NAMES
    model.save_to_preset(tmp_path / "other", card | {"classes": ["only one"]})
    assert FocusClassifier.from_preset(tmp_path / "other").class_names is None
    assert FocusClassifier.from_preset("sdc_cifar10_soft").class_names == (
        *("airplane", "automobile"),
        "bird",
    )


def test_a_card_of_other_classes_is_refused(tmp_path):
    card = {"name": "mine", "description": "A try.", "classes": ["a", "b", "c"]}
    with pytest.raises(ValueError, match=r"the card has the classes \['a', 'b', 'c'\], expected"):
        images(class_names=NAMES).save_to_preset(tmp_path / "preset", card)
    assert not (tmp_path / "preset").exists()
