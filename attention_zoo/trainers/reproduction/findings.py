"""The paper's findings on trained networks, each with the rule that decides it."""

import dataclasses
from collections.abc import Callable

import numpy as np

from attention_zoo.trainers.reproduction.job import NAMES
from attention_zoo.trainers.reproduction.verdict import Verdict, difference

ABOUT_RULES = (
    "Differences are taken seed by seed. One counts where their mean over the seeds is larger than "
    "the margin: half the distance between the lowest and the highest seed, but 1 percentage point "
    "at least (entropy: 0.05 nats). FT is on test examples; early FT is its mean over the first "
    "quarter of the epochs."
)
_CEILING = 0.995  # FT that leaves no room to differ
_NATS = 0.05


@dataclasses.dataclass(frozen=True)
class Finding:
    """What the paper found, and how it is looked for.

    Attributes:
        title: the finding, in a sentence.
        rule: when it counts as seen.
        rows: the kinds of run that the rule reads.
        decide: function of a `Comparison` that has them, -> `Verdict`.
    """

    title: str
    rule: str
    rows: tuple[str, ...]
    decide: Callable

    def verdict(self, comparison):
        """The `Verdict` on a comparison; without a decision where runs are missing."""
        missing = comparison.missing(*self.rows)
        if missing:
            return Verdict(None, f"no run of {', '.join(missing)}")
        if len(set.intersection(*(set(comparison.runs[row]) for row in self.rows))) == 0:
            return Verdict(None, f"no seed that {', '.join(self.rows)} have in common")
        return self.decide(comparison)


def soft_is_fast(comparison):
    """Early FT of soft above hard's."""
    soft, hard = comparison.early_focus("soft"), comparison.early_focus("hard")
    gap = difference(soft, hard)
    return Verdict(gap.above, f"early FT, soft − hard: {gap.points()}{_ceiling(soft, hard)}")


def _ceiling(first, second):
    """A remark where FT of both leaves no room to differ."""
    at_ceiling = min([*first.values(), *second.values()]) >= _CEILING
    return "; both at the ceiling, nothing to tell apart" if at_ceiling else ""


def soft_stalls(comparison):
    """Soft gains little in the second half, though another row ends higher."""
    first, second = np.mean([_gains(ft) for ft in comparison.focus("soft").values()], axis=0)
    rows = ("hard", "lvml", "hybrid")
    final = comparison.final("soft", "focus_accuracy")
    gaps = {row: difference(comparison.final(row, "focus_accuracy"), final) for row in rows}
    best = max(gaps, key=lambda row: gaps[row].mean)
    return Verdict(
        bool(second <= first / 4 and gaps[best].above),
        f"soft's FT gains {100 * first:.1f} points in the first half of the epochs, "
        f"{100 * second:.1f} in the second; final FT, {best} − soft: {gaps[best].points()}",
    )


