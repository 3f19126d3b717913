"""What clients hold open: connections and bodies on their way, bounded in number and in time."""

import asyncio
import collections
import logging
import math
import time
from typing import Any

from aiohttp import web

from attention_zoo._errors import first_line
from attention_zoo.serving.request_error import RequestError

SPARE = 32  # file descriptors for what is not a connection
PAUSE = 0.05  # seconds until room is looked for again
HURRY = 1.0  # seconds that a body may take if its client has too many others on their way
FREE_CHUNKS, SMALL = 1024, 64  # chunks that may be small; bytes a chunk on average beyond these
LOG = logging.getLogger("attention_zoo.serving")


class OnceAMinute(logging.Filter):
    """Lets a line of a kind pass once a minute: without a traceback, which quotes the client."""

    def __init__(self):
        super().__init__()
        self._kinds = {}  # (when the last line passed, how many were held back since)

    def filter(self, record):
        error = type(record.exc_info[1]).__name__ if record.exc_info else ""
        kind = record.msg, error
        when, held = self._kinds.get(kind, (-math.inf, 0))
        if time.monotonic() - when < 60:
            self._kinds[kind] = when, held + 1
            return False
        self._kinds[kind] = time.monotonic(), 0
        more = [f"{held} more since the last such line"] if held else []
        record.msg = "; ".join([record.getMessage(), *filter(None, [error]), *more])
        record.args, record.exc_info = (), None
        return True


LOG.addFilter(OnceAMinute())


def most_connections(listener, limits):
    """How many connections there may be: as many as there are file descriptors for.

    Raises:
        ValueError: there are none.
    """
    try:
        import resource
    except ImportError:  # not on Windows
        return limits.max_connections
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY:
        return limits.max_connections
    room = files - listener.fileno() - SPARE  # the listener is the file opened last
    if room < 1:
        raise ValueError(f"open files are limited to {files}, expected more: ulimit -n")
    return min(limits.max_connections, room)


class Connections:
    """Accepts connections; closes those that idle, and the longest idle where there are too many.

    A connection idles while no request on it is handled: before its head has come, and from the
    answer on, until the client has read it and asks again.

    Args:
        limits: the `Limits`.
    """

    def __init__(self, limits):
        self._limits = limits
        self._idle = {}  # since when, by protocol; the longest idle first
        self._server: Any = None  # of aiohttp

    def __len__(self):
        return len(self._server.connections) if self._server else 0

    def begin(self, request):
        """A request is handled."""
        self._idle.pop(request.protocol, None)

    def end(self, request):
        """Its answer is found."""
        if request.protocol.transport is not None:
            self._idle[request.protocol] = time.monotonic()

    def close_idle(self):
        """Closes all that idle but for those that read their answers; whether there are such."""
        is_read = False
        for protocol in list(self._idle):
            if protocol.transport is not None and protocol.transport.get_write_buffer_size():
                is_read = True
            else:
                self._close(protocol)
        return is_read

    async def accept(self, listener, server):
        """Accepts from a listening socket for an `aiohttp.web.Server`, until it is cancelled."""
        self._server = server
        listener.setblocking(False)
        most = most_connections(listener, self._limits)
        sweeping = asyncio.create_task(self._sweep())
        try:
            while True:
                try:
                    await self._accept(listener, most)
                except Exception:  # whatever befalls one connection, there are others
                    LOG.exception("a connection cannot be served")
                    await asyncio.sleep(PAUSE)
        finally:
            sweeping.cancel()

    async def _accept(self, listener, most):
        loop = asyncio.get_running_loop()
        try:
            accepted, _ = await loop.sock_accept(listener)
        except ConnectionError:  # it is gone already
            return
        except OSError as error:
            LOG.warning("cannot accept connections: %s", error.strerror)
            self._make_room()
            await asyncio.sleep(PAUSE)
            return
        try:
            while len(self) >= most and not self._make_room():
                await asyncio.sleep(PAUSE)
        except asyncio.CancelledError:
            accepted.close()
            raise
        await loop.connect_accepted_socket(self._protocol, accepted)

    def _protocol(self):
        protocol = self._server()
        self._idle[protocol] = time.monotonic()
        return protocol

    def _make_room(self):
        """Closes the longest idle, if it has been so for a second; whether it did."""
        protocol, since = next(iter(self._idle.items()), (None, math.inf))
        if time.monotonic() - since < 1.0:
            return False
        self._close(protocol)
        return True

    async def _sweep(self):
        while True:
            await asyncio.sleep(1.0)
            now = time.monotonic()
            for protocol, since in list(self._idle.items()):
                is_gone = protocol.transport is None and now - since >= 1.0
                if is_gone or now - since > self._limits.idle_seconds:
                    self._close(protocol)

    def _close(self, protocol):
        del self._idle[protocol]
        if protocol.transport is not None:
            protocol.transport.abort()  # `close` would wait for a client that reads no answer


