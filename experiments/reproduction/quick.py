"""The suite `quick`: digits, orthogonal vectors and theory, with what the package brings along.

Departure: hybrid and control keep the first rate in their second phase, where the paper takes a
smaller one; what is found of hybrid here is found at one rate.
"""

from experiments.reproduction.job import Job, comparison

_DIGITS = {
    "dataset": "sdc/digits",
    "num_examples": 4096,
    "num_test_examples": 2000,
    "epochs": 12,
    "switch_epoch": 6,
    "learning_rate": 0.02,
    "second_learning_rate": 0.02,
    "weight_decay": 0,
}
_ORTHOGONAL = {
    "dataset": "orthogonal",
    "num_examples": 2560,
    "num_test_examples": 2000,
    "epochs": 40,
    "switch_epoch": 20,
    "learning_rate": 0.5,
    "second_learning_rate": 0.5,
    "weight_decay": 0,
}

JOBS = (
    Job(name="gradient_flow", trainer="gradient_flow", data="orthogonal", settings={}),
    Job(
        name="fixed_focus/digits",
        trainer="fixed_focus",
        data="digits",
        settings={"dataset": "sdc/digits", "num_examples": 1024, "epochs": 80},
    ),
    *(
        job
        for data, settings, seeds in (
            ("digits", _DIGITS, (0, 1, 2)),
            ("orthogonal", _ORTHOGONAL, (0, 1, 2)),
        )
        for m in (5, 10)
        for job in comparison(
            f"{data}/m{m}", trainer="sdc", data=data, seeds=seeds, num_segments=m, **settings
        )
    ),
)
