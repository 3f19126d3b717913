"""Whether the layers of a Keras model of segments heed the mask that it is given."""

import contextlib
import warnings
import weakref
from typing import NamedTuple

import keras

from attention_zoo.layers.masks import keras_mask
from attention_zoo.models.masking_layers import (
    ACT_ON_AXES,
    ATTENTION,
    MERGE,
    asks_for_mask,
    makes_mask,
    masks_given,
    mixes_despite_masks,
    named,
    reads_alone,
    remedy_of,
)
from attention_zoo.models.segment_axes import (
    acts_on_segments,
    axes_after_layer,
    axes_after_operation,
    mixes_segments,
)

# What was found, with all that may change in it: a model that runs eagerly asks in every call.
_FOUND: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def check_mask_is_kept(encoder):
    """Raises ValueError where a sequential or functional model lets padding in, beside a mask.

    Keras hands a mask from layer to layer; one whose `supports_masking` is False neither heeds it
    nor passes it on. Such a layer may mix segments, as `Conv1D` does; so may a later one that asks
    for a mask, as `LSTM` does, and gets none. What reads each segment by itself may lose the mask
    if none asks after it. A plain operation, as x + y or keras.ops.mean, heeds none: it may not
    reduce or multiply over the axis of the segments.

    A call to which the model hands a mask of its own, as `LSTM(8)(x, mask=m)`, has what it asks
    for. Layers within `layers.PerSegment` are not looked at, nor are other models and layers: what
    their `call` does with a mask is theirs.
    """
    if _has_known_layers(encoder):
        _loss_within(encoder, None)


def check_made_mask_is_kept(encoder, features):
    """The same of a model that is given no mask and makes one, from where it is made.

    Raises ValueError, too, where the mask is lost at the end, so that its `features` have none.
    """
    if not _has_known_layers(encoder):
        return
    lost = _loss_within(encoder, _UNMADE)
    if lost is None or lost is _UNMADE:
        return
    if isinstance(lost, _FalseMask) or keras_mask(features) is None:
        raise ValueError(
            f"encoder is a {type(encoder).__name__} that makes a mask and loses it ({lost.who}), "
            f'expected {lost.remedy}, or inputs {{"segments": ..., "mask": ...}}: padding would '
            "have attention (docs/concepts.md, Masks)"
        )


def checked_call(encoder):
    """`check_mask_is_kept`; a context for the call: Keras warns of no layer that was looked at."""
    check_mask_is_kept(encoder)
    return without_warnings_of(encoder)


def without_warnings_of(encoder):
    """A context: Keras warns of no layer that is looked at here."""
    return without_warnings() if _has_known_layers(encoder) else contextlib.nullcontext()


