/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent.h"

#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/control.h"
#include "enforce/clock.h"
#include "enforce/descriptors.h"
#include "enforce/file.h"
#include "enforce/network.h"
#include "enforce/process.h"
#include "enforce/scope.h"
#include "enforce/tzdata.h"
#include "policy/parse.h"
#include "record/record.h"

#define CHECK_MS 2000
#define READ_MS 500 /* at most, at once */
#define RENEW_SECONDS 3600
#define RENEW_AHEAD 3    /* s, of the end of what an image knows: longer than from one look to the next */
#define RENEW_LEAST 20   /* s between two renewals for that */
#define RETRY_SECONDS 60 /* after a renewal that failed */
#define START_MS 5000
#define START_PATIENCE_MS 3000 /* with a process of a workload */
#define START_WAIT_MS 60000 /* at most, between two tries */

/* A policy that is or was in force. */
struct loaded {
    uint32_t generation;
    struct arena *arena;
    char *text;
    size_t size;
    const struct policy *policy;
};

struct agent {
    const char *name;
    struct datapath datapath;
    struct state state;
    struct loaded loaded; /* in force */
    struct loaded older;  /* of events that were waiting when it came into force */
    struct record_file records, beyond;
    struct record_shares shares;
    struct ring_buffer *ring;
    uint64_t unwritten; /* events that no record could be written of: the disk was full */
    uint64_t told_lost, told_unwritten; /* of those, and of what the rings lost: in a record */
    char trouble[sizeof((struct failure){0}.text)]; /* that could not be put right, already told */
    int64_t renewed;     /* s, CLOCK_MONOTONIC */
    int64_t renew_again; /* s, CLOCK_MONOTONIC: not before, as it failed */
    int64_t start_again, start_wait; /* ms, CLOCK_MONOTONIC: the same of processes that could not be started, and for how long */
    int64_t read_until; /* ms, CLOCK_MONOTONIC: events */
    int64_t began, looked; /* ns, CLOCK_REALTIME; CLOCK_MONOTONIC */
    uint64_t looks, repairs, recorded;
    int control;
};

static void loaded_free(struct loaded *l)
{
    arena_destroy(l->arena);
    free(l->text);
    *l = (struct loaded){0};
}

/* Without the text, names are not known, and events are recorded without; asked for once a generation. */
static void load_generation(struct agent *a, uint32_t generation, struct loaded *l)
{
    if (l->generation == generation)
        return;
    loaded_free(l);
    l->generation = generation;
    if (!state_load_policy(a->name, generation, &l->text, &l->size, NULL))
        return;
    l->arena = arena_create(policy_memory_limit(l->size));
    struct diags diags = diags_new(l->arena);
    l->policy = l->arena ? policy_parse(bytes_of(l->text, l->size), (uint64_t)clock_ns(CLOCK_MONOTONIC), tzdata_find, l->arena, &diags) : NULL;
}

static void follow_policy(struct agent *a)
{
    load_generation(a, datapath_generation(&a->datapath), &a->loaded);
}

/* The policy that an event speaks of. */
static const struct policy *policy_of(struct agent *a, uint32_t generation)
{
    follow_policy(a);
    if (a->loaded.generation == generation)
        return a->loaded.policy;
    load_generation(a, generation, &a->older);
    return a->older.policy;
}

/* False: it could not be written. */
static bool note(struct agent *a, const char *kind, const char *what)
{
    struct text t = text_new(1 << 16);
    record_note(a->name, clock_ns(CLOCK_REALTIME), kind, what, &t);
    bool written = record_write(&a->records, &t);
    text_free(&t);
    return written;
}

static int take_event(void *argument, void *data, size_t size)
{
    struct agent *a = argument;
    if (size < sizeof(struct event))
        return 0;
    const struct event *e = data;
    struct record_context c = {
        .policy = policy_of(a, e->generation),
        .network = a->name,
        .monotonic_to_utc_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC),
    };
    struct text t = text_new(1 << 16);
    record_event(&c, e, &t);
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    bool within = record_share_take(&a->shares, e->from_link, now);
    bool written = record_write(within ? &a->records : &a->beyond, &t);
    a->recorded += written;
    a->unwritten += !written;
    text_free(&t);
    return now / 1000000 > a->read_until ? -1 : 0; /* the rest later: a flood does not keep the agent from looking */
}

/* What is lost since the last record of that; one that cannot be written is for the next time. */
static void tell(struct agent *a, uint64_t lost, uint64_t *told, const char *why)
{
    char what[128];
    snprintf(what, sizeof what, "%" PRIu64 " event%s lost: %s", lost - *told, lost - *told == 1 ? " was" : "s were", why);
    if (lost != *told && note(a, "lost", what))
        *told = lost;
}

