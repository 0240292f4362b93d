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

/* `l` gets the process; NULL: it is only tried whether it would start. */
static bool start_process(const struct policy *p, const struct workload *w, const char *hosts, struct state_link *l, struct failure *f)
{
    char netns[NETNS_PATH_MAX], log[512], file[64];
    workload_netns(p, w, netns);
    snprintf(file, sizeof file, "%s.log", w->name);
    state_path(p->name, file, log);
    struct sandbox s = {
        .workload = w->name, .netns_path = netns, .hosts = hosts, .argv = (char *const *)(uintptr_t)w->run.command,
        .env = (char *const *)(uintptr_t)w->run.environment, .user = w->run.user, .directory = w->run.directory, .restart = restart_of(w->run.restart), .log_path = log};
    struct failure why = {""};
    if (l ? !sandbox_start(&s, &l->init, &why) : !sandbox_try(&s, &why))
        return fail(f, "workload %s, run: %s", w->name, why.text);
    if (!l)
        return true;
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

bool network_start_processes(const struct policy *p, struct state *s, struct failure *f)
{
    struct text hosts = text_new((size_t)16 << 20);
    bool ok = network_hosts(p, &hosts) || fail(f, "out of memory");
    for (uint32_t i = 0; ok && i < p->workload_count; i++) {
        struct state_link *l = state_find(s, p->workloads[i].name);
        if (!l || !wants_start(&p->workloads[i], l))
            continue;
        ok = start_process(p, &p->workloads[i], text_cstr(&hosts), l, f) && state_save(s, f);
    }
    text_free(&hosts);
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

bool network_try_processes(const struct policy *old, const struct policy *p, const struct state *s, struct failure *f)
{
    struct text hosts = text_new((size_t)16 << 20);
    bool ok = network_hosts(p, &hosts) || fail(f, "out of memory");
    for (uint32_t i = 0; ok && i < p->workload_count; i++) {
        const struct workload *w = &p->workloads[i];
        uint32_t before = policy_find_workload(old, bytes_of_text(w->name));
        const struct state_link *l = state_find(s, w->name);
        bool changes = before == NONE || !same_run(&old->workloads[before].run, &w->run);
        if (w->run.command && l && (changes || wants_start(w, l)))
            ok = start_process(p, w, text_cstr(&hosts), NULL, f);
    }
    text_free(&hosts);
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