class Uploads:
    """Bodies on their way, bounded by client, in bytes, in time and in the number of chunks.

    Args:
        limits: the `Limits`.
    """

    def __init__(self, limits):
        self._limits = limits
        self._requests: dict[str, dict] = collections.defaultdict(dict)  # by client, by protocol
        self._bytes = 0

    def __len__(self):
        return sum(map(len, self._requests.values()))

    async def read(self, request):
        """The body of a request, bytes.

        Raises:
            RequestError: a body that is too large, too slow, in too small chunks or broken; too
                many of them.
        """
        if request.transport is None:
            raise RequestError(400, "the client is gone")
        if request.content.is_eof():  # the body came with its head, as small ones do
            return await self._gather(request)
        client = request.remote
        status, seconds, reason = self._deadline(client)
        self._requests[client][request.protocol] = request
        try:
            return await asyncio.wait_for(self._gather(request), seconds)
        except asyncio.TimeoutError:
            raise RequestError(status, reason, closes=True) from None
        finally:
            del self._requests[client][request.protocol]
            if not self._requests[client]:
                del self._requests[client]

    def give_up(self, error):
        """Has those that wait for bodies now meet this error."""
        for request in [one for some in self._requests.values() for one in some.values()]:
            request.content.set_exception(error)
            _abandon(request)

    def _deadline(self, client):
        """(status, seconds, reason): how a body that takes longer than these is refused."""
        seconds, most = self._limits.timeout_seconds, self._limits.max_uploads
        if len(self._requests.get(client, ())) < most or seconds <= HURRY:
            return 408, seconds, f"body took more than {seconds} s, expected it sooner"
        reason = f"{most} bodies of this client are on their way, expected fewer: try again"
        return 429, HURRY, reason

    async def _gather(self, request):
        content, body, chunks = request.content, bytearray(), 0
        try:
            while not content.at_eof():
                piece, ends_chunk = await content.readchunk()
                body += piece
                self._bytes += len(piece)
                self._check_size(len(body))
                chunks += ends_chunk
                if chunks > FREE_CHUNKS + len(body) // SMALL:
                    raise web.RequestPayloadError(f"{chunks} chunks hold {len(body)} bytes")
        except (web.RequestPayloadError, ConnectionError) as error:
            _abandon(request)
            reason = first_line(error)
            raise RequestError(400, f"body is broken: {reason}", closes=True) from None
        finally:
            self._bytes -= len(body)
        if content.exception() is not None:  # it came between two pieces
            raise content.exception()
        return bytes(body)

    def _check_size(self, size):
        most = self._limits.max_body_bytes
        if size > most:
            reason = f"body is larger, expected {most} bytes or fewer"
            raise RequestError(413, reason, closes=True)
        if self._bytes > self._limits.max_queue * most:
            reason = f"bodies on their way have {self._bytes} bytes, expected fewer: try again"
            raise RequestError(503, reason, closes=True)


def _abandon(request):
    """Has what a client still sends neither parsed nor waited for."""
    if request.transport is not None:
        request.transport.set_protocol(_Deaf(request.protocol))
    request.content.feed_eof()


class _Deaf(asyncio.Protocol):
    """In place of another protocol: drops what comes, and passes on what the answer needs."""

    def __init__(self, protocol):
        self._protocol = protocol

    def pause_writing(self):
        self._protocol.pause_writing()

    def resume_writing(self):
        self._protocol.resume_writing()

    def connection_lost(self, exc):
        self._protocol.connection_lost(exc)
