"""SIGTERM, the word of a scheduler that wants its machine back: stop when it suits, save, go."""

import signal
import threading


class Preemption:
    """A context in which SIGTERM only sets `requested`; outside the main thread, none at all.

    Attributes:
        requested: whether the signal came.
    """

    def __init__(self):
        self.requested = False
        self._before = None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._request)
        return self

    def __exit__(self, *exception):
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _request(self, number, frame):
        self.requested = True
