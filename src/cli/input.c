/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_CAPACITY ((size_t)64 << 10)

void input_free(struct input *in)
{
    free(in->at);
    *in = (struct input){0};
}

const char *input_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "stdin" : path;
}

/* A byte more than the file holds, so that its end is seen without growing. */
static size_t first_capacity(int fd)
{
    struct stat about;
    if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode) || about.st_size < (off_t)FIRST_CAPACITY)
        return FIRST_CAPACITY;
    return (size_t)about.st_size + 1;
}

/* NULL, or why it could not be read. */
static const char *read_to_end(int fd, size_t limit, struct input *in)
{
    size_t capacity = first_capacity(fd);
    if (capacity > limit)
        capacity = limit + 1;
    in->at = malloc(capacity);
    while (in->at) {
        ssize_t got = read(fd, in->at + in->len, capacity - in->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return strerror(errno);
        if (got == 0)
            return NULL;
        in->len += (size_t)got;
        if (in->len > limit)
            return "larger than a file may be here";
        if (in->len < capacity)
            continue;
        capacity = capacity > limit / 2 ? limit + 1 : capacity * 2;
        uint8_t *moved = realloc(in->at, capacity);
        if (!moved)
            break;
        in->at = moved;
    }
    return strerror(ENOMEM);
}

bool input_read(const char *path, size_t limit, struct input *ret, const char **ret_error)
{
    struct input in = {0};
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        *ret_error = strerror(errno);
        return false;
    }
    const char *error = read_to_end(fd, limit, &in);
    if (!standard)
        close(fd);
    if (error) {
        input_free(&in);
        *ret_error = error;
        return false;
    }
    *ret = in;
    return true;
}
