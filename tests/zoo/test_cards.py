"""Shipped presets: what their cards say is so."""

import pytest

import attention_zoo as az
from attention_zoo.models.preset import PRESETS

ATTENTIONS = ["soft", "hard", "lvml", "hybrid"]
DIGITS = [f"sdc_digits_{name}" for name in ATTENTIONS]
CIFAR10 = [f"sdc_cifar10_{name}" for name in ATTENTIONS]


def test_the_zoo_lists_its_presets():
    assert az.zoo.list() == sorted(DIGITS + CIFAR10)


def test_the_wheel_stays_small():
    """Under 15 MB all together, folders that git and the wheel carry."""
    assert sum(path.stat().st_size for path in PRESETS.rglob("*")) < 15e6


def assert_measured(name, **options):
    """Every figure on the card, measured again on the same mosaics.

    Other machines round otherwise, which may tip a mosaic or two: shares may differ by 2 / n,
    means in nats by 0.002.
    """
    card = az.zoo.card(name)
    _, info = az.datasets.load(**card.data, **options)
    assert card.classes == info.class_names
    model = az.FocusClassifier.from_preset(name)
    found = az.evaluate(model, info.source.dataset(256))
    assert found.num_examples == card.num_examples
    figures = found.scalars()
    assert figures.keys() == card.figures.keys()
    for figure, value in figures.items():
        is_mean = figure == "entropy" or figure.endswith("nll")
        atol = 0.002 if is_mean else 2.01 / card.num_examples
        assert value == pytest.approx(card.figures[figure], abs=atol), figure


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


@pytest.mark.parametrize("name", DIGITS + CIFAR10)
def test_card_says_what_a_card_must(name):
    card = az.zoo.card(name)
    assert card.name == name
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
    ("content", "words"),
    [
        (None, "has no card, expected one saved with it"),
        ({"name": "x", "description": "", "colour": "red"}, "has 'colour', expected"),
        ({"name": "x"}, "lacks 'description', expected"),
    ],
)
def test_card_that_is_none_is_refused(linear_model, tmp_path, content, words):
    linear_model().save_to_preset(tmp_path / "preset", card=content)
    with pytest.raises(ValueError, match=words):
        az.zoo.card(tmp_path / "preset")
