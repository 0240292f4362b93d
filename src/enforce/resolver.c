/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "enforce/scope.h"

void resolver_read(struct resolver *ret_resolver)
{
    ret_resolver->path[0] = '\0';
    SCOPED_MEMORY char *path = realpath("/etc/resolv.conf", NULL);
    if (!path || strncmp(path, "/run/", 5) != 0 || strlen(path) >= sizeof ret_resolver->path)
        return;
    SCOPED_FD file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    ssize_t length = file < 0 ? -1 : read(file, ret_resolver->text, sizeof ret_resolver->text);
    if (length < 0 || (size_t)length == sizeof ret_resolver->text)
        return;
    ret_resolver->text[length] = '\0';
    memcpy(ret_resolver->path, path, strlen(path) + 1);
}

static bool parents_make(const char *path, struct failure *f)
{
    char part[PATH_MAX];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t length = (size_t)(slash - path);
        memcpy(part, path, length);
        part[length] = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return fail_errno(f, errno, "cannot make %s in the workload's tree", part);
    }
    return true;
}

bool resolver_place(const struct resolver *resolver, struct failure *f)
{
    if (resolver->path[0] == '\0')
        return true;
    if (!parents_make(resolver->path, f))
        return false;
    SCOPED_FD file = open(resolver->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    size_t length = strlen(resolver->text);
    if (file < 0 || write(file, resolver->text, length) != (ssize_t)length)
        return fail_errno(f, errno, "cannot make %s in the workload's tree", resolver->path);
    return true;
}
