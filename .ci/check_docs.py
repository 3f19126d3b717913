#!/usr/bin/env python3
r"""Runs the bash and the Python of README.md, BUILD.md and docs/*.md, or has them parsed.

    python .ci/check_docs.py
    python .ci/check_docs.py docs/data.md

The blocks of a page run in order in one temporary folder, which has links to `examples` and
`benchmarks`; its Python blocks share their names. A block below a line

    <!-- not run: REASON -->

is parsed only. Python is compiled, and its names of the package looked up. Bash runs with every
program replaced by one that notes its arguments, so loops and variables count; flags of trainers
are then given to the trainers' own parsers, those of examples and benchmarks to theirs. A reason
may end in "; where SEED is 0, NAME is soft", which fills in what a page leaves to its reader.
Below `<!-- first: COMMAND -->` the command runs before the block, for what a page takes as given.
What a block leaves running ends with its page. Commands within a line of text that begin with
`python` or `attention-zoo` are parsed too. Blocks below `<!-- ci: NAME -->` are run elsewhere. Ends
with 1 where a block fails.
"""

import ast
import collections
import contextlib
import functools
import importlib
import importlib.metadata
import importlib.util
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")

from absl import flags

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]*) -->\n+)?```(?P<language>bash|sh|python)\n(?P<code>.*?)^```$",
    re.M | re.S,
)
SPAN = re.compile(r"`((?:python3? |attention-zoo)[^`\n]*)`")
NOTE = r"""
note() { "$PYTHON" -c "import json, os, sys
open(os.environ['NOTES'], 'a').write(json.dumps(sys.argv[1:]) + '\n')" "$@"; }
command_not_found_handle() { note "$@"; }
for program in .venv/bin/{python,pip,ruff,mypy,pytest} .ci/run; do
  eval "$program() { note ${program#.venv/bin/} \"\$@\"; }"
done
PATH=/nowhere
"""
_LEFT_OUT = "arguments are required"
OTHERS = {".ci/run", "bash", "curl", "docker", "git", "mkdir", "mypy", "pytest", "rm", "ruff"}


class Fault(Exception):
    """What is wrong with a block, in a line."""


def main(arguments):
    """Checks the pages named, or all; returns the exit code."""
    pages = arguments or ["README.md", "BUILD.md", *sorted(_docs())]
    counts: collections.Counter = collections.Counter()
    for page in pages:
        for place, what, fault in check_page((ROOT / page).read_text("utf-8")):
            counts["failed" if fault else what.split()[0].strip(",")] += 1
            if fault or "in a line of text" not in what:
                print(f"{page}:{place}: {what}{fault and f' FAILED: {fault}'}", flush=True)
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    return 1 if counts["failed"] else 0


def _docs():
    return (f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))


def check_page(text):
    """(line, what was done, what is wrong or "") of every block and command of a page."""
    with Session() as session:
        for block in BLOCK.finditer(text):
            line = text.count("\n", 0, block.start("code")) + 1
            yield line, *_checked(block, session)
    for span in SPAN.finditer(re.sub(r"```.*?```", _blank, text, flags=re.S)):
        line = text.count("\n", 0, span.start()) + 1
        what, fault = _attempt("parsed in a line of text", functools.partial(parse_bash, span[1]))
        yield line, what, "" if _LEFT_OUT in fault else fault  # text need not name every flag


def _blank(match):
    """As many characters and lines, without the rest."""
    return re.sub(r"[^\n]", " ", match[0])


def _checked(block, session):
    mark, language, code = block["mark"] or "", block["language"], block["code"]
    if mark.startswith("ci: "):
        return f"elsewhere ({mark})", ""
    if mark.startswith("not run: "):
        code = _filled_in(code, mark)
        parse = parse_python if language == "python" else parse_bash
        return _attempt(f"parsed ({mark.removeprefix('not run: ')})", lambda: parse(code))

    def run():
        if mark.startswith("first: "):
            session.run_bash(mark.removeprefix("first: "))
        session.run_python(code) if language == "python" else session.run_bash(code)

    begun = time.monotonic()
    what, fault = _attempt(f"ran {language}", run)
    return f"{what}, {time.monotonic() - begun:.1f} s", fault


def _attempt(what, action):
    try:
        action()
    except Fault as fault:
        return what, str(fault)
    return what, ""


def _filled_in(code, mark):
    """The code with what a mark says "where NAME is VALUE, …" of."""
    for pair in mark.partition("; where ")[2].split(", "):
        name, _, value = pair.partition(" is ")
        code = code.replace(name, value) if name else code
    return code


