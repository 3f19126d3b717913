"""What clients hold open: how much of it, for how long, and what is logged of it."""

import asyncio
import contextlib
import errno
import functools
import json
import logging
import socket
import time
import types

import pytest
from aiohttp import web

from attention_zoo.serving import connections
from attention_zoo.serving.connections import LOG, OnceAMinute, Uploads, most_connections
from attention_zoo.serving.limits import Limits
from attention_zoo.serving.request_error import RequestError

PREDICT = "/v1/models/model:predict"
GOOD = json.dumps({"instances": [[1, 2]]}).encode()
CHUNKED = f"POST {PREDICT} HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
STALLED = f"POST {PREDICT} HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n".encode() + b"{"


def connect(client, data=b""):
    connection = socket.create_connection(("127.0.0.1", client.port), timeout=10)
    connection.sendall(data)
    return contextlib.closing(connection)


def status(connection):
    """Of the answer; 0 if the connection is closed without one."""
    line = connection.recv(100).split(b"\r\n")[0]
    return int(line.split()[1]) if line else 0


@pytest.fixture
def lines(monkeypatch, caplog):
    """What is logged, as if nothing had been in the last minute."""
    (only,) = [one for one in LOG.filters if isinstance(one, OnceAMinute)]
    monkeypatch.setattr(only, "_kinds", {})
    return caplog


@pytest.mark.parametrize(
    "start", [b"", b"POST /v1/models/model:pre", b"GET / HTTP/1.1\r\nA: b\r\n"]
)
def test_a_connection_without_a_request_is_closed(kinds, serve, start):
    with serve(kinds, idle_seconds=0.1) as client, connect(client, start) as idle:
        began = time.monotonic()
        assert status(idle) == 0
        assert time.monotonic() - began < 5.0
        assert client.predict({"instances": [[1, 2]]})[0] == 200


def test_a_connection_is_kept_for_the_next_request_until_it_idles(kinds, serve):
    ask = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode()
    with serve(kinds, idle_seconds=1.0) as client, connect(client) as kept:
        for _ in range(2):
            kept.sendall(ask + GOOD)
            assert status(kept) == 200
            kept.recv(1000)
        assert status(kept) == 0


def test_a_request_in_hand_is_no_idling(kinds, serve):
    with serve(kinds, idle_seconds=0.1, max_connections=1) as client:
        assert client.predict({"signature_name": "slow", "instances": [2500]})[0] == 200


def test_a_client_that_does_not_read_its_answer_is_closed(kinds, serve):
    text = json.dumps({"signature_name": "texts", "instances": ["a" * 12_000_000]}).encode()
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(text)}\r\n\r\n".encode()
    large = {"max_body_bytes": 2**24, "max_text_bytes": 2**24}
    with serve(kinds, idle_seconds=0.5, **large) as client, connect(client, head + text):
        until = time.monotonic() + 10.0
        while b"\nattention_zoo_connections 1.0\n" not in client("GET", "/metrics")[2]:
            assert time.monotonic() < until  # it counts its own
            time.sleep(0.1)
        assert time.monotonic() < until


def test_the_longest_idle_gives_way_to_a_newcomer(kinds, serve):
    with serve(kinds, max_connections=3) as client, contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connect(client)) for _ in range(3)]
        assert client.predict({"instances": [[1, 2]]})[0] == 200
        assert status(idle[0]) == 0
        idle[2].settimeout(0.2)
        with pytest.raises(TimeoutError):
            idle[2].recv(1)  # it is open still


def test_bodies_on_their_way_take_no_place_in_the_queue(kinds, serve):
    with serve(kinds, max_queue=1) as client, contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(connect(client, STALLED))
        time.sleep(0.2)
        assert client.predict({"instances": [[1, 2]]})[0] == 200


def test_a_client_has_so_many_slow_bodies_on_their_way_and_no_more(kinds, serve):
    """Those beyond are refused unless they come at once: others may have the same address."""
    with serve(kinds, max_uploads=2, timeout_seconds=3.0) as client:
        with connect(client, STALLED) as first, connect(client, STALLED) as second:
            time.sleep(0.2)
            with connect(client, STALLED) as third, connect(client) as other:
                whole = STALLED.replace(b": 9", b": %d" % len(GOOD))[:-1] + GOOD
                other.sendall(whole[:-5])
                time.sleep(0.2)
                other.sendall(whole[-5:])
                assert status(other) == 200
                answer = third.recv(1000).decode()
            assert answer.startswith("HTTP/1.1 429 Too Many Requests\r\n")
            assert "\r\nRetry-After: 1\r\n" in answer
            assert "2 bodies of this client are on their way, expected fewer" in answer
            assert status(first) == status(second) == 408
        with connect(client, STALLED) as later:
            assert status(later) == 408  # there is room again


