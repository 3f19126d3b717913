"""Limits: what a server takes on."""

import dataclasses
import math

from attention_zoo._settings import setting


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of the server.

    Attributes:
        max_batch: rows that the model is given at once, of one request or of several.
        max_wait_ms: milliseconds that a request waits for others to join it.
        max_body_bytes: bytes of a body, of the arrays in an npz once they are unpacked, of an array
            in the type of its input, and of the requests that are joined.
        max_text_bytes: bytes of the texts that the model is given at once, each padded to the
            longest; what a model does with a text takes some thousand times its bytes.
        timeout_seconds: seconds that a body may take to arrive, and an answer to be found.
        max_queue: requests in hand at one time, waiting or computed. Bodies on their way are not
            among them; all of these together may have `max_queue * max_body_bytes`.
        max_uploads: bodies on their way at one time from one client, that is from one address;
            those beyond have a second.
        max_connections: open at one time, or fewer where there are fewer file descriptors.
        idle_seconds: seconds that a connection may be without a request: until the head of the
            first or the next has come, or until a client has read its answer.
        shutdown_seconds: seconds after SIGTERM in which requests in hand are still answered.

    Raises:
        ValueError: a bound that nothing could meet.
    """

    max_batch: int = setting(64, "Rows that the model is given at once.")
    max_wait_ms: float = setting(0.0, "Milliseconds that a request waits for others.")
    max_body_bytes: int = setting(8 * 2**20, "Bytes of a body.")
    max_text_bytes: int = setting(
        2**16, "Bytes of the texts that the model is given at once, each as long as the longest."
    )
    timeout_seconds: float = setting(
        30.0, "Seconds that a body may take to arrive, and an answer to be found."
    )
    max_queue: int = setting(256, "Requests in hand at one time, their bodies there.")
    max_uploads: int = setting(64, "Bodies on their way at one time from one client (address).")
    max_connections: int = setting(512, "Connections open at one time.")
    idle_seconds: float = setting(60.0, "Seconds that a connection may be without a request.")
    shutdown_seconds: float = setting(
        20.0, "Seconds after SIGTERM in which requests in hand are still answered."
    )

    def __post_init__(self):
        for field in dataclasses.fields(self):
            self._check(field.name, getattr(self, field.name), field.type)

    def _check(self, name, value, kind):
        if kind in (int, "int") and value < 1:
            raise ValueError(f"{name} is {value}, expected 1 or more")
        if name in ("max_wait_ms", "shutdown_seconds") and not 0 <= value < math.inf:
            raise ValueError(f"{name} is {value}, expected 0 or more")
        if name in ("timeout_seconds", "idle_seconds") and not 0 < value < math.inf:
            raise ValueError(f"{name} is {value}, expected more than 0")
