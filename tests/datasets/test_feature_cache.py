import json
import threading
from concurrent.futures import ThreadPoolExecutor, TimeoutError

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import datasets
from attention_zoo.datasets.captions import feature_cache, feature_writer
from attention_zoo.datasets.mosaics.image_array import ImageArray


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(feature_writer, "_BLOCK", 25)


@pytest.fixture
def source(coco_dir):
    return datasets.load("coco_captions", data_dir=coco_dir, image_size=32)[1].source


@pytest.fixture
def encoder():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((32, 32, 3), name="pictures")
    x = keras.layers.AveragePooling2D(16, name="pool")(inputs)
    x = keras.layers.Conv2D(5, 1, use_bias=False, name="mix")(x)
    return keras.Model(inputs, x, name="encoder")


def cached(source, encoder, folder, **options):
    return datasets.cached_features(source.pictures, encoder, folder, **options)


def expected(source, encoder):
    rows = tf.data.Dataset.range(len(source.pictures)).batch(100).map(lambda i: (i, i))
    ((_, x, _),) = source.pictures.attach(rows, 100)
    return encoder(tf.cast(x, tf.float32)).numpy().reshape(-1, 4, 5)


def test_features_are_the_encoders(source, encoder, tmp_path):
    true = expected(source, encoder)
    features = cached(source, encoder, tmp_path, dtype="float32")
    assert features.shape == (4, 5) and len(features) == 60
    np.testing.assert_allclose(features.tensor().numpy(), true, rtol=1e-5)
    half = cached(source, encoder, tmp_path, dtype="float16")
    assert half.path != features.path
    np.testing.assert_allclose(half.tensor().numpy(), true, rtol=1e-3, atol=1e-3)
    assert half.path.stat().st_size == 60 * 4 * 5 * 2


def test_features_of_whole_pictures_are_one_region(source, encoder, tmp_path):
    flat = keras.Model(encoder.input, keras.layers.Flatten()(encoder.output))
    features = cached(source, flat, tmp_path, dtype="float32")
    assert features.shape == (1, 20)
    true = expected(source, encoder).reshape(60, 1, 20)
    np.testing.assert_allclose(features.tensor().numpy(), true, rtol=1e-5)


def test_base_images_in_memory_have_features(tmp_path):
    """Bytes are scaled as in a mosaic, and other images have another cache."""
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(60, 4, 4, 3)).astype("uint8")
    inputs = keras.Input((4, 4, 3), name="images")
    network = keras.Model(inputs, keras.layers.GlobalAveragePooling2D(name="mean")(inputs))
    features = datasets.cached_features(ImageArray(images), network, tmp_path, dtype="float32")
    true = ((images - 127.5) / 127.5).mean((1, 2))
    np.testing.assert_allclose(features.tensor()[:, 0], true, atol=1e-6)
    again = datasets.cached_features(ImageArray(images), network, tmp_path, dtype="float32")
    assert (features.encoded, again.encoded) == (60, 0)
    images[3, 0, 0] ^= 1
    other = datasets.cached_features(ImageArray(images), network, tmp_path, dtype="float32")
    assert other.encoded == 60


def test_the_encoder_runs_once(source, encoder, tmp_path):
    """Neither a second epoch nor a second run gives it any work."""
    first = cached(source, encoder, tmp_path)
    assert first.encoded == 60
    encoder.call = None  # fails where it is called
    second = cached(source, encoder, tmp_path)
    assert second.encoded == 0 and second.path == first.path
    captions = source.seen_as(second)
    for _ in range(2):
        assert len(list(captions.dataset(60))) == 3


def test_captions_of_features(source, encoder, tmp_path):
    captions = source.seen_as(cached(source, encoder, tmp_path))
    inputs, targets = next(iter(captions.endless(16, seed=2)))
    same, same_targets = next(iter(source.endless(16, seed=2)))
    np.testing.assert_array_equal(inputs["words"], same["words"])
    np.testing.assert_array_equal(targets["words"], same_targets["words"])
    assert inputs["features"].dtype == tf.float32
    assert captions.endless(16).element_spec[0]["features"].shape == (16, 4, 5)
    true = encoder(tf.cast(same["image"], tf.float32)).numpy().reshape(16, 4, 5)
    np.testing.assert_allclose(inputs["features"], true, rtol=1e-3, atol=1e-3)
    inputs, _ = next(iter(captions.by_picture(60)))
    assert inputs["features"].shape == (60, 4, 5)


