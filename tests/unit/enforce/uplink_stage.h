/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where uplinks are tried: four namespaces, the host, with uplink0 to the world and mgmt0 to another network, and a hub in
 * which a plain kernel stack has the outer addresses. All of it, /run too, is this process's own and goes with it.
 */
#pragma once

#include "enforce/netns.h"
#include "enforce/uplink.h"
#include "enforce/uplink_parts.h"

#include "stage.h"

#define PORTS 3

extern int host, world, other, hub;
extern const struct link_address outer6;
extern const struct uplink_port ports[PORTS];
extern const char table_shop[];

void must_nft(const char *commands);
struct uplink_plan plan_shop(void);
struct uplink_plan plan_bank(void);
int stage_set(void **state);
/* The outer addresses on a plain stack in the hub, in place of Bulkhead's programs. */
void hub_speaks(void);
/* What comes after the link of shop, in the kernel's own time, has come. */
void shop_settles(void);
bool table_is_there(const char *list);
char setting(const char *name);
/* How many entries of the host's connection tracking have this destination port. */
int tracked_to(const char *dport);
int tracked_published(void);
void create(const struct uplink_plan *plan);
void delete(const char *network);
unsigned check(const struct uplink_plan *plan, bool repair);
