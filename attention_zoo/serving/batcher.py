"""Batcher: requests that run together."""

import asyncio
import collections
import concurrent.futures
import contextlib
import dataclasses

from attention_zoo.serving.joined import answers
from attention_zoo.serving.signature import Signature


@dataclasses.dataclass(frozen=True)
class _Waiting:
    signature: Signature
    arrays: dict
    rows: int
    arrived: float
    answer: asyncio.Future


class Batcher:
    """Joins requests along the batch axis and runs them in one thread.

    What arrives while the model runs waits for it, by signature and shape of a row; so requests
    join under load even where none waits for another.

    Args:
        max_batch: rows of a batch; a request with more runs alone.
        max_wait: seconds that the first of a batch waits for others, while there is room.
    """

    def __init__(self, max_batch, max_wait):
        self._max_batch = max_batch
        self._max_wait = max_wait
        self._lanes = {}  # deques of _Waiting; the lane whose turn it is comes first
        self._arrival = asyncio.Event()
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "model")

    async def __call__(self, signature, arrays):
        """Outputs by name of checked inputs by name, once their batch has run."""
        loop = asyncio.get_running_loop()
        rows = len(next(iter(arrays.values())))
        waiting = _Waiting(signature, arrays, rows, loop.time(), loop.create_future())
        self._lanes.setdefault(_lane(signature, arrays), collections.deque()).append(waiting)
        self._arrival.set()
        return await waiting.answer

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
        while True:
            while not self._lanes:
                self._arrival.clear()
                await self._arrival.wait()
            lane = next(iter(self._lanes))
            await self._fill(self._lanes[lane])
            batch = self._take(lane)
            if batch:
                return batch

    async def _fill(self, waiting):
        """Waits until there are rows for a batch, or the first has waited long enough."""
        until = waiting[0].arrived + (self._max_wait if waiting[0].signature.joins else 0.0)
        while sum(one.rows for one in waiting) < self._max_batch:
            left = until - asyncio.get_running_loop().time()
            if left <= 0:
                return
            self._arrival.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._arrival.wait(), left)

    def _take(self, lane):
        """Takes the next batch out of a lane; what is left there goes to the end of the queue."""
        waiting, rows = self._lanes.pop(lane), 0
        batch: list[_Waiting] = []
        while waiting and (not batch or rows + waiting[0].rows <= self._max_batch):
            one = waiting.popleft()
            if not one.answer.done():  # else its client waits no longer
                batch.append(one)
                rows += one.rows
        if waiting:
            self._lanes[lane] = waiting
        return batch


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
