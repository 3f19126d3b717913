"""Distribution strategies by name: what the machine cannot give is an error, no fallback."""

import os

import tensorflow as tf

from attention_zoo._errors import first_line
from attention_zoo._json import loads
from attention_zoo.training.config import STRATEGIES


def make_strategy(name):
    """The `tf.distribute` strategy of this name.

    Args:
        name: "none": one replica. "mirrored": a replica on each GPU of this machine or, where
            there is none, on each of its logical CPUs. "multi_worker": a replica on each worker
            of the cluster that the environment variable TF_CONFIG describes. "tpu": one on each
            core of the TPU that TPU_NAME names, or of a TPU machine's own (as TensorFlow's guide
            has it; this was never run on a TPU).

    Raises:
        ValueError: the machine does not have what the strategy needs.
    """
    makers = {
        "none": tf.distribute.get_strategy,
        "mirrored": _mirrored,
        "multi_worker": _multi_worker,
        "tpu": _tpu,
    }
    if name not in makers:
        raise ValueError(f"strategy is {name!r}, expected one of {list(STRATEGIES)}")
    return makers[name]()


def is_chief(strategy):
    """Whether this process is the one that writes: the only one, or worker 0 of several."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    return resolver.task_type == "chief" or (
        resolver.task_type == "worker"
        and resolver.task_id == 0
        and "chief" not in resolver.cluster_spec().jobs
    )


def _mirrored():
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) < 2 and devices[0].device_type == "CPU":
        raise ValueError(
            "strategy is 'mirrored', this machine has no GPU and 1 logical CPU, expected a GPU or "
            "more logical CPUs"
        )
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _multi_worker():
    try:
        config = loads(os.environ.get("TF_CONFIG", "{}"))
    except ValueError as error:
        raise ValueError(f"TF_CONFIG is no JSON ({error}), {_TF_CONFIG}") from error
    if not _names_a_worker(config):
        raise ValueError(f"strategy is 'multi_worker', TF_CONFIG is {config}, {_TF_CONFIG}")
    return tf.distribute.MultiWorkerMirroredStrategy()


def _names_a_worker(config):
    """Whether the task of TF_CONFIG is one of its cluster; else TensorFlow may run it alone."""
    cluster, task = (_dict_in(config, name) for name in ("cluster", "task"))
    jobs = {name: cluster[name] for name in ("chief", "worker") if name in cluster}
    if not all(_are_addresses(job) for job in jobs.values()):
        return False
    kind, index = (task.get(name) for name in ("type", "index"))
    return kind in list(jobs) and type(index) is int and 0 <= index < len(jobs[kind])


def _dict_in(config, name):
    value = config.get(name) if isinstance(config, dict) else None
    return value if isinstance(value, dict) else {}


def _are_addresses(job):
    return isinstance(job, list) and job != [] and all(isinstance(one, str) for one in job)


_TF_CONFIG = (
    'expected {"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": …}}'
)


def _tpu():
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver
    try:
        cluster = resolver(tpu=os.environ.get("TPU_NAME", "local"))
        tf.config.experimental_connect_to_cluster(cluster)
        tf.tpu.experimental.initialize_tpu_system(cluster)
    except (ValueError, OSError, tf.errors.OpError) as error:
        reason = first_line(error)
        raise ValueError(
            f"strategy is 'tpu', no TPU was found ({reason}), expected a TPU machine or TPU_NAME"
        ) from error
    return tf.distribute.TPUStrategy(cluster)
