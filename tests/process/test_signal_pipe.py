import select
import signal
import sys
import threading

import pytest

from asgiserve.process.signal_pipe import SignalPipe

if sys.platform == "win32":
    pytest.skip("there is no supervisor on Windows", allow_module_level=True)

NUMBERS = (signal.SIGUSR1, signal.SIGTERM)


def is_readable(pipe):
    poll = select.poll()
    poll.register(pipe.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def test_signals_are_read_in_their_order():
    with SignalPipe(NUMBERS) as pipe:
        assert not is_readable(pipe)
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGTERM):
            signal.raise_signal(number)
        assert is_readable(pipe)
        assert pipe.read() == [signal.SIGTERM, signal.SIGUSR1, signal.SIGTERM]
        assert pipe.read() == []


def test_thread_wakes_who_waits():
    with SignalPipe(NUMBERS) as pipe:
        thread = threading.Thread(target=pipe.wake)
        thread.start()
        thread.join()
        assert is_readable(pipe)
        assert pipe.read() == []
        assert not is_readable(pipe)


def test_waking_without_end_loses_no_signal():
    with SignalPipe(NUMBERS) as pipe:
        for _ in range(100_000):
            pipe.wake()
        signal.raise_signal(signal.SIGTERM)
        assert pipe.read() == [signal.SIGTERM]


def test_handlers_of_before_come_back():
    def handler(number, frame): ...

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with SignalPipe(NUMBERS):
            assert signal.getsignal(signal.SIGUSR1) is not handler
        assert signal.getsignal(signal.SIGUSR1) is handler
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_other_threads_catch_nothing():
    before = signal.getsignal(signal.SIGUSR1)
    seen = []

    def run():
        with SignalPipe(NUMBERS) as pipe:
            seen.append(signal.getsignal(signal.SIGUSR1))
            pipe.wake()
            seen.append(pipe.read())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before, []]


def test_file_descriptors_are_closed():
    with SignalPipe(NUMBERS) as pipe:
        pass
    with pytest.raises(OSError, match="Bad file descriptor"):
        pipe.read()
