/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/datapath.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/table.h"
#include "bpf/datapath.skel.h"
#include "enforce/clock.h"
#include "enforce/scope.h"

/* Everything that is pinned, by the name it is pinned under. */
#define DATAPATH_MAPS(X) \
    X(images) X(control) X(links) X(counters) X(sessions) X(session_tags) X(pendings) X(translations) X(fragments) X(events) X(events_by_right) X(receipts) X(captures) \
    X(event_cells) X(budgets) X(sweeps) X(heard)

#define ANOTHER_VERSION "its tables are those of another version of bulkhead"

/* Bytes that the table of unconfirmed sessions may take, and the sets that each (target, source) gets of it. */
#define PENDING_BYTES ((uint64_t)48 << 20)
#define PENDING_SETS_MAX 64u
/*
 * Where that is less than enough: bytes for what finds no room there, of which each source gets sets, and the world each way
 * with each workload. Looking in two places costs a flood's packets some 100 ns.
 */
#define PENDING_SETS_ENOUGH 16u
#define PENDING_MORE_BYTES ((uint64_t)24 << 20)
#define PENDING_MORE_OWNERS 3u /* of each link */
/* With the least of one set each, the table grows with the square of the links: past this it is refused. */
#define PENDING_BYTES_MAX ((uint64_t)512 << 20)

/* Bytes that the table of outer ports may take, and the sets that each workload gets of it. */
#define TRANSLATION_BYTES ((uint64_t)32 << 20)
#define TRANSLATION_SETS_MAX 1024u
#define OUTER_PORTS (65536u - OUTER_PORT_FIRST)

/* Sessions that a set is meant for, of its seven places: then one in some ten million finds no place in any of its sets. */
#define SESSIONS_PER_SET 4u

#define FILTER_PRIORITY 1
#define FILTER_HANDLE 1

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
    return 0;
}

void datapath_init(struct datapath *d)
{
    memset(d, 0xff, offsetof(struct datapath, link_capacity));
    d->link_capacity = 0;
    d->shared = NULL;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void datapath_close(struct datapath *d)
{
    if (d->shared)
        munmap(d->shared, (size_t)sysconf(_SC_PAGESIZE));
    d->shared = NULL;
    close_fd(&d->program);
    close_fd(&d->sweep);
    close_fd(&d->ask);
#define X(name) close_fd(&d->name);
    DATAPATH_MAPS(X)
#undef X
}

/* The smallest program, loaded here: libbpf's own probe does not tell a kernel that cannot from one that has run out of something. */
static bool probe_program(struct failure *f)
{
    const struct bpf_insn program[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
    int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, NULL, "GPL", program, sizeof program / sizeof program[0], NULL);
    if (fd >= 0) {
        close(fd);
        return true;
    }
    if (ran_out(-fd))
        return fail_errno(f, -fd, "cannot load BPF programs");
    if (fd == -EPERM || fd == -EACCES)
        return fail(f, "cannot load BPF programs: %s; bulkhead needs root (CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN), and a container needs --privileged",
            strerror(-fd));
    return fail(f, "this kernel does not load BPF programs of type sched_cls (CONFIG_BPF_SYSCALL, CONFIG_NET_CLS_BPF): %s", strerror(-fd));
}

bool datapath_probe(struct failure *f)
{
    static const struct {
        enum bpf_func_id helper;
        const char *name;
    } helpers[] = {
        {BPF_FUNC_redirect_peer, "bpf_redirect_peer (Linux 5.10)"},
        {BPF_FUNC_for_each_map_elem, "bpf_for_each_map_elem (Linux 5.13)"},
        {BPF_FUNC_ktime_get_tai_ns, "bpf_ktime_get_tai_ns (Linux 6.1)"},
    };
    libbpf_set_print(quiet);
    if (!probe_program(f))
        return false;
    for (size_t i = 0; i < sizeof helpers / sizeof helpers[0]; i++)
        if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, helpers[i].helper, NULL) != 1)
            return fail(f, "this kernel lacks %s; Linux 6.1 or newer is needed", helpers[i].name);
    return true;
}

