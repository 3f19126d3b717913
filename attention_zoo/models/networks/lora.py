"""LoRA that is saved with its factors.

Keras saves a layer's kernel with the changes in it, W + AB, and no factors; loaded, A and B are 0,
and so are their gradients for good: dL/dA has B for a factor, and dL/dB has A.
"""

import functools

from keras import ops

_FACTORS = ("lora_kernel_a", "lora_kernel_b")
_KERNEL = "lora_kernel"  # W, without the changes


def keep_factors(network):
    """Has the layers of a network with LoRA enabled save and load W, A and B beside W + AB.

    Of a file without them, A is what it was, drawn at random, and B is 0: training begins anew
    from the changed weights.
    """
    for layer in network._flatten_layers():
        if getattr(layer, "lora_enabled", False):
            layer.save_own_variables = functools.partial(_save, layer)
            layer.load_own_variables = functools.partial(_load, layer)


def _save(layer, store):
    type(layer).save_own_variables(layer, store)
    store[_KERNEL] = layer._kernel
    for name in _FACTORS:
        store[name] = getattr(layer, name)


def _load(layer, store):
    a = ops.copy(layer.lora_kernel_a)
    type(layer).load_own_variables(layer, store)
    if _KERNEL not in store:
        layer.lora_kernel_a.assign(a)
        return
    layer._kernel.assign(store[_KERNEL])
    for name in _FACTORS:
        getattr(layer, name).assign(store[name])
