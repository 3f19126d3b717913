import base64
import io

import numpy as np
import pytest
from matplotlib.image import imread

from attention_zoo import datasets
from attention_zoo.datasets.text.posts import Posts, describe
from attention_zoo.models import FocusClassifier, TokenEncoder, networks
from attention_zoo.models.networks.text import text_networks
from attention_zoo.tasks.examples import extremes, mosaic_examples, post_examples


@pytest.fixture(scope="module")
def mosaics():
    """(model of digits mosaics without training, their `DatasetInfo`)."""
    info = datasets.load("sdc/digits", "test", num_examples=70)[1]
    focus, classifier = networks("digits", info.segment_shape, info.num_classes)
    model = FocusClassifier(focus, classifier, "lvml")
    model.build((None, 5, *info.segment_shape))
    return model, info


@pytest.fixture(scope="module")
def by_numpy(mosaics):
    """(likelihoods of the true labels (n,), log-probabilities (n, c), attention) of all at once."""
    model, info = mosaics
    segments, truth = next(iter(info.source.dataset(70)))
    outputs = model.predict(segments, verbose=0)
    p = np.exp(outputs["label"].astype("float64"))[np.arange(70), truth["label"]]
    return p, outputs["label"], outputs["focus"]


@pytest.mark.parametrize("batch_size", [1, 16, 70])
def test_extremes_are_those_of_highest_and_lowest_likelihood(mosaics, by_numpy, batch_size):
    """Of three classes and five places: two of the two classes that come first, one of the last."""
    model, info = mosaics
    best, worst = extremes(model, info.source.dataset(batch_size), count=5)
    p, log_p, a = by_numpy
    labels = info.source.labels
    for found, order in ((worst, np.argsort(p)), (best, np.argsort(-p))):
        classes = list(dict.fromkeys(labels[order].tolist()))  # as they come
        expected = [
            number
            for place, label in enumerate(classes)
            for number in order[labels[order] == label][: 2 if place < 2 else 1]
        ]
        ranks = {number: rank for rank, number in enumerate(order.tolist())}
        assert [one.number for one in found] == sorted(expected, key=ranks.__getitem__)
    for one in [*best, *worst]:
        assert one.log_likelihood == pytest.approx(np.log(p[one.number]), abs=1e-5)
        assert one.label == info.source.labels[one.number]
        assert one.prediction == log_p[one.number].argmax()
        assert one.true == [info.source.focus[one.number]]
        np.testing.assert_allclose(one.attention, a[one.number], atol=1e-5)


def test_examples_are_of_known_and_of_unknown_focus(linear):
    """Also where all those of highest likelihood are of one class without a known focus."""
    model = linear(np.zeros(2), np.eye(2, 3))
    x = np.zeros((8, 4, 2), "float32")
    x[:4, :, 0] = 9.0  # sure of class 0
    focus = np.array([-1] * 6 + [1, 2])
    batch = x, {"label": np.array([0, 0, 0, 0, 0, 1, 1, 0]), "focus": focus}
    best, _ = extremes(model, [batch], count=4)
    groups = [(one.label, one.known) for one in best]
    assert [one.known for one in best] == [bool(one.true) for one in best]
    assert sorted(groups) == [(0, False), (0, True), (1, False), (1, True)]


def test_every_class_is_there_before_one_is_there_twice(linear):
    """Also where the likeliest are of two classes, with and without a known focus."""
    model = linear(np.zeros(2), np.eye(2, 3))
    x = np.zeros((6, 4, 2), "float32")
    x[:2, :, 0] = x[2:4, :, 1] = 9.0  # sure of classes 0 and 1
    labels = np.array([0, 0, 1, 1, 2, 2])
    batch = x, {"label": labels, "focus": np.array([-1, 2, -1, 2, -1, 2])}
    best, _ = extremes(model, [batch], count=4)
    assert {one.label for one in best} == {0, 1, 2}
    assert {one.known for one in best} == {False, True}


def test_no_two_are_of_the_same_picture(mosaics):
    model, info = mosaics
    source = info.source
    foreground = source.table[np.arange(len(source)), source.focus]
    for end in ("best", "worst"):
        numbers = [one["number"] for one in mosaic_examples(model, info)[end]]
        assert len(numbers) == 4 == len(set(foreground[numbers].tolist()))


def test_of_equals_the_first_are_taken(linear):
    model = linear(np.zeros(2), np.zeros((2, 3)))
    batch = np.zeros((6, 4, 2), "float32"), {"label": np.arange(6) % 3, "focus": np.full(6, -1)}
    best, worst = extremes(model, [batch, batch], count=3)
    assert [one.number for one in best] == [one.number for one in worst] == [0, 1, 2]
    assert best[0].true == [] and not best[0].known


def test_mosaics_have_the_pixels_of_their_segments(mosaics, by_numpy):
    model, info = mosaics
    found = mosaic_examples(model, info)
    assert found["way_to_predict"] == "marginal"
    worst = found["worst"][0]
    assert worst["number"] == by_numpy[0].argmin()
    assert worst["likelihood"] == pytest.approx(by_numpy[0].min(), abs=1e-6)
    assert worst["label"] in info.class_names
    for row, uri in zip(info.source.table[worst["number"]], worst["pictures"], strict=True):
        png = io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,")))
        pixels = np.rint(255 * imread(png)[..., :3]).astype(np.uint8)
        image = np.asarray(info.source.images[row])
        np.testing.assert_array_equal(pixels, np.broadcast_to(image, pixels.shape))


def test_segments_that_are_no_images_have_no_pictures(linear):
    _, info = datasets.load("orthogonal", num_segments=4, num_classes=3, num_examples=8)
    width = info.segment_shape[0]
    found = mosaic_examples(linear(np.ones(width), np.ones((width, 3))), info)
    assert "pictures" not in found["best"][0] and len(found["best"][0]["attention"]) == 4


def test_posts_have_their_own_tokens_and_as_many_weights():
    tokens = [["a"], ["b", "c", "d"], ["c", "é", "a", "b", "d", "a", "b", "c", "d"]]
    rationales = [None, [0, 1, 1], None]
    posts = Posts.from_lists(tokens, [0, 1, 1], rationales)
    words = ("a", "b", "c", "d")
    focus, classifier, network = text_networks("simple", words, 2, dim=4, subwords=0)
    model = FocusClassifier(focus, classifier, "soft", encoder=TokenEncoder(words, network))
    model.build((None, None))
    encoded = posts.encoded(model.encoder.look_up)
    found = post_examples(model, describe("mine", "test", encoded, ("no", "yes"), {}, ""))
    by_number = {one["number"]: one for one in found["best"]}
    assert [by_number[i]["tokens"] for i in range(3)] == tokens
    for one in found["best"]:
        assert len(one["attention"]) == len(one["tokens"])
        assert sum(one["attention"]) == pytest.approx(1.0, abs=1e-4)
    assert [by_number[i]["true"] for i in range(3)] == [[], [1, 2], []]
    assert [by_number[i]["known"] for i in range(3)] == [False, True, False]
    assert [by_number[i]["label"] for i in range(3)] == ["no", "yes", "yes"]
