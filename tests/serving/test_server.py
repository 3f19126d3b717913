"""The server over HTTP: routes, limits, and what it says when it refuses."""

import base64
import concurrent.futures
import gzip
import io
import json
import socket
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.serving import bodies
from attention_zoo.serving.served_model import ServedModel

PREDICT = "/v1/models/model:predict"
NPY, NPZ = "application/x-npy", "application/x-npz"
GOOD = json.dumps({"instances": [[1, 2]]}).encode()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def raw(port, data):
    """The first line that the server answers to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        return connection.makefile("rb").readline().decode()


def head(length=None, path=PREDICT, **headers):
    named = {"Host": "here", "Content-Type": "application/json"} | headers
    if length is not None:
        named["Content-Length"] = length
    lines = [f"POST {path} HTTP/1.1", *(f"{key}: {value}" for key, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def test_it_is_healthy_and_available(client):
    assert client("GET", "/healthz")[::2] == (200, {"status": "ok"})
    for path in ("/v1/models/model", "/v1/models/model/versions/1"):
        status, _, answer = client("GET", path)
        (version,) = answer["model_version_status"]
        assert status == 200 and version["state"] == "AVAILABLE"


def test_metadata_names_every_signature(client, kinds):
    for path in ("/v1/models/model/metadata", "/v1/models/model/versions/1/metadata"):
        status, _, answer = client("GET", path)
        assert status == 200 and answer["model_spec"]["name"] == "model"
        assert (
            answer["metadata"]["signature_def"]["signature_def"].keys() == kinds.signatures.keys()
        )


@pytest.mark.parametrize("path", [PREDICT, "/v1/models/model/versions/1:predict"])
@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8",
                     "application/x-www-form-urlencoded"]
)  # fmt: skip
def test_json_is_answered_with_json(client, path, content_type):
    status, _, answer = client("POST", path, GOOD, content_type)
    assert (status, answer) == (200, {"predictions": [[2.0, 4.0]]})


def test_json_needs_no_content_type(client):
    head_ = f"POST {PREDICT} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(GOOD)}\r\n\r\n"
    assert raw(client.port, head_.encode() + GOOD) == "HTTP/1.1 200 OK\r\n"


def test_arrays_are_answered_with_json_or_arrays(client):
    body = npy(np.float32([[1, 2], [3, 4]]))
    path = PREDICT + "?signature_name=double"
    assert client("POST", path, body, NPY)[2] == {"outputs": [[2.0, 4.0], [6.0, 8.0]]}
    _, headers, data = client("POST", path, body, NPY, Accept=NPZ)
    assert headers["Content-Type"] == NPZ
    np.testing.assert_array_equal(np.load(io.BytesIO(data))["y"], [[2.0, 4.0], [6.0, 8.0]])


@pytest.mark.parametrize("content_type", [NPZ, "application/zip"])
def test_several_arrays_come_by_name(client, content_type):
    file = io.BytesIO()
    np.savez(file, i=[[1]], n=np.uint8([2]), t=[True])
    path = PREDICT + "?signature_name=types"
    status, _, answer = client("POST", path, file.getvalue(), content_type)
    assert (status, answer) == (200, {"outputs": {"i": [[2]], "n": [2], "t": [False]}})


LARGE = json.dumps({"instances": [[1, 2]] * 2_000}).encode()
ERRORS = [
    (404, "GET", "/", None, {}, "GET /: Not Found"),
    (404, "GET", "/v1/models/other", None, {}, "model is 'other', expected 'model'"),
    (404, "GET", "/v1/models/model/versions/2", None, {}, "version is '2', expected '1'"),
    (404, "POST", "/v1/models/other:predict", GOOD, {}, "model is 'other'"),
    (404, "POST", "/v1/models/model:classify", GOOD, {}, "Not Found"),
    (405, "GET", PREDICT, None, {}, "GET /v1/models/model:predict: Method Not Allowed"),
    (405, "DELETE", "/v1/models/model", None, {}, "Method Not Allowed"),
    (415, "POST", PREDICT, GOOD, {"content_type": "text/html"}, "content type is text/html"),
    (
        415,
        "POST",
        PREDICT,
        gzip.compress(GOOD, mtime=0),
        {"Content_Encoding": "gzip"},
        "encoding is gzip",
    ),
    (413, "POST", PREDICT, LARGE, {}, f"body has {len(LARGE)} bytes, expected 4096 or fewer"),
    (413, "POST", PREDICT, iter([LARGE]), {}, "body is larger, expected 4096 bytes or fewer"),
    (413, "POST", PREDICT, json.dumps({"instances": [[1, 2]] * 9}), {}, "there are 9 instances"),
    (400, "POST", PREDICT, b"{", {}, "body is not JSON"),
    (400, "POST", PREDICT, b"", {}, "body is not JSON"),
    (400, "POST", PREDICT, b"[" * 4_000, {}, "body is n"),  # not JSON, or nested too deeply
    (400, "POST", PREDICT, b"text", {"content_type": NPY}, "x is not npy"),
    (400, "POST", PREDICT, b"text", {"content_type": NPZ}, "body is not npz"),
    (
        400,
        "POST",
        PREDICT,
        json.dumps({"signature_name": "types", "inputs": {"i": [[1]], "n": [1, 2], "t": [True]}}),
        {},
        "inputs have [1, 2] rows, expected equally many",
    ),
    (400, "POST", PREDICT + "?signature_name=no", b"", {"content_type": NPY}, "signature_name is"),
    (
        400,
        "POST",
        PREDICT,
        json.dumps({"signature_name": "picky", "instances": [-1]}),
        {},
        "the model refuses the inputs",
    ),
]


@pytest.mark.parametrize(("status", "method", "path", "body", "headers", "reason"), ERRORS)
def test_an_error_says_what_is_wrong(client, status, method, path, body, headers, reason):
    found, answered, answer = client(method, path, body, **headers)
    assert found == status
    assert answer.keys() == {"error"} and reason in answer["error"]
    if status == 405:
        assert answered["Allow"] in ("POST", "GET,HEAD")
    assert client.predict({"instances": [[1, 2]]})[0] == 200  # it goes on


@pytest.mark.parametrize("start", [head("x"), head("-1"), b"no HTTP\r\n\r\n"])
def test_broken_http_is_refused(client, start):
    assert raw(client.port, start + GOOD) == "HTTP/1.0 400 Bad Request\r\n"


def test_a_body_over_the_limit_is_refused_before_it_comes(client):
    """The body is never sent: an answer can only come if nobody waits for it."""
    began = time.monotonic()
    assert raw(client.port, head(10**12)).startswith("HTTP/1.1 413 ")
    assert time.monotonic() - began < 4.0  # not after the 5 s that a body may take


def test_a_client_that_asks_first_is_told(client):
    expecting = {"Expect": "100-continue"}
    assert raw(client.port, head(10**12, **expecting)).startswith("HTTP/1.1 413 ")
    assert raw(client.port, head(len(GOOD), **expecting)) == "HTTP/1.1 100 Continue\r\n"


def test_what_a_client_cannot_expect_is_not_promised(client):
    old = head(len(GOOD), Expect="100-continue").replace(b"HTTP/1.1", b"HTTP/1.0")
    assert raw(client.port, old + GOOD) == "HTTP/1.0 200 OK\r\n"
    status, _, answer = client("POST", PREDICT, GOOD, Expect="foo")
    assert (status, answer) == (417, {"error": "Expect is foo, expected 100-continue"})


@pytest.mark.parametrize("part", [head(100) + b"{", head(**{"Transfer-Encoding": "chunked"})])
def test_a_client_that_hangs_up_in_mid_body_is_no_fault_of_ours(kinds, serve, caplog, part):
    with serve(kinds) as client:
        with socket.create_connection(("127.0.0.1", client.port), timeout=10) as connection:
            connection.sendall(part)
            time.sleep(0.2)
        time.sleep(0.2)
        assert client.predict({"instances": [[1, 2]]})[0] == 200
    assert caplog.text == ""


@pytest.mark.parametrize("step", ["read", "write"])
def test_other_requests_are_answered_beside_a_large_one(kinds, serve, monkeypatch, step):
    """It is still being read or written when another has its answer."""
    began, answered, real = threading.Event(), threading.Event(), getattr(bodies, step)

    def held_up(*args):
        began.set()
        return real(*args) if answered.wait(10) else None

    large = json.dumps({"instances": [[1, 2]] * 9_000}).encode()
    monkeypatch.setattr(bodies, step, held_up)
    with (
        serve(kinds, max_batch=9_000) as client,
        concurrent.futures.ThreadPoolExecutor() as threads,
    ):
        found = threads.submit(client.predict, large)
        assert began.wait(10) and client("GET", "/healthz")[0] == 200
        answered.set()
        assert found.result()[0] == 200


def test_a_long_text_is_refused_before_others_are_padded_to_it(kinds, serve):
    with serve(kinds, max_text_bytes=1_000) as client:
        texts = {"signature_name": "texts", "instances": ["y"] * 9 + ["long " * 20]}
        assert client.predict(texts)[0] == 200
        texts["instances"].append("y")
        status, answer = client.predict(texts)
        assert status == 413
        assert answer["error"].startswith("texts have 1100 bytes if all are as long as the longest")


def test_a_picture_may_be_larger_than_a_text(kinds, serve):
    picture = tf.io.encode_png(np.full((9, 9, 1), 7, np.uint8)).numpy()
    instance = {"b64": base64.b64encode(picture).decode()}
    with serve(kinds, max_text_bytes=8) as client:
        asked = {"signature_name": "pictures", "instances": [instance]}
        assert client.predict(asked) == (200, {"predictions": [7.0]})


@pytest.mark.parametrize(
    "start", [head(len(GOOD)) + GOOD[:-1], head(**{"Transfer-Encoding": "chunked"}) + b"9\r\n{"]
)
def test_a_body_that_does_not_end_is_given_up(kinds, serve, start):
    with serve(kinds, timeout_seconds=0.3) as client:
        assert raw(client.port, start) == "HTTP/1.1 408 Request Timeout\r\n"


def test_a_slow_model_is_not_waited_for(kinds, serve):
    with serve(kinds, timeout_seconds=0.3) as client:
        slow = {"signature_name": "slow", "instances": [600]}
        status, answer = client.predict(slow)
        assert (status, answer) == (504, {"error": "the answer took more than 0.3 s"})
        until = time.monotonic() + 10.0
        while client.predict({"instances": [[1, 2]]})[0] == 504:  # it is still at the first
            assert time.monotonic() < until
        assert client.predict({"instances": [[1, 2]]})[0] == 200


def test_a_full_queue_is_refused_until_there_is_room(kinds, serve):
    slow = {"signature_name": "slow", "instances": [1000]}
    with serve(kinds, max_queue=2) as client, concurrent.futures.ThreadPoolExecutor(2) as threads:
        taken = [threads.submit(client.predict, slow) for _ in range(2)]
        time.sleep(0.4)
        status, headers, answer = client("POST", PREDICT, GOOD)
        assert status == 503 and headers["Retry-After"] == "1"
        assert answer == {"error": "2 requests are in hand, expected fewer: try again"}
        assert [one.result()[0] for one in taken] == [200, 200]
        assert client.predict({"instances": [[1, 2]]})[0] == 200


def test_many_at_once_get_their_own_answers(kinds, serve):
    with serve(kinds) as client, concurrent.futures.ThreadPoolExecutor(16) as threads:
        bad = {"instances": [["one", 2]]}
        requests = [bad if i % 5 == 4 else {"instances": [[i, -i]]} for i in range(100)]
        found = list(threads.map(client.predict, requests))
    for i, (status, answer) in enumerate(found):
        expected = (400, None) if i % 5 == 4 else (200, [[2.0 * i, -2.0 * i]])
        assert (status, answer.get("predictions")) == expected


def test_a_fault_of_ours_is_told_without_its_details(kinds, serve, monkeypatch, caplog):
    with serve(kinds) as client:
        monkeypatch.setattr(kinds.signature(), "_function", lambda **inputs: 1 / 0)
        status, answer = client.predict({"instances": [[1, 2]]})
    assert (status, answer) == (500, {"error": "the server failed, see its log"})
    assert "ZeroDivisionError" in caplog.text


PAGE = "https://a.example"


def test_pages_of_other_origins_are_told_nothing_unless_asked_to(client):
    _, headers, _ = client("POST", PREDICT, GOOD, Origin=PAGE)
    assert not [name for name in headers if name.startswith("Access-Control")]
    assert client("OPTIONS", PREDICT, Origin=PAGE)[0] == 405


@pytest.mark.parametrize(
    ("origins", "expected"),
    [(["*"], "*"), ([PAGE, "https://b.example"], PAGE), (["https://b.example"], None)],
)
def test_pages_of_the_origins_named_may_read_answers(kinds, serve, origins, expected):
    with serve(kinds, origins=origins) as client:
        for method, path, body, status in (
            ("POST", PREDICT, GOOD, 200),
            ("POST", PREDICT, b"{", 400),
            ("GET", "/healthz", None, 200),
            ("OPTIONS", PREDICT, None, 204),
        ):
            found, headers, _ = client(method, path, body, Origin=PAGE)
            assert found == status
            assert headers["Access-Control-Allow-Origin"] == expected
            assert headers["Vary"] == "Origin"
            asked = headers["Access-Control-Allow-Methods"], headers["Access-Control-Allow-Headers"]
            assert asked == (("GET, POST", "Content-Type") if method == "OPTIONS" else (None, None))


def test_a_version_is_served_under_its_number(kinds, tmp_path, serve):
    (tmp_path / "12").symlink_to(kinds.folder)
    with serve(ServedModel(tmp_path)) as client:
        for path in ("/v1/models/model", "/v1/models/model/versions/12"):
            assert client("POST", path + ":predict", GOOD)[0] == 200
            (version,) = client("GET", path)[2]["model_version_status"]
            assert version["version"] == "12"
            assert client("GET", path + "/metadata")[2]["model_spec"]["version"] == "12"
        status, _, answer = client("POST", "/v1/models/model/versions/1:predict", GOOD)
        assert (status, answer) == (404, {"error": "version is '1', expected '12'"})
