import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from attention_zoo.plots import captions, mosaics

B, M, H, W = 3, 5, 4, 6


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def segments(rng):
    return rng.random((B, M, H, W, 3)).astype("float32")


@pytest.fixture
def attention(rng):
    return rng.dirichlet(np.ones(M), size=B)


def framed(figure, kind):
    """For every axes the segments that have a frame of this kind."""
    gids = [[line.get_gid() for line in ax.lines] for ax in figure.axes]
    return [[int(g.split("-")[1]) for g in gs if g.startswith(kind)] for gs in gids]


def tile(ax, j):
    """The picture of segment j, cut out of the axes's canvas where its bar is."""
    bar = next(p for p in ax.patches if p.get_gid() == f"attention-{j}")
    x, y = round(bar.get_x()), round(bar.get_y() - 1.09 * H)
    return np.asarray(ax.images[0].get_array())[y : y + H, x : x + W]


def bars(ax, m):
    """Lengths of the bars, a full one is 1."""
    by_gid = {p.get_gid(): p.get_width() for p in ax.patches}
    return np.array([by_gid[f"attention-{j}"] for j in range(m)]) / W


def texts(artists):
    return [t.get_text() for t in artists]


def test_the_most_attended_segment_is_framed(segments, attention):
    figure = mosaics(segments, attention)
    assert framed(figure, "chosen") == attention.argmax(-1)[:, None].tolist()
    assert framed(figure, "true") == [[]] * B


def test_of_equals_the_first_is_framed(segments):
    figure = mosaics(segments, np.full((B, M), 1 / M))
    assert framed(figure, "chosen") == [[0]] * B


def test_the_true_segments_are_framed(segments, attention):
    index = mosaics(segments, attention, focus=[3, -1, 0])
    assert framed(index, "true") == [[3], [], [0]]
    mask = mosaics(segments, attention, focus=np.eye(M)[[3, 1, 0]] + np.eye(M)[4])
    assert framed(mask, "true") == [[3, 4], [1, 4], [0, 4]]
    unknown = mosaics(segments, attention, focus=np.full((B, M), -1))  # as the metrics read it
    assert framed(unknown, "true") == [[]] * B


def test_frames_surround_their_segment(segments, attention):
    ax = mosaics(segments, attention, focus=[2, 2, 2]).axes[0]
    for line in ax.lines:
        bar = next(p for p in ax.patches if p.get_gid() == f"attention-{line.get_gid()[-1]}")
        x, y = line.get_data()
        np.testing.assert_allclose([x.min(), x.max()], [bar.get_x(), bar.get_x() + W], atol=0.5)
        assert y.max() < bar.get_y() + bar.get_height()


@pytest.mark.parametrize("columns", [None, 2])
def test_segments_are_where_their_bars_are(segments, attention, columns):
    figure = mosaics(segments, attention, columns=columns)
    for ax, images in zip(figure.axes, segments, strict=True):
        for j in range(M):
            np.testing.assert_allclose(tile(ax, j), images[j], atol=1e-6)


@pytest.mark.parametrize("scale", ["uint8", "zero to one", "minus one to one"])
def test_pixels_of_every_scale_look_alike(segments, attention, scale):
    bytes_ = np.round(segments * 255).astype("uint8")
    same = {
        "uint8": bytes_,
        "zero to one": bytes_ / 255,
        "minus one to one": (bytes_ / 127.5 - 1).astype("float16"),
    }[scale]
    ax = mosaics(same, attention).axes[1]
    np.testing.assert_allclose(tile(ax, 2), bytes_[1, 2] / 255, atol=1e-3)


def test_rounding_below_zero_does_not_make_a_picture_grey(segments, attention):
    """Resizing and standardising back leave such numbers; they say nothing of the scale."""
    noisy = segments.copy()
    noisy[0, 0, 0, 0] = -1e-7
    ax = mosaics(noisy, attention).axes[0]
    np.testing.assert_allclose(tile(ax, 0), noisy[0, 0].clip(0, 1), atol=1e-6)


@pytest.mark.parametrize("low", [0.0, -1e-7, -5e-4, -0.25, -1.0])
def test_pixels_mean_the_same_as_in_pictures_with_captions(low, segments, attention):
    """They are half of what -1 to 1 is where one lies below 0 by more than a thousandth."""
    segments[0, 0, 0, 0] = low
    expected = (segments + 1) / 2 if low < -1e-3 else segments.clip(0, 1)
    drawn = captions(segments[:, 0], ["a"] * B, np.ones((B, 1, 1))).axes[0].images[0]
    np.testing.assert_allclose(drawn.get_array(), expected[0, 0], atol=1e-6)
    np.testing.assert_allclose(
        tile(mosaics(segments, attention).axes[0], 0), expected[0, 0], atol=1e-6
    )


def test_one_channel_is_gray(segments, attention):
    ax = mosaics(segments[..., :1], attention).axes[0]
    np.testing.assert_allclose(tile(ax, 1), np.repeat(segments[0, 1, :, :, :1], 3, -1), atol=1e-6)


def test_up_to_ten_segments_bars_and_numbers_are_the_attention(segments, attention):
    figure = mosaics(segments, attention)
    for ax, a in zip(figure.axes, attention, strict=True):
        np.testing.assert_allclose(bars(ax, M), a, atol=1e-5)
        assert texts(ax.texts) == [f"{w:.2f}" for w in a]


