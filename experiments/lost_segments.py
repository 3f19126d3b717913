r"""What attention is left on the true segments that finished runs on mosaics missed.

    python -m experiments.lost_segments runs/lock_in/soft_0 runs/lock_in/hard_0

A score learns in proportion to its segment's attention: with respect to score j the gradient of the
hard loss is -a_j (log p_j(y) - sum_k a_k log p_k(y)), that of LVML -a_j (p_j(y) / sum_k a_k p_k(y)
- 1). Where a mosaic is wrongly focused and nothing is left for its true segment, the mistake is not
undone. Prints a row a run, of its first 4,000 training mosaics.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

from attention_zoo._paths import expanded
from attention_zoo.report.run import Run
from attention_zoo.tasks import MosaicsTask
from attention_zoo.training.task import config_of
from experiments import lock_in  # noqa: F401 - its layers are registered
from experiments.results import markdown

_FEW = 0.01  # attention that hardly learns


def main():
    """Prints the table of the runs named on the command line."""
    args = _parser().parse_args()
    rows = []
    for path in map(expanded, args.runs):
        found = lost(*_attention(path, args.data_dir))
        cells = f"{100 * found['FT']:.1f}", f"{100 * found['lost']:.1f}", f"{found['left']:.2g}"
        rows.append([path.name, *cells])
    head = ["run", "FT", "missed, with less than 1 % on the true one, %", "median left on it"]
    print(markdown(head, rows))


def lost(a, focus):
    """FT, and what is left where it is false.

    Args:
        a: attention, (n, m).
        focus: index of the true segment, (n,).

    Returns:
        {"FT": share of examples whose most attended segment is true, "lost": of the others the
        share whose true segment has less than 1 % of attention, "left": its median attention}; the
        last two are NaN where all are right.
    """
    wrong = a.argmax(axis=1) != focus
    left = a[wrong, focus[wrong]]
    known = {"lost": np.mean(left < _FEW), "left": np.median(left)} if left.size else {}
    return {"FT": np.mean(~wrong), "lost": np.nan, "left": np.nan} | known


def _attention(folder, data_dir):
    """(attention, true segments) of training mosaics under the model of a run."""
    task = MosaicsTask()
    settings = {name: value for name, value in Run.read(folder).config.items() if value is not None}
    place = {} if data_dir is None else {"data_dir": data_dir}
    config = config_of(task, {k: v for k, v in settings.items() if k in _DATA} | place)
    source = task.load(config)["train"].source
    source = source.rows(np.arange(min(4_000, len(source))))
    model = keras.models.load_model(folder / "model.keras")
    return model.predict(source.dataset(256), verbose=0)["focus"], source.targets["focus"]


_DATA = ("seed", *MosaicsTask.data_settings)


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, help="folders of finished runs")
    parser.add_argument("--data_dir", help="of tensorflow_datasets; where the run had it, if unset")
    return parser


if __name__ == "__main__":
    main()
