r"""Attacks runs: full disks, signals, lost workers, no memory, damaged and hostile files.

    python benchmarks/run_attacks.py --changes=300 --json=run_attacks.json

Each attack is on a program of the package in a process of its own, forked off one that has imported
TensorFlow. It holds where the process ends with the expected exit code and says why in one line,
without a traceback, and where, after the same command was given again with all well, the run ends
as one that was never attacked, bit for bit. Disks are full by a mount of their own where this
process may mount one (as root), and by the system's limit on the size of files.

Measured: see docs/benchmarks.md.
"""

import argparse
import collections
import json
import os
import random
import resource
import shutil
import signal
import sys
from pathlib import Path

from run_attacks_process import QUIET

os.environ.update(QUIET)

from kill_resume import state
from run_attacks_json import damaged_csv, damages, mutated
from run_attacks_process import can_mount, fork, free_addresses, small_disk, wait, wait_for

import attention_zoo.report.__main__
import attention_zoo.tasks.registry  # imported before the forks; no op may run before
import attention_zoo.trainers.hatexplain
import attention_zoo.trainers.make_preset
import attention_zoo.trainers.preset_of_run
import attention_zoo.trainers.sdc  # noqa: F401
from attention_zoo.training.checkpoints import find_checkpoints

SDC, TEXT = "attention_zoo.trainers.sdc", "attention_zoo.trainers.hatexplain"
REPORT, PRESET = "attention_zoo.report.__main__", "attention_zoo.trainers.make_preset"
TINY = {
    "num_examples": 512,
    "num_test_examples": 64,
    "batch_size": 32,
    "epochs": 3,
    "checkpoint_steps": 4,
    "steps_per_call": 2,
    "jit_compile": "false",
}
LONG = TINY | {"epochs": 400}


class Attacks:
    """Runs attacks and notes, for each kind, what was done and how it ended.

    Args:
        folder: a new one, for everything.
    """

    def __init__(self, folder):
        self.folder, self.rows = folder, []
        self._log = folder / "stderr.txt"

    def run(self, program, *arguments, **options):
        """The `Ended` of a program."""
        return wait(fork(program, *arguments, log=self._log, **options), self._log)

    def trains(self, workdir, settings=TINY, program=SDC, **options):
        return self.run(program, f"--workdir={workdir}", *flags(settings), **options)

    def interrupted(self, workdir, settings, number, program=SDC):
        """The `Ended` of a run that a signal comes to once it has a checkpoint."""
        arguments = [f"--workdir={workdir}", *flags(settings)]
        process = fork(program, *arguments, log=self._log)
        wait_for(lambda: find_checkpoints(workdir / "checkpoints"))
        os.kill(process, number)
        return wait(process, self._log)

    def note(self, kind, what, ended, code=1, also=True, lines=1):
        """Notes an attack; it holds with this code, so many lines, no traceback and `also`."""
        holds = ended.code == code and len(ended.errors) == lines and not ended.tracebacks
        row = {"kind": kind, "attack": what, "holds": bool(holds and also), "code": ended.code}
        row |= {"lines": len(ended.errors), "tracebacks": ended.tracebacks, "as unbroken": also}
        self.rows.append(row | {"said": ended.said[-300:]})
        verdict = "holds" if row["holds"] else "FAILS"
        print(f"{verdict}  {kind}: {what}: code {ended.code}, {row['lines']} lines", flush=True)


def flags(settings):
    return [f"--{name}={value}" for name, value in settings.items()]


def main():
    args = _parser().parse_args()
    attacks = Attacks(Path(args.folder))
    attacks.folder.mkdir(parents=True)
    unbroken = attacks.folder / "unbroken"
    assert attacks.trains(unbroken).code == 0
    expected = state(unbroken)
    kinds = {
        "disk": lambda: full_disks(attacks, expected),
        "signals": lambda: signals(attacks, expected),
        "memory": lambda: no_memory(attacks),
        "data": lambda: edited_data(attacks),
        "files": lambda: damaged_files(attacks, unbroken),
        "changes": lambda: random_changes(attacks, unbroken, args.changes),
        "workers": lambda: lost_workers(attacks, args.workers),
    }
    for kind in args.kinds:
        kinds[kind]()
    report = {"attacks": attacks.rows, "kinds": counts(attacks.rows)}
    print(json.dumps(report["kinds"], indent=2))
    if args.json:
        text = json.dumps(report, indent=2, ensure_ascii=False)
        Path(args.json).write_text(text + "\n", encoding="utf-8")
    sys.exit(not all(row["holds"] for row in attacks.rows))


