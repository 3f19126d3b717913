"""Files of weights, such that a full disk is an error and no crash."""

import io
from pathlib import Path

# Nothing public writes weights to memory. tests/models/test_weights_file.py compares the files.
from keras.src.saving import saving_lib  # noqa: TID251


def save_weights(model, path):
    """Writes the file that `model.save_weights` writes, by way of memory.

    Where the disk is full, HDF5 can neither write a file nor give it up: the process crashes, at
    its end at the latest. So HDF5 writes to memory, as many bytes as the file has, and Python to
    the disk.

    Args:
        model: a built Keras model.
        path: of the file, `….weights.h5`.

    Raises:
        OSError: the disk does not take it.
    """
    memory = io.BytesIO()
    store = saving_lib.H5IOStore(memory, mode="w")
    saving_lib._save_state(
        model, weights_store=store, assets_store=None, inner_path="", visited_saveables=set()
    )
    store.close()
    Path(path).write_bytes(memory.getbuffer())
