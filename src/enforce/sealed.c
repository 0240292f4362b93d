/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static bool begin(int *ret, struct failure *f)
{
    *ret = memfd_create("bulkhead", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return *ret >= 0 || fail_errno(f, errno, "make memory that can be sealed");
}

static bool finish(int fd, bool filled, int *ret, struct failure *f)
{
    int error = errno;
    if (filled && fcntl(fd, F_ADD_SEALS, SEALS) == 0) {
        *ret = fd;
        return true;
    }
    if (filled)
        error = errno;
    close(fd);
    return fail_errno(f, error, "fill memory and seal it");
}

/* False with errno. */
static bool copy_all(int from, int to, size_t size)
{
    for (off_t at = 0; (size_t)at < size;) {
        ssize_t sent = sendfile(to, from, &at, size - (size_t)at);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent == 0)
            errno = ENODATA;
        if (sent <= 0)
            return false;
    }
    return true;
}

bool sealed_of_file(int file, size_t size, int *ret, struct failure *f)
{
    int fd;
    return begin(&fd, f) && finish(fd, copy_all(file, fd, size), ret, f);
}

bool sealed_map(int fd, struct bytes *ret, struct failure *f)
{
    struct stat about;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS)
        return fail(f, "this memory is not sealed: who made it could still change it");
    if (fstat(fd, &about) < 0)
        return fail_errno(f, errno, "look at sealed memory");
    if (about.st_size <= 0)
        return fail(f, "this memory is empty");
    void *at = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        return fail_errno(f, errno, "map sealed memory");
    *ret = bytes_of(at, (size_t)about.st_size);
    return true;
}

void sealed_unmap(struct bytes mapped)
{
    if (mapped.len)
        munmap((void *)mapped.at, mapped.len);
}
