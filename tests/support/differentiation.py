"""Gradients and compiled functions on whatever backend the tests run on."""

import keras
import pytest

BACKEND = keras.backend.backend()
if BACKEND == "tensorflow":
    import tensorflow


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
