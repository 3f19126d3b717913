r"""Loads a server on this machine: requests a second, how long they take, how many fail.

    python benchmarks/serving.py --requests=100000 --json=serving.json

The load comes from `wrk` (Debian: `apt install wrk`) on one thread: one mosaic of five digits a
request, as JSON and as npy, from a fixed number of connections, each of which asks again as soon as
it has its answer. wrk counts time, not requests: it runs for ten seconds, as often as it takes. A
failure is an answer that is not 200, or none.

Measured: see docs/serving.md.
"""

import argparse
import collections
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from serving_process import SHAPE, digits_model, server

SCRIPT = """
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
wrk.method = "POST"
wrk.headers["Content-Type"] = "{content_type}"
done = function(summary, latency, requests)
  local e = summary.errors
  local failures = e.status + e.connect + e.read + e.write + e.timeout
  io.write(string.format("\\nTOTAL %d %d %d\\n", summary.requests, failures, summary.duration))
  for i = 1, #latency do
    local microseconds, count = latency(i)
    io.write(string.format("TOOK %d %d\\n", microseconds, count))
  end
end
"""


def main():
    args = _parser().parse_args()
    if shutil.which("wrk") is None:
        sys.exit("error: wrk is not installed, expected it on the path: apt install wrk")
    with tempfile.TemporaryDirectory() as folder:
        saved_model = args.saved_model or f"{folder}/saved_model"
        print(f"model: {args.saved_model or digits_model(saved_model)}; load before: {_load()}")
        results = []
        with server(saved_model, *args.server) as port:
            for body in _bodies(Path(folder)):
                for connections in args.connections:
                    results.append(measure(port, body, connections, args.requests))
                    print(json.dumps(results[-1]), flush=True)
    _print_table(results)
    if args.json:
        Path(args.json).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    sys.exit(1 if any(one["failures"] for one in results) else 0)


def measure(port, body, connections, requests):
    """Runs of ten seconds until there were so many requests, after a short one to warm up."""
    kind, script = body
    _wrk(port, script, connections, 3)
    total, times = collections.Counter(), collections.Counter()
    while total["requests"] < requests:
        counts, found = _wrk(port, script, connections, 10)
        if not counts["requests"]:
            sys.exit("error: the server answers no more")
        total.update(counts)
        times.update(found)
    return {
        "body": kind,
        "connections": connections,
        "requests": total["requests"],
        "failures": total["failures"],
        "per_second": round(total["requests"] / total["seconds"]),
        "p50_ms": _percentile(times, 0.50),
        "p99_ms": _percentile(times, 0.99),
    }


def _wrk(port, script, connections, seconds):
    """Totals of a run, and how many requests took how many microseconds."""
    url = f"http://127.0.0.1:{port}/v1/models/model:predict"
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout=30s",
        "-s",
        script,
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    requests, failures, microseconds = map(int, re.search(r"TOTAL (.*)", done.stdout)[1].split())
    counts = {"requests": requests, "failures": failures, "seconds": microseconds / 1e6}
    return counts, {int(t): int(n) for t, n in re.findall(r"TOOK (\d+) (\d+)", done.stdout)}


def _percentile(times, share):
    """Milliseconds that this share of the requests took at most."""
    left = share * sum(times.values())
    for microseconds, count in sorted(times.items()):
        left -= count
        if left <= 0:
            return round(microseconds / 1000, 2)


def _bodies(folder):
    """(name, wrk's script) of each kind of body."""
    x = np.random.default_rng(0).integers(0, 17, (1, *SHAPE)) / 16  # as the digits' pixels are
    npy = io.BytesIO()
    np.save(npy, x.astype(np.float32))
    kinds = {"JSON": json.dumps({"instances": x.tolist()}).encode(), "npy": npy.getvalue()}
    for name, data in kinds.items():
        (folder / name).write_bytes(data)
        content_type = {"JSON": "application/json", "npy": "application/x-npy"}[name]
        script = folder / f"{name}.lua"
        script.write_text(SCRIPT.format(body=folder / name, content_type=content_type))
        yield f"{name}, {len(data)} bytes", str(script)


def _print_table(results):
    print("| body | connections | requests | failures | a second | p50, ms | p99, ms |")
    print("|---|---|---|---|---|---|---|")
    keys = ("body", "connections", "requests", "failures", "per_second", "p50_ms", "p99_ms")
    for one in results:
        print("| " + " | ".join(str(one[key]) for key in keys) + " |")
    print(f"load after: {_load()}")


def _load():
    """The system's load averages: above about 2 while nothing else runs means other work."""
    return ", ".join(f"{one:.1f}" for one in os.getloadavg())


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100_000, help="Of each row, or more.")
    parser.add_argument("--connections", nargs="+", type=int, default=[16, 64], help="At a time.")
    parser.add_argument("--saved_model", help="Of digits mosaics; a preset if unset.")
    parser.add_argument("--server", nargs="*", default=[], help="Flags: --server=--max_batch=8.")
    parser.add_argument("--json", help="File to write the figures to.")
    return parser


if __name__ == "__main__":
    main()
