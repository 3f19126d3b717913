import json

import pytest
import tensorflow as tf

from attention_zoo.trainers.strategies import is_chief, make_strategy


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
        (None, r"^strategy is 'multi_worker', TF_CONFIG has \[\], expected "),
        ({"task": 0}, r"^strategy is 'multi_worker', TF_CONFIG has \['task'\], expected "),
        ("{", "^TF_CONFIG is no JSON .*, expected "),
    ],
)
def test_multi_worker_needs_a_cluster(config, message, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config if config == "{" else json.dumps(config))
    with pytest.raises(ValueError, match=message):
        make_strategy("multi_worker")


def test_tpu_needs_a_tpu():
    with pytest.raises(ValueError, match="^strategy is 'tpu', no TPU was found .*, expected") as e:
        make_strategy("tpu")
    assert "\n" not in str(e.value)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="^strategy is 'gpu', expected one of"):
        make_strategy("gpu")
