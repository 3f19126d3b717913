"""TwoOptimizers: the focus network learns at a rate of its own."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="attention_zoo")
class TwoOptimizers(keras.optimizers.Optimizer):
    """One optimizer for the focus network, another for all other variables.

        model.compile(az.optimizers.TwoOptimizers.of(model, focus=SGD(0.1), classifier=Adam(1e-3)))

    Each clips, decays and averages its own variables: a `global_clipnorm` is of the gradient of
    its share alone. `learning_rate` is the focus optimizer's; setting it changes the classifier's
    in proportion. Where either follows a schedule, it cannot be set.

    Variables are told apart by position: a path need not be the same in a model that was saved
    and loaded.

    Args:
        focus: `keras.optimizers.Optimizer` of the focus network.
        classifier: the optimizer of every other variable: classifier, attention, encoder.
        is_focus: bools, of each variable that this optimizer is built with: whether it is the
            focus network's. `of` finds them.
        name: string.
    """

    def __init__(self, focus, classifier, is_focus, name="two_optimizers"):
        super().__init__(learning_rate=lambda: self.learning_rate, name=name)
        for share, optimizer in (("focus", focus), ("classifier", classifier)):
            _check(share, optimizer)
        if focus is classifier:
            raise ValueError(f"focus and classifier are both {focus.name}, expected two optimizers")
        self.focus = focus
        self.classifier = classifier
        self.is_focus = tuple(is_focus)

    @classmethod
    def of(cls, model, *, focus, classifier, name="two_optimizers"):
        """For a built `FocusClassifier`, its variables as trainable as they are now."""
        if not model.built:
            raise ValueError(f"{model.name} is not built, expected a built FocusClassifier")
        own = {id(variable) for variable in model.focus.variables}
        for variable in model.classifier.variables:
            if id(variable) in own:
                raise ValueError(
                    f"{variable.path} belongs to focus and classifier, expected networks that "
                    "share no variable"
                )
        is_focus = [id(variable) in own for variable in model.trainable_variables]
        return cls(focus, classifier, is_focus, name)

    def build(self, variables):
        if self.built:
            return
        if len(variables) != len(self.is_focus):
            raise ValueError(
                f"the model has {len(variables)} trainable variables, expected "
                f"{len(self.is_focus)}, as when TwoOptimizers was made: make it after freezing"
            )
        own = zip(variables, self.is_focus, strict=True)
        self._focus_keys = frozenset(self._var_key(variable) for variable, is_own in own if is_own)
        for optimizer, share in self._shares(variables):
            optimizer.build([variable for (variable,) in share])
        super().build(variables)

    def _shares(self, variables, *more):
        """Each optimizer with its variables, as tuples (variable, *of more)."""
        shares: tuple[list, list] = ([], [])
        for row in zip(variables, *more, strict=True):
            shares[self._var_key(row[0]) not in self._focus_keys].append(row)
        return zip((self.focus, self.classifier), shares, strict=True)

    def apply(self, grads, trainable_variables=None):
        if trainable_variables is None:
            trainable_variables = self._trainable_variables
        trainable_variables = list(trainable_variables)
        self.build(trainable_variables)
        # A network without any gradient is left as it is; warns of it, as Keras does.
        grads, trainable_variables = self._filter_empty_gradients(grads, trainable_variables)
        for optimizer, share in self._shares(trainable_variables, grads):
            if share:
                optimizer.apply([gradient for _, gradient in share], [one for one, _ in share])
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list):
        for optimizer, share in self._shares(var_list):
            if share:
                optimizer.finalize_variable_values([variable for (variable,) in share])

    @property
    def learning_rate(self):
        """The focus optimizer's: a variable where it can be set, else its present value."""
        if self._follows_schedule():
            return ops.copy(self.focus.learning_rate)
        return self.focus.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        if self._follows_schedule() or callable(learning_rate):
            raise TypeError(
                f"learning_rate is set to {learning_rate}, expected a number, and two optimizers "
                "without a schedule"
            )
        present = float(ops.convert_to_numpy(self.focus.learning_rate))
        if not (present > 0 and learning_rate > 0):
            raise ValueError(
                f"learning_rate is set from {present} to {learning_rate}, expected numbers above "
                "0: the classifier's changes in proportion"
            )
        ratio = float(ops.convert_to_numpy(self.classifier.learning_rate)) / present
        self.focus.learning_rate = learning_rate
        self.classifier.learning_rate = learning_rate * ratio

    def _follows_schedule(self):
        rates = (self.focus.learning_rate, self.classifier.learning_rate)
        return not all(isinstance(rate, keras.Variable) for rate in rates)

    @property
    def variables(self):
        return [self._iterations, *self.focus.variables, *self.classifier.variables]

    def set_weights(self, weights):
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    def save_own_variables(self, store):
        """Keras saves the two optimizers by itself."""
        store["0"] = ops.convert_to_numpy(self._iterations)

    def load_own_variables(self, store):
        self._iterations.assign(store["0"])

    def get_config(self):
        return {
            "focus": keras.saving.serialize_keras_object(self.focus),
            "classifier": keras.saving.serialize_keras_object(self.classifier),
            "is_focus": list(self.is_focus),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        optimizers = {
            share: keras.saving.deserialize_keras_object(
                config[share], custom_objects=custom_objects
            )
            for share in ("focus", "classifier")
        }
        return cls(**config | optimizers)


def _check(share, optimizer):
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise ValueError(f"{share} is {optimizer!r}, expected a keras.optimizers.Optimizer")
    scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if scales or optimizer.loss_scale_factor is not None:
        raise ValueError(
            f"{share} scales the loss, expected a LossScaleOptimizer around TwoOptimizers instead"
        )
