"""ServedModel: the signatures of a SavedModel, what they take, and whether their rows may join."""

import dataclasses
import importlib
import os
import re
import sys

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from attention_zoo._errors import first_line
from attention_zoo._paths import expanded
from attention_zoo.serving.request_error import RequestError, family, padded_bytes

DEFAULT = "serving_default"


class ServedModel:
    """The signatures of a SavedModel.

    Args:
        folder: of the SavedModel, or of numbered versions of it (`model/1`, `model/2`), as
            TensorFlow Serving has them: the highest number is served.
        name: what clients call it.

    Attributes:
        folder: the one that holds the SavedModel.
        version: its number; 1 if the folder has no versions.
        signatures: `Signature` by name.

    Raises:
        ValueError: a name that no path can hold; no SavedModel there, or a damaged one; it has no
            signatures, or one that takes or gives what JSON cannot hold.
    """

    def __init__(self, folder, name="model"):
        if not re.fullmatch("[^/:]+", name):
            raise ValueError(f"name is {name!r}, expected letters without / and :")
        self.name = name
        self.folder, self.version = _newest(os.fspath(expanded(folder)))
        self._loaded = _load(self.folder)
        functions = self._loaded.signatures
        if not functions:
            raise ValueError(f"{self.folder} has no signatures, expected one or more")
        self.signatures = {
            key: Signature(key, function, f"{key}_bytes" if f"{key}_bytes" in functions else None)
            for key, function in functions.items()
        }

    def signature(self, name=None):
        """A signature by name, the default one if it is None or "", as in TensorFlow Serving.

        Raises:
            RequestError: there is none of this name.
        """
        name = DEFAULT if name in (None, "") else name
        if not isinstance(name, str) or name not in self.signatures:
            raise RequestError(
                400, f"signature_name is {name!r}, expected one of {sorted(self.signatures)}"
            )
        return self.signatures[name]

    def status(self):
        """The state as TensorFlow Serving reports it."""
        status = {"error_code": "OK", "error_message": ""}
        version = {"version": str(self.version), "state": "AVAILABLE", "status": status}
        return {"model_version_status": [version]}

    def metadata(self):
        """Names, types and shapes as TensorFlow Serving reports them."""
        signatures = {name: one.describe() for name, one in self.signatures.items()}
        return {
            "model_spec": {"name": self.name, "signature_name": "", "version": str(self.version)},
            "metadata": {"signature_def": {"signature_def": signatures}},
        }


def _newest(folder):
    """(folder of the SavedModel, its version): the folder itself, or its highest number."""
    if tf.saved_model.contains_saved_model(folder):
        return folder, 1
    found = tf.io.gfile.listdir(folder) if tf.io.gfile.isdir(folder) else []
    names = [name.rstrip("/") for name in found]
    numbers = [name for name in names if re.fullmatch("[0-9]{1,18}", name)]
    if not numbers:
        raise ValueError(
            f"saved_model is {folder}, expected a folder with saved_model.pb, or with versions "
            "of it: 1, 2, ..."
        )
    newest = max(numbers, key=int)
    return os.path.join(folder, newest), int(newest)


def _load(folder):
    try:
        if tf.io.gfile.exists(os.path.join(folder, "fingerprint.pb")):
            tf.saved_model.experimental.read_fingerprint(folder)  # else only a warning, a long one
        return tf.saved_model.load(folder)
    except Exception as error:  # as many types as there are ways to damage a file
        if "Op type not registered" in str(error) and not sys.modules.get("tensorflow_text"):
            return _load_of_texts(folder)
        reason = first_line(error)
        raise ValueError(f"{folder} is no whole SavedModel: {reason}") from error


def _load_of_texts(folder):
    """The same with the ops of TensorFlow Text, which cut words into pieces."""
    try:
        importlib.import_module("tensorflow_text")
    except ImportError as error:
        raise ImportError(
            f"{folder} has ops that TensorFlow lacks, expected tensorflow_text for them: "
            "pip install attention-zoo[pretrained]"
        ) from error
    return _load(folder)


