"""What every test shares: the backend, two logical devices, fixed seeds; more is in `support`.

Tests run on TensorFlow, those of the core on the backend that KERAS_BACKEND names: gradients come
of the fixtures `gradients_of` and `weight_gradients`, compiled functions of `compiled`. A test that
is of what TensorFlow alone has carries the marker `tensorflow`, with what that is.
"""

import gc
import importlib.util
import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_ENABLE_X64", "1")  # else JAX has no float64
os.environ.setdefault("MPLBACKEND", "agg")
if "PYTEST_XDIST_WORKER" in os.environ:  # a core each: more threads would wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # PyTorch
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import keras
import numpy as np
import pytest
from hypothesis import settings

BACKEND = keras.backend.backend()

if BACKEND == "tensorflow":
    import tensorflow

    # TensorFlow fixes its devices when it first runs an op. Two replicas need two of them;
    # without a strategy every op still goes to the first.
    tensorflow.config.set_logical_device_configuration(
        tensorflow.config.list_physical_devices("CPU")[0],
        [tensorflow.config.LogicalDeviceConfiguration()] * 2,
    )

if BACKEND == "torch":
    # Tensors that require grad are no arrays: NumPy's assertions are given their values.
    def _of_values(assertion):
        def check(*arguments, **settings):
            return assertion(*keras.tree.map_structure(_value, arguments), **settings)

        return check

    def _value(x):
        return keras.ops.convert_to_numpy(x) if keras.ops.is_tensor(x) else x

    np.testing.assert_allclose = _of_values(np.testing.assert_allclose)
    np.testing.assert_array_equal = _of_values(np.testing.assert_array_equal)

# A process of many tests holds millions of objects of graphs; looking through them all again and
# again for garbage took a quarter of its time. Never to do so is slower again.
gc.set_threshold(50_000, 20, 50)

# The first call of a TensorFlow op takes seconds, and a failure must come again.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


def _make_importable(folder):
    """Has a folder that is not installed be found by its name, and no other beside it."""
    path = Path(__file__).parents[1] / folder
    spec = importlib.util.spec_from_file_location(
        path.name, path / "__init__.py", submodule_search_locations=[str(path)]
    )
    sys.modules[path.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


_make_importable("experiments")
_make_importable("tests/support")
_FIXTURES = ("data", "differentiation", "machine", "models", "oracles", "served")
pytest_plugins = [f"support.{name}" for name in _FIXTURES]


@pytest.fixture(autouse=True)
def seeds():
    """Every test starts from the same seeds (Python, NumPy, backend), whatever ran before."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def tensorflow_alone(request):
    """Skips on another backend what is marked `tensorflow`: the marker says what it needs."""
    marker = request.node.get_closest_marker("tensorflow")
    if marker and BACKEND != "tensorflow":
        pytest.skip(f"TensorFlow alone has {marker.args[0]}")


@pytest.fixture
def tf():
    """TensorFlow, for a test with the marker `tensorflow`."""
    return tensorflow


@pytest.fixture
def no_saved_model(monkeypatch):
    """Runs of built-in tasks that the test makes itself end without a SavedModel.

    It takes half the time of a run of seconds.
    """
    from attention_zoo import tasks

    for task in (tasks.CaptionsTask, tasks.Task):
        monkeypatch.setattr(
            task, "export", lambda self, model, path, config: Path(path).mkdir(exist_ok=True)
        )


@pytest.fixture(scope="session")
def load_example():
    """(name) -> the module of an example."""

    def load(name):
        path = Path(__file__).parents[1] / f"examples/{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
