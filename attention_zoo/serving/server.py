"""Server: a model's answers over HTTP, in TensorFlow Serving's REST shape."""

import asyncio
import contextlib
import logging
from typing import Any

from aiohttp import HttpVersion11, web

from attention_zoo.serving import bodies
from attention_zoo.serving.batcher import Batcher
from attention_zoo.serving.refused import Refused
from attention_zoo.serving.served_model import VERSION

MODEL = "/v1/models/{name:[^/:]+}"
VERSIONED = MODEL + "/versions/{version:[^/:]+}"
LARGE = 2**16  # bytes of a body or answer that take a thread of their own, a millisecond or more
# Settings of `web.AppRunner`. A client that is refused while it sends gets this many seconds to
# see the answer; what it sends until then is dropped.
RUNNER: dict[str, Any] = {"lingering_time": 0.5, "auto_decompress": False, "access_log": None}


class Server:
    """Answers requests to one model.

    - POST /v1/models/NAME:predict
    - GET /v1/models/NAME and /v1/models/NAME/metadata
    - GET /healthz

    NAME may be followed by /versions/1. Whatever goes wrong is {"error": reason}.

    Args:
        model: the `ServedModel`.
        limits: the `Limits`.
    """

    def __init__(self, model, limits):
        self._model = model
        self._limits = limits
        self._batcher = Batcher(limits)
        self._in_hand = 0

    def application(self):
        """The `aiohttp.web.Application`; run it with the settings in `RUNNER`."""
        app = web.Application(middlewares=[_errors], client_max_size=self._limits.max_body_bytes)
        app.router.add_get("/healthz", self._health)
        for path in (MODEL, VERSIONED):
            app.router.add_get(path, self._status)
            app.router.add_get(path + "/metadata", self._metadata)
            app.router.add_post(path + ":predict", self._predict, expect_handler=self._expect)
        app.cleanup_ctx.append(self._working)
        return app

    async def _working(self, app):
        task = asyncio.create_task(self._batcher.work())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self._batcher.close()

    async def _health(self, request):
        return web.json_response({"status": "ok"})

    async def _status(self, request):
        self._check_model(request)
        return web.json_response(self._model.status())

    async def _metadata(self, request):
        self._check_model(request)
        return web.json_response(self._model.metadata())

    async def _predict(self, request):
        self._check_head(request)
        self._in_hand += 1
        try:
            body = await self._body(request)
            name = request.query.get("signature_name")
            asked = body, _content_type(request), name, self._model, self._limits
            call = await _aside(len(body), bodies.read, *asked)
            outputs = await self._outputs(call)
            size = sum(array.nbytes for array in outputs.values())
            found = call, outputs, request.headers.get("Accept", ""), self._limits
            answer, content_type = await _aside(size, bodies.write, *found)
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
            raise Refused(413, f"body has {size} bytes, expected {most} or fewer")
        bodies.check_content_type(_content_type(request))
        encoding = request.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise Refused(415, f"content encoding is {encoding}, expected none")
        if self._in_hand >= self._limits.max_queue:
            raise Refused(503, f"{self._in_hand} requests are in hand, expected fewer: try again")

    def _check_model(self, request):
        name, version = request.match_info["name"], request.match_info.get("version", VERSION)
        if name != self._model.name:
            raise Refused(404, f"model is {name!r}, expected {self._model.name!r}")
        if version != VERSION:
            raise Refused(404, f"version is {version!r}, expected {VERSION!r}")

    async def _body(self, request):
        seconds, most = self._limits.timeout_seconds, self._limits.max_body_bytes
        try:
            return await asyncio.wait_for(request.read(), seconds)
        except asyncio.TimeoutError:
            raise Refused(408, f"body took more than {seconds} s, expected it sooner") from None
        except web.HTTPRequestEntityTooLarge:
            raise Refused(413, f"body is larger, expected {most} bytes or fewer") from None
        except (web.RequestPayloadError, ConnectionError) as error:
            raise Refused(400, f"body is broken: {error}") from None

    async def _outputs(self, call):
        seconds = self._limits.timeout_seconds
        try:
            return await asyncio.wait_for(self._batcher(call.signature, call.arrays), seconds)
        except asyncio.TimeoutError:
            raise Refused(504, f"the answer took more than {seconds} s") from None


async def _aside(size, function, *args):
    """Calls a function, in a thread if so many bytes would hold up other requests."""
    if size < LARGE:
        return function(*args)
    return await asyncio.to_thread(function, *args)


def _content_type(request):
    return request.content_type if "Content-Type" in request.headers else None


@web.middleware
async def _errors(request, handler):
    try:
        return await handler(request)
    except Refused as refused:
        return _error(refused.status, str(refused))
    except web.HTTPException as error:
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return _error(error.status, f"{request.method} {request.path}: {error.reason}", allow)
    except Exception:
        logging.exception("%s %s", request.method, request.path)
        return _error(500, "the server failed, see its log")


def _error(status, reason, headers=()):
    response = web.json_response({"error": reason}, status=status, headers=dict(headers))
    if status == 503:
        response.headers["Retry-After"] = "1"
    if status in (408, 413):
        response.force_close()  # the rest of the body is not worth reading
    return response