def test_work_that_was_broken_off_goes_on_after_the_last_block(source, encoder, tmp_path):
    calls = []

    def break_off(done, total):
        calls.append((done, total))
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached(source, encoder, tmp_path, progress=break_off)
    assert calls == [(25, 60), (50, 60)]
    (folder,) = tmp_path.iterdir()
    assert {path.name for path in folder.iterdir()} == {".lock", "features.part", "done.json"}
    with (folder / "features.part").open("ab") as file:
        file.write(b"half a block")
    features = cached(source, encoder, tmp_path)
    assert features.encoded == 10
    unbroken = cached(source, encoder, tmp_path / "unbroken")
    np.testing.assert_array_equal(features.tensor(), unbroken.tensor())
    assert {path.name for path in folder.iterdir()} == {".lock", "features.bin", "index.json"}


@pytest.mark.parametrize("calls", [2, 4, 9])
def test_a_kill_at_any_point_loses_a_block_at_most(calls, source, encoder, tmp_path, monkeypatch):
    """Before each call of what makes a change last: of the disk taking it, or of a name."""
    made = []

    def killing(function):
        def call(*args):
            made.append(function)
            if len(made) == calls:
                raise KeyboardInterrupt
            return function(*args)

        return call

    with monkeypatch.context() as patch:
        for name in ("fsync", "replace"):
            patch.setattr(feature_writer.os, name, killing(getattr(feature_writer.os, name)))
        with pytest.raises(KeyboardInterrupt):
            cached(source, encoder, tmp_path)
    (folder,) = tmp_path.iterdir()
    assert not (folder / "features.bin").exists()
    features = cached(source, encoder, tmp_path)
    whole_blocks = 25 * ((calls - 1) // 3)  # three calls a block
    assert features.encoded == 60 - min(whole_blocks, 60)
    np.testing.assert_allclose(features.tensor(), expected(source, encoder), 1e-3, 1e-3)


def test_the_later_of_two_waits_and_reads(source, encoder, tmp_path):
    """Threads are to the lock as processes are: it is of the opened file."""
    pytest.importorskip("fcntl")
    begun, go_on = threading.Event(), threading.Event()

    def hold(done, total):
        begun.set()
        assert go_on.wait(60)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cached, source, encoder, tmp_path, progress=hold)
        assert begun.wait(60)
        second = pool.submit(cached, source, encoder, tmp_path)
        with pytest.raises(TimeoutError):
            second.result(timeout=0.3)
        go_on.set()
        assert first.result().encoded == 60 and second.result().encoded == 0
    np.testing.assert_allclose(second.result().tensor(), expected(source, encoder), 1e-3, 1e-3)


def test_a_damaged_file_is_made_anew(source, encoder, tmp_path):
    before = cached(source, encoder, tmp_path)
    kept = before.tensor().numpy()
    before.path.write_bytes(before.path.read_bytes()[:-1])
    after = cached(source, encoder, tmp_path)
    assert after.encoded == 60
    np.testing.assert_array_equal(after.tensor().numpy(), kept)


def test_files_that_are_no_pictures_are_skipped(source, encoder, tmp_path):
    """Found while the encoder runs: decoded once."""
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    source.pictures.places[7] = (str(bad), None, 10)
    for _ in range(2):
        features = cached(source, encoder, tmp_path / "cache")
        captions = source.seen_as(features)
        assert features.unreadable == {7} and len(captions) == 177
        assert all(np.isfinite(inputs["features"]).all() for inputs, _ in captions.dataset(50))
        pictures = [targets["picture"] for _, targets in captions.by_picture(60)]
        assert 7 not in np.concatenate(pictures)


def test_another_encoder_picture_or_size_is_another_cache(source, encoder, coco_dir, tmp_path):
    def name(source=source, encoder=encoder, dtype="float16"):
        return feature_cache.fingerprint(encoder, source.pictures, dtype)

    names = [name(), name(dtype="float32")]
    larger = datasets.load("coco_captions", data_dir=coco_dir, image_size=48)[1].source
    fewer = datasets.load("coco_captions", "train[:9]", data_dir=coco_dir, image_size=32)[1].source
    names += [name(larger), name(fewer)]
    path = tmp_path / "encoder.keras"
    encoder.save(path)
    assert name(encoder=keras.models.load_model(path)) == name()
    encoder.layers[-1].set_weights([weight + 1e-6 for weight in encoder.layers[-1].get_weights()])
    names.append(name())
    source.pictures.places[0] = (*source.pictures.places[0][:2], 1)
    names.append(name())
    assert len(set(names)) == len(names)


