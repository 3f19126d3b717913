import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from attention_zoo.training.run_callbacks import KeepBest
from attention_zoo.training.workdir import Workdir


@pytest.fixture
def run(tmp_path):
    with Workdir(tmp_path / "run", {}) as run:
        yield run


def model(phase=None):
    """One weight; its attention in a phase, where it has phases."""
    one = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    one.compile(keras.optimizers.SGD())
    one.attention = SimpleNamespace() if phase is None else SimpleNamespace(phase=phase)
    return one


def follow(callback, model, values, name="val_label_accuracy", first=0):
    """Epochs whose weight is their number, counted from 1."""
    callback.set_model(model)
    for epoch, value in enumerate(values, start=first):
        model.set_weights([np.full((1, 1), epoch + 1.0)])
        callback.on_epoch_end(epoch, {name: value})


def end(callback, model):
    callback.on_train_end()
    return float(model.get_weights()[0][0, 0])


def test_the_first_best_epoch_is_put_back(run):
    callback, one = KeepBest(run, "accuracy"), model()
    follow(callback, one, [0.5, 0.7, 0.7, 0.6])
    assert end(callback, one) == callback.epoch == 2


def test_averages_are_kept_where_the_optimizer_has_them(run):
    callback, one = KeepBest(run, "accuracy"), model()
    one.compile(keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5))
    one.set_weights([np.full((1, 1), 4.0)])
    for _ in range(2):  # 3, then 2: 2.5 on average
        one.optimizer.apply([np.ones((1, 1), "float32")], one.trainable_variables)
    callback.set_model(one)
    callback.on_epoch_end(0, {"val_label_accuracy": 0.5})
    assert float(one.get_weights()[0][0, 0]) == 2.0
    assert end(callback, one) == 2.5


def test_the_best_loss_is_the_lowest(run):
    callback, one = KeepBest(run, "loss"), model()
    follow(callback, one, [0.9, 0.8, 1.1], "val_loss")
    assert end(callback, one) == 2


def test_an_epoch_without_a_number_is_never_the_best(run):
    callback, one = KeepBest(run, "loss"), model()
    follow(callback, one, [np.nan, 0.9, np.nan, 1.1], "val_loss")
    assert end(callback, one) == callback.epoch == 2


def test_the_second_phase_of_a_hybrid_begins_anew(run):
    phase = keras.Variable(0, dtype="int32", trainable=False)
    callback, one = KeepBest(run, "accuracy"), model(phase)
    follow(callback, one, [0.5, 0.9])
    phase.assign(1)
    follow(callback, one, [0.6, 0.7, 0.65], first=2)
    assert end(callback, one) == callback.epoch == 4


def test_a_resumed_run_goes_on(run):
    callback, one = KeepBest(run, "accuracy"), model()
    follow(callback, one, [0.5, 0.7])
    resumed = KeepBest(run, "accuracy")
    resumed.set_state(callback.get_state())
    follow(resumed, one, [0.6], first=2)
    assert end(resumed, one) == resumed.epoch == 2


def test_without_an_epoch_nothing_is_put_back(run):
    callback, one = KeepBest(run, "accuracy"), model()
    follow(callback, one, [])
    before = float(one.get_weights()[0][0, 0])
    assert end(callback, one) == before and callback.epoch is None


def test_a_model_without_attention_keeps_its_best_epoch(run):
    callback, one = KeepBest(run, "loss", patience=1), model()
    del one.attention
    follow(callback, one, [3.0, 1.0, 2.0], "val_loss")
    assert one.stop_training and end(callback, one) == 2.0


def test_a_figure_that_the_model_has_not_is_said_in_a_line(run):
    callback = KeepBest(run, "accuracy")
    message = (
        r"^keep is 'accuracy', whose figure val_label_accuracy is none of the model's, "
        r"\['val_loss'\], expected 'last', or a figure that is$"
    )
    with pytest.raises(ValueError, match=message):
        follow(callback, model(), [1.0], "val_loss")


def checkpoint(run, callback, step):
    """What a checkpoint of the run says of the callback."""
    state = {"callbacks": {"3 KeepBest": callback.get_state()}}

    def write(path):
        path.mkdir()
        (path / "state.json").write_text(json.dumps(state))

    run.write(f"checkpoints/step-{step}", write, folder=True)


def test_weights_that_a_checkpoint_goes_back_to_are_kept(run):
    """A run broken off after a better epoch need not find that again: a GPU rounds otherwise."""
    callback, one = KeepBest(run, "accuracy"), model()
    follow(callback, one, [0.5, 0.7])
    checkpoint(run, callback, 2)
    follow(callback, one, [0.8], first=2)  # then broken off
    resumed = KeepBest(run, "accuracy")
    resumed.set_state({"epoch": 2, "best": 0.7, "phase": 0})
    follow(resumed, one, [0.69], first=2)
    assert end(resumed, one) == resumed.epoch == 2


def test_weights_that_nobody_goes_back_to_are_removed(run):
    callback, one = KeepBest(run, "accuracy"), model()
    follow(callback, one, [0.5, 0.6, 0.7])
    checkpoint(run, callback, 3)
    (run.path / "checkpoints" / "step-4").mkdir()  # damaged
    follow(callback, one, [0.8, 0.9], first=3)
    kept = sorted(path.name for path in run.path.glob("best*"))
    assert kept == ["best-3.weights.h5", "best-5.weights.h5"]
    checkpoint(run, callback, 3)  # of epoch 5 now
    assert end(callback, one) == 5.0
    assert [path.name for path in run.path.glob("best*")] == ["best-5.weights.h5"]


def test_a_run_of_an_earlier_version_has_one_file(run):
    callback, one = KeepBest(run, "accuracy"), model()
    follow(callback, one, [0.5, 0.7])
    (run.path / "best-2.weights.h5").rename(run.path / "best.weights.h5")
    assert end(callback, one) == 2
