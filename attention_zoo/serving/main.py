r"""Answers over HTTP with an exported model.

    python -m attention_zoo.serving --saved_model=runs/sdc/saved_model

It listens on this machine alone (127.0.0.1) unless --host says otherwise. docs/serving.md has
requests to try and how fast it is.
"""

import asyncio
import dataclasses
import gc
import importlib.util
import ipaddress
import os
import re
import signal
import socket
import sys

from absl import logging

from attention_zoo._program import Program, import_tensorflow
from attention_zoo._settings import setting
from attention_zoo.serving.limits import Limits

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The server."""

    saved_model: str | None = setting(
        None, "Folder of the SavedModel, or of numbered versions of it.", path=True
    )
    name: str = setting("model", "What clients call the model.")
    host: str = setting(
        "127.0.0.1", "Address to listen on: by default loopback, this machine alone."
    )
    port: int = setting(8501, "Port to listen on; 0 takes any, and prints it.")
    cors_origins: str = setting(
        "", "Origins whose pages may read the answers, with commas; * is all."
    )


def main(saved_model, name, host, port, cors_origins, **limits):
    """Loads the model and serves it until SIGTERM or SIGINT."""
    _check_libraries()
    checked, origins = Limits(**limits), check_origins(cors_origins)
    model = load(saved_model, name)
    serve(model, checked, listen(host, port, checked), origins)


def serve(model, limits, listener, origins=()):
    """Serves on a listening socket until SIGTERM or SIGINT; requests in hand are answered first.

    The process ends here if the model still computes then, or if a request in hand got no answer
    (exit code 1): Python would wait for the thread of the model.
    """
    gc.collect()
    gc.freeze()  # else each large body has Python look through all of TensorFlow, for seconds
    asyncio.run(_serve(model, limits, listener, origins))


async def _serve(model, limits, listener, origins):
    from attention_zoo.serving.server import Server

    loop = asyncio.get_running_loop()
    stops: asyncio.Queue[int] = asyncio.Queue()

    def stop(number, frame):
        loop.call_soon_threadsafe(stops.put_nowait, number)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    server = Server(model, limits, origins)
    are_answered = await server.run(listener, stops, lambda: _announce(model, listener))
    if not are_answered:
        logging.warning("ended before the model had answered all requests in hand")
    if server.computes or not are_answered:
        sys.stdout.flush()
        logging.flush()
        os._exit(0 if are_answered else 1)
    for number, handler in before.items():
        signal.signal(number, handler)


def listen(host, port, limits):
    """A listening socket.

    Raises:
        ValueError: no such port; no file descriptors for connections.
        OSError: the address is not this machine's, or the port is taken.
    """
    from attention_zoo.serving.connections import most_connections

    if not 0 <= port < 2**16:
        raise ValueError(f"port is {port}, expected 0 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise OSError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    most_connections(listener, limits)
    return listener


def check_origins(origins):
    """A tuple of the origins in a text with commas, each as browsers send it, or "*".

    Raises:
        ValueError: one that no browser sends.
    """
    found = tuple(filter(None, origins.split(",")))
    for origin in found:
        if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin):
            raise ValueError(
                f"cors_origins has {origin!r}, expected * or scheme://host:port, without a path"
            )
        sent = re.sub(r"^(http://.*):80$|^(https://.*):443$", r"\1\2", origin.lower())
        if origin != sent:
            raise ValueError(f"cors_origins has {origin!r}, expected {sent!r}, as browsers send it")
    return found


def _check_libraries():
    for name in ("aiohttp", "prometheus_client"):
        if importlib.util.find_spec(name) is None:
            sys.exit(
                f"error: {name} is not installed, expected it for serving: "
                "pip install attention-zoo[serve]"
            )


def load(folder, name):
    """The `ServedModel` of a folder."""
    if folder is None:
        raise ValueError("saved_model is unset, expected the folder of a SavedModel")
    import_tensorflow()
    from attention_zoo.serving.served_model import ServedModel

    return ServedModel(folder, name)


def _announce(model, listener):
    address, port = listener.getsockname()[:2]
    loopback = ipaddress.ip_address(address).is_loopback
    host = f"[{address}]" if ":" in address else address
    reach = "loopback: this machine only" if loopback else "open to other machines"
    print(f"{model.folder} at http://{host}:{port}/v1/models/{model.name} ({reach})", flush=True)
    if not loopback:
        logging.warning("%s can be reached by others: no password, no encryption", address)


COMMAND = Program(main, (Settings, Limits), __doc__)
run = COMMAND.run  # the console script
