"""What models with an attention share: data and errors of `fit`, compiled functions, saving."""

import contextlib
import warnings

import keras
from keras import ops

from attention_zoo._assertions import as_value_error
from attention_zoo._paths import expanded
from attention_zoo._saving.loadable import check_loadable
from attention_zoo.models import fit_arguments


class Retraced:
    """A compiled function, made anew where its graphs no longer hold.

    Args:
        key: callable, -> what the graphs hold, such as the `trace_key` of an attention.
        make: callable, -> the function.
    """

    def __init__(self, key, make):
        self._key, self._make = key, make
        self._held = self._function = None

    def __call__(self, *args):
        key = self._key()
        if self._function is None or key != self._held:
            self._held, self._function = key, self._make()
        return self._function(*args)


def trace_key(model):
    """The key of a model's attention; None for a model without one."""
    return getattr(getattr(model, "attention", None), "trace_key", None)


def strategy_scope(model):
    """That of the model's strategy, in which variables are made; TensorFlow alone has one."""
    strategy = getattr(model, "distribute_strategy", None)
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def warn_of_broken_weights(model):
    """Warns once where a weight is not finite: a network may make numbers of it all the same."""
    floats = [v for v in model.weights if keras.backend.is_float_dtype(v.dtype)]
    broken = [v.path for v in floats if not ops.all(ops.isfinite(v))]
    if broken:
        warnings.warn(
            f"{len(broken)} weights of {model.name} have values that are not finite, {broken[0]} "
            "among them: expected none, look for NaN in the data or take a smaller learning rate",
            stacklevel=3,
        )


def checked_inference(inference, ways):
    """The argument `inference`; ValueError unless it is "auto" or one of the ways to predict."""
    if inference != "auto" and inference not in ways:
        raise ValueError(f"inference is {inference!r}, expected 'auto' or one of {sorted(ways)}")
    return inference


class AttentionModel(keras.Model):
    """A Keras model whose `attention` says when its graphs no longer hold.

    The key is looked at in every call of a compiled function: weights may have been loaded, or a
    phase switched, since it was made.

    A model says in `accepted` and `check_class_weight` what it takes; `fit` and its siblings ask,
    wherever an argument stands.
    """

    def accepted(self, x, y=None):
        """Inputs and targets as its steps take them; ValueError for what they cannot take."""
        return x, y

    def check_class_weight(self, class_weight, y, x=None):
        """Raises ValueError for weights of classes that mean nothing here, beside such targets.

        Where x is a pipeline the targets are in it, and y is None.
        """

    def fit(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.fit`; what the model cannot take is a ValueError of one line."""
        given = fit_arguments.by_name(x, y, *args, **kwargs)
        self.check_class_weight(given.get("class_weight"), y, x)
        given["x"], given["y"] = self.accepted(x, y)
        given["validation_data"] = self._accepted_pair(given.get("validation_data"))
        self.attention.check_callbacks(fit_arguments.as_list(given.get("callbacks")))
        with as_value_error(self):
            history = super().fit(**given)
        warn_of_broken_weights(self)
        return history

    def _accepted_pair(self, data):
        """Of validation data, a tuple or a pipeline."""
        if isinstance(data, tuple | list):
            return *self.accepted(*data[:2]), *data[2:]
        return None if data is None else self.accepted(data)[0]

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.evaluate`; data and errors as in `fit`."""
        if kwargs.get("_use_cached_eval_dataset"):  # asked by `fit`, which does all of this
            return super().evaluate(x, y, *args, **kwargs)
        x, y = self.accepted(x, y)
        with as_value_error(self):
            found = super().evaluate(x, y, *args, **kwargs)
        warn_of_broken_weights(self)
        return found

    def predict(self, x, *args, **kwargs):
        """As `keras.Model.predict`; inputs as in `fit`."""
        x, _ = self.accepted(x)
        with as_value_error(self):
            return super().predict(x, *args, **kwargs)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """As `keras.Model.train_on_batch`; data and errors as in `fit`."""
        self.check_class_weight(class_weight, y)
        x, y = self.accepted(x, y)
        with as_value_error(self):
            return super().train_on_batch(x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """As `keras.Model.test_on_batch`; data and errors as in `fit`."""
        x, y = self.accepted(x, y)
        with as_value_error(self):
            return super().test_on_batch(x, y, sample_weight, return_dict)

    def predict_on_batch(self, x):
        """As `keras.Model.predict_on_batch`; inputs as in `fit`."""
        x, _ = self.accepted(x)
        with as_value_error(self):
            return super().predict_on_batch(x)

    def save(self, filepath, *args, **kwargs):
        """As `keras.Model.save`; a ValueError where Keras could not load what it writes."""
        check_loadable(self)
        return super().save(expanded(filepath), *args, **kwargs)

    def get_compile_config(self):
        """As `keras.Model.get_compile_config`, such that every backend can read it."""
        return portable(super().get_compile_config())

    def compile_from_config(self, config):
        """Compiles as the saved model was, and makes the optimizer's state to be loaded."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def make_train_function(self, force=False):
        return self._make("train_function", super().make_train_function, force)

    def make_test_function(self, force=False):
        return self._make("test_function", super().make_test_function, force)

    def make_predict_function(self, force=False):
        return self._make("predict_function", super().make_predict_function, force)

    def _make(self, name, make, force):
        if getattr(self, name) is None or force:

            def made():
                make(force=True)
                function = getattr(self, name)
                setattr(self, name, retraced)
                return function

            retraced = Retraced(self._trace_key, made)
            setattr(self, name, retraced)
        return getattr(self, name)

    def _trace_key(self):
        return trace_key(self)

    @property
    def way_to_predict(self):
        """The resolved `inference`: "argmax", "marginal" or "soft"."""
        return self.attention.inference if self.inference == "auto" else self.inference

    networks: tuple[str, ...] = ()  # attributes that are layers, and arguments of the class

    def config_of_networks(self):
        """For `get_config`."""
        return {
            name: keras.saving.serialize_keras_object(getattr(self, name)) for name in self.networks
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        loaded = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in cls.networks
        }
        return cls(**config | loaded)


_OF_TORCH = "keras.src.backend.torch.optimizers"


def portable(config):
    """A serialised object with Keras's optimizers by their public names.

    Under PyTorch, `keras.optimizers.Adam(...)` makes an object of a class of that backend, and
    Keras saves it by the class's own name: elsewhere it cannot be loaded, or takes no step.
    """
    if isinstance(config, list | tuple):
        return type(config)(map(portable, config))
    if not isinstance(config, dict):
        return config
    config = {name: portable(value) for name, value in config.items()}
    if str(config.get("module", "")).startswith(_OF_TORCH):
        config |= {"module": "keras.optimizers", "registered_name": None}
    return config
