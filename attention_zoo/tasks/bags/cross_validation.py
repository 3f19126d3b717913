"""Cross-validation of bags: k folds, repeated, in one process; resumable fold by fold."""

import contextlib
import csv
import dataclasses
import io
import json
import tempfile
from pathlib import Path

import keras
import numpy as np

from attention_zoo._json import loads
from attention_zoo._paths import expanded
from attention_zoo._settings import make
from attention_zoo.evaluation.classification import EveryWay
from attention_zoo.report.measures import shown, split_way, title
from attention_zoo.tasks.bags.task import BagsTask
from attention_zoo.training.config import check_config, make_switch
from attention_zoo.training.keep_best import KeepBest
from attention_zoo.training.loop import Loop
from attention_zoo.training.preemption import Preempted, Preemption
from attention_zoo.training.run import build_model
from attention_zoo.training.run_callbacks import StopIfNotFinite
from attention_zoo.training.workdir import Workdir


@dataclasses.dataclass(frozen=True)
class CrossValidation:
    """What `cross_validate` gives.

    Attributes:
        folds: number of folds that were tested, over all repeats.
        figures: (mean, standard error, folds it is known of) by name.
        way_to_predict: of the model itself.
    """

    folds: int
    figures: dict[str, tuple[float, float, int]]
    way_to_predict: str

    def scalars(self):
        """The means by name."""
        return {name: mean for name, (mean, _, _) in self.figures.items()}

    def table(self):
        """The figures of the model's own way to predict and of its attention, in plain text."""
        names = [n for n in self.figures if split_way(n)[0] in (None, self.way_to_predict)]
        lines = [f"{self.folds} folds, by {self.way_to_predict}: mean ± standard error"]
        for name in names:
            mean, error, count = self.figures[name]
            text = f"{title(split_way(name)[1])}: {shown(name, mean)} ± {_error(name, error)}"
            lines.append(text + (f" ({count} folds)" if count < self.folds else ""))
        return "\n".join(lines)


def _error(name, error):
    text = shown(name, error)
    return text.removesuffix("%")


def cross_validate(workdir, *, data=None, task=None, repeats=1, tell=print, **settings):
    """Trains and tests once for every fold of every repeat.

        az.tasks.cross_validate("runs/musk1", dataset="bags/csv", data_dir="musk1.csv", folds=10,
                                repeats=5)

    Repeat r cuts the bags anew, and has the seed `seed + r`. A fold is what `az.train` gives with
    the same `folds`, `fold`, `repeat` and seed; here all are trained by one compiled step, and only
    their figures and predictions are kept. A fold that is done is not done again.

    Args:
        workdir: a folder; gets a JSON file each fold, cross_validation.json, and predictions.csv,
            a row a bag and repeat.
        data: `datasets.Bags` of your own in place of those that the settings name.
        task: a `BagsTask`, maybe one of your own.
        repeats: number of repeats.
        tell: function that is given a line whenever a fold is done.
        **settings: as of `BagsConfig`, without `fold` and `repeat`; folds is 10 if unset.

    Returns:
        A `CrossValidation`. Its standard errors are the standard deviation over all folds, divided
        by the root of their number, as the field reports it: folds share training bags, so that the
        true error is larger.

    Raises:
        ValueError: bad settings or data, or a folder with another cross-validation.
        Preempted: after SIGTERM, SIGINT or SIGHUP, between two folds.
    """
    task = task or BagsTask()
    for name in ("fold", "repeat"):
        if name in settings:
            raise ValueError(f"{name} is given, expected folds and repeats: all folds are tested")
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}, expected 1 or more")
    config = make(task.config, {"folds": 10} | settings)
    whole = task.whole(config) if data is None else task.accept(data, config)
    record = {k: v for k, v in dataclasses.asdict(config).items() if k not in ("fold", "repeat")}
    folder = expanded(Path(workdir))
    prints = {"bags": whole.source.fingerprint()}
    _check_same(folder, record, prints)
    with Workdir(folder, record, data=prints) as held, Preemption() as stop:
        trained = Trained(task)
        for number in range(repeats * config.folds):
            repeat, fold = divmod(number, config.folds)
            name = f"repeat={repeat},fold={fold}.json"
            if (folder / name).exists():
                continue
            if stop.requested:
                notice = (
                    f"{stop.signal.name}: saved in {folder}, expected the same command to go on"
                )
                raise Preempted(notice, stop.signal)
            one = dataclasses.replace(config, fold=fold, repeat=repeat, seed=config.seed + repeat)
            found = trained.fold(one, task.cut(whole, one))
            held.write_text(name, json.dumps(found) + "\n")
            tell(f"{name.removesuffix('.json')}: {_headline(found)}")
        return _summed_up(
            held, [f"repeat={r},fold={f}" for r in range(repeats) for f in range(config.folds)]
        )


