/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where attached interfaces are tried: the host has att0 (a veth pair to "far"), alone0 (an ifb: a device without a peer),
 * tap0 (a device without a carrier) and other0, by which it goes out. All of it, /run too, is this process's own and goes
 * with it.
 */
#pragma once

#include "enforce/attached.h"
#include "enforce/attached_parts.h"
#include "enforce/netns.h"
#include "enforce/state.h"

#include "stage.h"

#define RECORD STATE_ROOT "/shop/attached-web"
#define HUB_INDEX 907

extern int host, far, elsewhere, hub;
extern const struct link_address hub6;

void runf(const char *format, ...);
/* A call that must fail, and what it must say. */
void refuses(bool done, const struct failure *f, const char *word, const char *other);
struct attached_plan plan_of(const char *interface);
int stage_set(void **state);
/* Gives the interface a bit of all that there is. */
void dress(const char *i);
void make_veth(void);
void make_alone(void);
void make_tap(void);
void unmake(const char *interface);
void take(const struct attached_plan *plan);
void give_back(int hub_ns_fd);
bool take_fails(const struct attached_plan *plan, struct failure *f);
bool is_recorded(void);
/* Runs the step in a process that dies right after it. */
void die_after(void (*step)(const struct attached_plan *plan), const struct attached_plan *plan);
void step_record(const struct attached_plan *plan);
/* Whatever a test that failed has left. */
int clear_up(void **state);
