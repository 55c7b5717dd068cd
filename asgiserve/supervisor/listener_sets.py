"""The listening sockets of a supervisor: one set for all workers, or, by reuse_port, one for each.

The supervisor keeps every socket open, so that connections wait in it while a worker is replaced.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from asgiserve.errors import StartupError
from asgiserve.net.listener import Listener, reason_of
from asgiserve.net.sockets import bind_listeners, open_tcp
from asgiserve.worker.spec import ListenerOrder

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["ListenerSets"]


class ListenerSets:
    """Sets of sockets that listen, by the places of workers.

    Args:
        config: says where to listen, and whether workers have sockets of their own.
        sets: what another supervisor has opened; None: bind now.

    Raises:
        StartupError: an address cannot be bound; nothing stays open.
    """

    def __init__(self, config: Config, sets: list[list[Listener]] | None = None) -> None:
        self._config = config
        self._sets = {0: bind_listeners(config)} if sets is None else dict(enumerate(sets))
        try:
            if sets is None:
                self._listen(0)
        except StartupError:
            self.close()
            raise

    @property
    def texts(self) -> list[str]:
        """The addresses as clients write them."""
        texts = [listener.text for listener in self._sets[0]]
        if self._config.is_ssl:
            return [text.replace("http://", "https://", 1) for text in texts]
        return texts

    @property
    def fds(self) -> list[int]:
        """The file descriptors of all sockets."""
        return [each.sock.fileno() for listeners in self._sets.values() for each in listeners]

    def order_for(self, place: int) -> tuple[ListenerOrder, ...]:
        """What a worker at *place* listens on.

        Raises:
            StartupError: its own sockets cannot be opened.
        """
        if not self._config.reuse_port:
            place = 0
        elif place not in self._sets:
            self._sets[place] = [bind_beside(listener) for listener in self._sets[0]]
            self._listen(place)
        return tuple(ListenerOrder(each.sock.fileno(), each.text) for each in self._sets[place])

    def keep(self, places: set[int]) -> None:
        """Close the sockets that no worker of *places* has; the first ones always stay."""
        for place in self._sets.keys() - places - {0}:
            for listener in self._sets.pop(place):
                listener.close()

    def keep_for_worker(self, place: int) -> None:
        """In a forked worker at *place*: close the sockets that others have.

        A socket that nobody accepts at would get its share of connections as long as it is open.
        """
        own = self._sets[place if self._config.reuse_port else 0]
        for listeners in self._sets.values():
            if listeners is not own:
                for listener in listeners:
                    listener.sock.close()

    def describe(self) -> list[list[dict[str, Any]]]:
        """The sockets, for a supervisor that inherits their file descriptors."""
        return [
            [
                {"fd": each.sock.fileno(), "text": each.text, "file": each.socket_file}
                for each in self._sets[place]
            ]
            for place in sorted(self._sets)
        ]

    def give_up_files(self) -> None:
        """Leave the files of unix sockets to another supervisor."""
        for listener in self._sets[0]:
            listener.give_up_file()

    def leave_to_workers(self) -> None:
        """Let new connections be refused once no worker accepts them."""
        for listeners in self._sets.values():
            for listener in listeners:
                listener.sock.close()

    def close(self) -> None:
        """Close the sockets, and remove the files of unix sockets."""
        for listeners in self._sets.values():
            for listener in listeners:
                listener.close()

    def _listen(self, place: int) -> None:
        for listener in self._sets[place]:
            listener.listen(self._config.backlog)


def bind_beside(listener: Listener) -> Listener:
    """Another socket at the address of *listener*, or, for a unix socket, the same one again.

    Raises:
        StartupError: it cannot be opened.
    """
    try:
        if listener.sock.family not in (socket.AF_INET, socket.AF_INET6):
            return Listener(listener.sock.dup(), listener.text)
        first = listener.sock
        is_dual = first.family == socket.AF_INET6 and not first.getsockopt(
            socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
        )
        sock = open_tcp(first.family, first.getsockname(), is_shared=True, is_dual=is_dual)
    except OSError as exc:
        raise StartupError(f"cannot bind {listener.text} again: {reason_of(exc)}") from exc
    return Listener(sock, listener.text)
