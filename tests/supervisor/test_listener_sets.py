"""The sockets of a supervisor: opened, shared, described and inherited."""

import os
import socket

import pytest

from asgiserve.config.config import Config
from asgiserve.errors import StartupError
from asgiserve.supervisor.listener_sets import ListenerSets
from asgiserve.supervisor.takeover import Inheritance

needs_reuse_port = pytest.mark.skipif(
    not hasattr(socket, "SO_REUSEPORT"), reason="no SO_REUSEPORT here"
)


@pytest.fixture
def open_sets():
    opened = []

    def open_with(**options):
        if not {"bind", "uds"} & options.keys():
            options["port"] = 0
        opened.append(ListenerSets(Config("main:app", **options)))
        return opened[-1]

    yield open_with
    for sets in opened:
        sets.close()


def test_all_workers_share_sockets_that_listen(open_sets):
    sets = open_sets()
    first, second = sets.order_for(0), sets.order_for(1)
    assert first == second
    assert sets.fds == [first[0].fd]
    address = socket.socket(fileno=os.dup(first[0].fd))
    with address, socket.create_connection(address.getsockname()):
        pass


def test_texts_name_the_scheme_that_clients_use(open_sets):
    (plain,) = open_sets().texts
    (secure,) = open_sets(ssl_certfile=__file__).texts
    assert plain.startswith("http://127.0.0.1:")
    assert secure.startswith("https://127.0.0.1:")


@needs_reuse_port
def test_each_place_has_a_socket_of_its_own_at_the_same_address(open_sets):
    sets = open_sets(reuse_port=True)
    first, second = sets.order_for(0), sets.order_for(1)
    assert first[0].fd != second[0].fd
    assert first[0].text == second[0].text
    assert sets.order_for(1) == second, "a successor inherits its queue"
    assert len(sets.fds) == 2


@needs_reuse_port
def test_sockets_of_places_that_are_gone_are_closed(open_sets):
    sets = open_sets(reuse_port=True)
    for place in range(3):
        sets.order_for(place)
    sets.keep({1})
    assert len(sets.fds) == 2, "those of the first place stay"


@needs_reuse_port
@pytest.mark.parametrize("place", [0, 1])
def test_forked_worker_keeps_its_own_sockets_alone(open_sets, place):
    sets = open_sets(reuse_port=True)
    fds = [sets.order_for(place)[0].fd for place in range(3)]
    sets.keep_for_worker(place)
    for other, fd in enumerate(fds):
        if other == place:
            os.fstat(fd)
        else:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(fd)


def test_forked_worker_keeps_the_sockets_that_all_share(open_sets):
    sets = open_sets()
    sets.keep_for_worker(1)
    os.fstat(sets.fds[0])


@needs_reuse_port
def test_unix_socket_is_shared_although_ports_are_not(open_sets, tmp_path):
    path = tmp_path / "s"
    sets = open_sets(bind=[f"unix:{path}"], reuse_port=True)
    sets.order_for(1)
    sets.keep(set())
    assert path.exists()
    sets.close()
    assert not path.exists()


def test_address_in_use_leaves_nothing_open(open_sets, tmp_path):
    first = open_sets()
    port = socket.socket(fileno=os.dup(first.fds[0]))
    with port:
        taken = port.getsockname()[1]
    path = tmp_path / "s"
    with pytest.raises(StartupError, match="address already in use"):
        open_sets(bind=[f"unix:{path}", f"127.0.0.1:{taken}"])
    assert not path.exists()


def test_sockets_are_refused_once_no_worker_has_them(open_sets):
    sets = open_sets()
    with socket.socket(fileno=os.dup(sets.fds[0])) as workers:
        address = workers.getsockname()
        sets.leave_to_workers()
        socket.create_connection(address).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address).close()


def test_successor_owns_the_file_of_a_unix_socket_once_it_is_ready(open_sets, tmp_path):
    path = tmp_path / "s"
    old = open_sets(uds=path)
    read_fd, write_fd = os.pipe()
    content = {"pid": 1, "pipe": write_fd, "sockets": duplicates(old.describe())}
    inheritance = Inheritance(content)
    new = ListenerSets(Config("main:app", uds=path), inheritance.sets)
    assert new.texts == old.texts

    inheritance.tell_ready()
    assert os.read(read_fd, 5) == b"ready"
    os.close(read_fd)
    old.give_up_files()
    old.close()
    assert path.exists()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    new.close()
    assert not path.exists()


def test_successor_that_fails_leaves_the_file_alone(open_sets, tmp_path):
    path = tmp_path / "s"
    old = open_sets(uds=path)
    read_fd, write_fd = os.pipe()
    content = {"pid": 1, "pipe": write_fd, "sockets": duplicates(old.describe())}
    new = ListenerSets(Config("main:app", uds=path), Inheritance(content).sets)
    new.close()
    os.close(read_fd)
    os.close(write_fd)
    assert path.exists()


def duplicates(sockets):
    """*sockets* as another process has them: the same ones, by descriptors of its own."""
    return [[{**each, "fd": os.dup(each["fd"])} for each in entries] for entries in sockets]
