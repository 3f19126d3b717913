"""Processes of jobs: ended in the middle they go on, told to stop they stop."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf

from attention_zoo.training import processes, sweep
from attention_zoo.training.folder_lock import FolderLock
from attention_zoo.training.preemption import Preempted
from experiments.reproduction import page
from experiments.reproduction.data_requirements import Places
from experiments.reproduction.job import Job
from experiments.reproduction.outcome import run_suite


class _Process:
    """Stands for a process that ends when it is told to."""

    def __init__(self):
        self.ended, self.signals = threading.Event(), 0

    def is_alive(self):
        return not self.ended.is_set()

    def join(self, timeout=10):
        self.ended.wait(timeout)

    def terminate(self):
        self.signals += 1
        self.ended.set()


def test_a_process_gets_sigterm_once_it_is_to_stop():
    told, stop = _Process(), SimpleNamespace(requested=False)
    waiting = threading.Thread(target=processes._join, args=(told, stop))
    waiting.start()
    time.sleep(0.05)
    assert waiting.is_alive() and told.signals == 0
    stop.requested = True
    waiting.join(5)
    assert not waiting.is_alive() and told.signals == 1


def test_after_sigterm_no_further_job_is_started(tmp_path, monkeypatch):
    started = []

    def stopped(trainer, workdir, settings, log, threads, stop):
        started.append(workdir.name)
        os.kill(os.getpid(), signal.SIGTERM)
        while not stop.requested:
            time.sleep(0.01)
        return "Preempted: saved"

    monkeypatch.setattr(sweep, "run_in_process", stopped)
    jobs = [Job(name=name, trainer="sdc", data="digits", settings={}) for name in ("a", "b", "c")]
    with pytest.raises(Preempted, match="SIGTERM: 3 jobs are left"):
        run_suite(jobs, tmp_path, Places(), workers=1)
    assert started == ["a"]


def test_a_job_waits_until_its_folder_is_free(tmp_path, monkeypatch):
    tries = iter([BlockingIOError(), BlockingIOError(), None])

    def busy(folder):
        found = next(tries)
        if found:
            raise found

    monkeypatch.setattr(processes, "hold", busy)
    monkeypatch.setattr(processes, "_POLL", 0.01)
    processes._wait_until_free(tmp_path)
    assert list(tries) == []


def test_jobs_on_a_gpu_take_of_its_memory_what_they_need(monkeypatch):
    grows = {}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:0", f"{kind}:1"])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", grows.__setitem__)
    limits = []  # TensorFlow takes them before its first operation only
    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", limits.append)
    processes._share_machine(threads=3)
    assert limits == [3]
    assert grows == {"GPU:0": True, "GPU:1": True}


def test_jobs_share_the_cores_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(5)), raising=False)
    assert [processes.threads_each(workers) for workers in (1, 2, 9)] == [5, 2, 1]
    monkeypatch.delattr(os, "sched_getaffinity")  # Windows, macOS
    assert processes.threads_each(2) == 32


ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from experiments import reproduce
from experiments.reproduction.job import comparison
from attention_zoo.training.preemption import Preempted
if __name__ == "__main__":
    small = {"num_examples": 4096, "num_test_examples": 64, "batch_size": 64, "epochs": 6}
    small |= {"checkpoint_steps": 16, "steps_per_call": 8}
    jobs = comparison("digits", trainer="sdc", data="digits", seeds=(0,), num_segments=3, **small)
    reproduce.SUITES["quick"] = tuple(jobs[3:4])
    try:
        reproduce.train_and_evaluate(sys.argv[1], workers=1)
    except Preempted:
        sys.exit(143)
"""


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """(program, folder of a suite that it ran without a break)."""
    folder = tmp_path_factory.mktemp("unbroken")
    program = folder / "program.py"
    program.write_text(PROGRAM)
    assert _start(program, folder / "suite").wait() == 0
    return program, folder / "suite"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_suite_ended_in_the_middle_goes_on_from_checkpoints(unbroken, tmp_path, number):
    program, whole = unbroken
    broken, epochs = tmp_path / "broken", "digits/hybrid_0/metrics.csv"
    running = _start(program, broken)
    _wait_for(broken, epochs, running)
    os.kill(running.pid, number)
    assert running.wait() == (143 if number == signal.SIGTERM else -signal.SIGKILL)
    assert not (broken / "results.html").exists()
    _wait_until_saved(broken / "digits/hybrid_0")
    log = broken / "logs/digits_hybrid_0.txt"
    before = len(log.read_text())
    assert _start(program, broken).wait() == 0
    done = int(re.search(r"(\d+)/384", log.read_text()[before:]).group(1))  # of the steps
    assert 64 <= done < 384
    for name in (*page.TEMPLATES, epochs):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()


def _start(program, folder):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    where = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": where}
    return subprocess.Popen([sys.executable, str(program), str(folder)], env=environment, **quiet)


def _wait_for(folder, name, process, seconds=300):
    until = time.monotonic() + seconds
    while not (folder / name).exists():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)


def _wait_until_saved(workdir, seconds=60):
    """Waits until the process of a job whose suite was ended has let its folder go."""
    until = time.monotonic() + seconds
    while True:
        try:
            return FolderLock(workdir)
        except BlockingIOError:
            assert time.monotonic() < until
            time.sleep(0.05)
