/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "enforce/netns.h"
#include "enforce/scope.h"

/* The longest single request of links.c is the veth pair, under 300 octets. */
#define REQUEST_ROOM 1024

bool netlink_open(int netns_fd, int *ret_socket, struct failure *f)
{
    SCOPED_FD fd = -1;
    if (!netns_socket(netns_fd, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, &fd, f))
        return false;
    int on = 1;
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return fail_errno(f, errno, "cannot bind a route socket");
    *ret_socket = scope_keep(&fd);
    return true;
}

bool netlink_open_own(int *ret_socket, struct failure *f)
{
    SCOPED_FD own = -1;
    return netns_open_own(&own, f) && netlink_open(own, ret_socket, f);
}

void netlink_batch_reset(struct netlink_batch *batch)
{
    batch->used = 0;
    batch->count = 0;
}

struct nlmsghdr *netlink_batch_begin(struct netlink_batch *batch, uint16_t type, uint16_t flags, const char *what)
{
    if (batch->count >= NETLINK_BATCH_REQUESTS || batch->used + REQUEST_ROOM > sizeof batch->buffer) {
        batch->count = NETLINK_BATCH_REQUESTS + 1;
        return NULL;
    }
    struct nlmsghdr *request = mnl_nlmsg_put_header(batch->buffer + batch->used);
    request->nlmsg_type = type;
    request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    request->nlmsg_seq = batch->count;
    batch->requests[batch->count].what = what;
    batch->requests[batch->count].tolerate = 0;
    batch->count++;
    return request;
}

void netlink_batch_end(struct netlink_batch *batch, const struct nlmsghdr *request)
{
    if (request)
        batch->used += NLMSG_ALIGN(request->nlmsg_len);
}

void netlink_batch_tolerate(struct netlink_batch *batch, int error)
{
    if (batch->count > 0 && batch->count <= NETLINK_BATCH_REQUESTS)
        batch->requests[batch->count - 1].tolerate = error;
}

static const char *kernel_text(const struct nlmsghdr *answer)
{
    if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
        return NULL;
    const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);
    size_t offset = sizeof *error;
    if (!(answer->nlmsg_flags & NLM_F_CAPPED))
        offset += error->msg.nlmsg_len - sizeof error->msg;
    const struct nlattr *attribute;
    netlink_attr_for_each(attribute, answer, offset)
        if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
            return mnl_attr_get_str(attribute);
    return NULL;
}

static bool answer_judge(const struct netlink_batch *batch, const struct nlmsghdr *answer, const char *where,
                         struct failure *f)
{
    const struct nlmsgerr *result = mnl_nlmsg_get_payload(answer);
    int error = -result->error;
    if (error == 0 || answer->nlmsg_seq >= batch->count || error == batch->requests[answer->nlmsg_seq].tolerate)
        return true;
    const char *what = batch->requests[answer->nlmsg_seq].what;
    const char *text = kernel_text(answer);
    if (error == EEXIST || error == EBUSY) /* the name, or the number that was asked for */
        return fail(f, "cannot %s for %s: it or its number exists already, left by another run or another program%s%s; "
                       "remove it with `ip link delete` or `ip netns delete`, or take that network down first",
                    what, where, text ? ": " : "", text ? text : "");
    return fail_errno(f, error, "cannot %s for %s%s%s%s", what, where, text ? " (" : "", text ? text : "",
                      text ? ")" : "");
}

/* Reads answers until each request has had its own. */
static bool answers_read(int socket, const struct netlink_batch *batch, const char *where, struct failure *f)
{
    _Alignas(8) char buffer[8192];
    unsigned answered = 0;
    bool good = true;
    while (answered < batch->count) {
        ssize_t length = recv(socket, buffer, sizeof buffer, 0);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return fail_errno(f, errno, "cannot read the kernel's answer for %s", where);
        int left = (int)length;
        for (const struct nlmsghdr *answer = (void *)buffer; mnl_nlmsg_ok(answer, left);
             answer = mnl_nlmsg_next(answer, &left)) {
            if (answer->nlmsg_type != NLMSG_ERROR)
                continue;
            answered++;
            good = answer_judge(batch, answer, where, good ? f : NULL) && good;
        }
    }
    return good;
}