static void tell_lost(struct agent *a)
{
    tell(a, a->datapath.shared->lost_events, &a->told_lost, "more came than could be read");
    tell(a, a->unwritten, &a->told_unwritten, "their records could not be written");
}

/* How many entries a directory has; 0 when it is not there. */
static unsigned entries_in(const char *directory)
{
    unsigned count = 0;
    DIR *d = opendir(directory);
    for (struct dirent *e; d && (e = readdir(d));)
        count++;
    if (d)
        closedir(d);
    return count;
}

/* What changes on disk by other commands: links and processes. */
static bool follow_state(struct agent *a)
{
    struct state s;
    if (!state_load(a->name, &s, NULL))
        return state_exists(a->name);
    state_free(&a->state);
    a->state = s;
    return true;
}

/* Links that are gone, and names of namespaces: the lock is for who changes something. */
static bool relink(struct agent *a, unsigned *ret_made, struct failure *f)
{
    struct state_lock lock;
    *ret_made = 0;
    if (!a->loaded.policy || !state_lock(a->name, &lock, NULL)) /* being changed at this moment: soon */
        return true;
    bool ok = true;
    if (follow_state(a) && a->state.complete) {
        unsigned bound;
        ok = network_bind_names(a->loaded.policy, &a->state, &bound, f); /* first: links are made again to a name */
        ok = network_relink(a->loaded.policy, &a->datapath, &a->state, ret_made, ok ? f : NULL) && ok;
        *ret_made += bound;
    }
    state_unlock(&lock);
    return ok;
}

static void repair(struct agent *a)
{
    struct failure f = {""};
    struct network_drift drift = {0};
    unsigned made = 0;
    char pins[512], what[600];
    state_pins(a->name, pins);
    follow_policy(a);
    struct network_realised n = {.datapath = &a->datapath, .state = &a->state, .policy = a->loaded.policy, .as_of = a->loaded.generation};
    if (datapath_waits(&a->datapath))
        n.back = policy_of(a, datapath_in_force(&a->datapath).fallback);
    bool ok = network_check(&n, true, &drift, &f);
    if (drift.gone || drift.nameless)
        ok = relink(a, &made, ok ? &f : NULL) && ok;
    unsigned mended = drift.mended + made;
    a->looked = clock_ns(CLOCK_MONOTONIC);
    a->looks++;
    a->repairs += mended != 0;
    if (!ok && strcmp(f.text, a->trouble) != 0) { /* once, not every time until somebody mends it */
        snprintf(what, sizeof what, "cannot compare or repair: %s", f.text);
        note(a, "differs", what);
    }
    snprintf(a->trouble, sizeof a->trouble, "%s", ok ? "" : f.text);
    if (mended) {
        snprintf(what, sizeof what, "%u thing%s put right: links or names of namespaces that were gone or off, the datapath on links or the uplink's part of the host missing or replaced",
            mended, mended == 1 ? "" : "s");
        note(a, "repair", what);
    }
    unsigned pinned = entries_in(pins);
    if (!datapath_pin(&a->datapath, pins, &f))
        note(a, "differs", f.text);
    else if (entries_in(pins) != pinned)
        note(a, "repair", "pins were gone; pinned again");
}

/* Read anew: what the policy's time zone means may have changed since. What cannot be read now stays as it was. */
static void reload(struct agent *a)
{
    struct loaded fresh = {0};
    load_generation(a, datapath_generation(&a->datapath), &fresh);
    if (fresh.policy) {
        loaded_free(&a->loaded);
        a->loaded = fresh;
    } else {
        loaded_free(&fresh);
        follow_policy(a);
    }
}

/*
 * Windows are right for a day from the moment that they were compiled for, or less where they change often, by the clock as it
 * was set then. A clock that is set back is before that moment; and TAI's distance from UTC is 0 until somebody tells the kernel leap seconds.
 */
static bool windows_are_due(const struct agent *a)
{
    struct image_origin origin;
    int64_t utc = clock_ns(CLOCK_REALTIME), tai_offset = clock_ns(CLOCK_TAI) - utc;
    if (!datapath_origin(&a->datapath, &origin))
        return false;
    int64_t seconds = utc / 1000000000, age = seconds - origin.compiled;
    if (seconds + RENEW_AHEAD >= origin.until && clock_ns(CLOCK_MONOTONIC) / 1000000000 >= a->renewed + RENEW_LEAST)
        return true;
    return age < 0 || age >= RENEW_SECONDS || llabs(tai_offset - origin.tai_offset) > 500000000;
}