def test_other_pixels_of_the_same_names_and_sizes_are_another_cache(encoder, tmp_path):
    features, sizes = [], set()
    for folder in ("train2014", "val2014", "elsewhere/val2014"):
        path = tmp_path / folder / "000.bmp"
        path.parent.mkdir(parents=True)
        pixels = np.full((64, 64, 3), 9 * len(features), np.uint8)
        keras.utils.save_img(path, pixels, scale=False)
        sizes.add(path.stat().st_size)
        pictures = datasets.Pictures(
            np.array([0]), [(str(path), None, path.stat().st_size)], (32, 32)
        )
        features.append(datasets.cached_features(pictures, encoder, tmp_path / "cache"))
        true = encoder(pixels[None, :32, :32].astype("float32")).numpy().reshape(1, 4, 5)
        np.testing.assert_allclose(features[-1].tensor(), true, rtol=1e-3, atol=1e-3)
    assert len(sizes) == 1 and len({some.path for some in features}) == 3


def test_the_fingerprint_is_of_the_last_bytes_within_the_picture(encoder, tmp_path):
    data = bytes(range(250)) * 40

    def name(data):
        (tmp_path / "records").write_bytes(data)
        places = [(str(tmp_path / "records"), 20, 9900)]
        pictures = datasets.Pictures(np.array([0]), places, (32, 32))
        return feature_cache.fingerprint(encoder, pictures, "float16")

    def changed(at):
        return data[:at] + b"!" + data[at + 1 :]

    same = [name(data), name(changed(19)), name(changed(9920))]
    others = [name(changed(20)), name(changed(4000)), name(changed(9919))]
    assert len(set(same)) == 1 and len({*same, *others}) == 4


class OfItsOwn(keras.Model):
    """An encoder as a class, not built until it is called."""

    def __init__(self):
        super().__init__()
        self.mix = keras.layers.Conv2D(5, 16, 16)

    def call(self, x):
        return self.mix(x)


def test_an_encoder_of_a_class_of_its_own(source, tmp_path):
    encoder = OfItsOwn()
    features = cached(source, encoder, tmp_path)
    assert features.shape == (4, 5)
    np.testing.assert_allclose(features.tensor(), expected(source, encoder), 2e-3, 1e-3)
    assert cached(source, encoder, tmp_path).encoded == 0


class Given(OfItsOwn):
    """Keras's own configuration of it says gain 1.0, whatever it is."""

    def __init__(self, gain=1.0):
        super().__init__()
        self.gain = gain

    def call(self, x):
        return self.gain * super().call(x)


class Told(Given):
    def get_config(self):
        return super().get_config() | {"gain": self.gain}


def test_an_encoder_tells_what_it_was_given(source, tmp_path):
    with pytest.raises(ValueError, match=r"^encoder Given takes \['gain'\] and has no get_config"):
        cached(source, Given(2.0), tmp_path)
    one, two = Told(1.0), Told(2.0)
    first = cached(source, one, tmp_path)
    two(np.zeros((1, 32, 32, 3), "float32"))  # builds it
    two.set_weights(one.get_weights())
    second = cached(source, two, tmp_path)
    assert second.encoded == 60 and second.path != first.path


def test_bad_input(source, encoder, tmp_path):
    deep = keras.Model(encoder.input, keras.layers.Reshape((1, 2, 2, 5))(encoder.output))
    with pytest.raises(ValueError, match=r"^encoder gives shape \(None, 1, 2, 2, 5\), expected \("):
        cached(source, deep, tmp_path)
    inputs = keras.Input((24, 24, 3))
    small = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
    with pytest.raises(ValueError, match=r"^encoder takes no pictures \(None, 32, 32, 3\) \(Valu"):
        cached(source, small, tmp_path)
    two = keras.Model(encoder.input, [encoder.output, encoder.output])
    with pytest.raises(ValueError, match=r"^encoder takes .* of one input and one output$"):
        cached(source, two, tmp_path)
    with pytest.raises(ValueError, match="^dtype is 'int8', expected one of"):
        cached(source, encoder, tmp_path, dtype="int8")
    large = keras.Model(encoder.input, keras.layers.Rescaling(1e6)(encoder.output))
    with pytest.raises(ValueError, match="not finite in float16, expected finite ones: try dtype"):
        cached(source, large, tmp_path)
    for row in range(60):
        source.pictures.places[row] = ("/dev/null", None, 0)
    with pytest.raises(ValueError, match="^none of the 60 pictures can be read, expected some$"):
        cached(source, encoder, tmp_path)


