/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>

#include "enforce/scope.h"

static bool number_read(const char *text, const char **ret_end, uint32_t *ret_number)
{
    if (*text < '0' || *text > '9')
        return false;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    /* UINT32_MAX is "no change" to setresuid(2). */
    if (errno || value >= UINT32_MAX)
        return false;
    *ret_number = (uint32_t)value;
    *ret_end = end;
    return true;
}

static void take_entry(const struct passwd *entry, struct identity *identity)
{
    identity->uid = entry->pw_uid;
    identity->gid = entry->pw_gid;
    (void)snprintf(identity->name, sizeof identity->name, "%s", entry->pw_name);
    (void)snprintf(identity->home, sizeof identity->home, "%s", entry->pw_dir && *entry->pw_dir ? entry->pw_dir : "/");
}

static bool take_groups(struct identity *identity, struct failure *f)
{
    int count = IDENTITY_GROUPS_MAX;
    if (getgrouplist(identity->name, identity->gid, identity->groups, &count) < 0)
        return fail(f, "user %s is in %d groups: at most %d are possible", identity->name, count, IDENTITY_GROUPS_MAX);
    identity->group_count = (size_t)count;
    return true;
}

static bool by_number(const char *user, struct identity *identity, struct failure *f)
{
    const char *rest;
    uint32_t uid, gid = 0;
    if (!number_read(user, &rest, &uid) || (*rest && *rest != ':'))
        return fail(f, "there is no user '%s' on this host: give a name that /etc/passwd has, UID or UID:GID", user);
    bool has_gid = *rest == ':';
    if (has_gid && (!number_read(rest + 1, &rest, &gid) || *rest))
        return fail(f, "'%s' is not UID:GID: two decimal numbers are needed", user);

    SCOPED_MEMORY char *room = malloc(16384);
    struct passwd entry, *found = NULL;
    if (room && getpwuid_r(uid, &entry, room, 16384, &found) == 0 && found) {
        take_entry(found, identity);
    } else {
        identity->uid = uid;
        identity->gid = uid;
        (void)snprintf(identity->name, sizeof identity->name, "%u", uid);
        (void)snprintf(identity->home, sizeof identity->home, "/");
    }
    if (!has_gid && found)
        return take_groups(identity, f);
    if (has_gid)
        identity->gid = gid;
    identity->groups[0] = identity->gid;
    identity->group_count = 1;
    return true;
}

bool identity_resolve(const char *user, struct identity *ret_identity, struct failure *f)
{
    struct identity identity = {0};
    const char *wanted = user ? user : "0";
    SCOPED_MEMORY char *room = malloc(16384);
    struct passwd entry, *found = NULL;
    if (!room)
        return fail(f, "cannot look up user '%s': out of memory", wanted);
    int error = getpwnam_r(wanted, &entry, room, 16384, &found);
    if (error && error != ENOENT)
        return fail_errno(f, error, "cannot look up user '%s'", wanted);
    if (found) {
        take_entry(found, &identity);
        if (!take_groups(&identity, f))
            return false;
    } else if (!by_number(wanted, &identity, f)) {
        return false;
    }
    *ret_identity = identity;
    return true;
}

bool identity_assume(const struct identity *identity, struct failure *f)
{
    if (setgroups(identity->group_count, identity->groups) < 0 ||
        setresgid(identity->gid, identity->gid, identity->gid) < 0 ||
        setresuid(identity->uid, identity->uid, identity->uid) < 0)
        return fail_errno(f, errno, "cannot become user %s", identity->name);
    return true;
}
