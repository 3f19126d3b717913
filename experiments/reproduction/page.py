"""The results page of a suite: results.md, and results.html that needs no other file."""

import dataclasses
import itertools
import re
import shutil

from attention_zoo.report.html import PACKAGE, environment, write_whole
from attention_zoo.report.pictures import data_uri
from experiments.reproduction import findings, sections, theory
from experiments.reproduction.runs import Comparison, Run, comparisons, conditions_of
from experiments.reproduction.verdict import WORDS, Verdict

TEMPLATES = ("results.md", "results.html")
_FEW = 4


@dataclasses.dataclass(frozen=True)
class Decided:
    """A finding with its verdicts.

    Attributes:
        title, rule: of the finding.
        verdicts: `Verdict` by the name of what it is on.
    """

    title: str
    rule: str
    verdicts: dict[str, Verdict]

    def rows(self):
        """[name, word, figures] of each verdict; neighbours not run for one reason are one row."""
        found = []
        groups = itertools.groupby(self.verdicts.items(), key=_of_no_run)
        for reason, group in groups:
            verdicts = dict(group)
            if reason is None:
                found += [[name, one.word, one.figures] for name, one in verdicts.items()]
            else:
                found.append([_listed(verdicts), *reason])
        return found

    def on(self, word):
        """Names of what has this verdict, with semicolons: there are commas in some."""
        return _listed(self._with(word)) or "–"

    def cells(self):
        """Names by verdict, in the order of `WORDS`; many that were not run by their number."""
        not_run = len(self._with("not run"))
        return [
            f"{not_run} conditions" if word == "not run" and not_run > _FEW else self.on(word)
            for word in WORDS
        ]

    def _with(self, word):
        return [name for name, one in self.verdicts.items() if one.word == word]


def _listed(names):
    """Names with semicolons between; those that differ in m alone are one, with every m."""
    numbers: dict[tuple[str, str], list[str]] = {}
    for name in names:
        before, m, after = _BEFORE_M.split(name) if _BEFORE_M.search(name) else (name, "", "")
        numbers.setdefault((before, after), []).append(m)
    return "; ".join(before + _and(ms) + after for (before, after), ms in numbers.items())


def _and(words):
    """Words in a row: a, b and c."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


_BEFORE_M = re.compile(r"(?<= m\u00a0=\u00a0)(\d+)")


def _of_no_run(named):
    """Of (name, verdict): word and figures of what was not run; None of what was decided."""
    verdict = named[1]
    return (verdict.word, verdict.figures) if verdict.word == "not run" else None


def job_rows(outcomes):
    """[jobs, trainer, what became of them]; neighbours not run for one reason are one row.

    Args:
        outcomes: `Outcome` of every job.
    """
    found = []
    for (folder, trainer, said, _), group in itertools.groupby(outcomes, key=_of_row):
        names = [one.job.name for one in group]
        jobs = names[0] if len(names) == 1 else f"{folder}, {len(names)} jobs"
        found.append([jobs, trainer, said])
    return found


def _of_row(outcome):
    """What jobs of a row have in common: folder, trainer, what became of them, own name or ""."""
    job, name = outcome.job, outcome.job.name
    said = outcome.state + (f": {outcome.reason}" if outcome.reason else "")
    own = "" if outcome.state == "not run" else name
    return name.rpartition("/")[0], job.trainer, said, own


def write(suite, folder, outcomes, names=TEMPLATES):
    """Writes results.md, its figures and results.html into the folder of a suite.

    Args:
        suite: its name.
        folder: a `pathlib.Path`.
        outcomes: `Outcome` of every job of the suite.
        names: of `TEMPLATES`, which of them to write.

    Returns:
        `Decided`, one a finding.
    """
    runs = [Run(one.job, folder / one.job.name) for one in outcomes if one.state == "done"]
    compared = comparisons(runs)
    decided = decide(runs, compared, outcomes)
    content = {
        "suite": suite,
        "decided": decided,
        "sections": sections.all_of(runs, compared, outcomes),
        "words": WORDS,
        "jobs": job_rows(outcomes),
        "reports": {run.job.name for run in runs if (run.folder / "report.html").exists()},
        "about_rules": findings.ABOUT_RULES,
    }
    figures = [figure for section in content["sections"] for figure in section.figures]
    _write_figures(folder / "figures", figures)
    pixels = {figure.name: data_uri("image/png", figure.png) for figure in figures}
    for name in names:
        text = _ENVIRONMENT.get_template(name).render(**content, embedded=pixels.__getitem__)
        write_whole(folder / name, text)
    return decided


def decide(runs, compared, outcomes):
    """`Decided` for every finding, in the paper's order.

    A verdict is on every condition of which the suite has jobs of all rows that the rule reads.

    Args:
        runs: all finished `Run`s.
        compared: their `Comparison`s.
        outcomes: `Outcome` of every job.
    """
    found = {one.condition: one for one in compared}
    planned = conditions_of([one.job for one in outcomes])
    return [_of_theory(finding, runs, outcomes) for finding in theory.FINDINGS] + [
        Decided(
            finding.title,
            finding.rule,
            {
                condition.name: finding.verdict(found.get(condition) or Comparison(condition, {}))
                for condition, rows in planned.items()
                if rows.issuperset(finding.rows)
            },
        )
        for finding in findings.FINDINGS
    ]


def _of_theory(finding, runs, outcomes):
    """`Decided` of a `TheoryFinding`, with a verdict for every job that its rule would read."""
    if finding.trainer is None:
        return Decided(finding.title, finding.rule, {"theory": finding.decide()})
    done = {run.job.name: run for run in runs}
    verdicts = {
        one.job.data: finding.decide(done[one.job.name])
        if one.job.name in done
        else Verdict(None, f"{one.state}: {one.reason}")
        for one in outcomes
        if one.job.trainer == finding.trainer
    }
    absent = {"this suite": Verdict(None, f"no job of {finding.trainer}")}
    return Decided(finding.title, finding.rule, verdicts or absent)


def _write_figures(folder, figures):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for figure in figures:
        (folder / f"{figure.name}.png").write_bytes(figure.png)


def _plain(text):
    """Text as Markdown that shows it as it is, no HTML."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;")


def _cell(text):
    """Text as a cell of a Markdown table."""
    return _plain(text).replace("|", "\\|").replace("\n", " ")


_ENVIRONMENT = environment("experiments.reproduction", PACKAGE)
_ENVIRONMENT.filters |= {"plain": _plain, "cell": _cell}
