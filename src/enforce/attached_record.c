/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file NETWORK/attached-WORKLOAD: a version, where the interface was and is to be, its settings, and its addresses,
 * neighbours and routes in the kernel's own form, one a line; the last line is "end".
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "enforce/attached_parts.h"
#include "enforce/file.h"
#include "enforce/netlink.h"
#include "enforce/netns.h"
#include "enforce/scope.h"
#include "enforce/state.h"

#define RECORD_PREFIX "attached-"
#define RECORD_VERSION "1"

/* ---- writing ---- */

static bool record_path(const char *network, const char *workload, char out[512], struct failure *f)
{
    char file[sizeof RECORD_PREFIX + STATE_NAME_MAX];
    if (!state_valid_name(network) || !state_valid_name(workload))
        return fail(f, "'%.64s' of '%.64s' cannot be a workload of a network", workload, network);
    snprintf(file, sizeof file, RECORD_PREFIX "%s", workload);
    state_path(network, file, out);
    return true;
}

static void put_hex(struct text *t, const uint8_t *octets, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        char pair[2] = {digits[octets[i] >> 4], digits[octets[i] & 15]};
        text_append(t, pair, 2);
    }
}

void attached_record_line(struct text *t, const char *word, const void *octets, size_t length, const void *more, size_t more_length)
{
    text_printf(t, "%s ", word);
    put_hex(t, octets, length);
    put_hex(t, more, more_length);
    text_puts(t, "\n");
}

bool attached_record_save(const struct attached_plan *plan, int socket, struct link_state *ret_link, struct failure *f)
{
    char path[512];
    uint64_t netns;
    if (!record_path(plan->network, plan->workload, path, f) || !netns_inode(&netns, f) || !link_get(socket, plan->interface, ret_link, f))
        return false;
    /* What could not be found again, or not be read back from the record. */
    if (!link_name_is_sound(plan->interface) || !link_name_is_sound(plan->hub_link) || strcmp(ret_link->name, plan->interface) != 0 || !ret_link->ethernet)
        return fail(f, "%s cannot be attached", plan->interface);
    const uint8_t *m = ret_link->mac;
    struct text t = text_new(ATTACHED_RECORD_MAX);
    text_printf(&t, "bulkhead-attached " RECORD_VERSION "\nnetns %" PRIu64 "\ninterface %s\nindex %u\nhub-link %s\nhub-index %u\n",
        netns, plan->interface, ret_link->index, plan->hub_link, plan->hub_index);
    text_printf(&t, "mac %02x%02x%02x%02x%02x%02x\nmtu %u\ngroup %u\nup %d\nrunning %d\n", m[0], m[1], m[2], m[3], m[4], m[5], ret_link->mtu,
        ret_link->group, ret_link->up, ret_link->running);
    attached_note_settings(plan->interface, &t);
    bool ok = attached_note_items(socket, ret_link->index, &t, f);
    text_puts(&t, "end\n");
    if (ok && t.failed)
        ok = fail(f, "what %s has does not fit into %zu bytes", plan->interface, ATTACHED_RECORD_MAX);
    ok = ok && file_write(path, bytes_of(t.at, t.len), f);
    text_free(&t);
    return ok;
}

/* ---- reading ---- */

void attached_record_free(struct attached_record *r)
{
    free(r->settings);
    free(r->items);
    free(r->text);
    *r = (struct attached_record){0};
}

static bool take_number(const char *value, uint64_t most, uint64_t *ret)
{
    char *end;
    errno = 0;
    *ret = strtoull(value, &end, 10);
    return *value >= '0' && *value <= '9' && *end == 0 && errno == 0 && *ret <= most;
}

static bool take_u32(const char *value, uint32_t *ret)
{
    uint64_t number;
    if (!take_number(value, UINT32_MAX, &number))
        return false;
    *ret = (uint32_t)number;
    return true;
}

static bool take_bool(const char *value, bool *ret)
{
    uint64_t number;
    if (!take_number(value, 1, &number))
        return false;
    *ret = number;
    return true;
}

