"""Shipped presets: what their cards say is so."""

import re
import zlib
from pathlib import Path

import pytest

import attention_zoo as az
from attention_zoo.zoo.preset import PRESETS
from attention_zoo.zoo.preset_folder import seal

ATTENTIONS = ["soft", "hard", "lvml", "hybrid"]
DIGITS = [f"sdc_digits_{name}" for name in ATTENTIONS]
CIFAR10 = [f"sdc_cifar10_{name}" for name in ATTENTIONS]
TEXT = ["hatexplain_simple_lvml", "hatexplain_transformer_soft"]
BAGS = ["bags_digits_hard", "bags_musk1_soft"]
ALL = sorted(DIGITS + CIFAR10 + TEXT + BAGS)


def test_the_zoo_lists_its_presets():
    assert az.zoo.list() == ALL


def test_the_wheel_stays_small():
    """Under 15 MB, packed as in the wheel, with 0.5 MB for the code."""
    packed = [zlib.compress(path.read_bytes(), 6) for path in PRESETS.glob("*/*")]
    assert sum(map(len, packed)) < 14.5e6


@pytest.mark.parametrize(
    "name",
    ["input_axes", "output_axes", "quantization_config", "sliding_window", "use_gate"],
)
def test_shipped_presets_keep_to_what_the_oldest_keras_knows(name):
    """Keras 3.15 writes these arguments, unset; 3.12, the last for Python 3.10, refuses them."""
    configs = [path.read_text() for path in PRESETS.glob("*/config.json")]
    assert len(configs) == len(ALL)
    assert not any(f'"{name}"' in config for config in configs)


def assert_measured(name, **options):
    """Every figure on the card, measured again on the same mosaics."""
    card = az.zoo.card(name)
    _, info = az.datasets.load(**card.data, **options)
    model = az.FocusClassifier.from_preset(name)
    assert_figures(card, info, az.evaluate(model, info.source.dataset(256)))


def assert_figures(card, info, found):
    """Other machines round otherwise, which may tip an example or two.

    Shares may differ by 2 / n, means in nats by 0.002.
    """
    assert card.classes == info.class_names
    assert found.num_examples == card.num_examples
    figures = found.scalars()
    assert card.figures.keys() <= figures.keys()  # there are later ones
    for figure in card.figures:
        value = figures[figure]
        is_mean = figure == "entropy" or figure.endswith("nll")
        atol = 0.002 if is_mean else 2.01 / card.num_examples
        assert value == pytest.approx(card.figures[figure], abs=atol), figure


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXT)
def test_card_of_posts_is_measured(name, shared_dir):
    data_dir = shared_dir / "data" / "hatexplain"
    if not data_dir.is_dir():
        pytest.skip(f"needs the copy of HateXplain that it was measured on: no folder {data_dir}")
    card = az.zoo.card(name)
    _, info = az.datasets.load(**card.data, data_dir=data_dir)
    model = az.FocusClassifier.from_preset(name)
    posts = info.source.encoded(model.encoder.look_up).dataset(256)
    assert_figures(card, info, az.evaluate_rationales(model, posts, top_k=5))


def test_card_of_bags_of_digits_is_measured():
    card = az.zoo.card("bags_digits_hard")
    _, info = az.datasets.load(**card.data)
    model = az.FocusClassifier.from_preset(card.name)
    assert_figures(card, info, az.evaluate_bags(model, info.source.in_batches_of(16_384)))


def test_card_of_molecules_is_measured(shared_dir):
    path = shared_dir / "data" / "bags" / "musk1.csv"
    if not path.is_file():
        pytest.skip(f"needs musk1: no file {path}")
    card = az.zoo.card("bags_musk1_soft")
    _, info = az.datasets.load(**card.data, data_dir=path)
    assert info.num_examples == card.num_examples == 19  # none of those that it was trained on
    model = az.FocusClassifier.from_preset(card.name)
    assert_figures(card, info, az.evaluate_bags(model, info.source.in_batches_of(16_384)))


@pytest.mark.parametrize("name", TEXT)
def test_cards_of_hateful_data_say_so(name):
    card = az.zoo.card(name)
    assert "hateful" in card.limits[0] and "not to moderate" in card.limits[1]
    assert "CC BY 4.0" in card.licence and "MIT" in card.licence


