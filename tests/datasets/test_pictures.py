"""Pictures read no more of the disk than they have to."""

import builtins

import keras
import numpy as np
import pytest
from PIL import Image

from attention_zoo import datasets
from attention_zoo.datasets.captions.feature_cache import fingerprint

SIZE = 6, 4


@pytest.fixture
def pictures(tmp_path):
    """Eight pictures, each of one colour; the third is none."""
    for i in range(8):
        Image.new("RGB", SIZE[::-1], (30 * i, 0, 0)).save(tmp_path / f"{i}.png")
    (tmp_path / "2.png").write_bytes(b"no picture")
    paths = [tmp_path / f"{i}.png" for i in range(8)]
    return datasets.Pictures(np.arange(8), [(p, None, p.stat().st_size) for p in paths], SIZE)


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that Python opens."""
    names, given = [], builtins.open

    def noted(path, *args, **kwargs):
        names.append(getattr(path, "name", str(path)))
        return given(path, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", noted)
    return names


def test_of_some_pictures_no_other_file_is_opened(pictures, opened):
    x = pictures[[5, 2]]
    assert sorted(set(opened)) == ["2.png", "5.png"]
    np.testing.assert_array_equal(x[0, ..., 0], 150)
    np.testing.assert_array_equal(x[1], 0)
    assert pictures.unreadable == {2}


def test_the_ends_of_a_picture_are_read_once(pictures, opened):
    """By the run and by the cache of features, which both want a fingerprint."""
    encoder = keras.Sequential([keras.Input((*SIZE, 3)), keras.layers.Conv2D(2, 2)])
    pictures.fingerprint()
    fingerprint(encoder, pictures, "float16")
    assert sorted(opened) == [f"{i}.png" for i in range(8)]
