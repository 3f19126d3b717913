"""What a test has to have of the machine: signals, precision, replicas, locks, a full disk."""

import contextlib
import os
import signal
import subprocess
import sys

import keras
import pytest

BACKEND = keras.backend.backend()


@pytest.fixture
def heeded_signals():
    """SIGINT and SIGHUP do what they do at first, also where the tests run under nohup or `&`."""
    ordinary = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in ordinary.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def has_low_precision():
    """Whether TensorFlow can multiply in float16 and bfloat16 here.

    It asks the CPU what oneDNN can do. Where ONEDNN_MAX_CPU_ISA allows oneDNN less than the CPU,
    it crashes, so another process tries.
    """
    if "ONEDNN_MAX_CPU_ISA" not in os.environ:
        return True
    code = "import tensorflow as tf; [(x := tf.ones((8, 8), t)) @ x for t in ('half', 'bfloat16')]"
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.fixture(autouse=True)
def low_precision(request):
    """Skips what is marked `low_precision` where TensorFlow would crash."""
    marked = request.node.get_closest_marker("low_precision")
    if marked and BACKEND == "tensorflow" and not request.getfixturevalue("has_low_precision"):
        isa = os.environ["ONEDNN_MAX_CPU_ISA"]
        pytest.skip(f"TensorFlow would crash: oneDNN has no float16 or bfloat16 with {isa}")


@pytest.fixture
def two_replicas():
    """A strategy of two replicas on the two logical CPUs.

    It reduces on one device: collective operations number their calls anew in every strategy of a
    process and take a later strategy's for an earlier one's ("Shape mismatch in the collective
    instance").
    """
    if BACKEND != "tensorflow":
        pytest.skip("TensorFlow alone has replicas of a model in one process")
    import tensorflow

    reduction = tensorflow.distribute.ReductionToOneDevice()
    return tensorflow.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=reduction)


@pytest.fixture(scope="session")
def is_locked():
    """(folder) -> whether another process would find a run's folder in use."""
    fcntl = pytest.importorskip("fcntl")

    def try_it(folder):
        with (folder / ".lock").open("a") as file:  # opened anew: as any other process's
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    return try_it


@pytest.fixture(scope="session")
def full_disk():
    """(bytes) -> a context in which no file can grow larger, as on a disk without room.

    The system's limit on the size of files stands for the disk: Python has the call fail.
    """
    resource = pytest.importorskip("resource")

    @contextlib.contextmanager
    def limit(most):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limit


@pytest.fixture(scope="session")
def broken_off():
    """(call) -> a context whose run is broken off at the beginning of that call, from 1."""
    from attention_zoo.training.run_callbacks import WriteMetrics

    @contextlib.contextmanager
    def at(call):
        begun = []

        def on_train_batch_begin(self, batch, logs=None):
            begun.append(batch)
            if len(begun) == call:
                raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(WriteMetrics, "on_train_batch_begin", on_train_batch_begin)
            with pytest.raises(KeyboardInterrupt):
                yield

    return at
