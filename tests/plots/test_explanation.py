import numpy as np
import pytest

from attention_zoo import plots
from attention_zoo._explain import Explanation


def explained(inputs, names=("cat", "dog")):
    """Two examples of three segments; the second has two."""
    a = np.array([[0.2, 0.5, 0.3], [0.9, 0.1, 0.0]])
    ways = {way: np.array([[0.7, 0.3], [0.4, 0.6]]) for way in ("argmax", "marginal", "soft")}
    alone = np.array([[[0.8, 0.2], [0.1, 0.9], [0.5, 0.5]]] * 2)
    return Explanation(
        attention=a,
        mask=a > 0,
        segments=np.array([[1, 2, 0], [0, 1, -1]]),
        probabilities=ways,
        way_to_predict="soft",
        alone=alone,
        without=alone[:, ::-1],
        certainty=np.array([0.1, 0.6]),
        agreement=np.ones(2),
        confidence=np.array([0.07, 0.36]),
        class_names=names,
        inputs=inputs,
    )


def bars(figure, name):
    patches = {p.get_gid(): p.get_width() for p in figure.axes[0].patches if p.get_gid()}
    return {gid: width / 1.5 for gid, width in patches.items() if gid.startswith(name)}


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_bars_are_attention_and_what_is_left_of_the_prediction():
    figure = plots.explanation(explained(np.zeros((2, 3, 4))))
    assert bars(figure, "attention") == pytest.approx(
        {
            "attention-0-0": 0.5,
            "attention-0-1": 0.3,
            "attention-0-2": 0.2,
            "attention-1-0": 0.9,
            "attention-1-1": 0.1,
        }
    )
    left = {"without-0-0": 0.5, "without-0-1": 0.1, "without-1-0": 0.5}  # then nothing is left
    assert bars(figure, "without") == pytest.approx(left)
    assert "cat 70%, confidence 0.07" in texts(figure)
    assert "segment 1" in texts(figure)


def test_images_are_drawn_and_tokens_written():
    images = np.zeros((2, 3, 8, 8, 1), "uint8")
    assert len(plots.explanation(explained(images)).axes) == 1 + 5
    tokens = np.array([["a", "fine", "$day$"], ["hm", "", ""]], object)
    written = texts(plots.explanation(explained(tokens)))
    assert {"fine", "$day$", "hm"} <= set(written)


def test_classes_without_names_are_numbers():
    figure = plots.explanation(explained(None, None), max_examples=1)
    assert "0 70%, confidence 0.07" in texts(figure)
    assert len(bars(figure, "attention")) == 3


def test_an_explanation_is_plotted_and_shown_in_a_notebook():
    one = explained(np.array([["<b>", "fine", "day"]] * 2, object))
    assert bars(one.plot(), "attention")
    page = one._repr_html_()
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert page.count("<table>") == 2


def test_a_dollar_sign_in_a_class_begins_no_formula(tmp_path):
    figure = plots.explanation(explained(np.zeros((2, 3, 4)), ("$$", "$")))
    figure.savefig(tmp_path / "explanation.png", dpi=20)
    assert "$$ 70%, confidence 0.07" in texts(figure)