bool netlink_batch_send(int socket, struct netlink_batch *batch, const char *where, struct failure *f)
{
    if (batch->count > NETLINK_BATCH_REQUESTS) {
        netlink_batch_reset(batch);
        return fail(f, "too many addresses or routes at once for %s: at most %d requests fit", where,
                    NETLINK_BATCH_REQUESTS);
    }
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    bool done = true;
    if (sendto(socket, batch->buffer, batch->used, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
        done = fail_errno(f, errno, "cannot send to the kernel for %s", where);
    else
        done = answers_read(socket, batch, where, f);
    netlink_batch_reset(batch);
    return done;
}

/* ---- questions, and requests that come whole ---- */

#define ANSWER_BYTES 32768

struct nlmsghdr *netlink_question(char *buffer, uint16_t type, bool dump)
{
    struct nlmsghdr *question = mnl_nlmsg_put_header(buffer);
    question->nlmsg_type = type;
    question->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (dump ? NLM_F_DUMP : 0));
    return question;
}

bool netlink_ask(int socket, const struct nlmsghdr *question, netlink_answer_fn each, void *argument, bool *ret_torn, struct failure *f)
{
    _Alignas(8) char buffer[ANSWER_BYTES];
    bool wants = true, dump = (question->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP, torn = false;
    if (send(socket, question, question->nlmsg_len, 0) < 0)
        return fail_errno(f, errno, "cannot ask the kernel for links, routes and addresses");
    for (;;) {
        ssize_t length = recv(socket, buffer, sizeof buffer, 0);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return fail_errno(f, errno, "cannot read the kernel's links, routes and addresses");
        int left = (int)length;
        for (const struct nlmsghdr *a = (void *)buffer; mnl_nlmsg_ok(a, left); a = mnl_nlmsg_next(a, &left)) {
            torn |= (a->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
            if (a->nlmsg_type == NLMSG_ERROR) {
                const struct nlmsgerr *error = mnl_nlmsg_get_payload(a);
                return error->error == 0 || fail_errno(f, -error->error, "the kernel does not tell");
            }
            if (a->nlmsg_type != NLMSG_DONE)
                wants = wants && each(a, argument);
            else if (mnl_nlmsg_get_payload_len(a) >= sizeof(int) && *(const int *)mnl_nlmsg_get_payload(a) < 0)
                return fail_errno(f, -*(const int *)mnl_nlmsg_get_payload(a), "the kernel does not tell all");
            if (dump && a->nlmsg_type != NLMSG_DONE)
                continue;
            if (ret_torn)
                *ret_torn = torn;
            return true;
        }
    }
}

int netlink_tell(int socket, struct nlmsghdr *request, struct failure *f)
{
    _Alignas(8) char buffer[ANSWER_BYTES];
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    if (sendto(socket, request, request->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) {
        int error = errno;
        (void)fail_errno(f, error, "cannot send to the kernel");
        return error;
    }
    for (;;) {
        ssize_t length = recv(socket, buffer, sizeof buffer, 0);
        const struct nlmsghdr *answer = (void *)buffer;
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0) {
            int error = errno;
            (void)fail_errno(f, error, "cannot read the kernel's answer");
            return error;
        }
        if (!mnl_nlmsg_ok(answer, (int)length) || answer->nlmsg_type != NLMSG_ERROR)
            continue;
        int error = -((const struct nlmsgerr *)mnl_nlmsg_get_payload(answer))->error;
        const char *text = kernel_text(answer);
        if (error)
            (void)fail_errno(f, error, "%s", text ? text : "the kernel refuses");
        return error;
    }
}
