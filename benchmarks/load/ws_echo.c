/* Sends WebSocket messages over open connections, on each the next when the last is echoed.

       ws_echo SECONDS ECHO_BYTES SOCKET... < FRAMES

   FRAMES are the messages, one masked frame each, that every connection sends in turn. ECHO_BYTES
   is the size of every echo's payload, 0 if it may be any (where the server compresses). SOCKETs
   are inherited descriptors: non-blocking, the handshake done. Writes one line of JSON: how many
   messages were echoed, in what time, and what went wrong, which ends the run.

   Of the echoes only the headers are looked at (RFC 6455 section 5.2), so that the server is what
   is measured. */

#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

/* The first byte of a frame that is a message's last, and of one that is no part of a message. */
#define FIN 0x80
#define CONTROL 0x08
#define MASKED 0x80
#define MASKING_KEY_BYTES 4
#define HEADER_MAX_BYTES 10
/* How long the last echoes may take once no more messages are sent. */
#define DRAIN_TIMEOUT_S 10

struct connection {
    int socket;
    const uint8_t *next_frame;
    const uint8_t *unsent, *unsent_end; /* of the message that is under way */
    bool awaits_writable;
    bool awaits_echo;
    uint8_t header[HEADER_MAX_BYTES];
    size_t header_bytes;
    bool is_header_read;
    uint64_t missing_bytes; /* of the frame's payload */
    uint64_t echo_bytes;    /* of the payloads of the echo's frames so far */
};

static uint8_t frames[1 << 20], *frames_end;
static uint64_t right_echo_bytes;
static int epoll;
static bool is_sending = true;
static long waiting, messages;
static char failure[200];

#define FAIL(...) snprintf(failure, sizeof failure, __VA_ARGS__)

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

/* Size of the header at p without the masking key, 0 while it is incomplete. */
static size_t read_header(const uint8_t *p, size_t available, uint64_t *payload_bytes) {
    if (available < 2)
        return 0;
    uint8_t length = p[1] & ~MASKED;
    size_t size = length == 127 ? 10 : length == 126 ? 4 : 2;
    if (available < size)
        return 0;
    *payload_bytes = size == 2 ? length : 0;
    for (size_t i = 2; i < size; i++)
        *payload_bytes = *payload_bytes << 8 | p[i];
    return size;
}

/* End of the masked frame at p, NULL when it is incomplete. */
static const uint8_t *find_frame_end(const uint8_t *p) {
    uint64_t payload_bytes, available = frames_end - p;
    size_t header_bytes = read_header(p, available, &payload_bytes);
    if (!header_bytes || available - header_bytes < MASKING_KEY_BYTES ||
        available - header_bytes - MASKING_KEY_BYTES < payload_bytes)
        return NULL;
    return p + header_bytes + MASKING_KEY_BYTES + payload_bytes;
}

static void send_rest(struct connection *c) {
    ssize_t sent = send(c->socket, c->unsent, c->unsent_end - c->unsent, MSG_NOSIGNAL);
    if (sent > 0)
        c->unsent += sent;
    else if (sent < 0 && errno != EAGAIN)
        FAIL("a message cannot be sent (%s)", strerror(errno));
    bool is_unsent = c->unsent < c->unsent_end;
    if (is_unsent != c->awaits_writable) {
        struct epoll_event event = {EPOLLIN | (is_unsent ? EPOLLOUT : 0), {.ptr = c}};
        if (epoll_ctl(epoll, EPOLL_CTL_MOD, c->socket, &event))
            err(1, "epoll_ctl");
        c->awaits_writable = is_unsent;
    }
}

static void send_next(struct connection *c) {
    c->unsent = c->next_frame;
    c->unsent_end = find_frame_end(c->next_frame);
    c->next_frame = c->unsent_end == frames_end ? frames : c->unsent_end;
    send_rest(c);
}