@contextlib.contextmanager
def without_warnings():
    """In this context Keras does not warn of layers that pass no mask on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*does not support masking", UserWarning)
        yield


class _LetsPaddingIn(Exception):
    """Which layer or operation, and what to write in its place."""


class _Loss(NamedTuple):
    """Where a mask was lost: who did it, and what keeps it."""

    who: str
    remedy: str


class _Loose(_Loss):
    """Of what has no mask to lose: none is made yet, or the model itself multiplies by one."""


class _FalseMask(_Loss):
    """Of what has a mask that is True everywhere."""


_UNMADE = _Loose("no mask was made before it", "one")
_UNMASKED = _Loss("one of its inputs has none", "a mask on each of them")


def _has_known_layers(network):
    return isinstance(network, keras.Sequential) or hasattr(network, "_nodes_by_depth")


def _loss_within(encoder, lost):
    """What `_walk` finds; raises ValueError where padding is let in."""
    within = encoder._flatten_layers(include_self=False)
    state = [(layer, layer.trainable, layer.supports_masking) for layer in within]
    found = _FOUND.setdefault(encoder, {})
    if lost not in found or found[lost][0] != state:
        try:
            found[lost] = state, _walk(encoder, lost)
        except _LetsPaddingIn as error:
            raise ValueError(
                f"encoder is a {type(encoder).__name__} with {error}: padding would count in the "
                "features of others (docs/concepts.md, Masks)"
            ) from None
    return found[lost][1]


def _walk(network, lost):
    """The `_Loss` of what a model gives, of that of what it is given; None where it has a mask.

    `_UNMADE` where there is none to lose: one that none was made in, or that gives other segments.
    """
    graph = getattr(network, "_functional", network)  # of a Sequential that is built
    if hasattr(graph, "_nodes_by_depth"):
        return _walk_graph(graph, lost)
    if lost is _UNMADE:
        return lost
    for layer in network.layers:
        lost = _after_layer(layer, [lost])
    return lost


def _walk_graph(graph, lost):
    inputs = keras.tree.flatten(graph.inputs)
    losses, axes = {id(x): lost for x in inputs}, {id(x): {1} for x in inputs}
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if not node.is_input:
                _step(node, losses, axes)
    outputs = keras.tree.flatten(graph.outputs)
    if lost is _UNMADE:
        outputs = [x for x in outputs if 1 in axes[id(x)]]
        return _first(losses[id(x)] for x in outputs) if outputs else lost
    return _first(losses[id(x)] for x in outputs)


def _step(node, losses, axes):
    """Notes of the outputs of a layer or an operation where their mask was lost, and their axes."""
    operation = node.operation
    before = [losses[id(x)] for x in node.input_tensors]
    is_layer = isinstance(operation, keras.Layer)
    after = axes_after_layer(node, axes) if is_layer else axes_after_operation(node, axes)
    if any(isinstance(one, _Loose) for one in before) and not _has_known_layers(operation):
        lost = _after_loose(node, before, axes, after)
    elif is_layer:
        _check_axes(node, axes)
        lost = _after_layer(operation, before, node)
    else:
        lost = _after_operation(node, before, mixes_segments(node, axes, after))
    if isinstance(operation, keras.layers.MultiHeadAttention):
        masked = [x for x in node.input_tensors if not isinstance(losses[id(x)], _Loose)]
        losses.update((id(x), _taken_off(operation)) for x in masked)
    for x, its_axes in zip(node.output_tensors, after, strict=True):
        losses[id(x)] = lost if 1 in its_axes else lost or _passes_none(operation)
        axes[id(x)] = its_axes


def _after_loose(node, before, axes, after):
    """The `_Loss` of what is given some tensor that no mask was made for."""
    operation = node.operation
    if all(isinstance(one, _Loose) for one in before):
        if makes_mask(operation) and 1 in after[0] and node.output_tensors[0].ndim == 3:
            return None
        return next((one for one in before if one is not _UNMADE), _UNMADE)
    if not isinstance(operation, keras.Layer):
        return _Loose(*_passes_none(operation))
    _check_axes(node, axes)
    empty = [isinstance(operation, ATTENTION) and not axes[id(x)] for x in node.input_tensors]
    before = [_needs(*one) for one in zip(before, empty, strict=True)]
    return _after_layer(operation, before, node)


def _needs(lost, has_no_segments):
    """A loss beside tensors with a mask, which attention does not need for what are no segments."""
    return _UNMASKED if isinstance(lost, _Loose) and not has_no_segments else lost


def _after_operation(node, before, mixes):
    """The `_Loss` of what a plain operation gives: it passes no mask on."""
    if mixes and not masks_given(node):
        raise _LetsPaddingIn(
            f"the operation {type(node.operation).__name__} over segments, which heeds no mask, "
            "expected Keras's layers, or a layer of your own whose call takes `mask`"
        )
    return _first(before) or _passes_none(node.operation)


def _after_layer(layer, before, node=None):
    """The `_Loss` of what a layer gives, of those of its inputs; None where it has a mask."""
    if _has_known_layers(layer):
        return _walk(layer, _first(before))
    passes, asks = getattr(layer, "supports_masking", False), asks_for_mask(layer)
    given, alone = masks_given(node), reads_alone(layer, node)
    read, passed = _needed(layer, before)
    if asks and read and not (given or alone):
        raise _LetsPaddingIn(
            f"{named(layer)}, which is given no mask ({read.who}), expected {read.remedy}"
        )
    if mixes_despite_masks(layer) or not (passes or asks or alone):
        raise _LetsPaddingIn(f"{named(layer)}, which heeds no mask, expected {remedy_of(layer)}")
    if makes_mask(layer) or (passes and "mask" in given):
        return None
    return passed if passes else passed or _passes_none(layer)


def _check_axes(node, axes):
    """Raises where a layer of Keras that asks for no mask acts on the axis of the segments."""
    layer, on = node.operation, axes[id(node.input_tensors[0])]
    if (on and 1 not in on) or (isinstance(layer, ACT_ON_AXES) and acts_on_segments(node, axes)):
        raise _LetsPaddingIn(
            f"{named(layer)} over segments, which heeds no mask, expected it to act on other axes"
        )


def _needed(layer, before):
    """The `_Loss` of the inputs whose mask a layer has to read, and of those it passes on."""
    if isinstance(layer, MERGE):  # Keras passes no mask on where one of the inputs has none
        lost = next(filter(None, before), None)
        return lost, lost
    if isinstance(layer, keras.layers.Concatenate) and None in before and any(before):
        who = f"{named(layer)} before it takes all segments of an input without a mask for there"
        lost = _FalseMask(who, "a mask on each of its inputs")
        return lost, lost
    if isinstance(layer, ATTENTION) and len(before) > 1:  # of query, value, key
        read = (one for one in before[1:] if one and not isinstance(one, _Loose))
        return next(read, None), before[0]
    lost = _first(before)
    return lost, lost


def _first(losses):
    """None where one of several has a mask, else the first loss."""
    losses = list(losses)
    return None if None in losses else next(iter(losses), None)


def _passes_none(operation):
    kind = type(operation).__name__
    if isinstance(operation, keras.Layer):
        remedy = "mask_zero=True" if kind == "Embedding" else remedy_of(operation)
        return _Loss(f"{named(operation)} before it passes none on", remedy)
    layer = f"keras.layers.{kind}" if hasattr(keras.layers, kind) else "a layer"
    return _Loss(f"the operation {kind} before it passes none on", f"{layer} in its place")


def _taken_off(layer):
    who = f"{named(layer)} before it took the mask off what it read"
    return _Loss(who, "that one to read what nothing else does, as LayerNormalization()(x)")
