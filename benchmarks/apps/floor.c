/* Answers every HTTP/1.1 request with the same 13 bytes: the floor under any server here.

       floor PORT

   One thread, one epoll, 127.0.0.1. Of a request only its end is looked for, an empty line, so
   that requests sent at once are answered at once; one with a body would be taken for two. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER                                                                                     \
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, world!"
#define ANSWER_BYTES (sizeof ANSWER - 1)
#define REQUEST_END "\r\n\r\n"
#define END_BYTES (sizeof REQUEST_END - 1)
#define TAIL_MAX_BYTES (END_BYTES - 1)
#define RECEIVE_BYTES (64 * 1024)
/* As many as can end in one read. */
#define ANSWERS_MAX (RECEIVE_BYTES / END_BYTES + 1)

struct connection {
    int socket;
    size_t tail_bytes; /* of an end that may go on in the next read */
    char tail[TAIL_MAX_BYTES];
};

static char answers[ANSWERS_MAX * ANSWER_BYTES];
static int epoll;

static int listen_on(int port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, SOMAXCONN))
        err(1, "port %d", port);
    return listener;
}

static void accept_one(int listener) {
    int on = 1;
    struct connection *c = calloc(1, sizeof *c);
    struct epoll_event event = {EPOLLIN, {.ptr = c}};
    if (!c)
        err(1, "calloc");
    if ((c->socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0) {
        free(c); /* the client has gone */
        return;
    }
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->socket, &event))
        err(1, "epoll_ctl");
}

/* Number of requests that end in a read, which begins with what was left of the one before. */
static size_t count_ends(struct connection *c, const char *p, const char *end) {
    size_t count = 0;
    for (const char *found; (found = memmem(p, end - p, REQUEST_END, END_BYTES)); count++)
        p = found + END_BYTES;
    c->tail_bytes = (size_t)(end - p) < TAIL_MAX_BYTES ? (size_t)(end - p) : TAIL_MAX_BYTES;
    memcpy(c->tail, end - c->tail_bytes, c->tail_bytes);
    return count;
}

static void serve(struct connection *c) {
    static char buffer[TAIL_MAX_BYTES + RECEIVE_BYTES];
    memcpy(buffer, c->tail, c->tail_bytes);
    ssize_t received = recv(c->socket, buffer + c->tail_bytes, RECEIVE_BYTES, 0);
    if (received < 0 && errno == EAGAIN)
        return;
    if (received > 0) {
        size_t size = count_ends(c, buffer, buffer + c->tail_bytes + received) * ANSWER_BYTES;
        /* Who does not read the answers loses the connection: nothing is kept for later. */
        if (!size || send(c->socket, answers, size, MSG_NOSIGNAL) == (ssize_t)size)
            return;
    }
    close(c->socket);
    free(c);
}

int main(int argc, char **argv) {
    if (argc != 2)
        errx(2, "usage: %s PORT", argv[0]);
    for (size_t i = 0; i < ANSWERS_MAX; i++)
        memcpy(answers + i * ANSWER_BYTES, ANSWER, ANSWER_BYTES);
    int listener = listen_on(atoi(argv[1]));
    struct epoll_event event = {EPOLLIN, {.ptr = NULL}};
    if ((epoll = epoll_create1(EPOLL_CLOEXEC)) < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event))
        err(1, "epoll");
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; i++)
            if (events[i].data.ptr)
                serve(events[i].data.ptr);
            else
                accept_one(listener);
    }
}
