"""The end of a server: what is answered still, and how long it may take."""

import concurrent.futures
import contextlib
import http.client
import json
import socket
import threading
import time

import pytest

PREDICT = "/v1/models/model:predict"
GOOD = json.dumps({"instances": [[1, 2]]}).encode()
START = f"POST {PREDICT} HTTP/1.1\r\nHost: here\r\n".encode()


def test_a_server_that_ends_answers_what_it_has(kinds, serve):
    slow = {"signature_name": "slow", "instances": [1000]}
    answers = []
    with serve(kinds) as client:
        thread = threading.Thread(target=lambda: answers.append(client.predict(slow)))
        thread.start()
        time.sleep(0.4)
        client.stop()
        assert client.ended.result(10) is True
    thread.join()
    assert answers == [(200, {"predictions": [1]})]
    with pytest.raises(ConnectionRefusedError):
        client("GET", "/healthz")


@pytest.mark.parametrize(("limits", "stops"), [({"shutdown_seconds": 0.3}, 1), ({}, 2)])
def test_a_server_ends_within_its_limit_or_at_the_second_signal(kinds, serve, limits, stops):
    slow = {"signature_name": "slow", "instances": [4000]}
    with serve(kinds, **limits) as client, concurrent.futures.ThreadPoolExecutor(2) as threads:
        found = [threads.submit(client.predict, slow) for _ in range(2)]  # computed, and waiting
        time.sleep(0.4)
        began = time.monotonic()
        for _ in range(stops):
            client.stop()
        assert client.ended.result(10) is False
        assert time.monotonic() - began < 3.0
    assert [one.result() for one in found] == [(503, {"error": "the server ends"})] * 2


@pytest.mark.parametrize(
    "start", [b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n"]
)
def test_a_body_on_its_way_does_not_hold_up_the_end(kinds, serve, caplog, start):
    with (
        serve(kinds) as client,
        socket.create_connection(("127.0.0.1", client.port), timeout=10) as connection,
    ):
        connection.sendall(START + start)
        time.sleep(0.2)
        client.stop()
        assert connection.recv(100).startswith(b"HTTP/1.1 503 ")
        assert client.ended.result(3) is True
    assert caplog.text == ""


def test_a_body_that_comes_soon_after_the_end_began_is_answered(kinds, serve):
    with (
        serve(kinds) as client,
        socket.create_connection(("127.0.0.1", client.port), timeout=10) as connection,
    ):
        connection.sendall(START + b"Content-Length: %d\r\n\r\n" % len(GOOD) + GOOD[:5])
        time.sleep(0.2)
        client.stop()
        time.sleep(0.3)
        connection.sendall(GOOD[5:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        assert client.ended.result(5) is True


def test_a_large_answer_is_read_to_its_end_when_the_server_ends(kinds, serve):
    text = "a" * 12_000_000
    body = json.dumps({"signature_name": "texts", "instances": [text]}).encode()
    large = {"max_body_bytes": 2**24, "max_text_bytes": 2**24}
    connection = http.client.HTTPConnection
    with (
        serve(kinds, **large) as client,
        contextlib.closing(connection("127.0.0.1", client.port, timeout=10)) as asking,
    ):
        asking.request("POST", PREDICT, body, {"Content-Type": "application/json"})
        response = asking.getresponse()
        client.stop()
        time.sleep(0.5)
        assert not client.ended.done()
        assert json.loads(response.read())["predictions"][0]["text"] == text
        assert client.ended.result(5) is True
