import keras
import numpy as np
import pytest

from attention_zoo.training.run_callbacks import Progress, StopIfNotFinite, WriteMetrics
from attention_zoo.training.workdir import Workdir


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="dense")])
    model.compile(keras.optimizers.SGD(0.5), loss="mse")
    return model


def test_finite_loss_and_weights_pass(tmp_path, model):
    callback = StopIfNotFinite(Workdir(tmp_path, {}))
    callback.set_model(model)
    callback.set_params({"steps": 9, "epochs": 5, "first_step": 0})
    callback.on_train_begin()
    callback.on_train_batch_end(0, {"loss": 1.0})
    callback.on_epoch_end(0, {"loss": 1.0})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_stops_the_run(value, tmp_path, model):
    callback = StopIfNotFinite(Workdir(tmp_path, {}))
    callback.set_model(model)
    callback.set_params({"steps": 9, "epochs": 5, "first_step": 22})
    callback.on_train_begin()  # in the third epoch, which a resumed run takes up
    model.trainable_variables[0].assign([[1.0], [value]])
    message = "dense/kernel has values that are not finite at epoch 3, by step 8, expected"
    with pytest.raises(FloatingPointError, match=message):
        callback.on_train_batch_end(7, {"loss": 1.0})


def test_epochs_done_again_replace_their_rows(tmp_path, model):
    run = Workdir(tmp_path, {})
    for epochs in ([0, 1, 2], [1]):
        callback = WriteMetrics(run)
        callback.set_model(model)
        for epoch in epochs:
            callback.on_epoch_end(epoch, {"loss": epoch + len(epochs) / 10})
    assert run.read_metrics() == [
        {"epoch": 1, "learning_rate": 0.5, "loss": 0.3},
        {"epoch": 2, "learning_rate": 0.5, "loss": 1.1},
    ]


@pytest.mark.parametrize("rows", [0, 1])
def test_curves_that_were_lost_are_not_gone_on_with(rows, tmp_path, model):
    """They would end up with a hole that no one sees."""
    run = Workdir(tmp_path, {})
    if rows:
        run.write_metrics([{"epoch": 1, "loss": 0.5}])
    callback = WriteMetrics(run)
    callback.set_params({"steps": 9, "epochs": 5, "first_step": 19})
    with pytest.raises(ValueError, match=rf"metrics.csv has {rows} epochs, expected the 2 before"):
        callback.on_train_begin()
    callback.set_params({"steps": 9, "epochs": 5, "first_step": 9 * rows})
    callback.on_train_begin()


@pytest.mark.parametrize("text", ["epoch,loss\n1\n", "epoch,loss\n1,2,3\n", "epoch,loss\n1,x\n"])
def test_damaged_curves_are_one_line(text, tmp_path):
    run = Workdir(tmp_path, {})
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(ValueError, match=r"metrics.csv is damaged \(.*\), expected the curves"):
        WriteMetrics(run)


def test_progress_shows_what_is_known(capsys):
    """A run without focus labels and without validation, taken up at the second of its 6 steps."""
    progress = Progress()
    progress.set_params({"steps": 3, "epochs": 2, "first_step": 1})
    progress.on_train_begin()
    progress.on_train_batch_begin(1)
    progress.on_train_batch_end(2, {"loss": 0.5, "label_accuracy": 0.25})
    progress._bar.refresh()
    shown = capsys.readouterr().err.split("\r")[-1]
    assert "loss=0.500, accuracy=0.250" in shown and "3/6 [" in shown and "FT" not in shown
    progress.on_epoch_end(0, {"loss": 0.5})
    progress.on_train_end()
