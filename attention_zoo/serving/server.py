"""Server: a model's answers over HTTP, in TensorFlow Serving's REST shape."""

import asyncio
import contextlib
import logging
import time
from typing import Any

from aiohttp import HttpVersion11, web

from attention_zoo.serving import bodies
from attention_zoo.serving.batcher import Batcher
from attention_zoo.serving.connections import LOG, Connections, Uploads
from attention_zoo.serving.metrics import Metrics
from attention_zoo.serving.request_error import RequestError

MODEL = "/v1/models/{name:[^/:]+}"
VERSIONED = MODEL + "/versions/{version:[^/:]+}"
GRACE = 1.0  # seconds that bodies on their way have when the server ends
# Settings of `web.AppRunner`. A client that is refused while it sends gets `lingering_time`
# seconds to see the answer; what it sends until then is dropped. `read_bufsize` bounds how many
# chunks are parsed in one go.
RUNNER: dict[str, Any] = {
    "lingering_time": 0.5,
    "auto_decompress": False,
    "access_log": None,
    "logger": LOG,
    "read_bufsize": 2**15,
    "shutdown_timeout": 1.0,
}


class Server:
    """Answers requests to one model.

    - POST /v1/models/NAME:predict
    - GET /v1/models/NAME and /v1/models/NAME/metadata
    - GET /healthz, /healthz/live, /healthz/ready and /metrics

    NAME may be followed by /versions/N. Whatever goes wrong is {"error": reason}.

    Args:
        model: the `ServedModel`.
        limits: the `Limits`.
        origins: of the pages whose scripts may read the answers (CORS), or ["*"] for all.
    """

    def __init__(self, model, limits, origins=()):
        self._model = model
        self._limits = limits
        self._origins = origins
        self._in_hand = 0
        self._is_ending = False
        self._connections = Connections(limits)
        self._uploads = Uploads(limits)
        self._metrics = Metrics(
            [
                ("requests_in_hand", "Requests waiting or computed.", lambda: self._in_hand),
                ("uploads", "Bodies on their way.", lambda: len(self._uploads)),
                ("connections", "Connections open.", lambda: len(self._connections)),
            ]
        )
        self._batcher = Batcher(limits, self._metrics.note_rows)

    async def run(self, listener, stops, ready=lambda: None):
        """Serves on a listening socket until there is an item in a queue, or two of them.

        After the first, requests in hand are answered, for `shutdown_seconds`; a second ends it at
        once.

        Args:
            listener: the socket.
            stops: an `asyncio.Queue`.
            ready: called once it serves.

        Returns:
            Whether all in hand were answered.
        """
        seconds = self._limits.idle_seconds
        runner = web.AppRunner(self._application(), keepalive_timeout=seconds, **RUNNER)
        await runner.setup()
        accepting = asyncio.create_task(self._connections.accept(listener, runner.server))
        ready()
        await stops.get()
        accepting.cancel()
        await asyncio.wait([accepting])
        listener.close()
        ends = [asyncio.create_task(self._drain()), asyncio.create_task(stops.get())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        lost = await self._give_up()
        await runner.cleanup()
        return not lost

    @property
    def computes(self):
        """Whether the model still does, be it for nobody."""
        return self._batcher.busy_seconds > 0

    def _application(self):
        app = web.Application(middlewares=[self._answered])
        routes = [("/healthz", self._health), ("/healthz/live", self._live)]
        routes += [("/healthz/ready", self._ready), ("/metrics", self._count)]
        for path in (MODEL, VERSIONED):
            routes += [(path, self._status), (path + "/metadata", self._metadata)]
            app.router.add_post(path + ":predict", self._predict, expect_handler=self._expect)
        for path, handler in routes:
            app.router.add_get(path, handler)
        app.cleanup_ctx.append(self._working)
        return app

    async def _working(self, app):
        self._worker = asyncio.create_task(self._compute())
        yield
        self._worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._worker
        self._batcher.close()

    async def _compute(self):
        try:
            await self._batcher.work()
        except Exception:
            logging.exception("the batches have ended")

    async def _drain(self):
        """Waits until all have their answers, but not for long for bodies, nor beyond its limit."""
        self._is_ending = True
        began = time.monotonic()
        while self._connections.close_idle() or self._in_hand or len(self._uploads):
            await asyncio.sleep(0.01)
            seconds = time.monotonic() - began
            if seconds > min(GRACE, self._limits.shutdown_seconds):
                self._uploads.give_up(self._end())
            if seconds > self._limits.shutdown_seconds:
                return

    async def _give_up(self):
        """Refuses what is still in hand; returns how many requests that were."""
        lost = self._in_hand
        self._uploads.give_up(self._end())
        self._batcher.give_up(self._end())
        for _ in range(100 if lost else 1):  # until they have their answers, a second at most
            await asyncio.sleep(0.01)
            if not self._in_hand:
                break
        return lost

    def _end(self):
        return RequestError(503, "the server ends", closes=True)

    async def _health(self, request):
        return web.json_response({"status": "ok"})

    async def _live(self, request):
        """Whether it can answer ever again; where not, a supervisor should start it anew."""
        if self._worker.done():
            raise RequestError(503, "the batches have ended, see the log")
        return await self._health(request)

    async def _ready(self, request):
        """Whether it would take a request now."""
        self._check_ending()
        self._check_queue()
        if self._batcher.busy_seconds > self._limits.timeout_seconds:
            raise RequestError(503, f"the model computes for {self._batcher.busy_seconds:.0f} s")
        return await self._live(request)

    async def _count(self, request):
        body, content_type = self._metrics.text()
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _status(self, request):
        self._check_model(request)
        return web.json_response(self._model.status())

    async def _metadata(self, request):
        self._check_model(request)
        return web.json_response(self._model.metadata())

    async def _predict(self, request):
        self._check_head(request)
        body = await self._uploads.read(request)
        self._check_queue()
        self._in_hand += 1
        try:
            name = request.query.get("signature_name")
            asked = body, _content_type(request), name, self._model, self._limits
            call = await bodies.aside(len(body), bodies.read, *asked)
            outputs = await self._outputs(call)
            size = sum(array.nbytes for array in outputs.values())
            found = call, outputs, request.headers.get("Accept", ""), self._limits
            answer, content_type = await bodies.aside(size, bodies.write, *found)
        finally:
            self._in_hand -= 1
        return web.Response(body=answer, content_type=content_type)

    async def _expect(self, request):
        """Has a client send its body only if its size is right ("Expect: 100-continue")."""
        if request.version < HttpVersion11:  # it knows of no such thing
            return None
        if request.headers["Expect"].lower() != "100-continue":
            return _error(417, f"Expect is {request.headers['Expect']}, expected 100-continue")
        if (request.content_length or 0) <= self._limits.max_body_bytes:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        return None

    def _check_head(self, request):
        """Refuses what can be refused before the body is read."""
        self._check_model(request)
        size, most = request.content_length or 0, self._limits.max_body_bytes
        if size > most:
            raise RequestError(413, f"body has {size} bytes, expected {most} or fewer", closes=True)
        bodies.check_content_type(_content_type(request))
        encoding = request.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise RequestError(415, f"content encoding is {encoding}, expected none")
        self._check_ending()
        self._check_queue()

    def _check_ending(self):
        if self._is_ending:
            raise self._end()

    def _check_queue(self):
        if self._in_hand >= self._limits.max_queue:
            reason = f"{self._in_hand} requests are in hand, expected fewer: try again"
            raise RequestError(503, reason)

    def _check_model(self, request):
        name, version = request.match_info["name"], request.match_info.get("version")
        if name != self._model.name:
            raise RequestError(404, f"model is {name!r}, expected {self._model.name!r}")
        if version not in (None, str(self._model.version)):
            raise RequestError(404, f"version is {version!r}, expected '{self._model.version}'")

    async def _outputs(self, call):
        seconds = self._limits.timeout_seconds
        try:
            return await asyncio.wait_for(self._batcher(call.signature, call.arrays), seconds)
        except asyncio.TimeoutError:
            raise RequestError(504, f"the answer took more than {seconds} s") from None

    @web.middleware
    async def _answered(self, request, handler):
        """Counts requests, and has every error answered with its reason."""
        began = time.monotonic()
        self._connections.begin(request)
        try:
            response = await _response(request, handler)
        finally:
            self._connections.end(request)
        if self._origins:
            response = _for_origins(request, response, self._origins)
        if self._is_ending:
            response.force_close()
        if request.method == "POST":
            self._metrics.note_answer(response.status, time.monotonic() - began)
        return response


def _content_type(request):
    return request.content_type if "Content-Type" in request.headers else None


def _for_origins(request, response, origins):
    """A response that scripts of pages may read; OPTIONS asks whether they may send JSON."""
    if request.method == "OPTIONS":
        allowed = {"Methods": "GET, POST", "Headers": "Content-Type"}
        headers = {f"Access-Control-Allow-{key}": value for key, value in allowed.items()}
        response = web.Response(status=204, headers=headers)
    origin = request.headers.get("Origin")
    if "*" in origins or origin in origins:
        response.headers["Access-Control-Allow-Origin"] = "*" if "*" in origins else origin
    response.headers["Vary"] = "Origin"
    return response


async def _response(request, handler):
    try:
        return await handler(request)
    except RequestError as error:
        return _error(error.status, str(error), closes=error.closes)
    except web.HTTPException as error:
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return _error(error.status, f"{request.method} {request.path}: {error.reason}", allow)
    except Exception:
        logging.exception("%s %s", request.method, request.path)
        return _error(500, "the server failed, see its log")


def _error(status, reason, headers=(), closes=False):
    response = web.json_response({"error": reason}, status=status, headers=dict(headers))
    if status in (429, 503):
        response.headers["Retry-After"] = "1"
    if closes:
        response.force_close()
    return response
