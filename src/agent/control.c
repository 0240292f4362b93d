/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "enforce/scope.h"
#include "enforce/state.h"

#define CONTROL_FILE "control"
#define BACKLOG 8
#define SERVED_AT_ONCE 16 /* the rest waits until the agent comes by again */
#define PATIENCE_MS 100
#define ASKING_MS 2000
#define QUESTION_MAX 64
#define ANSWER_BYTES 65536

static bool address_of(const char *network, struct sockaddr_un *ret)
{
    char path[512];
    state_path(network, CONTROL_FILE, path);
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof ret->sun_path)
        return false;
    memcpy(ret->sun_path, path, strlen(path) + 1);
    return true;
}

bool control_listen(const char *network, int *ret_listener, struct failure *f)
{
    struct sockaddr_un at;
    SCOPED_FD fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || !address_of(network, &at))
        return fail_errno(f, errno, "make the control socket");
    if (unlink(at.sun_path) && errno != ENOENT)
        return fail_errno(f, errno, "remove %s", at.sun_path);
    mode_t before = umask(0177);
    bool bound = bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
    umask(before);
    if (!bound || listen(fd, BACKLOG))
        return fail_errno(f, errno, "listen at %s", at.sun_path);
    *ret_listener = scope_keep(&fd);
    return true;
}

/* A process that ended meanwhile has no namespace to look at, and is not heard. */
static bool in_our_pid_namespace(pid_t pid)
{
    char path[64];
    struct stat ours, theirs;
    snprintf(path, sizeof path, "/proc/%ld/ns/pid", (long)pid);
    return stat("/proc/self/ns/pid", &ours) == 0 && stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

static bool is_heard(int peer)
{
    struct ucred who;
    socklen_t size = sizeof who;
    return getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.uid == 0 && who.pid > 0 && in_our_pid_namespace(who.pid);
}

/* One packet, NUL-terminated; false when none comes in time. */
static bool receive(int fd, char *buffer, size_t size, int patience)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (poll(&wait, 1, patience) != 1)
        return false;
    ssize_t length = recv(fd, buffer, size - 1, MSG_DONTWAIT);
    buffer[length > 0 ? length : 0] = 0;
    return length > 0;
}

static void serve(int peer, control_answer answer, void *argument)
{
    char question[QUESTION_MAX];
    if (!is_heard(peer) || !receive(peer, question, sizeof question, PATIENCE_MS))
        return;
    struct text out = text_new(ANSWER_BYTES - 1);
    if (!answer(argument, question, &out))
        text_puts(&out, "{\"error\": \"no such question\"}");
    if (!out.failed)
        (void)!send(peer, out.at, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    text_free(&out);
}

void control_serve(int listener, control_answer answer, void *argument)
{
    for (int i = 0; i < SERVED_AT_ONCE; i++) {
        SCOPED_FD peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (peer < 0)
            return;
        serve(peer, answer, argument);
    }
}

bool control_ask(const char *network, const char *question, struct text *ret)
{
    struct sockaddr_un at;
    char buffer[ANSWER_BYTES];
    SCOPED_FD fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || !address_of(network, &at) || connect(fd, (struct sockaddr *)&at, sizeof at) ||
        send(fd, question, strlen(question), MSG_NOSIGNAL) < 0 || !receive(fd, buffer, sizeof buffer, ASKING_MS))
        return false;
    text_puts(ret, buffer);
    return !ret->failed;
}
