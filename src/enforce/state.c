/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enforce/descriptors.h"
#include "enforce/file.h"
#include "enforce/process.h"

#define POLICY_FILE_MAX ((size_t)1 << 30)
#define STATE_FILE_MAX ((size_t)16 << 20)

void state_free(struct state *s)
{
    free(s->links);
    *s = (struct state){0};
}

bool state_valid_name(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len >= STATE_NAME_MAX || name[0] < 'a' || name[0] > 'z')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

void state_path(const char *name, const char *file, char out[512])
{
    snprintf(out, 512, "%s/%s%s%s", STATE_ROOT, name, file ? "/" : "", file ? file : "");
}

void state_pins(const char *name, char out[512])
{
    snprintf(out, 512, "%s/%s", PIN_ROOT, name);
}

void state_netns(const char *name, const char *workload, char out[128])
{
    snprintf(out, 128, "%s-%s", name, workload);
}

static bool make_directory(const char *path, struct failure *f)
{
    if (mkdir(path, 0700) && errno != EEXIST)
        return fail_errno(f, errno, "make %s", path);
    return true;
}

/* A lock that its last holder has taken away with the network guards nothing. */
static bool lock_is_there(int fd, const char *path)
{
    struct stat held, there;
    return fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_ino == there.st_ino && held.st_dev == there.st_dev;
}

#define ORPHAN_PATIENCE_MS 5000
#define PATIENCE_MS 300 /* with the agent, which holds it for moments */

/* Whether the process that took the lock is there; what it had begun to start may hold it for a moment longer. */
static bool holder_lives(int fd)
{
    char text[64] = "", *rest;
    if (pread(fd, text, sizeof text - 1, 0) <= 0)
        return true; /* has not said yet who it is */
    pid_t pid = (pid_t)strtol(text, &rest, 10);
    return pid <= 0 || process_is(pid, strtoull(rest, NULL, 10));
}

/* The lock, or an errno value. One whose holder was killed is waited for. */
static int take_lock(int fd)
{
    for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB); waited += 10) {
        if (errno != EWOULDBLOCK || waited >= ORPHAN_PATIENCE_MS || (waited >= PATIENCE_MS && holder_lives(fd)))
            return errno;
        usleep(10000);
    }
    return 0;
}

static void sign(int fd)
{
    char text[64];
    int length = snprintf(text, sizeof text, "%d %" PRIu64 "\n", getpid(), process_start_time(getpid()));
    if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)length, 0) != length)
        return; /* then nobody waits for us, should we be killed */
}

static void lock_close(struct state_lock *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

bool state_lock(const char *name, struct state_lock *ret, struct failure *f)
{
    if (geteuid() != 0)
        return fail(f, "changing a network needs root: run it with sudo");
    if (!descriptors_suffice(f) || !make_directory(STATE_ROOT, f))
        return false;
    snprintf(ret->name, sizeof ret->name, "%s", name);
    snprintf(ret->path, sizeof ret->path, "%s/%s.lock", STATE_ROOT, name);
    for (;;) {
        ret->fd = open(ret->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (ret->fd < 0 && errno == ENOENT && make_directory(STATE_ROOT, f))
            continue; /* a `down` took the directory away in between */
        if (ret->fd < 0)
            return fail_errno(f, errno, "open %s", ret->path);
        int error = take_lock(ret->fd);
        if (error) {
            lock_close(ret);
            if (error == EWOULDBLOCK)
                return fail(f, "another bulkhead is changing the network %s at this moment; wait for it to end and try again", name);
            return fail_errno(f, error, "lock %s", ret->path);
        }
        if (lock_is_there(ret->fd, ret->path)) {
            sign(ret->fd);
            return true;
        }
        lock_close(ret);
    }
}

void state_unlock(struct state_lock *l)
{
    if (!state_exists(l->name)) {
        (void)unlink(l->path);
        (void)rmdir(STATE_ROOT); /* when it was the last network */
        (void)rmdir(PIN_ROOT);
    }
    lock_close(l);
}

bool state_exists(const char *name)
{
    char path[512];
    state_path(name, NULL, path);
    return access(path, F_OK) == 0;
}

struct state_link *state_find(const struct state *s, const char *workload)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->links[i].workload, workload) == 0)
            return &s->links[i];
    return NULL;
}

