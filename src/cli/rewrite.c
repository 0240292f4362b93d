/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/moment.h"
#include "cli/output.h"
#include "enforce/file.h"
#include "enforce/tzdata.h"
#include "policy/parse.h"

#define DIAGS_MEMORY ((size_t)16 << 20)
/* Bytes parsed to tell comments from `#` in text, two or three seconds of work; then it counts as a comment. */
#define PARSED_MAX ((size_t)64 << 20)

/* Mode and owner of `about` on the new file, and the contents. False with errno. */
static bool file_fill(int fd, const struct stat *about, struct bytes contents)
{
    /* Only root may give a file away; for everybody else it is theirs already, or becomes theirs. */
    if (fchown(fd, about->st_uid, about->st_gid) < 0 && errno != EPERM)
        return false;
    return fchmod(fd, about->st_mode & 07777) == 0 && write_all(fd, contents) &&
           fsync(fd) == 0;
}

static bool file_put(const char *path, const char *beside, const struct stat *about, struct bytes contents)
{
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool filled = file_fill(fd, about, contents);
    int error = errno;
    bool closed = close(fd) == 0;
    if (filled && closed && rename(beside, path) == 0)
        return true;
    if (!filled)
        errno = error;
    error = errno;
    unlink(beside);
    errno = error;
    return false;
}

/* In the file's folder, of a name that nobody can guess. NULL with errno. */
static char *name_beside(const char *path)
{
    uint64_t number;
    char *name = NULL;
    if (!chance(&number) || asprintf(&name, "%s.%016llx", path, (unsigned long long)number) < 0)
        return NULL;
    return name;
}

bool file_replace(const char *path, struct bytes contents)
{
    struct stat about;
    char *real = realpath(path, NULL);
    if (!real || stat(real, &about) < 0) {
        complain("%s: %s", path, strerror(errno));
        free(real);
        return false;
    }
    if (!S_ISREG(about.st_mode)) {
        complain("%s: not a regular file, so it cannot be rewritten", path);
        free(real);
        return false;
    }
    char *beside = name_beside(real);
    bool done = beside && file_put(real, beside, &about, contents);
    if (!done)
        complain("%s: cannot be rewritten: %s", path, strerror(errno));
    free(beside);
    free(real);
    return done;
}

bool policy_same(const struct loaded *l, struct bytes text)
{
    uint64_t seed;
    struct arena *a = arena_create(policy_memory_limit(text.len)), *d = arena_create(DIAGS_MEMORY);
    bool same = false;
    if (a && d && chance(&seed)) {
        struct diags diags = diags_new(d);
        const struct policy *p = policy_parse(text, seed, tzdata_find, a, &diags);
        same = p && memcmp(p->digest, l->policy->digest, sizeof p->digest) == 0;
    }
    arena_destroy(a);
    arena_destroy(d);
    return same;
}

/* The `#` at `at` could begin a comment: YAML wants a space or a line's begin before it. */
static bool may_begin_comment(struct bytes text, size_t at)
{
    return text.at[at] == '#' && (at == 0 || strchr(" \t\r\n", text.at[at - 1]));
}

/* With what follows the `#` blanked, the policy is the same: then it was a comment. */
static bool is_comment(const struct loaded *l, struct input *copy, size_t at)
{
    const uint8_t *end = memchr(copy->at + at, '\n', copy->len - at);
    size_t len = end ? (size_t)(end - (copy->at + at)) : copy->len - at;
    memset(copy->at + at, ' ', len);
    bool same = policy_same(l, input_bytes(copy));
    memcpy(copy->at + at, l->source.at + at, len);
    return same;
}

bool policy_has_comments(const struct loaded *l)
{
    struct bytes text = input_bytes(&l->source);
    struct input copy = {.at = malloc(text.len), .len = text.len};
    size_t parsed = 0;
    bool found = !copy.at;
    if (copy.at)
        memcpy(copy.at, text.at, text.len);
    for (size_t at = 0; at < text.len && !found; at++) {
        if (!may_begin_comment(text, at))
            continue;
        found = parsed > PARSED_MAX || is_comment(l, &copy, at);
        parsed += text.len;
    }
    input_free(&copy);
    return found;
}
