r"""Bags of digits, 50 to 500 of them: AUROC, FT, and what attention does in negative bags.

    python benchmarks/bags_digits.py --folder=runs/bags_digits
    python benchmarks/bags_digits.py --folder=runs/bags_digits --table

A bag has some ten digits and is positive where one is a 9 (`bags/digits`). Tested on 500 bags of
other images; the protocol of benchmarks/bags.py, 50 epochs. "soft" is gated attention-MIL. Beside
AUROC and FT (share of positive bags whose most attended image is a 9): H / log m of attention in
negative and in positive bags, 1 where it is spread evenly, and the largest probability of
"positive" that any image of a negative bag has alone, the mean over these bags.
"""

import argparse
import json
from pathlib import Path

import numpy as np

SIZES, SEEDS = (50, 100, 200, 500), (0, 1, 2)
ATTENTIONS = ("soft", "hard", "lvml", "hybrid", "gumbel", "reinforce", "mean", "instance_max")
FIGURES = (
    "auroc",
    "accuracy",
    "FT",
    "instance_auroc",
    "spread_negative",
    "spread_positive",
    "alone",
)


def main(options):
    folder = Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    if options.table:
        print(table(folder))
        return
    from attention_zoo.tasks.bags.config import BagsConfig
    from attention_zoo.tasks.bags.task import BagsTask
    from attention_zoo.tasks.bags.trained import Trained

    task = BagsTask()
    for seed in SEEDS:
        for attention in options.attentions.split(","):
            trained = Trained(task)
            for size in SIZES:
                target = folder / f"{attention},{size},{seed}.json"
                if target.exists():
                    continue
                config = BagsConfig(
                    attention=attention, num_examples=size, num_test_examples=500, seed=seed
                )
                splits = task.load(config)
                found = trained.fold(config, splits)["figures"]
                way = trained.model.way_to_predict
                kept = {
                    "auroc": found[f"{way}_auroc"],
                    "accuracy": found[f"{way}_accuracy"],
                    "FT": found["focus_accuracy"],
                    "instance_auroc": found["instance_auroc"],
                } | negative_bags(trained.model, splits["test"].source)
                target.write_text(json.dumps(kept) + "\n")
                print(target.stem, {k: round(v, 3) for k, v in kept.items()}, flush=True)


def negative_bags(model, source):
    """How far attention is spread, and what an image of a negative bag says alone."""
    spread, alone = {0: [], 1: []}, []
    for inputs, truth in source.in_batches_of(16_384):
        segments, mask = model.encode(inputs)
        a = np.asarray(model.attention.attend(model.scores(segments), mask), "float64")
        b, m = a.shape
        logits = np.asarray(model.classifier(np.reshape(segments, (b * m, -1)))).reshape(b, m, -1)
        p = np.exp(logits - logits.max(axis=-1, keepdims=True))
        p = np.where(mask, (p / p.sum(axis=-1, keepdims=True))[..., 1], 0.0)
        entropy = -np.sum(np.where(a > 0, a * np.log(np.maximum(a, 1e-300)), 0.0), axis=1)
        h = entropy / np.log(np.maximum(np.asarray(mask).sum(axis=1), 2))
        for i, y in enumerate(np.asarray(truth["label"])):
            spread[int(y)].append(h[i])
            if y == 0:
                alone.append(p[i].max())
    return {
        "spread_negative": float(np.mean(spread[0])),
        "spread_positive": float(np.mean(spread[1])),
        "alone": float(np.mean(alone)),
    }


def table(folder):
    """A row an attention and number of bags: mean over seeds (sd of three)."""
    lines = [f"| attention | bags | seeds | {' | '.join(FIGURES)} |", "|---" * 10 + "|"]
    for attention in ATTENTIONS:
        for size in SIZES:
            found = [json.loads(p.read_text()) for p in folder.glob(f"{attention},{size},*.json")]
            if found:
                cells = [_cell([one[name] for one in found]) for name in FIGURES]
                lines.append(f"| {attention} | {size} | {len(found)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(values):
    sd = f" ± {100 * np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    return f"{100 * np.mean(values):.1f}{sd}"


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default="runs/bags_digits", help="of all results")
    parser.add_argument("--attentions", default=",".join(ATTENTIONS))
    parser.add_argument("--table", action="store_true", help="only print what is there")
    return parser


if __name__ == "__main__":
    main(_parser().parse_args())
