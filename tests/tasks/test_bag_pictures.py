"""Pictures of a run on bags: which slides are drawn, and over what; what is said of examples."""

import h5py
import numpy as np
import pytest
from matplotlib import image
from support.bags import bags_of_vectors

from attention_zoo import datasets
from attention_zoo.tasks import BagsTask
from attention_zoo.tasks.bags.config import BagsConfig
from attention_zoo.tasks.bags.pictures import bag_examples, heat_maps


class Even:
    """Attends to all instances alike, and says the first class."""

    way_to_predict = "soft"

    def predict_on_batch(self, inputs):
        mask = np.asarray(inputs["mask"])
        label = np.tile([1.0, 0.0], (len(mask), 1))
        return {"focus": mask / mask.sum(axis=1, keepdims=True), "label": label}


@pytest.fixture
def drawn(tmp_path):
    """(names of slides without coords) -> the figure of eight slides, of two classes in turn."""

    def draw(*lacking):
        names = [f"s{i}" for i in range(8)]
        for name in names:
            with h5py.File(tmp_path / f"{name}.h5", "w") as file:
                file["features"] = np.ones((3, 2))
                if name not in lacking:
                    file["coords"] = [[0, 0], [256, 0], [0, 256]]
        rows = [f"{name},{'ab'[i % 2]}" for i, name in enumerate(names)]
        (tmp_path / "labels.csv").write_text("\n".join(["slide,label", *rows]))
        split = datasets.load("bags/slides", "all", data_dir=str(tmp_path))[1]
        return heat_maps(Even(), split).get("heat_maps")

    return draw


def titles(figure):
    return [ax.get_title("left") for ax in figure.axes[:-1]]


def test_the_first_slides_of_each_class_are_drawn(drawn):
    figure = drawn()
    assert titles(figure) == ["✓ s0: a → a", "✗ s1: b → a", "✓ s2: a → a", "✗ s3: b → a"]
    assert figure.get_supxlabel() == ""


def test_a_slide_without_coords_is_passed_over_and_named(drawn):
    figure = drawn("s0", "s7")
    assert titles(figure) == ["✗ s1: b → a", "✓ s2: a → a", "✗ s3: b → a", "✓ s4: a → a"]
    assert figure.get_supxlabel() == "no heat map, as there are no coords: s0"


def test_of_many_slides_without_coords_some_are_named(drawn):
    figure = drawn(*(f"s{i}" for i in range(7)))
    assert titles(figure) == ["✗ s7: b → a"]
    note = "no heat map, as there are no coords: s0, s1, s2 and 4 more"
    assert figure.get_supxlabel() == note
    assert drawn(*(f"s{i}" for i in range(8))) is None


def test_made_up_tissue_lies_on_its_thumbnail(load_example, tmp_path):
    """Whose pixels are pink where patches are, in a slide that goes on behind the last one."""
    load_example("made_up_slides").main(tmp_path, slides=2)
    split = datasets.load("bags/slides", "all", data_dir=str(tmp_path))[1]
    instances = split.source.instances
    figure = heat_maps(Even(), split)["heat_maps"]
    for number, ax in enumerate(figure.axes[:2]):
        (picture,), xy = ax.images, instances.coords(number)
        left, right, bottom, top = picture.get_extent()
        assert (left, top) == (0, 0) and (right, bottom) == instances.extent(number)
        assert np.all(xy.max(axis=0) + 1024 < (right, bottom)) and ax.get_xlabel() == ""
        pixels = image.imread(tmp_path / f"slide0{number}.png")[..., 1]  # green: tissue has less
        place = (xy + 128) / (right, bottom) * pixels.shape[::-1]
        is_tissue = pixels < 0.8
        assert np.all(is_tissue[tuple(place.astype(int).T[::-1])])
        share = len(xy) * 256**2 / (right * bottom)
        assert is_tissue.mean() == pytest.approx(share, abs=0.01)


def test_a_thumbnail_that_cannot_be_read_is_said_and_left_out(drawn, tmp_path, caplog):
    (tmp_path / "s1.jpg").write_bytes(b"\xff\xd8 half a picture")
    figure = drawn()
    assert len(titles(figure)) == 4 and not figure.axes[1].images
    assert f"{tmp_path}/s1.jpg cannot be read: " in caplog.text


def examples_of(keys, labels):
    """examples.json of bags of twelve pictures, of which the first eight are shown."""
    images = [np.zeros((12, 2, 2, 1), np.uint8)] * len(keys)
    source = datasets.Bags.from_lists(images, labels, keys)
    split = BagsTask().accept(source, BagsTask.config())
    return bag_examples(Even(), split, source.in_batches_of(48))


def test_key_instances_that_are_not_shown_are_known():
    found = examples_of(keys=[3, 11, None, None], labels=[0, 0, 0, 1])
    truth = {one["number"]: (one["known"], one["true"]) for one in found["best"]}
    assert truth == {0: (True, [3]), 1: (True, []), 2: (False, []), 3: (False, [])}


def test_bags_of_hidden_key_instances_are_apart_from_those_of_unknown_ones():
    found = examples_of(keys=[None] * 4 + [11] * 4 + [None], labels=[0] * 8 + [1])
    numbers = [one["number"] for one in found["best"]]
    assert numbers == [0, 1, 4, 8]


@pytest.mark.parametrize(
    ("names", "kind"),
    [(("train", "validation", "test"), "test"), (("train", "validation"), "validation")],
)
def test_the_words_above_heat_maps_name_the_split(names, kind):
    split = BagsTask().accept(bags_of_vectors(), BagsConfig())
    facts = BagsTask().facts(dict.fromkeys(names, split))
    assert f"on the first {kind} bags, " in facts["pictures"]["heat_maps"]
