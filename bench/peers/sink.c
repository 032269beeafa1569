/* An SMTP server that accepts mail and forgets it: one thread, epoll, loopback only. Linux.
 *
 *   sink [-p PORT] [-o FILE [-t]] [-d MS] [-f N] [-n]
 *
 *   -p PORT  where to listen on 127.0.0.1; without it the system picks a free port
 *   -o FILE  the recipient of every accepted message, one a line
 *   -t       begin each line with the time, in seconds of CLOCK_MONOTONIC, and have it in FILE before waiting for more
 *   -d MS    answer this much later, as a server far away would
 *   -f N     refuse each Nth recipient (550)
 *   -n       offer neither PIPELINING nor CHUNKING
 *
 * It prints PORT=n once it listens. SIGTERM ends it; what it saw then stands on standard error. It expects one
 * recipient a message: of several it would log the last.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (256 * 1024)
#define FLUSH_AT 60000 /* replies are sent when this many bytes of them wait */
#define EVENTS 128

enum state { COMMAND, DATA, BDAT };

typedef struct connection {
    int fd;
    enum state state;
    bool gone;            /* the client left, or said QUIT */
    unsigned waiting;     /* delayed replies still to be sent: the descriptor must not be used anew before */
    size_t chunk;         /* bytes still to come of a BDAT chunk */
    bool last_chunk;
    char recipient[256];
    size_t filled, answered;
    char in[BUFFER], out[BUFFER];
} connection;

typedef struct reply {
    connection *to;
    double due;
    struct reply *next;
    size_t length;
    char text[];
} reply;

static volatile sig_atomic_t stopped;
static unsigned long messages, connections, bytes, refused, recipients;
static int delay_ms, refuse_each;
static bool plain, timed;
static FILE *log_file;
static reply *first_reply, *last_reply;

static void stop(int signal) { (void)signal; stopped = 1; }

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void send_all(connection *c, const char *text, size_t length) {
    while (length && !c->gone) {
        ssize_t sent = send(c->fd, text, length, MSG_NOSIGNAL);
        if (sent >= 0) {
            text += sent;
            length -= sent;
        } else if (errno == EAGAIN || errno == EINTR) {
            usleep(50);
        } else {
            c->gone = true;
        }
    }
}

static void send_later(connection *c) {
    reply *r = malloc(sizeof *r + c->answered);
    r->to = c;
    r->due = now_ms() + delay_ms;
    r->next = NULL;
    r->length = c->answered;
    memcpy(r->text, c->out, c->answered);
    c->waiting++;
    if (last_reply) last_reply->next = r;
    else first_reply = r;
    last_reply = r;
}

static void flush(connection *c) {
    if (!c->answered) return;
    if (delay_ms) send_later(c);
    else send_all(c, c->out, c->answered);
    c->answered = 0;
}

static void close_if_done(connection *c) {
    if (!c->gone || c->waiting) return;
    close(c->fd);
    free(c);
}

static void send_due(void) {
    double now = now_ms();
    while (first_reply && first_reply->due <= now) {
        reply *r = first_reply;
        first_reply = r->next;
        if (!first_reply) last_reply = NULL;
        send_all(r->to, r->text, r->length);
        r->to->waiting--;
        close_if_done(r->to);
        free(r);
    }
}

static void answer(connection *c, const char *text) {
    size_t length = strlen(text);
    memcpy(c->out + c->answered, text, length);
    c->answered += length;
    if (c->answered > FLUSH_AT) flush(c);
}

static void accept_message(connection *c) {
    messages++;
    if (log_file && timed) fprintf(log_file, "%.6f ", now_ms() / 1e3);
    if (log_file) fprintf(log_file, "%s\n", c->recipient);
    answer(c, "250 2.0.0 Ok: queued as 4XyzSINK000001\r\n");
}

static void name_recipient(connection *c, const char *line, size_t length) {
    if (refuse_each && ++recipients % refuse_each == 0) {
        refused++;
        answer(c, "550 5.1.1 User unknown\r\n");
        return;
    }
    const char *from = memchr(line, '<', length);
    const char *to = from ? memchr(from, '>', length - (from - line)) : NULL;
    if (to) {
        size_t size = to - from - 1;
        if (size >= sizeof c->recipient) size = sizeof c->recipient - 1;
        memcpy(c->recipient, from + 1, size);
        c->recipient[size] = 0;
    }
    answer(c, "250 2.1.5 Ok\r\n");
}

static void greet(connection *c) {
    answer(c, "250-sink\r\n250-SIZE 33554432\r\n");
    if (!plain) answer(c, "250-PIPELINING\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n");
    answer(c, "250 8BITMIME\r\n");
}

