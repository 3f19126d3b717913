"""LoRA that is saved with its factors: training goes on from where it was."""

import keras
import numpy as np
import pytest

from attention_zoo.models.networks.lora import keep_factors

X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")


def network(keeps=True, rank=2):
    keras.utils.set_random_seed(1)
    layers = keras.layers.Dense(3), keras.layers.EinsumDense("ab,bc->ac", (2,), bias_axes="c")
    found = keras.Sequential([keras.Input((4,)), *layers])
    for layer in layers if rank else ():
        layer.enable_lora(rank)
    if keeps:
        keep_factors(found)
    return found


def changed(model):
    """The network with every weight that is trained moved."""
    rng = np.random.default_rng(2)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    return model


def values(variables):
    return [keras.ops.convert_to_numpy(one) for one in variables]


def test_what_is_loaded_is_what_was_saved(tmp_path):
    saved, loaded = changed(network()), network()
    saved.save_weights(tmp_path / "one.weights.h5")
    loaded.load_weights(tmp_path / "one.weights.h5")
    assert any("lora" in one.path for one in saved.variables)
    for one, other in zip(values(saved.variables), values(loaded.variables), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(*values([saved(X), loaded(X)]))


def test_a_file_without_factors_gives_the_same_outputs_and_can_be_trained_on(tmp_path):
    """As Keras saves it: of factors that are both 0 neither has a gradient."""
    saved, loaded = changed(network(keeps=False)), network()
    saved.save_weights(tmp_path / "one.weights.h5")
    loaded.load_weights(tmp_path / "one.weights.h5")
    np.testing.assert_allclose(*values([saved(X), loaded(X)]), rtol=1e-5, atol=1e-6)
    for layer in loaded.layers:
        a, b = values([layer.lora_kernel_a, layer.lora_kernel_b])
        assert np.any(a != 0.0) and not np.any(b != 0.0)


@pytest.mark.parametrize("rank", [0, 1])
def test_factors_of_another_rank_are_in_the_weights_alone(rank, tmp_path):
    """A model without LoRA takes the file, too."""
    saved, loaded = changed(network()), network(rank=rank)
    saved.save_weights(tmp_path / "one.weights.h5")
    loaded.load_weights(tmp_path / "one.weights.h5")
    np.testing.assert_allclose(*values([saved(X), loaded(X)]), rtol=1e-5, atol=1e-6)
