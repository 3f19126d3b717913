"""What every test shares: the backend, two logical devices, fixed seeds, the shared data.

Tests run on TensorFlow, those of the core on the backend that KERAS_BACKEND names: gradients come
of the fixtures `gradients_of` and `weight_gradients`, compiled functions of `compiled`. A test that
is of what TensorFlow alone has carries the marker `tensorflow`, with what that is.
"""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_ENABLE_X64", "1")  # else JAX has no float64
os.environ.setdefault("MPLBACKEND", "agg")

import keras
import ml_dtypes
import numpy as np
import pytest
from hypothesis import settings

from attention_zoo.models import FocusClassifier, networks

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

# The first call of a TensorFlow op takes seconds, and a failure must come again.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


def _make_importable(folder):
    """Has a folder of the root that is not installed be found by name, and no other beside it."""
    path = Path(__file__).parents[1] / folder
    spec = importlib.util.spec_from_file_location(
        folder, path / "__init__.py", submodule_search_locations=[str(path)]
    )
    sys.modules[folder] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


_make_importable("experiments")


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


@pytest.fixture(scope="session")
def gradients_of(differentiated):
    """(f, *x) -> f(*x) and its gradients by each of the arrays x, all arrays.

    f gives a scalar, or (scalar, more): then (scalar, more) are the first of the results.
    """

    def run(f, *x):
        return keras.tree.map_structure(keras.ops.convert_to_numpy, differentiated(f, *x))

    return run


@pytest.fixture(scope="session")
def differentiated():
    """The same as tensors, for use in what is `compiled`."""
    return {"tensorflow": _by_tape, "jax": _by_jax, "torch": _by_autograd}[BACKEND]


def _by_tape(f, *x):
    x = [tensorflow.convert_to_tensor(one) for one in x]
    with tensorflow.GradientTape() as tape:
        tape.watch(x)
        y = f(*x)
    scalar = y[0] if isinstance(y, tuple) else y
    return y, *tape.gradient(scalar, x, unconnected_gradients="zero")


def _by_jax(f, *x):
    import jax

    def with_all(*x):
        y = f(*x)
        return y[0] if isinstance(y, tuple) else y, y

    differentiate = jax.value_and_grad(with_all, range(len(x)), has_aux=True)
    (_, y), gradients = differentiate(*map(keras.ops.convert_to_tensor, x))
    return y, *gradients


def _by_autograd(f, *x):
    import torch

    x = [keras.ops.convert_to_tensor(one).detach().requires_grad_() for one in x]
    y = f(*x)
    scalar = y[0] if isinstance(y, tuple) else y
    return y, *_autograd(torch, scalar, x)


def _autograd(torch, scalar, x):
    if not scalar.requires_grad:
        return [torch.zeros_like(one) for one in x]
    found = torch.autograd.grad(scalar, x, allow_unused=True)
    return [torch.zeros_like(one) if g is None else g for one, g in zip(x, found)]


@pytest.fixture(scope="session")
def weight_gradients():
    """(f, variables) -> f(), a scalar, and its gradients by each of the Keras variables, arrays."""
    differentiate = {"tensorflow": _tape_of, "jax": _jax_of, "torch": _autograd_of}[BACKEND]

    def run(f, variables):
        return keras.tree.map_structure(
            keras.ops.convert_to_numpy, differentiate(f, list(variables))
        )

    return run


def _tape_of(f, variables):
    with tensorflow.GradientTape() as tape:
        y = f()
    found = tape.gradient(y, [v.value for v in variables], unconnected_gradients="zero")
    return y, [
        tensorflow.convert_to_tensor(gradient) for gradient in found
    ]  # an embedding's are slices


def _jax_of(f, variables):
    import jax

    def of_values(values):
        with keras.StatelessScope(state_mapping=zip(variables, values)):
            return f()

    return jax.value_and_grad(of_values)([v.value for v in variables])


