"""Signals to stop, of a scheduler, Ctrl-C or a closed terminal: stop when it suits, save, go."""

import signal
import threading

_NAMES = ("SIGTERM", "SIGINT", "SIGHUP")  # Windows has no SIGHUP
SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class Preempted(Exception):
    """A signal came: the run was saved and stopped; the same command goes on with it.

    Attributes:
        signal: which; SIGTERM where it came to another worker.
    """

    def __init__(self, message, signal=signal.SIGTERM):
        super().__init__(message)
        self.signal = signal


class Preemption:
    """A context in which SIGTERM, SIGINT (Ctrl-C) and SIGHUP only set `requested`.

    A second SIGINT interrupts at once. A signal that the process was started to ignore, as SIGHUP
    by nohup, stays ignored. Outside the main thread nothing changes.

    Attributes:
        requested: whether a signal came.
        signal: the first that came; SIGTERM before.
    """

    def __init__(self):
        self.requested = False
        self.signal = signal.SIGTERM
        self._before = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *exception):
        for number, before in self._before.items():
            signal.signal(number, before)

    def _request(self, number, frame):
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.requested:
            self.requested, self.signal = True, signal.Signals(number)
