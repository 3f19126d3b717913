"""Captions from files in the layout of COCO, sound and not, by way of `load`."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import datasets
from attention_zoo.datasets.captions import words as caption_words
from attention_zoo.datasets.captions.captions import LENGTHS
from attention_zoo.datasets.captions.words import END, START, UNKNOWN
from attention_zoo.models.captioning import vocabulary as caption_vocabulary

OPTIONS = {"image_size": 32}


@pytest.fixture
def copied(coco_dir, tmp_path):
    """(change) -> a copy of the folder whose training annotations `change(content)` changed."""

    def copy(change=lambda content: None):
        folder = tmp_path / "coco"
        shutil.copytree(coco_dir, folder, dirs_exist_ok=True)
        path = folder / "annotations/captions_train2014.json"
        content = json.loads(path.read_text())
        path.write_text(json.dumps(change(content) or content))
        return folder

    return copy


def load(folder, split="train", **options):
    return datasets.load("coco_captions", split, data_dir=folder, **OPTIONS | options)


def texts(words, vocabulary):
    names = ["", "?", "START", "END", *vocabulary]
    return [" ".join(names[i] for i in row if i) for row in np.asarray(words)]


def test_elements_are_pictures_words_and_the_words_one_further_on(coco_dir):
    dataset, info = load(coco_dir, batch_size=10)
    assert dataset.element_spec == (
        {
            "image": tf.TensorSpec((None, 32, 32, 3), tf.uint8),
            "words": tf.TensorSpec((None, None), tf.int32),
        },
        {"words": tf.TensorSpec((None, None), tf.int32)},
    )
    inputs, targets = next(iter(dataset))
    assert info.num_examples == len(info.source) == 180 and len(dataset) == 18
    assert info.num_pictures == 60 and info.left_out == {}
    assert inputs["words"].shape[1] == targets["words"].shape[1] == 12
    np.testing.assert_array_equal(inputs["words"][:, 0], START)
    said, after = texts(inputs["words"], info.vocabulary), texts(targets["words"], info.vocabulary)
    assert said[1].startswith("START there is a red square in the")
    assert after[1] == f"{said[1].removeprefix('START ')} END"
    assert after[2] == "one red square named ? END"
    red = inputs["image"].numpy().reshape(10, -1, 3).max(axis=1)[:3]
    np.testing.assert_array_equal(red, [[230, 128, 128]] * 3)


def test_the_vocabulary_is_of_words_that_come_often_in_training(coco_dir):
    train, validation = (load(coco_dir, split)[1] for split in ("train", "validation"))
    assert train.vocabulary == validation.vocabulary
    assert train.vocabulary[0] == "square" and "unique1" not in train.vocabulary
    assert len(load(coco_dir, min_count=1)[1].vocabulary) == len(train.vocabulary) + 60
    own = load(coco_dir, "validation", words=("red", "square"))[1]
    assert set(own.source.words.flat_values.numpy()) == {UNKNOWN, 4, 5}


def test_splits_are_sliced_by_pictures(coco_dir):
    first, last = (load(coco_dir, split)[1] for split in ("train[:90%]", "train[90%:]"))
    assert (first.num_pictures, last.num_pictures) == (54, 6)
    assert first.num_examples == 3 * 54 and first.vocabulary == last.vocabulary
    assert not set(first.source.pictures.ids) & set(last.source.pictures.ids)
    both = load(coco_dir, "train[:2]+validation[:1]")[1]
    assert both.num_pictures == 3 and both.num_examples == 9
    with pytest.raises(ValueError, match="^split is 'test', expected train or validation, or"):
        load(coco_dir, "test")


def test_a_folder_without_validation(coco_dir, tmp_path):
    for part in ("annotations/captions_train2014.json", "train2014"):
        (tmp_path / part).parent.mkdir(exist_ok=True)
        (tmp_path / part).symlink_to(coco_dir / part)
    assert load(tmp_path, "train[50%:]")[1].num_pictures == 30
    with pytest.raises(ValueError, match="^split is 'validation', expected train, or slices"):
        load(tmp_path, "validation")
    name = "annotations/captions_val2014.json"  # the official files come together
    (tmp_path / name).symlink_to(coco_dir / name)
    assert load(tmp_path, "train[50%:]")[1].num_pictures == 30


def test_annotations_may_begin_with_a_byte_order_mark(copied):
    folder = copied()
    path = folder / "annotations" / "captions_train2014.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load(folder, "train[:3]")[1].num_pictures == 3


def test_what_points_nowhere_is_left_out_and_named(copied):
    def change(content):
        content["images"] += [
            {"id": 1, "file_name": "nowhere.png"},
            {"id": 2, "file_name": "007.png"},
            {"id": 1003, "file_name": "003.png"},
        ]
        content["annotations"][0]["caption"] = " ...\n"
        content["annotations"][1]["caption"] = None
        content["annotations"] += [
            {"id": 7000, "image_id": 77, "caption": "A red square."},
            {"id": 7001, "image_id": 1, "caption": "A red square."},
        ]

    info = load(copied(change))[1]
    assert info.left_out == {
        "caption of an unknown picture": [7000],
        "caption without text": [0, 1],
        "picture listed twice": [1003],
        "picture that is not there": [1],
        "picture without captions": [2],
    }
    assert info.num_pictures == 60 and info.num_examples == 178


def test_files_that_are_no_pictures_teach_nothing_and_are_named(copied):
    folder = copied()
    (folder / "train2014/000.png").write_bytes(b"no picture")
    half = (folder / "train2014/003.png").read_bytes()
    (folder / "train2014/003.png").write_bytes(half[: len(half) // 2])
    (folder / "train2014/004.png").write_bytes(b"")
    dataset, info = load(folder, batch_size=16)
    assert info.source.pictures.unreadable == set()
    said = np.concatenate([(targets["words"].numpy() > 0).any(axis=1) for _, targets in dataset])
    assert info.source.pictures.unreadable == {0, 3, 4}
    np.testing.assert_array_equal(~said, np.isin(np.arange(180) // 3, [0, 3, 4]))
    shown = [i for _, targets in info.source.by_picture(16) for i in targets["picture"].numpy()]
    assert shown == sorted(set(range(60)) - {0, 3, 4})


def test_pictures_that_vanish_while_training_are_an_error(copied):
    """Only what is in a file can make it no picture."""
    folder = copied()
    dataset, _ = load(folder, batch_size=16)
    shutil.rmtree(folder / "train2014")
    with pytest.raises(tf.errors.NotFoundError):
        next(iter(dataset))


def test_pictures_of_any_kind_and_size(copied):
    folder = copied()
    pixels = np.full((50, 20, 3), 200, np.uint8)
    (folder / "train2014/000.png").write_bytes(tf.io.encode_jpeg(pixels).numpy())
    (folder / "train2014/001.png").write_bytes(tf.io.encode_png(pixels[..., :1]).numpy())
    (inputs, _), *_ = load(folder, batch_size=6)[0]
    np.testing.assert_allclose(inputs["image"], 200, atol=100)
    np.testing.assert_allclose(inputs["image"][0], 200, atol=2)


def test_by_picture_gives_all_references(coco_dir):
    info = load(coco_dir, "validation")[1]
    batches = list(info.source.by_picture(6))
    assert [len(targets["references"]) for _, targets in batches] == [6, 6, 4]
    inputs, targets = batches[0]
    assert inputs.keys() == {"image"} and inputs["image"].shape == (6, 32, 32, 3)
    assert targets["references"][1, 2] == b"one green square named unique1"
    np.testing.assert_array_equal(targets["picture"], range(6))
    pictures = [
        targets["picture"].numpy().tolist() for _, targets in info.source.head(7).by_picture(5)
    ]
    assert pictures == [[0, 1, 2, 3, 4], [5, 6]]


def numbers(batch):
    """What identifies the captions of a batch: its words, which must be those of its pictures."""
    inputs, targets = tf.nest.map_structure(lambda x: x.numpy(), batch)
    np.testing.assert_array_equal(inputs["words"][:, 1:] > 3, (targets["words"] > 3)[:, :-1])
    assert inputs["words"].shape[1] in LENGTHS
    return [row[row > 0].tobytes() for row in targets["words"]]


@pytest.fixture
def source(coco_dir):
    """Captions that are all different."""
    return load(coco_dir, min_count=1)[1].source


def test_colours_and_words_belong_together(source):
    colours = [source.vocabulary.index(name) + 4 for name in ("red", "green", "blue")]
    for inputs, _ in source.endless(16, seed=1).take(11):
        strongest = inputs["image"].numpy().reshape(16, -1, 3).max(axis=1).argmax(axis=1)
        for row, colour in zip(inputs["words"].numpy(), strongest):
            assert colours[colour] in row


@pytest.mark.parametrize("first", [1, 14])
def test_endless_batches_go_on_where_they_were_broken_off(source, first):
    def batches(first_step, count):
        return [numbers(b) for b in source.endless(16, seed=3, first_step=first_step).take(count)]

    unbroken = batches(0, 22)
    assert batches(first, 22 - first) == unbroken[first:]
    assert sorted(sum(unbroken[:11], [])) != sum(unbroken[:11], [])
    assert unbroken[:11] != unbroken[11:]
    rows = source.rows(np.arange(3))
    assert len(rows) == 3 and set(rows.picture_of) == {0}


def test_shuffled_passes_have_every_caption_once(source):
    expected = sorted(sum((numbers(b) for b in source.dataset(16)), []))
    dataset = source.dataset(16, shuffle=True, seed=1)
    passes = [[numbers(b) for b in dataset] for _ in range(2)]
    assert passes[0] != passes[1]
    for one in passes:
        assert sorted(sum(one, [])) == expected and len(one) == len(dataset) == 12
    assert len(list(source.dataset(16, shuffle=True, drop_remainder=True))) == 11


def test_a_caption_alone_has_no_padding(source):
    alone = list(source.dataset().take(3))
    assert [len(targets["words"]) for _, targets in alone] == [9, 10, 6]
    assert all(targets["words"][-1] == END for _, targets in alone)


def test_captions_are_cut_and_all_batches_of_one_length(coco_dir):
    source = load(coco_dir, max_words=5)[1].source
    dataset = source.endless(16)
    assert dataset.element_spec[0]["words"].shape == (16, 6)
    inputs, targets = next(iter(dataset))
    ends = (targets["words"].numpy() == END).sum(axis=1)
    lengths = (inputs["words"].numpy() > 0).sum(axis=1)
    np.testing.assert_array_equal(lengths, 6)
    assert set(ends) <= {0, 1}


def test_words_of_other_scripts(copied):
    def change(content):
        for caption in content["annotations"]:
            caption["caption"] = "Ein großes Ölbild: l'été, 中文 \ud83d"

    info = load(copied(change))[1]
    assert set(info.vocabulary) == {"ein", "großes", "ölbild", "lété", "中文"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("annotations"), 'json has no list of annotations, expected {"images": '),
        (lambda c: c["annotations"].clear(), "json has 0 annotations, expected one or more$"),
        (lambda c: c["images"].clear(), "json has 0 images, expected one or more$"),
        (lambda c: [1], "json has no list of images, expected"),
        (lambda c: c["images"][3].pop("id"), "images, entry 4 lacks an id or file_name, expected"),
        (lambda c: c["annotations"][0].pop("caption"), "entry 1 lacks image_id or caption, expec"),
        (
            lambda c: c["images"][2].update(id="a7"),
            "entry 3 has the id 'a7', expected a whole",
        ),
        (
            lambda c: c["images"][2].update(id=1.5),
            "entry 3 has the id 1.5, expected a whole",
        ),
        (
            lambda c: c["images"][2].update(id=True),
            "entry 3 has the id True, expected a whole",
        ),
        (
            lambda c: c["images"][2].update(file_name=7),
            "images, entry 3 has the file_name 7, expected a string$",
        ),
        (
            lambda c: c["annotations"][1].update(image_id="b"),
            "annotations, entry 2 has the image_id 'b', expected a whole number$",
        ),
        (
            lambda c: [image.update(file_name="x") for image in c["images"]][:0],
            r"has no captions of pictures in .*train2014 \(60 × picture that is not there\), expec",
        ),
        (
            lambda c: [one.update(caption="") for one in c["annotations"]][:0],
            r"\(180 × caption without text, 60 × picture without captions\), expected one or more",
        ),
    ],
)
def test_unsound_files_are_one_line_errors(copied, change, message):
    def changed(content):
        result = change(content)
        return result if result == [1] else None

    with pytest.raises(ValueError, match=message) as error:
        load(copied(changed))
    assert "\n" not in str(error.value)


def test_ids_may_be_text_of_numbers(copied):
    def change(content):
        for image in content["images"]:
            image["id"] = str(image["id"])

    assert load(copied(change))[1].source.pictures.ids[0] == 1000


@pytest.mark.parametrize("name", ["../val2014/000.png", "{root}/val2014/000.png", "a/../000.png"])
def test_a_file_name_does_not_leave_its_folder(copied, name):
    folder = copied()
    own = name.replace("{root}", str(folder))
    folder = copied(lambda content: content["images"][4].update(file_name=own))
    message = f"images, entry 5 has the file_name '{own}', expected one in .*train2014$"
    with pytest.raises(ValueError, match=message):
        load(folder)


@pytest.fixture
def links(tmp_path):
    """A folder in the layout of COCO whose 5 pictures are links as `link(folder, number)` makes."""

    def make(link):
        (tmp_path / "outside").mkdir()
        (tmp_path / "coco" / "annotations").mkdir(parents=True)
        (tmp_path / "coco" / "train2014").mkdir()
        pixels = tf.io.encode_png(np.zeros((4, 4, 3), "uint8")).numpy()
        (tmp_path / "outside" / "a.png").write_bytes(pixels)
        (tmp_path / "coco" / "train2014" / "a.png").write_bytes(pixels)
        name = link(tmp_path / "coco" / "train2014", tmp_path / "outside")
        content = {
            "images": [{"id": 1, "file_name": name}],
            "annotations": [{"image_id": 1, "caption": "a b c"}],
        }
        path = tmp_path / "coco" / "annotations" / "captions_train2014.json"
        path.write_text(json.dumps(content))
        return tmp_path / "coco"

    return make


def _link_to_file(folder, outside):
    (folder / "b.png").symlink_to(outside / "a.png")
    return "b.png"


def _link_to_folder(folder, outside):
    (folder / "b").symlink_to(outside)
    return "b/a.png"


def _link_within(folder, outside):
    (folder / "b.png").symlink_to("a.png")
    return "b.png"


@pytest.mark.parametrize("link", [_link_to_file, _link_to_folder])
def test_a_link_does_not_leave_the_folder(links, link):
    with pytest.raises(ValueError, match="entry 1 has the file_name 'b.*', expected one in"):
        load(links(link), min_count=1)


def test_a_link_within_the_folder_is_followed(links):
    assert load(links(_link_within), min_count=1)[1].num_pictures == 1


def test_no_json(copied):
    folder = copied()
    (folder / "annotations/captions_train2014.json").write_bytes(b"\xff{")
    with pytest.raises(ValueError, match="captions_train2014.json is no JSON in UTF-8, expected {"):
        load(folder)
    (folder / "annotations/captions_train2014.json").unlink()
    with pytest.raises(
        FileNotFoundError,
        match="coco has no annotations.captions_train2014.json and train2014, exp",
    ):
        load(folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_count": 10**6}, "^the vocabulary has 0 words: none comes 1000000 times or more in"),
        ({"min_count": 0}, "^min_count is 0, expected 1 or more$"),
        ({"image_size": 0}, "^image_size is 0, expected 1 or more$"),
        ({"max_words": 0}, "^max_words is 0, expected 1 or more$"),
        ({"batch_size": 0}, "^batch_size is 0, expected 1 or more$"),
        ({"min_counts": 3}, "^coco_captions has no option 'min_counts', expected one of data_dir"),
    ],
)
def test_bad_options(coco_dir, options, message):
    with pytest.raises(ValueError, match=message):
        load(coco_dir, **options)
    with pytest.raises(ValueError, match="^batch_size is 181, expected 1 to 180, the captions the"):
        load(coco_dir)[1].source.endless(181)


def test_shared_data(shared_dir):
    info = load(shared_dir / "data/flickr8k", "train", image_size=128)[1]
    assert (info.num_pictures, info.num_examples, info.left_out) == (2000, 10000, {})
    assert len(info.vocabulary) > 1000


@pytest.mark.parametrize("name", ["PADDING", "UNKNOWN", "START", "END"])
def test_ids_of_special_words_are_the_captioners(name):
    assert getattr(caption_words, name) == getattr(caption_vocabulary, name)
