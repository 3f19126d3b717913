"""Parses what the documentation says without running it: Python, bash and its programs' flags."""

import ast
import contextlib
import importlib
import importlib.metadata
import importlib.util
import io
import json
import re
import subprocess
import sys
import tempfile
import types
from pathlib import Path

from absl import flags

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))  # `experiments` is not installed
NOTE = r"""
note() { "$PYTHON" -c "import json, os, sys
open(os.environ['NOTES'], 'a').write(json.dumps(sys.argv[1:]) + '\n')" "$@"; }
command_not_found_handle() { note "$@"; }
for program in .venv/bin/{python,pip,ruff,mypy,pytest} .ci/run; do
  eval "$program() { note ${program#.venv/bin/} \"\$@\"; }"
done
PATH=/nowhere
"""
OTHERS = {
    *(".ci/run", "bash", "cp", "curl", "docker", "git"),
    *("mkdir", "mypy", "pytest", "rm", "ruff", "uv"),
}


class Fault(Exception):
    """What is wrong with a block, in a line."""


def last_line(text):
    """The last line of a text, "" of none."""
    return (text.strip().splitlines() or [""])[-1]


def parse_python(code):
    """Compiles Python, and looks up what it imports from the package and takes as `az.…`."""
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        raise Fault(f"SyntaxError: {error}") from error
    names = {"az": "attention_zoo", "attention_zoo": "attention_zoo"} | dict(_imports(tree))
    for name in names.values():
        _look_up(name)
    for node in ast.walk(tree):
        text = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        first, *rest = text.split(".")
        if first in names and re.fullmatch(r"[\w.]+", text):
            _look_up(".".join([names[first], *rest]))


def _imports(tree):
    """(name, what it stands for) of what is imported from the package."""
    for node in ast.walk(tree):
        before = ""
        if isinstance(node, ast.ImportFrom):
            before = f"{node.module}."
        elif not isinstance(node, ast.Import):
            continue
        for alias in node.names:
            name = before + alias.name
            if name.split(".")[0] == "attention_zoo":
                yield alias.asname or alias.name, name


def _look_up(name):
    value = importlib.import_module("attention_zoo")
    for part in name.split(".")[1:]:
        if not isinstance(value, types.ModuleType):
            return  # what a class or a function has is not looked into
        if not hasattr(value, part) and not _is_module(f"{value.__name__}.{part}"):
            raise Fault(f"{name} is not there")
        inner = f"{value.__name__}.{part}"
        value = getattr(value, part) if hasattr(value, part) else importlib.import_module(inner)


def _is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # what it should be in is no package
        return False


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
            raise Fault(f"bash: {last_line(ended.stderr)}")
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
    module = arguments[1] if arguments[:1] == ["-m"] and len(arguments) > 1 else ""
    path = ROOT / f"{module.replace('.', '/')}.py"
    if module.startswith("experiments.") and "COMMAND" not in _text(path):
        _check_script(path, arguments[2:])
    elif module.startswith(("attention_zoo", "experiments")):
        _check_module(module, arguments[2:])
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
    """Checks the arguments of a program of the package."""
    if not _is_module(name):
        raise Fault(f"no module {name}")
    if _is_module(f"{name}.__main__"):
        name = f"{name}.__main__"
    module = importlib.import_module(name)
    if not hasattr(module, "COMMAND"):
        raise Fault(f"{name} is no program, expected a module with COMMAND")
    program = getattr(module.COMMAND, "program", module.COMMAND)
    values = program.define(flags.FlagValues())
    try:
        given = program.checked(values, values(["program", *arguments])[1:])
        if name == "attention_zoo.report.__main__":
            module.check(given["arguments"], given["output"])
    except (flags.Error, ValueError) as error:
        raise Fault(last_line(str(error))) from error


def _check_none(rest):
    if rest:
        raise Fault(f"unknown arguments {rest}")


def _check_script(path, arguments):
    """Checks the arguments of a script, by its argparse parser if it has one."""
    code = _text(path)
    if not re.search(r"^def _parser\(", code, re.M):
        takes_paths = "sys.argv[1:]" in code
        _check_none([one for one in arguments if not takes_paths or one.startswith("-")])
        return
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    _check_argparse(module._parser(), arguments)


def _text(path):
    if not path.is_file():
        raise Fault(f"no file {path.name} in {path.parent.name}")
    return path.read_text("utf-8")


def _check_argparse(parser, arguments):
    message = io.StringIO()
    try:
        with contextlib.redirect_stderr(message):
            parser.parse_args(arguments)
    except SystemExit as error:
        raise Fault(last_line(message.getvalue())) from error