bool state_is_uplink(const struct state_link *l)
{
    return strcmp(l->workload, STATE_UPLINK) == 0;
}

struct state_link *state_find_link(const struct state *s, uint32_t link)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->links[i].link == link)
            return &s->links[i];
    return NULL;
}

bool state_add(struct state *s, const char *workload, uint32_t link, struct failure *f)
{
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 16;
        struct state_link *larger = reallocarray(s->links, capacity, sizeof *larger);
        if (!larger)
            return fail(f, "out of memory");
        s->links = larger;
        s->capacity = capacity;
    }
    struct state_link *l = &s->links[s->count++];
    *l = (struct state_link){.link = link};
    snprintf(l->workload, sizeof l->workload, "%s", workload);
    return true;
}

void state_drop(struct state *s, const char *workload)
{
    struct state_link *l = state_find(s, workload);
    if (l)
        *l = s->links[--s->count];
}

static void put_link(const struct state_link *l, struct text *t)
{
    text_printf(t, "link %u %s %ld %" PRIu64 " %" PRIu64, l->link, l->workload, (long)l->init, l->init_start, l->adopt_until);
    if (l->peer_known)
        text_printf(t, " %u %d", l->peer, l->peer_ns);
    text_puts(t, "\n");
}

bool state_save(const struct state *s, struct failure *f)
{
    char path[512];
    state_path(s->name, NULL, path);
    if (!make_directory(STATE_ROOT, f) || !make_directory(path, f))
        return false;
    struct text t = text_new(STATE_FILE_MAX);
    text_printf(&t, "bulkhead-state %d\ncomplete %d\n", STATE_VERSION, s->complete);
    for (size_t i = 0; i < s->count; i++)
        put_link(&s->links[i], &t);
    state_path(s->name, "state", path);
    bool ok = !t.failed ? file_write(path, bytes_of(t.at, t.len), f) : fail(f, "out of memory");
    text_free(&t);
    return ok;
}

void state_mark_begun(const char *name)
{
    static const char complete[] = "\ncomplete 1\n";
    char path[512], head[128] = "";
    state_path(name, "state", path);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    ssize_t length = pread(fd, head, sizeof head - 1, 0);
    const char *at = length > 0 ? strstr(head, complete) : NULL;
    if (at)
        (void)!pwrite(fd, "0", 1, at - head + (off_t)sizeof complete - 3);
    close(fd);
}

/* The next word of a line, NUL-terminated in place; NULL at its end. */
static char *next_word(char **line)
{
    char *word = *line + strspn(*line, " ");
    if (!*word)
        return NULL;
    char *end = word + strcspn(word, " ");
    *line = *end ? end + 1 : end;
    *end = 0;
    return word;
}

static bool take_link(struct state *s, char *line, struct failure *f)
{
    char *link = next_word(&line), *workload = next_word(&line), *init = next_word(&line), *start = next_word(&line), *adopt_until = next_word(&line);
    char *peer = next_word(&line), *peer_ns = next_word(&line);
    if (!adopt_until)
        return fail(f, "cut short");
    if (!state_add(s, workload, (uint32_t)strtoul(link, NULL, 10), f))
        return false;
    struct state_link *l = &s->links[s->count - 1];
    l->init = (pid_t)strtol(init, NULL, 10);
    l->init_start = strtoull(start, NULL, 10);
    l->adopt_until = strtoull(adopt_until, NULL, 10);
    l->peer_known = peer_ns != NULL;
    l->peer = peer ? (uint32_t)strtoul(peer, NULL, 10) : 0;
    l->peer_ns = peer_ns ? (int32_t)strtol(peer_ns, NULL, 10) : 0;
    return true;
}

