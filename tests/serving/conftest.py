"""Models to serve and servers to ask."""

import asyncio
import concurrent.futures
import contextlib
import http.client
import json
import socket
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import FocusClassifier, export
from attention_zoo.serving.limits import Limits
from attention_zoo.serving.served_model import ServedModel
from attention_zoo.serving.server import Server

M, D, C = 3, 4, 3


class Kinds(tf.Module):
    """A signature for each kind of input and output."""

    def double(self, x):
        return {"y": 2.0 * x}

    def types(self, i, n, t):
        return {"i": i + 1, "n": n, "t": tf.logical_not(t)}

    def texts(self, text):
        return {"text": text, "text_bytes": text}

    def words(self, text):
        """As wide as the longest text is long: how much is joined would be seen."""
        return {"words": tf.strings.split(text).to_tensor("")}

    def picky(self, x):
        with tf.control_dependencies([tf.debugging.assert_non_negative(x, "x is negative")]):
            return {"root": tf.sqrt(x)}

    def slow(self, milliseconds):
        until = tf.timestamp() + tf.cast(tf.reduce_max(milliseconds), tf.float64) / 1000
        (end,) = tf.while_loop(lambda t: t < until, lambda t: [tf.timestamp()], [tf.timestamp()])
        return {"rows": tf.zeros_like(milliseconds) + tf.cast(end > 0.0, tf.int32)}

    def shares(self, x):
        """Of what all requests in the batch have."""
        return {"share": x / tf.reduce_sum(x)}

    def pictures(self, image):
        pixels = tf.map_fn(tf.io.decode_png, image, tf.uint8)
        return {"mean": tf.reduce_mean(tf.cast(pixels, tf.float32), axis=[1, 2, 3])}

    def total(self, x):
        return {"total": tf.reduce_sum(x)}

    def save(self, folder):
        floats, strings = ((None,), tf.float32), ((None,), tf.string)
        specs = {
            "double": {"x": ((None, 2), tf.float32)},
            "types": {
                "i": ((None, None), tf.int32),
                "n": ((None,), tf.uint8),
                "t": ((None,), tf.bool),
            },
            "texts": {"text": strings},
            "words": {"text": strings},
            "picky": {"x": floats},
            "slow": {"milliseconds": ((None,), tf.int32)},
            "shares": {"x": floats},
            "pictures": {"image": strings},
            "total": {"x": floats},
        }
        signatures = {
            name: tf.function(getattr(self, name)).get_concrete_function(
                **{key: tf.TensorSpec(*spec, name=key) for key, spec in inputs.items()}
            )
            for name, inputs in specs.items()
        }
        tf.saved_model.save(self, folder, signatures | {"serving_default": signatures["double"]})


class Client:
    """Asks one server.

    Attributes:
        port: the server's.
        stop: has it end.
        ended: a future: whether all in hand were answered then.
    """

    def __init__(self, port, stop, ended):
        self.port, self.stop, self.ended = port, stop, ended

    def __call__(self, method, path, body=None, content_type="application/json", **headers):
        """(status, headers, what JSON the body holds, or its bytes)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            named = {key.replace("_", "-"): value for key, value in headers.items()}
            connection.request(method, path, body, {"Content-Type": content_type} | named)
            response = connection.getresponse()
            data = response.read()
            is_json = response.headers.get_content_type() == "application/json"
            return response.status, response.headers, json.loads(data) if is_json else data

    def predict(self, request, **headers):
        """(status, answer) to a JSON body."""
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        status, _, answer = self("POST", "/v1/models/model:predict", body, **headers)
        return status, answer


@contextlib.contextmanager
def running(server):
    """(port, what stops it, future of what `run` returns) of a server that runs in a thread."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port, began = listener.getsockname()[1], threading.Event()
    ended: concurrent.futures.Future[bool] = concurrent.futures.Future()
    stop: list = []

    async def run():
        loop, stops = asyncio.get_running_loop(), asyncio.Queue()
        stop.append(lambda: loop.call_soon_threadsafe(stops.put_nowait, 0))
        ended.set_result(await server.run(listener, stops, began.set))

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert began.wait(30)
        yield port, stop[0], ended
    finally:
        if not ended.done():
            stop[0]()
        thread.join()


@pytest.fixture(scope="session")
def kinds(tmp_path_factory):
    """The `Kinds`, saved and loaded."""
    folder = tmp_path_factory.mktemp("kinds")
    Kinds().save(folder)
    return ServedModel(folder)


@pytest.fixture(scope="session")
def classifier_dir(tmp_path_factory):
    """A SavedModel of a FocusClassifier that takes segments (b, 3, 4) and a mask."""
    keras.utils.set_random_seed(0)
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C), "lvml")
    model({"segments": np.zeros((1, M, D), "float32"), "mask": np.ones((1, M), bool)})
    folder = tmp_path_factory.mktemp("classifier") / "saved_model"
    export(model, folder)
    return folder


@pytest.fixture(scope="session")
def classifier_without_mask(tmp_path_factory, linear_model):
    """One that takes segments alone, loaded to be served."""
    folder = tmp_path_factory.mktemp("without_mask") / "saved_model"
    export(linear_model("lvml"), folder)
    return ServedModel(folder)


@pytest.fixture(scope="session")
def classifier(classifier_dir):
    """It, loaded to be served."""
    return ServedModel(classifier_dir)


@pytest.fixture(scope="session")
def serve():
    """(model, **limits) -> a context with the `Client` of a new server."""

    @contextlib.contextmanager
    def start(model, origins=(), **limits):
        with running(Server(model, Limits(**limits), origins)) as found:
            yield Client(*found)

    return start


@pytest.fixture(scope="module")
def client(kinds, serve):
    """The client of a server of the `Kinds` with small limits."""
    with serve(kinds, max_batch=8, max_body_bytes=4_096, timeout_seconds=5.0) as one:
        yield one