static uint64_t seconds(uint32_t s)
{
    return (uint64_t)s * 1000000000u;
}

/* How many sets each of `owners` gets, a power of two up to `most`: as many as keep the table within `budget` bytes. */
static uint32_t sets_within(const struct bpf_map *table, uint64_t owners, uint32_t most, uint64_t budget)
{
    uint32_t sets = most;
    while (sets > 1 && owners * sets * bpf_map__value_size(table) > budget)
        sets /= 2;
    return sets;
}

static uint32_t session_sets(uint32_t sessions)
{
    uint32_t sets = 1;
    while (sets < (sessions + SESSIONS_PER_SET - 1) / SESSIONS_PER_SET)
        sets *= 2;
    return sets;
}

static uint64_t own_build(void)
{
    static const uint64_t seed[2] = {0};
    struct bytes object = {0};
    object.at = datapath_bpf__elf_bytes(&object.len);
    return siphash(seed, object);
}

static bool set_sizes(struct datapath_bpf *s, const struct datapath_options *o)
{
    uint64_t pairs = (uint64_t)o->links * o->links;
    uint32_t pendings = sets_within(s->maps.pendings, pairs, PENDING_SETS_MAX, PENDING_BYTES);
    uint32_t more = pendings >= PENDING_SETS_ENOUGH ? 0 : sets_within(s->maps.pendings, PENDING_MORE_OWNERS * o->links, PENDING_SETS_MAX, PENDING_MORE_BYTES);
    uint32_t translations = sets_within(s->maps.translations, o->links, o->nat ? TRANSLATION_SETS_MAX : 1, TRANSLATION_BYTES);
    uint32_t sessions = session_sets(o->sessions);
    uint64_t seed = 0;
    if (!o->test_clock && getrandom(&seed, sizeof seed, 0) != sizeof seed)
        return false;
    s->rodata->config = (struct config){
        .links = o->links,
        .uplink = o->uplink,
        .session_sets = sessions,
        .pending_sets = pendings,
        .pending_more = more,
        .translation_sets = translations,
        .outer_ports = o->outer_ports ? o->outer_ports : OUTER_PORTS / o->links,
        .test_clock = o->test_clock,
        .hash_seed = seed,
        .tcp = seconds(o->timeouts.tcp),
        .tcp_closing = seconds(o->timeouts.tcp_closing),
        .other = seconds(o->timeouts.other),
        .icmp = seconds(o->timeouts.icmp),
        .unconfirmed = seconds(o->timeouts.unconfirmed),
        .fragment = seconds(o->timeouts.fragment),
        .build = own_build(),
    };
    return !bpf_map__set_max_entries(s->maps.links, o->links) &&
        !bpf_map__set_max_entries(s->maps.budgets, o->links * BUDGETS) &&
        !bpf_map__set_max_entries(s->maps.heard, o->links * 2) &&
        !bpf_map__set_max_entries(s->maps.counters, o->links * COUNTERS_PER_LINK) &&
        !bpf_map__set_max_entries(s->maps.fragments, o->links * 16) &&
        !bpf_map__set_max_entries(s->maps.pendings, o->links * (o->links * pendings + PENDING_MORE_OWNERS * more)) &&
        !bpf_map__set_max_entries(s->maps.translations, o->links * translations) &&
        !bpf_map__set_max_entries(s->maps.sessions, sessions) && !bpf_map__set_max_entries(s->maps.session_tags, sessions);
}

static bool keep(int fd, int *ret, struct failure *f, const char *what)
{
    *ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return *ret >= 0 || fail_errno(f, errno, "keep the map %s", what);
}

