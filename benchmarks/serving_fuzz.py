r"""Sends 10,000 malformed bodies to a server; counts the answers; times the refusal of large ones.

    python benchmarks/serving_fuzz.py --bodies=10000 --json=fuzz.json

Exits with 1 if the server answers anything with 5xx, lets a malformed body pass, drops a connection
without an answer, or does not answer a good body as before when all is over.

Measured: see docs/serving.md.
"""

import argparse
import collections
import http.client
import json
import socket
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from serving_bodies import malformed
from serving_process import SHAPE, digits_model, server

PATH = "/v1/models/model:predict"
MOST_ROWS, MOST_BYTES = 64, 2**20


def main():
    args = _parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        saved_model = args.saved_model or f"{folder}/saved_model"
        what = args.saved_model or digits_model(saved_model)
        flags = [f"--max_batch={MOST_ROWS}", f"--max_body_bytes={MOST_BYTES}"]
        with server(saved_model, *flags) as port:
            report = {"model": what} | attack(port, args.bodies, args.seed) | early(port)
    print(json.dumps(report, indent=2))
    if args.json:
        Path(args.json).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    sys.exit(1 if report["failures"] else 0)


def attack(port, count, seed):
    """Counts of statuses by kind of body, and what went wrong."""
    good = json.dumps({"instances": np.full((1, *SHAPE), 0.5).tolist()}).encode()
    before = _post(port, good, "application/json")
    kinds, failures = collections.defaultdict(collections.Counter), []
    began = time.perf_counter()
    for body in malformed(count, SHAPE, MOST_ROWS, MOST_BYTES, seed):
        status, answer = _post(port, body.data, body.content_type, body.headers)
        kinds[body.kind][status] += 1
        refused = 400 <= status < 500 and "error" in json.loads(answer)
        if not refused and not (body.may_pass and status == 200):
            failures.append(f"{body.kind}: {status} {answer[:200]!r} for {body.data[:200]!r}")
    seconds = time.perf_counter() - began
    if before[0] != 200 or _post(port, good, "application/json") != before:
        failures.append("a good body is not answered as before")
    total = sum(kinds.values(), collections.Counter())
    return {
        "bodies": count,
        "seconds": round(seconds, 1),
        "statuses": dict(sorted(total.items())),
        "kinds": {kind: dict(sorted(counter.items())) for kind, counter in kinds.items()},
        "failures": failures,
    }


def early(port):
    """How soon bodies over the limit are refused, and how much of them could be sent till then."""
    return {
        "a terabyte announced": _refusal(port, f"Content-Length: {10**12}", b""),
        "a terabyte announced, sent": _refusal(port, f"Content-Length: {10**12}", bytes(2**16)),
        "chunks without end": _refusal(
            port, "Transfer-Encoding: chunked", b"10000\r\n" + bytes(2**16) + b"\r\n"
        ),
    }


def _refusal(port, length, piece):
    """Sends pieces until there is an answer."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        began, sent = time.perf_counter(), 0
        connection.sendall(head.encode())
        connection.setblocking(False)
        answer = b""
        while not answer and time.perf_counter() - began < 30:
            try:
                answer = connection.recv(100)
            except BlockingIOError:
                sent += _send(connection, piece)
    status = answer.decode().partition("\r\n")[0]
    milliseconds = round(1000 * (time.perf_counter() - began), 1)
    return {"answer": status, "milliseconds": milliseconds, "bytes sent": sent}


def _send(connection, piece):
    try:
        return connection.send(piece)
    except BlockingIOError:
        return 0


def _post(port, data, content_type, headers=()):
    """(status, body of the answer), on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", PATH, data, {"Content-Type": content_type} | dict(headers))
        response = connection.getresponse()
        return response.status, response.read()
    except OSError as error:
        return 0, repr(error).encode()
    finally:
        connection.close()


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bodies", type=int, default=10_000, help="How many.")
    parser.add_argument("--seed", type=int, default=0, help="Of the bodies.")
    parser.add_argument("--saved_model", help="Of digits mosaics; a preset if unset.")
    parser.add_argument("--json", help="File to write the report to.")
    return parser


if __name__ == "__main__":
    main()