def test_a_body_in_tiny_chunks_is_refused_before_it_ends(kinds, serve):
    with serve(kinds) as client, connect(client, CHUNKED) as connection:
        connection.sendall(b"1\r\n \r\n" * 2_000)
        answer = connection.recv(1000).decode()
    assert answer.startswith("HTTP/1.1 400 Bad Request\r\n")
    assert "body is broken: 10" in answer and "chunks hold 10" in answer


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_body_in_chunks_is_answered(kinds, serve, size):
    parts = [GOOD[i : i + size] for i in range(0, len(GOOD), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    with serve(kinds) as client, connect(client, CHUNKED + chunks + b"0\r\n\r\n") as connection:
        assert status(connection) == 200


@pytest.mark.parametrize(
    ("parts", "expected"), [([b"SECRET\r\n", b""], 400), ([b"1\r\n{\r\n", b"SECRET\r\n"], 408)]
)
def test_a_bad_chunk_size_is_one_line_without_what_the_client_sent(
    kinds, serve, lines, parts, expected
):
    with serve(kinds, timeout_seconds=1.0) as client:
        for _ in range(3):
            with connect(client, CHUNKED + parts[0]) as connection:
                time.sleep(0.2)
                connection.sendall(parts[1])
                assert status(connection) == expected
    text = "\n".join(map(logging.Formatter().format, lines.records))
    assert "SECRET" not in text and "Traceback" not in text
    assert len(text.splitlines()) == (expected == 400)


def test_a_line_of_a_kind_is_logged_once_a_minute(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(connections.time, "monotonic", lambda: now[0])
    log, written = logging.Logger("test"), []
    log.addFilter(OnceAMinute())
    log.addHandler(logging.Handler())
    log.handlers[0].emit = lambda record: written.append(log.handlers[0].format(record))
    for now[0] in (1000.0, 1030.0, 1059.0, 1061.0):
        try:
            raise ValueError("SECRET\nof several lines")
        except ValueError:
            log.exception("a fault of %s", "a client")
        log.warning("another")
    assert written == [
        "a fault of a client; ValueError",
        "another",
        "a fault of a client; ValueError; 2 more since the last such line",
        "another; 2 more since the last such line",
    ]


def test_without_file_descriptors_it_goes_on_and_says_so_once(kinds, serve, lines, monkeypatch):
    real, failures = asyncio.SelectorEventLoop.sock_accept, [3]

    async def sock_accept(loop, listener):
        failures[0] -= 1
        if failures[0] >= 0:
            raise OSError(errno.EMFILE, "Too many open files")
        return await real(loop, listener)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_accept", sock_accept)
    with serve(kinds) as client:
        assert client.predict({"instances": [[1, 2]]})[0] == 200
    assert failures[0] < 0
    assert [one.getMessage() for one in lines.records] == [
        "cannot accept connections: Too many open files"
    ]


def test_whatever_befalls_a_connection_others_are_served(kinds, serve, lines, monkeypatch):
    real, failures = asyncio.SelectorEventLoop.connect_accepted_socket, [2]

    async def connect_accepted_socket(loop, factory, accepted):
        failures[0] -= 1
        if failures[0] >= 0:
            accepted.close()
            raise RuntimeError("no transport")
        return await real(loop, factory, accepted)

    monkeypatch.setattr(
        asyncio.SelectorEventLoop, "connect_accepted_socket", connect_accepted_socket
    )
    with serve(kinds) as client:
        for _ in range(2):
            with connect(client) as refused:
                assert status(refused) == 0
        assert client.predict({"instances": [[1, 2]]})[0] == 200
    assert [one.getMessage() for one in lines.records] == [
        "a connection cannot be served; RuntimeError"
    ]


@pytest.mark.parametrize(("files", "expected"), [(-1, 512), (10_000, 512), (200, 148)])
def test_there_are_no_more_connections_than_file_descriptors(monkeypatch, files, expected):
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    listener = types.SimpleNamespace(fileno=lambda: 20)
    assert most_connections(listener, Limits()) == expected


def test_no_file_descriptor_for_a_connection_is_refused(monkeypatch):
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (50, 50))
    with pytest.raises(ValueError, match="^open files are limited to 50, expected more: ulimit"):
        most_connections(types.SimpleNamespace(fileno=lambda: 20), Limits())


class Body:
    """A request whose body comes in these pieces, or breaks off."""

    remote = "there"

    def __init__(self, *pieces, fault=None, is_whole=True):
        self.fault, self.whole, self.protocol = fault, is_whole, object()
        self.pieces = list(pieces)
        self.content, self.transport = self, types.SimpleNamespace(set_protocol=lambda _: None)

    def is_eof(self):
        return self.whole

    def feed_eof(self):
        self.whole = True

    def at_eof(self):
        return not self.pieces and self.fault is None

    def exception(self):
        return None

    async def readchunk(self):
        if not self.pieces:
            raise self.fault
        return self.pieces.pop(0), False


@pytest.mark.parametrize("fault", [web.RequestPayloadError, ConnectionResetError])
def test_a_body_that_breaks_off_is_refused(fault):
    body = Body(b"{", fault=fault("not a chunk\nb'SECRET'"))
    with pytest.raises(RequestError, match="^body is broken: not a chunk$") as refused:
        asyncio.run(Uploads(Limits()).read(body))
    assert refused.value.status == 400 and refused.value.closes


def test_bodies_on_their_way_have_no_more_bytes_than_those_in_hand():
    uploads = Uploads(Limits(max_queue=2, max_body_bytes=10))

    async def read():
        held = asyncio.Event()

        async def readchunk(body):
            piece = body.pieces.pop()
            if not body.pieces:
                await held.wait()
            return piece, False

        first, second, third = (Body(b"", b"1234567") for _ in range(3))
        for body in (first, second):
            body.readchunk = functools.partial(readchunk, body)
        tasks = [asyncio.create_task(uploads.read(body)) for body in (first, second)]
        await asyncio.sleep(0)
        with pytest.raises(RequestError, match="bodies on their way have 21 bytes") as refused:
            await uploads.read(third)
        held.set()
        assert await tasks[0] == await tasks[1] == b"1234567"
        assert await uploads.read(Body(b"1234567890")) == b"1234567890"
        return refused.value.status

    assert asyncio.run(read()) == 503


def test_a_client_that_is_gone_before_its_body_is_read_is_no_fault_of_ours():
    body = Body(b"{}")
    body.transport = None
    with pytest.raises(RequestError, match="^the client is gone$"):
        asyncio.run(Uploads(Limits()).read(body))
