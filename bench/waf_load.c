/* SPDX-License-Identifier: Apache-2.0 */
#include "waf_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enforce/file.h"
#include "enforce/file_copy.h"
#include "report.h"

#define LOADS 9

/* Of a file without a name. -1: there is none. */
static int file_of(const struct waf_ours *cold, size_t *ret_bytes)
{
    char name[] = "/tmp/bulkhead-bench-XXXXXX";
    uint8_t *image;
    if (!waf_ours_image(cold, &image, ret_bytes))
        return -1;
    int fd = mkstemp(name);
    if (fd >= 0) {
        unlink(name);
        if (!write_all(fd, bytes_of(image, *ret_bytes))) {
            close(fd);
            fd = -1;
        }
    }
    free(image);
    return fd;
}

/* What one load cost, to `figures`. */
static bool load_once(int file, size_t size, struct bytes text, double figures[4])
{
    uint64_t wall = wall_ns(), cpu = process_ns();
    struct failure f = {""};
    struct bytes image = {0};
    struct waf_ours *w = NULL;
    bool ok = file_copy(file, size, &image, &f) && waf_ours_load_from(text, image, &w);
    figures[0] = (double)(wall_ns() - wall) / 1e6;
    figures[1] = (double)(process_ns() - cpu) / 1e6;
    if (ok)
        waf_ours_warm(w);
    figures[2] = (double)(process_ns() - cpu) / 1e6;
    figures[3] = (double)(wall_ns() - wall) / 1e6;
    if (!ok)
        fprintf(stderr, "rules do not load from their image: %s\n", f.text);
    waf_ours_free(w);
    file_copy_free(image);
    return ok;
}

bool waf_load_measure(const struct waf_ours *cold, struct bytes text, struct waf_load *ret)
{
    double wall[LOADS], cpu[LOADS], first[LOADS], first_wall[LOADS];
    int file = file_of(cold, &ret->bytes);
    bool ok = file >= 0;
    for (size_t i = 0; ok && i < LOADS; i++) {
        double figures[4];
        ok = load_once(file, ret->bytes, text, figures);
        wall[i] = figures[0];
        cpu[i] = figures[1];
        first[i] = figures[2];
        first_wall[i] = figures[3];
    }
    if (file >= 0)
        close(file);
    if (!ok)
        return false;
    ret->ms = median(wall, LOADS);
    ret->cpu_ms = median(cpu, LOADS);
    ret->first_cpu_ms = median(first, LOADS);
    ret->first_ms = median(first_wall, LOADS);
    return true;
}
