"""A training step of the caption decoder: this package against PyTorch.

python benchmarks/captions_step.py --attention=soft

Processes take turns, some steps each: the trainer's loop without and with XLA, and PyTorch with the
same decoder from the same weights on the same batches, Adam. All make once what does not depend on
the recurrence. Ours has its metrics as well; PyTorch computes the loss alone. Before the first turn
each gives the loss of the first batch, which must agree. Prints medians and the ratio of the times,
ours to PyTorch's. Raise malloc's thresholds for all, as docs/benchmarks.md does.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from asked_worker import Worker, answer, timed

CONTESTANTS = ("ours", "ours_xla", "torch")
BATCHES = 4


def main():
    arguments = _parser().parse_args()
    if arguments.worker:
        return work(arguments)
    with tempfile.TemporaryDirectory() as folder:
        workers = {name: Worker(name, folder) for name in arguments.contestants}
        losses = {name: worker.ask("loss") for name, worker in workers.items()}
        print(f"loss of the first batch: {losses}")
        if max(losses.values()) - min(losses.values()) > 1e-4:
            sys.exit("the losses differ: the models are not equal")
        seconds = {name: [] for name in workers}
        for number in range(arguments.rounds + 1):
            for name, worker in workers.items():
                taken = worker.ask("steps") / arguments.steps
                seconds[name] += [taken] if number else []  # the first traces and warms up
        for worker in workers.values():
            worker.close()
    for name, times in seconds.items():
        ratio = np.median(times) / np.median(seconds["torch"]) if "torch" in seconds else np.nan
        print(
            f"{arguments.attention}, {name}: {1000 * np.median(times):.0f} ms a step "
            f"({1000 * min(times):.0f} to {1000 * max(times):.0f}), {ratio:.2f} of PyTorch's"
        )


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attention", default="soft", choices=("soft", "hard", "lvml"))
    parser.add_argument("--contestants", nargs="+", default=CONTESTANTS, choices=CONTESTANTS)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each, after a first one")
    parser.add_argument("--steps", type=int, default=4, help="steps a turn")
    parser.add_argument("--batch_size", type=int, default=100)
    parser.add_argument("--length", type=int, default=20, help="words of a caption")
    parser.add_argument("--vocabulary", type=int, default=2000)
    parser.add_argument("--regions", type=int, default=49)
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--worker", choices=CONTESTANTS, help="used by the script itself")
    parser.add_argument("--folder", help="used by the script itself")
    return parser


def work(arguments):
    """Answers questions on the standard input."""
    contestant = Torch(arguments) if arguments.worker == "torch" else Ours(arguments)
    answer({"loss": contestant.loss, "steps": timed(contestant.take_steps)})


def batches_of(arguments):
    """BATCHES of random features, words and next words."""
    rng = np.random.default_rng(0)
    b, n = arguments.batch_size, arguments.length
    for _ in range(BATCHES):
        features = rng.normal(size=(b, arguments.regions, arguments.features))
        words = rng.integers(4, arguments.vocabulary, size=(b, n + 1)).astype("int32")
        yield features.astype("float32"), words[:, :-1], words[:, 1:]


class Ours:
    """The captioner and the loop; writes its weights for PyTorch."""

    def __init__(self, arguments):
        import keras
        import tensorflow as tf

        from attention_zoo.models import Captioner
        from attention_zoo.optimizers import Adam
        from attention_zoo.training.loop import Loop

        keras.utils.set_random_seed(0)
        self.steps = arguments.steps
        words = [f"word{i}" for i in range(arguments.vocabulary - 4)]
        self.model = Captioner(words, arguments.attention)
        shape = (None, arguments.regions, arguments.features)
        self.model.build({"features": shape, "words": (None, arguments.length)})
        names = [weight.path.split("decoder/")[1] for weight in self.model.trainable_weights]
        weights = [weight.numpy() for weight in self.model.trainable_weights]
        np.savez(Path(arguments.folder) / "weights.npz", **dict(zip(names, weights, strict=True)))
        self.model.compile(Adam(1e-3))
        self.first, *_ = parts = list(batches_of(arguments))
        stacked = [np.stack(part) for part in zip(*parts, strict=True)]
        dataset = tf.data.Dataset.from_tensor_slices(tuple(stacked)).repeat()
        dataset = dataset.map(lambda x, y, z: ({"features": x, "words": y}, {"words": z}))
        self.loop = Loop(self.model, jit_compile=arguments.worker == "ours_xla")
        self.loop.evaluate(dataset.take(1))  # makes the metrics' variables
        self.batches = iter(dataset.prefetch(1))

    def loss(self):
        features, words, targets = self.first
        q = self.model({"features": features, "words": words}, training=True)["words"]
        return float(self.model.compute_loss(None, targets, {"words": q}))

    def take_steps(self):
        self.loop.run(self.batches, self.steps)
        self.model.get_metrics_result()["loss"].numpy()


class Torch:
    """The same decoder in PyTorch."""

    def __init__(self, arguments):
        import torch

        torch.set_flush_denormal(True)
        self.torch, self.attention, self.steps = torch, arguments.attention, arguments.steps
        weights = np.load(Path(arguments.folder) / "weights.npz")
        self.weights = {
            name: torch.nn.Parameter(torch.tensor(value)) for name, value in weights.items()
        }
        self.batches = [
            (torch.tensor(x), torch.tensor(words).long(), torch.tensor(targets).long())
            for x, words, targets in batches_of(arguments)
        ]
        adam = {"lr": 1e-3, "eps": 1e-7, "fused": True}
        self.optimizer = torch.optim.Adam(self.weights.values(), **adam)

    def loss(self):
        with self.torch.no_grad():
            return self._loss(*self.batches[0]).item()

    def take_steps(self):
        for i in range(self.steps):
            self.optimizer.zero_grad(set_to_none=True)
            self._loss(*self.batches[i % BATCHES]).backward()
            self.optimizer.step()

    def _dense(self, name, x):
        y = x @ self.weights[f"{name}/kernel"]
        return y + self.weights[f"{name}/bias"] if f"{name}/bias" in self.weights else y

    def _loss(self, x, words, targets):
        torch, dense = self.torch, self._dense
        embedded = torch.nn.functional.embedding(words, self.weights["embedding/embeddings"])
        gates, projected = dense("of_word", embedded), dense("scores/of_region", x)
        h, c = dense("first_state", x.mean(1)).tanh().chunk(2, 1)
        states, contexts, scores = [], [], []
        for gates_t in gates.unbind(1):
            fit = torch.tanh(projected + dense("scores/of_state", h)[:, None])
            s = dense("scores/score", fit)[..., 0]
            z = torch.bmm(s.softmax(1)[:, None], x)[:, 0]
            total = gates_t + dense("of_context", z) + dense("of_state", h)
            enter, keep, candidate, leave = total.chunk(4, 1)
            c = keep.sigmoid() * c + enter.sigmoid() * candidate.tanh()
            h = leave.sigmoid() * c.tanh()
            for steps, value in ((states, h), (contexts, z), (scores, s)):
                steps.append(value)
        pre = embedded + dense("read_state", torch.stack(states, 1))
        if self.attention == "soft":
            read = pre + dense("read_context", torch.stack(contexts, 1))
            logits = dense("vocabulary", read).flatten(0, 1)
            return torch.nn.functional.cross_entropy(logits, targets.flatten())
        log_p = self._log_p(x, pre, targets)
        s = torch.stack(scores, 1)
        if self.attention == "hard":
            return -(s.softmax(2) * log_p).sum(2).mean()
        return -(s.log_softmax(2) + log_p).logsumexp(2).mean()

    def _log_p(self, x, pre, targets):
        """log p_j of the true words, (b, n, r), without (b, n, r, v) as well."""
        torch = self.torch
        base = self._dense("vocabulary", pre)  # (b, n, v)
        seen = self._dense("read_context", x) @ self.weights["vocabulary/kernel"]  # (b, r, v)
        top, top_seen = base.amax(2, keepdim=True).detach(), seen.amax(2, keepdim=True).detach()
        product = torch.bmm((base - top).exp(), (seen - top_seen).exp().mT)  # (b, n, r)
        log_z = product.log() + top + top_seen.mT
        index = targets[:, None].expand(-1, seen.shape[1], -1)
        of_true = seen.gather(2, index).mT + base.gather(2, targets[..., None])
        return of_true - log_z


if __name__ == "__main__":
    main()