def counts(rows):
    """{kind: attacks, those that hold, tracebacks, deaths by a signal such as -11}."""
    found: dict = {}
    for row in rows:
        kind = found.setdefault(row["kind"], collections.Counter())
        kind.update(attacks=1, hold=int(row["holds"]), tracebacks=row["tracebacks"])
        kind.update(crashes=int(row["code"] in (-signal.SIGSEGV, -signal.SIGABRT)))
    return {kind: dict(counter) for kind, counter in found.items()}


def full_disks(attacks, expected):
    """A disk that is full at every stage of a run, and then is not."""
    for size in (2_000, 20_000, 100_000):
        workdir = attacks.folder / f"limit-{size}"
        ended = attacks.trains(workdir, limits=[(resource.RLIMIT_FSIZE, size)])
        again = attacks.trains(workdir)
        same = again.code == 0 and state(workdir) == expected
        attacks.note("full disk", f"no file above {size} bytes", ended, also=same)
    if not can_mount(attacks.folder / "disk"):
        return
    for kilobytes in (8, 24, 64, 160, 400, 700, 900, 1100, 1300, 1500, 1700):
        with small_disk(attacks.folder / "disk", kilobytes) as enlarge:
            workdir = attacks.folder / "disk" / "run"
            ended = attacks.trains(workdir)
            enlarge(20_000)
            again = attacks.trains(workdir)
            same = again.code == 0 and state(workdir) == expected
            attacks.note("full disk", f"a disk of {kilobytes} kB", ended, also=same)


def signals(attacks, expected):
    """Each signal while training; with --epochs of the unbroken run the end is compared."""
    slow = {"checkpoint_steps": 2}
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        workdir = attacks.folder / number.name
        ended = attacks.interrupted(workdir, LONG, number)
        saved = bool(find_checkpoints(workdir / "checkpoints"))
        attacks.note("signal", f"{number.name} in training", ended, 128 + number, saved)
        workdir = attacks.folder / f"{number.name}-resumed"
        attacks.interrupted(workdir, TINY | slow, number)
        again = attacks.trains(workdir, TINY | slow)
        same = again.code == 0 and state(workdir)["weights"] == expected["weights"]
        attacks.note("signal", f"{number.name}, then the same command", again, 0, same, lines=0)


def no_memory(attacks):
    """More examples than memory holds."""
    limits = [(resource.RLIMIT_AS, 12 * 2**30)]
    settings = TINY | {"num_examples": 500_000_000}
    ended = attacks.trains(attacks.folder / "memory", settings, limits=limits)
    attacks.note("memory", "500,000,000 mosaics", ended, also="memory is not enough" in ended.said)


def edited_data(attacks):
    """Posts of one's own that change between a kill and the same command."""
    data = attacks.folder / "posts"
    data.mkdir()
    posts = [{"tokens": ["tea", one], "label": one} for one in ("good", "bad") * 40]
    for name in ("train", "validation", "test"):
        (data / f"{name}.jsonl").write_text("\n".join(map(json.dumps, posts)))
    settings = {"dataset": "json_lines", "data_dir": data, "attention": "lvml", "epochs": 400}
    settings |= {"batch_size": 16, "checkpoint_steps": 1, "steps_per_call": 1}
    swapped = [post | {"label": posts[i ^ 1]["label"]} for i, post in enumerate(posts)]
    for what, changed in (("labels exchanged", swapped), ("posts taken out", posts[:-4])):
        workdir = attacks.folder / what.replace(" ", "-")
        attacks.interrupted(workdir, settings, signal.SIGKILL, TEXT)
        sound = (data / "train.jsonl").read_text()
        (data / "train.jsonl").write_text("\n".join(map(json.dumps, changed)))
        ended = attacks.trains(workdir, settings | {"epochs": 400}, TEXT, limits=_MINUTE)
        attacks.note("edited data", what, ended, also="other data" in ended.said)
        (data / "train.jsonl").write_text(sound)


