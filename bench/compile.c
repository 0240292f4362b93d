/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a file to tables: how long each part takes and how much memory, by family and number of rules.
 *
 *   bench-compile [--rounds N] [--max RULES] [--families abcde]
 *
 * Each measurement is a process of its own (this program with --one), so that its memory is its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/abi.h"
#include "compile/compile.h"
#include "policy/parse.h"
#include "policy/yaml.h"
#include "report.h"
#include "rules.h"

#define ROUNDS_MAX 32

enum part { PART_YAML, PART_PARSE, PART_COMPILE, PART_WRITE, PART_TOTAL, PART_RSS, PART_IMAGE, PARTS };

static const struct {
    const char *name, *unit;
    double scale; /* of what the child prints, ns and bytes, to the unit */
} parts[PARTS] = {
    [PART_YAML] = {"yaml", "s", 1e9},       /* libfyaml alone over the same text: a part of "parse" */
    [PART_PARSE] = {"parse", "s", 1e9},     /* policy_parse: reading and checking */
    [PART_COMPILE] = {"compile", "s", 1e9}, /* compile_policy */
    [PART_WRITE] = {"write", "s", 1e9},     /* compiled_write */
    [PART_TOTAL] = {"total", "s", 1e9},     /* file to tables: parse, compile, write */
    [PART_RSS] = {"memory", "B", 1},        /* peak resident memory of the process */
    [PART_IMAGE] = {"image", "B", 1},
};

static struct bytes map_file(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) {
        perror(path);
        exit(1);
    }
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    close(fd);
    if (at == MAP_FAILED)
        exit(1);
    return bytes_of(at, (size_t)st.st_size);
}

static uint64_t yaml_alone(struct bytes source)
{
    struct arena *arena = arena_create((size_t)256 << 20);
    struct diags diags = diags_new(arena);
    struct yaml y;
    struct yaml_node n;
    uint64_t start = cpu_ns();
    bool ok = yaml_open(&y, source, &diags);
    while (ok && yaml_next(&y, &n) && n.kind != YAML_DONE)
        continue;
    yaml_close(&y);
    uint64_t took = cpu_ns() - start;
    arena_destroy(arena);
    return took;
}

static uint64_t peak_memory(void)
{
    char line[128];
    uint64_t kib = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtoull(line + 6, NULL, 10);
    if (status)
        fclose(status);
    return kib * 1024;
}

