/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "enforce/scope.h"

bool file_read(const char *path, size_t ceiling, char **ret_text, size_t *ret_size, struct failure *f)
{
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(f, errno, "open %s", path);
    size_t size = 0, capacity = 64 << 10;
    char *text = malloc(capacity + 1);
    while (text) {
        ssize_t got = read(fd, text + size, capacity - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int error = errno;
            free(text);
            return fail_errno(f, error, "read %s", path);
        }
        size += (size_t)got;
        if (got == 0)
            break;
        if (size > ceiling) {
            free(text);
            return fail(f, "%s is larger than %zu bytes", path, ceiling);
        }
        if (size == capacity) {
            capacity *= 2;
            char *larger = realloc(text, capacity + 1);
            if (!larger)
                free(text);
            text = larger;
        }
    }
    if (!text)
        return fail(f, "out of memory while reading %s", path);
    text[size] = 0;
    *ret_text = text;
    *ret_size = size;
    return true;
}

bool write_all(int fd, struct bytes text)
{
    while (text.len) {
        ssize_t put = write(fd, text.at, text.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        text = bytes_slice(text, (size_t)put, SIZE_MAX);
    }
    return true;
}

bool file_write(const char *path, struct bytes text, struct failure *f)
{
    char temporary[544];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    SCOPED_FD fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail_errno(f, errno, "write %s", temporary);
    if (!write_all(fd, text) || rename(temporary, path)) {
        int error = errno;
        unlink(temporary);
        return fail_errno(f, error, "write %s", path);
    }
    return true;
}
