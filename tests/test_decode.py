"""Pictures are turned upright by their EXIF data: Pillow is the oracle."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from attention_zoo._decode import decoded, orientation, upright
from attention_zoo._export.captions import _image_reader
from attention_zoo.datasets.captions import coco_records
from attention_zoo.datasets.captions.exif import orientation_of
from attention_zoo.datasets.captions.pictures import Pictures

ORIENTATION, MAKER = 0x0112, 0x010F
SIZE = 24, 40
# Large squares, no two of the same colour: JPEG hardly blurs them.
PIXELS = np.kron(
    np.random.default_rng(0).permutation(256)[:45].reshape(3, 5, 3), np.ones((8, 8, 1))
).astype("uint8")


def file_of(form, turn, big=False, before=b""):
    """The bytes of a picture with an orientation; `before` are JPEG segments before EXIF's."""
    exif = Image.Exif()
    exif.endian = ">" if big else "<"
    exif[MAKER], exif[ORIENTATION] = "maker", turn
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, form, exif=exif.tobytes(), quality=95, subsampling=0)
    data = file.getvalue()
    return data[:2] + before + data[2:]


def shown(data):
    """As Pillow shows it."""
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"), float)


in_graph = tf.function(
    lambda data: upright(
        tf.io.decode_image(data, channels=3, expand_animations=False), orientation(data)
    ),
    input_signature=[tf.TensorSpec((), tf.string)],
)
number_of = tf.function(orientation, input_signature=[tf.TensorSpec((), tf.string)])


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_every_orientation(form, turn, big, tmp_path):
    data = file_of(form, turn, big)
    (tmp_path / "a").write_bytes(data)
    assert number_of(data) == turn == orientation_of(tmp_path / "a")
    found, true = in_graph(data).numpy(), shown(data)
    assert found.shape == true.shape
    np.testing.assert_allclose(found, true, atol=8 if form == "JPEG" else 0)


@pytest.mark.parametrize("size", [(16, 24), (20, 20)])
def test_training_and_export_see_the_same_upright_picture(size, tmp_path):
    names = []
    for turn in range(1, 9):
        names.append(tmp_path / f"{turn}.jpg")
        names[-1].write_bytes(file_of("JPEG", turn))
    places = [(str(path), None, path.stat().st_size) for path in names]
    trained = Pictures(np.arange(8), places, size)[range(8)]
    data = tf.constant([path.read_bytes() for path in names])
    np.testing.assert_array_equal(_image_reader(size)(data)["image"], trained)
    for one, path in zip(trained, names, strict=True):
        true = tf.image.resize(shown(path.read_bytes()), size, antialias=True)
        np.testing.assert_allclose(one, true, atol=9)


