import os
import signal
import threading

import pytest

from attention_zoo.training.preemption import SIGNALS, Preemption

pytestmark = pytest.mark.usefixtures("heeded_signals")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_a_request_within_the_context_only(number):
    before = signal.getsignal(number)
    with Preemption() as preemption:
        assert not preemption.requested
        os.kill(os.getpid(), number)
        assert preemption.requested and preemption.signal == number
    assert signal.getsignal(number) is before


def test_the_signals_are_those_of_schedulers_keyboards_and_terminals():
    assert [one.name for one in SIGNALS] == ["SIGTERM", "SIGINT", "SIGHUP"]


def test_the_first_signal_counts_and_a_second_ctrl_c_does_not_wait():
    with Preemption() as preemption:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        assert preemption.signal == signal.SIGHUP
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Preemption() as preemption:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not preemption.requested
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


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