/* --one FILE: prints the parts. */
static int measure_one(const char *path)
{
    uint64_t out[PARTS] = {0}, start = cpu_ns();
    struct bytes source = map_file(path);
    struct arena *arena = arena_create(policy_memory_limit(source.len));
    struct arena *tables = arena_create((size_t)16 << 30);
    struct diags diags = diags_new(arena);
    struct policy *p = policy_parse(source, 42, NULL, arena, &diags);
    uint64_t parsed = cpu_ns();
    static uint32_t links[RULES_WORKLOADS_MAX];
    for (uint32_t i = 0; i < RULES_WORKLOADS_MAX; i++)
        links[i] = 16 + i;
    struct compile_options o = {.compiled = 1790000000, .seed = 4711, .links = links};
    struct compiled *c = p ? compile_policy(p, &o, tables, &diags) : NULL;
    if (!c) {
        fprintf(stderr, "%s: line %u: %s\n", path, diags.items[0].place.line, diags.items[0].message);
        return 1;
    }
    uint64_t done = cpu_ns();
    out[PART_IMAGE] = compiled_sizes(c).lines * LINE_BYTES;
    void *image = mmap(NULL, out[PART_IMAGE], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (image == MAP_FAILED)
        return 1;
    compiled_write(c, image);
    uint64_t written = cpu_ns();
    out[PART_PARSE] = parsed - start;
    out[PART_COMPILE] = done - parsed;
    out[PART_WRITE] = written - done;
    out[PART_TOTAL] = written - start;
    out[PART_RSS] = peak_memory();
    out[PART_YAML] = yaml_alone(source);
    for (int i = 0; i < PARTS; i++)
        printf("%" PRIu64 "%c", out[i], i + 1 < PARTS ? ' ' : '\n');
    if (getenv("BENCH_VERBOSE")) {
        struct compile_sizes s = compiled_sizes(c);
        fprintf(stderr, "from %" PRIu64 " to %" PRIu64 " pairs %" PRIu64 " intervals %" PRIu64 " prefixes %" PRIu64 " warnings %zu\n", s.from_classes,
            s.to_classes, s.pairs, s.intervals, s.prefixes, diags.warnings);
    }
    return 0;
}

static bool write_policy(const char *path, char family, uint32_t size)
{
    pid_t child = fork(); /* so that the text is not in our memory */
    if (child == 0) {
        struct rules r = rules_of(family, size);
        struct text text = text_new(rules_text_limit(&r));
        rules_print(&r, &text);
        FILE *out = text.failed ? NULL : fopen(path, "we");
        bool ok = out && fwrite(text.at, 1, text.len, out) == text.len;
        _exit(!ok || fclose(out) != 0);
    }
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static bool run_one(const char *path, double values[PARTS])
{
    char command[256], line[256] = "";
    snprintf(command, sizeof command, "/proc/%d/exe --one %s", (int)getpid(), path);
    FILE *in = popen(command, "re");
    if (!in || !fgets(line, sizeof line, in)) {
        if (in)
            pclose(in);
        return false;
    }
    char *at = line;
    for (int i = 0; i < PARTS; i++)
        values[i] = strtod(at, &at) / parts[i].scale;
    return pclose(in) == 0;
}

static uint64_t number_option(int argc, char **argv, const char *name, uint64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 0);
    return otherwise;
}

static const uint32_t sizes[] = {1000, 10000, 100000, 1000000};
#define SIZES (sizeof sizes / sizeof sizes[0])

/* Rounds go through the sizes, so that a slow minute of the machine falls on all of them. */
static bool measure_family(struct report *report, const char *directory, char family, size_t size_count, size_t rounds, double worst[SIZES][PARTS])
{
    static double values[SIZES][PARTS][ROUNDS_MAX];
    char paths[SIZES][128];
    bool ok = true;
    for (size_t s = 0; ok && s < size_count; s++) {
        snprintf(paths[s], sizeof paths[s], "%s/%c-%u.yaml", directory, family, sizes[s]);
        ok = write_policy(paths[s], family, sizes[s]);
    }
    for (size_t round = 0; ok && round < rounds; round++)
        for (size_t s = 0; ok && s < size_count; s++) {
            double one[PARTS];
            ok = run_one(paths[s], one);
            for (int i = 0; i < PARTS; i++)
                values[s][i][round] = one[i];
        }
    double per = 0;
    for (size_t s = 0; ok && s < size_count; s++) {
        double m[PARTS];
        for (int i = 0; i < PARTS; i++) {
            char name[40];
            m[i] = median(values[s][i], rounds);
            snprintf(name, sizeof name, "%s-%c", parts[i].name, family);
            report_add(report, name, sizes[s], "bulkhead", m[i], parts[i].unit);
            if (m[i] > worst[s][i])
                worst[s][i] = m[i];
        }
        double n = sizes[s], c = m[PART_TOTAL] / (n * log2(n)) * 1e9;
        printf("%c %9u  %8.4f  %8.4f  %8.4f  %8.4f  %8.4f  %8.1f  %8.1f  %8.2f", family, sizes[s], m[PART_YAML], m[PART_PARSE], m[PART_COMPILE],
            m[PART_WRITE], m[PART_TOTAL], m[PART_RSS] / (1 << 20), m[PART_IMAGE] / (1 << 20), c);
        printf(s && per > 0 ? "  %5.2f\n" : "\n", c / per);
        per = c;
        unlink(paths[s]);
    }
    fflush(stdout);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--one") == 0)
        return measure_one(argv[2]);
    size_t rounds = number_option(argc, argv, "--rounds", 5);
    uint64_t max = number_option(argc, argv, "--max", 1000000);
    const char *families = RULES_FAMILIES;
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--families") == 0)
            families = argv[i + 1];
    size_t size_count = 0;
    while (size_count < SIZES && sizes[size_count] <= max)
        size_count++;
    if (rounds == 0 || rounds > ROUNDS_MAX)
        return 2;
    char directory[] = "/tmp/bulkhead-bench-XXXXXX";
    if (!mkdtemp(directory))
        return 1;
    printf("seconds of processor time; MiB; growth: ns/(n log2 n), and that against the size before (1: n log n)\n");
    printf("%-11s  %8s  %8s  %8s  %8s  %8s  %8s  %8s  %8s\n", "rules", "yaml", "parse", "compile", "write", "total", "memory", "image", "n log n");
    struct report *report = report_new("compile");
    double worst[SIZES][PARTS] = {{0}};
    bool ok = true;
    for (const char *f = families; ok && *f; f++)
        ok = measure_family(report, directory, *f, size_count, rounds, worst);
    rmdir(directory);
    for (size_t s = 0; s < size_count; s++)
        for (int i = 0; i < PARTS; i++)
            report_add(report, parts[i].name, sizes[s], "bulkhead", worst[s][i], parts[i].unit);
    if (!ok)
        fprintf(stderr, "a measurement failed\n");
    return report_finish(report) || !ok;
}
