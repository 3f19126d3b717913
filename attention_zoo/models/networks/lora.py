"""LoRA that is saved with its factors.

Keras saves a layer's kernel with the changes in it, W + AB, and no factors; loaded, A and B are 0,
and so are their gradients for good: dL/dA has B for a factor, and dL/dB has A.
"""

import functools

from keras import ops

FACTORS = ("lora_kernel_a", "lora_kernel_b")
KERNEL = "lora_kernel"  # W, without the changes; Keras's own names are numbers


def keep_factors(network):
    """Has the layers of a network save and load W, A and B beside W + AB, where LoRA is enabled.

    Of a file without factors of these shapes, A is what it was, drawn at random, and B is 0:
    training begins anew from the changed weights. A layer without LoRA passes over factors.
    """
    for layer in network._flatten_layers():
        if hasattr(layer, "enable_lora"):
            layer.load_own_variables = functools.partial(_load, layer)
        if getattr(layer, "lora_enabled", False):
            layer.save_own_variables = functools.partial(_save, layer)


def _save(layer, store):
    type(layer).save_own_variables(layer, store)
    store[KERNEL] = layer._kernel
    for name in FACTORS:
        store[name] = getattr(layer, name)


def _load(layer, store):
    stored = {name: store[name] for name in tuple(store.keys())}
    plain = {name: one for name, one in stored.items() if name not in (KERNEL, *FACTORS)}
    if not getattr(layer, "lora_enabled", False):
        type(layer).load_own_variables(layer, plain)
        return
    own = {name: getattr(layer, name) for name in FACTORS}
    a = ops.copy(own[FACTORS[0]])
    type(layer).load_own_variables(layer, plain)
    shapes = {name: tuple(stored[name].shape) for name in FACTORS if name in stored}
    if shapes != {name: tuple(one.shape) for name, one in own.items()}:
        own[FACTORS[0]].assign(a)
        return
    layer._kernel.assign(stored[KERNEL])
    for name, one in own.items():
        one.assign(stored[name])
