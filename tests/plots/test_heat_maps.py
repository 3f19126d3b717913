import numpy as np
import pytest
from matplotlib.colors import LogNorm

from attention_zoo import plots


def drawn(ax, gid):
    return next(one for one in [*ax.collections, *ax.lines] if one.get_gid() == gid)


def test_squares_lie_where_patches_were_cut_and_are_coloured_by_their_share():
    xy = np.array([[0, 0], [512, 0], [256, 256], [0, 256]])
    a = np.array([0.05, 0.1, 0.8, 0.05])
    figure = plots.heat_maps([xy], [a], titles=["one"])
    ax, bar = figure.axes
    squares, chosen = drawn(ax, "patches"), drawn(ax, "chosen")
    np.testing.assert_allclose(squares.get_array(), 4 * a)  # the even share is 1
    np.testing.assert_array_equal(squares.get_paths()[1].vertices[:4, 0], [512, 768, 768, 512])
    assert (min(chosen.get_xdata()), max(chosen.get_xdata())) == (256, 512)
    assert ax.get_title("left") == "one" and ax.get_ylim() == (512, 0)  # y goes down
    assert "1 is an even share" in bar.get_xlabel()


def test_a_thumbnail_lies_over_the_whole_slide():
    """Not only up to the last patch: glass to the right and below is not cut, and is in it."""
    figure = plots.heat_maps(
        [[[0, 0], [100, 50]]],
        [[0.5, 0.5]],
        sizes=[50],
        thumbnails=[np.zeros((4, 6, 3))],
        extents=[(600, 400)],
    )
    (ax, _), (picture,) = figure.axes, figure.axes[0].images
    assert list(picture.get_extent()) == [0, 600, 400, 0]
    assert (ax.get_xlim(), ax.get_ylim(), ax.get_xlabel()) == ((0, 600), (400, 0), "")


@pytest.mark.parametrize(
    ("extent", "reason"),
    [
        (None, "no thumbnail: the size of the slide is not known"),
        ((100, 400), "no thumbnail: patches lie beyond the slide, which is 100 × 400"),
        ((600, 50), "no thumbnail: patches lie beyond the slide, which is 600 × 50"),
        ((400, 600), "no thumbnail: it is 6 × 4, the slide 400 × 600"),
    ],
)
def test_a_thumbnail_without_a_place_is_left_out_and_it_is_said(extent, reason):
    figure = plots.heat_maps(
        [[[0, 0], [100, 50]]] * 2,
        [[0.5, 0.5]] * 2,
        sizes=[50] * 2,
        thumbnails=[np.zeros((4, 6, 3)), None],
        extents=[extent, None],
    )
    first, second, _ = figure.axes
    assert (len(first.images), first.get_xlabel(), second.get_xlabel()) == (0, reason, "")
    assert first.get_xlim() == (0, 150)  # up to the last patch, where there is no more to see


@pytest.mark.parametrize("corner", [(-256, 0), (0, -1)])
def test_patches_to_the_left_or_above_are_not_cut_off_by_a_thumbnail(corner):
    figure = plots.heat_maps(
        [[corner, (256, 256)]],
        [[0.9, 0.1]],
        sizes=[256],
        thumbnails=[np.zeros((4, 6, 3))],
        extents=[(768, 512)],
    )
    ax = figure.axes[0]
    reason = "no thumbnail: patches lie beyond the slide, which is 768 × 512"
    assert (len(ax.images), ax.get_xlabel()) == (0, reason)
    assert (ax.get_xlim()[0], ax.get_ylim()[1]) == corner  # the most attended patch is seen


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_attention_that_is_nan_has_no_say_in_the_colours_and_no_frame(order):
    xy = [[[0, 0], [1, 0]], [[0, 0], [1, 0], [2, 0]]]
    attention = [[np.nan, np.nan], [0.9, 0.1, 0.0]]
    figure = plots.heat_maps([xy[i] for i in order], [attention[i] for i in order])
    norms = [drawn(ax, "patches").norm for ax in figure.axes[:2]]
    assert [(type(norm), norm.vmin) for norm in norms] == [(LogNorm, 0.01)] * 2
    assert [norm.vmax for norm in norms] == pytest.approx([3 * 0.9] * 2)
    framed = [bool(ax.lines) for ax in figure.axes[:2]]
    assert framed == [i == 1 for i in order]


