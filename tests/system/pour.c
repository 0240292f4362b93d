/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams faster than a script can: `pour send|receive NETNS ADDRESS PORT` in a network namespace, until SIGTERM.
 * Prints how many were sent, or received. For tests/system/switching.py; knows nothing of Bulkhead.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define BYTES 64
#define PAUSE_NS 250000 /* after each batch: about 100,000 packets a second, and the other processor stays free */

static volatile sig_atomic_t stopping;

static void stop(int number)
{
    (void)number;
    stopping = 1;
}

static bool enter(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && setns(fd, CLONE_NEWNET) == 0;
}

static long long pour(int s, bool send)
{
    static char texts[BATCH][BYTES];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
    long long count = 0;
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){texts[i], BYTES};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    while (!stopping) {
        int done = send ? sendmmsg(s, messages, BATCH, 0) : recvmmsg(s, messages, BATCH, MSG_WAITFORONE, NULL);
        if (done > 0)
            count += done;
        if (send)
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    while (!send) { /* what is still in the socket */
        int done = recvmmsg(s, messages, BATCH, MSG_DONTWAIT, NULL);
        if (done <= 0)
            break;
        count += done;
    }
    return count;
}

int main(int argc, char **argv)
{
    if (argc != 5 || !enter(argv[2]))
        return 2;
    bool send = strcmp(argv[1], "send") == 0;
    struct sockaddr_in end = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(argv[4], NULL, 10))};
    struct sigaction action = {.sa_handler = stop};
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 64 << 20;
    if (s < 0 || inet_pton(AF_INET, argv[3], &end.sin_addr) != 1 || sigaction(SIGTERM, &action, NULL))
        return 2;
    (void)setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    if (send ? connect(s, (struct sockaddr *)&end, sizeof end) : bind(s, (struct sockaddr *)&end, sizeof end))
        return 2;
    printf("ready\n");
    fflush(stdout);
    printf("%lld\n", pour(s, send));
    return 0;
}
