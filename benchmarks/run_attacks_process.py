"""Programs of the package as processes of their own, with limits, signals and a full disk."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "agg", "TQDM_DISABLE": "1"}
_NOISE = ("I0000 ", "WARNING: All log messages before absl", "To enable the following")


class Ended(NamedTuple):
    """How a process ended: its exit code, minus a signal's number, and what it said on stderr."""

    code: int
    errors: list[str]

    @property
    def said(self):
        """The last line, or nothing."""
        return self.errors[-1] if self.errors else ""

    @property
    def tracebacks(self):
        return sum("Traceback" in line for line in self.errors)


def fork(program, *arguments, log, limits=(), environment=None):
    """Runs `python -m program arguments` in a fork of this process, which has imported TensorFlow.

    Args:
        program: module with a `run()`.
        *arguments: flags.
        log: a `Path` for what it says on stderr.
        limits: pairs (resource, bytes).
        environment: more variables.

    Returns:
        The process's number.
    """
    process = os.fork()
    if process:
        return process
    try:
        for stream, place in ((1, os.devnull), (2, log)):
            os.dup2(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), stream)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a job of the background's
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # or nohup's ignores them
        for limit, most in limits:
            resource.setrlimit(limit, (most, most))
        os.environ.update(environment or {})
        sys.argv = [program, *arguments]
        sys.modules[program].run()
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = 1 if isinstance(end.code, str) else end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 130 if isinstance(sys.exc_info()[1], KeyboardInterrupt) else 1
    with contextlib.suppress(BaseException):
        import atexit

        atexit._run_exitfuncs()  # where HDF5 crashes on a file that it could not write
    sys.stderr.flush()
    os._exit(code)


def wait(process, log, seconds=300):
    """The `Ended` of a fork; killed after so many seconds, which no sound one needs."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return Ended(os.waitstatus_to_exitcode(status), _lines(log))
        time.sleep(0.02)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return Ended(-signal.SIGKILL, [*_lines(log), f"killed after {seconds} s"])


def _lines(log):
    lines = Path(log).read_text(errors="replace").splitlines()
    return [line for line in lines if line.strip() and not line.startswith(_NOISE)]


def wait_for(condition, seconds=120):
    """Waits until a condition holds; whether it does."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


@contextlib.contextmanager
def small_disk(folder, kilobytes):
    """Mounts a disk of so many kB on a folder; gives a function that enlarges it. Needs root."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder))
    try:
        yield lambda more: _mount("-o", f"remount,size={more}k", str(folder))
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def can_mount(folder):
    """Whether this process may mount disks."""
    try:
        with small_disk(folder, 64):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def _mount(*arguments):
    subprocess.run(["mount", *arguments], check=True, stderr=subprocess.DEVNULL)


def free_addresses(count):
    """Addresses of this machine that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    addresses = [f"localhost:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses
