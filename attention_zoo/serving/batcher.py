"""Batcher: requests that run together."""

import asyncio
import collections
import concurrent.futures
import contextlib
import dataclasses

from attention_zoo.serving import tensors
from attention_zoo.serving.joined import answers
from attention_zoo.serving.signature import Signature


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
    """

    def __init__(self, limits):
        self._limits = limits
        self._lanes = {}  # deques of _Waiting, none of them empty
        self._arrival = asyncio.Event()
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "model")

    async def __call__(self, signature, arrays):
        """Outputs by name of checked inputs by name, once their batch has run."""
        loop = asyncio.get_running_loop()
        rows = len(next(iter(arrays.values())))
        width = tensors.padded_bytes(arrays.values()) / rows
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
            batch = await self._next()
            inputs = [one.arrays for one in batch]
            found = await loop.run_in_executor(self._thread, answers, batch[0].signature, inputs)
            for one, answer in zip(batch, found, strict=True):
                _give(one.answer, answer)

    def close(self):
        """Ends the thread."""
        self._thread.shutdown()

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
