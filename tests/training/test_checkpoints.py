import hashlib
import json
import os
import time

import keras
import numpy as np
import pytest

from attention_zoo.training import checkpoints as checkpoints_module
from attention_zoo.training.checkpoints import Checkpoints, find_checkpoints
from attention_zoo.training.workdir import Workdir


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss="mse")
    model.optimizer.build(model.trainable_variables)
    model.stop_training = False
    return model


class Counter(keras.callbacks.Callback):
    """A callback with a state."""

    def __init__(self, count=0):
        super().__init__()
        self.count = count

    def get_state(self):
        return {"count": self.count}

    def set_state(self, state):
        self.count = state["count"]


def callbacks(*ones):
    return keras.callbacks.CallbackList([*ones, keras.callbacks.Callback()])


def variables(model):
    return [*model.trainable_variables, *model.optimizer.variables, *model.metrics_variables]


def set_all(model, value):
    for variable in variables(model):
        variable.assign(np.full(variable.shape, value, dtype=variable.dtype))


def saved(tmp_path, model, steps, keep=2, **options):
    checkpoints = Checkpoints(Workdir(tmp_path, {}), keep=keep, every_steps=1, **options)
    for step in steps:
        set_all(model, step)
        checkpoints.save(model, callbacks(Counter(10 * step)), step)
    set_all(model, 0)
    return checkpoints


def restore(tmp_path, model, counter=None):
    checkpoints = Checkpoints(Workdir(tmp_path, {}), every_steps=1)
    step = checkpoints.restore(model)
    checkpoints.restore_callbacks(callbacks(counter or Counter()))
    return step


def test_a_checkpoint_gives_all_state_back(tmp_path, model):
    counter = Counter()
    assert restore(tmp_path, model, counter) == 0
    saved(tmp_path, model, [1, 2, 3])
    assert restore(tmp_path, model, counter) == 3
    assert len(variables(model)) > 5  # kernel, bias, their momenta, iterations, rate, loss
    for variable in variables(model):
        np.testing.assert_array_equal(variable.numpy(), 3)
    assert counter.count == 30
    names = [path.name for path in find_checkpoints(tmp_path / "checkpoints")]
    assert names == ["step-00000003", "step-00000002"]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, empty, flip, os.remove])
