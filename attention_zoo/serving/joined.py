"""Several requests as one call of the model."""

import numpy as np
import tensorflow as tf

from attention_zoo.serving.refused import Refused


def answers(signature, requests):
    """The outputs of each request, or the exception that it met.

    Where the model itself refuses a batch, as it does pictures that cannot be decoded, each request
    is run alone, so that only the one to blame fails.

    Args:
        signature: the `Signature`.
        requests: inputs by name, of equal shapes but for the rows.
    """
    try:
        return _run(signature, requests)
    except tf.errors.InvalidArgumentError as error:
        if len(requests) > 1:
            return [one for request in requests for one in answers(signature, [request])]
        return [Refused(400, f"the model refuses the inputs: {_reason(error.message)}")]
    except Exception as error:  # it belongs to the requests: the thread lives on
        return [error] * len(requests)


def _reason(message):
    """The line of an error of TensorFlow that says what is wrong."""
    said = (line for line in message.splitlines() if line and not line.startswith(_AROUND))
    return next(said, "it gives no reason")


_AROUND = ("Graph execution error:", "Detected at", "<stack traces", "\t [[")


def _run(signature, requests):
    if len(requests) == 1:
        return [signature(requests[0])]
    arrays = {name: np.concatenate([one[name] for one in requests]) for name in signature.inputs}
    ends = np.cumsum([len(next(iter(one.values()))) for one in requests])[:-1]
    parts = {name: np.split(array, ends) for name, array in signature(arrays).items()}
    return [dict(zip(parts, part, strict=True)) for part in zip(*parts.values(), strict=True)]