static bool take_line(struct state *s, char *line, struct failure *f)
{
    char *word = next_word(&line);
    if (!word)
        return true;
    if (strcmp(word, "bulkhead-state") == 0) {
        char *version = next_word(&line);
        if (!version || strtol(version, NULL, 10) != STATE_VERSION)
            return fail(f, "left by another version of bulkhead (state %s, this one has %d); take the network down with that version",
                version ? version : "?", STATE_VERSION);
        return true;
    }
    if (strcmp(word, "complete") == 0) {
        char *value = next_word(&line);
        s->complete = value && *value == '1';
        return true;
    }
    return strcmp(word, "link") != 0 || take_link(s, line, f);
}

bool state_load(const char *name, struct state *ret, struct failure *f)
{
    char path[512];
    char *text;
    size_t size;
    state_path(name, "state", path);
    *ret = (struct state){0};
    snprintf(ret->name, sizeof ret->name, "%s", name);
    if (!file_read(path, STATE_FILE_MAX, &text, &size, f))
        return false;
    bool ok = true;
    for (char *line = text, *end; ok && *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = 0;
        struct failure why = {""};
        ok = take_line(ret, line, &why);
        if (!ok)
            fail(f, "%s: %s", path, why.text);
    }
    free(text);
    if (!ok)
        state_free(ret);
    return ok;
}

static void policy_path(const char *name, uint32_t generation, char out[512])
{
    char file[64];
    snprintf(file, sizeof file, "policy-%u.yaml", generation);
    state_path(name, file, out);
}

bool state_save_policy(const char *name, uint32_t generation, struct bytes text, struct failure *f)
{
    char path[512];
    policy_path(name, generation, path);
    return file_write(path, text, f);
}

bool state_load_policy(const char *name, uint32_t generation, char **ret_text, size_t *ret_size, struct failure *f)
{
    char path[512];
    policy_path(name, generation, path);
    return file_read(path, POLICY_FILE_MAX, ret_text, ret_size, f);
}

int64_t state_policy_written(const char *name, uint32_t generation)
{
    char path[512];
    struct stat there;
    policy_path(name, generation, path);
    return stat(path, &there) == 0 ? there.st_mtime : 0;
}

void state_keep_policies(const char *name, uint32_t generation, uint32_t other)
{
    char path[512], keep[2][64];
    snprintf(keep[0], sizeof keep[0], "policy-%u.yaml", generation);
    snprintf(keep[1], sizeof keep[1], "policy-%u.yaml", other);
    state_path(name, NULL, path);
    DIR *d = opendir(path);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));)
        if (strncmp(e->d_name, "policy-", 7) == 0 && strcmp(e->d_name, keep[0]) != 0 && strcmp(e->d_name, keep[1]) != 0)
            (void)unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

bool state_remove(const char *name, struct failure *f)
{
    char path[512];
    state_path(name, NULL, path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return true;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return fail_errno(f, errno, "%s is not the directory that bulkhead made; look at it, and remove it", path);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            (void)unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    if (rmdir(path))
        return fail_errno(f, errno, "remove %s", path);
    return true;
}

/* A directory that something is in: not what else somebody has put there, nor one that an `up` has only begun. */
static bool is_of_network(int root, const char *name)
{
    int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    bool found = false;
    for (struct dirent *e; d && !found && (e = readdir(d));)
        found = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    return found;
}

bool state_each(bool (*each)(const char *name, void *argument), void *argument)
{
    DIR *d = opendir(STATE_ROOT);
    if (!d)
        return true;
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(d));)
        if (state_valid_name(e->d_name) && is_of_network(dirfd(d), e->d_name))
            ok = each(e->d_name, argument);
    closedir(d);
    return ok;
}
