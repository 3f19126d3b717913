import ast
import os
import re
import shutil

import numpy as np
import pytest
import requests
import tensorflow as tf
import tensorflow_datasets as tfds
from sklearn.datasets import load_digits
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.core.download.extractor import ExtractError

from attention_zoo.datasets.mosaics.base_images import base_images

VERSIONS = {"mnist": "3.0.1", "cifar100": "3.0.2"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder of tfds with tiny data sets; an image's first byte is its number, train from 0."""
    folder = tmp_path_factory.mktemp("tfds")
    for name, version in VERSIONS.items():
        shape, labels = ((28, 28, 1), 10) if name == "mnist" else ((32, 32, 3), 100)
        names = [f"{name} {i}" for i in range(labels)]
        tfds.dataset_builders.store_as_tfds_dataset(
            name=name,
            version=version,
            data_dir=folder,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=shape),
                    "label": tfds.features.ClassLabel(names=names),
                }
            ),
            split_datasets={"train": _examples(0, 60, shape), "test": _examples(60, 80, shape)},
        )
    return folder


def _examples(start, stop, shape):
    numbers = np.arange(start, stop)
    images = np.broadcast_to(numbers.reshape(-1, 1, 1, 1), (len(numbers), *shape))
    return tf.data.Dataset.from_tensor_slices(
        {"image": images.astype(np.uint8), "label": numbers % 10}
    )


@pytest.mark.parametrize(("name", "shape"), [("mnist", (28, 28, 1)), ("cifar100", (32, 32, 3))])
def test_tfds_images_are_read_with_their_labels(prepared, name, shape):
    base = base_images(name, prepared)
    assert base.sizes == {"train": 60, "test": 20}
    assert base.class_names[:2] == (f"{name} 0", f"{name} 1")
    for split, expected in (("train", range(60)), ("test", range(60, 80))):
        images, labels = base.read(split)
        assert images.shape == (len(expected), *shape)
        assert images.dtype == tf.uint8 and labels.dtype == np.int32
        numbers = images[:, 0, 0, 0].numpy()
        np.testing.assert_array_equal(np.sort(numbers), expected)
        np.testing.assert_array_equal(numbers % 10, labels)


def test_a_split_is_read_once(prepared):
    first, second = (base_images("mnist", prepared).read("test")[0] for _ in range(2))
    assert first is second


def test_data_is_found_where_tfds_is_told_to_keep_it(prepared, monkeypatch):
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", os.fspath(prepared))
    assert base_images("mnist").sizes["train"] == 60


def test_digits_are_all_of_them_as_bytes():
    splits = [base_images("digits").read(split) for split in ("train", "test")]
    images = np.concatenate([images for images, _ in splits])
    assert images.shape == (1797, 8, 8, 1)
    assert images.dtype == np.uint8 and images.min() == 0 and images.max() == 255
    sixteenths = np.rint(images[..., 0] * (16 / 255)).reshape(1797, 64)
    expected = load_digits().data
    np.testing.assert_array_equal(np.sort(sixteenths, axis=0), np.sort(expected, axis=0))


def test_digits_are_divided_class_by_class():
    base = base_images("digits")
    counts = [np.bincount(base.read(split)[1]) for split in ("train", "test")]
    np.testing.assert_allclose(counts[1] / (counts[0] + counts[1]), 0.2, atol=0.005)
    assert base.sizes == {"train": 1442, "test": 355}


def test_digits_of_the_test_split_are_not_in_the_train_split():
    train, test = (
        {image.tobytes() for image in np.asarray(base_images("digits").read(split)[0])}
        for split in ("train", "test")
    )
    assert not train & test


@pytest.mark.parametrize("download", [False, True])
def test_missing_data_is_told_with_its_remedy(tmp_path, monkeypatch, download):
    """Without a network, too, it is told at once and nothing is written."""

    def unreachable(url, **options):
        raise requests.ConnectionError(f"no route to {url}")

    monkeypatch.setattr(requests, "head", unreachable)
    folder = tmp_path / "data"
    with pytest.raises(FileNotFoundError) as error:
        base_images("cifar100", folder, download)
    message = str(error.value)
    reason = "ConnectionError" if download else "download=False"
    assert message.startswith(f"cifar100 is not in {folder}/cifar100/3.0.2 and was not downloaded")
    assert reason in message and "\n" not in message
    ast.parse(re.search('python -c "(.*)"', message)[1])
    assert not folder.exists()


def test_missing_data_is_downloaded(tmp_path, prepared, monkeypatch):
    def download(builder):
        shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
        builder.info.read_from_directory(builder.data_dir)

    monkeypatch.setattr(requests, "head", _answer(200))
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", download)
    assert base_images("mnist", tmp_path).sizes == {"train": 60, "test": 20}


@pytest.mark.parametrize(
    "error",
    [
        tfds.core.download.DownloadError("Failed to get url. HTTP code: 404."),
        NonMatchingChecksumError("Artifact has wrong checksum.\nTo debug, see the FAQ."),
        ExtractError("Error while extracting.\nNo space left"),
        OSError("Not enough disk space."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_download_that_fails_is_told_in_a_line(tmp_path, monkeypatch, error):
    """The errors of tfds are no OSErrors."""

    def fail(builder):
        raise error

    monkeypatch.setattr(requests, "head", _answer(200))
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(FileNotFoundError, match=rf"\({type(error).__name__}\)") as told:
        base_images("mnist", tmp_path)
    assert told.value.__cause__ is error and "\n" not in str(told.value)


def test_server_that_refuses_is_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(requests, "head", _answer(503))
    with pytest.raises(FileNotFoundError, match=r"was not downloaded \(HTTPError\)"):
        base_images("mnist", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def _answer(status):
    """Stands for `requests.head`."""
    response = requests.Response()
    response.status_code = status
    return lambda url, **options: response