def _gains(ft):
    """(gain of the first half of the epochs, of the second), from FT after every epoch."""
    middle = ft[(len(ft) - 1) // 2]
    return middle - ft[0], ft[-1] - middle


def soft_reads_averages(comparison):
    """Soft is right from the wrong place more often under the soft prediction."""
    blend = comparison.final("soft", "soft_FFPT")
    gap = difference(blend, comparison.final("soft", "argmax_FFPT"))
    return Verdict(
        gap.above,
        f"soft's FFPT {100 * np.mean(list(blend.values())):.1f} % under the soft prediction, soft "
        f"− argmax: {gap.points()}",
    )


def hard_is_strong_later(comparison):
    """Final FT of hard above soft's."""
    return _final_focus(comparison, "hard", "soft")


def _final_focus(comparison, first, second):
    name = "focus_accuracy"
    mine, other = comparison.final(first, name), comparison.final(second, name)
    gap = difference(mine, other)
    shown = f"final FT, {first} − {second}: {gap.points()}{_ceiling(mine, other)}"
    return Verdict(gap.above, shown)


def hard_is_peaked(comparison):
    """Entropy of hard's attention below soft's."""
    soft, hard = (comparison.final(row, "entropy") for row in ("soft", "hard"))
    gap = difference(soft, hard, least=_NATS)
    return Verdict(gap.above, f"entropy of attention at the end, soft − hard: {gap.nats()}")


def lvml_is_between(comparison):
    """Early and final FT of LVML between soft's and hard's."""
    early = {row: comparison.early_focus(row) for row in ("soft", "hard", "lvml")}
    final = {row: comparison.final(row, "focus_accuracy") for row in early}
    apart = _are_apart(early) or _are_apart(final)
    shown = f"early FT {_means(early)}; final FT {_means(final)}"
    shown += "" if apart else "; soft and hard do not differ, there is no between"
    return Verdict(apart and _is_between(early) and _is_between(final), shown)


def _means(by_row):
    return ", ".join(
        f"{NAMES[row]} {100 * np.mean(list(values.values())):.1f} %"
        for row, values in by_row.items()
    )


def _are_apart(by_row):
    """Whether soft and hard differ by more than the margin, either way."""
    ends = by_row["soft"], by_row["hard"]
    return difference(*ends).above or difference(*reversed(ends)).above


def _is_between(by_row):
    """Whether LVML is not below both soft and hard, nor above both."""
    ends = [by_row["soft"], by_row["hard"]]
    up = [difference(by_row["lvml"], end).not_below for end in ends]
    down = [difference(end, by_row["lvml"]).not_below for end in ends]
    return any(up) and any(down)


def hybrid_has_both(comparison):
    """Hybrid focuses as early as soft, before hard; ends no worse than either, and peaked."""
    early = {row: comparison.early_focus(row) for row in ("hybrid", "soft", "hard")}
    final = {row: comparison.final(row, "focus_accuracy") for row in early}
    starts, ends = (
        [difference(one["hybrid"], one[row]) for row in ("soft", "hard")] for one in (early, final)
    )
    soft, hybrid = (comparison.final(row, "entropy") for row in ("soft", "hybrid"))
    peaked = difference(soft, hybrid, least=_NATS)
    return Verdict(
        starts[0].not_below
        and starts[1].above
        and all(end.not_below for end in ends)
        and peaked.above,
        f"early FT, hybrid − soft: {starts[0].points()}, hybrid − hard: {starts[1].points()}; "
        f"final FT, hybrid − soft: {ends[0].points()}, hybrid − hard: {ends[1].points()}; "
        f"entropy, soft − hybrid: {peaked.nats()}",
    )


def hybrid_gains_accuracy(comparison):
    """Accuracy by argmax of hybrid above its control's."""
    gap = difference(*(comparison.final(row, "argmax_accuracy") for row in ("hybrid", "control")))
    return Verdict(gap.above, f"accuracy by argmax, hybrid − control: {gap.points()}")


def hybrid_gains_focus(comparison):
    """Final FT of hybrid above its control's."""
    return _final_focus(comparison, "hybrid", "control")


FINDINGS = (
    Finding(
        "Soft focuses fast at first, hard slowly.",
        "Early FT of soft is above that of hard by more than the margin.",
        ("soft", "hard"),
        soft_is_fast,
    ),
    Finding(
        "Soft's focus then stalls.",
        "FT of soft gains a quarter or less of the first half's gain in the second half of the "
        "epochs, and the best of hard, LVML and hybrid ends above it by more than the margin.",
        ("soft", "hard", "lvml", "hybrid"),
        soft_stalls,
    ),
    Finding(
        "Soft's classifier fits averages: right answers from the wrong place (FFPT) remain.",
        "FFPT of soft's runs is larger under the soft prediction than under argmax by more than "
        "the margin.",
        ("soft",),
        soft_reads_averages,
    ),
    Finding(
        "Hard is strong later.",
        "Final FT of hard is above that of soft by more than the margin.",
        ("soft", "hard"),
        hard_is_strong_later,
    ),
    Finding(
        "Hard ends with a peaked attention.",
        "Entropy of hard's attention is below that of soft's by more than the margin.",
        ("soft", "hard"),
        hard_is_peaked,
    ),
    Finding(
        "LVML lies between.",
        "Soft and hard differ by more than the margin in early or in final FT; in both, LVML is, "
        "within the margins, neither below the two nor above them.",
        ("soft", "hard", "lvml"),
        lvml_is_between,
    ),
    Finding(
        "Hybrid takes soft's start and hard's end.",
        "By more than the margin, early FT of hybrid is above hard's and not below soft's, its "
        "final FT is not below soft's or hard's, and its entropy is below soft's.",
        ("soft", "hard", "hybrid"),
        hybrid_has_both,
    ),
    Finding(
        "Hybrid gains accuracy by itself, not by its second learning rate.",
        "Accuracy by argmax of hybrid is above that of the control, soft going on at the same "
        "rate, by more than the margin.",
        ("hybrid", "control"),
        hybrid_gains_accuracy,
    ),
    Finding(
        "Hybrid gains focus by itself.",
        "Final FT of hybrid is above that of the control by more than the margin.",
        ("hybrid", "control"),
        hybrid_gains_focus,
    ),
)
