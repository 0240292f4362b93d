/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/waf_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/moment.h"
#include "cli/output.h"
#include "cli/threads.h"
#include "enforce/file.h"
#include "enforce/file_copy.h"

/* The Core Rule Set's has 7 MB. */
#define CACHE_MAX ((off_t)1 << 30)

/* ---- reading */

/* NULL: what it holds was written by somebody whose rules would be obeyed. */
static const char *why_not_trusted(const struct stat *about)
{
    if (!S_ISREG(about->st_mode))
        return "it is not a regular file";
    if (about->st_uid != geteuid() && about->st_uid != 0)
        return "it belongs neither to you nor to root; remove it, or name another file";
    if (about->st_mode & (S_IWGRP | S_IWOTH))
        return "others may write to it; `chmod go-w`, if you know that nobody did, or remove it";
    if (about->st_size > CACHE_MAX)
        return "it is larger than a cache may be";
    return NULL;
}

static void refuse(struct rule_cache *c, const char *why)
{
    c->keeps_out = true;
    (void)complain("the cache %s is not used: %s", c->path, why);
}

/* As it is now: what is written to the file later makes no difference. */
static void take(struct rule_cache *c, int file, size_t size)
{
    struct failure f;
    struct bytes copy = {0};
    const char *why;
    if (size && !file_copy(file, size, &copy, &f)) {
        (void)complain("the cache %s is not used: %s", c->path, f.text);
        return;
    }
    if (image_read(copy, &c->image, &why)) {
        c->copy = copy;
        return;
    }
    (void)complain("the cache %s %s; it is written anew", c->path, why);
    file_copy_free(copy);
}

void rule_cache_open(const char *path, struct rule_cache *ret)
{
    struct stat about;
    *ret = (struct rule_cache){.path = path};
    if (!path)
        return;
    /* Not to be kept waiting by a pipe, nor led elsewhere by a link. */
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return;
    if (file < 0 || fstat(file, &about) < 0) {
        refuse(ret, errno == ELOOP ? "it is a symbolic link; name the file itself" : strerror(errno));
    } else {
        const char *why = why_not_trusted(&about);
        if (why)
            refuse(ret, why);
        else
            take(ret, file, (size_t)about.st_size);
    }
    if (file >= 0)
        close(file);
}

void rule_cache_close(struct rule_cache *c)
{
    file_copy_free(c->copy);
    *c = (struct rule_cache){0};
}

struct compiled *rule_cache_compiled(const struct rule_cache *c, struct arena *a)
{
    return compiled_create(a, c->copy.len ? &c->image : NULL, threads_lend());
}

/* ---- writing */

/* So that the name is there after a crash too; where a file system has no such thing, it does without. */
static void sync_folder(const char *path)
{
    char *copy = strdup(path);
    int folder = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder >= 0) {
        (void)fsync(folder);
        close(folder);
    }
    free(copy);
}

/* False with errno, and nothing is left behind. */
static bool put(const char *path, const char *beside, struct bytes image)
{
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, image) && fsync(fd) == 0;
    int error = errno;
    bool closed = close(fd) == 0;
    if (ok && closed && rename(beside, path) == 0)
        return true;
    error = ok ? errno : error;
    unlink(beside);
    errno = error;
    return false;
}

void rule_cache_keep(const struct rule_cache *c, const struct compiled *compiled)
{
    uint64_t number;
    uint8_t *image;
    size_t len;
    char *beside = NULL;
    if (!c->path || c->keeps_out || !compiled_is_new(compiled))
        return;
    if (!image_write(compiled, &image, &len)) {
        (void)complain("the cache %s cannot be written: out of memory", c->path);
        return;
    }
    if (!chance(&number) || asprintf(&beside, "%s.%016llx", c->path, (unsigned long long)number) < 0)
        beside = NULL;
    if (beside && put(c->path, beside, bytes_of(image, len)))
        sync_folder(c->path);
    else
        (void)complain("the cache %s cannot be written: %s", c->path, strerror(errno));
    free(beside);
    free(image);
}
