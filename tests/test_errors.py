import pytest
import tensorflow as tf

from attention_zoo._errors import one_line


def raised(function):
    with pytest.raises(tf.errors.OpError) as error:
        function()
    return error.value


def ones(n):
    return tf.ones((n, n)) + 1.0


# What TensorFlow 2.21 says of a function in a program of its own.
OOM = """Graph execution error:

Detected at node ones defined at (most recent call last):
  File "/somewhere/oom.py", line 8, in <module>

  File "/somewhere/tensorflow/dtensor/python/api.py", line 64, in call_with_layout

OOM when allocating tensor with shape[10000000,10000000] and type float on /job:localhost
\t [[{{node ones}}]]
Hint: If you want to see a list of allocated tensors when OOM happens, add an option.
 [Op:__inference_f_20]"""


@pytest.mark.parametrize(
    "fails",
    [
        pytest.param(lambda: ones(tf.constant(10**7)), marks=pytest.mark.slow),  # ten seconds
        pytest.param(lambda: tf.function(ones)(tf.constant(10**7)), marks=pytest.mark.slow),
        lambda: (_ for _ in ()).throw(tf.errors.ResourceExhaustedError(None, None, OOM)),
    ],
)
def test_memory_that_is_not_there_is_the_cause(fails):
    """What TensorFlow says of 400 TB."""
    line = one_line(raised(fails))
    assert "\n" not in line and "function_node" not in line
    assert line.startswith(
        "memory is not enough (OOM when allocating tensor with shape[10000000,10000000]"
    )
    assert line.endswith(", expected less data, a smaller batch or model")


def test_an_operation_that_fails_in_a_graph_is_the_cause():
    matrix = tf.constant([[1.0, 2.0]])
    square = tf.function(lambda n: tf.reshape(matrix, (n, n)))
    line = one_line(raised(lambda: square(tf.constant(3))))
    assert line.startswith("Input to reshape is a tensor with 2 values")


# What TensorFlow 2.21 says where a worker of two was killed.
RESET = """Graph execution error:

Detected at node while/CollectiveReduceV2 defined at (most recent call last):
  File "/somewhere/attention_zoo/trainers/command.py", line 39, in run

  File "/somewhere/absl/app.py", line 410, in run

Collective ops is aborted by: recvmsg:Connection reset by peer
Additional GRPC error information from remote target /job:worker/replica:0/task:1 while calling:
:UNKNOWN:Error received from peer  {grpc_status:14}
The error could be from a previous operation. Restart your program to reset.
\t [[{{node while/CollectiveReduceV2}}]] [Op:__inference_call_2592]"""
SILENT = """{{function_node __wrapped__CollectiveReduceV2_Nordering_token_1_device_/job:worker}} \
Collective ops is aborted by: Error reported from /job:worker/task:1: The following tasks are \
unhealthy (stopped sending heartbeats):
/job:worker/replica:0/task:1
The tasks have crashed. Check the task logs for an earlier error."""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (RESET, "Collective ops is aborted by: recvmsg:Connection reset by peer)"),
        (SILENT, "tasks are unhealthy (stopped sending heartbeats): /job:worker/replica:0/task:1)"),
    ],
)
def test_a_worker_that_is_lost_is_the_cause(text, reason):
    line = one_line(tf.errors.UnavailableError(None, None, text))
    assert line.startswith("another worker is lost (Collective ops is aborted by: ")
    assert f"{reason}, expected all workers to live: the same commands on all of them" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "memory is not enough (MemoryError), expected less data, a smaller batch"),
        (ValueError("epochs is 0\nand more"), "epochs is 0"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (RuntimeError(), "RuntimeError"),
        (tf.errors.UnavailableError(None, None, "the disk"), "the disk"),
    ],
)
def test_other_errors_keep_their_first_line(error, line):
    assert one_line(error).startswith(line)
