"""Runs jobs, each in a fresh process of its own that ends with this one."""

import contextlib
import dataclasses
import importlib
import json
import multiprocessing
import multiprocessing.connection
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from attention_zoo.trainers.reproduction.job import Job


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        job: the `Job`.
        state: "done", "failed" or "not run".
        reason: why not, in a line; empty where it is done.
    """

    job: Job
    state: str
    reason: str = ""


def run_jobs(jobs, folder, places, workers, tell=print):
    """Runs what is not finished; one that fails does not stop the others.

    A job is finished when its folder has a results.json, of the same settings; others go on from
    their checkpoints. What a job prints goes to `logs/` below the folder.

    Args:
        jobs: of one suite.
        folder: of the suite, a `pathlib.Path`.
        places: `Places` of the data.
        workers: processes at a time; each has an equal part of the cores.
        tell: function that is given a line whenever a job ends.

    Returns:
        An `Outcome` each, in the order of the jobs.
    """

    def one(job):
        outcome = _outcome(job, folder, places, workers)
        tell(f"{job.name}: {outcome.state}{outcome.reason and f', {outcome.reason}'}")
        return outcome

    (folder / "logs").mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, jobs))


def settled(job, folder, places):
    """The `Outcome` of a job that is finished, or cannot be run; None of one that is to run."""
    workdir = folder / job.name
    if (workdir / "results.json").exists():
        reason = difference(job, workdir)
        return Outcome(job, "failed", reason) if reason else Outcome(job, "done")
    missing = places.missing(job.needs)
    return Outcome(job, "not run", missing) if missing else None


def _outcome(job, folder, places, workers):
    found = settled(job, folder, places)
    if found:
        return found
    log = folder / "logs" / f"{job.name.replace('/', '_')}.txt"
    threads = max(1, (os.cpu_count() or 1) // workers)
    settings = job.settings | places.of(job.needs)
    reason = _in_process(job.trainer, folder / job.name, settings, log, threads)
    return Outcome(job, "failed", reason) if reason else Outcome(job, "done")


def difference(job, workdir):
    """Where a finished run's settings are not those of the job, in a line; empty if they are."""
    kept = json.loads((workdir / "config.json").read_text())
    for name, value in job.settings.items():
        if kept.get(name) != value:
            return (
                f"{workdir} holds a run with {name} {kept.get(name)!r}, expected {value!r}: move "
                "it away or name another workdir"
            )
    return ""


def _in_process(trainer, workdir, settings, log, threads):
    """Runs a job in a new process; returns why it failed, or nothing."""
    context = _context()
    receiver, sender = context.Pipe(duplex=False)
    arguments = (trainer, str(workdir), settings, str(log), threads, sender)
    process = context.Process(target=_work, args=arguments)
    process.start()
    sender.close()
    process.join()
    if receiver.poll():
        with contextlib.suppress(EOFError):
            return receiver.recv()
    return f"the process ended with exit code {process.exitcode}, expected 0"


def _context():
    """How processes begin: forked off one that has imported TensorFlow, where there is forking."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["attention_zoo.trainers.sdc"])
    return context


def _work(trainer, workdir, settings, log, threads, sender):
    """What the new process does; sends why it failed, or nothing."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _write_to(log)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    try:
        module = importlib.import_module(f"attention_zoo.trainers.{trainer}")
        module.train_and_evaluate(workdir, **settings)
    except Exception as error:
        sender.send(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
        raise
    sender.send("")


def _end_with_parent():
    """Ends this process when the one that started it is gone, killed too: it frees the folder."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _write_to(log):
    """Has all that is printed, TensorFlow's own lines too, go to a file."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        stream.flush()
        os.dup2(descriptor, number)
