"""The command: its flags, its first line, its end."""

import contextlib
import gc
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
import types

import numpy as np
import pytest
from absl import flags

from attention_zoo import _program
from attention_zoo.serving import main
from attention_zoo.serving.limits import Limits
from attention_zoo.serving.server import Server

COMMAND = [sys.executable, "-m", "attention_zoo.serving"]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_batch": 0}, "max_batch is 0, expected 1 or more"),
        ({"max_queue": -1}, "max_queue is -1, expected 1 or more"),
        ({"max_body_bytes": 0}, "max_body_bytes is 0, expected 1 or more"),
        ({"max_text_bytes": 0}, "max_text_bytes is 0, expected 1 or more"),
        ({"max_wait_ms": -1.0}, "max_wait_ms is -1.0, expected 0 or more"),
        ({"timeout_seconds": 0.0}, "timeout_seconds is 0.0, expected more than 0"),
        ({"timeout_seconds": float("nan")}, "timeout_seconds is nan, expected more than 0"),
        ({"idle_seconds": 0.0}, "idle_seconds is 0.0, expected more than 0"),
        ({"shutdown_seconds": -1.0}, "shutdown_seconds is -1.0, expected 0 or more"),
        ({"max_uploads": 0}, "max_uploads is 0, expected 1 or more"),
        ({"max_connections": 0}, "max_connections is 0, expected 1 or more"),
    ],
)
def test_limits_that_nothing_could_meet_are_refused(limits, reason):
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        Limits(**limits)


def test_it_listens_on_any_free_port():
    with contextlib.closing(main.listen("127.0.0.1", 0, Limits())) as listener:
        host, port = listener.getsockname()
        assert host == "127.0.0.1" and port > 0


def test_a_port_that_is_taken_or_none_is_refused_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"^cannot listen on 127.0.0.1, port {port}: Address al"):
            main.listen("127.0.0.1", port, Limits())
    with pytest.raises(ValueError, match="^port is 70000, expected 0 to 65535$"):
        main.listen("127.0.0.1", 70_000, Limits())
    with pytest.raises(OSError, match="^cannot listen on nowhere.invalid, port 0: .*"):
        main.listen("nowhere.invalid", 0, Limits())


@pytest.mark.parametrize(
    ("host", "reach", "warns"),
    [("127.0.0.1", "loopback: this machine only", 0), ("0.0.0.0", "open to other machines", 1)],
)
def test_the_first_line_says_who_can_reach_it(host, reach, warns, capsys, monkeypatch):
    warned = []
    monkeypatch.setattr(main.logging, "warning", lambda text, *values: warned.append(text % values))
    with contextlib.closing(main.listen(host, 0, Limits())) as listener:
        main._announce(types.SimpleNamespace(folder="runs/x", name="model"), listener)
        port = listener.getsockname()[1]
    line = f"runs/x at http://{host}:{port}/v1/models/model ({reach})\n"
    assert capsys.readouterr().out == line
    assert len(warned) == warns and all("no password" in text for text in warned)


def test_what_is_loaded_is_not_looked_through_again(kinds, monkeypatch):
    """Else reading a large body costs seconds: Python's collector visits all of TensorFlow."""
    frozen = []

    async def run(*_):
        frozen.append(gc.get_freeze_count())
        return True

    monkeypatch.setattr(Server, "run", run)
    main.serve(kinds, Limits(), None)
    gc.unfreeze()
    assert frozen[0] > 100_000


@contextlib.contextmanager
def process(folder, *flags, **settings):
    """(process, port) of the command; its errors go to what it is told in `stderr`."""
    command = [*COMMAND, f"--saved_model={folder}", "--port=0", *flags]
    settings = {"stderr": subprocess.DEVNULL} | settings
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **settings) as found:
        try:
            line = found.stdout.readline()
            yield found, int(re.search(r"http://127.0.0.1:(\d+)/v1/models/", line)[1])
        finally:
            found.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_a_signal_after_the_announcement_is_a_clean_stop(classifier_dir, number, seconds):
    with process(classifier_dir) as (server, _):
        time.sleep(seconds)
        server.send_signal(number)
        assert server.wait(30) == 0


@pytest.mark.slow
def test_sigterm_ends_it_after_the_requests_in_hand(classifier_dir):
    """It waits 4 s for others to join a batch; the signal comes in between."""
    with process(classifier_dir, "--max_wait_ms=4000", "--name=digits") as (server, port):
        inputs = {"segments": np.zeros((1, 3, 4)).tolist(), "mask": [[True] * 3]}
        body = json.dumps({"inputs": inputs}).encode()
        head = "POST /v1/models/digits:predict HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            answer = connection.makefile("rb")
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
            assert answer.readline() + answer.readline() == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(body)  # the server has the request in hand
            time.sleep(1.0)
            server.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
            assert time.monotonic() - began > 1.0
            assert b"probabilities" in answer.read()
            answer.close()
        assert server.wait(30) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("timeout", "status", "code"), [("60", 503, 1), ("1", 504, 0)])