def _autograd_of(f, variables):
    import torch

    y = f()
    return y, _autograd(torch, y, [v.value for v in variables])


@pytest.fixture(scope="session")
def compiled():
    """(f, xla=False, variables=()) -> f, compiled as `fit` compiles a step; None is not at all.

    The Keras variables are those that f assigns. PyTorch runs its steps as they are.
    """

    def compile_(f, xla=False, variables=()):
        if xla is None or BACKEND == "torch":
            return f
        if BACKEND == "jax":
            return _compiled_by_jax(f, list(variables))
        return tensorflow.function(f, jit_compile=xla, autograph=False)

    return compile_


def _compiled_by_jax(f, variables):
    import jax

    @jax.jit
    def pure(values, *x):
        with keras.StatelessScope(state_mapping=zip(variables, values)) as scope:
            y = f(*x)
        return y, [scope.get_current_value(variable) for variable in variables]

    def run(*x):
        y, values = pure([variable.value for variable in variables], *x)
        for variable, value in zip(variables, values):
            variable.assign(value)
        return y

    return run


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
def shared_dir():
    """The folder of data to run on: $ATTENTION_ZOO_SHARED, or `shared` beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    path = Path(os.environ.get("ATTENTION_ZOO_SHARED", beside))
    if not path.is_dir():
        pytest.skip(f"needs the shared data: no folder {path} (set ATTENTION_ZOO_SHARED)")
    return path


@pytest.fixture(scope="session")
def miniature():
    """HateXplain in small, with harmless words: (posts, divisions) of the official files' form.

    "thunder" makes a post hatespeech, "drizzle" offensive; three annotators agree on that and
    mark it, the third marks the token after it as well. Every seventh post is judged three ways.
    """
    rng = np.random.default_rng(0)
    words = ["sun", "soup", "tree", "lake", "book", "door", "lamp", "bird", "tea", "road"]
    posts, divisions = {}, {"train": [], "val": [], "test": []}
    for i in range(150):
        label = ("normal", "offensive", "hatespeech")[i % 3]
        tokens = list(rng.choice(words, rng.integers(3, 15)))
        z = int(rng.integers(len(tokens) - 1))
        if label != "normal":
            tokens[z] = {"offensive": "drizzle", "hatespeech": "thunder"}[label]
        mark = [int(j == z) for j in range(len(tokens))]
        marks = [mark, list(mark), [int(j in (z, z + 1)) for j in range(len(tokens))]]
        labels = ["normal", "offensive", "hatespeech"] if i % 7 == 6 else [label] * 3
        posts[f"{i}_post"] = {
            "post_id": f"{i}_post",
            "annotators": [
                {"label": one, "annotator_id": k, "target": ["None", "Other"][: k + 1]}
                for k, one in enumerate(labels)
            ],
            "rationales": [] if labels == ["normal"] * 3 else marks[3 - _marking(labels) :],
            "post_tokens": tokens,
        }
        divisions[("train", "train", "train", "val", "test")[i % 5]].append(f"{i}_post")
    return posts, divisions


def _marking(labels):
    return sum(label != "normal" for label in labels)


@pytest.fixture(scope="session")
def hatexplain_dir(miniature, tmp_path_factory):
    """A folder with the miniature as official files."""
    folder = tmp_path_factory.mktemp("hatexplain")
    for name, content in zip(("dataset.json", "post_id_divisions.json"), miniature, strict=True):
        (folder / name).write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="session")
def strange_texts():
    """Tokens that a model of the miniature must bear with, by what is strange."""
    return {
        "unknown words": ["xylophone", "quark"],
        "nothing": [],
        "an empty token": ["", "thunder"],
        "1,000 tokens": ["soup"] * 999 + ["thunder"],
        "emoji": ["🌧️", "thunder", "👨‍👩‍👧"],
        "right to left": ["שלום", "thunder", "مرحبا"],
    }


@pytest.fixture(scope="session")
def rounding():
    """(terms, size=1, dtype="float32") -> how far two machines may be apart in a sum.

    `terms` is the number of roundings on the way, `size` that of the sum with all signs made plus.
    Each of both is off by at most half an epsilon of `size` a rounding.
    """

    def bound(terms, size=1.0, dtype="float32"):
        return terms * float(ml_dtypes.finfo(dtype.removeprefix("mixed_")).eps) * size

    return bound


@pytest.fixture(scope="session")
def numpy_normalizers():
    """The bundled normalisers by name, in float64: (scores, mask=None) -> weights, both (b, m).

    Sparsemax and entmax-1.5 find their threshold by bisection: no sort, no support.
    """
    return {
        "softmax": _by_row(lambda s: np.exp(s - s.max()) / np.exp(s - s.max()).sum()),
        "sparsemax": _by_row(lambda s: _bisection(s, power=1)),
        "entmax15": _by_row(lambda s: _bisection(s / 2, power=2)),
        "spherical_softmax": _by_row(lambda s: (s**2 + 1e-7) / (s**2 + 1e-7).sum()),
    }


@pytest.fixture(scope="session")
def central_differences():
    """(f, x) -> the gradient of the scalar f at the float64 array x; error about 1e-8."""

    def gradient(f, x, h=1e-4):
        x = np.asarray(x, "float64")
        steps = h * np.eye(x.size).reshape(-1, *x.shape)
        return np.reshape([(f(x + e) - f(x - e)) / (2 * h) for e in steps], x.shape)

    return gradient


@pytest.fixture(scope="session")
def linear_model():
    """(attention, **settings) -> a FocusClassifier of (b, 3, 4): s = u x, g = W x + e, c = 3."""

    def build(attention="soft", **settings):
        normal = keras.initializers.RandomNormal(stddev=1.0)
        focus = keras.layers.Dense(1, use_bias=False, kernel_initializer=normal)
        classifier = keras.layers.Dense(3, kernel_initializer=normal, bias_initializer=normal)
        model = FocusClassifier(focus, classifier, attention, **settings)
        model.build((None, 3, 4))
        return model

    return build


@pytest.fixture(scope="session")
def numpy_predictions():
    """(linear model, segments, mask=None) -> float64 "argmax", "marginal", "soft", "hard", "focus".

    "hard" is exact hard attention's class scores; soft's and LVML's are "soft" and "marginal".
    """

    def predict(model, x, mask=None):
        u, w, e = (v.numpy().astype("float64") for v in model.trainable_variables)
        s = (x @ u)[..., 0] if mask is None else np.where(mask, (x @ u)[..., 0], -np.inf)
        a = np.exp(s - s.max(axis=1, keepdims=True))
        a /= a.sum(axis=1, keepdims=True)
        p = _softmax(x @ w + e)  # (b, m, c)
        return {
            "argmax": np.log(p[np.arange(len(x)), a.argmax(axis=1)]),
            "marginal": np.log(np.einsum("bm,bmc->bc", a, p)),
            "soft": np.log(_softmax(np.einsum("bm,bmd->bd", a, x) @ w + e)),
            "hard": np.einsum("bm,bmc->bc", a, np.log(p)),
            "focus": a,
        }

    return predict


def _softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def _by_row(normalizer):
    """Applies `normalizer` to the kept scores of every row; 0 elsewhere."""

    def by_row(scores, mask=None):
        weights = np.zeros(np.shape(scores))
        kept = np.ones(weights.shape, bool) if mask is None else np.asarray(mask)
        for a, s, row in zip(weights, np.asarray(scores, "float64"), kept, strict=True):
            if row.any():
                a[row] = normalizer(s[row])
        return weights

    return by_row


def _bisection(s, power):
    """max(s - tau, 0)^power with tau in [max s - 1, max s] such that it sums to 1."""
    low, high = s.max() - 1.0, s.max()
    for _ in range(60):  # to the last bit of float64
        tau = (low + high) / 2
        low, high = (tau, high) if (np.maximum(s - tau, 0) ** power).sum() > 1 else (low, tau)
    return np.maximum(s - tau, 0) ** power


@pytest.fixture(scope="session")
def coco_dir(tmp_path_factory):
    """A folder in the layout of COCO: a coloured square in a corner of each of 60 + 16 pictures.

    Three captions each, one of them with a word that comes once. Ids are 1000 and up.
    """
    folder = tmp_path_factory.mktemp("coco")
    rng = np.random.default_rng(0)
    colours = {"red": (230, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 230)}
    (folder / "annotations").mkdir()
    for split, count in (("train2014", 60), ("val2014", 16)):
        (folder / split).mkdir()
        images, annotations = [], []
        for i in range(count):
            colour = list(colours)[i % 3]
            top, left = (rng.integers(2, size=2) * 16).tolist()
            pixels = np.full((32, 32, 3), 128, np.uint8)
            pixels[top + 2 : top + 14, left + 2 : left + 14] = colours[colour]
            name = f"{i:03d}.png"
            (folder / split / name).write_bytes(tensorflow.io.encode_png(pixels).numpy())
            images.append({"id": 1000 + i, "file_name": name})
            where = f"the {('upper', 'lower')[top > 0]} {('left', 'right')[left > 0]}"
            for text in (
                f"A {colour} square in {where} corner.",
                f"There is a {colour} square, in {where}!",
                f"One {colour} square named unique{i}",
            ):
                annotations.append({"id": len(annotations), "image_id": 1000 + i, "caption": text})
        content = json.dumps({"images": images, "annotations": annotations})
        (folder / "annotations" / f"captions_{split}.json").write_text(content)
    return folder


@pytest.fixture(scope="session")
def counting_layer():
    """The class of a classifier that counts the segments that it reads."""

    class Counting(keras.layers.Layer):
        """A classifier that counts the segments that it reads."""

        def __init__(self, dense):
            super().__init__()
            self.dense, self.count = dense, 0

        def call(self, x):
            if isinstance(x.shape[0], int):  # symbolic under JAX, None as Keras builds
                self.count += x.shape[0]
            return self.dense(x)

    return Counting


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


@pytest.fixture(scope="session")
def linear():
    """(u (d,), W (d, c), attention) -> a FocusClassifier of 4 segments: s = u x, g = W x."""

    def build(u, w, attention="soft"):
        focus, classifier = networks("linear", (len(u),), w.shape[1])
        model = FocusClassifier(focus, classifier, attention)
        model.build((None, 4, len(u)))
        focus.set_weights([np.reshape(u, (-1, 1))])
        classifier.set_weights([w])
        return model

    return build


@pytest.fixture(scope="session")
def keras_hub():
    """KerasHub, of the extra "pretrained"; skips where it is not installed."""
    return pytest.importorskip(
        "keras_hub",
        reason="KerasHub is not installed: attention-zoo[pretrained]",
        exc_type=ImportError,
    )


@pytest.fixture
def tiny_bert(keras_hub):
    """(**sizes) -> (tokenizer, backbone): a BERT of random weights, of words of weather and food.

    It splits "thunderstorm" and "teaspoon" into two pieces, "teas" into "tea" and "##s".
    """
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = ["tea", "soup", "thunder", "rain", "##storm", "##spoon", "##s", "the", "is", "!", ","]
    words += ["drizzle", "sun", "cold", "hot", "nice", "good", "bad", "x"]

    def make(num_layers=2, max_sequence_length=32, dropout=0.0, **sizes):
        tokenizer = keras_hub.models.BertTokenizer(vocabulary=special + words, lowercase=True)
        backbone = keras_hub.models.BertBackbone(
            vocabulary_size=len(special + words),
            num_layers=num_layers,
            num_heads=2,
            hidden_dim=8,
            intermediate_dim=16,
            dropout=dropout,
            max_sequence_length=max_sequence_length,
            **sizes,
        )
        return tokenizer, backbone

    return make