/* What comes of a chunk, and how much that is; an empty one is over at once. */
static size_t take_chunk(connection *c, size_t length) {
    size_t taken = length < c->chunk ? length : c->chunk;
    bytes += taken;
    c->chunk -= taken;
    if (c->chunk) return taken;
    c->state = COMMAND;
    if (c->last_chunk) accept_message(c);
    else answer(c, "250 2.0.0 Ok\r\n");
    return taken;
}

/* The first letter tells the commands apart, but for RCPT and RSET. */
static void obey(connection *c, const char *line, size_t length) {
    switch (line[0] & 0xdf) {
    case 'E': greet(c); break;
    case 'H': answer(c, "250 sink\r\n"); break;
    case 'M': answer(c, "250 2.1.0 Ok\r\n"); break;
    case 'N': answer(c, "250 2.0.0 Ok\r\n"); break;
    case 'R':
        if ((line[1] & 0xdf) == 'S') answer(c, "250 2.0.0 Ok\r\n");
        else name_recipient(c, line, length);
        break;
    case 'D':
        c->state = DATA;
        answer(c, "354 End data with <CR><LF>.<CR><LF>\r\n");
        break;
    case 'B':
        c->state = BDAT;
        c->chunk = length > 5 ? strtoul(line + 5, NULL, 10) : 0;
        c->last_chunk = memmem(line, length, "LAST", 4) != NULL;
        if (!c->chunk) take_chunk(c, 0);
        break;
    case 'Q':
        answer(c, "221 2.0.0 Bye\r\n");
        flush(c);
        c->gone = !delay_ms;
        break;
    default: answer(c, "502 5.5.2 Error\r\n");
    }
}

/* Each of these takes what it can from the input and says how much that was; 0 asks for more input. */
static size_t take_text(connection *c, const char *from, size_t length, bool *starved) {
    const char *end = memmem(from, length, "\r\n.\r\n", 5);
    if (!end) { /* the mark may have come in part: its first four bytes stay */
        size_t passed = length > 4 ? length - 4 : 0;
        bytes += passed;
        *starved = true;
        return passed;
    }
    bytes += end - from;
    c->state = COMMAND;
    accept_message(c);
    return end - from + 5;
}

static size_t take_line(connection *c, const char *from, size_t length, bool *starved) {
    const char *end = memchr(from, '\n', length);
    if (!end) {
        *starved = true;
        return 0;
    }
    obey(c, from, end - from);
    return end - from + 1;
}

static void process(connection *c) {
    size_t done = 0;
    bool starved = false;
    while (!starved && !c->gone && done < c->filled) {
        const char *from = c->in + done;
        size_t length = c->filled - done;
        if (c->state == DATA) done += take_text(c, from, length, &starved);
        else if (c->state == BDAT) done += take_chunk(c, length);
        else done += take_line(c, from, length, &starved);
    }
    memmove(c->in, c->in + done, c->filled - done);
    c->filled -= done;
    flush(c);
}

static void receive(connection *c, int poll) {
    ssize_t got = recv(c->fd, c->in + c->filled, BUFFER - c->filled, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got > 0) {
        c->filled += got;
        process(c);
    } else {
        c->gone = true;
    }
    if (c->gone) epoll_ctl(poll, EPOLL_CTL_DEL, c->fd, NULL);
    close_if_done(c);
}

static void welcome(int listener, int poll) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connection *c = calloc(1, sizeof *c);
        c->fd = fd;
        connections++;
        struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &wanted);
        answer(c, "220 sink ESMTP\r\n");
        flush(c);
    }
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, size) || listen(fd, 512) || getsockname(fd, (struct sockaddr *)&at, &size)) {
        perror("sink");
        exit(1);
    }
    printf("PORT=%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

static void report(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    fprintf(stderr, "messages=%lu connections=%lu bytes=%lu refused=%lu cpu_s=%.3f\n", messages, connections, bytes,
            refused, cpu);
}

static void serve(int listener) {
    int poll = epoll_create1(0);
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &wanted);
    while (!stopped) {
        int count = epoll_wait(poll, events, EVENTS, first_reply ? 1 : 500);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) receive(events[i].data.ptr, poll);
            else welcome(listener, poll);
        }
        send_due();
        if (log_file && timed) fflush(log_file);
    }
}

int main(int count, char **words) {
    int option, port = 0;
    while ((option = getopt(count, words, "p:o:td:f:n")) != -1) {
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'd': delay_ms = atoi(optarg); break;
        case 'f': refuse_each = atoi(optarg); break;
        case 'n': plain = true; break;
        case 't': timed = true; break;
        case 'o':
            log_file = fopen(optarg, "w");
            if (!log_file) { perror(optarg); return 1; }
            break;
        default: return 2;
        }
    }
    /* Without SA_RESTART epoll_wait returns at once when we are asked to stop. */
    struct sigaction end = {.sa_handler = stop};
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGINT, &end, NULL);
    serve(listen_on(port));
    if (log_file) fclose(log_file);
    report();
    return 0;
}
