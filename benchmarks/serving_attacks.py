r"""Attacks a server as a client, a signal and a damaged file can; prints what came of each.

    python benchmarks/serving_attacks.py --json=attacks.json

Each attack has a server of its own with the default limits. Exits with 1 if one of them did harm:
nobody else was answered, the log grew or quoted the client, or the end was not clean. Bodies that
are malformed, one by one: serving_fuzz.py.

Measured: see docs/serving.md.
"""

import argparse
import contextlib
import dataclasses
import http.client
import json
import resource
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from serving_process import process

PATH = "/v1/models/model:predict"
GOOD = json.dumps({"instances": [[1, 2]]}).encode()
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\n".encode()
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
FILES = 256  # that the server may open, where it is to run out of them


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of an attack.

    Attributes:
        figures: in words.
        is_harmless: whether it did no harm.
    """

    figures: str
    is_harmless: bool


def silent_connections(folder):
    """Twice as many connections as the server may open files, for 20 s."""

    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))

    with process(folder, preexec_fn=few_files) as (_, port, log), contextlib.ExitStack() as stack:
        for _ in range(2 * FILES):
            with contextlib.suppress(OSError):
                connection = socket.create_connection(("127.0.0.1", port), timeout=1)
                stack.enter_context(contextlib.closing(connection))
        time.sleep(20.0)
        status, seconds = _ask(port)
        return _told(status, seconds, log)


def stalled_bodies(folder):
    """300 bodies of which one byte comes."""
    with process(folder) as (_, port, log), contextlib.ExitStack() as stack:
        for _ in range(300):
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            stack.enter_context(contextlib.closing(connection))
            connection.sendall(HEAD + b"Content-Length: 9\r\n\r\n{")
        time.sleep(1.0)
        return _told(*_ask(port), log)


def chunks_of_one_byte(folder):
    """Two clients that send them for 10 s, and connect again when they are refused."""
    with process(folder) as (_, port, log):
        until = time.monotonic() + 10.0
        senders = [threading.Thread(target=_send_chunks, args=(port, until)) for _ in range(2)]
        for one in senders:
            one.start()
        seconds, statuses = [], set()
        while time.monotonic() < until:
            status, took = _ask(port)
            seconds.append(took)
            statuses.add(status)
        for one in senders:
            one.join()
        median, worst = statistics.median(seconds), max(seconds)
        figures = f"median {median * 1000:.0f} ms, worst {worst * 1000:.0f} ms; {_size(log)} of log"
        return Outcome(figures, statuses == {200} and median < 0.1)


def bad_chunk_sizes(folder):
    """200 of them, half with the head and half after a first chunk."""
    starts = [CHUNKED + b"SECRET\r\n", CHUNKED + b"1\r\n{\r\nSECRET\r\n"]
    with process(folder) as (_, port, log):
        for i in range(200):
            with contextlib.closing(socket.create_connection(("127.0.0.1", port), 10)) as one:
                one.sendall(starts[i % 2])
                one.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    one.recv(100)
        text = _text(log)
        figures = f"{_size(log)} of log, {text.count('Traceback')} tracebacks, "
        figures += f"{text.count('SECRET')} quotations"
        return Outcome(figures, "SECRET" not in text and "Traceback" not in text)


def early_signal(folder):
    """SIGTERM half a second after the announcement."""
    with process(folder) as (server, _, _):
        time.sleep(0.5)
        server.send_signal(signal.SIGTERM)
        code = server.wait(60)
        return Outcome(f"exit code {code}", code in (0, 143))


def signal_while_the_model_computes(folder):
    """SIGTERM three seconds after a request that takes the model two minutes."""
    slow = json.dumps({"signature_name": "slow", "instances": [120_000]}).encode()
    with process(folder) as (server, port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        with contextlib.closing(connection):
            connection.request("POST", PATH, slow)
            time.sleep(3.0)
            server.send_signal(signal.SIGTERM)
            began = time.monotonic()
            code = server.wait(180)
        seconds = time.monotonic() - began
        return Outcome(f"exit code {code} after {seconds:.0f} s", seconds < 25.0)


def damaged_model(folder):
    """Each of its files cut to 60 %; lines of log beyond those of a whole one."""
    usual, lines = _lines_of_start(folder), []
    for path in sorted(one for one in Path(folder).rglob("*") if one.is_file()):
        with tempfile.TemporaryDirectory() as other:
            copy = Path(other, "model")
            shutil.copytree(folder, copy)
            data = path.read_bytes()
            copy.joinpath(path.relative_to(folder)).write_bytes(data[: len(data) * 6 // 10])
            lines.append((path.name, _lines_of_start(copy) - usual))
    figures = ", ".join(f"{name}: {count}" for name, count in lines)
    return Outcome(f"lines: {figures}", all(count == 1 for _, count in lines))


def _lines_of_start(folder):
    with process(folder) as (server, port, log):
        if port:
            server.terminate()
        server.wait(60)
        return len(_text(log).splitlines())


ATTACKS = [
    silent_connections,
    stalled_bodies,
    chunks_of_one_byte,
    bad_chunk_sizes,
    early_signal,
    signal_while_the_model_computes,
    damaged_model,
]


def main():
    args = _parser().parse_args()
    chosen = [one for one in ATTACKS if not args.attacks or one.__name__ in args.attacks]
    outcomes = {}
    with tempfile.TemporaryDirectory() as folder:
        _save(folder)
        print("| attack | what came of it | harmless |\n|---|---|---|", flush=True)
        for attack in chosen:
            outcome = outcomes[attack.__name__] = attack(folder)
            what = attack.__name__.replace("_", " ") + f": {attack.__doc__.rstrip('.')}"
            answer = "yes" if outcome.is_harmless else "NO"
            print(f"| {what} | {outcome.figures} | {answer} |", flush=True)
    if args.json:
        report = {name: dataclasses.asdict(one) for name, one in outcomes.items()}
        Path(args.json).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    sys.exit(0 if all(one.is_harmless for one in outcomes.values()) else 1)


def _send_chunks(port, until):
    while time.monotonic() < until:
        with (
            contextlib.suppress(OSError),
            contextlib.closing(socket.create_connection(("127.0.0.1", port), 10)) as connection,
        ):
            connection.sendall(CHUNKED)
            while time.monotonic() < until:
                connection.sendall(b"1\r\n \r\n" * 40_000)


def _ask(port):
    """(status of the answer to a good request, 0 if there is none; seconds).

    Its body is a packet of its own, as that of many clients is.
    """
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        try:
            connection.request("POST", PATH, GOOD)
            return connection.getresponse().status, time.monotonic() - began
        except OSError:
            return 0, time.monotonic() - began


def _told(status, seconds, log):
    answer = f"{status} after {seconds * 1000:.0f} ms" if status else "no answer within 10 s"
    return Outcome(f"another client: {answer}; {_size(log)} of log", status == 200)


def _text(log):
    log.seek(0)
    return log.read()


def _size(log):
    count = log.seek(0, 2)
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count} bytes"


def _save(folder):
    """A model with a variable, and a signature that takes as long as it is told."""
    import tensorflow as tf

    class Model(tf.Module):
        def __init__(self):
            self.v = tf.Variable(tf.zeros((50, 2)))

        def double(self, x):
            return {"y": 2.0 * x + self.v[0]}

        def slow(self, milliseconds):
            until = tf.timestamp() + tf.cast(tf.reduce_max(milliseconds), tf.float64) / 1000
            (end,) = tf.while_loop(
                lambda t: t < until, lambda t: [tf.timestamp()], [tf.timestamp()]
            )
            return {"rows": tf.zeros_like(milliseconds) + tf.cast(end > 0.0, tf.int32)}

    model = Model()
    specs = {
        "double": {"x": tf.TensorSpec((None, 2), tf.float32, name="x")},
        "slow": {"milliseconds": tf.TensorSpec((None,), tf.int32, name="milliseconds")},
    }
    signatures = {
        name: tf.function(getattr(model, name)).get_concrete_function(**spec)
        for name, spec in specs.items()
    }
    tf.saved_model.save(model, folder, signatures | {"serving_default": signatures["double"]})


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [one.__name__ for one in ATTACKS]
    parser.add_argument("--attacks", nargs="+", choices=names, help="Some of them; all if unset.")
    parser.add_argument("--json", help="File to write the outcomes to.")
    return parser


if __name__ == "__main__":
    main()
