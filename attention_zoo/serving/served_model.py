"""ServedModel: a SavedModel with a name."""

import re

import tensorflow as tf

from attention_zoo._paths import expanded
from attention_zoo.serving.refused import Refused
from attention_zoo.serving.signature import Signature

VERSION = "1"
DEFAULT = "serving_default"


class ServedModel:
    """The signatures of a SavedModel.

    Args:
        folder: of the SavedModel.
        name: what clients call it.

    Attributes:
        signatures: `Signature` by name.

    Raises:
        OSError: no SavedModel there.
        ValueError: a name that no path can hold; it has no signatures, or one that takes or gives
            what JSON cannot hold.
    """

    def __init__(self, folder, name="model"):
        if not re.fullmatch("[^/:]+", name):
            raise ValueError(f"name is {name!r}, expected letters without / and :")
        self.name = name
        self._loaded = tf.saved_model.load(expanded(folder))
        functions = self._loaded.signatures
        if not functions:
            raise ValueError(f"{folder} has no signatures, expected one or more")
        self.signatures = {
            key: Signature(key, function, next((n for n in functions if n == f"{key}_bytes"), None))
            for key, function in functions.items()
        }

    def signature(self, name=None):
        """A signature by name, the default one if it is None or "", as in TensorFlow Serving.

        Raises:
            Refused: there is none of this name.
        """
        name = DEFAULT if name in (None, "") else name
        if not isinstance(name, str) or name not in self.signatures:
            raise Refused(
                400, f"signature_name is {name!r}, expected one of {sorted(self.signatures)}"
            )
        return self.signatures[name]

    def status(self):
        """The state as TensorFlow Serving reports it."""
        status = {"error_code": "OK", "error_message": ""}
        version = {"version": VERSION, "state": "AVAILABLE", "status": status}
        return {"model_version_status": [version]}

    def metadata(self):
        """Names, types and shapes as TensorFlow Serving reports them."""
        signatures = {name: one.describe() for name, one in self.signatures.items()}
        return {
            "model_spec": {"name": self.name, "signature_name": "", "version": VERSION},
            "metadata": {"signature_def": {"signature_def": signatures}},
        }