static void on_header(struct connection *c) {
    bool is_end = c->header[0] & FIN;
    c->echo_bytes += c->missing_bytes;
    if (c->header[0] & CONTROL || c->header[1] & MASKED)
        FAIL("a frame that is no echo's begins with %02x %02x", c->header[0], c->header[1]);
    else if (!c->awaits_echo || c->unsent < c->unsent_end)
        FAIL("an echo of a message that was not sent");
    else if (right_echo_bytes && (c->echo_bytes > right_echo_bytes ||
                                  (is_end && c->echo_bytes < right_echo_bytes)))
        FAIL("an echo of %ju bytes, not %ju", (uintmax_t)c->echo_bytes,
             (uintmax_t)right_echo_bytes);
}

static void on_echo(struct connection *c) {
    messages++;
    c->echo_bytes = 0;
    if (is_sending) {
        send_next(c);
    } else {
        c->awaits_echo = false;
        waiting--;
    }
}

static void on_received(struct connection *c, const uint8_t *p, const uint8_t *end) {
    while (p < end && !failure[0]) {
        if (!c->is_header_read) {
            c->header[c->header_bytes++] = *p++;
            if (!read_header(c->header, c->header_bytes, &c->missing_bytes))
                continue;
            c->is_header_read = true;
            on_header(c);
        }
        size_t skipped = end - p;
        if (skipped > c->missing_bytes)
            skipped = c->missing_bytes;
        p += skipped;
        c->missing_bytes -= skipped;
        if (c->missing_bytes || failure[0])
            return;
        c->is_header_read = false;
        c->header_bytes = 0;
        if (c->header[0] & FIN) {
            if (p < end)
                FAIL("%td bytes after an echo", end - p);
            else
                on_echo(c);
        }
    }
}

static void receive(struct connection *c) {
    static uint8_t buffer[256 * 1024];
    ssize_t received = recv(c->socket, buffer, sizeof buffer, 0);
    if (received > 0)
        on_received(c, buffer, buffer + received);
    else if (received == 0)
        FAIL("the server closed a connection (end of stream)");
    else if (errno != EAGAIN)
        FAIL("the server closed a connection (%s)", strerror(errno));
}

/* Send for a time, then wait for the last echoes. */
static void run(double duration_s) {
    double deadline_s = now_s() + duration_s;
    while (waiting && !failure[0]) {
        double left_s = deadline_s - now_s();
        if (left_s <= 0 && !is_sending) {
            FAIL("%ld echoes did not come", waiting);
            return;
        }
        if (left_s <= 0) {
            is_sending = false;
            deadline_s += left_s = DRAIN_TIMEOUT_S;
        }
        struct epoll_event events[64];
        int count = epoll_wait(epoll, events, 64, (int)(left_s * 1000) + 1);
        if (count < 0 && errno != EINTR)
            err(1, "epoll_wait");
        for (int i = 0; i < count && !failure[0]; i++) {
            if (events[i].events & EPOLLOUT)
                send_rest(events[i].data.ptr);
            if (events[i].events & ~EPOLLOUT)
                receive(events[i].data.ptr);
        }
    }
}

int main(int argc, char **argv) {
    if (argc < 4)
        errx(2, "usage: %s SECONDS ECHO_BYTES SOCKET... < FRAMES", argv[0]);
    frames_end = frames + fread(frames, 1, sizeof frames, stdin);
    for (const uint8_t *p = frames; p == frames || p < frames_end;)
        if (!(p = find_frame_end(p)))
            errx(2, "FRAMES end within a frame, or are more than %zu bytes", sizeof frames);
    right_echo_bytes = strtoull(argv[2], NULL, 10);
    if ((epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        err(1, "epoll_create1");
    waiting = argc - 3;
    struct connection *connections = calloc(waiting, sizeof *connections);
    if (!connections)
        err(1, "calloc");
    double start_s = now_s();
    for (long i = 0; i < waiting; i++) {
        struct connection *c = &connections[i];
        struct epoll_event event = {EPOLLIN, {.ptr = c}};
        c->socket = atoi(argv[3 + i]);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->socket, &event))
            err(1, "socket %s", argv[3 + i]);
        c->next_frame = frames;
        c->awaits_echo = true;
        send_next(c);
    }
    run(strtod(argv[1], NULL));
    double duration_us = (now_s() - start_s) * 1e6;
    printf("{\"messages\": %ld, \"duration_us\": %.0f, \"failure\": ", messages, duration_us);
    printf(failure[0] ? "\"%s\"}\n" : "null}\n", failure);
}
