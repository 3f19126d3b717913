"""What every test shares: one backend, two logical devices, fixed seeds, the shared data."""

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")

import keras
import pytest
import tensorflow as tf
from hypothesis import settings

# TensorFlow fixes its devices when it first runs an op. Two replicas need two of them;
# without a strategy every op still goes to the first.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

# The first call of a TensorFlow op takes seconds, and a failure must come again.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def seeds():
    """Every test starts from the same seeds (Python, NumPy, TensorFlow), whatever ran before."""
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def shared_dir():
    """The folder of data to run on: $ATTENTION_ZOO_SHARED, or `shared` beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    path = Path(os.environ.get("ATTENTION_ZOO_SHARED", beside))
    if not path.is_dir():
        pytest.skip(f"needs the shared data: no folder {path} (set ATTENTION_ZOO_SHARED)")
    return path
