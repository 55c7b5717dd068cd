# cython: language_level=3, freethreading_compatible=True
# What llhttp's callbacks note of the bytes fed, the callbacks, and what gives the memory back.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from asgiserve._speedups.llhttp cimport F_CHUNKED, HPE_PAUSED, llhttp_settings_t, llhttp_t


cdef enum:
    # In total for each message, as other servers have it: extensions carry nothing that anybody
    # reads.
    EXTENSION_LIMIT = 16384
    # Room for the fields that a connection keeps; a larger table is given back after its message.
    USUAL_FIELDS = 16


cdef struct Span:
    # Offsets from the first byte of the section; 32 bits keep an idle connection small.
    uint32_t start
    uint32_t end


cdef struct Field:
    Span name
    Span value


cdef struct Section:
    # The head or trailer section that is being read, and the body.
    const char* data         # where the section, or its continuation, begins in the bytes fed
    size_t earlier           # bytes of the section that came in earlier feeds
    Span target
    Field* fields
    size_t size
    size_t room
    size_t max_fields
    bint is_name_open        # the last field has no value yet
    const char* body         # the first body piece of this feed, NULL if none
    size_t body_size
    Span* pieces             # all of them when there are several, as offsets from the first
    size_t piece_count
    size_t piece_room
    size_t extension_bytes


cdef inline void begin_section(Section* section, const char* p) noexcept:
    """A section begins at *p* in the bytes fed."""
    section.data = p
    section.earlier = 0
    section.size = 0
    section.is_name_open = False
    section.target.end = 0


cdef inline void end_message(Section* section) noexcept:
    """Forget what belongs to one message, and give back what is too large to be kept."""
    section.extension_bytes = 0
    if section.room > USUAL_FIELDS:
        free(section.fields)
        section.fields = NULL
        section.room = 0


cdef inline void free_section(Section* section) noexcept:
    free(section.fields)
    free(section.pieces)


cdef inline bytes join_pieces(Section* section):
    """The chunks of one feed as one piece; they lie apart, with chunk marks in between."""
    cdef size_t size = 0
    cdef Span* piece = section.pieces
    cdef Span* last = piece + section.piece_count
    while piece != last:
        size += piece.end - piece.start
        piece += 1
    cdef bytes body = PyBytes_FromStringAndSize(NULL, size)
    cdef char* out = PyBytes_AS_STRING(body)
    piece = section.pieces
    while piece != last:
        # Offsets from the first piece, which section.body points to.
        memcpy(out, section.body + piece.start, piece.end - piece.start)
        out += piece.end - piece.start
        piece += 1
    free(section.pieces)
    section.pieces = NULL
    section.piece_room = 0
    return body


# llhttp's callbacks. Each gets the Section of its parser; -1 stops with HPE_USER.

cdef inline void set_callbacks(llhttp_settings_t* settings) noexcept:
    settings.on_url = note_target
    settings.on_header_field = note_name
    settings.on_header_value = note_value
    settings.on_body = note_body
    settings.on_chunk_extension_name = note_extension
    settings.on_chunk_extension_value = note_extension
    settings.on_chunk_extension_name_complete = note_extension_name_end
    settings.on_headers_complete = stop_before_body
    settings.on_chunk_header = stop_at_last_chunk
    settings.on_message_complete = stop_at_end


cdef inline int note_target(llhttp_t* parser, const char* at, size_t length) noexcept:
    cdef Section* section = <Section*>parser.data
    cdef uint32_t start = <uint32_t>(section.earlier + (at - section.data))
    # A target that came in pieces is contiguous in the section.
    if section.target.end != start:
        section.target.start = start
    section.target.end = start + <uint32_t>length
    return 0


cdef inline int note_name(llhttp_t* parser, const char* at, size_t length) noexcept:
    cdef Section* section = <Section*>parser.data
    cdef uint32_t start = <uint32_t>(section.earlier + (at - section.data))
    cdef Field* field
    if section.is_name_open and section.fields[section.size - 1].name.end == start:
        section.fields[section.size - 1].name.end = start + <uint32_t>length
        return 0
    if section.size == section.max_fields:
        return -1
    if section.size == section.room:
        if not has_room(<void**>&section.fields, &section.room, sizeof(Field)):
            return -1
    field = &section.fields[section.size]
    field.name.start = start
    field.name.end = start + <uint32_t>length
    field.value = field.name
    field.value.start = field.value.end
    section.size += 1
    section.is_name_open = True
    return 0


cdef inline int note_value(llhttp_t* parser, const char* at, size_t length) noexcept:
    cdef Section* section = <Section*>parser.data
    cdef uint32_t start = <uint32_t>(section.earlier + (at - section.data))
    cdef Field* field = &section.fields[section.size - 1]
    if section.is_name_open:
        section.is_name_open = False
        field.value.start = start
    field.value.end = start + <uint32_t>length
    return 0


cdef inline int note_body(llhttp_t* parser, const char* at, size_t length) noexcept:
    cdef Section* section = <Section*>parser.data
    if section.piece_count == 0:
        section.body = at
        section.body_size = length
        section.piece_count = 1
        return 0
    if section.piece_room < section.piece_count + 1:
        if not has_room(<void**>&section.pieces, &section.piece_room, sizeof(Span)):
            return -1
    if section.piece_count == 1:
        section.pieces[0].start = 0
        section.pieces[0].end = <uint32_t>section.body_size
    section.pieces[section.piece_count].start = <uint32_t>(at - section.body)
    section.pieces[section.piece_count].end = <uint32_t>(at - section.body + length)
    section.piece_count += 1
    return 0


cdef inline int note_extension(llhttp_t* parser, const char* at, size_t length) noexcept:
    cdef Section* section = <Section*>parser.data
    section.extension_bytes += length
    return -1 if section.extension_bytes > EXTENSION_LIMIT else 0


cdef inline int note_extension_name_end(llhttp_t* parser) noexcept:
    # Names may be empty, so each costs a byte more than it has.
    return note_extension(parser, NULL, 1)


cdef inline int stop_before_body(llhttp_t* parser) noexcept:
    # For llhttp an upgrade or CONNECT ends HTTP; here it is for the application to say so.
    parser.upgrade = 0
    return HPE_PAUSED if parser.flags & F_CHUNKED or parser.content_length else 0


cdef inline int stop_at_last_chunk(llhttp_t* parser) noexcept:
    return 0 if parser.content_length else HPE_PAUSED


cdef inline int stop_at_end(llhttp_t* parser) noexcept:
    return HPE_PAUSED


cdef inline bint has_room(void** table, size_t* room, size_t entry_size) noexcept:
    """Double a table; False when there is no memory."""
    cdef size_t new_room = USUAL_FIELDS if room[0] == 0 else room[0] * 2
    cdef void* grown = realloc(table[0], new_room * entry_size)
    if grown is NULL:
        return False
    table[0] = grown
    room[0] = new_room
    return True
