/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/file_copy.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of x86-64 and most of arm64; where it is another one nothing is lost but time. */
#define HUGE_PAGE ((size_t)2 << 20)

static void give_back(uint8_t *at, size_t len)
{
    if (len)
        munmap(at, len);
}

/*
 * Where a huge page begins, so that the kernel may take some: 15 MB in 3,600 pages took 7 ms to fill and 3 to give back, in 7
 * of these 2.3 and 0.1; sealed memory (memfd_create), which the whole system could share, 6.5 and 3. NULL with errno.
 */
static uint8_t *room_for(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), wide;
    if (__builtin_add_overflow(size, page + HUGE_PAGE, &wide)) {
        errno = ENOMEM;
        return NULL;
    }
    size_t room = (size + page - 1) / page * page;
    wide = room + HUGE_PAGE;
    uint8_t *from = mmap(NULL, wide, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (from == MAP_FAILED)
        return NULL;
    size_t before = (HUGE_PAGE - (uintptr_t)from % HUGE_PAGE) % HUGE_PAGE;
    give_back(from, before);
    give_back(from + before + room, wide - before - room);
    (void)madvise(from + before, room, MADV_HUGEPAGE);
    return from + before;
}

/* False with errno. */
static bool fill(int file, uint8_t *to, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t got = pread(file, to + at, size - at, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = ENODATA;
        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

bool file_copy(int file, size_t size, struct bytes *ret, struct failure *f)
{
    if (!size)
        return fail(f, "there is nothing to copy");
    uint8_t *at = room_for(size);
    if (!at)
        return fail_errno(f, errno, "have %zu bytes of memory", size);
    if (!fill(file, at, size) || mprotect(at, size, PROT_READ) < 0) {
        int error = errno;
        munmap(at, size);
        return fail_errno(f, error, "copy the file to memory");
    }
    *ret = bytes_of(at, size);
    return true;
}

void file_copy_free(struct bytes copy)
{
    if (copy.len)
        munmap((void *)(uintptr_t)copy.at, copy.len);
}
