"""Lines for streams that nobody reads: nothing blocks, and what is lost is counted."""

from __future__ import annotations

import errno
import io
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import pytest

from asgiserve.logs import writer as log_writer
from asgiserve.logs.writer import MAX_UNSENT_BYTES, LogWriter, Target, open_nonblocking
from tests.fakes import ManualClock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes that can be polled")

DEADLINE_S = 10
KINDS = ["pipe", "socket", "terminal"]


class Channel:
    """A stream, as standard output is one, and its reader."""

    def __init__(self, reader_fd: int, stream_fd: int) -> None:
        self.reader_fd = reader_fd
        self.stream: TextIO = os.fdopen(stream_fd, "w", encoding="utf-8")
        os.set_blocking(reader_fd, False)

    def fill(self) -> None:
        """Write until another write would block, which it is left to do."""
        fd = self.stream.fileno()
        os.set_blocking(fd, False)
        for size in (4096, 1):
            try:
                while True:
                    os.write(fd, b"x" * size)
            except BlockingIOError:
                pass
        os.set_blocking(fd, True)

    def read(self) -> bytes:
        """All that has come so far, but for what it was filled with."""
        data = b""
        try:
            while piece := os.read(self.reader_fd, 65536):
                data += piece
        except BlockingIOError:
            pass
        return data.replace(b"\r\n", b"\n").lstrip(b"x")

    def read_all_of(self, writer: LogWriter) -> bytes:
        """What comes until nothing is left of what *writer* has kept."""
        data = self.read()
        for _ in range(DEADLINE_S * 1000):
            if writer.wait(0.001):
                return data + self.read()
            data += self.read()
        raise AssertionError("the writer does not go on")

    def close(self) -> None:
        os.close(self.reader_fd)
        self.stream.close()


def open_pipe() -> tuple[int, int]:
    return os.pipe()


def open_socket() -> tuple[int, int]:
    theirs, ours = socket.socketpair()
    return theirs.detach(), ours.detach()


def open_terminal() -> tuple[int, int]:
    try:
        master, terminal = os.openpty()
    except OSError:
        # As in a root without /dev/pts.
        pytest.skip("the system gives no terminal")
    return master, terminal


@contextmanager
def opened(kind: str) -> Iterator[Channel]:
    opener: Callable[[], tuple[int, int]] = globals()[f"open_{kind}"]
    channel = Channel(*opener())
    try:
        yield channel
    finally:
        channel.close()


