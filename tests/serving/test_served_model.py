"""What a SavedModel's functions take, give, and whether their rows may be joined."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.serving.request_error import RequestError
from attention_zoo.serving.served_model import ServedModel


@pytest.mark.parametrize(
    ("name", "joins"),
    [
        ("double", True),
        ("types", True),
        ("texts", True),
        ("picky", True),
        ("words", False),  # as wide as the longest text
        ("pictures", False),  # none of no bytes
        ("shares", False),  # of what the others have
        ("total", False),  # one number for all rows
    ],
)
def test_rows_join_where_no_output_depends_on_other_rows(kinds, name, joins):
    assert kinds.signatures[name].joins is joins


def test_every_signature_of_a_classifier_joins(classifier):
    assert {"serving_default", "explain"} <= classifier.signatures.keys()
    assert all(signature.joins for signature in classifier.signatures.values())


def test_a_signature_takes_any_number_of_rows_in_the_graph_it_was_saved_with(classifier):
    """Else each new number would cost a trace, a second or more."""
    signature = classifier.signature()
    assert isinstance(signature._function, tf.types.experimental.ConcreteFunction)
    for rows in (1, 2, 7):
        x = np.zeros((rows, 3, 4), "float32")
        outputs = signature({"segments": x, "mask": np.ones((rows, 3), bool)})
        assert outputs["probabilities"].shape == (rows, 3)


def test_it_is_described_as_tensorflow_serving_does(kinds):
    dims = [{"size": "-1", "name": ""}, {"size": "2", "name": ""}]
    described = kinds.metadata()["metadata"]["signature_def"]["signature_def"]["double"]
    assert described["inputs"]["x"] == {
        "dtype": "DT_FLOAT",
        "tensor_shape": {"dim": dims, "unknown_rank": False},
        "name": "x",
    }
    assert described["outputs"].keys() == {"y"}
    types = kinds.signatures["types"].describe()["inputs"]
    assert [types[name]["dtype"] for name in "int"] == ["DT_INT32", "DT_UINT8", "DT_BOOL"]


def test_a_signature_is_found_by_name_and_unknown_ones_are_refused(kinds):
    assert kinds.signature() is kinds.signatures["serving_default"]
    assert kinds.signature("") is kinds.signatures["serving_default"]
    with pytest.raises(RequestError, match="signature_name is 'nowhere', expected one of"):
        kinds.signature("nowhere")


@pytest.mark.parametrize(
    ("spec", "function", "reason"),
    [
        (tf.TensorSpec((None,), tf.complex64), tf.math.real, "signature f has .* of complex64"),
        (tf.TensorSpec(None), tf.identity, "shape <unknown>, expected numbers"),
        (tf.TensorSpec(()), tf.identity, "f takes the scalar x, expected a batch axis"),
    ],
)
def test_what_json_cannot_hold_is_refused_at_the_start(tmp_path, spec, function, reason):
    module = tf.Module()
    module.f = tf.function(lambda x: {"y": function(x)})
    named = tf.TensorSpec(spec.shape, spec.dtype, name="x")
    tf.saved_model.save(module, tmp_path, {"f": module.f.get_concrete_function(x=named)})
    with pytest.raises(ValueError, match=reason):
        ServedModel(tmp_path)


def test_a_model_without_signatures_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), tmp_path)
    with pytest.raises(ValueError, match="has no signatures, expected one or more"):
        ServedModel(tmp_path)


@pytest.mark.parametrize("inputs", [{}, {"x": tf.TensorSpec((None,), name="x")}])
def test_a_signature_without_inputs_or_outputs_is_refused(tmp_path, inputs):
    module = tf.Module()
    module.f = tf.function(lambda **inputs: {} if inputs else {"y": tf.zeros(2)})
    tf.saved_model.save(module, tmp_path, {"f": module.f.get_concrete_function(**inputs)})
    with pytest.raises(ValueError, match="^signature f has no inputs or no outputs, expected both"):
        ServedModel(tmp_path)


@pytest.mark.parametrize("name", ["a/b", "a:b", ""])
def test_a_name_that_no_path_can_hold_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=f"^name is '{name}', expected letters without / and :$"):
        ServedModel(tmp_path, name)


@pytest.mark.parametrize(
    ("name", "has_texts"), [("texts", True), ("words", True), ("pictures", False), ("types", False)]
)
def test_texts_are_strings_that_may_be_empty(kinds, name, has_texts):
    assert kinds.signatures[name].has_texts is has_texts


@pytest.fixture
def saved(tmp_path):
    """(folder in tmp_path) -> it, with a SavedModel that has a variable."""

    def save(*names):
        module = tf.Module()
        module.v = tf.Variable(tf.zeros((50, 2)))
        module.f = tf.function(lambda x: {"y": x + module.v[0]})
        spec = tf.TensorSpec((None, 2), name="x")
        folder = tmp_path.joinpath(*names)
        tf.saved_model.save(module, folder, {"f": module.f.get_concrete_function(x=spec)})
        return folder

    return save


def test_the_highest_version_is_served(saved, tmp_path):
    for name in ("2", "0010", "x", "-11", "1e3"):
        saved("model", name)
    (tmp_path / "model" / "a_file").write_text("")
    model = ServedModel(tmp_path / "model")
    assert (model.version, model.folder) == (10, str(tmp_path / "model" / "0010"))
    assert model.metadata()["model_spec"]["version"] == "10"
    assert model.status()["model_version_status"][0]["version"] == "10"


def test_a_folder_that_is_a_model_is_version_1(saved, tmp_path):
    saved("model")
    saved("model", "7")
    assert ServedModel(tmp_path / "model").version == 1


def test_home_is_found(saved, tmp_path, monkeypatch):
    saved("model")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ServedModel("~/model").folder == str(tmp_path / "model")


@pytest.mark.parametrize("make", [lambda folder: None, lambda folder: (folder / "x").mkdir()])
def test_a_folder_without_a_model_is_refused(tmp_path, make):
    make(tmp_path)
    with pytest.raises(ValueError, match="expected a folder with saved_model.pb, or with versions"):
        ServedModel(tmp_path)


@pytest.mark.parametrize(
    ("file", "share"),
    [
        *itertools.product(["saved_model.pb", "variables.index", "variables.data"], [0.0, 0.6]),
        ("fingerprint.pb", 0.6),
    ],
)
def test_a_damaged_model_is_refused_in_one_line(saved, capfd, file, share):
    folder = saved("model")
    (path,) = folder.rglob(f"{file}*")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    capfd.readouterr()
    with pytest.raises(ValueError, match=f"^{folder} is no whole SavedModel: ") as refused:
        ServedModel(folder)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr().err == ""


def test_a_version_without_its_model_is_refused(saved, tmp_path):
    saved("model", "1")
    (tmp_path / "model" / "2").mkdir()
    with pytest.raises(ValueError, match="model/2 is no whole SavedModel: "):
        ServedModel(tmp_path / "model")
