"""Every rule, on figures made up on both sides of it."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from attention_zoo import dynamics
from experiments.reproduction import figures, tables, theory
from experiments.reproduction.findings import FINDINGS
from experiments.reproduction.job import Job
from experiments.reproduction.runs import Run, comparisons
from experiments.reproduction.verdict import difference

# FT after each of eight epochs; figures after the last: the paper's story.
PAPER = {
    "soft": ([0.3, 0.5, 0.6, 0.65, 0.66, 0.66, 0.67, 0.67], {"entropy": 1.0, "soft_FFPT": 0.2}),
    "hard": ([0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], {"entropy": 0.1}),
    "lvml": ([0.25, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75], {"entropy": 0.5}),
    "hybrid": ([0.3, 0.5, 0.6, 0.65, 0.7, 0.75, 0.78, 0.81], {"entropy": 0.2}),
    "control": ([0.3, 0.5, 0.6, 0.65, 0.67, 0.68, 0.69, 0.7], {"entropy": 0.9}),
}
ACCURACY = {"hybrid": 0.9, "control": 0.85}
# What breaks the rules, a case for every clause: (rule, {row: (FT after each epoch, figures)}).
BROKEN = {
    "hard is as fast": ("soft_is_fast", {"hard": ([0.3, 0.5, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], {})}),
    "soft goes on": ("soft_stalls", {"soft": ([0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.62, 0.67], {})}),
    "soft falls again": ("soft_stalls", {"soft": ([0.3, 0.5, 0.6, 0.65, 0.6, 0.5, 0.4, 0.3], {})}),
    "soft only falls": ("soft_stalls", {"soft": ([0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.3], {})}),
    "soft never gains": ("soft_stalls", {"soft": ([0.204] * 8, {})}),
    "only hybrid ends above soft": (
        "soft_stalls",
        {"hard": ([0.67] * 8, {}), "lvml": ([0.675] * 8, {})},
    ),
    "no FFPT more": ("soft_reads_averages", {"soft": (None, {"soft_FFPT": 0.105})}),
    "hard ends level": ("hard_is_strong_later", {"hard": ([0.2] * 7 + [0.675], {})}),
    "hard is as flat as soft": ("hard_is_peaked", {"soft": (None, {"entropy": 0.14})}),
    "hard is nearly even": (
        "hard_is_peaked",
        {"soft": (None, {"entropy": 1.609}), "hard": (None, {"entropy": 1.5})},
    ),
    "LVML begins above": ("lvml_is_between", {"lvml": ([0.5, 0.5, *[0.6] * 5, 0.75], {})}),
    "LVML begins below": ("lvml_is_between", {"lvml": ([0.1, 0.1, *[0.6] * 5, 0.75], {})}),
    "LVML ends above": ("lvml_is_between", {"lvml": ([0.25, 0.4, *[0.6] * 5, 0.85], {})}),
    "LVML ends below": ("lvml_is_between", {"lvml": ([0.25, 0.4, *[0.6] * 5, 0.6], {})}),
    "hybrid begins below soft": (
        "hybrid_has_both",
        {"hybrid": ([0.28, 0.48, *[0.6] * 5, 0.81], {})},
    ),
    "hybrid begins with hard": (
        "hybrid_has_both",
        {
            "soft": ([0.2, 0.25, *[0.6] * 5, 0.67], {}),
            "hybrid": ([0.2, 0.25, *[0.6] * 5, 0.81], {}),
        },
    ),
    "hybrid ends below hard": ("hybrid_has_both", {"hybrid": ([0.3, 0.5, *[0.6] * 5, 0.75], {})}),
    "hybrid ends below soft": (
        "hybrid_has_both",
        {"hard": ([0.2] * 7 + [0.5], {}), "hybrid": ([0.3, 0.5, *[0.6] * 5, 0.6], {})},
    ),
    "hybrid is not peaked": ("hybrid_has_both", {"hybrid": (None, {"entropy": 0.99})}),
    "no accuracy more": ("hybrid_gains_accuracy", {"hybrid": (None, {"argmax_accuracy": 0.855})}),
    "no focus more": ("hybrid_gains_focus", {"hybrid": ([0.3] * 7 + [0.705], {})}),
}


@pytest.fixture
def compared(tmp_path):
    """(changes by row, rows, noise of soft by seed) -> the `Comparison` of runs with these."""

    def build(changes=None, rows=tuple(PAPER), noise=(0.0, 0.004)):
        runs = []
        for row in rows:
            curve, figures = PAPER[row]
            other, more = (changes or {}).get(row, (None, {}))
            for seed, off in enumerate(noise):
                off = off if row == "soft" else 0.0
                ft = np.array(other or curve) + off
                test = {"focus_accuracy": ft[-1], "argmax_accuracy": ACCURACY.get(row, 0.8)}
                test |= {"argmax_FFPT": 0.1, "soft_FFPT": 0.1} | figures | more
                runs.append(_run(tmp_path / f"{row}_{seed}", row, seed, ft, test))
        (one,) = comparisons(runs)
        return one

    return build


def _run(folder, row, seed, ft, test):
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps({"test": test}))
    rows = [{"epoch": i + 1, "val_focus_accuracy": value} for i, value in enumerate(ft)]
    _write(folder / "metrics.csv", rows)
    settings = {"num_segments": 5, "seed": seed}
    return Run(Job(name=folder.name, trainer="sdc", data="d", settings=settings, row=row), folder)


def _at(comparison, **changes):
    """The comparison under another condition."""
    condition = dataclasses.replace(comparison.condition, **changes)
    return dataclasses.replace(comparison, condition=condition)


def _write(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_all_findings_are_seen_in_the_story_of_the_paper(compared):
    comparison = compared()
    assert {one.verdict(comparison).word for one in FINDINGS} == {"seen"}


def test_every_rule_is_broken_by_a_case():
    assert {rule for rule, _ in BROKEN.values()} == set(RULES)


RULES = {one.decide.__name__: one for one in FINDINGS}


@pytest.mark.parametrize("case", BROKEN)
def test_a_finding_is_not_seen_where_its_figures_do_not_show_it(compared, case):
    rule, changes = BROKEN[case]
    verdict = RULES[rule].verdict(compared(changes))
    assert verdict.seen is False and verdict.figures.endswith("; 2 seeds")


def test_a_difference_that_seeds_disagree_about_does_not_count(compared):
    assert RULES["soft_is_fast"].verdict(compared(noise=(0.0, 0.3))).seen
    assert not RULES["soft_is_fast"].verdict(compared(noise=(-0.2, 0.2))).seen


def test_seeds_that_disagree_are_no_evidence_of_being_no_worse(compared):
    level = ([0.3, 0.5, *[0.6] * 5, 0.8], {})
    assert RULES["hybrid_has_both"].verdict(compared({"hybrid": level})).seen
    far_off = difference({0: 0.40, 1: 0.40, 2: 0.66}, dict.fromkeys(range(3), 0.6))
    assert far_off.mean > -far_off.margin and not far_off.not_below
    assert difference({0: 0.595, 1: 0.595}, dict.fromkeys(range(2), 0.6)).not_below


def test_what_soft_gains_in_the_first_epoch_counts_and_one_noisy_epoch_does_not(compared):
    for curve in ([0.65] * 8, [0.3, 0.5, 0.6, 0.62, 0.64, *[0.66] * 6, 0.46]):
        assert RULES["soft_stalls"].verdict(compared({"soft": (curve, {})})).seen


def test_one_seed_decides_nothing(compared):
    for finding in FINDINGS:
        verdict = finding.verdict(compared(noise=(0.0,)))
        two = finding.verdict(compared(noise=(0.0, 0.0)))
        assert two.seen and two.figures.endswith("; 2 seeds")
        figures = two.figures.removesuffix("; 2 seeds")
        assert verdict.figures == f"{figures}; 1 seed, expected 2 or more"
        assert verdict.seen is None and verdict.word == "undecided"


def test_seeds_that_a_row_lacks_are_left_out(compared):
    whole = compared(noise=(0.0, 0.004, 0.4))
    del whole.runs["soft"][2]
    whole.runs["hard"][2].results["test"]["entropy"] = 1.5
    verdict = RULES["hard_is_peaked"].verdict(whole)
    assert verdict == RULES["hard_is_peaked"].verdict(compared())
    assert verdict.figures.endswith("; 2 seeds")


def test_early_focus_is_of_as_many_epochs_in_all_rows(compared):
    longer = ([0.3, 0.5, *[0.9] * 10], {})
    comparison = compared({"hybrid": longer})
    assert comparison.early_focus("hybrid")[0] == pytest.approx(0.4)


def test_without_one_log_m_no_attention_is_called_peaked(compared):
    posts = _at(compared(), num_segments=None)
    assert RULES["hard_is_peaked"].verdict(posts).seen is None
    assert RULES["soft_stalls"].verdict(posts).seen


def test_without_a_row_that_the_rule_reads_there_is_no_verdict(compared):
    comparison = compared(rows=("soft", "hybrid"))
    by_name = {one.decide.__name__: one.verdict(comparison) for one in FINDINGS}
    assert by_name["hybrid_gains_accuracy"].word == "not run"
    assert "control" in by_name["hybrid_gains_accuracy"].figures
    assert by_name["soft_reads_averages"].seen


def test_two_at_the_ceiling_are_said_to_be(compared):
    top = [0.99] * 7 + [1.0]
    comparison = compared({"soft": (top, {}), "hard": (top, {})}, noise=(0.0, 0.0))
    verdicts = {one.decide.__name__: one.verdict(comparison) for one in FINDINGS}
    assert "ceiling" in verdicts["hard_is_strong_later"].figures
    assert not verdicts["hard_is_strong_later"].seen and not verdicts["soft_is_fast"].seen


def test_nothing_lies_between_two_that_are_equal(compared):
    same = ([0.9] * 8, {})
    comparison = compared(dict.fromkeys(("soft", "hard", "lvml", "hybrid"), same), noise=(0.0, 0.0))
    verdicts = {one.decide.__name__: one.verdict(comparison) for one in FINDINGS}
    assert not verdicts["lvml_is_between"].seen and not verdicts["hybrid_has_both"].seen
    assert "there is no between" in verdicts["lvml_is_between"].figures


@pytest.mark.parametrize(
    "hard", [[0.2, 0.25, *[0.6] * 5, 0.67], [0.3, 0.5, *[0.6] * 5, 0.8]], ids=["early", "final"]
)
def test_soft_and_hard_that_differ_early_or_in_the_end_have_a_between(compared, hard):
    lvml = np.mean([PAPER["soft"][0], hard], axis=0).tolist()
    assert RULES["lvml_is_between"].verdict(compared({"hard": (hard, {}), "lvml": (lvml, {})})).seen


def test_difference_is_of_the_seeds_that_both_have():
    gap = difference({0: 0.5, 1: 0.7, 2: 0.9}, {0: 0.4, 1: 0.5, 3: 0.0})
    np.testing.assert_allclose(gap.values, [0.1, 0.2])
    assert gap.mean == pytest.approx(0.15) and gap.margin == pytest.approx(0.05) and gap.above


@pytest.fixture
def flow(tmp_path):
    """(nu by paradigm times) -> a gradient-flow run whose networks are those of theory, so off."""

    def build(factors=(1.0, 1.0, 1.0), deviation=0.001):
        setting = {"num_segments": 7, "num_classes": 4}  # not the trainer's defaults
        times = np.geomspace(0.1, 1000, 30)
        columns = {"epoch": times}
        for paradigm, factor in zip(theory.PARADIGMS, factors, strict=True):
            exact = dynamics.trajectory(paradigm, times=times, **setting)
            columns |= {f"{paradigm}_mu": exact.mu, f"{paradigm}_nu": factor * exact.nu}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        _write(tmp_path / "metrics.csv", rows)
        (tmp_path / "config.json").write_text(json.dumps(setting))
        (tmp_path / "results.json").write_text(json.dumps({"largest_deviation": deviation}))
        job = Job(name="flow", trainer="gradient_flow", data="orthogonal", settings={})
        return Run(job, tmp_path)

    return build


def test_networks_on_the_curve_keep_the_relation_and_others_do_not(flow):
    assert theory.relation_is_kept(flow()).seen
    assert not theory.relation_is_kept(flow((1.0, 1.03, 1.0))).seen


def test_the_flow_is_followed_up_to_two_percent(flow):
    assert theory.flow_is_followed(flow(deviation=0.019)).seen
    assert not theory.flow_is_followed(flow(deviation=0.021)).seen


def test_the_order_of_the_ends_is_soft_lvml_hard(flow):
    assert theory.ends_are_ordered(flow()).seen
    assert not theory.ends_are_ordered(flow((2.0, 1.0, 1.0))).seen


def test_a_wrong_closed_form_is_found(monkeypatch):
    assert theory.closed_forms_agree().seen
    exact = dynamics.trajectory

    def wrong(paradigm, **setting):
        found = exact(paradigm, **setting)
        return dynamics.Trajectory(
            found.times, found.mu * (1 + 1e-5), found.nu, found.attention, found.probability
        )

    monkeypatch.setattr(dynamics, "trajectory", wrong)
    assert not theory.closed_forms_agree().seen


@pytest.fixture
def held(tmp_path):
    """(attention, drives by alpha, (epochs,) each) -> a fixed-focus run."""

    def build(attention, drives):
        rows = [
            {"epoch": epoch, "attention": attention, "alpha": alpha, "drive": value}
            for alpha, values in drives.items()
            for epoch, value in enumerate([99.0, *values])  # epoch 0 is left out
        ]
        _write(tmp_path / "metrics.csv", rows)
        job = Job(name="held", trainer="fixed_focus", data="digits", settings={})
        return Run(job, tmp_path)

    return build


T = np.linspace(0, 1, 40)
FADING, GROWING, LATE = np.exp(-5 * T), 0.01 + T, np.exp(-20 * (T - 0.7) ** 2)


def test_a_drive_that_fades_at_every_alpha_is_seen(held):
    assert theory.soft_fades(held("soft", {0.2: FADING, 1.0: FADING})).seen
    verdict = theory.soft_fades(held("soft", {0.2: LATE, 1.0: FADING}))
    assert verdict.seen is False and "1 of 2 alphas" in verdict.figures
    assert not theory.soft_fades(held("soft", {0.2: 0.6 + 0.4 * FADING})).seen
    assert not theory.soft_fades(held("soft", {0.2: np.exp(-40 * (T - 0.35) ** 2)})).seen
    assert not theory.soft_fades(held("soft", {0.2: np.zeros(40)})).seen
    assert not theory.soft_fades(held("soft", {0.2: np.interp(T, [0, 0.7, 1], [0.6, 1, 0.3])})).seen


def test_a_drive_that_grows_at_every_alpha_is_seen(held):
    assert theory.hard_grows(held("hard", {0.2: GROWING, 1.0: GROWING})).seen
    assert not theory.hard_grows(held("hard", {0.2: GROWING, 1.0: FADING})).seen
    assert not theory.hard_grows(held("hard", {0.2: LATE})).seen
    assert not theory.hard_grows(held("hard", {0.2: np.full(40, 0.1)})).seen
    assert not theory.hard_grows(held("hard", {0.2: np.interp(T, [0, 0.7, 1], [0, 1, 0.5])})).seen
    assert not theory.hard_grows(held("hard", {0.2: np.minimum(20 * (T - 0.8), 0)})).seen


def test_the_shape_of_a_drive_is_start_peak_end(held):
    peaked = np.interp(np.arange(20), [0, 10, 19], [0.0, 1.0, 0.5])
    ((alpha, (start, peak, end, at)),) = theory.drive_shapes(held("soft", {0.4: peaked}), "soft")
    assert alpha == 0.4 and at == pytest.approx(0.53, abs=0.05)
    np.testing.assert_allclose([start, peak, end], [0.05, 0.97, 0.53], atol=0.03)


def test_a_table_has_the_means_after_some_of_the_epochs(compared):
    shorter = {"hard": ([0.2, 0.25, 0.3], {})}
    comparison = compared(shorter, rows=("soft", "hard"))
    found = tables.by_epoch([comparison], "focus_accuracy").rows
    assert [row[1:] for row in found] == [
        ["1", "30.2", "20.0", "–", "–", "–"],
        ["2", "50.2", "25.0", "–", "–", "–"],
        ["3", "60.2", "30.0", "–", "–", "–"],
        ["5", "66.2", "–", "–", "–", "–"],
        ["8", "67.2", "–", "–", "–", "–"],
    ]


def test_curves_have_a_panel_a_comparison_and_segments_a_point_an_m(compared):
    comparison = compared()
    wider = _at(comparison, num_segments=10, data="d")
    for several in ([comparison], [comparison, wider], [comparison, wider, wider]):
        figure = figures.learning_curves(several)
        assert [ax.get_title("left") for ax in figure.axes] == [one.name for one in several]
    soft = {line.get_gid(): line for line in figure.axes[0].lines}["soft"]
    np.testing.assert_allclose(soft.get_ydata(), 100 * (np.array(PAPER["soft"][0]) + 0.002))
    (ax,) = figures.focus_by_segments([comparison, wider]).axes
    hard = {line.get_gid(): line for line in ax.lines}["hard"]
    np.testing.assert_allclose(hard.get_xydata(), [[5, 80], [10, 80]])