static bool take_name(const char *value, char out[IFNAMSIZ])
{
    if (!link_name_is_sound(value))
        return false;
    memcpy(out, value, strlen(value) + 1);
    return true;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In the place of the digits. */
static bool take_hex(char *value, size_t *ret_length)
{
    size_t length = strlen(value);
    for (size_t i = 0; i < length / 2; i++) {
        int high = digit_of(value[2 * i]), low = digit_of(value[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        value[i] = (char)(high << 4 | low);
    }
    *ret_length = length / 2;
    return length % 2 == 0;
}

static bool take_mac(char *value, uint8_t out[6])
{
    size_t length;
    if (!take_hex(value, &length) || length != 6)
        return false;
    memcpy(out, value, 6);
    return true;
}

static bool take_setting(struct attached_record *r, char *value)
{
    char *name = value;
    value += strcspn(value, " ");
    if (!*value)
        return false;
    *value++ = 0;
    if (!attached_setting_is_sound(name, value))
        return false;
    struct attached_setting *larger = reallocarray(r->settings, r->setting_count + 1, sizeof *larger);
    if (!larger)
        return false;
    r->settings = larger;
    r->settings[r->setting_count++] = (struct attached_setting){name, value};
    return true;
}

static const struct {
    const char *word;
    uint16_t type;
    size_t header;
} kinds[] = {
    {"address", RTM_NEWADDR, sizeof(struct ifaddrmsg)},
    {"neighbour", RTM_NEWNEIGH, sizeof(struct ndmsg)},
    {"route", RTM_NEWROUTE, sizeof(struct rtmsg)},
};

struct nlmsghdr *attached_item_message(const struct attached_item *item, char *buffer)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    message->nlmsg_type = item->type;
    memcpy(mnl_nlmsg_put_extra_header(message, item->length), item->payload, item->length);
    return message;
}

/* Whoever wrote the file: nothing of another interface is changed by it. */
static bool take_item(struct attached_record *r, const char *word, char *value)
{
    size_t length, kind = 0;
    while (kind < sizeof kinds / sizeof *kinds && strcmp(word, kinds[kind].word) != 0)
        kind++;
    if (kind == sizeof kinds / sizeof *kinds || !take_hex(value, &length) || length < kinds[kind].header || length > ATTACHED_ITEM_MAX)
        return false;
    _Alignas(8) char buffer[ATTACHED_MESSAGE_BYTES];
    struct attached_item item = {kinds[kind].type, value, length};
    if (!attached_is_of(attached_item_message(&item, buffer), r->index))
        return false;
    if (r->item_count % 1024 == 0) {
        struct attached_item *larger = reallocarray(r->items, r->item_count + 1024, sizeof *larger);
        if (!larger)
            return false;
        r->items = larger;
    }
    r->items[r->item_count++] = item;
    return true;
}

static bool take_line(struct attached_record *r, const char *word, char *value)
{
    if (strcmp(word, "bulkhead-attached") == 0)
        return strcmp(value, RECORD_VERSION) == 0;
    if (strcmp(word, "netns") == 0)
        return take_number(value, UINT64_MAX, &r->netns);
    if (strcmp(word, "interface") == 0)
        return take_name(value, r->interface);
    if (strcmp(word, "hub-link") == 0)
        return take_name(value, r->hub_link);
    if (strcmp(word, "index") == 0)
        return take_u32(value, &r->index);
    if (strcmp(word, "hub-index") == 0)
        return take_u32(value, &r->hub_index);
    if (strcmp(word, "mac") == 0)
        return take_mac(value, r->mac);
    if (strcmp(word, "mtu") == 0)
        return take_u32(value, &r->mtu);
    if (strcmp(word, "group") == 0)
        return take_u32(value, &r->group);
    if (strcmp(word, "up") == 0)
        return take_bool(value, &r->up);
    if (strcmp(word, "running") == 0)
        return take_bool(value, &r->running);
    if (strcmp(word, "setting") == 0)
        return take_setting(r, value);
    return take_item(r, word, value);
}

/* Whatever was cut short lacks its last line. */
static bool record_parse(char *line, size_t size, struct attached_record *r)
{
    static const char first[] = "bulkhead-attached " RECORD_VERSION "\n";
    if (strlen(line) != size || strncmp(line, first, sizeof first - 1) != 0)
        return false;
    for (char *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        if (!*end)
            return false;
        *end++ = 0;
        if (strcmp(line, "end") == 0)
            return !*end && r->netns && r->interface[0] && r->hub_link[0] && r->index && r->hub_index && r->mtu;
        char *value = line + strcspn(line, " ");
        if (!*value)
            return false;
        *value++ = 0;
        if (!take_line(r, line, value))
            return false;
    }
    return false;
}

bool attached_record_load(const char *network, const char *workload, struct attached_record *ret, bool *ret_found, struct failure *f)
{
    char path[512];
    size_t size;
    *ret = (struct attached_record){0};
    if (!record_path(network, workload, path, f))
        return false;
    *ret_found = access(path, F_OK) == 0;
    if (!*ret_found)
        return true;
    if (!file_read(path, ATTACHED_RECORD_MAX, &ret->text, &size, f))
        return false;
    if (record_parse(ret->text, size, ret))
        return true;
    attached_record_free(ret);
    return fail(f, "%s is damaged or was left by another version of bulkhead; take the network down with that version, or move the interface "
                   "out of %s-hub by hand (ip link set ... netns) and remove the file", path, network);
}

bool attached_record_remove(const char *network, const char *workload, struct failure *f)
{
    char path[512], beside[544];
    if (!record_path(network, workload, path, f))
        return false;
    snprintf(beside, sizeof beside, "%s.new", path); /* what a killed file_write may have left */
    (void)unlink(beside);
    return unlink(path) == 0 || errno == ENOENT || fail_errno(f, errno, "cannot remove %s", path);
}

bool attached_record_each(const char *network, bool (*each)(const char *workload, void *argument), void *argument)
{
    char path[512];
    state_path(network, NULL, path);
    DIR *d = opendir(path);
    bool ok = true;
    for (struct dirent *e; d && ok && (e = readdir(d));) {
        const char *workload = e->d_name + sizeof RECORD_PREFIX - 1;
        if (strncmp(e->d_name, RECORD_PREFIX, sizeof RECORD_PREFIX - 1) == 0 && state_valid_name(workload))
            ok = each(workload, argument);
    }
    if (d)
        closedir(d);
    return ok;
}
