"""Limits: what a server takes on."""

import dataclasses
import math

from attention_zoo._settings import setting


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bounds of a server.

    Attributes:
        max_batch: rows that the model is given at once, of one request or of several.
        max_wait_ms: milliseconds that a request waits for others to join it.
        max_body_bytes: bytes of a body, of the arrays in an npz once they are unpacked, of an array
            in the type of its input, and of the requests that are joined.
        max_text_bytes: bytes of the texts that the model is given at once, each padded to the
            longest; what a model does with a text takes some thousand times its bytes.
        timeout_seconds: seconds that a body may take to arrive, and an answer to be found.
        max_queue: requests in hand at one time: their bodies on the way, waiting or computed.

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
    max_queue: int = setting(256, "Requests in hand at one time.")

    def __post_init__(self):
        for name in ("max_batch", "max_body_bytes", "max_text_bytes", "max_queue"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        if not 0 <= self.max_wait_ms < math.inf:
            raise ValueError(f"max_wait_ms is {self.max_wait_ms}, expected 0 or more")
        if not 0 < self.timeout_seconds < math.inf:
            raise ValueError(f"timeout_seconds is {self.timeout_seconds}, expected more than 0")
