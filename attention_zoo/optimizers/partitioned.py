"""PartitionedOptimizer: parts of a model learn each by an optimizer of its own."""

import warnings

import keras
from keras import ops

from attention_zoo.optimizers.part_rate import PartRate
from attention_zoo.optimizers.parts import parts_of

_OF_PARTS = (
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)


@keras.saving.register_keras_serializable(package="attention_zoo")
class PartitionedOptimizer(keras.optimizers.Optimizer):
    """Named parts of a model's variables, each with an optimizer of its own, under one rate.

        model.compile(
            az.optimizers.PartitionedOptimizer.of(
                model, focus=SGD(0.1), classifier=Adam(1e-3), encoder=Adam(1e-5)
            )
        )

    `learning_rate` is the leading part's, the first whose rate is not 0; the others keep their
    proportion to it, however it is changed: set, assigned, by ReduceLROnPlateau or
    LearningRateScheduler, to 0 and back. Where a part follows a schedule, the rate of the whole
    cannot be set, as in Keras.

    Every other setting is a part's own: weight decay, averages, accumulation, and clipping, so that
    a `global_clipnorm` is of the gradient of its part alone. `exclude_from_weight_decay` reaches
    all parts. A loss scale goes around: `LossScaleOptimizer(PartitionedOptimizer(...))`.

    Variables are told apart by position: a path need not be the same in a model that was saved
    and loaded.

    Args:
        optimizers: dict of `keras.optimizers.Optimizer` by the name of their part; they are
            attributes of these names, too.
        parts: names, of each variable that this optimizer is built with: the part it belongs to.
            `of` finds them.
        learning_rate: of the leading part, where it is not its optimizer's own.
        name: string.
        undecayed: variables without weight decay, positions or parts of names, as a saved
            optimizer has them; else `exclude_from_weight_decay` says so.
    """

    def __init__(
        self, optimizers, parts, learning_rate=None, name="partitioned_optimizer", undecayed=()
    ):
        super().__init__(learning_rate=lambda: self.learning_rate, name=name)
        self._check(optimizers, parts)
        self.part_names = tuple(optimizers)
        self.parts = tuple(parts)
        self._undecayed, self._undecayed_variables = tuple(undecayed), ()
        for part, optimizer in optimizers.items():
            setattr(self, part, optimizer)
        self._join_rates()
        if learning_rate is not None:
            self.learning_rate = learning_rate

    @classmethod
    def of(cls, model, *, others=None, name="partitioned_optimizer", **optimizers):
        """For a built model, its variables as trainable as they are now.

        Args:
            model: a FocusClassifier, a Captioner, or another Keras model.
            others: name of the part that takes the variables of no part's network; None refuses
                them.
            name: string.
            **optimizers: by the attribute of the model that is the part's network: `focus`,
                `classifier`, `encoder`. That of `others` need not be one.
        """
        return cls(optimizers, parts_of(model, optimizers, others), name=name)

    def _check(self, optimizers, parts):
        for part, optimizer in optimizers.items():
            if not part.isidentifier() or part in dir(type(self)) or part in vars(self):
                raise ValueError(f"a part is named {part!r}, expected a name that is free")
            _check_part(part, optimizer, type(self).__name__)
        names = {id(optimizer): part for part, optimizer in optimizers.items()}
        if len(names) < len(optimizers):
            twice = [part for part, one in optimizers.items() if names[id(one)] != part]
            raise ValueError(
                f"{twice[0]} and {names[id(optimizers[twice[0]])]} have the same optimizer, "
                "expected one each"
            )
        unknown = sorted(set(parts) - set(optimizers))
        if unknown:
            raise ValueError(f"a part is {unknown[0]!r}, expected one of {list(optimizers)}")

    def __setattr__(self, name, value):
        if name in _OF_PARTS and value and "part_names" in vars(self):
            raise ValueError(
                f"{name} is set to {value} on {type(self).__name__}, expected it on the optimizers "
                f"of its parts: {', '.join(self.part_names)}"
            )
        super().__setattr__(name, value)

    def _join_rates(self):
        """Ties the rates of the other parts to that of the leading one, where all are numbers."""
        rates = {part: getattr(self, part).learning_rate for part in self.part_names}
        self._leader, self._own_rates = self.part_names[0], None
        if not all(isinstance(rate, keras.Variable) for rate in rates.values()):
            return
        own = {part: float(ops.convert_to_numpy(rate)) for part, rate in rates.items()}
        self._leader = next((part for part in own if own[part] != 0.0), self._leader)
        self._own_rates = own if own[self._leader] else dict.fromkeys(own, 1.0)
        self._mirrors = {part: rates[part] for part in own if part != self._leader}
        for part in self._mirrors:
            rate = PartRate(part, self._own_rates[part])
            rate.follow(rates[self._leader], self._own_rates[self._leader])
            getattr(self, part)._learning_rate = rate

    def build(self, variables):
        if self.built:
            return
        if len(variables) != len(self.parts):
            raise ValueError(
                f"the model has {len(variables)} trainable variables, expected {len(self.parts)}, "
                f"as when {type(self).__name__} was made: make it after freezing"
            )
        self._part_of = {
            self._var_key(variable): part
            for variable, part in zip(variables, self.parts, strict=True)
        }
        self._exclude(variables)
        for optimizer, rows in self._by_part(variables):
            optimizer.build([variable for (variable,) in rows])
        super().build(variables)

    def _exclude(self, variables):
        """Has the variables that a saved optimizer names not decay."""
        if self._undecayed:
            names = [one for one in self._undecayed if isinstance(one, str)]
            chosen = [one for i, one in enumerate(variables) if i in self._undecayed]
            self.exclude_from_weight_decay([*self._undecayed_variables, *chosen], names)

    def _by_part(self, variables, *more):
        """Each part's optimizer with its variables, as tuples (variable, *of more)."""
        rows: dict[str, list] = {part: [] for part in self.part_names}
        for row in zip(variables, *more, strict=True):
            rows[self._part_of[self._var_key(row[0])]].append(row)
        return [(getattr(self, part), own) for part, own in rows.items()]

    def apply(self, grads, trainable_variables=None):
        if trainable_variables is None:
            trainable_variables = self._trainable_variables
        trainable_variables = list(trainable_variables)
        self.build(trainable_variables)
        # A network without any gradient is left as it is; warns of it, as Keras does.
        grads, trainable_variables = self._filter_empty_gradients(grads, trainable_variables)
        for optimizer, rows in self._by_part(trainable_variables, grads):
            if rows:
                optimizer.apply([gradient for _, gradient in rows], [one for one, _ in rows])
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list):
        for optimizer, rows in self._by_part(var_list):
            if rows:
                optimizer.finalize_variable_values([variable for (variable,) in rows])

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """As in Keras, of every part's weight decay; it is saved with the optimizer."""
        for part in self.part_names:
            getattr(self, part).exclude_from_weight_decay(var_list, var_names)
        self._undecayed_variables, self._undecayed = tuple(var_list or ()), tuple(var_names or ())

    def _what_does_not_decay(self):
        """Positions of the variables; the given names of an optimizer that is not built."""
        if self.built:
            return [
                i
                for i, (part, variable) in enumerate(
                    zip(self.parts, self._trainable_variables, strict=True)
                )
                if not getattr(self, part)._use_weight_decay(variable)
            ]
        if self._undecayed_variables:
            warnings.warn(
                f"{self.name} is saved before it is built, and without what var_list excludes from "
                "weight decay, expected to be saved after its first step, or var_names",
                stacklevel=3,
            )
        return list(self._undecayed)

    @property
    def iterations(self):
        """Steps taken; updates, where the parts accumulate gradients over as many steps each."""
        steps = {getattr(self, part).gradient_accumulation_steps or 1 for part in self.part_names}
        if steps == {1} or len(steps) > 1:
            return self._iterations
        return ops.floor_divide(self._iterations, *steps)

    @property
    def learning_rate(self):
        """The leading part's: a variable where it can be set, else its present value."""
        rate = getattr(self, self._leader).learning_rate
        return ops.copy(rate) if self._own_rates is None else rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        if self._own_rates is None or callable(learning_rate):
            raise TypeError(
                f"learning_rate is set to {learning_rate}, expected a number, and optimizers "
                "without a schedule"
            )
        getattr(self, self._leader).learning_rate = learning_rate

    @property
    def variables(self):
        own = [variable for part in self.part_names for variable in getattr(self, part).variables]
        return [self._iterations, *own]

    @property
    def _model_variables_moving_average(self):
        """In the model's order, for SwapEMAWeights; every part has to keep averages."""
        averages: dict[int, keras.Variable] = {}
        for optimizer, rows in self._by_part(self._trainable_variables):
            own = optimizer._model_variables_moving_average
            averages |= {id(row[0]): one for row, one in zip(rows, own, strict=True)}
        return [averages[id(variable)] for variable in self._trainable_variables]

    def set_weights(self, weights):
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    def save_own_variables(self, store):
        """Keras saves the parts by itself, after this."""
        store["0"] = ops.convert_to_numpy(self._iterations)
        if self._own_rates is not None:
            for part, mirror in self._mirrors.items():
                mirror.assign(getattr(self, part).learning_rate)

    def load_own_variables(self, store):
        self._iterations.assign(store["0"])

    def get_config(self):
        settable = self._own_rates is not None
        return {
            "optimizers": {part: self._config_of(part) for part in self.part_names},
            "parts": list(self.parts),
            "learning_rate": float(ops.convert_to_numpy(self.learning_rate)) if settable else None,
            "name": self.name,
            "undecayed": self._what_does_not_decay(),
        }

    def _config_of(self, part):
        config = keras.saving.serialize_keras_object(getattr(self, part))
        if self._own_rates is not None:
            config["config"]["learning_rate"] = self._own_rates[part]
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        optimizers = {
            part: keras.saving.deserialize_keras_object(one, custom_objects=custom_objects)
            for part, one in config["optimizers"].items()
        }
        return cls(**config | {"optimizers": optimizers})


def _check_part(part, optimizer, whole):
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise ValueError(f"{part} is {optimizer!r}, expected a keras.optimizers.Optimizer")
    scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if scales or optimizer.loss_scale_factor is not None:
        raise ValueError(
            f"{part} scales the loss, expected a LossScaleOptimizer around {whole} instead"
        )
    nested = isinstance(optimizer, PartitionedOptimizer) or hasattr(optimizer, "optimizers")
    if nested or isinstance(optimizer._learning_rate, PartRate) or optimizer.built:
        raise ValueError(
            f"{part} is {type(optimizer).__name__} {optimizer.name!r} that is in use or has parts "
            "itself, expected a new optimizer of one kind"
        )
