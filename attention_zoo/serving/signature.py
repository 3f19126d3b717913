"""Signature: one of the functions of a SavedModel."""

import tensorflow as tf
from tensorflow.core.framework import types_pb2

from attention_zoo.serving import tensors
from attention_zoo.serving.refused import Refused


class Signature:
    """A function of arrays with what it takes and gives. It is run here for the first time.

    Args:
        name: of the signature.
        function: as `tf.saved_model.load(...).signatures` holds it.

    Attributes:
        inputs, outputs: `tf.TensorSpec` by name.
        joins: whether the rows of several requests may be joined: every input and output has a
            free batch axis, and the other free axes of outputs are as long as those of inputs.
            Where they follow from what the inputs hold, as the length of the longest text, an
            answer would depend on its neighbours.

    Raises:
        ValueError: an input or output that has no place in JSON.
    """

    def __init__(self, name, function):
        self.name = name
        self.inputs = dict(sorted(function.structured_input_signature[1].items()))
        self.outputs = dict(sorted(function.structured_outputs.items()))
        self._function = function
        self._check_specs()
        self.joins = all(self._follows(size) for size in (2, 3))

    def __call__(self, arrays):
        """Outputs by name, NumPy arrays, of inputs by name."""
        tensors = {name: tf.constant(array) for name, array in arrays.items()}
        outputs = self._function(**tensors)
        return {name: outputs[name].numpy() for name in self.outputs}

    def check_names(self, names):
        """Refuses inputs that are not its own, all of them."""
        if set(names) != set(self.inputs):
            raise Refused(400, f"inputs are {sorted(names)}, expected {list(self.inputs)}")

    def check_rows(self, arrays, most):
        """Refuses inputs of unequal numbers of rows, or of too many."""
        rows = {len(array) for array in arrays.values()}
        if len(rows) > 1:
            raise Refused(400, f"inputs have {sorted(rows)} rows, expected equally many")
        if max(rows) > most:
            raise Refused(413, f"there are {max(rows)} instances, expected {most} or fewer")

    def describe(self):
        """Inputs and outputs as TensorFlow Serving's metadata has them."""
        return {
            "inputs": {name: _describe(spec) for name, spec in self.inputs.items()},
            "outputs": {name: _describe(spec) for name, spec in self.outputs.items()},
            "method_name": "tensorflow/serving/predict",
        }

    def _follows(self, size):
        """Whether free axes of this size, filled with zeros or "", make all of them this size."""
        zeros = {
            name: tf.zeros([size if n is None else n for n in spec.shape], spec.dtype).numpy()
            for name, spec in self.inputs.items()
        }
        try:
            outputs = self(zeros)
        except tf.errors.InvalidArgumentError:  # "" is no picture
            return False
        found = ((spec, outputs[name].shape) for name, spec in self.outputs.items())
        return all(_has_free_axes(spec, shape, size) for spec, shape in found) and all(
            spec.shape[0] is None for spec in self.inputs.values()
        )

    def _check_specs(self):
        for spec in [*self.inputs.values(), *self.outputs.values()]:
            if tensors.family(spec.dtype) is None or spec.shape.rank is None:
                raise ValueError(
                    f"signature {self.name} has {spec.name} of {spec.dtype.name} and shape "
                    f"{spec.shape}, expected numbers, bool or string of a known rank"
                )
        for name, spec in self.inputs.items():
            if spec.shape.rank == 0:
                raise ValueError(f"{self.name} takes the scalar {name}, expected a batch axis")


def _has_free_axes(spec, shape, size):
    """Whether the first axis is free, and every free one of this size."""
    free = [axis for axis, n in enumerate(spec.shape) if n is None]
    return 0 in free and all(shape[axis] == size for axis in free)


def _describe(spec):
    dims = [{"size": str(-1 if n is None else n), "name": ""} for n in spec.shape]
    return {
        "dtype": types_pb2.DataType.Name(spec.dtype.as_datatype_enum),
        "tensor_shape": {"dim": dims, "unknown_rank": False},
        "name": spec.name,
    }