@pytest.mark.parametrize("name", DIGITS)
def test_card_of_digits_is_measured(name):
    assert_measured(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", CIFAR10)
def test_card_of_cifar10_is_measured(name, shared_dir):
    data_dir = shared_dir / "tfds"
    if not (data_dir / "cifar10").is_dir():
        pytest.skip(f"needs CIFAR-10: no folder cifar10 in {data_dir}")
    assert_measured(name, data_dir=data_dir)


@pytest.mark.parametrize("name", ALL)
def test_card_says_what_a_card_must(name):
    card = az.zoo.card(name)
    assert card.name == name
    if "focus_accuracy" in card.figures:
        assert card.figures["focus_accuracy"] == pytest.approx(
            card.figures["argmax_FTPT"] + card.figures["argmax_FTPF"], abs=1e-6
        )
    for field in ("description", "inputs", "protocol", "licence", "machine", "versions", "limits"):
        assert getattr(card, field), field
    assert card.seconds > 0
    assert f"--attention={name.split('_')[-1]} " in card.command
    assert card.command.endswith(f"--workdir=runs/{name}")


def test_card_as_a_page():
    card = az.zoo.card("sdc_digits_soft")
    page = card.markdown()
    ft, accuracy = (100 * card.figures[name] for name in ("focus_accuracy", "soft_accuracy"))
    assert page.startswith("# sdc_digits_soft\n\nSoft attention on mosaics")
    assert f"focus true (FT) {ft:.1f} %" in page
    assert f"| soft | {accuracy:.1f} |" in page
    assert f"`{card.command}`" in page
    assert all(f"\n- {limit}\n" in page for limit in card.limits)


def test_card_of_ones_own(linear_model, tmp_path):
    card = az.zoo.Card(name="mine", description="A try.", classes=("a", "b"), seed=0)
    model = linear_model()
    model.save_to_preset(tmp_path / "mine", card=card)
    assert az.zoo.card(tmp_path / "mine") == card
    assert card.markdown() == "# mine\n\nA try.\n\n- classes: a, b\n- seed: 0\n"
    with pytest.raises(AttributeError):
        card.seed = 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 3),
        ("classes", None),
        ("classes", (0, 1)),
        ("limits", "none"),
        ("versions", {"keras": 3}),
        ("seed", True),
        ("seconds", float("inf")),
        ("figures", {"accuracy": "0.5"}),
        ("figures", {"accuracy": float("nan")}),
    ],
)
def test_attribute_of_another_type_is_refused(field, value):
    with pytest.raises(ValueError, match=f"the card's {field} is .*, expected"):
        az.zoo.Card(**{"name": "x", "description": ""} | {field: value})


def test_page_shows_the_figures_that_are_there():
    """What is not known is a dash, what the table has no place for stands before it."""
    figures = {"f1": 0.25, "entropy": 0.5, "soft_accuracy": 0.75, "soft_nll": 0.125}
    page = az.zoo.Card(name="x", description="", figures=figures).markdown()
    assert "## Measured\n\nf1 0.25, attention entropy 0.500 nats\n\n|" in page
    assert page.endswith("| soft | 75.0 | 0.1250 | – | – | – | – |\n")
    assert "argmax" not in page
    page = az.zoo.Card(name="x", description="", figures={"accuracy": 0.5}).markdown()
    assert page == "# x\n\n## Measured\n\naccuracy 0.5\n"


def test_preset_without_a_card_is_said(linear_model, tmp_path):
    linear_model().save_to_preset(tmp_path / "preset")
    with pytest.raises(ValueError, match="has no card, expected one saved with it"):
        az.zoo.card(tmp_path / "preset")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"name": "x", "description": "", "colour": "red"}', "the card has 'colour', expected"),
        ('{"name": "x"}', "the card lacks 'description', expected"),
        ('{"name": "x", "description": "", "classes": null}', "classes is None, expected"),
        ('{"name": "x", "description": "", "seconds": NaN}', "seconds is nan, expected"),
    ],
)
def test_card_that_is_none_is_refused(linear_model, tmp_path, content, words):
    linear_model().save_to_preset(tmp_path / "preset")
    (tmp_path / "preset" / "SHA256SUMS").unlink()
    (tmp_path / "preset" / "card.json").write_text(content)
    seal(tmp_path / "preset")
    with pytest.raises(ValueError, match=f"preset '{tmp_path}/preset': .*{words}"):
        az.zoo.card(tmp_path / "preset")


def test_the_docs_have_the_cards_figures():
    """In percent: FT, accuracy by argmax, marginal and soft; "–" is not known."""
    docs = Path(__file__).resolve().parents[2] / "docs" / "zoo.md"
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", docs.read_text(), re.M)
    rows = {name: cells.split(" | ") for name, cells in rows if name in az.zoo.list()}
    assert rows.keys() == set(az.zoo.list())
    for name, cells in rows.items():
        figures = az.zoo.card(name).figures
        shown = [figures.get(f"{of}_accuracy") for of in ("focus", "argmax", "marginal", "soft")]
        assert cells == ["–" if one is None else f"{100 * one:.1f}" for one in shown], name
