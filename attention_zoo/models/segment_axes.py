"""Where the segments' axis goes in an operation of a functional model, and whether it is mixed.

`axes` is a dict everywhere here: of id(tensor), the set of axes on which segments lie.
"""

import keras

_MARK = 10007  # a prime: no other axis has this size, nor has a product of others


def axes_after_layer(node, axes):
    """A set for each output of a layer: axis 1, where an input has as many segments there."""
    sizes = [x.shape[1] for x in node.input_tensors if 1 in axes[id(x)]]
    return [{1} if x.ndim > 1 and x.shape[1] in sizes else set() for x in node.output_tensors]


def axes_after_operation(node, axes):
    """The same of a plain operation, from its shapes for a number of segments of their own.

    Where it has none, as x + positions of a fixed number of segments, it is taken for a layer.
    """
    marked = {
        id(x): keras.KerasTensor(_marked(x.shape, axes[id(x)]), x.dtype) for x in node.input_tensors
    }
    args, kwargs = keras.tree.map_structure(
        lambda x: marked.get(id(x), x), (list(node.arguments.args), dict(node.arguments.kwargs))
    )
    try:
        after = keras.tree.flatten(node.operation.compute_output_spec(*args, **kwargs))
    except Exception:  # of whatever kind: operations say in many ways that shapes do not fit
        return axes_after_layer(node, axes)
    return [{i for i, size in enumerate(x.shape) if size == _MARK} for x in after]


def mixes_segments(node, axes, after):
    """Whether an operation, with the axes `after` it, reduces, multiplies or moves segments."""
    before = [axes[id(x)] for x in node.input_tensors]
    kind = type(node.operation).__name__
    if not any(before):
        return False
    if kind == "Einsum":
        return not _einsum_keeps(node, axes)
    if kind in ("Matmul", "Dot") and _contracts(node, axes):
        return True
    if max(map(len, after), default=0) < max(map(len, before)):
        return not (kind == "Reshape" or (kind == "GetItem" and _is_from_the_front(node)))
    return kind in _WINDOWS or (_keeps_shape(node) and acts_on_segments(node, axes))


def acts_on_segments(node, axes):
    """Whether `axis` of a layer or an operation (`axes` of Dot) is one of the segments, or all."""
    chosen = getattr(node.operation, "axis", getattr(node.operation, "axes", ()))
    if chosen is None:
        return True
    of_each = isinstance(node.operation, keras.layers.Dot) and not isinstance(chosen, int)
    return any(
        axis % x.ndim in axes[id(x)]
        for i, x in enumerate(node.input_tensors)
        for axis in keras.tree.flatten(chosen[i] if of_each else chosen)
    )


def einsum_dense_keeps(equation, rank=3):
    """Whether the axis after the batch stays where it is in an `EinsumDense`.

    "bmd,de->bme": yes;  "bmd,mn->bnd": no
    """
    inputs, _, output = equation.replace(" ", "").partition("->")
    term, kernel = inputs.split(",")
    if "..." in term:
        return _letter_is_kept(equation, 0, 1, rank)
    return output[1:2] == term[1] and term[1] not in kernel


_WINDOWS = {
    *("Conv", "ConvTranspose", "DepthwiseConv", "SeparableConv", "MaxPool", "AveragePool"),
    *("DotProductAttention", "FFT2", "IFFT2"),
}


def _marked(shape, axes):
    return tuple(_MARK if i in axes else size for i, size in enumerate(shape))


def _keeps_shape(node):
    shapes = [x.shape for x in node.output_tensors]
    return any(x.shape in shapes for x in node.input_tensors)


def _is_from_the_front(node):
    """Whether x[...] takes segments counted from the first, and not from an end of padding."""
    key = node.arguments.args[1]
    parts = key if isinstance(key, tuple | list) else (key,)
    counts = [part for part in parts if isinstance(part, int)]
    for part in parts:
        if isinstance(part, slice):
            counts += [-abs(part.start or 0), part.stop, part.step]
    return all(count is None or count >= 0 for count in counts)


def _contracts(node, axes):
    """Whether a product of matrices sums over segments."""
    first, second = node.arguments.args[:2]
    return any(
        max(x.ndim - back, 0) in axes.get(id(x), ())
        for x, back in ((first, 1), (second, 2))
        if isinstance(x, keras.KerasTensor)
    )


def _einsum_keeps(node, axes):
    return all(
        _letter_is_kept(node.operation.subscripts, i, axis, x.ndim)
        for i, x in enumerate(node.arguments.args)
        for axis in axes.get(id(x), ())
    )


def _letter_is_kept(equation, operand, axis, rank):
    """Whether the letter of this axis of an operand is one of the output's."""
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    head, dots, tail = inputs.split(",")[operand].partition("...")
    if dots and len(head) <= axis < rank - len(tail):
        return True
    letter = tail[axis - rank] if dots and axis >= len(head) else head[axis]
    return letter in output if arrow else inputs.count(letter) == 1
