#!/usr/bin/env python3
r"""Runs the bash and the Python of README.md, BUILD.md and docs/*.md, or has them parsed.

    python .ci/check_docs.py
    python .ci/check_docs.py docs/data.md

The blocks of a page run in order in one temporary folder, which has links to `examples`,
`experiments` and `benchmarks`; its Python blocks share their names. A block below a line

    <!-- not run: REASON -->

is parsed only. Python is compiled, and its names of the package looked up. Bash runs with every
program replaced by one that notes its arguments, so loops and variables count; flags of trainers
are then given to the trainers' own parsers, those of other scripts to theirs. What has no
parser takes no arguments. A reason may end in "; where SEED is 0, NAME is soft", which fills in
what a page leaves to its reader. Below `<!-- first: COMMAND -->` the command runs before the block,
for what a page takes as given. What a block leaves running ends with its page. Commands within a
line of text that begin with `python` or `attention-zoo` are parsed too. Blocks below
`<!-- ci: NAME -->` are run elsewhere. Other blocks, JSON and text aside, fail: nobody would notice
what is wrong in them. Ends with 1 where a block fails.
"""

import collections
import concurrent.futures
import contextlib
import functools
import io
import multiprocessing
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

from doc_commands import ROOT, Fault, last_line, parse_bash, parse_python

BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]*) -->\n+)?```(?P<language>bash|sh|python)\n(?P<code>.*?)^```$",
    re.M | re.S,
)
SPAN = re.compile(r"`((?:python3? |attention-zoo)[^`\n]*)`")
# What Markdown shows as code and BLOCK does not match: other fences, and lines indented by four.
OTHER_BLOCK = re.compile(
    r"^[ \t>]*(?P<fence>`{3,}|~{3,})[^\n]*\n(?:.*?^[ \t>]*(?P=fence)[ \t]*$|.*)"
    r"|(?<=\n)[ \t]*\n(?: {4}|\t)[ \t]*\S[^\n]*",
    re.M | re.S,
)
_LEFT_OUT = "arguments are required"


def main(arguments):
    """Checks the pages named, or all; returns the exit code."""
    pages = arguments or ["README.md", "BUILD.md", *sorted(_docs())]
    counts: collections.Counter = collections.Counter()
    # Processes, since a page's Python has the working directory for itself.
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(min(2, len(pages)), spawn) as workers:
        for page, found in zip(pages, workers.map(_found_on, pages), strict=True):
            for place, what, fault in found:
                counts["failed" if fault else what.split()[0].strip(",")] += 1
                if fault or "in a line of text" not in what:
                    print(f"{page}:{place}: {what}{fault and f' FAILED: {fault}'}", flush=True)
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    return 1 if counts["failed"] else 0


def _found_on(page):
    """What `check_page` finds on the page of this name."""
    return list(check_page((ROOT / page).read_text("utf-8")))


def _docs():
    return (f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))


def check_page(text):
    """(line, what was done, what is wrong or "") of every block and command of a page."""
    with Session() as session:
        for block in BLOCK.finditer(text):
            line = text.count("\n", 0, block.start("code")) + 1
            yield line, *_checked(block, session)
    yield from _other_blocks(text)
    for span in SPAN.finditer(re.sub(r"```.*?```", _blank, text, flags=re.S)):
        line = text.count("\n", 0, span.start()) + 1
        what, fault = _attempt("parsed in a line of text", functools.partial(parse_bash, span[1]))
        yield line, what, "" if _LEFT_OUT in fault else fault  # text need not name every flag


def _other_blocks(text):
    """The faults of `check_page` that are blocks which it cannot check."""
    for block in OTHER_BLOCK.finditer(BLOCK.sub(_blank, text)):
        first = block[0].strip().splitlines()[0]
        if not block[0].startswith(("```json\n", "```text\n")):
            line = text.count("\n", 0, block.end() - len(block[0].lstrip())) + 1
            fault = f"begins with {first!r}, expected ```bash or ```python at the margin"
            yield line, "block", fault


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
        for name in ("benchmarks", "examples", "experiments"):
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
            raise Fault(f"{type(error).__name__}: {last_line(str(error))}") from error
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
                raise Fault(f"exit code {process.returncode}: {last_line(said.read())}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
