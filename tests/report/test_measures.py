import re

import numpy as np
import pytest

from attention_zoo.evaluation import (
    CaptionEvaluation,
    Evaluation,
    RationaleEvaluation,
    WayToPredict,
)
from attention_zoo.report.measures import best, shown


@pytest.fixture
def ways():
    rng = np.random.default_rng(0)
    cells = ("FTPT", "FFPT", "FTPF", "FFPF")
    return {
        way: WayToPredict(*rng.random(2), dict(zip(cells, rng.random(4))), np.eye(5))
        for way in ("argmax", "marginal", "soft")
    }


def numbers(table):
    return re.findall(r"\d+\.\d+%?", table)


def test_digits_are_those_of_the_evaluation(ways):
    found = Evaluation(10, 10, 0.123456, 1.23456, ways)
    written = [shown(name, value) for name, value in found.scalars().items()]
    assert written == numbers(found.table())


def test_digits_are_those_of_the_evaluation_of_rationales(ways):
    rng = np.random.default_rng(1)
    agreement = (
        "token_precision",
        "token_recall",
        "token_f1",
        "auprc",
        "iou_f1",
        "average_precision",
    )
    by_way = ("macro_f1", "auroc")
    found = RationaleEvaluation(
        *(10, 10, 0.5, 1.0, ways, 5),
        agreement={name: rng.random() for name in agreement},
        by_way={way: {name: rng.random() for name in by_way} for way in ways},
        attention_mass=rng.random(),
    )
    written = [shown(name, value) for name, value in found.scalars().items()]
    assert sorted(written) == sorted(numbers(found.table()))


def test_digits_are_those_of_the_evaluation_of_captions():
    scores = {"bleu_1": 0.51234, "rouge_l": 0.31234, "cider": 0.10812, "meteor": 0.09703}
    grounding = {"entropy": 2.03292, "diversity": 0.10863, "words": 7.468}
    arrays = np.arange(2), ("a", "b"), np.zeros(2), np.zeros((2, 1, 1))
    found = CaptionEvaluation(scores, grounding, *arrays, perplexities={"soft": 80.09378})
    written = [shown(name, value) for name, value in found.scalars().items()]
    assert written == [pair.split(" ")[-1] for pair in found.table().split(", ")]


def test_what_is_not_known_is_a_dash():
    assert shown("accuracy", None) == shown("accuracy", float("nan")) == "–"


def test_a_count_is_whole_and_a_mean_of_counts_need_not_be():
    """Of five folds one left out 3 bags: 0.6 in the mean, not 1."""
    assert [shown("num_left_out", x) for x in (0, 3, 1234567, 3 / 5)] == [
        "0",
        "3",
        "1234567",
        "0.6",
    ]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("argmax_accuracy", [0.5, 0.7, None], [False, True, False]),
        ("argmax_nll", [0.5, 0.7, float("nan")], [True, False, False]),
        ("focus_accuracy", [0.50001, 0.50002, 0.4], [True, True, False]),  # both 50.0%
        ("focus_accuracy", [0.50001, 0.50002], [False, False]),
        ("soft_FFPF", [0.1, 0.2], [True, False]),
        ("soft_FFPT", [0.1, 0.2], [False, False]),  # no direction is the better
        ("entropy", [0.1, 0.2], [False, False]),
        ("perplexity", [20.0, 10.0], [False, True]),
        ("cider", [0.5, None], [False, False]),
    ],
)
def test_the_best_is_the_highest_or_the_lowest_or_nobody(name, values, expected):
    assert best(name, values) == expected


def test_what_rounds_to_zero_has_no_sign():
    """Else two figures that are alike would differ, and one of them be marked the best."""
    assert shown("sufficiency", -0.0004) == "0.0%" and shown("sufficiency", -0.0006) == "-0.1%"
    assert shown("perplexity", -0.0) == "0.000" and shown("num_left_out", 10) == "10"
    assert best("sufficiency", [-0.0004, 0.0004, 0.2]) == [True, True, False]
