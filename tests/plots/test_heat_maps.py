import numpy as np
import pytest

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


def test_a_thumbnail_is_stretched_over_the_slide():
    figure = plots.heat_maps(
        [[[0, 0], [100, 50]]], [[0.5, 0.5]], sizes=[50], thumbnails=[np.zeros((4, 6, 3))]
    )
    (picture,) = figure.axes[0].images
    assert list(picture.get_extent()) == [0, 150, 100, 0]


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
        ([[[0, 0]]], [[0.5, 0.5]], r"attention has shape \(2,\), expected \(1,\)"),
        ([[[0, 0, 0]]], [[1.0]], r"coords has shape \(1, 3\), expected \(1, 2\)"),
    ],
)
def test_bad_shapes(coords, attention, message):
    with pytest.raises(ValueError, match=message):
        plots.heat_maps(coords, attention)
