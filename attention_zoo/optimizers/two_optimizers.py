"""TwoOptimizers, the former name of a PartitionedOptimizer of two parts."""

import warnings

import keras

from attention_zoo.optimizers.partitioned import PartitionedOptimizer
from attention_zoo.optimizers.parts import parts_of


@keras.saving.register_keras_serializable(package="attention_zoo")
class TwoOptimizers(PartitionedOptimizer):
    """Deprecated: `PartitionedOptimizer` with the parts "focus" and "classifier".

    Saved models that have it are loaded with a `PartitionedOptimizer`.

    Args:
        focus, classifier: the parts' optimizers.
        is_focus: bools, of each variable: whether it is the focus network's.
        name: string.
    """

    def __init__(self, focus, classifier, is_focus, name="two_optimizers"):
        warnings.warn(
            "TwoOptimizers is deprecated, use PartitionedOptimizer", DeprecationWarning, 2
        )
        optimizers, parts = _as_parts(focus, classifier, is_focus)
        super().__init__(optimizers, parts, name=name)

    @property
    def is_focus(self):
        """Of each variable, whether it is the focus network's."""
        return tuple(part == "focus" for part in self.parts)

    @classmethod
    def of(cls, model, *, others="classifier", name="two_optimizers", **optimizers):
        """For a built `FocusClassifier`; `classifier` takes every other variable."""
        parts = parts_of(model, optimizers, others)
        return cls(**optimizers, is_focus=[part == "focus" for part in parts], name=name)

    def get_config(self):
        return super().get_config() | {"is_focus": list(self.is_focus)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        if "optimizers" not in config:
            old = (config["focus"], config["classifier"], config["is_focus"])
            optimizers, parts = _as_parts(*old)
            config = {"optimizers": optimizers, "parts": parts, "name": config["name"]}
        own = {name: value for name, value in config.items() if name != "is_focus"}
        return PartitionedOptimizer.from_config(own, custom_objects)


def _as_parts(focus, classifier, is_focus):
    parts = ["focus" if own else "classifier" for own in is_focus]
    return {"focus": focus, "classifier": classifier}, parts