@pytest.mark.parametrize(
    ("data", "turn"),
    [
        (file_of("JPEG", 0), 1),
        (file_of("JPEG", 9), 1),
        (file_of("JPEG", 6)[:40], 1),  # cut short within EXIF
        (file_of("JPEG", 6, before=b"\xff\xe0\x00\x10JFIF\0" + bytes(9)), 6),
        (file_of("JPEG", 6, before=b"\xff\xfe\x00\x04hi"), 6),
        (file_of("JPEG", 6, before=b"\xff\xdb\x00\x04hi"), 1),  # the picture's own data come first
        (file_of("JPEG", 6, before=b"\xff\xe1\x00\x08other "), 6),
        (b"", 1),
        (b"\xff\xd8\xff", 1),
        (b"\x89PNG\r\n\x1a\n", 1),
        (b"\xff\xd8\xff\xe1\xff\xffExif\0\0MM\0*\xff\xff\xff\xff", 1),  # a directory nowhere
        (b"\xff\xd8\xff\xe1\xff\xffExif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(10**6), 1),
    ],
    ids=range(12),
)
def test_what_names_no_orientation_is_upright(data, turn, tmp_path):
    (tmp_path / "a").write_bytes(data)
    assert number_of(data) == turn == orientation_of(tmp_path / "a")


def test_damage_never_raises_and_reads_alike(tmp_path):
    rng, whole = np.random.default_rng(0), [file_of(form, 6) for form in ("JPEG", "PNG")]
    for _ in range(300):
        data = bytearray(whole[rng.integers(2)])
        for place in rng.integers(min(120, len(data)), size=rng.integers(1, 9)):
            data[place] = rng.integers(256)
        data = bytes(data[: rng.integers(1, len(data))])
        (tmp_path / "a").write_bytes(data)
        assert 1 <= number_of(data).numpy() == orientation_of(tmp_path / "a") <= 8


def test_a_picture_without_exif_is_as_it_was():
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG")
    np.testing.assert_array_equal(decoded(file.getvalue(), SIZE), PIXELS)


GREYS = np.repeat(np.arange(256, dtype="uint8")[:, None], 3, axis=1)
NUMBERS = np.arange(24 * 40).reshape(SIZE) % 64  # of entries in a palette


def bmp(palette=None, mode=None):
    """The bytes of a BMP file of 8 bits a pixel with a palette (n, 3), or of another mode."""
    picture = Image.fromarray(PIXELS).convert(mode)
    if palette is not None:
        picture = Image.fromarray(NUMBERS.astype("uint8"), "L").convert("P")
        picture.putpalette(palette.astype("uint8").tobytes())
    file = io.BytesIO()
    picture.save(file, "BMP")
    return file.getvalue()


def squeezed(data):
    """The same file, called run-length encoded."""
    return data[:30] + b"\1" + data[31:]


BMP = {
    "rgb": (bmp(), True),
    "grey": (bmp(mode="L"), True),
    "greys in order": (bmp(GREYS), True),
    "few greys in order": (bmp(GREYS[:64]), True),
    "colours": (bmp(np.random.default_rng(0).integers(256, size=(256, 3))), False),
    "one colour among greys": (bmp(np.where(GREYS == 63, [63, 63, 64], GREYS)), False),
    "few colours": (bmp(np.random.default_rng(0).integers(256, size=(64, 3))), False),
    "greys upside down": (bmp(GREYS[::-1]), False),
    "1 bit": (bmp(mode="1"), False),
    "runs": (squeezed(bmp(mode="L")), False),
    "cut short": (bmp(GREYS)[:40], False),
}


def test_bmp_files_are_as_pillow_shows_them_or_unreadable(tmp_path):
    """TensorFlow takes the numbers of a palette's colours for greys."""
    places, unreadable = [], set()
    for i, (data, is_readable) in enumerate(BMP.values()):
        (tmp_path / f"{i}.bmp").write_bytes(data)
        places.append((str(tmp_path / f"{i}.bmp"), None, len(data)))
        unreadable |= set() if is_readable else {i}
    pictures = Pictures(np.arange(len(BMP)), places, SIZE)
    found = pictures[range(len(BMP))]
    assert pictures.unreadable == unreadable
    for x, (data, is_readable) in zip(found, BMP.values(), strict=True):
        np.testing.assert_array_equal(x, shown(data) if is_readable else 0.0)


def test_exported_models_read_the_same_bmp_files():
    for data, is_readable in BMP.values():
        if is_readable:
            np.testing.assert_array_equal(decoded(data, SIZE), shown(data))
        else:
            with pytest.raises(tf.errors.InvalidArgumentError):
                decoded(data, SIZE)


def test_a_file_that_is_not_there_is_upright(tmp_path):
    assert orientation_of(tmp_path / "a") == 1


def test_pictures_in_records_are_turned_too(tmp_path):
    feature, path = tf.train.Feature, str(tmp_path / "a.tfrecord")
    data = file_of("JPEG", 6)
    values = {
        "image": feature(bytes_list=tf.train.BytesList(value=[data])),
        "image/id": feature(int64_list=tf.train.Int64List(value=[7])),
        "captions/text": feature(bytes_list=tf.train.BytesList(value=[b"a b"])),
        "captions/id": feature(int64_list=tf.train.Int64List(value=[1])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=values))
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(example.SerializeToString())
    found = coco_records._read(((path, 0),))
    assert found.turns == [6]
    pictures = Pictures(np.array(found.ids), found.places, SIZE, np.array(found.turns))
    expected = decoded(data, SIZE)
    np.testing.assert_array_equal(pictures[[0]][0], expected)
    assert not np.array_equal(expected, decoded(file_of("JPEG", 1), SIZE))
