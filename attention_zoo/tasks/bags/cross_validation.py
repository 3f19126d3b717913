"""Cross-validation of bags: k folds, repeated, in one process; resumable fold by fold."""

import contextlib
import csv
import dataclasses
import io
import json
from pathlib import Path

import numpy as np

from attention_zoo._json import loads
from attention_zoo._paths import expanded
from attention_zoo.report.measures import shown, split_way, title
from attention_zoo.report.run import OWN_DATA
from attention_zoo.tasks.bags.task import BagsTask
from attention_zoo.tasks.bags.trained import Trained
from attention_zoo.training.checks import check_data_settings
from attention_zoo.training.preemption import Preempted, Preemption
from attention_zoo.training.task import config_of
from attention_zoo.training.workdir import Workdir, is_same


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
    the same `folds`, `fold`, `repeat`, `validation` and seed; here all are trained by one compiled
    step, and only their figures and predictions are kept. A fold that is done is not done again.
    Validation bags are cut where `keep` chooses an epoch by them, and else trained on.

    Args:
        workdir: a folder; gets a JSON file each fold, cross_validation.json, and predictions.csv,
            a row a bag and repeat.
        data: `datasets.Bags` of your own in place of those that the settings name.
        task: a `BagsTask`, maybe one of your own.
        repeats: number of repeats.
        tell: function that is given a line whenever a fold is done.
        **settings: as of `BagsConfig`, without `fold` and `repeat`; folds is 10 if unset, and
            validation 0 with keep "last".

    Returns:
        A `CrossValidation`. Its standard errors are the standard deviation over all folds, divided
        by the root of their number, as the field reports it: folds share training bags, so that the
        true error is larger.

    Raises:
        ValueError: bad settings or data, or a folder with another cross-validation.
        Preempted: after SIGTERM, SIGINT or SIGHUP, between two folds.
    """
    task = task or BagsTask()
    _check(settings, repeats)
    of_data = {name: settings[name] for name in settings.keys() - {"folds", "validation"}}
    check_data_settings(task, data, of_data)
    config = _without_idle(config_of(task, {"folds": 10} | settings))
    if data is not None:
        config = dataclasses.replace(config, dataset=OWN_DATA)
    whole = task.whole(config) if data is None else task.accept(data, config)
    record = {k: v for k, v in dataclasses.asdict(config).items() if k not in ("fold", "repeat")}
    folder, prints = expanded(Path(workdir)), task.fingerprints(config, {"bags": whole})
    _check_same(folder, record, prints)
    folds = {
        f"repeat={repeat},fold={fold}": dataclasses.replace(
            config, fold=fold, repeat=repeat, seed=config.seed + repeat
        )
        for repeat in range(repeats)
        for fold in range(config.folds)
    }
    with Workdir(folder, record, data=prints) as held, Preemption() as stop:
        trained = Trained(task)
        for name, one in folds.items():
            if (folder / f"{name}.json").exists():
                continue
            if stop.requested:
                notice = (
                    f"{stop.signal.name}: saved in {folder}, expected the same command to go on"
                )
                raise Preempted(notice, stop.signal)
            found = trained.fold(one, task.cut(whole, one))
            held.write_text(f"{name}.json", json.dumps(found) + "\n")
            tell(f"{name}: {_headline(found)}")
        return _summed_up(held, list(folds))


def _check(settings, repeats):
    for name in ("fold", "repeat"):
        if name in settings:
            raise ValueError(f"{name} is given, expected folds and repeats: all folds are tested")
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}, expected 1 or more")
    if settings.get("strategy", "none") != "none":
        raise ValueError(f"strategy is {settings['strategy']!r}, expected 'none': folds are small")


def _without_idle(config):
    """The settings without validation bags that nothing would look at."""
    if config.keep != "last":
        return config
    if config.validation:
        raise ValueError(
            f"validation is {config.validation} with keep 'last', expected 0, or keep 'accuracy' "
            "or 'loss': a cross-validation looks at validation bags only to choose an epoch"
        )
    return dataclasses.replace(config, validation=0.0)


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
            if not is_same(key, before.get(key), expected.get(key)):
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