def test_beyond_ten_segments_bars_are_relative_to_the_largest(rng):
    m = 20
    a = rng.dirichlet(np.ones(m), size=2)
    figure = mosaics(rng.random((2, m, H, W, 1)), a)
    for ax, weights in zip(figure.axes, a, strict=True):
        np.testing.assert_allclose(bars(ax, m), weights / weights.max(), atol=1e-5)
        assert not ax.texts
        assert ax.get_title("right") == f"largest attention {weights.max():.2f}"


def test_beyond_ten_segments_less_attention_is_paler():
    a = np.linspace(1, 2, 12)[None] / 18
    ax = mosaics(np.zeros((1, 12, H, W, 1), "uint8"), a).axes[0]
    brightness = [tile(ax, j).mean() for j in range(12)]
    assert brightness == sorted(brightness, reverse=True)
    assert brightness[-1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("m", "columns", "rows"), [(5, 5, 1), (10, 10, 1), (20, 5, 4), (50, 10, 5), (100, 10, 10)]
)
def test_segments_wrap_into_a_near_square(m, columns, rows):
    ax = mosaics(np.zeros((1, m, H, W, 1)), np.full((1, m), 1 / m)).axes[0]
    corners = [(p.get_x(), p.get_y()) for p in ax.patches if p.get_gid()]
    assert len(corners) == len(set(corners)) == m
    assert [len(set(axis)) for axis in zip(*corners, strict=True)] == [columns, rows]


def test_titles_say_true_and_predicted_and_whether_right(segments, attention):
    names = ["cat", "dog"]
    figure = mosaics(
        segments, attention, labels=[0, 1, 0], predictions=[0, 0, 1], class_names=names
    )
    titles = [ax.get_title("left") for ax in figure.axes]
    assert titles == ["✓ cat → cat", "✗ dog → cat", "✗ cat → dog"]
    colours = {t.get_text(): t.get_color() for t in figure.findobj(Text)}
    assert colours[titles[0]] != colours[titles[1]] == colours[titles[2]]


def test_titles_say_what_is_known(segments, attention):
    assert mosaics(segments, attention, labels=[7, 8, 9]).axes[1].get_title("left") == "8"
    assert mosaics(segments, attention, predictions=[7, 8, 9]).axes[1].get_title("left") == "→ 8"
    assert mosaics(segments, attention).axes[1].get_title("left") == ""


def test_only_the_first_examples_are_drawn(segments, attention):
    figure = mosaics(segments, attention, max_examples=2)
    assert framed(figure, "chosen") == attention.argmax(-1)[:2, None].tolist()


@pytest.mark.parametrize("m", [1, 2, 5, 20, 100])
def test_everything_is_inside_a_picture_900_pixels_wide(m, tmp_path):
    a, ids = np.eye(m)[[0, m - 1, 0]], [0, 1, 1]
    x = np.zeros((3, m, 8, 8, 3), "uint8")
    figure = mosaics(x, a, focus=ids, labels=ids, predictions=ids, class_names=["automobile"] * 2)
    figure.savefig(tmp_path / "mosaics.png")
    height, width, _ = imread(tmp_path / "mosaics.png").shape
    assert width == 900
    assert height == round(figure.bbox.height)
    drawn = [*figure.legends, *(t for ax in figure.axes for t in (*ax.texts, *ax.lines))]
    for box in (artist.get_window_extent() for artist in drawn):
        assert 0 <= box.x0 < box.x1 <= width and 0 <= box.y0 < box.y1 <= height


def test_examples_do_not_overlap(rng):
    x = rng.random((8, 5, 8, 8, 3))
    figure = mosaics(x, np.full((8, 5), 0.2), labels=np.arange(8))
    figure.draw_without_rendering()
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_legend_explains_what_is_drawn(segments, attention):
    (plain,) = mosaics(segments, attention).legends
    assert texts(plain.texts) == ["most attended segment", "attention (full bar: 1)"]
    ids = [0, 1, 2]
    (full,) = mosaics(segments, attention, focus=ids, labels=ids, predictions=ids).legends
    assert {"true segment", "✓ ✗  true → predicted label"} < set(texts(full.texts))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"segments": np.zeros((B, M, H, W))}, r"segments has shape \(3, 5, 4, 6\), expected"),
        ({"segments": np.zeros((B, M, H, W, 2))}, r"segments has shape .*, expected"),
        ({"segments": np.full((B, M, H, W, 1), 255)}, "segments has int64 values from 255 to 255"),
        ({"segments": np.full((B, M, H, W, 1), np.nan)}, "values from nan to nan"),
        (
            {"segments": np.zeros((0, M, H, W, 3))},
            r"segments has shape \(0, 5, 4, 6, 3\), expected 1 example or more",
        ),
        ({"attention": np.zeros((B, 7))}, r"attention has shape \(3, 7\), expected \(3, 5\)"),
        ({"focus": [0, 1]}, r"focus has shape \(2,\), expected \(3,\) or \(3, 1\) or \(3, 5\)"),
        ({"labels": [0]}, r"labels has shape \(1,\), expected \(3,\)"),
        ({"predictions": np.zeros((B, 2))}, r"predictions has shape \(3, 2\), expected \(3,\)"),
        ({"labels": [0, 2, 1], "class_names": ["a", "b"]}, "class ids 0 to 2, class_names has 2"),
    ],
)
def test_bad_input_raises_one_line(segments, attention, changes, message):
    with pytest.raises(ValueError, match=message) as error:
        mosaics(**{"segments": segments, "attention": attention, **changes})
    assert "\n" not in str(error.value)
