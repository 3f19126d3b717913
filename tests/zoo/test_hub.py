"""Presets on a hub, which is here a server on this machine; no test asks the real one."""

import shutil
import sys

import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.zoo.preset import PRESETS, read_card

NAME = "sdc_digits_lvml"
ADDRESS = "hf://someone/digits"


@pytest.fixture
def uploaded(hub):
    return az.zoo.upload_preset(NAME, ADDRESS)


def test_what_is_uploaded_comes_back(uploaded):
    x = np.random.default_rng(0).integers(256, size=(2, 5, 8, 8, 1)).astype("uint8")
    expected = az.FocusClassifier.from_preset(NAME)(x)
    for address in (ADDRESS, f"{ADDRESS}@main", uploaded):
        outputs = az.FocusClassifier.from_preset(address)(x)
        for key in ("label", "focus"):
            np.testing.assert_array_equal(outputs[key], expected[key])
    assert az.zoo.card(ADDRESS) == az.zoo.card(NAME)


def test_repository_has_the_presets_files_and_the_card_as_readme(hub, uploaded):
    ((oid, files),) = hub.commits["someone/digits"]
    assert uploaded == f"{ADDRESS}@{oid}"
    assert files.pop("README.md").decode() == az.zoo.card(NAME).markdown()
    assert files == {path.name: path.read_bytes() for path in (PRESETS / NAME).iterdir()}


def test_revision_is_the_one_asked_for(hub, uploaded):
    again = az.zoo.upload_preset("sdc_digits_soft", ADDRESS)
    assert len(hub.commits["someone/digits"]) == 2
    assert read_card(uploaded)["name"] == NAME
    assert read_card(again)["name"] == read_card(ADDRESS)["name"] == "sdc_digits_soft"


def test_what_was_fetched_is_not_fetched_again_and_needs_no_network(hub, uploaded, monkeypatch):
    read_card(ADDRESS)
    read_card(ADDRESS)
    fetched = [line for line in hub.asked if line.startswith("GET") and "/resolve/" in line]
    assert len(fetched) == 5  # README.md is none of a preset's files
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where no one listens
    assert read_card(ADDRESS)["name"] == NAME


def test_preset_without_a_card(hub, linear_model, tmp_path):
    linear_model().save_to_preset(tmp_path / "bare")
    az.zoo.upload_preset(tmp_path / "bare", ADDRESS)
    ((_, files),) = hub.commits["someone/digits"]
    assert sorted(files) == ["SHA256SUMS", "config.json", "metadata.json", "model.weights.h5"]
    assert read_card(ADDRESS) is None


def test_initial_weights_may_be_of_the_hub(uploaded):
    from attention_zoo.training.initial_weights import load_initial_weights

    model = az.FocusClassifier(*az.models.networks("digits", (8, 8, 1), 3), "lvml")
    model.build((None, 5, 8, 8, 1))
    load_initial_weights(model, ADDRESS)
    expected = az.FocusClassifier.from_preset(NAME).get_weights()
    for weight, other in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(weight, other)


def assert_one_line(refusal, *words):
    message = str(refusal.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "address", ["hf://", "hf://digits", "hf://a/b/c", "hf://a/b@", "hf://a b/c", "hf://a/b@x y"]
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="expected hf://user/name or") as refusal:
        az.FocusClassifier.from_preset(address)
    assert_one_line(refusal, repr(address))


def test_unknown_repository_is_refused(hub):
    with pytest.raises(ValueError, match="is not on the hub") as refusal:
        az.FocusClassifier.from_preset("hf://someone/nothing")
    assert_one_line(refusal, "'hf://someone/nothing'", "expected a repository that you may read")


def test_unknown_revision_is_refused(uploaded):
    with pytest.raises(ValueError, match="has no such revision") as refusal:
        az.FocusClassifier.from_preset(f"{ADDRESS}@v9")
    assert_one_line(refusal, f"'{ADDRESS}@v9'", "expected a branch, tag or commit")


def test_repository_of_something_else_is_refused(hub):
    hub.commit("someone/digits", {"model.safetensors": b"else"})
    with pytest.raises(ValueError, match=r"has no metadata\.json, expected") as refusal:
        az.FocusClassifier.from_preset(ADDRESS)
    assert_one_line(refusal)


def test_hub_that_is_not_reached_is_said(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConnectionError, match="no hub answers, expected") as refusal:
        az.FocusClassifier.from_preset(ADDRESS)
    assert_one_line(refusal, repr(ADDRESS))
    with pytest.raises(ConnectionError, match="cannot be uploaded") as refusal:
        az.zoo.upload_preset(NAME, ADDRESS)
    assert_one_line(refusal, repr(ADDRESS))


def test_damage_on_the_way_is_found(hub, uploaded):
    ((_, files),) = hub.commits["someone/digits"]
    weights = bytearray(files["model.weights.h5"])
    weights[1000] ^= 1
    hub.commit("someone/digits", {"model.weights.h5": bytes(weights)})
    with pytest.raises(ValueError, match=r"is damaged: the SHA-256 of model\.weights\.h5") as found:
        az.FocusClassifier.from_preset(ADDRESS)
    assert_one_line(found)
    az.FocusClassifier.from_preset(uploaded)


def test_damaged_preset_is_not_uploaded(hub, tmp_path):
    folder = shutil.copytree(PRESETS / NAME, tmp_path / "preset")
    (folder / "card.json").write_text("{}")
    with pytest.raises(ValueError, match="is damaged"):
        az.zoo.upload_preset(folder, ADDRESS)
    assert hub.commits == {}


def test_who_may_not_write_is_told(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_another")
    with pytest.raises(ValueError, match="HF_TOKEN") as refusal:
        az.zoo.upload_preset(NAME, ADDRESS)
    assert_one_line(refusal, repr(ADDRESS))
    assert hub.commits == {}


def test_without_huggingface_hub_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for use in (az.FocusClassifier.from_preset, lambda one: az.zoo.upload_preset(NAME, one)):
        with pytest.raises(ImportError, match=r"pip install 'attention-zoo\[hub\]'") as refusal:
            use(ADDRESS)
        assert_one_line(refusal)
