import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.training.checkpoints import find_checkpoints

SETTINGS = {
    "attention": "lvml",
    "network": "linear",
    "num_examples": 128,
    "num_test_examples": 64,
    "batch_size": 32,
    "epochs": 2,
    "learning_rate": 0.5,
}


def start(workdir, addresses, index, **changes):
    config = {
        "cluster": {"worker": addresses},
        "task": {"type": "worker", "index": index},
    }
    settings = SETTINGS | changes | {"strategy": "multi_worker"}
    flags = [f"--{name}={value}" for name, value in settings.items()]
    command = [sys.executable, "-m", "attention_zoo.trainers.sdc", f"--workdir={workdir}", *flags]
    environment = os.environ | {"TF_CONFIG": json.dumps(config), "MPLBACKEND": "agg"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def free_addresses(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    addresses = [f"localhost:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def weights(workdir):
    return keras.models.load_model(workdir / "model.keras").get_weights()


def curves(workdir, *names):
    with (workdir / "metrics.csv").open(newline="") as file:
        return [[float(row[name]) for name in names] for row in csv.DictReader(file)]


def ended(workers, code):
    """Waits until all have ended with this exit code; none is left behind."""
    try:
        for worker in workers:
            errors = worker.communicate(timeout=300)[1]
            assert worker.returncode == code, errors[-2000:]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


@pytest.mark.slow
def test_two_worker_processes_train_as_one_replica(tmp_path):
    """One folder, one writer; weights and curves as one replica's."""
    addresses = free_addresses(2)
    workers = [start(tmp_path / "two", addresses, index) for index in range(2)]
    ended(workers, code=0)
    az.train("mosaics", tmp_path / "one", **SETTINGS)
    for two, one in zip(weights(tmp_path / "two"), weights(tmp_path / "one"), strict=True):
        np.testing.assert_allclose(two, one, atol=1e-5)
    # FT in training is left out: at the start all scores are 0 and rounding chooses the segment.
    names = ("loss", "label_accuracy", "focus_entropy", "val_loss", "val_focus_accuracy")
    two, one = (curves(tmp_path / folder, *names) for folder in ("two", "one"))
    np.testing.assert_allclose(two, one, atol=1e-5)
    assert (tmp_path / "two/results.json").exists()


@pytest.mark.slow
def test_sigterm_to_one_worker_stops_both_after_the_same_step(tmp_path):
    """Both save and exit; the same commands go on and end as one replica does."""
    settings = {"epochs": 60, "steps_per_call": 1, "checkpoint_steps": 10}
    addresses = free_addresses(2)
    workers = [start(tmp_path / "two", addresses, index, **settings) for index in range(2)]
    until = time.monotonic() + 200
    while not find_checkpoints(tmp_path / "two/checkpoints") and time.monotonic() < until:
        time.sleep(0.05)
    workers[1].send_signal(signal.SIGTERM)
    ended(workers, code=128 + signal.SIGTERM)
    assert not (tmp_path / "two/results.json").exists()
    addresses = free_addresses(2)
    workers = [start(tmp_path / "two", addresses, index, **settings) for index in range(2)]
    ended(workers, code=0)
    az.train("mosaics", tmp_path / "one", **SETTINGS | settings)
    for two, one in zip(weights(tmp_path / "two"), weights(tmp_path / "one"), strict=True):
        np.testing.assert_allclose(two, one, atol=1e-3)