def rewrite(path, change):
    """Replaces what a JSON file says by what `change` makes of it, or by a text."""
    content = change(json.loads(path.read_text())) if callable(change) else change
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def damaged(source, encoder, folder):
    """The one line that says so."""
    with pytest.raises(ValueError, match="is damaged: .*, expected what was written") as error:
        cached(source, encoder, folder)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500
    return str(error.value)


@pytest.mark.parametrize("byte", [0, 1300, 60 * 4 * 5 * 2 - 1])
def test_a_flipped_bit_is_an_error(byte, source, encoder, tmp_path):
    """Blocks are of 25 pictures, a picture of 40 bytes."""
    path = cached(source, encoder, tmp_path).path
    data = bytearray(path.read_bytes())
    data[byte] ^= 1
    path.write_bytes(data)
    first = byte // 1000 * 25
    expected = f"features of pictures {first} to {min(first + 24, 59)} are not those written"
    assert expected in damaged(source, encoder, tmp_path)
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("", "no JSON"),
        ('{"pictures": 60', "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("{}", "pictures 'None'"),
        ("[]", "a list"),
        ("null", "a NoneType"),
        ({"pictures": 59}, "block '25'"),
        ({"pictures": 50}, "bytes '2400'"),
        ({"shape": [5, 4]}, "features of size 4, the encoder's of 5"),
        ({"pictures": 10**30}, "pictures '1000"),
        ({"pictures": True}, "pictures 'True'"),
        ({"block": 0}, "block '0'"),
        ({"block": 25.0}, "block '25.0'"),
        ({"shape": [4]}, "shape '[4]'"),
        ({"shape": [4, -5]}, "shape '[4, -5]'"),
        ({"shape": [5, 4, 1]}, "shape"),
        ({"shape": [10**400, 5]}, "bytes '2400'"),
        ({"shape": "45"}, "shape '45'"),
        ({"bytes": 10**25}, "bytes '10000000000000000000000000'"),
        ({"bytes": 2400.0}, "bytes '2400.0'"),
        ({"bytes": 0}, "bytes '0'"),
        ({"unreadable": [60]}, "unreadable '[60]'"),
        ({"unreadable": {"a": 1}}, "unreadable"),
        ({"sums": []}, "sums '[]'"),
        ({"sums": [1, 2, 3]}, "sums '[1, 2, 3]'"),
    ],
)
def test_a_hostile_index_is_one_line(change, what, source, encoder, tmp_path):
    path = cached(source, encoder, tmp_path).path.with_name("index.json")
    rewrite(path, change if isinstance(change, str) else lambda facts: facts | change)
    line = damaged(source, encoder, tmp_path)
    assert line.startswith(str(path)) and what in line


def test_a_damaged_part_is_not_gone_on_with(source, encoder, tmp_path):
    def break_off(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached(source, encoder, tmp_path, progress=break_off)
    (folder,) = tmp_path.iterdir()
    part = bytearray((folder / "features.part").read_bytes())
    part[500] ^= 128
    (folder / "features.part").write_bytes(part)
    assert "features.part is damaged" in damaged(source, encoder, tmp_path)
    rewrite(folder / "done.json", "{}")
    assert "done.json is damaged" in damaged(source, encoder, tmp_path)


@pytest.mark.parametrize("most", [0, 1500])
def test_a_full_disk_keeps_the_features_before(most, source, encoder, tmp_path, full_disk):
    feature_cache.fingerprint(encoder, source.pictures, "float16")
    with (
        full_disk(most),
        pytest.raises(OSError, match="cannot be written .*, expected a disk with"),
    ):
        cached(source, encoder, tmp_path)
    assert cached(source, encoder, tmp_path).encoded == (60 if most == 0 else 35)
