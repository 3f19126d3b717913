"""The paper's findings on trained networks, each with the rule that decides it."""

import dataclasses
from collections.abc import Callable

import numpy as np

from experiments.reproduction.job import NAMES
from experiments.reproduction.verdict import Verdict, difference

ABOUT_RULES = (
    "Differences are taken seed by seed, over the seeds that all runs of a rule have; one "
    "decides nothing. A difference counts where its mean over the seeds is above the margin: "
    "half the distance between the lowest and the highest seed, but 1 percentage point at least "
    "(entropy: 0.05 nats). FT at the end is on test examples, FT by epoch on validation examples; "
    "where training images are named, both on mosaics drawn anew of them. Early FT is its mean "
    "over the first quarter of the epochs, in all rows of those of the shortest run."
)
_CEILING = 0.995  # FT that leaves no room to differ
_NATS = 0.05
_FEWEST_SEEDS = 2


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
        seeds = comparison.seeds(*self.rows)
        if not seeds:
            return Verdict(None, f"no seed in common of {', '.join(self.rows)}")
        found = self.decide(comparison.only(seeds))
        count = f"{len(seeds)} seed{'s' * (len(seeds) != 1)}"
        if found.seen is not None and len(seeds) < _FEWEST_SEEDS:
            reason = f"{count}, expected {_FEWEST_SEEDS} or more"
            return Verdict(None, f"{found.figures}; {reason}", too_few=True)
        return Verdict(found.seen, f"{found.figures}; {count}")


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
    """Soft gains in the first half and stays there, though hard or LVML ends higher."""
    first, second = _gains(comparison)
    final = comparison.final("soft", "focus_accuracy")
    gaps = {
        row: difference(comparison.final(row, "focus_accuracy"), final) for row in ("hard", "lvml")
    }
    best = max(gaps, key=lambda row: gaps[row].mean)
    return Verdict(
        first.above and abs(second.mean) <= first.mean / 4 and gaps[best].above,
        f"soft's FT, first half − chance: {first.points()}, second half − first: "
        f"{second.points()}; final FT, {best} − soft: {gaps[best].points()}",
    )


def _gains(comparison):
    """Of soft's FT: (`Difference` of the first half's end and chance, of the two halves' ends)."""
    curves = comparison.focus("soft")
    halves = {seed: _before(ft, max(1, len(ft) // 2)) for seed, ft in curves.items()}
    wholes = {seed: _before(ft, len(ft)) for seed, ft in curves.items()}
    chance = 1 / comparison.num_segments if comparison.num_segments else 0.0
    return difference(halves, dict.fromkeys(halves, chance)), difference(wholes, halves)


def _before(ft, stop):
    """Mean FT over a sixth of all epochs, one at least, up to `stop`."""
    return ft[max(0, stop - max(1, len(ft) // 6)) : stop].mean()


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
    """Entropy of hard's attention below soft's, and small for so many segments."""
    if comparison.num_segments is None:
        return Verdict(None, "examples differ in m, there is no one log m")
    soft, hard = (comparison.final(row, "entropy") for row in ("soft", "hard"))
    gap, mean = difference(soft, hard, least=_NATS), np.mean(list(hard.values()))
    bound = np.log(comparison.num_segments) / 4
    return Verdict(
        bool(gap.above and mean < bound),
        f"entropy of attention at the end: hard {mean:.2f} nats, a quarter of log m {bound:.2f}; "
        f"soft − hard: {gap.nats()}",
    )


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
        "By the end of the first half of the epochs FT of soft is above chance (1/m; posts: 0) by "
        "more than the margin; by the end of the second it has changed, up or down, by a quarter "
        "of that or less; and the better of hard and LVML ends above it by more than the margin. "
        "A half's end is the mean over its last third.",
        ("soft", "hard", "lvml"),
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
        "Entropy of hard's attention is below a quarter of log m, in nats, and below that of "
        "soft's by more than the margin.",
        ("soft", "hard"),
        hard_is_peaked,
    ),
    Finding(
        "LVML lies between.",
        "Soft and hard differ by more than the margin in early or in final FT; in both, LVML is "
        "neither below the two nor above them by more than 1 point.",
        ("soft", "hard", "lvml"),
        lvml_is_between,
    ),
    Finding(
        "Hybrid takes soft's start and hard's end.",
        "Early FT of hybrid is above hard's by more than the margin and not below soft's by more "
        "than 1 point; its final FT is not below soft's or hard's by more than 1 point; its "
        "entropy is below soft's by more than the margin.",
        ("soft", "hard", "hybrid"),
        hybrid_has_both,
    ),
    Finding(
        "Hybrid gains accuracy by itself, not by its second learning rate.",
        "Accuracy by argmax of hybrid is above that of the control, whose first attention goes "
        "on at the same rate, by more than the margin.",
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
