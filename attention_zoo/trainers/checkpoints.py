"""Checkpoints: all that a broken-off run needs to end as an unbroken one."""

import hashlib
import json
import re
import time
import warnings

import numpy as np


class Checkpoints:
    """The newest checkpoints of a run: whole, checked, or not there.

    A checkpoint is a folder `step-…` of

    - `model.weights.h5`: weights, optimizer, sampler seeds, baselines, step counters, phase;
    - `state.json`: the step (with the seed, the position in the data), the sums of the metrics
      over the epoch so far, the state of callbacks;
    - `SHA256SUMS` of these, as `sha256sum --check` reads it.

    Args:
        workdir: the run's `Workdir`; the folders are made in its `checkpoints`.
        keep: number of newest checkpoints to keep.
        every_steps: steps between checkpoints.
        every_seconds: seconds between checkpoints, besides; None for no such limit.
    """

    def __init__(self, workdir, *, keep=2, every_steps, every_seconds=None):
        self._workdir = workdir
        self._folder = workdir.path / "checkpoints"
        self._keep = keep
        self._every_steps = every_steps
        self._every_seconds = every_seconds
        self._saved_step, self._saved_time = 0, time.monotonic()

    def save(self, model, callbacks, step, now=False):
        """Saves all state after `step` steps if a checkpoint is due, or `now`."""
        if not (now or self._is_due(step)) or step == self._saved_step:
            return
        state = {
            "step": step,
            "metrics": [variable.numpy().tolist() for variable in model.metrics_variables],
            "callbacks": {name: one.get_state() for name, one in _stateful(callbacks)},
        }
        self._workdir.write(
            f"checkpoints/{_name(step)}", lambda path: _write(path, model, state), folder=True
        )
        for old in find_checkpoints(self._folder)[self._keep :]:
            self._workdir.remove(old)
        self._saved_step, self._saved_time = step, time.monotonic()

    def restore(self, model, callbacks):
        """Loads the newest checkpoint that is sound; returns its number of steps, or 0.

        Warns of every one that is not, and puts it aside as `….damaged`.
        """
        for path in find_checkpoints(self._folder):
            try:
                state = _read(path, model)
            except (OSError, ValueError, KeyError) as error:
                reason = str(error).splitlines()[0]
                warnings.warn(f"checkpoint {path} cannot be read: {reason}", stacklevel=2)
                self._workdir.put_aside(path)
                continue
            for variable, value in zip(model.metrics_variables, state["metrics"], strict=True):
                variable.assign(np.asarray(value, variable.dtype))
            for name, callback in _stateful(callbacks):
                callback.set_state(state["callbacks"][name])
            self._saved_step = state["step"]
            return state["step"]
        return 0

    def _is_due(self, step):
        if step // self._every_steps > self._saved_step // self._every_steps:
            return True
        seconds = time.monotonic() - self._saved_time
        return self._every_seconds is not None and seconds >= self._every_seconds


def find_checkpoints(folder):
    """The checkpoints in a folder, newest first; none if it is not there."""
    if not folder.is_dir():
        return []
    found = {path: re.fullmatch(r"step-(\d+)", path.name) for path in folder.iterdir()}
    steps = {path: int(match[1]) for path, match in found.items() if match}
    return sorted(steps, key=steps.__getitem__, reverse=True)


def _name(step):
    return f"step-{step:08d}"


def _stateful(callbacks):
    """Callbacks with a state of their own, by a name that a resumed run gives them too."""
    for number, callback in enumerate(callbacks.callbacks):
        if hasattr(callback, "get_state"):
            yield f"{number} {type(callback).__name__}", callback


def _write(path, model, state):
    path.mkdir()
    model.save_weights(path / "model.weights.h5")
    (path / "state.json").write_text(json.dumps(state))
    sums = [f"{_sha256(file)}  {file.name}\n" for file in sorted(path.iterdir())]
    (path / "SHA256SUMS").write_text("".join(sums))


def _read(path, model):
    """Loads the weights and returns the state; raises unless every file is as it was written."""
    for line in (path / "SHA256SUMS").read_text().splitlines():
        expected, name = line.split("  ")
        if _sha256(path / name) != expected:
            raise ValueError(f"{name} is not what was written (SHA-256 differs)")
    state = json.loads((path / "state.json").read_text())
    model.load_weights(path / "model.weights.h5")
    return state


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
