"""Signature: one of the functions of a SavedModel."""

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from attention_zoo.serving import tensors
from attention_zoo.serving.refused import Refused
from attention_zoo.serving.row_wise import is_row_wise, takes_empty_strings


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
        self.joins = all(is_row_wise(self, size) for size in (2, 3))
        strings = any(spec.dtype == tf.string for spec in self.inputs.values())
        self.has_texts = strings and takes_empty_strings(self)

    def __call__(self, arrays):
        """Outputs by name, NumPy arrays, of inputs by name."""
        tensors = {name: tf.constant(array) for name, array in arrays.items()}
        outputs = self._function(**tensors)
        return {name: outputs[name].numpy() for name in self.outputs}

    def check_names(self, names):
        """Refuses inputs that are not its own, all of them."""
        if set(names) != set(self.inputs):
            raise Refused(400, f"inputs are {sorted(names)}, expected {list(self.inputs)}")

    def check_bytes(self, dtype, name):
        """Refuses bytes that the model would read as numbers, where another signature takes them.

        Args:
            dtype: NumPy's, of an array.
            name: of the input.
        """
        if self._of_bytes is not None and dtype == np.uint8:
            expected = f"{self.inputs[name].dtype.name}, or signature {self._of_bytes}"
            raise Refused(400, f"{name} has the type uint8, expected {expected}")

    def check_rows(self, arrays):
        """Refuses inputs of unequal numbers of rows."""
        rows = {len(array) for array in arrays.values()}
        if len(rows) > 1:
            raise Refused(400, f"inputs have {sorted(rows)} rows, expected equally many")

    def check_texts(self, arrays, most):
        """Refuses texts that are too large once each is padded to the longest."""
        size = tensors.padded_bytes(array for array in arrays.values() if array.dtype == object)
        if self.has_texts and size > most:
            raise Refused(
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
            if tensors.family(spec.dtype) is None or spec.shape.rank is None:
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
