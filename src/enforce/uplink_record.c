/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "enforce/file.h"
#include "enforce/netns.h"
#include "enforce/scope.h"
#include "enforce/state.h"
#include "enforce/uplink_parts.h"

#define RECORD_FILE "uplink"
#define RECORD_MAX ((size_t)4 << 20) /* 131,072 published ports of 12 characters, and some */
#define RECORD_VERSION "1"

void uplink_record_free(struct uplink_record *r)
{
    free(r->ports);
    *r = (struct uplink_record){0};
}

static void add_setting(struct uplink_record *r, const char *setting)
{
    snprintf(r->settings[r->setting_count++], UPLINK_SETTING_MAX, "%s", setting);
}

bool uplink_record_make(const struct uplink_plan *plan, struct uplink_record *ret, struct failure *f)
{
    struct uplink_record r = {0};
    if (!netns_inode(&r.netns, f))
        return false;
    snprintf(r.interface, sizeof r.interface, "%s", plan->interface);
    r.index = if_nametoindex(plan->interface);
    uplink_host_link(plan->network, r.link);
    memcpy(r.mac, plan->host_mac, sizeof r.mac);
    char setting[UPLINK_SETTING_MAX];
    snprintf(setting, sizeof setting, "net/ipv4/conf/%.15s/forwarding", plan->interface);
    if (plan->outer4)
        add_setting(&r, setting);
    if (plan->outer6)
        add_setting(&r, "net/ipv6/conf/all/forwarding"); /* there is none by interface before Linux 6.17 */
    r.ports = calloc(plan->port_count ? plan->port_count : 1, sizeof *r.ports);
    if (!r.ports)
        return fail(f, "out of memory");
    for (size_t i = 0; i < plan->port_count; i++)
        r.ports[r.port_count++] = plan->ports[i];
    *ret = r;
    return true;
}

bool uplink_record_save(const char *network, const struct uplink_record *r, struct failure *f)
{
    struct text t = text_new(RECORD_MAX);
    const uint8_t *m = r->mac;
    text_printf(&t, "bulkhead-uplink " RECORD_VERSION "\nnetns %" PRIu64 "\ninterface %s\nindex %u\nlink %s\n", r->netns, r->interface, r->index, r->link);
    text_printf(&t, "mac %02x:%02x:%02x:%02x:%02x:%02x\n", m[0], m[1], m[2], m[3], m[4], m[5]);
    for (size_t i = 0; i < r->setting_count; i++)
        text_printf(&t, "setting %s\n", r->settings[i]);
    for (size_t i = 0; i < r->port_count; i++)
        text_printf(&t, "port %u %u\n", r->ports[i].protocol, r->ports[i].port);
    char path[512];
    state_path(network, RECORD_FILE, path);
    bool ok = t.failed ? fail(f, "out of memory") : file_write(path, bytes_of(t.at, t.len), f);
    text_free(&t);
    return ok;
}

static bool take_mac(struct uplink_record *r, const char *value)
{
    for (int i = 0; i < 6; i++) {
        char *end;
        unsigned long octet = strtoul(value, &end, 16);
        if (end == value || octet > 0xff || *end != (i < 5 ? ':' : 0))
            return false;
        r->mac[i] = (uint8_t)octet;
        value = end + 1;
    }
    return true;
}

static bool take_port(struct uplink_record *r, const char *value)
{
    char *end;
    unsigned long protocol = strtoul(value, &end, 10), port = strtoul(end, &end, 10);
    if (*end || protocol > UINT8_MAX || port > UINT16_MAX)
        return false;
    struct uplink_port *larger = reallocarray(r->ports, r->port_count + 1, sizeof *larger);
    if (!larger)
        return false;
    r->ports = larger;
    r->ports[r->port_count++] = (struct uplink_port){(uint8_t)protocol, (uint16_t)port};
    return true;
}

/* Nothing that leaves /proc/sys/net, whoever wrote the file. */
static bool take_setting(struct uplink_record *r, const char *value)
{
    if (r->setting_count == UPLINK_SETTINGS || strlen(value) >= UPLINK_SETTING_MAX || strncmp(value, "net/", 4) != 0 || strstr(value, ".."))
        return false;
    add_setting(r, value);
    return true;
}

static bool take_index(struct uplink_record *r, const char *value)
{
    char *end;
    unsigned long index = strtoul(value, &end, 10);
    r->index = (uint32_t)index;
    return end != value && !*end && index <= INT32_MAX;
}

static bool take_name(char out[IFNAMSIZ], const char *value)
{
    if (!*value || strlen(value) >= IFNAMSIZ)
        return false;
    memcpy(out, value, strlen(value) + 1);
    return true;
}

static bool take_line(struct uplink_record *r, const char *word, const char *value)
{
    if (strcmp(word, "bulkhead-uplink") == 0)
        return strcmp(value, RECORD_VERSION) == 0;
    if (strcmp(word, "netns") == 0)
        return (r->netns = strtoull(value, NULL, 10)) != 0;
    if (strcmp(word, "interface") == 0)
        return take_name(r->interface, value);
    if (strcmp(word, "index") == 0)
        return take_index(r, value);
    if (strcmp(word, "link") == 0)
        return take_name(r->link, value);
    if (strcmp(word, "mac") == 0)
        return take_mac(r, value);
    if (strcmp(word, "setting") == 0)
        return take_setting(r, value);
    return strcmp(word, "port") == 0 && take_port(r, value);
}

static bool record_parse(char *text, struct uplink_record *r)
{
    for (char *line = text, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = 0;
        char *value = line + strcspn(line, " ");
        if (!*value)
            return false;
        *value++ = 0;
        if (!take_line(r, line, value))
            return false;
    }
    return r->netns && r->interface[0] && r->link[0];
}

bool uplink_record_load(const char *network, struct uplink_record *ret, bool *ret_found, struct failure *f)
{
    char path[512];
    state_path(network, RECORD_FILE, path);
    *ret = (struct uplink_record){0};
    *ret_found = access(path, F_OK) == 0;
    if (!*ret_found)
        return true;
    char *text;
    size_t size;
    if (!file_read(path, RECORD_MAX, &text, &size, f))
        return false;
    bool ok = record_parse(text, ret);
    free(text);
    if (ok)
        return true;
    uplink_record_free(ret);
    return fail(f, "%s is damaged or was left by another version of bulkhead; take the network down with that version", path);
}

void uplink_record_remove(const char *network)
{
    char path[512];
    state_path(network, RECORD_FILE, path);
    (void)!uplink_file_remove(path);
}

static bool names_setting(const struct uplink_record *r, const char *setting)
{
    for (size_t i = 0; i < r->setting_count; i++)
        if (strcmp(r->settings[i], setting) == 0)
            return true;
    return false;
}

void uplink_record_inherit(struct uplink_record *newer, const struct uplink_record *older)
{
    for (size_t i = 0; i < older->setting_count && newer->setting_count < UPLINK_SETTINGS; i++)
        if (!names_setting(newer, older->settings[i]))
            add_setting(newer, older->settings[i]);
}

bool uplink_file_remove(const char *path)
{
    char beside[544];
    snprintf(beside, sizeof beside, "%s.new", path);
    return (unlink(beside) == 0 || errno == ENOENT) && (unlink(path) == 0 || errno == ENOENT);
}
