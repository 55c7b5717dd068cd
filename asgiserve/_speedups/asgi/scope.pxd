# cython: language_level=3, freethreading_compatible=True

from asgiserve._speedups.codecs.http1_head cimport RequestHead


cdef class ScopeFactory:
    cdef dict _template
    cdef dict _state
    cdef dict _extensions
    cdef str _root_path
    cdef str _root_path_mode
    cdef bint _keeps_path

    cpdef dict http(self, RequestHead head)
    cpdef dict websocket(self, RequestHead head, list subprotocols)
    cdef tuple _mount(self, str path, bytes raw_path)