static bool map_control(struct datapath *d, struct failure *f)
{
    void *at = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, d->control, 0);
    if (at == MAP_FAILED)
        return fail_errno(f, errno, "map the control block");
    d->shared = at;
    struct bpf_map_info info = {0};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(d->links, &info, &size))
        return fail_errno(f, errno, "look at the map of links");
    d->link_capacity = info.max_entries;
    return true;
}

static bool keep_all(struct datapath_bpf *s, struct datapath *d, struct failure *f)
{
#define X(name) \
    if (!keep(bpf_map__fd(s->maps.name), &d->name, f, #name)) \
        return false;
    DATAPATH_MAPS(X)
#undef X
    return keep(bpf_program__fd(s->progs.bulkhead_packet), &d->program, f, "program") &&
        keep(bpf_program__fd(s->progs.bulkhead_sweep), &d->sweep, f, "sweep") &&
        keep(bpf_program__fd(s->progs.bulkhead_ask), &d->ask, f, "ask") && map_control(d, f);
}

bool datapath_load(const struct datapath_options *o, struct datapath *ret, struct failure *f)
{
    libbpf_set_print(quiet);
    datapath_init(ret);
    struct datapath_bpf *s = datapath_bpf__open();
    if (!s)
        return fail_errno(f, errno, "open the datapath's programs");
    bool fits = (uint64_t)o->links * o->links * bpf_map__value_size(s->maps.pendings) <= PENDING_BYTES_MAX;
    bool ok = fits && set_sizes(s, o);
    if (!fits)
        fail(f, "%u links, with those kept free, are more than this version's tables hold: about 700 workloads a network; divide it into several", o->links);
    else if (!ok)
        fail(f, "cannot size the datapath's maps for %u links", o->links);
    else if (datapath_bpf__load(s))
        ok = fail_needing(f, errno, "root, or CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON,", "load the datapath's programs into the kernel");
    ok = ok && keep_all(s, ret, f);
    datapath_bpf__destroy(s);
    if (!ok)
        datapath_close(ret);
    return ok;
}

static bool pin(int fd, const char *directory, const char *name, struct failure *f)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (bpf_obj_pin(fd, path) && errno != EEXIST)
        return fail_errno(f, errno, "pin %s", path);
    return true;
}

bool datapath_pin(const struct datapath *d, const char *directory, struct failure *f)
{
    if (mkdir(directory, 0700) && errno != EEXIST)
        return fail_errno(f, errno, "make %s", directory);
#define X(name) \
    if (!pin(d->name, directory, #name, f)) \
        return false;
    DATAPATH_MAPS(X)
#undef X
    return pin(d->program, directory, "program", f) && pin(d->sweep, directory, "sweep", f) &&
        pin(d->ask, directory, "ask", f);
}

static bool get(const char *directory, const char *name, int *ret, struct failure *f)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    *ret = bpf_obj_get(path);
    return *ret >= 0 || fail_errno(f, errno, "open %s", path);
}

bool datapath_open(const char *directory, struct datapath *ret, struct failure *f)
{
    libbpf_set_print(quiet);
    datapath_init(ret);
    bool ok = true;
#define X(name) ok = ok && get(directory, #name, &ret->name, f);
    DATAPATH_MAPS(X)
#undef X
    ok = ok && get(directory, "program", &ret->program, f) && get(directory, "sweep", &ret->sweep, f) &&
        get(directory, "ask", &ret->ask, f) && map_control(ret, f);
    if (!ok)
        datapath_close(ret);
    return ok;
}

#define PROGRAM_MAPS_MAX 64

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* Opens the maps that a program uses, one after another, until `each` returns true: then it has the map's descriptor. */
static bool each_map(int program, bool (*each)(const struct bpf_map_info *map, int fd, void *argument), void *argument, struct failure *f)
{
    uint32_t ids[PROGRAM_MAPS_MAX];
    struct bpf_prog_info info = {.nr_map_ids = PROGRAM_MAPS_MAX, .map_ids = (uint64_t)(uintptr_t)ids};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(program, &info, &size))
        return fail_errno(f, errno, "look at the datapath's program");
    for (uint32_t i = 0; i < info.nr_map_ids && i < PROGRAM_MAPS_MAX; i++) {
        int fd = bpf_map_get_fd_by_id(ids[i]);
        struct bpf_map_info map = {0};
        size = sizeof map;
        if (fd < 0 || bpf_obj_get_info_by_fd(fd, &map, &size)) {
            close_fd(&fd);
            return fail_errno(f, errno, "look at a map of the datapath's program");
        }
        if (!each(&map, fd, argument))
            close(fd);
    }
    return true;
}

static bool take_map(const struct bpf_map_info *map, int fd, void *argument)
{
    struct datapath *d = argument;
#define X(each) \
    if (strcmp(map->name, #each) == 0) \
        d->each = fd;
    DATAPATH_MAPS(X)
#undef X
#define X(each) || d->each == fd
    return false DATAPATH_MAPS(X);
#undef X
}

static bool take_constants(const struct bpf_map_info *map, int fd, void *argument)
{
    int *constants = argument;
    if (*constants >= 0 || !ends_with(map->name, ".rodata")) /* not .rodata.str and its like */
        return false;
    *constants = fd;
    return true;
}

/* The map of a program's constants; the caller closes it. */
static bool open_constants(int program, int *ret, struct failure *f)
{
    *ret = -1;
    return each_map(program, take_constants, ret, f) && (*ret >= 0 || fail(f, "the attached program is not one of this version"));
}

bool datapath_config(const struct datapath *d, struct config *ret, struct failure *f)
{
    struct bpf_map_info map = {0};
    uint32_t size = sizeof map, zero = 0;
    SCOPED_FD constants = -1;
    SCOPED_MEMORY struct datapath_bpf__rodata *value = NULL; /* and what the compiler has put behind it */
    if (!open_constants(d->program, &constants, f))
        return false;
    if (bpf_obj_get_info_by_fd(constants, &map, &size))
        return fail_errno(f, errno, "look at the program's constants");
    value = calloc(1, map.value_size + sizeof *value);
    if (!value)
        return fail(f, "out of memory");
    if (bpf_map_lookup_elem(constants, &zero, value))
        return fail_errno(f, errno, "read the program's constants");
    *ret = value->config;
    return ret->links == d->link_capacity || fail(f, ANOTHER_VERSION);
}

bool datapath_is_of_this_build(const struct datapath *d)
{
    struct config config;
    struct failure ignored;
    return datapath_config(d, &config, &ignored) && config.build == own_build();
}

/* Whether the attached program had all that this version's has; what it does not use itself is made again. */
static bool is_whole(const struct datapath *d)
{
#define X(each) && (d->each >= 0 || &d->each == &d->sweeps || &d->each == &d->receipts)
    return true DATAPATH_MAPS(X);
#undef X
}

/* The programs that are attached nowhere, for the maps that exist. */
static bool load_beside(struct datapath *d, int rodata, struct failure *f)
{
    uint32_t zero = 0;
    struct datapath_bpf *s = datapath_bpf__open();
    if (!s)
        return fail_errno(f, errno, "open the datapath's programs");
    bool ok = bpf_map_lookup_elem(rodata, &zero, s->rodata) == 0 && bpf_program__set_autoload(s->progs.bulkhead_packet, false) == 0;
#define X(each) ok = ok && (d->each < 0 || bpf_map__reuse_fd(s->maps.each, d->each) == 0);
    DATAPATH_MAPS(X)
#undef X
    ok = ok && datapath_bpf__load(s) == 0;
    if (!ok)
        fail_errno(f, errno, "load the datapath's programs again beside the one that is attached");
    ok = ok && (d->sweeps >= 0 || keep(bpf_map__fd(s->maps.sweeps), &d->sweeps, f, "sweeps")) &&
        (d->receipts >= 0 || keep(bpf_map__fd(s->maps.receipts), &d->receipts, f, "receipts")) &&
        keep(bpf_program__fd(s->progs.bulkhead_sweep), &d->sweep, f, "sweep") && keep(bpf_program__fd(s->progs.bulkhead_ask), &d->ask, f, "ask");
    datapath_bpf__destroy(s);
    return ok;
}

bool datapath_adopt(uint32_t program_id, struct datapath *ret, struct failure *f)
{
    libbpf_set_print(quiet);
    datapath_init(ret);
    SCOPED_FD rodata = -1;
    ret->program = bpf_prog_get_fd_by_id(program_id);
    bool ok = ret->program >= 0 || fail_errno(f, errno, "open the attached program");
    ok = ok && each_map(ret->program, take_map, ret, f);
    ok = ok && (is_whole(ret) || fail(f, ANOTHER_VERSION)) && open_constants(ret->program, &rodata, f) && load_beside(ret, rodata, f) && map_control(ret, f);
    if (!ok)
        datapath_close(ret);
    return ok;
}

bool datapath_unpin(const char *directory, struct failure *f)
{
    DIR *d = opendir(directory);
    bool ok = d || errno == ENOENT || fail_errno(f, errno, "open %s", directory);
    for (struct dirent *e; ok && d && (e = readdir(d));)
        if (e->d_name[0] != '.' && unlinkat(dirfd(d), e->d_name, 0) && errno != ENOENT) /* another version's too, of other names */
            ok = fail_errno(f, errno, "remove %s/%s", directory, e->d_name);
    if (d)
        closedir(d);
    return ok && (rmdir(directory) == 0 || errno == ENOENT || fail_errno(f, errno, "remove %s", directory));
}

/*
 * A number that no policy had before (stamps of sessions hold its low 16 bits, of which 0 means none), whose slot holds
 * neither what is in force nor what may come back.
 */
static uint32_t next_generation(struct control *c)
{
    uint32_t generation = c->issued;
    do
        generation++;
    while ((generation & 0xffff) == 0 || generation % SLOTS == c->generation % SLOTS || generation % SLOTS == c->fallback % SLOTS);
    c->issued = generation;
    return generation;
}

bool datapath_install(struct datapath *d, const struct compiled *c, uint32_t *ret_generation, struct failure *f)
{
    uint64_t lines = compiled_sizes(c).lines;
    if (lines > UINT32_MAX / 2)
        return fail(f, "the compiled policy has %llu lines, more than one map holds", (unsigned long long)lines);
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
    SCOPED_FD image = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bulkhead_image", sizeof(uint32_t), LINE_BYTES, (uint32_t)lines, &options);
    if (image < 0)
        return fail_errno(f, errno, "make a map of %llu MiB for the policy", (unsigned long long)(lines * LINE_BYTES >> 20));
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (lines * LINE_BYTES + page - 1) / page * page;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, image, 0);
    if (memory == MAP_FAILED)
        return fail_errno(f, errno, "map the policy's image");
    compiled_write(c, memory);
    munmap(memory, size);
    if (bpf_map_freeze(image))
        return fail_errno(f, errno, "freeze the policy's image");
    uint32_t generation = next_generation(d->shared);
    uint32_t slot = generation % SLOTS;
    if (bpf_map_update_elem(d->images, &slot, &image, BPF_ANY))
        return fail_errno(f, errno, "put the policy's image into its slot");
    *ret_generation = generation;
    return true;
}

/* The order of the stores matters: a packet that reads between them sees the old policy or the new one, never none. */
void datapath_switch(struct datapath *d, uint32_t generation, uint64_t fallback_ns)
{
    struct control *c = d->shared;
    uint32_t now = datapath_generation(d);
    bool unconfirmed = datapath_waits(d);
    if (c->deadline && !(unconfirmed && fallback_ns)) { /* what has fallen back stays what it is now */
        __atomic_store_n(&c->generation, now, __ATOMIC_RELEASE);
        __atomic_store_n(&c->deadline, 0, __ATOMIC_RELEASE);
    }
    if (fallback_ns) {
        if (!unconfirmed)
            __atomic_store_n(&c->fallback, now, __ATOMIC_RELEASE);
        __atomic_store_n(&c->deadline, (uint64_t)clock_ns(CLOCK_MONOTONIC) + fallback_ns, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&c->generation, generation, __ATOMIC_RELEASE);
}

struct in_force datapath_in_force(const struct datapath *d)
{
    return (struct in_force){datapath_generation(d), d->shared->fallback, datapath_waits(d) ? d->shared->deadline : 0};
}

void datapath_restore(struct datapath *d, const struct in_force *was)
{
    struct control *c = d->shared;
    __atomic_store_n(&c->deadline, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&c->generation, was->generation, __ATOMIC_RELEASE);
    __atomic_store_n(&c->fallback, was->fallback, __ATOMIC_RELEASE);
    __atomic_store_n(&c->deadline, was->deadline, __ATOMIC_RELEASE);
}

void datapath_confirm(struct datapath *d)
{
    uint32_t now = datapath_generation(d);
    __atomic_store_n(&d->shared->generation, now, __ATOMIC_RELEASE);
    __atomic_store_n(&d->shared->deadline, 0, __ATOMIC_RELEASE);
}

bool datapath_waits(const struct datapath *d)
{
    uint64_t deadline = __atomic_load_n(&d->shared->deadline, __ATOMIC_ACQUIRE);
    return deadline && (uint64_t)clock_ns(CLOCK_MONOTONIC) < deadline;
}

uint32_t datapath_generation(const struct datapath *d)
{
    const struct control *c = d->shared;
    uint64_t deadline = __atomic_load_n(&c->deadline, __ATOMIC_ACQUIRE);
    if (deadline && (uint64_t)clock_ns(CLOCK_MONOTONIC) >= deadline)
        return __atomic_load_n(&c->fallback, __ATOMIC_ACQUIRE);
    return __atomic_load_n(&c->generation, __ATOMIC_ACQUIRE);
}

bool datapath_set_link(struct datapath *d, uint32_t link, const struct link_entry *entry, struct failure *f)
{
    if (bpf_map_update_elem(d->links, &link, entry, BPF_ANY))
        return fail_errno(f, errno, "enter link %u, of %u that there is room for", link, d->link_capacity);
    return true;
}

bool datapath_get_link(const struct datapath *d, uint32_t link, struct link_entry *ret, struct failure *f)
{
    if (bpf_map_lookup_elem(d->links, &link, ret))
        return fail_errno(f, errno, "look up link %u", link);
    return true;
}

/* 0, or an errno value. *ret_doing: for a failure's text. */
static int put_on(const struct datapath *d, uint32_t ifindex, const char **ret_doing)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = d->program, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY, .flags = BPF_TC_F_REPLACE);
    int error = -bpf_tc_hook_create(&hook);
    *ret_doing = "add the clsact qdisc";
    if (error && error != EEXIST)
        return error;
    *ret_doing = "attach the datapath";
    return -bpf_tc_attach(&hook, &options);
}

bool datapath_attach(const struct datapath *d, uint32_t ifindex, struct failure *f)
{
    const char *doing;
    int error = put_on(d, ifindex, &doing);
    if (error == EOPNOTSUPP) { /* somebody's qdisc, which shares its filters with others' (tc(8), ingress_block) and takes none for itself */
        LIBBPF_OPTS(bpf_tc_hook, whole, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
        error = bpf_tc_hook_destroy(&whole) ? error : put_on(d, ifindex, &doing);
    }
    return !error || fail_errno(f, error, "%s to interface %u", doing, ifindex);
}

uint32_t datapath_attached(uint32_t ifindex)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
    return bpf_tc_query(&hook, &options) ? 0 : options.prog_id;
}

uint32_t datapath_program_id(const struct datapath *d)
{
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof info;
    return bpf_obj_get_info_by_fd(d->program, &info, &size) ? 0 : info.id;
}

bool datapath_counter(const struct datapath *d, uint32_t link, uint32_t side, uint32_t reason, struct counter *ret)
{
    int cpus = libbpf_num_possible_cpus();
    if (cpus <= 0)
        return false;
    SCOPED_MEMORY struct counter *each = calloc((size_t)cpus, sizeof *each);
    uint32_t at = COUNTER_INDEX(link, side, reason);
    if (!each || bpf_map_lookup_elem(d->counters, &at, each))
        return false;
    *ret = (struct counter){0};
    for (int i = 0; i < cpus; i++) {
        ret->packets += each[i].packets;
        ret->bytes += each[i].bytes;
    }
    return true;
}

/* The map of the image in force; -1 with errno. */
static int image_in_force(const struct datapath *d)
{
    uint32_t slot = datapath_generation(d) % SLOTS, id;
    return bpf_map_lookup_elem(d->images, &slot, &id) ? -1 : bpf_map_get_fd_by_id(id);
}

bool datapath_origin(const struct datapath *d, struct image_origin *ret)
{
    uint8_t bytes[LINE_BYTES];
    uint32_t line = IMAGE_DIGEST;
    SCOPED_FD image = image_in_force(d);
    if (image < 0 || bpf_map_lookup_elem(image, &line, bytes))
        return false;
    memcpy(ret, bytes, sizeof *ret);
    return true;
}

/* `there` and `wanted`: images of that many lines. */
static uint64_t lines_that_differ(const uint8_t *there, const uint8_t *wanted, uint64_t lines)
{
    uint64_t differ = 0;
    for (uint64_t i = 0; i < lines; i++)
        differ += memcmp(there + i * LINE_BYTES, wanted + i * LINE_BYTES, LINE_BYTES) != 0;
    return differ;
}

bool datapath_compare(const struct datapath *d, const struct compiled *c, uint64_t *ret_differ, struct failure *f)
{
    struct bpf_map_info info = {0};
    uint32_t size = sizeof info;
    uint64_t lines = compiled_sizes(c).lines;
    SCOPED_FD image = image_in_force(d);
    if (image < 0 || bpf_obj_get_info_by_fd(image, &info, &size))
        return fail_errno(f, errno, "look at the policy's image");
    *ret_differ = lines > info.max_entries ? lines - info.max_entries : info.max_entries - lines;
    if (*ret_differ)
        return true;
    SCOPED_MEMORY uint8_t *wanted = calloc(lines, LINE_BYTES);
    if (!wanted)
        return fail(f, "out of memory");
    compiled_write(c, wanted);
    void *there = mmap(NULL, lines * LINE_BYTES, PROT_READ, MAP_SHARED, image, 0);
    if (there == MAP_FAILED)
        return fail_errno(f, errno, "map the policy's image");
    *ret_differ = lines_that_differ(there, wanted, lines);
    munmap(there, lines * LINE_BYTES);
    return true;
}

bool datapath_ask(struct datapath *d, struct ask *question, struct failure *f)
{
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = question, .data_size_in = sizeof *question, .data_out = question,
        .data_size_out = sizeof *question, .repeat = 1);
    if (bpf_prog_test_run_opts(d->ask, &run))
        return fail_errno(f, errno, "ask the kernel's tables");
    return run.retval == TC_ACT_OK || fail(f, "the kernel's tables did not answer");
}

bool datapath_sweep(struct datapath *d, struct sweep *ret, struct failure *f)
{
    uint8_t frame[64] = {0};
    uint32_t zero = 0;
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof frame, .repeat = 1);
    if (bpf_prog_test_run_opts(d->sweep, &run))
        return fail_errno(f, errno, "sweep the sessions");
    if (bpf_map_lookup_elem(d->sweeps, &zero, ret))
        return fail_errno(f, errno, "read what the sweep did");
    return true;
}
