r"""Kills a digits run at random moments, over and over; compares its end with an unbroken one's.

    python benchmarks/kill_resume.py --kills=200

Starts the run, sends it SIGKILL after a random time of the processors (a busy machine makes no
difference), starts it again in the same folder, until runs were killed as often as asked; then lets
the last one finish. So that most kills hit the training, and not TensorFlow's import, each run is
forked off a process that has imported it. After a run that ends before its kill the next begins in
a new folder. Checked in every round: the run resumed (the step it went on from, which it writes
beside its folder, is that of the newest whole checkpoint or later; what it ends with would not
tell), no checkpoint that counts as whole is not, and weights, optimizer and curves at the end equal
the unbroken run's bit for bit.

Measured on a core of an AMD EPYC (200 kills, 17 minutes): 32 runs finished, all as the unbroken
one; 173 went on from a checkpoint; 64 kills came while a file was being written, at all stages from
before the first checkpoint to after the last; no failure.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf  # noqa: F401  imported before the forks; no op may run before them

import attention_zoo as az
from attention_zoo.training.checkpoints import Checkpoints, find_checkpoints

SETTINGS = {
    "num_examples": 2_048,
    "num_test_examples": 256,
    "batch_size": 64,
    "checkpoint_steps": 4,
    "steps_per_call": 2,
    "keep_checkpoints": 3,
    "jit_compile": "false",
}


def main():
    args = _parser().parse_args()
    folder = Path(args.folder)
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"{folder} is not empty, expected a new folder: a run from before is not unbroken")
    unbroken = folder / "unbroken"
    _, _, used = os.wait4(_start(unbroken, args.epochs), 0)
    seconds = used.ru_utime + used.ru_stime
    expected = state(unbroken)
    print(f"an unbroken run takes {seconds:.1f} s of the processors", flush=True)
    args.longest = args.longest or 0.6 * seconds
    report = survive(folder, args, expected, random.Random(args.seed))
    print(json.dumps(report, indent=2))
    if args.json:
        Path(args.json).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    sys.exit(1 if report["failures"] else 0)


def survive(folder, args, expected, rng):
    """Kills runs `args.kills` times; returns counts and what went wrong."""
    report = {"kills": 0, "finished": 0, "resumed": 0, "steps_at_kill": [], "half_written": 0}
    report["failures"] = []
    workdir, last_step = folder / "broken-0", 0
    while True:
        whole = _newest_whole(workdir)
        process = _start(workdir, args.epochs)
        left = report["kills"] < args.kills
        killed = left and _kill(process, rng.uniform(0.0, args.longest))
        code = None if killed else _wait(process)
        resumed = _resumed_from(workdir)
        report["resumed"] += bool(resumed)
        if resumed is not None and resumed < whole:
            report["failures"].append(f"{workdir} began at step {resumed}, {whole} was there")
        if not killed:
            if code or resumed is None:
                report["failures"].append(f"{workdir}: exit code {code}, began at step {resumed}")
            elif state(workdir) != expected:
                report["failures"].append(f"{workdir}: the end differs from the unbroken run's")
            report["finished"] += 1
            if not left:
                return report
            workdir, last_step = folder / f"broken-{report['finished']}", 0
            continue
        report["kills"] += 1
        report["half_written"] += bool(list(workdir.rglob(".writing-*")))
        newest = next(iter(find_checkpoints(workdir / "checkpoints")), None)
        step = int(newest.name[5:]) if newest else 0
        if step < last_step:
            report["failures"].append(f"{workdir} fell back from step {last_step} to {step}")
        report["steps_at_kill"].append(step)
        last_step = step
        for path in find_checkpoints(workdir / "checkpoints"):
            if not _is_whole(path):
                report["failures"].append(f"{path} is not whole")
        if report["kills"] % 10 == 0:
            print(report["kills"], "kills,", report["finished"], "runs finished", flush=True)


def state(workdir):
    """Digests of what a finished run leaves that must not depend on how often it was killed."""
    last = find_checkpoints(workdir / "checkpoints")[0]
    return {
        "curves": (workdir / "metrics.csv").read_text(),
        "results": (workdir / "results.json").read_text(),
        "weights": _variables(last / "model.weights.h5"),
        "step": last.name,
    }


def _variables(path):
    import h5py

    digest = hashlib.sha256()
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                digest.update(name.encode() + item[()].tobytes())
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return digest.hexdigest()


def _is_whole(path):
    for line in (path / "SHA256SUMS").read_text().splitlines():
        expected, name = line.split("  ")
        if hashlib.sha256((path / name).read_bytes()).hexdigest() != expected:
            return False
    return True


def _newest_whole(workdir):
    """The step of the newest checkpoint that is whole, or 0."""
    whole = (path for path in find_checkpoints(workdir / "checkpoints") if _is_whole(path))
    return next((int(path.name[5:]) for path in whole), 0)


def _resumed_from(workdir):
    """The step that the last run started in a folder began at; None if it did not come so far."""
    report = _report(workdir)
    text = report.read_text() if report.exists() else ""
    return int(text) if text else None


def _report(workdir):
    return workdir.with_name(f"{workdir.name}.resumed")


def _report_step(workdir):
    """Has `Checkpoints.restore` write the step it returns, beside the folder."""
    restore = Checkpoints.restore

    def report(*args):
        step = restore(*args)
        _report(workdir).write_text(str(step))
        return step

    Checkpoints.restore = report


def _start(workdir, epochs):
    """Forks a process that runs the trainer; a checkpoint that cannot be read ends it with 3."""
    workdir.parent.mkdir(parents=True, exist_ok=True)
    _report(workdir).unlink(missing_ok=True)
    process = os.fork()
    if process:
        return process
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        warnings.filterwarnings("error", message="checkpoint")
        _report_step(workdir)
        az.train("mosaics", workdir, epochs=epochs, **SETTINGS)
    except Warning:
        os._exit(3)
    except BaseException:
        os._exit(1)
    os._exit(0)


def _kill(process, seconds):
    """Sends SIGKILL after so many seconds of the processors; False if the process ended before."""
    clock = ~process << 3 | 2  # as clock_getcpuclockid(3) makes it
    # Not reaped here: the caller asks for the exit code.
    while not os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if time.clock_gettime(clock) >= seconds:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return True
        time.sleep(0.001)
    return False


def _wait(process):
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="How often to kill.")
    parser.add_argument("--epochs", type=int, default=24, help="Of 32 steps, of a run.")
    parser.add_argument(
        "--longest", type=float, help="Most seconds of a life; 0.6 of an unbroken run's if unset."
    )
    parser.add_argument("--seed", type=int, default=0, help="Of the moments.")
    parser.add_argument("--folder", default="runs/kill_resume", help="New folder for the runs.")
    parser.add_argument("--json", help="File to write the report to.")
    return parser


if __name__ == "__main__":
    main()