def test_sigterm_ends_it_while_the_model_computes(kinds, tmp_path, timeout, status, code):
    """With exit code 1 if somebody waits for the answer, else with 0."""
    slow = json.dumps({"signature_name": "slow", "instances": [60_000]}).encode()
    log = (tmp_path / "log").open("w+")
    flags = "--shutdown_seconds=1", f"--timeout_seconds={timeout}"
    with log, process(kinds.folder, *flags, stderr=log) as (server, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        with contextlib.closing(connection):
            connection.request("POST", "/v1/models/model:predict", slow)
            time.sleep(2.0 if code == 0 else 0.5)
            server.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert connection.getresponse().status == status
        assert server.wait(30) == code
        assert time.monotonic() - began < 8.0
        log.seek(0)
        lines = log.read().splitlines()
    told = [line for line in lines if "ended before the model had answered" in line]
    assert len(told) == code and not any("Traceback" in line for line in lines)


@pytest.mark.slow
def test_without_file_descriptors_it_serves_on(kinds, tmp_path):
    """More connections than files may be open: the idle give way, and the log stays short."""
    resource = pytest.importorskip("resource")

    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))

    body = json.dumps({"instances": [[1, 2]]}).encode()
    log = (tmp_path / "log").open("w+")
    with (
        log,
        process(kinds.folder, stderr=log, preexec_fn=few_files) as (server, port),
        contextlib.ExitStack() as stack,
    ):
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", "/v1/models/model:predict", body)
            assert connection.getresponse().status == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        log.seek(0)
        text = log.read()
        assert len(text) < 10_000 and "accept" not in text


@pytest.fixture
def serve(monkeypatch):
    """(arguments) -> runs the command."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["serve", *arguments])
        monkeypatch.setattr(_program.flags, "FLAGS", flags.FlagValues())
        monkeypatch.setattr(_program.app, "run", run_app)
        main.run()

    return run


def run_app(main, flags_parser):
    """As `absl.app.run`, which can be called once in a process."""
    main(flags_parser(sys.argv))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "error: saved_model is unset, expected the folder of a SavedModel"),
        (
            ["--saved_model=nowhere"],
            "error: saved_model is nowhere, expected a folder with saved_model.pb, or with",
        ),
        (["--saved_model=x", "--max_batch=0"], "error: max_batch is 0, expected 1 or more"),
        (
            ["--saved_model=x", "--name=a/b"],
            "error: name is 'a/b', expected letters without / and :",
        ),
        (["--saved_model=x", "fast"], "error: unknown arguments ['fast'], expected flags only"),
        (["--saved_model=x", "--port=x"], "error: flag --port=x"),
        (["--batch=3"], "error: Unknown command line flag 'batch'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(serve, arguments, reason):
    with pytest.raises(SystemExit) as ended:
        serve(*arguments)
    assert ended.value.code.startswith(reason) and "\n" not in ended.value.code


@pytest.mark.parametrize(
    ("origins", "expected"),
    [
        ("", ()),
        ("*", ("*",)),
        ("https://a.example,http://b:81", ("https://a.example", "http://b:81")),
    ],
)
def test_origins_are_those_that_browsers_send(origins, expected):
    assert main.check_origins(origins) == expected


@pytest.mark.parametrize("origin", ["a.example", "https://a.example/", "https://", "null", "*, *"])
def test_an_origin_that_no_browser_sends_is_refused(origin):
    with pytest.raises(ValueError, match="^cors_origins has .*, expected . or scheme://host:port"):
        main.check_origins(origin)


@pytest.mark.parametrize(
    ("origin", "sent"),
    [
        ("https://a.example:443", "https://a.example"),
        ("http://localhost:80", "http://localhost"),
        ("https://A.example", "https://a.example"),
    ],
)
def test_an_origin_is_refused_as_browsers_do_not_write_it(origin, sent):
    with pytest.raises(ValueError, match=f"expected '{sent}', as browsers send it$"):
        main.check_origins(origin)
    assert main.check_origins("http://a:443,https://a:80") == ("http://a:443", "https://a:80")


def test_ctrl_c_while_the_model_is_loaded_is_no_traceback(serve, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "load", interrupt)
    with pytest.raises(SystemExit) as ended:
        serve("--saved_model=x")
    assert ended.value.code == 130


def test_without_the_library_it_says_what_to_install(serve, monkeypatch):
    monkeypatch.setattr(main.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"^error: aiohttp is not installed, .*zoo\[serve\]$"):
        serve("--saved_model=x")