class Signature:
    """A function of arrays with what it takes and gives. It is run here for the first time.

    Args:
        name: of the signature.
        function: as `tf.saved_model.load(...).signatures` holds it.
        of_bytes: name of the signature that takes the same as bytes (uint8), or None.

    Attributes:
        inputs, outputs: `tf.TensorSpec` by name.
        joins: whether the rows of several requests may be joined: each is answered as alone.
        has_texts: whether it takes strings of any length, which it may pad to the longest.

    Raises:
        ValueError: no inputs or outputs, or one that has no place in JSON.
    """

    def __init__(self, name, function, of_bytes=None):
        self.name = name
        self._of_bytes = of_bytes
        self.inputs = dict(sorted(function.structured_input_signature[1].items()))
        self.outputs = dict(sorted(function.structured_outputs.items()))
        self._function = function
        self._check_specs()
        self.joins = all(_is_row_wise(self, size) for size in (2, 3))
        strings = any(spec.dtype == tf.string for spec in self.inputs.values())
        self.has_texts = strings and _takes_empty_strings(self)

    def __call__(self, arrays):
        """Outputs by name, NumPy arrays, of inputs by name."""
        outputs = self._function(**{name: tf.constant(one) for name, one in arrays.items()})
        return {name: outputs[name].numpy() for name in self.outputs}

    def check_names(self, names):
        """Refuses inputs that are not its own, all of them."""
        if set(names) != set(self.inputs):
            raise RequestError(400, f"inputs are {sorted(names)}, expected {list(self.inputs)}")

    def check_bytes(self, dtype, name):
        """Refuses integers, which may be pixels, where another signature takes and scales bytes.

        Args:
            dtype: NumPy's, of an array.
            name: of the input.
        """
        if self._of_bytes is not None and dtype.kind in "iu":
            expected = f"{self.inputs[name].dtype.name}, or signature {self._of_bytes}"
            raise RequestError(400, f"{name} has the type {dtype}, expected {expected}")

    def check_rows(self, arrays):
        """Refuses inputs of unequal numbers of rows."""
        rows = {len(array) for array in arrays.values()}
        if len(rows) > 1:
            raise RequestError(400, f"inputs have {sorted(rows)} rows, expected equally many")

    def check_texts(self, arrays, most):
        """Refuses texts that are too large once each is padded to the longest."""
        if not self.has_texts:
            return
        size = padded_bytes(array for array in arrays.values() if array.dtype == object)
        if size > most:
            raise RequestError(
                413, f"texts have {size} bytes if all are as long as the longest, expected {most}"
            )

    def describe(self):
        """Inputs and outputs as TensorFlow Serving's metadata has them."""
        return {
            "inputs": {name: _describe(spec) for name, spec in self.inputs.items()},
            "outputs": {name: _describe(spec) for name, spec in self.outputs.items()},
            "method_name": "tensorflow/serving/predict",
        }

    def _check_specs(self):
        if not self.inputs or not self.outputs:
            raise ValueError(f"signature {self.name} has no inputs or no outputs, expected both")
        for spec in [*self.inputs.values(), *self.outputs.values()]:
            if family(spec.dtype) is None or spec.shape.rank is None:
                raise ValueError(
                    f"signature {self.name} has {spec.name} of {spec.dtype.name} and shape "
                    f"{spec.shape}, expected numbers, bool or string of a known rank"
                )
        for name, spec in self.inputs.items():
            if spec.shape.rank == 0:
                raise ValueError(f"{self.name} takes the scalar {name}, expected a batch axis")


def _describe(spec):
    dims = [{"size": str(-1 if n is None else n), "name": ""} for n in spec.shape]
    return {
        "dtype": types_pb2.DataType.Name(spec.dtype.as_datatype_enum),
        "tensor_shape": {"dim": dims, "unknown_rank": False},
        "name": spec.name,
    }


@dataclasses.dataclass(frozen=True)
class Call:
    """Inputs to a signature.

    Attributes:
        signature: the `Signature`.
        arrays: its inputs by name, checked.
        in_rows: whether the answer is a list with an item for each row, or a tensor an output.
    """

    signature: Signature
    arrays: dict
    in_rows: bool = False

    @property
    def rows(self):
        """How many."""
        return len(next(iter(self.arrays.values())))


def _takes_empty_strings(signature):
    """Whether "" is answered: models of texts do, those of pictures and other files do not."""
    try:
        signature(_samples(signature.inputs, 1))
    except tf.errors.InvalidArgumentError:
        return False
    return True


def _is_row_wise(signature, size):
    """Whether rows get the same answers together as alone, free axes having this size.

    So must the free axes of the outputs: where their size follows from what the inputs hold, as
    that of the longest text, the rows would depend on each other.
    """
    specs = [*signature.inputs.values(), *signature.outputs.values()]
    if any(not spec.shape.rank or spec.shape[0] is not None for spec in specs):
        return False
    arrays = _samples(signature.inputs, size)
    rows = [{name: array[i : i + 1] for name, array in arrays.items()} for i in range(size)]
    try:
        together, alone = signature(arrays), [signature(row) for row in rows]
    except tf.errors.InvalidArgumentError:
        return False
    return all(
        _has_free_axes(spec, together[name].shape, size)
        and all(_equal(together[name][i : i + 1], one[name]) for i, one in enumerate(alone))
        for name, spec in signature.outputs.items()
    )


def _samples(inputs, size):
    """An array an input, its free axes of this size: from 0 to 1 by chance, or ""."""
    rng = np.random.default_rng(0)
    return {
        name: _sample([size if n is None else n for n in spec.shape], spec.dtype, rng)
        for name, spec in inputs.items()
    }


def _sample(shape, dtype, rng):
    kind = family(dtype)
    if kind == "string":
        return np.full(shape, b"", object)
    values = rng.random(shape) if kind == "float" else rng.integers(2, size=shape)
    return values.astype(dtype.as_numpy_dtype)


def _has_free_axes(spec, shape, size):
    return all(shape[axis] == size for axis, n in enumerate(spec.shape) if n is None)


def _equal(found, expected):
    """Whether they are, up to rounding."""
    if found.dtype.kind == "O" or found.shape != expected.shape:
        return np.array_equal(found, expected)
    close = np.isclose(
        found.astype(float), expected.astype(float), rtol=1e-3, atol=1e-5, equal_nan=True
    )
    return bool(close.all())
