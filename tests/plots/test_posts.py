import numpy as np
import pytest
from matplotlib.colors import to_rgb

from attention_zoo import plots

TOKENS = [["the", "soup", "is", "cold", ""], ["good", "tea", "", "", ""]]
A = np.array([[0.1, 0.2, 0.1, 0.6, 0.0], [0.5, 0.5, 0.0, 0.0, 0.0]])
R = np.array([[0, 1, 0, 1, 0], [0, 0, 0, 0, 0]])


def patches(figure, number):
    return [p for p in figure.axes[0].patches if p.get_gid() == f"attention-{number}"]


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def underlined(figure):
    return [line.get_gid() for line in figure.axes[0].lines]


def test_every_token_is_drawn_once_and_padding_is_not(tmp_path):
    figure = plots.posts(TOKENS, A, rationale=R)
    drawn = [text for text in texts(figure) if not text.startswith("largest")]
    assert drawn == ["the", "soup", "is", "cold", "good", "tea"]
    figure.savefig(tmp_path / "posts.png")
    assert figure.get_figwidth() * figure.dpi == 900


def test_more_attention_is_a_deeper_colour_and_the_largest_has_a_frame():
    figure = plots.posts(TOKENS[:1], A[:1])
    depth = [1 - np.mean(patches(figure, j)[0].get_facecolor()[:3]) for j in range(4)]
    assert depth[3] > depth[1] > depth[0] == pytest.approx(depth[2])
    framed = [patches(figure, j)[0].get_edgecolor()[3] > 0 for j in range(4)]
    assert framed == [False, False, False, True]
    (most,) = (text for text in texts(figure) if text.startswith("largest"))
    assert most == "largest attention 0.60"


def test_the_rationale_is_underlined():
    assert underlined(plots.posts(TOKENS, A, rationale=R)) == ["rationale-1", "rationale-3"]
    assert underlined(plots.posts(TOKENS, A)) == []
    figure = plots.posts(TOKENS, A, rationale=R)
    assert to_rgb(figure.axes[0].lines[0].get_color()) != to_rgb("white")


def test_titles_name_label_and_prediction():
    figure = plots.posts(TOKENS, A, labels=[0, 1], predictions=[0, 0], class_names=("bad", "good"))
    assert "good → bad, largest attention 0.50" in texts(figure)


def test_long_posts_go_on_in_the_next_line():
    tokens = [[f"token{i}" for i in range(100)]]
    figure = plots.posts(tokens, np.full((1, 100), 0.01))
    right = [p.get_x() + p.get_width() for p in figure.axes[0].patches]
    lines = {round(p.get_y(), 3) for p in figure.axes[0].patches}
    assert max(right) <= 9 and len(lines) > 5
    assert figure.get_figheight() > plots.posts(TOKENS, A).get_figheight()


def test_strange_texts_are_drawn(strange_texts, tmp_path):
    """What the font lacks is a box; a dollar sign begins no formula."""
    rows = [*strange_texts.values(), ["$x^$", "w" * 500]]
    m = max(map(len, rows))
    a = np.zeros((len(rows), m))
    classes = {"labels": [0] * len(rows), "predictions": [1] * len(rows)}
    figure = plots.posts(
        [row + [""] * (m - len(row)) for row in rows],
        a,
        max_examples=20,
        class_names=("$$", "$"),
        **classes,
    )
    figure.savefig(tmp_path / "posts.png", dpi=20)
    drawn = texts(figure)
    assert "$x^$" in drawn and any(text.endswith("…") for text in drawn)
    assert any("□" in text for text in drawn)


def test_only_some_are_drawn():
    assert "good" not in texts(plots.posts(TOKENS, A, max_examples=1))


@pytest.mark.parametrize(
    ("tokens", "a", "message"),
    [
        (
            TOKENS[:1],
            A,
            r"^attention has shape \(2, 5\), tokens are of 1 posts, expected \(b, m\)$",
        ),
        (TOKENS, A[0], r"^attention has shape \(5,\), tokens are of 2 posts"),
    ],
)
def test_shapes_must_agree(tokens, a, message):
    with pytest.raises(ValueError, match=message):
        plots.posts(tokens, a)
    with pytest.raises(ValueError, match=r"^rationale has shape \(2, 4\), expected \(2, 5\)$"):
        plots.posts(TOKENS, A, rationale=R[:, :4])
    with pytest.raises(ValueError, match=r"^labels has shape \(1,\), expected \(2,\)$"):
        plots.posts(TOKENS, A, labels=[0])
    with pytest.raises(
        ValueError, match=r"^attention has shape \(2, 2\), a post has \d tokens, exp"
    ):
        plots.posts(TOKENS, A[:, :2])
    with pytest.raises(ValueError, match="^class id -1 has no name, expected 0 to 1$"):
        plots.posts(TOKENS, A, labels=[0, -1], class_names=["a", "b"])
