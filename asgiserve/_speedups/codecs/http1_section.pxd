# cython: language_level=3, freethreading_compatible=True
# What llhttp's callbacks note of a request head, the callbacks, and what gives the memory back.

from libc.stdint cimport uint32_t
from libc.stdlib cimport free, realloc

from asgiserve._speedups.codecs.llhttp cimport HPE_PAUSED, llhttp_settings_t, llhttp_t


cdef enum:
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
    # The head that is being read.
    const char* data         # where the section, or its continuation, begins in the bytes fed
    size_t earlier           # bytes of the section that came in earlier feeds
    Span target
    Field* fields
    size_t size
    size_t room
    size_t max_fields
    bint is_name_open        # the last field has no value yet


cdef inline void begin_section(Section* section, const char* p) noexcept:
    """A section begins at *p* in the bytes fed."""
    section.data = p
    section.earlier = 0
    section.size = 0
    section.is_name_open = False
    section.target.end = 0


cdef inline void end_section(Section* section) noexcept:
    """Give back what is too large to be kept."""
    if section.room > USUAL_FIELDS:
        free_section(section)


cdef inline void free_section(Section* section) noexcept:
    free(section.fields)
    section.fields = NULL
    section.room = 0
    section.size = 0


# llhttp's callbacks. Each gets the Section of its parser; -1 stops with HPE_USER.

cdef inline void set_callbacks(llhttp_settings_t* settings) noexcept:
    settings.on_url = note_target
    settings.on_header_field = note_name
    settings.on_header_value = note_value
    settings.on_headers_complete = stop_at_end


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


cdef inline int stop_at_end(llhttp_t* parser) noexcept:
    # What follows a head is not llhttp's: no body, no upgrade.
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
