/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

struct row {
    char subject[128], who[24], unit[8];
    uint64_t size;
    double value;
};

struct report {
    const char *name;
    struct row *rows;
    size_t count;
};

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t process_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

struct report *report_new(const char *name)
{
    struct report *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    r->name = name;
    return r;
}

void report_add(struct report *r, const char *subject, uint64_t size, const char *who, double value, const char *unit)
{
    struct row *rows = realloc(r->rows, (r->count + 1) * sizeof *rows);
    if (!rows)
        abort();
    r->rows = rows;
    struct row *row = &rows[r->count++];
    *row = (struct row){.size = size, .value = value};
    snprintf(row->subject, sizeof row->subject, "%s", subject);
    snprintf(row->who, sizeof row->who, "%s", who);
    snprintf(row->unit, sizeof row->unit, "%s", unit);
}

/* "AMD EPYC, 2 processors, Linux 6.18.44" */
static void print_machine(FILE *out)
{
    struct utsname u;
    char line[256], model[128] = "unknown processor";
    FILE *cpu = fopen("/proc/cpuinfo", "re");
    while (cpu && fgets(line, sizeof line, cpu)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            colon[strcspn(colon, "\n")] = 0;
            snprintf(model, sizeof model, "%.120s", colon + 2);
            break;
        }
    }
    if (cpu)
        fclose(cpu);
    uname(&u);
    fprintf(out, "%s, %ld processors, %s %s", model, sysconf(_SC_NPROCESSORS_ONLN), u.sysname, u.release);
}

/* A row's case may be the name of a file: any bytes. */
static void print_row(const struct row *row, FILE *out)
{
    struct text subject = text_new(1024);
    text_json(&subject, row->subject);
    fprintf(out, "\n  {\"case\": %s, \"size\": %" PRIu64 ", \"who\": \"%s\", \"value\": %.6g, \"unit\": \"%s\"}", text_cstr(&subject), row->size,
        row->who, row->value, row->unit);
    text_free(&subject);
}

static void print_json(const struct report *r, FILE *out)
{
    fprintf(out, "{\"machine\": \"");
    print_machine(out);
    fprintf(out, "\", \"rows\": [");
    for (size_t i = 0; i < r->count; i++) {
        fputs(i ? "," : "", out);
        print_row(&r->rows[i], out);
    }
    fprintf(out, "\n]}\n");
}

static int write_json(const struct report *r, const char *path)
{
    FILE *out = fopen(path, "we");
    if (!out)
        return 1;
    print_json(r, out);
    return fclose(out) != 0;
}

void report_free(struct report *r)
{
    free(r->rows);
    free(r);
}

int report_print(struct report *r)
{
    print_json(r, stdout);
    report_free(r);
    return fflush(stdout) != 0;
}

int report_finish(struct report *r)
{
    char path[128], fresh[140];
    mkdir("build", 0777);
    mkdir("build/bench", 0777);
    snprintf(path, sizeof path, "build/bench/%s.json", r->name);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    int failed = write_json(r, fresh) || rename(fresh, path);
    if (failed)
        fprintf(stderr, "cannot write %s\n", path);
    else
        printf("-> %s\n", path);
    report_free(r);
    return failed;
}
