"""What models with an attention share: compiled functions and callbacks that fit it."""

import contextlib
import inspect
import warnings

import keras
from keras import ops

from attention_zoo._assertions import as_value_error
from attention_zoo._paths import expanded
from attention_zoo._saving.loadable import check_loadable


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
    broken = [v.path for v in model.trainable_variables if not ops.all(ops.isfinite(v))]
    if broken:
        warnings.warn(
            f"{len(broken)} weights of {model.name} have values that are not finite, {broken[0]} "
            "among them: expected none, look for NaN in the data or take a smaller learning rate",
            stacklevel=3,
        )


class AttentionModel(keras.Model):
    """A Keras model whose `attention` says when its graphs no longer hold.

    The key is looked at in every call of a compiled function: weights may have been loaded, or a
    phase switched, since it was made.
    """

    def fit(self, x=None, y=None, *args, **kwargs):
        call = inspect.signature(keras.Model.fit).bind(self, x, y, *args, **kwargs)
        callbacks = call.arguments.get("callbacks")
        if callbacks is not None:
            call.arguments["callbacks"] = callbacks = _savers_after_the_switch(callbacks)
        if hasattr(x, "element_spec") or hasattr(x, "__next__"):
            # A pipeline has its own order; Keras says of its default, True, that it ignores it.
            call.arguments.setdefault("shuffle", False)
        self.attention.check_callbacks(_as_list(callbacks))
        with as_value_error():
            return super().fit(*call.args[1:], **call.kwargs)

    def evaluate(self, *args, **kwargs):
        """As `keras.Model.evaluate`; what the graph refuses is a ValueError, as in `fit`."""
        with as_value_error():
            return super().evaluate(*args, **kwargs)

    def save(self, filepath, *args, **kwargs):
        """As `keras.Model.save`; a ValueError where Keras could not load what it writes."""
        check_loadable(self)
        return super().save(expanded(filepath), *args, **kwargs)

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


_SAVERS = keras.callbacks.BackupAndRestore, keras.callbacks.ModelCheckpoint


def _as_list(callbacks):
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return callbacks.callbacks
    return list(keras.tree.flatten(callbacks)) if callbacks is not None else []


def _savers_after_the_switch(callbacks):
    """The callbacks with those of Keras's that save a model behind the one that switches it.

    Of an epoch that has ended, they are to save what the switch has seen of it.
    """
    given = _as_list(callbacks)
    switches = [i for i, one in enumerate(given) if getattr(one, "switches_attention", False)]
    if not switches:
        return callbacks
    before, after = given[: switches[-1] + 1], given[switches[-1] + 1 :]
    savers = [one for one in before if isinstance(one, _SAVERS)]
    ordered = [one for one in before if one not in savers] + savers + after
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks.callbacks = ordered
        return callbacks
    return ordered
