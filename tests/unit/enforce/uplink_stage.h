/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where uplinks are tried: four namespaces, the host, with uplink0 to the world and mgmt0 to another network, and a hub in
 * which a plain kernel stack has the outer addresses. All of it, /run too, is this process's own and goes with it.
 */
#pragma once

#include "enforce/netns.h"
#include "enforce/uplink.h"
#include "enforce/uplink_parts.h"

/* After failure.h: cmocka has a macro named fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PORTS 3

extern int host, world, other, hub;
extern const struct link_address outer6;
extern const struct uplink_port ports[PORTS];
extern const char table_shop[];

void run(const char *command);
void sure(bool done, const struct failure *f);
void must_nft(const char *commands);
struct uplink_plan plan_shop(void);
struct uplink_plan plan_bank(void);
int stage_set(void **state);
/* The outer addresses on a plain stack in the hub, in place of Bulkhead's programs. */
void hub_speaks(void);
/* What comes after the link of shop, in the kernel's own time, has come. */
void shop_settles(void);
/* Everything of the host that an uplink could leave changed, as one text. */
char *host_looks(void);
/* Frees the text. */
void host_looks_as(char *before);
bool table_is_there(const char *list);
char setting(const char *name);
/* How many entries of the host's connection tracking have this destination port. */
int tracked_to(const char *dport);
int tracked_published(void);
void create(const struct uplink_plan *plan);
void delete(const char *network);
unsigned check(const struct uplink_plan *plan, bool repair);
