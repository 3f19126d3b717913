"""The example: a paradigm, images, a schedule and a callback of one's own."""

import json

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.training.checkpoints import find_checkpoints


@pytest.fixture(scope="module")
def example(load_example):
    return load_example("bring_your_own")


@pytest.fixture(scope="module")
def unbroken(example, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("own") / "unbroken"
    return workdir, example.train(workdir, example.TopKHardAttention(k=2))


def test_it_learns(unbroken):
    test = unbroken[1]["test"]
    assert test.focus_accuracy > 0.95 and test.ways["argmax"].accuracy > 0.95


@pytest.mark.usefixtures("models_alone")
def test_killed_and_resumed_it_ends_with_the_same_weights(example, unbroken, tmp_path, broken_off):
    for calls in (5, 8):
        with broken_off(calls):
            example.train(tmp_path, example.TopKHardAttention(k=2))
    example.train(tmp_path, example.TopKHardAttention(k=2))
    ends = [keras.models.load_model(path / "model.keras") for path in (tmp_path, unbroken[0])]
    for one, other in zip(*(end.variables for end in ends), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.path)
    states = [
        json.loads((find_checkpoints(path / "checkpoints")[0] / "state.json").read_text())
        for path in (tmp_path, unbroken[0])
    ]
    assert states[0]["callbacks"] == states[1]["callbacks"]
    (state,) = (s for name, s in states[0]["callbacks"].items() if "SlowestEpoch" in name)
    assert state["epoch"] == 1 and state["loss"] > 0.3


def test_other_objects_and_data_are_refused(example, unbroken, monkeypatch):
    with pytest.raises(ValueError, match="'k': 2.* before, .*'k': 3.* now"):
        example.train(unbroken[0], example.TopKHardAttention(k=3))
    other = example.mosaics
    monkeypatch.setattr(example, "mosaics", lambda n, seed: other(n, seed + 10))
    with pytest.raises(ValueError, match="holds a run on other data .test, train, valid"):
        example.train(unbroken[0], example.TopKHardAttention(k=2))


def test_it_is_known_by_its_name(example):
    assert isinstance(az.layers.get("top_k_hard", k=3), example.TopKHardAttention)
    assert isinstance(az.layers.get("Custom>TopKHardAttention"), example.TopKHardAttention)
    with pytest.raises(ValueError, match="^attention 'lvml' is LVMLAttention, expected another"):
        az.layers.register("lvml")(example.TopKHardAttention)


def test_what_cannot_be_loaded_by_name_is_refused(tmp_path):
    class Nameless(az.layers.Attention):
        pass

    with pytest.raises(ValueError, match="^attention is a Nameless, which Keras cannot load"):
        az.train("mosaics", tmp_path / "run", attention=Nameless())
    with pytest.raises(ValueError, match="^optimizer is <class .*SGD'>, expected a name or"):
        az.train("mosaics", tmp_path / "run", optimizer=keras.optimizers.SGD)
    with pytest.raises(ValueError, match=r"^data has \['test'\], expected 'train'"):
        az.train("mosaics", tmp_path / "run", data={"test": None})
    assert not (tmp_path / "run").exists()


def test_the_comparison_has_both(example, unbroken, tmp_path):
    example.train(tmp_path / "lvml", "lvml")
    page = az.report.compare(unbroken[0], tmp_path / "lvml", output=tmp_path / "compare.html")
    assert "TopKHardAttention" in page.read_text()