@pytest.mark.parametrize("name", ["model.weights.h5", "state.json", "SHA256SUMS"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(name, damage, tmp_path, model):
    saved(tmp_path, model, [1, 2])
    damage(tmp_path / "checkpoints/step-00000002" / name)
    with pytest.warns(UserWarning, match=r"^checkpoint .*step-00000002 cannot be read: "):
        assert restore(tmp_path, model) == 1
    for variable in variables(model):
        np.testing.assert_array_equal(variable.numpy(), 1)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        "step-00000001",
        "step-00000002.damaged",
    ]


def test_a_sum_that_is_missing_is_damage(tmp_path, model):
    saved(tmp_path, model, [1, 2])
    sums = tmp_path / "checkpoints/step-00000002/SHA256SUMS"
    sums.write_text(sums.read_text().splitlines()[0] + "\n")
    with pytest.warns(UserWarning, match=r"SHA256SUMS has sums of \['model.weights.h5'\]$"):
        assert restore(tmp_path, model) == 1


@pytest.mark.parametrize("units", [2, 3])
def test_a_sound_checkpoint_of_another_model_is_left_alone(units, tmp_path, model):
    """Another shape, or the same without the optimizer's variables."""
    saved(tmp_path, model, [1])
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
    other.compile(keras.optimizers.Adam(), loss="mse")
    with pytest.raises(ValueError, match="is whole but does not fit the model .*, expected"):
        restore(tmp_path, other)
    assert find_checkpoints(tmp_path / "checkpoints")


def test_a_callback_that_is_new_is_told(tmp_path, model):
    saved(tmp_path, model, [1])
    checkpoints = Checkpoints(Workdir(tmp_path, {}), every_steps=1)
    checkpoints.restore(model)
    both = callbacks(Counter(), Counter())
    with pytest.raises(ValueError, match=r"^callback '1 Counter' has no state .* \['0 Counter'\]$"):
        checkpoints.restore_callbacks(both)


def test_the_end_of_training_is_kept(tmp_path, model):
    checkpoints = Checkpoints(Workdir(tmp_path, {}), every_steps=1)
    model.stop_training = True
    checkpoints.save(model, callbacks(Counter()), 3)
    model.stop_training = False
    assert restore(tmp_path, model) == 3
    assert model.stop_training


@pytest.mark.parametrize("settings", [{"keep": 0}, {"every_steps": 0}])
def test_bad_settings_raise(settings, tmp_path):
    (name,) = settings
    with pytest.raises(ValueError, match=f"^{name} is 0, expected 1 or more$"):
        Checkpoints(Workdir(tmp_path, {}), **{"every_steps": 1} | settings)


def test_sums_are_those_of_sha256sum(tmp_path, model):
    saved(tmp_path, model, [1])
    folder = tmp_path / "checkpoints/step-00000001"
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == ["model.weights.h5", "state.json"]
    for line in lines:
        digest, name = line.split("  ")
        assert digest == hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_a_save_that_is_broken_off_leaves_the_checkpoint_before(tmp_path, model, monkeypatch):
    checkpoints = saved(tmp_path, model, [1])

    def killed(model, path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints_module, "save_weights", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(model, callbacks(), 2)
    assert restore(tmp_path, model) == 1


def test_checkpoints_come_every_so_many_steps(tmp_path, model):
    """Looked at after 3, 6, 9, … steps: saved at the first look from each multiple of 5 on."""
    checkpoints = Checkpoints(Workdir(tmp_path, {}), keep=9, every_steps=5)
    for step in range(3, 22, 3):
        checkpoints.save(model, callbacks(), step)
    steps = [int(path.name[5:]) for path in find_checkpoints(tmp_path / "checkpoints")]
    assert steps == [21, 15, 12, 6]


def test_checkpoints_come_every_so_many_seconds(tmp_path, model, monkeypatch):
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    checkpoints = Checkpoints(Workdir(tmp_path, {}), keep=9, every_steps=99, every_seconds=10)
    for step in range(1, 8):
        now += 4.0
        checkpoints.save(model, callbacks(), step)
    steps = [int(path.name[5:]) for path in find_checkpoints(tmp_path / "checkpoints")]
    assert steps == [6, 3]


def test_now_means_now_but_not_twice(tmp_path, model):
    checkpoints = Checkpoints(Workdir(tmp_path, {}), every_steps=99)
    checkpoints.save(model, callbacks(), 7, now=True)
    folder = find_checkpoints(tmp_path / "checkpoints")[0]
    before = folder.stat().st_ino
    checkpoints.save(model, callbacks(), 7, now=True)
    assert find_checkpoints(tmp_path / "checkpoints")[0].stat().st_ino == before


@pytest.mark.parametrize("most", [0, 500, 5_000])
def test_a_full_disk_leaves_the_checkpoints_before(most, tmp_path, model, full_disk):
    """One line, no half checkpoint that takes room, and the next one is written again."""
    checkpoints = saved(tmp_path, model, [1, 2])
    expected = r"step-00000003 cannot be written \(.+\), expected a disk with room: what was saved"
    with full_disk(most), pytest.raises(OSError, match=expected) as error:
        checkpoints.save(model, callbacks(Counter()), 3)
    assert "\n" not in str(error.value)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-00000001", "step-00000002"]
    checkpoints.save(model, callbacks(Counter()), 3)
    assert restore(tmp_path, model) == 3


@pytest.mark.parametrize("text", ["[]", "{}", '{"step": 2}', "[" * 100_000])
def test_a_state_of_another_shape_is_damage(text, tmp_path, model):
    """Whoever made it gave it the right sum."""
    saved(tmp_path, model, [1, 2])
    folder = tmp_path / "checkpoints/step-00000002"
    (folder / "state.json").write_text(text)
    sums = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("model.weights.h5", "state.json")
    ]
    (folder / "SHA256SUMS").write_text("".join(sums))
    with pytest.warns(UserWarning, match=r"^checkpoint .*step-00000002 cannot be read: "):
        assert restore(tmp_path, model) == 1


def test_a_finished_run_without_a_sound_checkpoint_does_not_begin_anew(tmp_path, model):
    saved(tmp_path, model, [1])
    (tmp_path / "results.json").write_text("{}")
    assert restore(tmp_path, model) == 1
    (tmp_path / "checkpoints/step-00000001/state.json").unlink()
    message = "^workdir .* holds a finished run without a sound checkpoint, expected another work"
    with (
        pytest.warns(UserWarning, match="cannot be read"),
        pytest.raises(ValueError, match=message),
    ):
        restore(tmp_path, model)


def test_more_epochs_of_a_run_without_a_sound_checkpoint_change_nothing(tmp_path, model):
    saved(tmp_path, model, [1])
    settings = {"epochs": 1, "switch_epoch": 1}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "results.json").write_text("{}")

    def restored():
        return Checkpoints(Workdir(tmp_path, settings | {"epochs": 2}), every_steps=1).restore(
            model
        )

    state = tmp_path / "checkpoints/step-00000001/state.json"
    text = state.read_text()
    state.write_text("")
    with (
        pytest.warns(UserWarning, match="cannot be read"),
        pytest.raises(ValueError, match="^workdir .* a finished run without a sound checkpoint"),
    ):
        restored()
    assert json.loads((tmp_path / "config.json").read_text()) == settings
    assert (tmp_path / "results.json").exists()
    (tmp_path / "checkpoints/step-00000001.damaged").rename(state.parent)
    state.write_text(text)
    assert restored() == 1
    assert json.loads((tmp_path / "config.json").read_text())["epochs"] == 2
    assert not (tmp_path / "results.json").exists()
