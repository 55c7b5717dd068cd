/* Sends HTTP/1.1 requests at a fixed rate over open connections, and times their answers.

       http_rate RATE SECONDS BODY SOCKET... < REQUEST

   RATE is requests a second by all connections together, BODY the only right body of an answer.
   SOCKETs are inherited descriptors: connected, non-blocking. Writes one line of JSON: how many
   requests were due and answered, the percentiles of their latencies, and what went wrong, which
   ends the run.

   Each request has a time at which it is due, and its latency counts from then, not from when a
   connection was free to send it: a server that stalls is charged for all who would have come
   meanwhile ("coordinated omission"). Requests that are due but not sent at the end count with the
   time that they have waited, so that the latencies of a server that cannot keep the rate grow with
   the run. */

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define S_IN_NS 1000000000L
/* How long the last answers may take once no more requests are sent. */
#define DRAIN_TIMEOUT_NS (10 * S_IN_NS)
/* More than head and body of any answer here. */
#define ANSWER_MAX_BYTES 4096

struct connection {
    int socket;
    bool awaits_answer;
    int64_t due_ns; /* of the request that is under way */
    size_t answer_bytes;
    char answer[ANSWER_MAX_BYTES];
};

static char request[1 << 16];
static size_t request_bytes;
static const char *body;
static size_t body_bytes;
/* A queue, so that the connections take turns. */
static struct connection **idle;
static long idle_first, idle_count, connection_count;
static int64_t start_ns;
static double rate;
/* Requests: how many there will be, were sent, were answered, and have a latency. */
static long due_total, sent, answered, measured;
static int64_t *latencies_ns;
static int epoll;
static char failure[200];

#define FAIL(...) snprintf(failure, sizeof failure, __VA_ARGS__)

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * S_IN_NS + now.tv_nsec;
}

static int64_t due_ns(long number) { return start_ns + (int64_t)(number * (S_IN_NS / rate)); }

static void add_idle(struct connection *c) {
    idle[(idle_first + idle_count++) % connection_count] = c;
}

static struct connection *take_idle(void) {
    struct connection *c = idle[idle_first];
    idle_first = (idle_first + 1) % connection_count;
    idle_count--;
    return c;
}

static void send_due(int64_t now) {
    while (idle_count && sent < due_total && due_ns(sent) <= now && !failure[0]) {
        struct connection *c = take_idle();
        c->due_ns = due_ns(sent++);
        c->awaits_answer = true;
        /* It always fits: all of the last one has been answered. */
        if (send(c->socket, request, request_bytes, MSG_NOSIGNAL) != (ssize_t)request_bytes)
            FAIL("a request cannot be sent (%s)", strerror(errno));
    }
}

/* Size of the body by the head's Content-Length, -1 without one. */
static long read_length(const char *head, const char *head_end) {
    static const char name[] = "content-length:";
    for (const char *p = head; (p = memchr(p, '\n', head_end - p)) && ++p < head_end;)
        if ((size_t)(head_end - p) > sizeof name && !strncasecmp(p, name, sizeof name - 1))
            return strtol(p + sizeof name - 1, NULL, 10);
    return -1;
}

/* Look at what has come of an answer; tell whether it is whole. */
static bool check_answer(const struct connection *c) {
    const char *end = c->answer + c->answer_bytes;
    const char *head_end = memmem(c->answer, c->answer_bytes, "\r\n\r\n", 4);
    if (!head_end) {
        if (c->answer_bytes == ANSWER_MAX_BYTES)
            FAIL("a head of more than %d bytes", ANSWER_MAX_BYTES);
        return false;
    }
    const char *p = head_end + 4;
    long length = read_length(c->answer, head_end + 2);
    if (strncmp(c->answer, "HTTP/1.1 200", 12))
        FAIL("an answer of status %ld", strtol(c->answer + 9, NULL, 10));
    else if (length != (long)body_bytes)
        FAIL("an answer of %ld bytes, not %zu", length, body_bytes);
    else if ((size_t)(end - p) > body_bytes)
        FAIL("%td bytes after an answer", end - p - (long)body_bytes);
    else if (memcmp(p, body, end - p))
        FAIL("an answer with a wrong body");
    return !failure[0] && (size_t)(end - p) == body_bytes;
}

