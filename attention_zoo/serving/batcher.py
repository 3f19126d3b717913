"""Batcher: requests that run together."""

import asyncio
import collections
import concurrent.futures
import contextlib
import dataclasses

import numpy as np
import tensorflow as tf

from attention_zoo.serving.request_error import RequestError, padded_bytes
from attention_zoo.serving.served_model import Signature


@dataclasses.dataclass(frozen=True, eq=False)
class _Waiting:
    signature: Signature
    arrays: dict
    rows: int
    width: float  # bytes of a row, its strings padded
    arrived: float
    answer: asyncio.Future


class Batcher:
    """Joins requests along the batch axis and runs them in one thread.

    What arrives while the model runs waits for it, by signature and shape of a row; so requests
    join under load even where none waits for another.

    Args:
        limits: the `Limits`. A batch has no more than `max_batch` rows and `max_body_bytes`, or
            `max_text_bytes` of texts; a request with more runs alone. The first of a batch waits
            `max_wait_ms` for others, while there is room.
        note_rows: called with the number of rows of each batch.
    """

    def __init__(self, limits, note_rows=lambda rows: None):
        self._limits = limits
        self._note_rows = note_rows
        self._running = []  # the batch that the model computes
        self._began = 0.0
        self._lanes = {}  # deques of _Waiting, none of them empty
        self._arrival = asyncio.Event()
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "model")

    async def __call__(self, signature, arrays):
        """Outputs by name of checked inputs by name, once their batch has run."""
        loop = asyncio.get_running_loop()
        rows = len(next(iter(arrays.values())))
        width = padded_bytes(arrays.values()) / rows
        one = _Waiting(signature, arrays, rows, width, loop.time(), loop.create_future())
        lane = _lane(signature, arrays)
        self._lanes.setdefault(lane, collections.deque()).append(one)
        self._arrival.set()
        try:
            return await one.answer
        finally:
            self._leave(lane, one)

    async def work(self):
        """Runs batches until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            batch = self._running = await self._next()
            self._began = loop.time()
            self._note_rows(sum(one.rows for one in batch))
            inputs = [one.arrays for one in batch]
            found = await loop.run_in_executor(self._thread, _answers, batch[0].signature, inputs)
            self._running = []
            for one, answer in zip(batch, found, strict=True):
                _give(one.answer, answer)

    @property
    def busy_seconds(self):
        """For how long the model has computed its batch, 0 if it has none."""
        return asyncio.get_running_loop().time() - self._began if self._running else 0.0

    def give_up(self, error):
        """Answers all requests with this error; the model may go on computing."""
        waiting = [one for lane in self._lanes.values() for one in lane]
        for one in [*waiting, *self._running]:
            _give(one.answer, error)

    def close(self):
        """Ends the thread, once the model has computed its batch."""
        self._thread.shutdown(wait=False)

    async def _next(self):
        """The requests of the next batch, one or more."""
        loop = asyncio.get_running_loop()
        while True:
            self._arrival.clear()
            seconds = None
            if self._lanes:
                lane = min(self._lanes, key=self._due)
                seconds = self._due(lane) - loop.time()
                if seconds <= 0:
                    return self._take(lane)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._arrival.wait(), seconds)

    def _due(self, lane):
        """When a lane is to run: the arrival of its first if there are enough, else later."""
        waiting = self._lanes[lane]
        waits = waiting[0].signature.joins and self._have_room(waiting)
        return waiting[0].arrived + (self._limits.max_wait_ms / 1000 if waits else 0.0)

    def _have_room(self, requests, more=1):
        """Whether as many rows more, none of them wider, would fit into their batch."""
        has_texts = requests[0].signature.has_texts
        most = self._limits.max_text_bytes if has_texts else self._limits.max_body_bytes
        rows = sum(one.rows for one in requests) + more
        return rows <= self._limits.max_batch and rows * max(one.width for one in requests) <= most

    def _take(self, lane):
        """Takes the next batch out of a lane."""
        waiting = self._lanes[lane]
        batch = [waiting.popleft()]
        while waiting and self._have_room([*batch, waiting[0]], more=0):
            batch.append(waiting.popleft())
        if not waiting:
            del self._lanes[lane]
        return batch

    def _leave(self, lane, one):
        """Takes a request out of its lane, where its client waits no longer."""
        waiting = self._lanes.get(lane, ())
        if one in waiting:
            waiting.remove(one)
            if not waiting:
                del self._lanes[lane]


def _lane(signature, arrays):
    """Equal for what may run together."""
    if not signature.joins:
        return object()
    return signature.name, *(array.shape[1:] for array in arrays.values())


def _give(future, answer):
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _answers(signature, requests):
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
            return [one for request in requests for one in _answers(signature, [request])]
        return [RequestError(400, f"the model refuses the inputs: {_reason(error.message)}")]
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
