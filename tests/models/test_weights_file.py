import keras
import numpy as np
import pytest

from attention_zoo._saving.weights_file import save_weights

h5py = pytest.importorskip("h5py")


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((40,)), keras.layers.Dense(50)])
    model.compile(keras.optimizers.Adam(), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def numbers(path):
    """What a file holds, arrays by their place in it."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def test_the_file_is_the_one_that_keras_writes(model, tmp_path):
    save_weights(model, tmp_path / "own.weights.h5")
    model.save_weights(tmp_path / "theirs.weights.h5")
    own, theirs = (numbers(tmp_path / f"{name}.weights.h5") for name in ("own", "theirs"))
    assert own.keys() == theirs.keys() and len(own) > 5
    for name, values in own.items():
        np.testing.assert_array_equal(values, theirs[name])
    kernel = model.get_weights()[0]
    model.set_weights([np.zeros((40, 50)), np.zeros(50)])
    model.load_weights(tmp_path / "own.weights.h5")
    np.testing.assert_array_equal(model.get_weights()[0], kernel)


@pytest.mark.parametrize("most", [0, 2_000, 20_000])
def test_a_disk_without_room_is_an_error(most, model, tmp_path, full_disk):
    with full_disk(most), pytest.raises(OSError, match="too large"):
        save_weights(model, tmp_path / "model.weights.h5")
    save_weights(model, tmp_path / "model.weights.h5")  # with room again
    assert numbers(tmp_path / "model.weights.h5")
