import pytest

from attention_zoo.models import NETWORKS, networks

SHAPES = {"digits": (8, 8, 1), "cifar10": (32, 32, 3), "cifar100": (32, 32, 3), "linear": (4,)}


def test_every_name_is_tested():
    assert set(SHAPES) == set(NETWORKS)


@pytest.mark.parametrize("name", SHAPES)
def test_pair_by_name(name):
    focus, classifier = networks(name, SHAPES[name], 6)
    assert (focus.name, classifier.name) == ("focus", "classifier")
    assert focus.input_shape == classifier.input_shape == (None, *SHAPES[name])
    assert (focus.output_shape, classifier.output_shape) == ((None, 1), (None, 6))


def test_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"network is 'resnet', expected one of \['cifar10', 'cif"):
        networks("resnet", (32, 32, 3), 3)


@pytest.mark.parametrize(
    ("name", "smallest"), [("cifar10", 18), ("cifar100", 18), ("digits", 6), ("linear", 1)]
)
def test_smallest_segments(name, smallest):
    for network in networks(name, (smallest, smallest, 1), 3):
        assert all(weight.size > 0 for weight in network.get_weights())


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("cifar10", (17, 17, 3)),
        ("cifar100", (17, 17, 3)),
        ("digits", (5, 5, 1)),
        ("digits", (6, 5, 1)),
        ("digits", (8, 8)),
    ],
)
def test_segments_that_do_not_fit_are_refused(name, shape):
    message = (
        rf"network '{name}' does not fit segments of shape .*: segment_shape is .*, "
        r"expected \(height, width, channels\) of (18×18|6×6) pixels or more$"
    )
    with pytest.raises(ValueError, match=message):
        networks(name, shape, 3)