/* With the lock. */
static bool renew_locked(struct agent *a, struct failure *f)
{
    if (!follow_state(a) || !a->state.complete || datapath_waits(&a->datapath)) /* a change that waits to be confirmed: later */
        return true;
    reload(a);
    if (!a->loaded.policy)
        return fail(f, "windows of time cannot be renewed: the policy in force cannot be read");
    struct arena *scratch = arena_create((size_t)2 << 30);
    if (!scratch)
        return fail(f, "windows of time cannot be renewed: out of memory");
    struct diags diags = diags_new(scratch);
    struct policy_source source = {a->loaded.policy, bytes_of(a->loaded.text, a->loaded.size)};
    bool ok = network_renew(a->name, &source, &a->datapath, &a->state, scratch, &diags, f);
    arena_destroy(scratch);
    return ok;
}

static void renew(struct agent *a)
{
    int64_t now = clock_ns(CLOCK_MONOTONIC) / 1000000000;
    struct state_lock lock;
    struct failure f = {""};
    if (now < a->renew_again || !windows_are_due(a) || datapath_waits(&a->datapath) || !state_lock(a->name, &lock, &f)) /* being changed at this moment: soon */
        return;
    if (!renew_locked(a, &f)) {
        a->renew_again = now + RETRY_SECONDS;
        note(a, "differs", f.text);
    }
    a->renewed = now;
    state_unlock(&lock);
}

/*
 * What hangs in a file system that does not answer keeps the agent from looking, and others from changing the network:
 * for less than a link may be wrong, and ever more rarely.
 */
static void restart_processes(struct agent *a)
{
    int64_t now = clock_milliseconds();
    struct state_lock lock;
    struct failure f = {""};
    follow_policy(a);
    if (now < a->start_again || !a->loaded.policy || !network_wants_processes(a->loaded.policy, &a->state) || !state_lock(a->name, &lock, &f))
        return; /* the lock is for who changes something: nobody else is to wait for it */
    if (follow_state(a) && a->state.complete && !network_start_processes(a->loaded.policy, &a->state, START_PATIENCE_MS, &f)) {
        note(a, "differs", f.text);
        a->start_wait = a->start_wait == 0 ? CHECK_MS : a->start_wait < START_WAIT_MS ? 2 * a->start_wait : a->start_wait;
        a->start_again = now + a->start_wait;
    } else {
        a->start_wait = 0;
    }
    state_unlock(&lock);
}

/* "status": what the agent did; "look": it looks, and repairs, now, and then says what it did. */
static bool answer(void *argument, const char *question, struct text *out)
{
    struct agent *a = argument;
    if (strcmp(question, "look") == 0)
        repair(a);
    else if (strcmp(question, "status") != 0)
        return false;
    uint64_t lost = a->datapath.shared->lost_events + a->unwritten;
    text_printf(out, "{\"pid\": %d, \"since\": \"", getpid());
    record_time(a->began, out);
    text_printf(out, "\", \"looks\": %" PRIu64 ", \"looked_ms_ago\": %.0f, \"repairs\": %" PRIu64 ", \"recorded\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"trouble\": ",
        a->looks, a->looks ? clock_milliseconds_since(a->looked) : 0, a->repairs, a->recorded, lost);
    if (a->trouble[0])
        text_json(out, a->trouble);
    else
        text_puts(out, "null");
    text_puts(out, "}");
    return true;
}

static void loop(struct agent *a, int signals)
{
    struct pollfd wait[3] = {{.fd = signals, .events = POLLIN}, {.fd = a->control, .events = POLLIN}, {.fd = ring_buffer__epoll_fd(a->ring), .events = POLLIN}};
    int64_t next_check = 0;
    for (;;) {
        poll(wait, 3, 500);
        if (wait[0].revents)
            return;
        a->read_until = clock_milliseconds() + READ_MS;
        ring_buffer__consume(a->ring);
        if (wait[1].revents)
            control_serve(a->control, answer, a);
        int64_t now = clock_ns(CLOCK_MONOTONIC) / 1000000;
        if (now < next_check)
            continue;
        next_check = now + CHECK_MS;
        if (!follow_state(a))
            return; /* the network is gone */
        tell_lost(a);
        repair(a);
        restart_processes(a);
        renew(a);
    }
}

static bool runs_already(const char *name, struct failure *f)
{
    int pid = agent_pid(name);
    if (!pid) /* it has only just begun */
        return fail(f, "an agent of the network %s runs already", name);
    return fail(f, "an agent of the network %s runs already, process %d: end it first (kill %d), which changes nothing that is enforced", name, pid, pid);
}

