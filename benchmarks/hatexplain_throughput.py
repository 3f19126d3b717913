"""Posts per second of a training epoch of the simple model: this package against PyTorch.

python benchmarks/hatexplain_throughput.py --data_dir=hatexplain --attention=soft

Two processes take turns, an epoch each (240 steps): the same posts in the same batches, the same
networks from the same weights, dropout, Adam, no average of weights. Ours is the trainer's loop
with its input pipeline and its metrics; PyTorch gets its batches padded and in memory, computes the
loss alone, and has its fused Adam. Before the first turn both give the loss of the first batch
without dropout, which must agree. Prints medians and the ratio of the times, ours to PyTorch's.
Raise malloc's thresholds for both, as docs/benchmarks.md does.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from asked_worker import Worker, answer, timed

CONTESTANTS = ("ours", "torch")


def main():
    arguments = _parser().parse_args()
    if arguments.worker:
        return work(arguments)
    with tempfile.TemporaryDirectory() as folder:
        workers = {name: Worker(name, folder) for name in CONTESTANTS}
        losses = {name: worker.ask("loss") for name, worker in workers.items()}
        print(f"loss of the first batch: {losses}")
        if abs(losses["ours"] - losses["torch"]) > 1e-4:
            sys.exit("the losses differ: the models are not equal")
        seconds = {name: [] for name in CONTESTANTS}
        for number in range(arguments.rounds + 1):
            for name, worker in workers.items():
                taken = worker.ask("epoch")
                seconds[name] += [taken] if number else []  # the first traces and warms up
        posts = workers["ours"].ask("posts")
        for worker in workers.values():
            worker.close()
    median = {name: float(np.median(times)) for name, times in seconds.items()}
    for name, value in median.items():
        spread = (max(seconds[name]) - min(seconds[name])) / 2
        print(f"{name}: {posts / value:.0f} posts/s, a turn {value:.2f} ± {spread:.2f} s")
    print(f"ratio of times, ours to PyTorch's: {median['ours'] / median['torch']:.2f}")


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="as of the trainer")
    parser.add_argument("--attention", default="soft", choices=("soft", "hard", "lvml"))
    parser.add_argument("--rounds", type=int, default=5, help="turns of each, after a first one")
    parser.add_argument("--steps", type=int, default=240, help="steps a turn")
    parser.add_argument("--worker", choices=CONTESTANTS, help="used by the script itself")
    parser.add_argument("--folder", help="used by the script itself")
    return parser


def work(arguments):
    """Answers questions on the standard input."""
    contestant = {"ours": Ours, "torch": Torch}[arguments.worker](arguments)
    epoch = timed(contestant.epoch)
    answer({"loss": contestant.loss, "posts": contestant.posts, "epoch": epoch})


class Ours:
    """The trainer's model, loop and input pipeline; writes its weights and batches for PyTorch."""

    def __init__(self, arguments):
        import keras

        from attention_zoo import datasets
        from attention_zoo.tasks import TextTask
        from attention_zoo.training.loop import Loop
        from attention_zoo.training.run import build_model

        keras.utils.set_random_seed(0)
        task = TextTask()
        self.settings = task.config(attention=arguments.attention, ema_momentum=None)
        info = datasets.load("hatexplain", "train", data_dir=arguments.data_dir)[1]
        self.model = build_model(task, self.settings, {"train": info})
        source = info.source.encoded(self.model.encoder.look_up)
        self.steps = arguments.steps
        batches = source.endless(self.settings.batch_size)
        self.first = next(iter(batches))
        self._write(Path(arguments.folder), batches)
        self.loop = Loop(self.model)
        self.loop.evaluate(batches.take(1))  # makes the metrics' variables
        self.batches = iter(batches)

    def _write(self, folder, batches):
        networks = self.model.encoder.network, self.model.focus, self.model.classifier
        weights = [w.numpy() for network in networks for w in network.trainable_weights]
        pieces = [w.numpy() for w in self.model.encoder.network.non_trainable_weights]
        np.savez(folder / "weights.npz", *weights, *pieces)
        epoch = [part for x, y in batches.take(self.steps) for part in (x, y["label"])]
        np.savez(folder / "batches.npz", *epoch)

    def loss(self):
        ids, targets = self.first
        segments, mask = self.model.encode(ids)
        scores = self.model.scores(segments)
        q, _ = self.model.attention.class_scores(self.model.classifier, segments, scores, mask)
        return float(-np.mean(q.numpy()[np.arange(len(q)), targets["label"].numpy()]))

    def posts(self):
        return self.steps * self.settings.batch_size

    def epoch(self):
        self.model.reset_metrics()
        for done in range(0, self.steps, self.settings.steps_per_call):
            self.loop.run(self.batches, min(self.settings.steps_per_call, self.steps - done))


