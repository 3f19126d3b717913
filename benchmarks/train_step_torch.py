"""The PyTorch contestants of train_step.py."""

import torch
from torch import nn
from torch.nn import functional as F

torch.set_flush_denormal(True)  # else it slows down once a softmax saturates


class Torch:
    """The same networks and losses as most people run PyTorch: NCHW, ReLU, then pool."""

    channels_last = False
    pool_first = False
    compile = False
    bfloat16 = False

    def __init__(self, task):
        self.m, self.attention = task.num_segments, task.attention
        images = torch.from_numpy(task.images)  # NHWC
        self.images = images if self.channels_last else images.permute(0, 3, 1, 2).contiguous()
        self.batches = [
            tuple(torch.from_numpy(batch[name]).long() for name in ("rows", "label"))
            for batch in task.batches
        ]
        model = paper_networks(task, self.pool_first)
        if self.channels_last:
            model = model.to(memory_format=torch.channels_last)
        self.model = model
        self.optimizer = torch.optim.SGD(
            model.parameters(), lr=task.learning_rate, momentum=task.momentum
        )
        self.run = torch.compile(self.loss, dynamic=False) if self.compile else self.loss

    def step(self, i):
        """Takes one step and returns the loss of its batch."""
        rows, label = self.batches[i % len(self.batches)]
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            loss = self.run(rows, label)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def loss(self, rows, label):
        x = self.images.index_select(0, rows.flatten()).float().sub_(127.5).mul_(1 / 127.5)
        if self.channels_last:
            x = x.permute(0, 3, 1, 2)  # NCHW by name, NHWC in memory
        s = self.model["focus"](x).view(-1, self.m)
        if self.attention == "soft":
            return F.cross_entropy(self.model["classifier"](self.average(s.softmax(1), x)), label)
        log_p = self.model["classifier"](x).log_softmax(1).view(len(label), self.m, -1)
        index = label[:, None, None].expand(-1, self.m, 1)
        log_p = log_p.gather(2, index)[:, :, 0]  # of the true label, (b, m)
        if self.attention == "hard":
            return -(s.softmax(1) * log_p).sum(1).mean()
        return -(s.log_softmax(1) + log_p).logsumexp(1).mean()

    def average(self, a, x):
        if self.channels_last:
            x = x.permute(0, 2, 3, 1)
        flat = x.reshape(len(a), self.m, -1)
        average = torch.bmm(a[:, None], flat).view(-1, *x.shape[1:])
        return average.permute(0, 3, 1, 2) if self.channels_last else average


class TorchChannelsLast(Torch):
    """Channels last, and the pool before the ReLU: equal values, a quarter of the ReLUs."""

    channels_last = True
    pool_first = True


class TorchCompiled(TorchChannelsLast):
    """The same through torch.compile."""

    compile = True


class TorchBfloat16(TorchChannelsLast):
    """Channels last, pool first, products in bfloat16 by autocast."""

    bfloat16 = True


class TorchCompiledBfloat16(TorchBfloat16):
    """The same through torch.compile."""

    compile = True


def matrix_product(bfloat16):
    """A function of (a, b) that multiplies and waits, and one that makes its arguments."""
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    return torch.matmul, lambda a: torch.from_numpy(a).to(dtype)


def paper_networks(task, pool_first):
    """The task's focus and classification networks with its weights, as a ModuleDict."""
    model = nn.ModuleDict(_networks(task.num_classes, pool_first))
    _set_weights(model, task.weights)
    return model


def _networks(num_classes, pool_first):
    def stage(c_in, c_out, size, pool, bias):
        convolution = nn.Conv2d(c_in, c_out, size, bias=bias)
        if not pool:
            return [convolution, nn.ReLU()]
        after = [nn.MaxPool2d(2), nn.ReLU()] if pool_first else [nn.ReLU(), nn.MaxPool2d(2)]
        return [convolution, *after]

    def dense(units, bias):
        layers = [nn.Flatten()]
        for i, (n_in, n_out) in enumerate(zip(units, units[1:])):
            layers += [nn.ReLU()] if i else []
            layers.append(nn.Linear(n_in, n_out, bias=bias))
        return layers

    focus = stage(3, 32, 3, True, False) + stage(32, 64, 3, True, False)
    focus += stage(64, 64, 3, False, False) + dense([1024, 512, 64, 10, 1], False)
    classifier = stage(3, 6, 5, True, True) + stage(6, 16, 5, True, True)
    classifier += dense([400, 120, 84, 10, num_classes], True)
    return {"focus": nn.Sequential(*focus), "classifier": nn.Sequential(*classifier)}


@torch.no_grad()
def _set_weights(model, weights):
    """From the layout of Keras: transposes kernels, and flattened pixels (h, w, c) to (c, h, w)."""
    for name, network in model.items():
        channels = None
        for parameter, array in zip(network.parameters(), weights[name]):
            value = torch.from_numpy(array)
            if value.ndim == 4:
                channels, value = value.shape[3], value.permute(3, 2, 0, 1)
            elif value.ndim == 2:
                if channels is not None:
                    value = value.view(-1, channels, value.shape[1]).transpose(0, 1)
                    value, channels = value.reshape(-1, value.shape[2]), None
                value = value.T
            parameter.copy_(value)
