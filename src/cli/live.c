/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/live.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/moment.h"
#include "cli/output.h"
#include "enforce/administrator.h"
#include "enforce/clock.h"
#include "enforce/descriptors.h"
#include "enforce/file.h"
#include "enforce/tzdata.h"
#include "policy/parse.h"

static bool add_name(const char *name, void *argument)
{
    struct network_names *n = argument;
    void *larger = reallocarray(n->items, n->count + 1, sizeof *n->items);
    if (!larger)
        return false;
    n->items = larger;
    memcpy(n->items[n->count++], name, strlen(name) + 1);
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

bool network_names(struct network_names *ret)
{
    *ret = (struct network_names){0};
    if (!state_each(add_name, ret))
        return false;
    if (ret->count)
        qsort(ret->items, ret->count, sizeof *ret->items, compare_names);
    return true;
}

/* Which network is meant. */
static bool choose(const char *name, int none, char ret[STATE_NAME_MAX], int *ret_status)
{
    struct network_names names;
    *ret_status = none;
    if (name && !state_valid_name(name)) {
        *ret_status = complain("`%s` is not a network's name", name);
        return false;
    }
    if (name && !state_exists(name)) {
        complain("the network %s is not up", name);
        return false;
    }
    if (name) {
        memcpy(ret, name, strlen(name) + 1);
        return true;
    }
    if (geteuid() != 0 && access(STATE_ROOT, R_OK | X_OK) != 0 && access(STATE_ROOT, F_OK) == 0) {
        *ret_status = complain("only root can see running networks: run it with sudo");
        return false;
    }
    if (!network_names(&names)) {
        *ret_status = complain("out of memory");
        return false;
    }
    bool one = names.count == 1;
    if (one)
        memcpy(ret, names.items[0], STATE_NAME_MAX);
    else if (names.count == 0)
        complain("no network is up; see bulkhead up --help");
    else
        *ret_status = complain("%zu networks are up (%s, %s ...): say which", names.count, names.items[0], names.items[1]);
    free(names.items);
    return one;
}

static bool load_policy(struct running *r)
{
    uint64_t seed;
    struct failure f;
    if (!state_load_policy(r->state.name, r->generation, &r->text, &r->size, &f) || !chance(&seed))
        return false;
    r->arena = arena_create(policy_memory_limit(r->size));
    if (!r->arena)
        return false;
    struct diags diags = diags_new(r->arena);
    r->policy = policy_parse(bytes_of(r->text, r->size), seed, tzdata_find, r->arena, &diags);
    return r->policy;
}

/* What `r` read is now `ret`'s, if it is what `ret` enforces. */
static bool take_read(struct reading *r, struct running *ret)
{
    struct running *from = &r->running;
    struct image_origin origin;
    if (!from->policy || strcmp(from->state.name, ret->state.name) != 0 || from->generation != ret->generation)
        return false;
    /* A network that was down in between counts its generations anew. */
    if (!datapath_origin(&ret->datapath, &origin) || memcmp(origin.digest, from->policy->digest, sizeof origin.digest) != 0)
        return false;
    ret->arena = from->arena;
    ret->text = from->text;
    ret->size = from->size;
    ret->policy = from->policy;
    from->arena = NULL;
    from->text = NULL;
    from->policy = NULL;
    return true;
}

static bool open_running(const char *name, int none, struct reading *read, struct running *ret, int *ret_status)
{
    char chosen[STATE_NAME_MAX];
    struct failure f;
    *ret = (struct running){0};
    datapath_init(&ret->datapath);
    if (!choose(name, none, chosen, ret_status))
        return false;
    *ret_status = STATUS_CANNOT;
    if (!descriptors_suffice(&f) || !clock_is_the_kernels(&f) || !state_load(chosen, &ret->state, &f)) {
        complain("%s", f.text);
        return false;
    }
    if (!network_open(chosen, &ret->state, &ret->datapath, &f)) {
        complain("the network %s is not whole: %s; `bulkhead down %s` takes away what is left of it", chosen, f.text, chosen);
        return false;
    }
    ret->generation = datapath_generation(&ret->datapath);
    if ((read && take_read(read, ret)) || load_policy(ret))
        return true;
    complain("cannot read the policy of the network %s", chosen);
    return false;
}

bool running_open(const char *name, int none, struct running *ret, int *ret_status)
{
    return open_running(name, none, NULL, ret, ret_status);
}

bool running_open_read(const char *name, struct reading *r, struct running *ret, int *ret_status)
{
    return open_running(name, STATUS_CANNOT, r, ret, ret_status);
}

bool running_again(struct running *before, int none, struct running *ret, int *ret_status)
{
    struct reading r = {.running = *before};
    bool ok = open_running(before->state.name, none, &r, ret, ret_status);
    running_close(&r.running);
    *before = (struct running){0};
    datapath_init(&before->datapath);
    return ok;
}

static bool read_policy(const char *name, struct running *r)
{
    char pins[512];
    if (!state_load(name, &r->state, NULL))
        return false;
    state_pins(r->state.name, pins);
    if (!datapath_open(pins, &r->datapath, NULL))
        return false;
    r->generation = datapath_generation(&r->datapath);
    if (!load_policy(r))
        r->policy = NULL;
    return r->policy;
}

bool running_read(const char *name, struct running *ret)
{
    *ret = (struct running){0};
    datapath_init(&ret->datapath);
    return read_policy(name, ret);
}

static void *read_running(void *argument)
{
    struct network_names names;
    if (!network_names(&names))
        return NULL;
    if (names.count == 1)
        (void)!read_policy(names.items[0], argument); /* what is missing is read by who needs it */
    free(names.items);
    return NULL;
}

void reading_start(struct reading *r)
{
    *r = (struct reading){0};
    datapath_init(&r->running.datapath);
    r->started = geteuid() == 0 && pthread_create(&r->thread, NULL, read_running, &r->running) == 0;
}

void reading_wait(struct reading *r)
{
    if (r->started)
        pthread_join(r->thread, NULL);
    r->started = false;
}

void reading_free(struct reading *r)
{
    reading_wait(r);
    running_close(&r->running);
}

void running_close(struct running *r)
{
    arena_destroy(r->arena);
    free(r->text);
    state_free(&r->state);
    datapath_close(&r->datapath);
}

#define WAIT_SECONDS_MAX (366ull * 86400)

bool wait_parse(const char *text, uint64_t *ret_ns)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long long n = strtoull(text, &end, 10);
    uint64_t unit = 1;
    if (*end == 'm')
        unit = 60;
    else if (*end == 'h')
        unit = 3600;
    else if (*end == 'd')
        unit = 86400;
    else if (*end != 's' && *end != 0)
        return false;
    if (*end && end[1])
        return false;
    uint64_t seconds;
    if (n == 0 || __builtin_mul_overflow(n, unit, &seconds) || seconds > WAIT_SECONDS_MAX)
        return false;
    *ret_ns = seconds * 1000000000;
    return true;
}

