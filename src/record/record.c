/* SPDX-License-Identifier: Apache-2.0 */
#include "record/record.h"

#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "decide/decide.h"

void record_time(int64_t ns, struct text *out)
{
    time_t seconds = ns / 1000000000;
    struct tm t;
    gmtime_r(&seconds, &t);
    text_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
        (int)(ns % 1000000000 / 1000));
}

static struct address event_address(const struct event *e, bool to)
{
    struct address a = {.family = e->family};
    memcpy(a.octets, to ? e->to : e->from, address_octets(&a));
    return a;
}

static const char *workload_name(const struct policy *p, const struct address *a)
{
    uint32_t w = p ? policy_workload_of(p, a) : NONE;
    return w == NONE ? NULL : p->workloads[w].name;
}

void event_party(const struct policy *p, const struct event *e, bool to, struct text *out)
{
    struct address a = event_address(e, to);
    char text[ADDRESS_TEXT_MAX];
    const char *name = workload_name(p, &a);
    bool ports = protocol_has_ports(e->protocol);
    bool bracket = !name && ports && a.family == 6;
    text_printf(out, "%s%s%s", bracket ? "[" : "", name ? name : a.family ? address_print(&a, text) : "-", bracket ? "]" : "");
    if (ports)
        text_printf(out, ":%u", to ? e->to_port : e->from_port);
}

static void record_endpoint(const struct record_context *c, const struct event *e, bool to, struct text *out)
{
    struct address a = event_address(e, to);
    char text[ADDRESS_TEXT_MAX];
    const char *name = workload_name(c->policy, &a);
    text_printf(out, "{\"ip\": \"%s\", \"port\": %u, \"name\": ", a.family ? address_print(&a, text) : "", to ? e->to_port : e->from_port);
    if (name)
        text_json(out, name);
    else
        text_puts(out, "null");
    text_puts(out, "}");
}

static const char *protocol_name(uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_TCP:
        return "tcp";
    case IPPROTO_UDP:
        return "udp";
    case IPPROTO_SCTP:
        return "sctp";
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return "icmp";
    default:
        return "other";
    }
}

static void record_rule(const struct record_context *c, const struct event *e, struct text *out)
{
    if (!c->policy || e->rule >= c->policy->rule_count) {
        text_puts(out, "null");
        return;
    }
    const struct rule *r = &c->policy->rules[e->rule];
    text_puts(out, "{\"name\": ");
    text_json(out, r->name);
    text_printf(out, ", \"line\": %u}", r->place.line);
}

static const char *activity_of(const struct event *e)
{
    static const char *const names[] = {[EVENT_REFUSED] = "Refuse", [EVENT_STARTED] = "Open", [EVENT_CUT] = "Reset"};
    return e->kind < sizeof names / sizeof names[0] ? names[e->kind] : "Other";
}

void record_event(const struct record_context *c, const struct event *e, struct text *out)
{
    text_printf(out, "{\"id\": %" PRIu64 ", \"time\": \"", (uint64_t)e->id);
    record_time((int64_t)e->time + c->monotonic_to_utc_ns, out);
    text_printf(out, "\", \"class_uid\": 4001, \"activity_name\": \"%s\", \"network\": ", activity_of(e));
    text_json(out, c->network);
    text_printf(out, ", \"decision\": \"%s\", \"enforced\": %s, \"reason\": \"%s\", \"rule\": ", e->reason == REASON_RULE ? "allow" : "deny",
        e->enforced ? "true" : "false", e->reason < REASONS ? reason_name((enum bulkhead_reason)e->reason) : "unknown");
    record_rule(c, e, out);
    text_puts(out, ", \"src_endpoint\": ");
    record_endpoint(c, e, false, out);
    text_puts(out, ", \"dst_endpoint\": ");
    record_endpoint(c, e, true, out);
    text_printf(out, ", \"connection_info\": {\"protocol_name\": \"%s\", \"protocol_num\": %u}, \"bytes\": %u, \"generation\": %u, \"policy\": ",
        protocol_name(e->protocol), e->protocol, e->bytes, e->generation);
    if (c->policy) {
        text_puts(out, "\"");
        for (size_t i = 0; i < sizeof c->policy->digest; i++)
            text_printf(out, "%02x", c->policy->digest[i]);
        text_puts(out, "\"}\n");
    } else {
        text_puts(out, "null}\n");
    }
}

void record_note(const char *network, int64_t now_ns, const char *kind, const char *what, struct text *out)
{
    text_puts(out, "{\"time\": \"");
    record_time(now_ns, out);
    text_puts(out, "\", \"network\": ");
    text_json(out, network);
    text_puts(out, ", \"kind\": ");
    text_json(out, kind);
    text_puts(out, ", \"message\": ");
    text_json(out, what);
    text_puts(out, "}\n");
}

void record_field(const char *line, const char *key, char *out, size_t size)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"%s\": ", key);
    out[0] = 0;
    const char *at = strstr(line, wanted);
    if (!at)
        return;
    at += strlen(wanted);
    bool quoted = *at == '"';
    at += quoted;
    size_t len = strcspn(at, quoted ? "\"" : ",}");
    if (len >= size)
        len = size - 1;
    memcpy(out, at, len);
    out[len] = 0;
}

const char *const record_files[2] = {RECORDS_FILE, RECORDS_BEYOND_FILE};

bool record_share_take(struct record_shares *s, uint32_t link, int64_t now_ns)
{
    if (link >= s->count)
        return true;
    int64_t whole = s->whole[link] > now_ns ? s->whole[link] : now_ns;
    if (whole - now_ns > (int64_t)(RECORDS_SHARE - 1) * RECORDS_SHARE_NS)
        return false;
    s->whole[link] = whole + RECORDS_SHARE_NS;
    return true;
}

bool record_open(const char *path, struct record_file *ret)
{
    *ret = (struct record_file){.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)};
    snprintf(ret->path, sizeof ret->path, "%s", path);
    struct stat s;
    if (ret->fd < 0 || fstat(ret->fd, &s))
        return false;
    ret->size = (size_t)s.st_size;
    return true;
}

void record_close(struct record_file *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}

/* The next file; also after one that could not be opened. */
static bool open_next(struct record_file *r)
{
    char path[512];
    snprintf(path, sizeof path, "%s", r->path);
    record_close(r);
    return record_open(path, r);
}

bool record_write(struct record_file *r, const struct text *t)
{
    if (r->size + t->len > RECORDS_BYTES) {
        char older[520];
        snprintf(older, sizeof older, "%s.1", r->path);
        if (rename(r->path, older) || !open_next(r))
            return false;
    } else if (r->fd < 0 && !open_next(r)) {
        return false;
    }
    ssize_t put = write(r->fd, text_cstr(t), t->len);
    if (put == (ssize_t)t->len) {
        r->size += t->len;
        return true;
    }
    if (put > 0) /* a full disk: no half lines */
        (void)!ftruncate(r->fd, (off_t)r->size);
    return false;
}
