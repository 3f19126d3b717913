"""Checkpoints: all that a broken-off run needs to end as an unbroken one."""

import json
import re
import time
import warnings

import numpy as np

from attention_zoo._errors import first_line
from attention_zoo._json import loads
from attention_zoo._saving.weights_file import save_weights
from attention_zoo._sums import SUMS, check_sum, read_sums, write_sums
from attention_zoo.training import callback_state


class Checkpoints:
    """The newest checkpoints of a run: whole, checked, or not there.

    A checkpoint is a folder `step-…` of

    - `model.weights.h5`: weights, optimizer, sampler seeds, baselines, step counters, phase;
    - `state.json`: the step (with the seed, the position in the data), the sums of the metrics
      over the epoch so far, the random seeds of layers such as dropout, the state of callbacks;
    - `SHA256SUMS` of these, as `sha256sum --check` reads it.

    Args:
        workdir: the run's `Workdir`; the folders are made in its `checkpoints`.
        keep: number of newest checkpoints to keep.
        every_steps: steps between checkpoints.
        every_seconds: seconds between checkpoints, besides; None for no such limit.
        brought: callbacks that a user brings, whose state is saved as `callback_state` has it; of
            others it is where they have `get_state`.
    """

    def __init__(self, workdir, *, keep=2, every_steps, every_seconds=None, brought=()):
        for name, value in (("keep", keep), ("every_steps", every_steps)):
            if value < 1:
                raise ValueError(f"{name} is {value}, expected 1 or more")
        self._workdir = workdir
        self._folder = workdir.path / "checkpoints"
        self._keep = keep
        self._every_steps = every_steps
        self._every_seconds = every_seconds
        self._brought = list(brought)
        self._saved_step, self._saved_time = 0, time.monotonic()
        self._restored = None  # the callbacks' states, between the two calls that restore

    def save(self, model, callbacks, step, now=False):
        """Saves all state after `step` steps if a checkpoint is due, or `now`."""
        if not (now or self._is_due(step)) or step == self._saved_step:
            return
        state = {
            "step": step,
            "stop_training": bool(model.stop_training),
            "metrics": [variable.numpy().tolist() for variable in model.metrics_variables],
            "seeds": [variable.numpy().tolist() for variable in _seeds(model)],
            "callbacks": self._states(callbacks),
        }
        self._workdir.write(
            f"checkpoints/{_name(step)}", lambda path: _write(path, model, state), folder=True
        )
        for old in find_checkpoints(self._folder)[self._keep :]:
            self._workdir.remove(old)
        self._saved_step, self._saved_time = step, time.monotonic()

    def restore(self, model):
        """Loads the newest checkpoint that is sound; returns its number of steps, or 0.

        `model.stop_training` is then as it was. Warns of every checkpoint that is not what was
        written, and puts it aside as `….damaged`.

        Raises:
            ValueError: a checkpoint is what was written and does not fit the model, or a finished
                run has none that is sound: it would begin anew, over what it left.
        """
        for path in find_checkpoints(self._folder):
            try:
                state = _checked_state(path)
            except (OSError, ValueError) as error:
                reason = first_line(error)
                warnings.warn(f"checkpoint {path} cannot be read: {reason}", stacklevel=2)
                self._workdir.put_aside(path)
                continue
            _load(path, model, state)
            self._workdir.go_on()
            self._restored = state["callbacks"]
            self._saved_step = state["step"]
            return state["step"]
        if (self._workdir.path / "results.json").exists():
            raise ValueError(
                f"workdir {self._workdir.path} holds a finished run without a sound checkpoint, "
                "expected another workdir, or this folder removed, to train anew"
            )
        self._workdir.go_on()
        return 0

    def restore_callbacks(self, callbacks):
        """Gives callbacks back the state that came with what `restore` loaded, if it did.

        Raises:
            ValueError: other callbacks, or one whose state cannot be saved.
        """
        if self._restored is None:
            self._states(callbacks)  # now, not at the first checkpoint
            return
        for name, callback in self._stateful(callbacks):
            if name not in self._restored:
                raise ValueError(
                    f"callback {name!r} has no state in the checkpoint, expected the callbacks "
                    f"{sorted(self._restored)}"
                )
            callback_state.set_state(callback, self._restored[name])

    def _states(self, callbacks):
        return {name: callback_state.get_state(one) for name, one in self._stateful(callbacks)}

    def _stateful(self, callbacks):
        """Callbacks with a state to save, by a name that a resumed run gives them too."""
        for number, callback in enumerate(callbacks.callbacks):
            brought = any(callback is one for one in self._brought)
            if brought or hasattr(callback, "get_state"):
                yield f"{number} {type(callback).__name__}", callback

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


def _write(path, model, state):
    path.mkdir()
    save_weights(model, path / "model.weights.h5")
    (path / "state.json").write_text(json.dumps(state))
    write_sums(path)


def _checked_state(path):
    """The state; raises unless every file is there as it was written."""
    sums = read_sums(path)
    if sorted(sums) != ["model.weights.h5", "state.json"]:
        raise ValueError(f"{SUMS} has sums of {sorted(sums)}")
    for name, expected in sums.items():
        check_sum(path / name, expected)
    state = loads((path / "state.json").read_bytes())
    if not isinstance(state, dict) or not state.keys() >= _STATE:
        raise ValueError(f"state.json is no mapping of {sorted(_STATE)}")
    return state


_STATE = {"step", "stop_training", "metrics", "seeds", "callbacks"}


def _seeds(model):
    """The states of the random number generators, which Keras saves with no weights."""
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _load(path, model, state):
    """Loads weights, optimizer, sums of metrics and seeds."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Skipping variable loading")
            model.load_weights(path / "model.weights.h5")
        for variables, name in ((model.metrics_variables, "metrics"), (_seeds(model), "seeds")):
            for variable, value in zip(variables, state[name], strict=True):
                variable.assign(np.asarray(value, variable.dtype))
    except (ValueError, KeyError, UserWarning) as error:
        reason = first_line(error)
        raise ValueError(
            f"checkpoint {path} is whole but does not fit the model ({reason}), expected the model "
            "it was made with"
        ) from error
    model.stop_training = state["stop_training"]