class Session:
    """The temporary folder of a page, the names of its Python, and what its bash has started."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory()
        self._names = {"__name__": "__main__"}
        self._groups: list[int] = []
        for name in ("benchmarks", "examples"):
            Path(self._folder.name, name).symlink_to(ROOT / name)
        return self

    def __exit__(self, *exception):
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        self._folder.cleanup()

    def run_python(self, code):
        """Runs Python; names stay for the next block."""
        before = os.getcwd()
        os.chdir(self._folder.name)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(code, "block", "exec"), self._names)
        except Exception as error:
            raise Fault(f"{type(error).__name__}: {_last_line(str(error))}") from error
        finally:
            os.chdir(before)

    def run_bash(self, code):
        """Runs bash; `python` is the one that runs this script."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with tempfile.TemporaryFile("w+") as said:  # no pipe: a server that stays would hold it
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", code],
                cwd=self._folder.name,
                env=os.environ | {"PATH": path},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._groups.append(process.pid)
            if process.wait():
                said.seek(0)
                raise Fault(f"exit code {process.returncode}: {_last_line(said.read())}")


def _last_line(text):
    return (text.strip().splitlines() or [""])[-1]


def parse_python(code):
    """Compiles Python, and looks up what it takes from the package as `az.…`."""
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        raise Fault(f"SyntaxError: {error}") from error
    for node in ast.walk(tree):
        name = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if re.fullmatch(r"az(\.\w+)+", name):
            _look_up(name)


def _look_up(name):
    value = importlib.import_module("attention_zoo")
    for part in name.split(".")[1:]:
        if not hasattr(value, part):
            raise Fault(f"{name} is not there")
        value = getattr(value, part)
        if not isinstance(value, type(os)):
            return  # what a class or a function has is not looked into


def parse_bash(code):
    """Has bash expand the code, and checks every program it would have started."""
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder, "notes")
        notes.touch()
        environment = {"NOTES": str(notes), "PYTHON": sys.executable}
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", NOTE + code],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        if ended.returncode:
            raise Fault(f"bash: {_last_line(ended.stderr)}")
        commands = [json.loads(line) for line in notes.read_text().splitlines()]
    for program, *arguments in commands:
        check_command(program, [one for one in arguments if one != "…"])


def check_command(program, arguments):
    """Raises Fault unless the program, the package's own or a known one, takes the arguments."""
    if re.fullmatch(r"python3?", program):
        _check_python(arguments)
    elif program.startswith("attention-zoo"):
        _check_module(_console_script(program), arguments)
    elif program == "pip":
        _check_extras(arguments)
    elif program not in OTHERS:
        raise Fault(f"no program {program!r}")


def _check_python(arguments):
    if arguments[:1] == ["-m"] and "".join(arguments[1:2]).startswith("attention_zoo"):
        _check_module(arguments[1], arguments[2:])
    elif arguments and arguments[0].endswith(".py"):
        _check_script(ROOT / arguments[0], arguments[1:])


def _console_script(name):
    scripts = importlib.metadata.entry_points(group="console_scripts")
    if name not in scripts.names:
        raise Fault(f"no console script {name!r}")
    return scripts[name].module


def _check_extras(arguments):
    known = importlib.metadata.metadata("attention-zoo").get_all("Provides-Extra")
    for extras in re.findall(r"\[(.*?)\]", " ".join(arguments)):
        for extra in extras.split(","):
            if extra not in known:
                raise Fault(f"no extra {extra!r} of the package")


def _check_module(name, arguments):
    """Checks the flags of a trainer, or of a module with an argparse parser."""
    if importlib.util.find_spec(name) is None:
        raise Fault(f"no module {name}")
    module = importlib.import_module(name)
    if hasattr(module, "COMMAND"):
        _check_flags(module.COMMAND, arguments)
    elif hasattr(module, "_parser"):
        _check_argparse(module._parser(), arguments)


def _check_flags(command, arguments):
    """Has the trainer parse its flags and check their values; takes the flags away again."""
    from attention_zoo._settings import from_flags, make

    before = set(flags.FLAGS)
    command.define()
    try:
        rest = flags.FLAGS(["program", *arguments])[1:]
        make(command.settings, from_flags(command.settings))
    except (flags.Error, ValueError) as error:
        raise Fault(_last_line(str(error))) from error
    finally:
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
    if rest:
        raise Fault(f"unknown arguments {rest}")


def _check_script(path, arguments):
    """Checks the flags of an example or a benchmark that has an argparse parser."""
    if not path.is_file():
        raise Fault(f"no file {path.name} in {path.parent.name}")
    if not re.search(r"^def _parser\(", path.read_text("utf-8"), re.M):
        return
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    _check_argparse(module._parser(), arguments)


def _check_argparse(parser, arguments):
    message = io.StringIO()
    try:
        with contextlib.redirect_stderr(message):
            parser.parse_args(arguments)
    except SystemExit as error:
        raise Fault(_last_line(message.getvalue())) from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
