"""Runs jobs, each in a fresh process of its own, which ends with this one."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from attention_zoo._errors import one_line
from attention_zoo.training.folder_lock import hold
from attention_zoo.training.preemption import Preempted, Preemption

_GRACE = 60.0  # seconds that a job has to save itself
_POLL = 0.2


def run_side_by_side(one, jobs, workers, is_left):
    """What becomes of every job, in their order.

    Args:
        one: callable, (job, stop) -> what became of it; stop has `requested`.
        jobs: the jobs.
        workers: jobs at a time.
        is_left: callable, what became of a job -> whether it is still to run.

    Raises:
        Preempted: after SIGTERM, SIGINT or SIGHUP, where jobs are left.
    """
    with Preemption() as stop, ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(lambda job: one(job, stop), jobs))
    left = sum(map(is_left, found))
    if left:
        notice = f"{stop.signal.name}: {left} jobs are left, expected the same command to go on"
        raise Preempted(notice, stop.signal)
    return found


def threads_each(workers):
    """Cores of each of so many jobs at a time, of those that this process may use."""
    return max(1, _cores() // workers)


def _cores():
    """Fewer than the machine has under a scheduler of a cluster, or taskset."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_in_process(function, workdir, settings, log, threads, stop):
    """Runs a job in a new process, to its end or until it is to stop.

    Args:
        function: (workdir, **settings), of a module, such as `az.train` with its task.
        workdir: folder of the job, a `pathlib.Path`.
        settings: its arguments by name.
        log: file that all it prints is appended to, a `pathlib.Path`.
        threads: cores that an operation may use.
        stop: has `requested`; the process gets SIGTERM once that is True.

    Returns:
        Why it failed, in a line; empty where it did not.
    """
    context = _context()
    receiver, sender = context.Pipe(duplex=False)
    arguments = (function, workdir, settings, log, threads, sender)
    process = context.Process(target=_work, args=arguments)
    process.start()
    sender.close()
    _join(process, stop)
    if receiver.poll():
        with contextlib.suppress(EOFError):
            return receiver.recv()
    return (
        f"the process ended with exit code {process.exitcode}, expected 0: what it said is in "
        f"{log.parent.name}/{log.name}"
    )


def _context():
    """How processes begin: forked off one that has imported TensorFlow, where there is forking."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["attention_zoo.training.quiet", "attention_zoo.tasks.registry"])
    return context


def _join(process, stop):
    """Waits for the end of a process, and passes SIGTERM on."""
    while process.is_alive() and not stop.requested:
        process.join(_POLL)
    if stop.requested:
        process.terminate()
    process.join()


def _work(function, workdir, settings, log, threads, sender):
    """What the new process does; sends why it failed, or nothing."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _write_to(log)
    try:
        _wait_until_free(workdir)
        _share_machine(threads)
        function(str(workdir), **settings)
    except Exception as error:
        sender.send(f"{type(error).__name__}: {one_line(error)}")
        raise
    sender.send("")


def _end_with_parent():
    """Ends this process when the one that started it is gone, killed too, with time to save."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE)
        os._exit(1)


def _wait_until_free(workdir):
    """Waits while the process of a suite that was killed still saves the job."""
    until = time.monotonic() + 2 * _GRACE
    while workdir.exists() and time.monotonic() < until:
        try:
            hold(workdir)
        except BlockingIOError:
            time.sleep(_POLL)
        else:
            return


def _share_machine(threads):
    """Has TensorFlow use so many cores, and of a GPU's memory what it needs."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def _write_to(log):
    """Has all that is printed, TensorFlow's own lines too, go to a file."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        stream.flush()
        os.dup2(descriptor, number)
