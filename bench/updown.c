/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long `bulkhead up` and `bulkhead down` of a network take, process and all: milliseconds a workload.
 *
 *   bench-updown BULKHEAD [--rounds N] [--sizes LIST]
 *
 * Workloads run nothing (no `run:`). Beside the wall's time stands the processor time of the command itself: what the
 * kernel's workers do for it, and what waits for a grace period, is not in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "bed.h"
#include "report.h"

#define NAME "bench-updown"
#define SEGMENTS 3
#define ROUNDS_MAX 32
#define SIZES_MAX 8

extern char **environ;

struct took {
    double wall, cpu; /* ms */
};

static void write_policy(const char *path, uint32_t workloads)
{
    FILE *out = fopen(path, "we");
    if (!out)
        die("cannot write %s: %s", path, strerror(errno));
    fprintf(out, "bulkhead: v1\nname: " NAME "\nsegments:\n  hub: {kind: hub, cidr: [10.78.255.0/24, \"fd78:0:0:ff::/64\"]}\n");
    for (uint32_t s = 0; s < SEGMENTS; s++)
        fprintf(out, "  s%u: {cidr: [10.78.%u.0/24, \"fd78:0:0:%u::/64\"]}\n", s, s, s);
    fprintf(out, "workloads:\n");
    for (uint32_t w = 0; w < workloads; w++)
        fprintf(out, "  w%u: {segment: s%u}\n", w, w % SEGMENTS);
    fprintf(out, "rules:\n");
    for (uint32_t w = 0; w + 1 < workloads; w++)
        fprintf(out, "  - {name: r%u, allow: {from: w%u, to: w%u, ports: 8080/tcp}}\n", w, w, w + 1);
    if (fclose(out))
        die("cannot write %s", path);
}

static struct took run(const char *bulkhead, const char *verb, const char *operand)
{
    char *argv[] = {(char *)(uintptr_t)bulkhead, (char *)(uintptr_t)verb, (char *)(uintptr_t)operand, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t child;
    int status, error;
    struct rusage usage;
    uint64_t start = wall_ns();
    if ((error = posix_spawn(&child, bulkhead, &actions, NULL, argv, environ)))
        die("cannot run %s: %s", bulkhead, strerror(error));
    if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("%s %s %s failed", bulkhead, verb, operand);
    uint64_t end = wall_ns();
    posix_spawn_file_actions_destroy(&actions);
    return (struct took){(double)(end - start) / 1e6,
        (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3};
}

static void tell(struct report *r, const char *verb, uint32_t size, double *wall, double *cpu, size_t rounds)
{
    char cpu_name[32];
    snprintf(cpu_name, sizeof cpu_name, "%s-cpu", verb);
    double w = median(wall, rounds), c = median(cpu, rounds);
    printf("%-5s  %5u  %10.1f ms  %8.3f ms each (%.3f to %.3f)  %8.3f ms of processor each\n", verb, size, w, w / size, wall[0] / size,
        wall[rounds - 1] / size, c / size);
    report_add(r, verb, size, "bulkhead", w / size, "ms");
    report_add(r, cpu_name, size, "bulkhead", c / size, "ms");
}

int main(int argc, char **argv)
{
    size_t rounds = 5, count = 0;
    uint32_t sizes[SIZES_MAX];
    const char *list = "3,30,300";
    if (argc < 2)
        die("which bulkhead?");
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rounds") == 0)
            rounds = strtoul(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--sizes") == 0)
            list = argv[i + 1];
    }
    if (rounds == 0 || rounds > ROUNDS_MAX)
        die("between 1 and %d rounds", ROUNDS_MAX);
    if (geteuid() != 0)
        die("needs root");
    for (const char *at = list; at && count < SIZES_MAX; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        sizes[count++] = (uint32_t)strtoul(at, NULL, 10);
    static double wall[2][SIZES_MAX][ROUNDS_MAX], cpu[2][SIZES_MAX][ROUNDS_MAX];
    char directory[] = "/tmp/bench-updown-XXXXXX", path[64];
    if (!mkdtemp(directory))
        die("cannot make a directory: %s", strerror(errno));
    snprintf(path, sizeof path, "%s/policy.yaml", directory);
    run(argv[1], "down", NAME); /* what a killed run left */
    for (size_t round = 0; round < rounds; round++)
        for (size_t s = 0; s < count; s++) {
            write_policy(path, sizes[s]);
            struct took up = run(argv[1], "up", path), down = run(argv[1], "down", NAME);
            wall[0][s][round] = up.wall;
            wall[1][s][round] = down.wall;
            cpu[0][s][round] = up.cpu;
            cpu[1][s][round] = down.cpu;
        }
    unlink(path);
    rmdir(directory);
    struct report *r = report_new("updown");
    printf("medians of %zu rounds\n", rounds);
    for (size_t s = 0; s < count; s++) {
        tell(r, "up", sizes[s], wall[0][s], cpu[0][s], rounds);
        tell(r, "down", sizes[s], wall[1][s], cpu[1][s], rounds);
    }
    return report_finish(r);
}
