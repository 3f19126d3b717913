"""The contestants of gpu_step.py under PyTorch: the best of train_step_torch.py, on a GPU."""

import numpy as np
import torch
from train_step_torch import TorchChannelsLast

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def device():
    """What PyTorch runs on."""
    name = torch.cuda.get_device_name() if DEVICE == "cuda" else "cpu"
    return f"PyTorch {torch.__version__} on {name}"


class Step(TorchChannelsLast):
    """Channels last, pool before ReLU; autocast in bfloat16."""

    def __init__(self, task, dtype):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = dtype == "tf32"
        torch.backends.cudnn.benchmark = True
        super().__init__(task)
        self.low = dtype == "bfloat16"
        self.images = self.images.to(DEVICE)
        self.model = self.model.to(DEVICE)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=task.learning_rate, momentum=task.momentum
        )
        self.batches = [tuple(part.to(DEVICE) for part in batch) for batch in self.batches]

    def _take(self, rows, label):
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(DEVICE, torch.bfloat16, enabled=self.low):
            loss = self.run(rows, label)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def steps(self, count):
        """Takes `count` steps and waits for them; the loss of the last."""
        for i in range(count):
            loss = self._take(*self.batches[i % len(self.batches)])
        return loss.item()

    def first_step(self):
        """The loss, and the change of every weight, as Keras lays them out."""
        before = _as_keras_has_them(self.model)
        found = {"loss": self.steps(1)}
        changes = zip(_as_keras_has_them(self.model), before)
        return found | {f"w{i}": new - old for i, (new, old) in enumerate(changes)}


class Graph(Step):
    """The step in a CUDA graph: no work of the host between its kernels."""

    def __init__(self, task, dtype):
        super().__init__(task, dtype)
        self.graph = torch.cuda.CUDAGraph()
        self.given = tuple(part.clone() for part in self.batches[0])
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):  # cuDNN chooses its kernels, SGD makes its state
                super()._take(*self.given)
        torch.cuda.current_stream().wait_stream(side)
        self.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(self.graph):
            self.loss_of_step = super()._take(*self.given)

    def _take(self, rows, label):
        for given, part in zip(self.given, (rows, label)):
            given.copy_(part)
        self.graph.replay()
        return self.loss_of_step


class Compiled(Step):
    """Through torch.compile, with CUDA graphs of its own."""

    def __init__(self, task, dtype):
        super().__init__(task, dtype)
        self.run = torch.compile(self.loss, dynamic=False, mode="reduce-overhead")


@torch.no_grad()
def _as_keras_has_them(model):
    """The weights in the layout of Keras: the inverse of `train_step_torch._set_weights`."""
    found = []
    for network in model.values():
        channels = None
        for parameter in network.parameters():
            value = parameter.detach().float().cpu()
            if value.ndim == 4:
                channels, value = value.shape[0], value.permute(2, 3, 1, 0)
            elif value.ndim == 2:
                value = value.T
                if channels is not None:
                    value = value.reshape(channels, -1, value.shape[1]).transpose(0, 1)
                    value, channels = value.reshape(-1, value.shape[2]), None
            found.append(np.array(value))
    return found


CONTESTANTS = {"torch": Step, "torch_graph": Graph, "torch_compiled": Compiled}
