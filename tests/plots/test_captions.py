import numpy as np
import pytest

from attention_zoo import plots

IMAGES = np.zeros((2, 20, 30, 3), np.uint8)
WORDS = ["a red square", "one two three four five six seven"]
A = np.random.default_rng(0).dirichlet(np.ones(6), (2, 8))
GRID = {"grid": (2, 3)}


def panels(figure):
    """Words and attention images or frames, by panel."""
    return [ax for ax in figure.axes if ax.get_title(loc="left")]


def test_the_picture_stands_once_for_every_word(tmp_path):
    figure = plots.captions(IMAGES, WORDS, A, **GRID)
    assert len(figure.axes) == 2 + 3 + 7
    titles = [ax.get_title(loc="left") for ax in panels(figure)]
    assert titles == WORDS[0].split() + WORDS[1].split()
    assert panels(figure)[1].get_title(loc="right") == f"{A[0, 1].max():.2f}"
    figure.savefig(tmp_path / "captions.png")
    assert figure.get_figwidth() * figure.dpi == 900


def test_colour_follows_attention():
    figure = plots.captions(IMAGES, WORDS, A, **GRID)
    for t, ax in enumerate(panels(figure)[:3]):
        (heat,) = (image for image in ax.images if image.get_gid() == "attention")
        np.testing.assert_allclose(heat.get_array(), A[0, t].reshape(2, 3) / A[0, t].max())
        assert heat.get_extent() == list(ax.images[0].get_extent()) == [0, 30, 20, 0]


def test_hard_attention_frames_its_region():
    figure = plots.captions(IMAGES, WORDS, A, hard=True, **GRID)
    for t, ax in enumerate(panels(figure)[:3]):
        (frame,) = ax.patches
        row, column = divmod(A[0, t].argmax(), 3)
        assert frame.get_xy() == (column * 10, row * 10)
        assert (frame.get_width(), frame.get_height()) == (10, 10)
        assert len(ax.images) == 1


def test_panels_do_not_overlap():
    figure = plots.captions(IMAGES, WORDS, A, references=["x" * 500, "$x^$"], **GRID)
    boxes = [ax.get_position() for ax in figure.axes]
    for i, one in enumerate(boxes):
        assert 0 <= one.x0 < one.x1 <= 1 and 0 <= one.y0 < one.y1 <= 1
        assert not any(one.overlaps(other) for other in boxes[i + 1 :])
    first, second = (text.get_text() for text in figure.texts)
    assert first.endswith("…") and second == "$x^$"


def test_floats_squares_lists_and_empty_captions(tmp_path):
    a = np.full((2, 1, 9), 1 / 9)
    figure = plots.captions(np.ones((2, 8, 8, 3), "float32"), [["w" * 40], []], a)
    assert len(figure.axes) == 3 and panels(figure)[0].get_title(loc="left").endswith("…")
    figure.savefig(tmp_path / "captions.png")
    assert len(plots.captions(IMAGES, WORDS, A, max_examples=1, **GRID).axes) == 4


@pytest.mark.parametrize(
    ("images", "words", "a", "grid", "message"),
    [
        (IMAGES[0], WORDS, A, (2, 3), r"^images has shape \(20, 30, 3\), expected \(b, h, w, 3\)$"),
        (
            IMAGES - 2.0,
            WORDS,
            A,
            (2, 3),
            r"^images has float64 values from -2 to -2, expected uint8, or floats in \[0, 1\] or",
        ),
        (IMAGES, WORDS, A[0], (2, 3), r"^attention has shape \(8, 6\), expected \(b, T, R\)$"),
        (IMAGES, WORDS, A, None, "^grid is None, expected rows and columns of 6 regions$"),
        (IMAGES, WORDS, A[:, :6], (2, 3), "^words are of 2 captions, up to 7 words long, expected"),
        (IMAGES, WORDS[:1], A, (2, 3), "^words are of 1 captions, up to 3 words long, expected 2"),
    ],
)
def test_shapes_must_agree(images, words, a, grid, message):
    with pytest.raises(ValueError, match=message):
        plots.captions(images, words, a, grid=grid)
