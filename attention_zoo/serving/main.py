r"""Answers over HTTP with an exported model.

    python -m attention_zoo.serving --saved_model=runs/sdc/saved_model

It listens on this machine alone (127.0.0.1) unless --host says otherwise. docs/serving.md has
requests to try and how fast it is.
"""

import gc
import importlib.util
import ipaddress
import socket
import sys

import tensorflow as tf
from absl import app, flags, logging

from attention_zoo._settings import define_flags, from_flags, list_in_help, parse_flags
from attention_zoo.serving.limits import Limits
from attention_zoo.serving.served_model import ServedModel


def run():
    """The console script."""
    logging.set_verbosity(logging.WARNING)
    define()
    app.run(main, flags_parser=parse_flags)


def define():
    """Defines the flags."""
    flags.DEFINE_string("saved_model", None, "Folder of the SavedModel.")
    flags.DEFINE_string("name", "model", "What clients call the model.")
    flags.DEFINE_string(
        "host", "127.0.0.1", "Address to listen on: by default loopback, this machine alone."
    )
    flags.DEFINE_integer("port", 8501, "Port to listen on; 0 takes any, and prints it.")
    for name in ("saved_model", "name", "host", "port"):
        list_in_help(name)
    define_flags(Limits)


def main(argv):
    """Loads the model and serves it until SIGTERM or SIGINT."""
    if len(argv) > 1:
        raise app.UsageError(f"unknown arguments {argv[1:]}, expected flags only")
    given = flags.FLAGS
    try:
        _check_library()
        limits = Limits(**from_flags(Limits))
        model = _load(given.saved_model, given.name)
        listener = listen(given.host, given.port)
    except (ValueError, OSError, ImportError, tf.errors.OpError) as error:
        sys.exit(f"error: {str(error).splitlines()[0]}")
    _announce(given.saved_model, given.name, listener)
    serve(model, limits, listener)


def serve(model, limits, listener):
    """Serves on a listening socket until SIGTERM or SIGINT; requests in hand are answered first."""
    from aiohttp import web

    from attention_zoo.serving.server import RUNNER, Server

    gc.collect()
    gc.freeze()  # else each large body has Python look through all of TensorFlow, for seconds
    patience = 2 * limits.timeout_seconds + 1  # a body and its answer
    application = Server(model, limits).application()
    web.run_app(application, sock=listener, print=None, shutdown_timeout=patience, **RUNNER)


def listen(host, port):
    """A listening socket.

    Raises:
        ValueError: no such port.
        OSError: the address is not this machine's, or the port is taken.
    """
    if not 0 <= port < 2**16:
        raise ValueError(f"port is {port}, expected 0 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise OSError(f"cannot listen on {host}, port {port}: {error.strerror}") from error


def _check_library():
    if importlib.util.find_spec("aiohttp") is None:
        raise ImportError(
            "aiohttp is not installed, expected it for serving: pip install attention-zoo[serve]"
        )


def _load(folder, name):
    if folder is None:
        raise ValueError("saved_model is unset, expected the folder of a SavedModel")
    return ServedModel(folder, name)


def _announce(folder, name, listener):
    address, port = listener.getsockname()[:2]
    loopback = ipaddress.ip_address(address).is_loopback
    host = f"[{address}]" if ":" in address else address
    reach = "loopback: this machine only" if loopback else "open to other machines"
    print(f"{folder} at http://{host}:{port}/v1/models/{name} ({reach})", flush=True)
    if not loopback:
        logging.warning("%s can be reached by others: no password, no encryption", address)