class Torch:
    """The same model in PyTorch."""

    def __init__(self, arguments):
        import torch
        from torch import nn

        from attention_zoo.tasks import TextTask

        torch.set_flush_denormal(True)  # else it slows down once a softmax saturates
        torch.manual_seed(0)
        self.torch, self.attention = torch, arguments.attention
        self.settings = settings = TextTask.config()
        weights, batches = (
            list(np.load(Path(arguments.folder) / f"{name}.npz").values())
            for name in ("weights", "batches")
        )
        pairs = zip(batches[::2], batches[1::2], strict=True)
        self.batches = [(torch.tensor(x).long(), torch.tensor(y).long()) for x, y in pairs]
        *weights, pieces = weights
        self.pieces = torch.tensor(pieces).long()
        self.embedding, self.parts = (nn.Embedding(*w.shape) for w in weights[:2])
        self.focus, self.classifier = (
            nn.Sequential(
                nn.Linear(*w[0].shape),
                nn.ReLU(),
                nn.Dropout(settings.dropout),
                nn.Linear(*w[2].shape),
            )
            for w in (weights[2:6], weights[6:10])
        )
        self.dropout = nn.Dropout(settings.dropout)
        modules = [self.embedding, self.parts, self.focus, self.classifier, self.dropout]
        self.model = nn.ModuleList(modules)
        with torch.no_grad():
            for parameter, value in zip(self.model.parameters(), weights, strict=True):
                value = value if parameter.shape == value.shape else value.T
                parameter.copy_(torch.tensor(value))
        rate = settings.learning_rate
        adam = {"lr": rate, "eps": 1e-7, "fused": True}  # a quarter of the time of the default
        self.optimizer = torch.optim.Adam(self.model.parameters(), **adam)

    def loss(self):
        self.model.eval()
        return self._loss(*self.batches[0]).item()

    def posts(self):
        return len(self.batches) * self.settings.batch_size

    def epoch(self):
        self.model.train()
        for ids, label in self.batches:
            dropped = self.torch.rand(ids.shape) < self.settings.token_dropout
            ids = self.torch.where(dropped & (ids != 0), 1, ids)
            self.optimizer.zero_grad(set_to_none=True)
            self._loss(ids, label).backward()
            self.optimizer.step()

    def _mean_of_pieces(self, ids):
        rows = self.pieces[ids].flatten(0, 1)  # (b * m, pieces)
        bag = self.torch.nn.functional.embedding_bag
        means = bag(rows, self.parts.weight, mode="mean", padding_idx=0)
        return means.view(*ids.shape, -1)

    def _loss(self, ids, label):
        functional = self.torch.nn.functional
        x = self.dropout(self.embedding(ids) + self._mean_of_pieces(ids))  # (b, m, d)
        s = self.focus(x)[..., 0].masked_fill(ids == 0, -1e30)
        if self.attention == "soft":
            average = self.torch.bmm(s.softmax(1)[:, None], x)[:, 0]
            return functional.cross_entropy(self.classifier(average), label)
        log_p = self.classifier(x).log_softmax(2)
        log_p = log_p.gather(2, label[:, None, None].expand(-1, log_p.shape[1], 1))[..., 0]
        if self.attention == "hard":
            return -(s.softmax(1) * log_p).sum(1).mean()
        return -(s.log_softmax(1) + log_p).logsumexp(1).mean()


if __name__ == "__main__":
    main()
