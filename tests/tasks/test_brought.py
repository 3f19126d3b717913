"""Objects that a user brings: what they decide, and what they carry from run to run."""

import csv
import json

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.report.run import DECIDED_BY
from attention_zoo.training.brought import Brought

TINY = {"num_examples": 64, "num_test_examples": 32, "network": "linear", "batch_size": 16}
BRINGS = {
    "attention": lambda: az.layers.LVMLAttention(normalizer="sparsemax"),
    "optimizer": lambda: keras.optimizers.Adam(0.003),
}


@pytest.mark.parametrize(
    ("thing", "name"), [(thing, name) for thing, names in DECIDED_BY.items() for name in names]
)
def test_a_setting_that_an_object_decides_is_refused_beside_it(thing, name):
    brought = Brought(**{thing: BRINGS[thing]()})
    with pytest.raises(ValueError, match=f"^{name} is 0.5 beside an {thing}, expected one of them"):
        brought.settled({name: 0.5})
    assert brought.settled({name: None, "epochs": 3})["epochs"] == 3


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with both objects."""
    workdir = tmp_path_factory.mktemp("runs") / "run"
    az.train("mosaics", workdir, epochs=1, **TINY, **{k: make() for k, make in BRINGS.items()})
    return workdir


def test_what_objects_decide_is_no_setting_of_the_run(run):
    config = json.loads((run / "config.json").read_text())
    decided = [name for names in DECIDED_BY.values() for name in names if name in config]
    assert {"normalizer", "num_samples", "learning_rate", "warmup", "momentum"} <= set(decided)
    assert all(config[name] is None for name in decided)
    row = az.report.load(run)[0]
    assert (row["optimizer"], row["learning_rate"], row["momentum"]) == ("Adam", None, None)
    assert "temperature" not in (run / "report.html").read_text()
    az.tasks.evaluate_finished(run)
    az.train("mosaics", run, epochs=1, **TINY, **{k: make() for k, make in BRINGS.items()})


def test_a_run_of_an_earlier_version_goes_on_and_is_read_as_one_of_now(run):
    """It had the defaults of the settings that objects decide."""
    config = run / "config.json"
    before = config.read_text()
    defaults = json.loads((run / "about.json").read_text())["defaults"]
    now = json.loads(before)
    earlier = {k: defaults[k] if v is None and k in defaults else v for k, v in now.items()}
    assert earlier["learning_rate"] == 0.05 and earlier["normalizer"] == "softmax"
    config.write_text(json.dumps(earlier))
    assert az.report.load(run)[0]["learning_rate"] is None
    az.train("mosaics", run, epochs=1, **TINY, **{k: make() for k, make in BRINGS.items()})
    assert json.loads(config.read_text()) == now


def train(workdir, **more):
    """The curves of a run, a row an epoch."""
    az.train("mosaics", workdir, epochs=2, **TINY | more)
    with (workdir / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("models_alone")
@pytest.mark.parametrize(
    "make",
    [
        lambda: az.layers.HybridAttention(az.layers.GumbelAttention(seed=1), "hard"),
        lambda: az.layers.ReinforceAttention(seed=1),
        lambda: az.layers.GumbelAttention(),
    ],
)
def test_every_run_has_the_attention_as_it_was_made(make, tmp_path, weights):
    attention = make()
    one, other = (train(tmp_path / name, attention=attention) for name in "ab")
    assert one == other
    for a, b in zip(weights(tmp_path / "a"), weights(tmp_path / "b"), strict=True):
        np.testing.assert_array_equal(a, b)
    for mine, new in zip(attention.variables, make().variables, strict=True):
        if "seed" not in mine.path:
            np.testing.assert_array_equal(mine, new)


@pytest.mark.usefixtures("models_alone")
def test_a_hybrids_second_phase_begins_with_a_fresh_optimizer_of_ones_own(tmp_path):
    """Four steps each; a kept state would count eight."""
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    rows = train(tmp_path / "run", attention="hybrid", optimizer=optimizer)
    np.testing.assert_allclose([float(row["learning_rate"]) for row in rows], [0.05, 0.01])
    assert keras.models.load_model(tmp_path / "run/model.keras").optimizer.iterations == 4
    with pytest.raises(ValueError, match="^optimizer is a SGD that has trained a model, expected"):
        train(tmp_path / "other", attention="hybrid", optimizer=optimizer)


@az.layers.register("of_the_second")
class OfTheSecond(az.layers.SoftAttention):
    def __init__(self, power=2.0, **kwargs):
        super().__init__(**kwargs)
        self.power = power


@az.layers.register("misnamed")
class Misnamed(OfTheSecond):
    def get_config(self):
        return super().get_config() | {"exponent": self.power}


@az.layers.register("with_a_default")
class WithADefault(az.layers.SoftAttention):
    def __init__(self, normalizer="sparsemax", **kwargs):
        super().__init__(normalizer, **kwargs)


def test_an_attention_that_its_config_does_not_make_again_is_refused():
    with pytest.raises(ValueError, match="^attention is a OfTheSecond whose get_config lacks 'pow"):
        Brought(attention=OfTheSecond(power=3.0))
    with pytest.raises(ValueError, match="^attention is a Misnamed that cannot be made of its con"):
        Brought(attention=Misnamed()).new_attention()
    found = Brought(attention=WithADefault("entmax15", entropy_penalty=0.5)).new_attention()
    assert found.get_config()["normalizer"] == "entmax15" and found.entropy_penalty == 0.5