def test_slides_of_which_all_attention_is_nan_are_drawn(tmp_path):
    figure = plots.heat_maps([[[0, 0], [1, 0]]], [[np.nan, 0.5]])
    assert not figure.axes[0].lines
    figure = plots.heat_maps([[[0, 0], [1, 0]]], [[np.nan, np.nan]])
    figure.savefig(tmp_path / "heat_maps.png")


def grid(x, y, columns, rows, step):
    """Corners of the patches of a grid that begins at x, y."""
    places = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    return places * step + (x, y)


def side_of(xy):
    """The side of the squares that are drawn."""
    xy = np.asarray(xy)
    figure = plots.heat_maps([xy], [np.full(len(xy), 1 / len(xy))])
    (left, top), _, (right, bottom) = drawn(figure.axes[0], "patches").get_paths()[0].vertices[:3]
    assert right - left == bottom - top
    return right - left


@pytest.mark.parametrize(
    ("xy", "side"),
    [
        # Each tissue has a grid of its own, as CLAM cuts them: 23 and 3 lie between the two.
        (np.vstack([grid(1003, 2011, 9, 7, 256), grid(9006, 2500, 5, 5, 256)]), 256),
        (np.vstack([grid(1003, 2011, 5, 4, 256), grid(2500, 2014, 5, 4, 256)]), 256),
        # Two tissues side by side, whose outermost patches overlap.
        (np.vstack([grid(0, 0, 5, 4, 256), grid(1250, 100, 5, 4, 256)]), 256),
        # Of 4,900 places every tenth has tissue; a row, a column, a diagonal, one alone, one twice.
        (np.random.default_rng(0).permutation(grid(0, 0, 70, 70, 512))[:490], 512),
        (grid(0, 0, 30, 1, 100), 100),
        (grid(5, 5, 1, 30, 100), 100),
        ([[0, 0], [256, 256], [512, 512]], 256),
        ([[7, 7]], 1),
        ([[7, 7], [7, 7]], 1),
        # Many patches, of which a sample is looked at.
        (grid(11, 13, 300, 200, 224), 224),
    ],
)
def test_a_patch_is_as_large_as_the_way_to_its_neighbour(xy, side):
    assert side_of(xy) == side


def test_several_slides_have_an_axes_each_and_one_scale():
    xy = [[[0, 0], [1, 0]], [[0, 0]], [[0, 0], [0, 2], [0, 4]]]
    figure = plots.heat_maps(xy, [[0.9, 0.1], [1.0], [0.0, 1.0, 0.0]])
    assert len(figure.axes) == 4
    limits = {drawn(ax, "patches").norm.vmax for ax in figure.axes[:3]}
    assert limits == {3.0}


@pytest.mark.parametrize(
    ("coords", "attention", "message"),
    [
        ([], [], "coords has 0 slides"),
        ([[[0, 0]], [[1, 1]]], [[1.0]], "attention has 1 slides, expected 2, as coords"),
        ([[[0, 0]]], [[0.5, 0.5]], r"attention has shape \(2,\), expected \(1,\)"),
        ([[[0, 0, 0]]], [[1.0]], r"coords has shape \(1, 3\), expected \(1, 2\)"),
    ],
)
def test_bad_shapes(coords, attention, message):
    with pytest.raises(ValueError, match=message):
        plots.heat_maps(coords, attention)


def test_a_note_stands_below():
    figure = plots.heat_maps([[[0, 0]]], [[1.0]], note="without coords: a, b")
    assert figure.get_supxlabel() == "without coords: a, b"


def test_sizes_may_be_an_array():
    xy, a = [[[0, 0]], [[0, 0]]], [[1.0], [1.0]]
    assert len(plots.heat_maps(xy, a, sizes=np.array([2.0, 3.0])).axes) == 3
    with pytest.raises(ValueError, match="titles has 1 slides, expected 2, as coords"):
        plots.heat_maps(xy, a, titles=["one"])