_MINUTE = [(resource.RLIMIT_CPU, 60)]  # for a run that goes on all the same

FILES = ("config", "about", "results", "histograms", "examples")


def damaged_files(attacks, run):
    """What is known to hurt, in every JSON file, under every program that reads it."""
    for name in FILES:
        path = run / f"{name}.json"
        sound = path.read_bytes()
        for what, text in damages(sound.decode()):
            path.write_text(text)
            _read_by_all(attacks, run, "damaged file", f"{name}.json, {what}", name)
        path.write_bytes(sound)
    for name in ("metrics.csv", "model.keras"):
        path = run / name
        sound = path.read_bytes()
        for what, data in (("empty", b""), ("half", sound[: len(sound) // 2]), ("lost", None)):
            path.unlink() if data is None else path.write_bytes(data)
            program, arguments = (PRESET, _preset(attacks, run))
            if name == "metrics.csv":
                program, arguments = SDC, [f"--workdir={run}", *flags(TINY)]
            ended = attacks.run(program, *arguments)
            attacks.note("damaged file", f"{name}, {what}: {program.split('.')[-1]}", ended)
            path.write_bytes(sound)


def _preset(attacks, run):
    target = attacks.folder / "preset"
    shutil.rmtree(target, ignore_errors=True)
    return [f"--run={run}", f"--preset={target}"]


def _read_by_all(attacks, run, kind, what, name):
    page = f"--output={attacks.folder / 'page.html'}"
    programs = {"report": (REPORT, [str(run)]), "compare": (REPORT, [str(run), str(run), page])}
    if name in ("config", "results"):
        programs["make_preset"] = PRESET, _preset(attacks, run)
    for title, (program, arguments) in programs.items():
        attacks.note(kind, f"{what}: {title}", attacks.run(program, *arguments))


def random_changes(attacks, run, count):
    """Changes at random: a page, or one line."""
    for seed in range(count):
        name = (*FILES, "metrics")[seed % 6]
        path = run / ("metrics.csv" if name == "metrics" else f"{name}.json")
        sound = path.read_text()
        text = damaged_csv(sound, seed)
        if name != "metrics":
            text = mutated(sound, random.Random(seed))
        path.write_text(text, "utf-8", errors="surrogatepass")
        ended = attacks.run(REPORT, str(run))
        attacks.note(
            "random change",
            f"{path.name}, seed {seed}",
            ended,
            ended.code and 1,
            lines=len(ended.errors[:1]),
        )
        path.write_text(sound)


def lost_workers(attacks, count):
    """One of two workers is killed: the other says so."""
    for attempt in range(count):
        victim, workdir = attempt % 2, attacks.folder / f"lost-{attempt}"
        addresses = free_addresses(2)
        logs = [attacks.folder / f"worker-{i}.txt" for i in range(2)]
        processes = []
        for i, log in enumerate(logs):
            config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}}
            arguments = [f"--workdir={workdir}", "--strategy=multi_worker", *flags(LONG)]
            environment = {"TF_CONFIG": json.dumps(config)}
            processes.append(fork(SDC, *arguments, log=log, environment=environment))
        wait_for(lambda place=workdir: len(find_checkpoints(place / "checkpoints")) > 1)
        os.kill(processes[victim], signal.SIGKILL)
        wait(processes[victim], logs[victim])
        ended = wait(processes[1 - victim], logs[1 - victim])
        named = "another worker is lost" in ended.said
        attacks.note("lost worker", f"worker {victim} of two killed", ended, also=named)


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=300, help="Changes at random.")
    parser.add_argument("--workers", type=int, default=4, help="Times that a worker is lost.")
    names = ("disk", "signals", "memory", "data", "files", "changes", "workers")
    parser.add_argument("--kinds", nargs="+", default=names, choices=names, help="Of attacks.")
    parser.add_argument("--folder", default="runs/attacks", help="New folder for everything.")
    parser.add_argument("--json", help="File to write the report to.")
    return parser


if __name__ == "__main__":
    main()
