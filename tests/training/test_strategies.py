import gc
import json
import urllib.error

import pytest
import tensorflow as tf

from attention_zoo.training.strategies import is_chief, make_strategy

WORKERS = {"worker": ["a:1", "b:1"]}
FIRST = {"type": "worker", "index": 0}


def test_none_is_tensorflows_default():
    strategy = make_strategy("none")
    assert strategy is tf.distribute.get_strategy()
    assert is_chief(strategy)


def test_mirrored_takes_the_logical_cpus_where_there_is_no_gpu():
    strategy = make_strategy("mirrored")
    assert strategy.num_replicas_in_sync == len(tf.config.list_logical_devices("CPU")) == 2
    assert is_chief(strategy)


def test_mirrored_needs_more_than_one_cpu(monkeypatch):
    one = tf.config.list_logical_devices("CPU")[:1]
    monkeypatch.setattr(
        tf.config, "list_logical_devices", lambda kind: one if kind == "CPU" else []
    )
    message = "^strategy is 'mirrored', this machine has no GPU and 1 logical CPU, expected"
    with pytest.raises(ValueError, match=message):
        make_strategy("mirrored")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, r"^strategy is 'multi_worker', TF_CONFIG is {}, expected "),
        ({"task": 0}, r"^strategy is 'multi_worker', TF_CONFIG is {'task': 0}, expected "),
        ("{", "^TF_CONFIG is no JSON .*, expected "),
        ([], r"^strategy is 'multi_worker', TF_CONFIG is \[\], expected "),
        (3, "^strategy is 'multi_worker', TF_CONFIG is 3, expected "),
        ({"cluster": [], "task": 1}, r"TF_CONFIG is {'cluster': \[\], 'task': 1}, expected "),
        ({"cluster": {}, "task": {}}, "TF_CONFIG is {'cluster': {}, 'task': {}}, expected "),
        ({"cluster": {"worker": []}, "task": FIRST}, "TF_CONFIG is .*, expected "),
        ({"cluster": {"worker": "a:1"}, "task": FIRST}, "TF_CONFIG is .*, expected "),
        ({"cluster": {"worker": [1]}, "task": FIRST}, "TF_CONFIG is .*, expected "),
        ({"cluster": {"worker": ["a:1"]}, "task": {}}, "TF_CONFIG is .*, expected "),
        ({"cluster": {"chief": ["a:1"]}, "task": FIRST}, "TF_CONFIG is .*, expected "),
        ({"cluster": WORKERS, "task": FIRST | {"index": 2}}, "TF_CONFIG is .*, expected "),
        ({"cluster": WORKERS, "task": FIRST | {"index": "0"}}, "TF_CONFIG is .*, expected "),
        ({"cluster": WORKERS, "task": FIRST | {"type": ["worker"]}}, "TF_CONFIG is .*, expected "),
    ],
)
def test_multi_worker_needs_a_cluster(config, message, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config if config == "{" else json.dumps(config))
    with pytest.raises(ValueError, match=message) as error:
        make_strategy("multi_worker")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("cluster", "kind"), [(WORKERS, "worker"), (WORKERS | {"chief": ["c:1"]}, "chief")]
)
def test_multi_worker_takes_any_task_of_the_cluster(cluster, kind, monkeypatch):
    config = {"cluster": cluster, "task": {"type": kind, "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", lambda: "made")
    assert make_strategy("multi_worker") == "made"


@pytest.mark.parametrize(
    ("error", "reason"),
    [(urllib.error.URLError("no host"), "<urlopen error no host>"), (OSError(), "OSError")],
)
def test_a_tpu_that_cannot_be_reached_is_one_line(error, reason, monkeypatch):
    def reach(tpu):
        raise error

    monkeypatch.setattr(tf.distribute.cluster_resolver, "TPUClusterResolver", reach)
    message = rf"^strategy is 'tpu', no TPU was found \({reason}\), expected a TPU machine"
    with pytest.raises(ValueError, match=message):
        make_strategy("tpu")


def test_tpu_needs_a_tpu(monkeypatch):
    monkeypatch.setattr(gc, "collect", lambda: 0)  # which TensorFlow does first, for seconds here
    with pytest.raises(ValueError, match="^strategy is 'tpu', no TPU was found .*, expected") as e:
        make_strategy("tpu")
    assert "\n" not in str(e.value)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="^strategy is 'gpu', expected one of"):
        make_strategy("gpu")
