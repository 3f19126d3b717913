"""The contestants of exported_inference.py that run in PyTorch."""

import torch
from torch import nn
from train_step_torch import paper_networks


class Predictor(nn.Module):
    """Pixels (b, m, 32, 32, 3) -> probabilities (b, c) by the segment with the largest score."""

    def __init__(self, task):
        super().__init__()
        self.networks = paper_networks(task, pool_first=True)
        self.to(memory_format=torch.channels_last)

    def forward(self, x):
        b, m = x.shape[:2]
        x = x.flatten(0, 1).permute(0, 3, 1, 2)  # NCHW by name, NHWC in memory
        chosen = self.networks["focus"](x).view(b, m).argmax(1)
        picked = x[torch.arange(b) * m + chosen]
        return self.networks["classifier"](picked).float().softmax(1)


class Torch:
    """Channels last, pool first."""

    compile = False
    bfloat16 = False

    def __init__(self, task):
        model = Predictor(task).eval()
        self._predict = torch.compile(model, dynamic=False) if self.compile else model
        self._segments = torch.from_numpy(task.segments)

    @torch.inference_mode()
    def step(self, i):
        """Predicts the batch; returns the first example's probabilities."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            return self._predict(self._segments)[0].tolist()


class TorchCompiled(Torch):
    """The same through torch.compile."""

    compile = True


class TorchBfloat16(Torch):
    """Products in bfloat16 by autocast."""

    bfloat16 = True


class TorchCompiledBfloat16(TorchBfloat16):
    """The same through torch.compile."""

    compile = True
