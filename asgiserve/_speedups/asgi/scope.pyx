# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``asgi/scope.py``: the scope of a request (ASGI HTTP, WebSocket 2.5)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memchr

from asgiserve._speedups.codecs.http1_head cimport RequestHead

from sys import intern
from urllib.parse import unquote_to_bytes

__all__ = ["ROOT_PATH_MODES", "ScopeFactory", "split_target"]

ASGI_VERSION = "3.0"
HTTP_SPEC_VERSION = "2.5"
WEBSOCKET_SPEC_VERSION = "2.5"

ROOT_PATH_MODES = ("keep", "strip", "prepend", "auto")

cdef str GET = intern("GET")

cdef dict ASGI = {"version": ASGI_VERSION, "spec_version": HTTP_SPEC_VERSION}


cdef class ScopeFactory:
    """Makes the scopes of one connection from a template and the request heads."""

    def __init__(
        self,
        str scheme,
        tuple server,
        tuple client,
        dict state,
        dict extensions,
        str root_path="",
        str root_path_mode="auto",
    ):
        self._state = state
        self._extensions = extensions
        self._root_path = root_path
        self._root_path_mode = root_path_mode
        # With no root_path there is nothing to keep, strip or prepend.
        self._keeps_path = not root_path or root_path_mode == "keep"
        # Every key is present, so that the copy is made in its final size.
        self._template = {
            "type": "http",
            "asgi": None,
            "http_version": "1.1",
            "server": server,
            "client": client,
            "scheme": scheme,
            "method": GET,
            "root_path": root_path,
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "headers": None,
            "extensions": None,
        }
        if state is not None:
            self._template["state"] = None

    cpdef dict http(self, RequestHead head):
        """The scope of the request with *head*; it belongs to the application alone."""
        cdef bytes raw_path = head.target
        cdef bytes query_string = b""
        cdef bytes authority = b""
        cdef str path
        cdef const char* p = PyBytes_AS_STRING(raw_path)
        # Fast lane: an origin-form target without a query is its own raw path.
        if p[0] != 47 or memchr(p, 63, PyBytes_GET_SIZE(raw_path)) is not NULL:
            raw_path, query_string, authority = split_target(raw_path)
        path = decode_path(raw_path)
        # An asterisk is no path.
        if not self._keeps_path and path != "*":
            path, raw_path = self._mount(path, raw_path)
        cdef dict scope = self._template.copy()
        # Each key that the template has right already saves 180 instructions.
        scope["asgi"] = ASGI.copy()
        if head.is_http_1_0:
            scope["http_version"] = head.http_version
        if head.method is not GET:
            scope["method"] = head.method
        scope["path"] = path
        scope["raw_path"] = raw_path
        if query_string:
            scope["query_string"] = query_string
        # "MUST ignore the received Host header field (if any) and instead replace it", RFC 9112
        # section 3.2.2.
        scope["headers"] = replace_host(head.headers, authority) if authority else head.headers
        scope["extensions"] = self._extensions.copy()
        if self._state is not None:
            scope["state"] = self._state.copy()
        return scope

    cpdef dict websocket(self, RequestHead head, list subprotocols):
        """The scope of the WebSocket that *head* asks for; it belongs to the application alone."""
        cdef dict scope = self.http(head)
        del scope["method"]
        scope["type"] = "websocket"
        scope["asgi"] = {"version": ASGI_VERSION, "spec_version": WEBSOCKET_SPEC_VERSION}
        scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
        scope["subprotocols"] = subprotocols
        extensions = {"websocket.http.response": {}}
        if "tls" in scope["extensions"]:
            extensions["tls"] = scope["extensions"]["tls"]
        scope["extensions"] = extensions
        return scope

    cdef tuple _mount(self, str path, bytes raw_path):
        cdef str root_path = self._root_path
        cdef str rest = path[len(root_path):]
        cdef bint is_below = path.startswith(root_path) and rest[:1] in ("", "/")
        if self._root_path_mode == "strip":
            if not is_below:
                return path, raw_path
            # raw_path is cut only where it spells the prefix the same way; an encoded prefix stays.
            raw_root = root_path.encode()
            if raw_path.startswith(raw_root):
                raw_path = raw_path[len(raw_root):] or b"/"
            return rest or "/", raw_path
        if self._root_path_mode == "auto" and is_below:
            return path, raw_path
        return root_path + path, root_path.encode() + raw_path


cpdef tuple split_target(bytes target):
    """Split a request-target into raw path, query string and authority (RFC 9112 section 3.2)."""
    cdef const char* p = PyBytes_AS_STRING(target)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(target)
    cdef const char* mark = <const char*>memchr(p, 63, size)
    cdef bytes path = target
    cdef bytes query_string = b""
    if mark is not NULL:
        path = PyBytes_FromStringAndSize(p, mark - p)
        query_string = PyBytes_FromStringAndSize(mark + 1, p + size - mark - 1)
    if p[0] == 47 or b"://" not in path:
        return path, query_string, b""
    _scheme, _mark, rest = path.partition(b"://")
    authority, slash, path = rest.partition(b"/")
    return slash + path or b"/", query_string, authority.rpartition(b"@")[2]


cdef list replace_host(list headers, bytes authority):
    """The fields with *authority* for Host, in its place or at the start."""
    replaced = [(name, authority if name == b"host" else value) for name, value in headers]
    if (b"host", authority) not in replaced:
        replaced.insert(0, (b"host", authority))
    return replaced


cdef str decode_path(bytes raw_path):
    """Percent-decode, then UTF-8-decode; bytes that are not UTF-8 become U+FFFD."""
    if memchr(PyBytes_AS_STRING(raw_path), 37, PyBytes_GET_SIZE(raw_path)) is not NULL:
        raw_path = unquote_to_bytes(raw_path)
    return PyUnicode_DecodeUTF8(PyBytes_AS_STRING(raw_path), PyBytes_GET_SIZE(raw_path), b"replace")
