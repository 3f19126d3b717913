"""The contestant of exported_inference.py that ONNX Runtime runs."""

import io

import onnxruntime
import torch
from exported_inference_torch import Predictor


class OnnxRuntime:
    """The PyTorch model, exported to ONNX, on ONNX Runtime's CPU provider."""

    def __init__(self, task):
        file, example = io.BytesIO(), torch.from_numpy(task.segments)
        torch.onnx.export(Predictor(task).eval(), (example,), file, dynamo=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = onnxruntime.InferenceSession(
            file.getvalue(), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {self._session.get_inputs()[0].name: task.segments}

    def step(self, i):
        """Predicts the batch; returns the first example's probabilities."""
        return self._session.run(None, self._inputs)[0][0].tolist()
