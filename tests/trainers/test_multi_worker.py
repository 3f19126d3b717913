import csv
import json
import os
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest

from attention_zoo.trainers import sdc

SETTINGS = {
    "attention": "lvml",
    "network": "linear",
    "num_examples": 128,
    "num_test_examples": 64,
    "batch_size": 32,
    "epochs": 2,
    "learning_rate": 0.5,
}


def start(workdir, addresses, index):
    config = {
        "cluster": {"worker": addresses},
        "task": {"type": "worker", "index": index},
    }
    settings = SETTINGS | {"strategy": "multi_worker"}
    code = (
        "from attention_zoo.trainers import sdc\n"
        f"sdc.train_and_evaluate({str(workdir)!r}, **{settings!r})\n"
    )
    environment = os.environ | {"TF_CONFIG": json.dumps(config), "MPLBACKEND": "agg"}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True
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


@pytest.mark.slow
def test_two_worker_processes_train_as_one_replica(tmp_path):
    """One folder, one writer; weights and curves as one replica's."""
    addresses = free_addresses(2)
    workers = [start(tmp_path / "two", addresses, index) for index in range(2)]
    try:
        for worker in workers:
            errors = worker.communicate(timeout=300)[1]
            assert worker.returncode == 0, errors[-2000:]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    sdc.train_and_evaluate(tmp_path / "one", **SETTINGS)
    for two, one in zip(weights(tmp_path / "two"), weights(tmp_path / "one"), strict=True):
        np.testing.assert_allclose(two, one, atol=1e-5)
    # FT in training is left out: at the start all scores are 0 and rounding chooses the segment.
    names = ("loss", "label_accuracy", "focus_entropy", "val_loss", "val_focus_accuracy")
    two, one = (curves(tmp_path / folder, *names) for folder in ("two", "one"))
    np.testing.assert_allclose(two, one, atol=1e-5)
    assert (tmp_path / "two/results.json").exists()