class Trained:
    """Trains a model for one fold after another, by one compiled step."""

    def __init__(self, task):
        self._task = task
        self.model = self._loop = self._every_way = None

    def fold(self, config, splits):
        """Figures and predictions of the test split of a fold, fit for JSON."""
        task = self._task
        task.check(config, splits)
        keras.utils.set_random_seed(config.seed)
        self._start(build_model(task, config, splits), config)
        check_config(config, self.model.attention, len(splits["train"].source), 1)
        with tempfile.TemporaryDirectory() as elsewhere:
            self._fit(config, splits, Workdir(elsewhere, {}))
        test = splits["test"]
        found = task.evaluate(self._every_way, test, config)
        way = self.model.way_to_predict
        return {
            "way_to_predict": way,
            "figures": found.scalars(),
            "class_names": list(test.class_names),
            "bags": list(test.source.names),
            "labels": found.labels.tolist(),
            "probabilities": np.round(found.probabilities[way], 6).tolist(),
        }

    def _start(self, fresh, config):
        """Takes the variables of a fresh model: weights, optimizer's state, seeds, phase."""
        fresh.optimizer.build(fresh.trainable_variables)
        if self.model is None:
            self.model, self._every_way = fresh, EveryWay(fresh)
            self._loop = _Loop(fresh, steps_per_call=1000)
            return
        for mine, new in zip(_state(self.model), _state(fresh), strict=True):
            mine.assign(new)
        self.model.attention.switch_state = None

    def _fit(self, config, splits, folder):
        task, training = self._task, splits["train"]
        switch = make_switch(
            config, self.model.attention, self.model.optimizer, lambda: task.probe(splits)
        )
        keep = None if config.keep == "last" else KeepBest(folder, config.keep, config.patience)
        callbacks = [switch, StopIfNotFinite(folder), keep]
        self._loop.fit(
            lambda first_step: task.batches(training, config, first_step),
            epochs=config.epochs,
            steps_per_epoch=len(training.source) // config.batch_size,
            validation=keep and task.validation_batches(splits["validation"], config),
            callbacks=[one for one in callbacks if one is not None],
        )


class _Loop(Loop):
    """A loop whose compiled steps are made once, and hold for every fit."""

    def _make_functions(self):
        if not hasattr(self, "_train"):
            super()._make_functions()


def _state(model):
    """All that training changes."""
    return [*model.variables, *model.optimizer.variables]


def _headline(found):
    way = found["way_to_predict"]
    names = (f"{way}_accuracy", f"{way}_auroc", "focus_accuracy")
    figures = found["figures"]
    return ", ".join(
        f"{title(split_way(n)[1])} {shown(n, figures[n])}" for n in names if n in figures
    )


def _check_same(folder, record, prints):
    """Raises ValueError where the folder holds folds of other settings or data."""
    if not folder.is_dir() or not any(folder.glob("repeat=*.json")):
        return
    now = json.loads(json.dumps({"config.json": record, "data.json": prints}))
    for name, expected in now.items():
        before = {}
        with contextlib.suppress(OSError, ValueError):
            before = loads((folder / name).read_bytes())
        for key in sorted(before.keys() | expected.keys()):
            if before.get(key) != expected.get(key):
                raise ValueError(
                    f"{folder} holds folds with {key} {before.get(key)!r}, expected "
                    f"{expected.get(key)!r}: move it away or name another folder"
                )


def _summed_up(folder, names):
    found = [loads((folder.path / f"{name}.json").read_bytes()) for name in names]
    figures: dict[str, list[float]] = {}
    for one in found:
        for name, value in one["figures"].items():
            figures.setdefault(name, []).append(value)
    summary = {
        name: (
            float(np.mean(v)),
            float(np.std(v, ddof=1) / len(v) ** 0.5) if v[1:] else float("nan"),
            len(v),
        )
        for name, v in figures.items()
    }
    result = CrossValidation(len(found), summary, found[0]["way_to_predict"])
    content = {
        "folds": len(found),
        "way_to_predict": result.way_to_predict,
        "figures": {
            n: {"mean": mean, "standard_error": None if error != error else error, "folds": count}
            for n, (mean, error, count) in summary.items()
        },
    }
    folder.write_text("cross_validation.json", json.dumps(content, indent=2) + "\n")
    folder.write_text("predictions.csv", _predictions(names, found))
    return result


def _predictions(names, found):
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["fold", "bag", "label", *(f"p {c}" for c in found[0]["class_names"])])
    for name, one in zip(names, found, strict=True):
        classes = one["class_names"]
        for bag, label, p in zip(one["bags"], one["labels"], one["probabilities"], strict=True):
            writer.writerow([name, bag, classes[label], *p])
    return text.getvalue()