@pytest.fixture(params=[True, False], ids=["direct", "by-thread"])
def is_direct(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the system has a way to write without blocking; else a thread does all."""
    if not request.param:
        monkeypatch.setattr(Target, "write", property(lambda _: None, lambda *_: None), False)
    return request.param


@pytest.fixture
def pipe() -> Iterator[Channel]:
    with opened("pipe") as channel:
        yield channel


@pytest.mark.parametrize("kind", KINDS)
def test_lines_come_through_in_their_order(kind: str, is_direct: bool) -> None:
    with opened(kind) as channel:
        writer = LogWriter(channel.stream)
        for number in range(100):
            writer.write(f"line {number} \u20ac\n")
        read = channel.read_all_of(writer).decode()
        assert read == "".join(f"line {number} \u20ac\n" for number in range(100))


@pytest.mark.parametrize("kind", KINDS)
def test_stream_that_nobody_reads_does_not_block(kind: str, is_direct: bool) -> None:
    with opened(kind) as channel:
        channel.fill()
        writer = LogWriter(channel.stream)
        writer.write("first\n")
        writer.write(b"second\n")
        assert os.get_blocking(channel.stream.fileno()), "changed for all who share it"
        assert channel.read_all_of(writer) == b"first\nsecond\n"


def test_thread_ends_when_the_reader_has_caught_up(pipe: Channel) -> None:
    pipe.fill()
    writer = LogWriter(pipe.stream)
    writer.write("kept\n")
    thread = writer._thread
    assert thread is not None
    assert thread.daemon
    pipe.read_all_of(writer)
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    writer.write("at once\n")
    assert pipe.read() == b"at once\n"


def test_lines_are_dropped_and_counted_until_the_reader_is_back(
    pipe: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    pipe.fill()
    writer = LogWriter(pipe.stream)
    line = "y" * 999 + "\n"
    total = 2 * MAX_UNSENT_BYTES // 1000
    for _ in range(total):
        writer.write(line)
    assert writer._unsent_bytes <= MAX_UNSENT_BYTES
    (warning,) = caplog.messages
    assert warning.endswith("are being dropped: the reader is too slow")
    kept = pipe.read_all_of(writer).count(b"\n")
    assert 0 < kept < total
    assert any(f"Dropped {total - kept} log lines" in each for each in caplog.messages)


def test_batch_that_does_not_fit_is_cut_at_a_line_end(pipe: Channel) -> None:
    pipe.fill()
    writer = LogWriter(pipe.stream)
    writer.write(b"0123456789\n" * (MAX_UNSENT_BYTES // 10))
    assert set(pipe.read_all_of(writer).splitlines()) == {b"0123456789"}


def test_line_that_was_cut_by_a_full_pipe_is_continued(pipe: Channel) -> None:
    lines = b"".join(b"%d\n" % number for number in range(100_000))
    writer = LogWriter(pipe.stream)
    writer.write(lines)
    assert pipe.read_all_of(writer) == lines


def test_reader_that_has_gone_costs_one_warning(
    pipe: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    writer = LogWriter(pipe.stream)
    reader = os.dup(pipe.reader_fd)
    os.close(reader)
    os.dup2(pipe.stream.fileno(), pipe.reader_fd)
    for _ in range(3):
        writer.write("lost\n")
    assert len(caplog.messages) == 1
    assert os.strerror(errno.EPIPE) in caplog.text


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is full")
def test_full_disk_costs_one_warning_and_is_over_some_time(
    tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with open("/dev/full", "w") as full, open(tmp_path / "log", "w") as file:
        writer = LogWriter(full)
        for _ in range(3):
            writer.write("lost\n")
        os.dup2(file.fileno(), full.fileno())
        writer.write("written\n")
    assert (tmp_path / "log").read_text() == "written\n"
    first, second = caplog.messages
    assert os.strerror(errno.ENOSPC) in first
    assert "Dropped 3 log lines" in second


def test_slow_file_is_left_to_a_thread(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()

    def write(fd: int, data: bytes) -> int:
        clock.now_s += 1
        threads.append(threading.current_thread())
        return original(fd, data)

    threads: list[threading.Thread] = []
    original = os.write
    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(log_writer.time, "monotonic", clock)
    with open(tmp_path / "log", "w") as file:
        writer = LogWriter(file)
        writer.write("one\n")
        writer.write("two\n")
        assert writer.wait(DEADLINE_S)
        writer.close()
    assert (tmp_path / "log").read_text() == "one\ntwo\n"
    assert threads[0] is threading.main_thread()
    assert threads[1] is not threading.main_thread()


def test_descriptor_that_was_redirected_is_followed(pipe: Channel) -> None:
    writer = LogWriter(pipe.stream)
    writer.write("before\n")
    with opened("pipe") as other:
        os.dup2(other.stream.fileno(), pipe.stream.fileno())
        writer.write("after\n")
        assert other.read() == b"after\n"
    assert pipe.read() == b"before\n"


def test_what_was_printed_comes_first(pipe: Channel) -> None:
    pipe.stream.write("printed\n")
    LogWriter(pipe.stream).write("logged\n")
    assert pipe.read() == b"printed\nlogged\n"


def test_what_was_printed_is_left_alone_while_nobody_reads(pipe: Channel) -> None:
    pipe.fill()
    pipe.stream.write("printed\n")
    writer = LogWriter(pipe.stream)
    writer.write("logged\n")
    writer.flush()
    data = pipe.read_all_of(writer)
    pipe.stream.flush()
    # First comes what the thread that writes found first: the reader may be back before it begins.
    assert sorted((data + pipe.read()).splitlines()) == [b"logged", b"printed"]


def test_stream_without_a_descriptor_is_written_to() -> None:
    stream = io.StringIO()
    writer = LogWriter(stream)
    writer.write("text\n")
    writer.write(b"bytes\n")
    assert stream.getvalue() == "text\nbytes\n"


def test_no_stream_takes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    LogWriter(None).write("lost\n")
    assert not caplog.messages


def test_characters_that_the_encoding_lacks_are_escaped() -> None:
    with opened("pipe") as channel:
        stream = os.fdopen(os.dup(channel.stream.fileno()), "w", encoding="ascii")
        with stream:
            LogWriter(stream).write("\u20ac\n")
        assert channel.read() == b"\\u20ac\n"


@pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="a writer that is gone is closed by the collector"
)
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_descriptors_are_neither_inherited_nor_leaked(pipe: Channel) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        writer = LogWriter(pipe.stream)
        writer.write("line\n")
        assert len(os.listdir("/proc/self/fd")) == before + 1
        writer.close()
        assert len(os.listdir("/proc/self/fd")) == before
        writer.write("again\n")
        del writer
    fd = open_nonblocking(pipe.stream.fileno())
    assert fd is not None
    assert not os.get_inheritable(fd)
    os.close(fd)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_does_not_repeat_what_its_parent_has_yet_to_write(pipe: Channel) -> None:
    pipe.fill()
    writer = LogWriter(pipe.stream)
    writer.write("parent\n")
    pid = os.fork()
    if pid == 0:
        try:
            writer.write("child\n")
            os._exit(0 if writer.wait(DEADLINE_S) else 1)
        finally:
            os._exit(2)
    data = pipe.read_all_of(writer)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert sorted((data + pipe.read()).splitlines()) == [b"child", b"parent"]


@pytest.fixture(autouse=True)
def _error_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Warnings go to *caplog*, whatever the tests before have configured."""
    logger = logging.getLogger("asgiserve.error")
    parent = logging.getLogger("asgiserve")
    before = logger.level, logger.propagate, parent.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = parent.propagate = True
    yield
    logger.level, logger.propagate, parent.propagate = before
