/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of rtnetlink requests that is sent as one message block and answered one by one, and questions. Knows how
 * to frame, send and explain failures (with the kernel's own words); what the requests mean is links.c's. */
#ifndef BULKHEAD_ENFORCE_NETLINK_H
#define BULKHEAD_ENFORCE_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#include "enforce/failure.h"

/* Room for a spoke: WORKLOAD_ADDRESSES_MAX (policy/model.h) addresses of 64 octets, and some ten requests more of at most
 * 250, twice over in octets. Their answers wait together in the socket's buffer (about 1 KiB each of 208 KiB). */
#define NETLINK_BATCH_BYTES 16384
#define NETLINK_BATCH_REQUESTS 80

struct netlink_batch {
    _Alignas(8) char buffer[NETLINK_BATCH_BYTES];
    size_t used;
    unsigned count;
    struct {
        const char *what; /* "add the address": a literal, for the failure text */
        int tolerate;     /* an errno value that counts as success, or 0 */
    } requests[NETLINK_BATCH_REQUESTS];
};

/* A route socket inside the namespace, with the kernel's error texts switched on. */
bool netlink_open(int netns_fd, int *ret_socket, struct failure *f) __attribute__((warn_unused_result));

/* The same in the calling thread's own namespace. */
bool netlink_open_own(int *ret_socket, struct failure *f) __attribute__((warn_unused_result));

void netlink_batch_reset(struct netlink_batch *batch);

/* Begins the next request (NLM_F_REQUEST | NLM_F_ACK and `flags`); the caller puts header and attributes with
 * libmnl and then calls netlink_batch_end. Null when the batch is full, which netlink_batch_send reports. */
struct nlmsghdr *netlink_batch_begin(struct netlink_batch *batch, uint16_t type, uint16_t flags, const char *what);
void netlink_batch_end(struct netlink_batch *batch, const struct nlmsghdr *request);

/* The last request begun also succeeds with this error, for instance EEXIST. */
void netlink_batch_tolerate(struct netlink_batch *batch, int error);

/* Whether `attribute` still lies within the message: for loops over what the kernel answered. */
static inline bool netlink_attr_ok(const struct nlmsghdr *answer, const struct nlattr *attribute)
{
    ptrdiff_t left = (const char *)mnl_nlmsg_get_payload_tail(answer) - (const char *)attribute;
    return left > 0 && mnl_attr_ok(attribute, (int)left);
}

#define netlink_attr_for_each(attribute, answer, header_length)                                                  \
    for ((attribute) = mnl_nlmsg_get_payload_offset((answer), (header_length)); netlink_attr_ok((answer), (attribute)); \
         (attribute) = mnl_attr_next(attribute))

/* Told of one answer. Returns false to hear of no more; a dump is read to its end all the same. */
typedef bool (*netlink_answer_fn)(const struct nlmsghdr *answer, void *argument);

/* A question in `buffer`, to which the caller adds header and attributes. */
struct nlmsghdr *netlink_question(char *buffer, uint16_t type, bool dump);

/* Asks and tells `each` of what the kernel answers. *ret_torn (may be null): what was dumped changed under way, so
 * that entries may be missing or told twice. */
bool netlink_ask(int socket, const struct nlmsghdr *question, netlink_answer_fn each, void *argument, bool *ret_torn,
                 struct failure *f) __attribute__((warn_unused_result));

/* Sends one request of any size as it is, and reads its answer. Returns 0 or an errno value, with the kernel's own
 * words for it in `f`. */
int netlink_tell(int socket, struct nlmsghdr *request, struct failure *f) __attribute__((warn_unused_result));

/* Sends all requests and reads every answer; the first failure is told with `where`, the others are done or
 * not as the kernel went on. The batch is empty afterwards. */
bool netlink_batch_send(int socket, struct netlink_batch *batch, const char *where, struct failure *f)
    __attribute__((warn_unused_result));

#endif