void print_table_size(const struct compile_sizes *s, struct text *out)
{
    uint64_t bytes = s->lines * LINE_BYTES;
    if (bytes >= COMPILE_USUAL_BYTES)
        text_printf(out, "warning: its tables take %llu MiB of the kernel's memory, more than usual: %llu x %llu classes of addresses, %llu pairs, %llu intervals of ports\n",
            (unsigned long long)(bytes >> 20), (unsigned long long)s->from_classes, (unsigned long long)s->to_classes, (unsigned long long)s->pairs,
            (unsigned long long)s->intervals);
}

int policy_unfit(const struct diags *d, const struct loaded *l, const struct failure *f)
{
    struct text out = text_new(ANSWER_MAX);
    diags_print(d, l->file, input_bytes(&l->source), color_wanted(STDERR_FILENO), &out);
    complain("%s; nothing has changed", f->text);
    if (!write_all(STDERR_FILENO, bytes_of(out.at, out.len)))
        complain("cannot write");
    text_free(&out);
    return STATUS_NO;
}

static void warn_of_administrator(const struct administrator *a, void *unused)
{
    (void)unused;
    const struct workload *w = a->workload;
    complain("warning: process %d (%s) %s %s holds CAP_NET_ADMIN of this host, with which it can change the hub's links and so reach past the "
             "perimeter of %s; start it without (setpriv --bounding-set -net_admin), or in a user namespace of its own",
        a->pid, a->command, w->attach_netns ? "in" : "behind", w->attach_netns ? w->attach_netns : w->attach_interface, w->name);
}

void warn_of_administrators(const struct policy *p)
{
    administrators_each(p, warn_of_administrator, NULL);
}
