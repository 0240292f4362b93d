/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What policies can tell apart: ports and addresses cut into the largest pieces of which no rule of the
 * given policies treats one part unlike another. One representative then stands for all of a piece. This is
 * what makes `matrix` and `diff` complete rather than tried.
 */
#pragma once

#include "decide/decide.h"

/* A protocol besides TCP, UDP, SCTP and ICMP: rules reach all of them together, by `any`. */
#define PORTS_OTHER 0x102

struct port_class {
    uint16_t protocol;    /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, PORTS_ICMP or PORTS_OTHER */
    uint16_t first, last; /* inclusive, from 1; 0 and 65535 for ICMP and others */
    bool named;           /* by some rule, apart from `any` */
};

/* By protocol, then by port. False when memory is out. */
bool space_ports(const struct policy *const *policies, size_t count, struct arena *a, struct port_class **ret,
                 size_t *ret_count) MUST_USE;
/* A flow of the class. */
struct flow port_class_flow(const struct port_class *c, const struct address *from, const struct address *to);
/* "8080/tcp", "1-79/udp", "icmp", "other". */
void port_class_print(const struct port_class *c, struct text *out);
/* A list of classes in their order; neighbours are joined; all there are: "any". */
void port_classes_print(const struct port_class *all, size_t count, const uint32_t *chosen, size_t chosen_count,
                        struct text *out);

struct piece {
    struct address first, last; /* inclusive */
};
/* The unicast addresses of a family, in order. False when memory is out. */
bool space_addresses(const struct policy *const *policies, size_t count, uint8_t family, struct arena *a,
                     struct piece **ret, size_t *ret_count) MUST_USE;
/* False at the last address of its family. */
bool address_next(const struct address *a, struct address *ret) MUST_USE;
/* False at the first address of its family. */
bool address_previous(const struct address *a, struct address *ret) MUST_USE;
struct address prefix_last(const struct prefix *p);
/* How many prefixes range_print would write. */
size_t range_prefixes(const struct address *first, const struct address *last);
/* The fewest prefixes that make up [first, last], each after `separator` but for the first: "cidr:10.0.0.0/8,
 * cidr:...". */
void range_print(const struct address *first, const struct address *last, const char *separator,
                 struct text *out);
