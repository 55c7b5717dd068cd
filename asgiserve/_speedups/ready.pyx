# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``asgi/ready.py``: awaitables that have nothing to wait for."""

__all__ = ["Failed", "Ready"]


cdef class Ready:
    """An awaitable whose result is known."""

    cr_await = None
    cr_frame = None
    cr_running = False
    cr_suspended = False

    def __init__(self, value):
        self._value = value

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        if self._value is None:
            # Without a value Cython returns NULL, and no exception is made only to be unpacked.
            raise StopIteration
        raise StopIteration(self._value)

    def send(self, value):
        raise StopIteration(self._value)

    def throw(self, kind, value=None, traceback=None):
        raise kind if value is None else value

    def close(self):
        """Nothing is suspended, so nothing is closed."""


cdef class Failed(Ready):
    """An awaitable whose awaiting raises a known exception."""

    def __next__(self):
        raise self._value

    def send(self, value):
        raise self._value


NOTHING = Ready(None)
globals()["NOTHING"] = NOTHING