/* One agent a network: the lock is held for life. */
static bool claim(const char *name, int *ret_lock, struct failure *f)
{
    char path[512];
    if (!process_numbers_hold(f) || !clock_is_the_kernels(f))
        return false;
    state_path(name, "agent.lock", path);
    *ret_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*ret_lock < 0)
        return fail_errno(f, errno, "open %s (is the network %s up?)", path, name);
    if (flock(*ret_lock, LOCK_EX | LOCK_NB))
        return runs_already(name, f);
    char text[64];
    snprintf(text, sizeof text, "%d %" PRIu64 "\n", getpid(), process_start_time(getpid()));
    state_path(name, "agent", path);
    return file_write(path, bytes_of_text(text), f);
}

static bool open_records(const char *name, const char *file, struct record_file *ret, struct failure *f)
{
    char path[512];
    state_path(name, file, path);
    return record_open(path, ret) || fail_errno(f, errno, "open %s", path);
}

static bool begin(struct agent *a, struct failure *f)
{
    if (!state_load(a->name, &a->state, f) || !network_open(a->name, &a->state, &a->datapath, f) ||
        !open_records(a->name, RECORDS_FILE, &a->records, f) || !open_records(a->name, RECORDS_BEYOND_FILE, &a->beyond, f))
        return false;
    a->shares = (struct record_shares){calloc(a->datapath.link_capacity, sizeof *a->shares.whole), a->datapath.link_capacity};
    if (!a->shares.whole)
        return fail(f, "out of memory");
    a->ring = ring_buffer__new(a->datapath.events_by_right, take_event, a, NULL); /* is read first */
    a->began = clock_ns(CLOCK_REALTIME);
    if (!control_listen(a->name, &a->control, f))
        return false;
    return (a->ring && ring_buffer__add(a->ring, a->datapath.events, take_event, a) == 0) || fail_errno(f, errno, "read the rings of events");
}

/* Tells the service manager that all is enforced (sd_notify(3)); nothing without one. */
static void notify_ready(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (path[0] == '@')
        to.sun_path[0] = 0;
    SCOPED_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    static const char ready[] = "READY=1";
    if (fd >= 0)
        (void)!sendto(fd, ready, sizeof ready - 1, MSG_NOSIGNAL, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
}

bool agent_run(const char *name, struct failure *f)
{
    struct agent a = {.name = name, .records = {.fd = -1}, .beyond = {.fd = -1}, .control = -1};
    int lock;
    datapath_init(&a.datapath);
    if (!descriptors_suffice(f) || !claim(name, &lock, f))
        return false;
    bool ok = begin(&a, f);
    if (ok) {
        SCOPED_FD signals = process_ending_signals();
        note(&a, "agent", "the agent started");
        notify_ready();
        loop(&a, signals);
    }
    ring_buffer__free(a.ring);
    record_close(&a.records);
    record_close(&a.beyond);
    free(a.shares.whole);
    if (a.control >= 0)
        close(a.control);
    loaded_free(&a.loaded);
    loaded_free(&a.older);
    state_free(&a.state);
    datapath_close(&a.datapath);
    close(lock);
    return ok;
}

int agent_pid(const char *name)
{
    char path[512], *text, *rest;
    size_t size;
    state_path(name, "agent", path);
    if (!file_read(path, 4096, &text, &size, NULL))
        return 0;
    int pid = (int)strtol(text, &rest, 10);
    uint64_t start = strtoull(rest, NULL, 10);
    free(text);
    return pid > 0 && process_is(pid, start) ? pid : 0;
}

/* In the child: a session of its own, output to the log, and this program again as `agent NAME`. */
static void become_agent(const char *name)
{
    char log[512];
    state_path(name, "agent.log", log);
    setsid();
    if (fork() != 0)
        _exit(0);
    int in = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(in, 0);
    dup2(out < 0 ? in : out, 1);
    dup2(out < 0 ? in : out, 2);
    close_range(3, ~0u, 0);
    if (chdir("/"))
        _exit(1);
    descriptors_give_back(); /* for what it starts in its turn */
    execl("/proc/self/exe", "bulkhead", "agent", name, (char *)NULL);
    _exit(127);
}

bool agent_start(const char *name, struct failure *f)
{
    if (agent_pid(name))
        return true;
    pid_t child = fork();
    if (child < 0)
        return fail_fork(f, errno, "the agent");
    if (child == 0)
        become_agent(name);
    int status;
    waitpid(child, &status, 0);
    for (int waited = 0; waited < START_MS; waited += 10) {
        if (agent_pid(name))
            return true;
        usleep(10000);
    }
    return fail(f, "the agent did not start: see %s/%s/agent.log; the network is enforced without it", STATE_ROOT, name);
}
