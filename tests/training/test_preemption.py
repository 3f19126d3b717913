import os
import signal
import threading

import pytest

from attention_zoo.training.preemption import Preemption


def test_sigterm_is_a_request_within_the_context_only():
    before = signal.getsignal(signal.SIGTERM)
    with Preemption() as preemption:
        assert not preemption.requested
        os.kill(os.getpid(), signal.SIGTERM)
        assert preemption.requested
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_handler_goes_with_the_context_on_errors_too():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyError), Preemption():
        raise KeyError
    assert signal.getsignal(signal.SIGTERM) is before


def test_other_threads_train_without_it():
    requested = []

    def work():
        with Preemption() as preemption:
            requested.append(preemption.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert requested == [False]