static void receive(struct connection *c) {
    ssize_t received =
        recv(c->socket, c->answer + c->answer_bytes, ANSWER_MAX_BYTES - c->answer_bytes, 0);
    if (received < 0 && errno == EAGAIN)
        return;
    if (received <= 0) {
        FAIL("the server closed a connection (%s)", received ? strerror(errno) : "end of stream");
        return;
    }
    if (!c->awaits_answer) {
        FAIL("an answer to a request that was not sent");
        return;
    }
    c->answer_bytes += received;
    if (check_answer(c)) {
        latencies_ns[measured++] = now_ns() - c->due_ns;
        answered++;
        c->answer_bytes = 0;
        c->awaits_answer = false;
        add_idle(c);
    }
}

/* Send each request when it is due or as soon as a connection is free, until the end. */
static void run(int timer, int64_t end_ns) {
    int64_t now;
    bool is_sending = true;
    while ((now = now_ns()) < end_ns + DRAIN_TIMEOUT_NS && !failure[0]) {
        if (is_sending) {
            send_due(now);
            is_sending = now < end_ns;
        }
        if (!is_sending && idle_count == connection_count)
            return;
        struct epoll_event events[64];
        int count = epoll_wait(epoll, events, 64, 1000);
        if (count < 0 && errno != EINTR)
            err(1, "epoll_wait");
        uint64_t expirations;
        for (int i = 0; i < count && !failure[0]; i++)
            if (events[i].data.ptr)
                receive(events[i].data.ptr);
            else if (read(timer, &expirations, sizeof expirations) < 0)
                err(1, "timer");
    }
    if (!failure[0])
        FAIL("%ld answers did not come", connection_count - idle_count);
}

/* A timer that ticks with the rate: epoll_wait alone counts in milliseconds. */
static int start_timer(void) {
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    long interval_ns = S_IN_NS / rate;
    struct itimerspec times = {
        .it_interval = {interval_ns / S_IN_NS, interval_ns % S_IN_NS},
        .it_value = {start_ns / S_IN_NS, start_ns % S_IN_NS},
    };
    struct epoll_event event = {EPOLLIN, {.ptr = NULL}};
    if (timer < 0 || timerfd_settime(timer, TFD_TIMER_ABSTIME, &times, NULL) ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event))
        err(1, "timer");
    return timer;
}

static void open_connections(char **descriptors) {
    struct connection *connections = calloc(connection_count, sizeof *connections);
    idle = calloc(connection_count, sizeof *idle);
    if (!connections || !idle)
        err(1, "calloc");
    for (long i = 0; i < connection_count; i++) {
        struct epoll_event event = {EPOLLIN, {.ptr = &connections[i]}};
        connections[i].socket = atoi(descriptors[i]);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].socket, &event))
            err(1, "socket %s", descriptors[i]);
        add_idle(&connections[i]);
    }
}

static int compare(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* The latency that this share of the requests did not exceed (the nearest rank), in us. */
static double percentile_us(double share) {
    long rank = (long)(share * measured);
    if (rank < share * measured || !rank)
        rank++;
    return measured ? latencies_ns[rank - 1] / 1e3 : 0;
}

int main(int argc, char **argv) {
    if (argc < 5)
        errx(2, "usage: %s RATE SECONDS BODY SOCKET... < REQUEST", argv[0]);
    rate = strtod(argv[1], NULL);
    int64_t duration_ns = strtod(argv[2], NULL) * S_IN_NS;
    body = argv[3];
    body_bytes = strlen(body);
    connection_count = argc - 4;
    due_total = (long)(rate * duration_ns / S_IN_NS + 0.5);
    request_bytes = fread(request, 1, sizeof request, stdin);
    if (rate <= 0 || rate > S_IN_NS || due_total < 1 || !request_bytes || !feof(stdin))
        errx(2, "no RATE, no SECONDS, or no REQUEST of less than %zu bytes", sizeof request);
    if ((epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        err(1, "epoll_create1");
    if (!(latencies_ns = calloc(due_total, sizeof *latencies_ns)))
        err(1, "calloc");
    open_connections(argv + 4);
    start_ns = now_ns();
    int64_t end_ns = start_ns + duration_ns;
    run(start_timer(), end_ns);
    for (long number = sent; number < due_total; number++)
        latencies_ns[measured++] = end_ns - due_ns(number);
    qsort(latencies_ns, measured, sizeof *latencies_ns, compare);
    printf("{\"due\": %ld, \"answered\": %ld, \"duration_us\": %.0f, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f, \"p99_9_us\": %.1f, \"max_us\": %.1f, \"failure\": ",
           due_total, answered, duration_ns / 1e3, percentile_us(.5), percentile_us(.99),
           percentile_us(.999), percentile_us(1));
    printf(failure[0] ? "\"%s\"}\n" : "null}\n", failure);
}
