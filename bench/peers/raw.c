/* The wire limit: one canned message for each of N recipients, with nothing composed and nothing recorded. Linux.
 *
 *   raw PORT N CONNECTIONS MESSAGE_FILE
 *
 * Each connection pipelines (RFC 2920): the text of a message, and the envelope of the next one up to DATA, leave in
 * one write, so a message costs one exchange. It prints the seconds and the CPU seconds between the first connection
 * and the last reply.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LARGEST (1 << 20)
#define SILENCE_MS 5000 /* a server silent for so long has failed */
#define EVENTS 64

/* The reply that a connection waits for. */
enum waits { GREETING, EHLO, MAIL, RCPT, GO_AHEAD, ACCEPTED, IDLE };

typedef struct {
    int fd;
    enum waits waits;
    bool more;     /* an envelope went out behind the text now being accepted */
    int column;    /* of the reply line being read */
    char code[4];  /* its first characters: digits, then '-' where more lines follow */
} connection;

static long wanted, started, done;
static char text[LARGEST], out[LARGEST + 1024];
static size_t text_length;

static void fail(const char *why) {
    fprintf(stderr, "raw: %s after %ld messages\n", why, done);
    exit(1);
}

static void send_all(int fd, const char *from, size_t length) {
    while (length) {
        ssize_t sent = send(fd, from, length, MSG_NOSIGNAL);
        if (sent >= 0) {
            from += sent;
            length -= sent;
        } else if (errno == EAGAIN || errno == EINTR) {
            usleep(20);
        } else {
            fail(strerror(errno));
        }
    }
}

/* Appends the next envelope, if there is one left, and says how long it is. */
static size_t envelope(char *to) {
    if (started >= wanted) return 0;
    return sprintf(to, "MAIL FROM:<bounce@breach.example> BODY=8BITMIME\r\nRCPT TO:<user%ld@example.net>\r\nDATA\r\n",
                   ++started);
}

static void send_text(connection *c) {
    memcpy(out, text, text_length);
    memcpy(out + text_length, ".\r\n", 3);
    size_t next = envelope(out + text_length + 3);
    c->more = next > 0;
    send_all(c->fd, out, text_length + 3 + next);
}

static void expect(connection *c, const char *code, enum waits next) {
    if (memcmp(c->code, code, 3)) fail("an unexpected reply");
    c->waits = next;
}

static void on_reply(connection *c) {
    size_t length;
    switch (c->waits) {
    case GREETING:
        expect(c, "220", EHLO);
        send_all(c->fd, "EHLO bench\r\n", 12);
        break;
    case EHLO:
        length = envelope(out);
        expect(c, "250", length ? MAIL : IDLE);
        send_all(c->fd, out, length);
        break;
    case MAIL: expect(c, "250", RCPT); break;
    case RCPT: expect(c, "250", GO_AHEAD); break;
    case GO_AHEAD:
        expect(c, "354", ACCEPTED);
        send_text(c);
        break;
    case ACCEPTED:
        expect(c, "250", c->more ? MAIL : IDLE);
        done++;
        break;
    case IDLE: fail("a reply to nothing");
    }
}

static void receive(connection *c) {
    static char in[65536];
    ssize_t got = recv(c->fd, in, sizeof in, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) fail("the connection closed");
    for (ssize_t i = 0; i < got; i++) {
        if (c->column < 4) c->code[c->column] = in[i];
        c->column++;
        if (in[i] != '\n') continue;
        if (c->code[3] != '-') on_reply(c);
        c->column = 0;
    }
}

static void open_connection(int port, int poll) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    connection *c = calloc(1, sizeof *c);
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) fail(strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event);
}

static void read_text(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    text_length = fread(text, 1, LARGEST, file);
    fclose(file);
    if (text_length < 2 || memcmp(text + text_length - 2, "\r\n", 2)) fail("the message does not end with CRLF");
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

int main(int count, char **words) {
    if (count != 5) {
        fprintf(stderr, "raw PORT N CONNECTIONS MESSAGE_FILE\n");
        return 2;
    }
    wanted = atol(words[2]);
    read_text(words[4]);
    double began = seconds(), cpu_began = cpu_seconds();
    int poll = epoll_create1(0);
    for (int i = atoi(words[3]); i > 0; i--) open_connection(atoi(words[1]), poll);
    struct epoll_event events[EVENTS];
    while (done < wanted) {
        int ready = epoll_wait(poll, events, EVENTS, SILENCE_MS);
        if (ready <= 0) fail("silence");
        for (int i = 0; i < ready; i++) receive(events[i].data.ptr);
    }
    printf("SEND_S=%.6f\nCPU_S=%.6f\n", seconds() - began, cpu_seconds() - cpu_began);
    return 0;
}
