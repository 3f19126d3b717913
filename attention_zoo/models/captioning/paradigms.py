"""Which attentions a captioner writes with: those that its functions of an attention name."""

from attention_zoo.layers import HybridAttention
from attention_zoo.models.captioning.attention import weights
from attention_zoo.models.captioning.reinforce import log_choice
from attention_zoo.models.captioning.scores import class_scores

# What a captioner asks of an attention, and the method of the layer that it stands for.
_ASKED = {weights: "call", class_scores: "class_scores", log_choice: "class_scores"}


def check_known(attention):
    """Raises NotImplementedError for an attention whose own class scores a captioner has not got.

    A captioner has no `class_scores` of layers: it makes those of all words at once, by functions
    of its own. They know a class that is registered with them, and subclasses that keep what the
    class does; of a hybrid they are given the part whose phase it is.
    """
    for part in attention.parts():
        for function, method in _ASKED.items():
            known = next(
                c for c in type(part).__mro__ if c in {HybridAttention, *function.registry}
            )
            if known is object or getattr(known, method) is not getattr(type(part), method):
                raise NotImplementedError(unknown(function, part))


def unknown(function, attention):
    """The line of the error for an attention that a captioner's function does not know."""
    where, name = f"{function.__module__}.{function.__name__}", type(attention).__name__
    return f"Captioner does not know {name}, expected one registered: @{where}.register({name})"
