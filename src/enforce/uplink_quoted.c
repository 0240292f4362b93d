/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP errors about what is published quote a packet, and the address in the quotation must be rewritten as well. nft
 * finds such an error, but its language cannot say which checksum a write into the quotation is to correct, so these
 * rules of pairs of expressions (a value into a register, the register into the packet) are handed to the kernel as they
 * are. One write corrects one checksum: where two depend on the address, it is written, put back, and written again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "enforce/scope.h"
#include "enforce/uplink_parts.h"

#define BATCH_BYTES 8192 /* a write takes about 200, and there are 18 in 10 rules */
#define PATIENCE_SECONDS 5

/* Octets from the ICMP header on, whose 8 the quoted packet follows. */
struct place {
    uint32_t source, destination, octets;
    uint32_t header, udp; /* checksums; IPv6's header has none */
};
static const struct place place4 = {8 + 12, 8 + 16, 4, 8 + 10, 8 + 20 + 6}, place6 = {8 + 8, 8 + 24, 16, 0, 8 + 40 + 6},
                          place6_fragment = {8 + 8, 8 + 24, 16, 0, 8 + 40 + 8 + 6};
#define ICMP_CHECKSUM 2

static struct nlmsghdr *message(char *at, uint16_t type, uint16_t flags, uint32_t sequence, uint8_t family, uint16_t resource)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(at);
    header->nlmsg_type = type;
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    header->nlmsg_seq = sequence;
    struct nfgenmsg *family_header = mnl_nlmsg_put_extra_header(header, sizeof *family_header);
    family_header->nfgen_family = family;
    family_header->version = NFNETLINK_V0;
    family_header->res_id = htons(resource);
    return header;
}

static void put_u32(struct nlmsghdr *rule, uint16_t type, uint32_t value)
{
    mnl_attr_put_u32(rule, type, htonl(value));
}

static void put_value(struct nlmsghdr *rule, const uint8_t *octets, uint32_t count)
{
    struct nlattr *element = mnl_attr_nest_start(rule, NFTA_LIST_ELEM);
    mnl_attr_put_strz(rule, NFTA_EXPR_NAME, "immediate");
    struct nlattr *expression = mnl_attr_nest_start(rule, NFTA_EXPR_DATA);
    put_u32(rule, NFTA_IMMEDIATE_DREG, NFT_REG_1);
    struct nlattr *data = mnl_attr_nest_start(rule, NFTA_IMMEDIATE_DATA);
    mnl_attr_put(rule, NFTA_DATA_VALUE, count, octets);
    mnl_attr_nest_end(rule, data);
    mnl_attr_nest_end(rule, expression);
    mnl_attr_nest_end(rule, element);
}

static void put_write(struct nlmsghdr *rule, uint32_t offset, uint32_t count, uint32_t checksum)
{
    struct nlattr *element = mnl_attr_nest_start(rule, NFTA_LIST_ELEM);
    mnl_attr_put_strz(rule, NFTA_EXPR_NAME, "payload");
    struct nlattr *expression = mnl_attr_nest_start(rule, NFTA_EXPR_DATA);
    put_u32(rule, NFTA_PAYLOAD_SREG, NFT_REG_1);
    put_u32(rule, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
    put_u32(rule, NFTA_PAYLOAD_OFFSET, offset);
    put_u32(rule, NFTA_PAYLOAD_LEN, count);
    put_u32(rule, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
    put_u32(rule, NFTA_PAYLOAD_CSUM_OFFSET, checksum);
    mnl_attr_nest_end(rule, expression);
    mnl_attr_nest_end(rule, element);
}

/*
 * The error's own checksum covers all of the quotation: it stays right by itself where one in there takes up the change,
 * and must follow where none does.
 */
static void put_writes(struct nlmsghdr *rule, const struct uplink_quoted *q)
{
    const struct place *place = q->new.family == 4 ? &place4 : q->kind == QUOTED_FRAGMENT ? &place6_fragment : &place6;
    bool summed = q->kind != QUOTED_PLAIN;
    uint32_t at = q->source ? place->source : place->destination;
    if (summed) {
        put_value(rule, q->new.octets, place->octets);
        put_write(rule, at, place->octets, place->udp);
    }
    if (summed && place->header) {
        put_value(rule, q->old.octets, place->octets);
        put_write(rule, at, place->octets, ICMP_CHECKSUM);
    }
    if (!summed || place->header) {
        put_value(rule, q->new.octets, place->octets);
        put_write(rule, at, place->octets, place->header ? place->header : ICMP_CHECKSUM);
    }
}

static size_t put_rule(char *at, uint32_t sequence, const char *table, const struct uplink_quoted *q)
{
    struct nlmsghdr *rule = message(at, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK,
        sequence, NFPROTO_INET, 0);
    mnl_attr_put_strz(rule, NFTA_RULE_TABLE, table);
    mnl_attr_put_strz(rule, NFTA_RULE_CHAIN, q->chain);
    struct nlattr *expressions = mnl_attr_nest_start(rule, NFTA_RULE_EXPRESSIONS);
    put_writes(rule, q);
    mnl_attr_nest_end(rule, expressions);
    return rule->nlmsg_len;
}

/* One answer for each rule; the first error ends the batch. */
static bool answers_read(int fd, size_t wanted, struct failure *f)
{
    _Alignas(8) char buffer[BATCH_BYTES];
    while (wanted > 0) {
        ssize_t length = recv(fd, buffer, sizeof buffer, 0);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return fail_errno(f, errno, "cannot read nf_tables' answer");
        int left = (int)length;
        for (const struct nlmsghdr *a = (void *)buffer; mnl_nlmsg_ok(a, left) && wanted > 0; a = mnl_nlmsg_next(a, &left)) {
            if (a->nlmsg_type != NLMSG_ERROR)
                continue;
            const struct nlmsgerr *error = mnl_nlmsg_get_payload(a);
            if (error->error)
                return fail_errno(f, -error->error, "nf_tables refuses the rule that rewrites what ICMP errors quote");
            wanted--;
        }
    }
    return true;
}

bool uplink_quoted_add(const char *network, const struct uplink_quoted *quoted, size_t count, struct failure *f)
{
    _Alignas(8) char buffer[BATCH_BYTES];
    char table[64];
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    if (count == 0 || count > UPLINK_QUOTED_MAX)
        return count == 0 || fail(f, "too many rewriting rules at once");
    snprintf(table, sizeof table, "bulkhead-%s", network);
    uint32_t sequence = 0;
    size_t used = message(buffer, NFNL_MSG_BATCH_BEGIN, 0, sequence++, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)->nlmsg_len;
    for (size_t i = 0; i < count; i++)
        used += put_rule(buffer + used, sequence++, table, &quoted[i]);
    used += message(buffer + used, NFNL_MSG_BATCH_END, 0, sequence, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)->nlmsg_len;

    SCOPED_FD fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) || send(fd, buffer, used, 0) < 0)
        return fail_errno(f, errno, "cannot send to nf_tables");
    return answers_read(fd, count, f);
}
