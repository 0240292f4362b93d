/* SPDX-License-Identifier: Apache-2.0 */
/* The `run:` processes of a network, by what its state remembers of each. */
#include "enforce/network_parts.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "enforce/process.h"
#include "enforce/sandbox.h"

static enum restart restart_of(enum restart_policy r)
{
    return r == RESTART_POLICY_ALWAYS ? RESTART_ALWAYS : r == RESTART_POLICY_ON_FAILURE ? RESTART_ON_FAILURE : RESTART_NEVER;
}

/* What the starts of one change have in common. */
struct starting {
    const struct policy *policy;
    struct text hosts;
    struct hosttree_silent silent;
    int patience_ms;
};

static bool starting_begin(const struct policy *p, int patience_ms, struct starting *ret, struct failure *f)
{
    *ret = (struct starting){.policy = p, .hosts = text_new((size_t)16 << 20), .patience_ms = patience_ms};
    hosttree_ask(&ret->silent);
    return network_hosts(p, &ret->hosts) || fail(f, "out of memory");
}

static void starting_end(struct starting *s)
{
    hosttree_silent_free(&s->silent);
    text_free(&s->hosts);
}

/* `l` gets the process; NULL: it is only tried whether it would start. */
static bool start_process(struct starting *starting, const struct workload *w, struct state_link *l, struct failure *f)
{
    const struct policy *p = starting->policy;
    char netns[NETNS_PATH_MAX], log[512], file[64];
    workload_netns(p, w, netns);
    snprintf(file, sizeof file, "%s.log", w->name);
    state_path(p->name, file, log);
    struct sandbox s = {
        .workload = w->name, .netns_path = netns, .hosts = text_cstr(&starting->hosts), .argv = (char *const *)(uintptr_t)w->run.command,
        .env = (char *const *)(uintptr_t)w->run.environment, .user = w->run.user, .directory = w->run.directory, .restart = restart_of(w->run.restart), .log_path = log,
        .silent = &starting->silent, .patience_ms = starting->patience_ms};
    struct failure why = {""};
    if (l ? !sandbox_start(&s, &l->init, &why) : !sandbox_try(&s, &why))
        return fail(f, "workload %s, run: %s", w->name, why.text);
    if (l)
        l->init_start = process_start_time(l->init);
    return true;
}

/* Whether its process is to be started: it never was, or it is gone and is to run always. */
static bool wants_start(const struct workload *w, const struct state_link *l)
{
    if (!w->run.command)
        return false;
    return l->init == 0 || (w->run.restart == RESTART_POLICY_ALWAYS && !process_is(l->init, l->init_start));
}

bool network_wants_processes(const struct policy *p, const struct state *s)
{
    for (size_t i = 0; i < s->count; i++) {
        uint32_t w = policy_find_workload(p, bytes_of_text(s->links[i].workload));
        if (w != NONE && wants_start(&p->workloads[w], &s->links[i]))
            return true;
    }
    return false;
}

bool network_start_processes(const struct policy *p, struct state *s, int patience_ms, struct failure *f)
{
    if (!network_wants_processes(p, s))
        return true;
    struct starting starting;
    bool ok = starting_begin(p, patience_ms, &starting, f);
    for (uint32_t i = 0; ok && i < p->workload_count; i++) {
        struct state_link *l = state_find(s, p->workloads[i].name);
        if (l && wants_start(&p->workloads[i], l))
            ok = start_process(&starting, &p->workloads[i], l, f) && state_save(s, f);
    }
    starting_end(&starting);
    return ok;
}

/* Ask all to end first, so that waiting for them takes the time of the slowest. */
bool network_stop_processes(const struct state *s, struct failure *f)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->links[i].init && process_is(s->links[i].init, s->links[i].init_start))
            kill(s->links[i].init, SIGTERM);
    bool ok = true;
    for (size_t i = 0; i < s->count; i++)
        if (s->links[i].init && !process_stop(s->links[i].init, s->links[i].init_start, STOP_MS, f))
            ok = false;
    return ok;
}

static bool same_words(const char *const *a, const char *const *b)
{
    if (!a || !b)
        return a == b;
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return *a == *b;
}

static bool same_run(const struct run *a, const struct run *b)
{
    return same_words(a->command, b->command) && same_words(a->environment, b->environment) && texts_equal(a->user, b->user) &&
        texts_equal(a->directory, b->directory) && a->restart == b->restart;
}

/* Whether the change starts it. */
static bool is_to_start(const struct policy *old, const struct workload *w, const struct state *s)
{
    uint32_t before = policy_find_workload(old, bytes_of_text(w->name));
    const struct state_link *l = state_find(s, w->name);
    return w->run.command && l && (before == NONE || !same_run(&old->workloads[before].run, &w->run) || wants_start(w, l));
}

bool network_try_processes(const struct policy *old, const struct policy *p, const struct state *s, struct failure *f)
{
    struct starting starting;
    bool begun = false, ok = true;
    for (uint32_t i = 0; ok && i < p->workload_count; i++) {
        if (!is_to_start(old, &p->workloads[i], s))
            continue;
        ok = (begun || starting_begin(p, 0, &starting, f)) && start_process(&starting, &p->workloads[i], NULL, f);
        begun = true;
    }
    if (begun)
        starting_end(&starting);
    return ok;
}

bool network_stop_changed_processes(const struct policy *old, const struct policy *p, struct state *s, struct failure *f)
{
    for (uint32_t i = 0; i < p->workload_count; i++) {
        uint32_t before = policy_find_workload(old, bytes_of_text(p->workloads[i].name));
        struct state_link *l = state_find(s, p->workloads[i].name);
        if (before == NONE || !l || !l->init || same_run(&old->workloads[before].run, &p->workloads[i].run))
            continue;
        if (!process_stop(l->init, l->init_start, STOP_MS, f))
            return false;
        l->init = 0;
    }
    return true;
}
