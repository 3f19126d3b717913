"""The paper's theory: its closed forms, gradient flow of trained networks, the held focus."""

import dataclasses
from collections.abc import Callable

import numpy as np

from attention_zoo import dynamics
from experiments.reproduction.job import NAMES
from experiments.reproduction.verdict import Verdict

PARADIGMS = ("soft", "hard", "lvml")
# (m, C, time): (mu, nu) for each of PARADIGMS, computed once by other code, to four decimals.
CHECK_VALUES = {
    (5, 3, 1e3): ((7.3520, 4.0414), (6.8471, 7.2072), (6.8649, 6.7204)),
    (20, 20, 1e3): ((6.3140, 5.5431), (5.7568, 6.8121), (6.3294, 6.1630)),
    (100, 1000, 4e5): ((12.6492, 8.8588), (12.4681, 12.1112), (12.6628, 10.3532)),
}
_ROUNDING = 5.1e-5
_CLOSE = 0.02  # share of a range
_LARGE, _FADED, _GROWN = 0.5, 0.5, 0.8  # shares of the peak


@dataclasses.dataclass(frozen=True)
class TheoryFinding:
    """What the paper found, and how it is looked for.

    Attributes:
        title: the finding, in a sentence.
        rule: when it counts as seen.
        trainer: whose runs the rule reads; None where it needs none.
        decide: function of a `Run`, or of nothing, -> `Verdict`.
    """

    title: str
    rule: str
    trainer: str | None
    decide: Callable


def closed_forms():
    """(m, C, time, paradigm, mu, nu, |difference from the check value|, |from the solver|) each."""
    rows = []
    for (m, c, time), expected in CHECK_VALUES.items():
        setting = {"num_segments": m, "num_classes": c, "times": [time]}
        for paradigm, check in zip(PARADIGMS, expected, strict=True):
            exact = _end(dynamics.trajectory(paradigm, **setting))
            solved = _end(dynamics.integrate(paradigm, method="DOP853", **setting))
            off = [float(np.abs(exact - other).max()) for other in (check, solved)]
            rows.append((m, c, time, paradigm, *exact.tolist(), *off))
    return rows


def _end(trajectory):
    return np.array([trajectory.mu[-1], trajectory.nu[-1]])


def closed_forms_agree():
    """Closed forms against the check values and the solver."""
    rows = closed_forms()
    from_check, from_solver = (max(row[i] for row in rows) for i in (6, 7))
    return Verdict(
        from_check <= _ROUNDING and from_solver <= 1e-6,
        f"largest distance from the check values {from_check:.1e}, from the solver "
        f"{from_solver:.0e}",
    )


def relation_is_kept(run):
    """Trained (mu, nu) lie on the curve nu(mu)."""
    setting = {name: run.config[name] for name in ("num_segments", "num_classes")}
    off = {}
    for paradigm in PARADIGMS:
        mu, nu = (run.curves[f"{paradigm}_{figure}"] for figure in ("mu", "nu"))
        curve = dynamics.score_gap(paradigm, mu=np.maximum(mu, 0.0), **setting)
        off[paradigm] = float(np.abs(nu - curve).max() / np.ptp(nu))
    return Verdict(
        max(off.values()) <= _CLOSE,
        "; ".join(f"{NAMES[row]}: {100 * off[row]:.2f} % of nu's range" for row in off),
    )


def flow_is_followed(run):
    """Trained (mu, nu) are where theory has them at every time."""
    largest = run.results["largest_deviation"]
    return Verdict(largest <= _CLOSE, f"largest distance {100 * largest:.2f} % of the range")


def ends_are_ordered(run):
    """Soft ends with the smallest score gap, hard with the largest, LVML between."""
    ends = {paradigm: float(run.curves[f"{paradigm}_nu"][-1]) for paradigm in PARADIGMS}
    return Verdict(
        ends["soft"] < ends["lvml"] < ends["hard"],
        ", ".join(f"{NAMES[row]} {nu:.2f}" for row, nu in ends.items()),
    )


def soft_fades(run):
    """Soft's drive is large at the start, peaks in the first half and ends far below the peak."""
    shapes = drive_shapes(run, "soft")
    seen = {
        a: peak > 0 and start >= _LARGE * peak and peak_at < 0.5 and end <= _FADED * peak
        for a, (start, peak, end, peak_at) in shapes
    }
    return _by_alpha(seen, shapes)


def hard_grows(run):
    """Hard's drive starts below half of its end, and ends at four fifths of its peak or more."""
    shapes = drive_shapes(run, "hard")
    seen = {
        a: peak > 0 and start <= end / 2 and end >= _GROWN * peak
        for a, (start, peak, end, _) in shapes
    }
    return _by_alpha(seen, shapes)


def drive_shapes(run, attention):
    """[(alpha, (start, peak, end, where the peak is))] of the drives of a fixed-focus run.

    Drives are in nats, means over a tenth of the epochs: the first, the highest, the last; the
    peak is at a share of the epochs. Epoch 0, before training, is left out.
    """
    curves = run.curves
    shapes = []
    for alpha in np.unique(curves["alpha"]):
        one = (curves["attention"] == attention) & (curves["alpha"] == alpha)
        drive = curves["drive"][one & (curves["epoch"] > 0)]
        window = max(1, len(drive) // 10)
        smooth = np.convolve(drive, np.full(window, 1 / window), mode="valid")
        peak_at = (int(smooth.argmax()) + window / 2) / len(drive)
        ends = float(smooth[0]), float(smooth.max()), float(smooth[-1])
        shapes.append((float(alpha), (*ends, float(peak_at))))
    return shapes


def _by_alpha(seen, shapes):
    listed = "; ".join(
        f"α = {a:g} {'yes' if seen[a] else 'no'} ({start:.4f}, {peak:.4f} at {at:.0%}, {end:.4f})"
        for a, (start, peak, end, at) in shapes
    )
    figures = f"start, peak, end in nats: {listed}"
    return Verdict(all(seen.values()), f"at {sum(seen.values())} of {len(seen)} alphas. {figures}")


FINDINGS = (
    TheoryFinding(
        "The learning dynamics have a closed form.",
        "mu and nu of soft, hard and LVML are the check values to their four decimals, and within "
        "1e-6 of a numerical solver, in three settings.",
        None,
        closed_forms_agree,
    ),
    TheoryFinding(
        "Gradient flow keeps a relation of mu and nu.",
        "nu of trained linear networks is within 2 % of its range of the curve nu(mu), all along.",
        "gradient_flow",
        relation_is_kept,
    ),
    TheoryFinding(
        "Trained linear networks follow the flow in time.",
        "mu and nu of soft, hard, LVML and hybrid are within 2 % of their range of theory's.",
        "gradient_flow",
        flow_is_followed,
    ),
    TheoryFinding(
        "Soft ends with the least focus, hard with the most, LVML between.",
        "nu of trained linear networks at the end is in this order.",
        "gradient_flow",
        ends_are_ordered,
    ),
    TheoryFinding(
        "Fixed focus: soft's drive to focus is large at the start and fades.",
        "At every alpha, soft's drive has a peak above 0 in the first half of the epochs, starts "
        "at half of it or more and ends at half of it or less.",
        "fixed_focus",
        soft_fades,
    ),
    TheoryFinding(
        "Fixed focus: hard's drive to focus is small at the start and grows.",
        "At every alpha, hard's drive has a peak above 0, starts at half of its end or less, and "
        "ends at four fifths of its peak or more.",
        "fixed_focus",
        hard_grows,
    ),
)
