/* SPDX-License-Identifier: Apache-2.0 */
/* The scalars of the language, one function each: text -> value, or a diagnostic at the text. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/condition.h"
#include "policy/language.h"

#define NAME_MAX_LENGTH 31
#define RULE_NAME_MAX_LENGTH 63
#define WORD_MAX_LENGTH 63
#define TEXT_MAX_LENGTH 4096 /* an argument, a path, a condition */
#define ENTRIES_MAX 1024     /* labels or variables of a workload, published ports */

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}
static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}
static bool is_alphanumeric(uint8_t c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c);
}
static bool is_text(struct bytes b, const char *text)
{
    return bytes_equal(b, bytes_of_text(text));
}

/* For messages: at most 60 bytes of it. */
struct quoted {
    char text[64];
};
static struct quoted quote(struct bytes b)
{
    struct quoted q;
    (void)quote_cut(b, q.text, 61);
    return q;
}

static bool is_name(struct bytes b, size_t max)
{
    if (b.len == 0 || b.len > max || !is_lower(b.at[0]))
        return false;
    for (size_t i = 0; i < b.len; i++)
        if (!is_lower(b.at[i]) && !is_digit(b.at[i]) && b.at[i] != '-')
            return false;
    return true;
}

static bool is_reserved(struct bytes b)
{
    return is_text(b, "any") || is_text(b, "world") || is_text(b, "not");
}

static bool is_word(struct bytes b)
{
    if (b.len == 0 || b.len > WORD_MAX_LENGTH || !is_alphanumeric(b.at[0]) || !is_alphanumeric(b.at[b.len - 1]))
        return false;
    for (size_t i = 0; i < b.len; i++)
        if (!is_alphanumeric(b.at[i]) && b.at[i] != '-' && b.at[i] != '.' && b.at[i] != '_')
            return false;
    return true;
}

static bool check_name(struct reading *r, struct bytes b, struct place at, size_t max)
{
    if (is_reserved(b))
        return diag_error(r->diags, at, "`any`, `world` and `not` are words of the language", "the name `%s` is reserved", quote(b).text);
    if (!is_name(b, max))
        return diag_error(r->diags, at, NULL, "`%s` is not a name: a letter a-z, then letters a-z, digits and `-`, at most %zu in all",
            quote(b).text, max);
    return true;
}

/* The number of a name (name_id); NONE after a diagnostic. */
static uint32_t checked_name_id(struct reading *r, struct bytes b, struct place at)
{
    return check_name(r, b, at, NAME_MAX_LENGTH) ? name_id(r, b) : NONE;
}

static void keep(struct reading *r, const struct yaml_node *n, struct word *w)
{
    *w = (struct word){.text = text_copy(r, n->text), .place = n->place};
}

/* Tells of text that is too long, or holds what no string of C can. */
static bool check_text(struct reading *r, const struct yaml_node *n)
{
    if (n->text.len > TEXT_MAX_LENGTH)
        return diag_error(r->diags, n->place, NULL, "this text is longer than %d bytes", TEXT_MAX_LENGTH);
    if (n->text.len && memchr(n->text.at, 0, n->text.len))
        return diag_error(r->diags, n->place, NULL, "a NUL byte in a text");
    return true;
}

void read_version(struct reading *r, const struct yaml_node *n, void *into)
{
    if (!is_text(n->text, "v1"))
        diag_error(r->diags, n->place, "this program knows `bulkhead: v1`", "unknown version `%s` of the language", quote(n->text).text);
    keep(r, n, into);
}

void read_name(struct reading *r, const struct yaml_node *n, void *into)
{
    if (check_name(r, n->text, n->place, NAME_MAX_LENGTH))
        keep(r, n, into);
}

void read_rule_name(struct reading *r, const struct yaml_node *n, void *into)
{
    if (!check_name(r, n->text, n->place, RULE_NAME_MAX_LENGTH))
        keep(r, &(struct yaml_node){.text = bytes_of_text(quote(n->text).text), .place = n->place}, into);
    else
        keep(r, n, into);
}

void read_word(struct reading *r, const struct yaml_node *n, void *into)
{
    if (is_word(n->text))
        keep(r, n, into);
    else
        diag_error(r->diags, n->place, NULL, "`%s` is not a word: letters, digits, and `-`, `.`, `_` between them, at most %d in all",
            quote(n->text).text, WORD_MAX_LENGTH);
}

void read_segment_name(struct reading *r, const struct yaml_node *n, void *into)
{
    struct draft_workload *w = into;
    w->segment_place = n->place;
    w->segment_name = checked_name_id(r, n->text, n->place);
}

static bool parse_prefix(struct reading *r, struct bytes text, struct place at, const char *prefix, struct prefix *ret)
{
    bool host_bits;
    char masked[ADDRESS_TEXT_MAX];
    if (!prefix_parse(text, ret, &host_bits))
        return diag_error(r->diags, at, NULL, "`%s` is not a prefix such as 10.80.1.0/24 or fd80:0:0:1::/64", quote(text).text);
    if (!host_bits)
        return true;
    const char *hint = arena_format(r->arena, "did you mean `%s%s`?", prefix, prefix_print(ret, masked));
    return diag_error(r->diags, at, hint, "`%s` has bits set behind its length", quote(text).text);
}

void read_cidr(struct reading *r, const struct yaml_node *n, void *into)
{
    struct prefix p;
    if (!memchr(n->text.at, '/', n->text.len)) {
        diag_error(r->diags, n->place, "write ADDRESS/LENGTH", "`%s` is not a prefix such as 10.80.1.0/24 or fd80:0:0:1::/64", quote(n->text).text);
        return;
    }
    if (!parse_prefix(r, n->text, n->place, "", &p))
        return;
    struct draft_cidr *c = list_add(r, into, sizeof *c);
    if (c)
        *c = (struct draft_cidr){p, n->place};
}

void read_address(struct reading *r, const struct yaml_node *n, void *into)
{
    struct address a;
    if (!address_parse(n->text, &a)) {
        bool slash = n->text.len && memchr(n->text.at, '/', n->text.len);
        diag_error(r->diags, n->place, slash ? "an address has no length" : NULL, "`%s` is not an IP address", quote(n->text).text);
        return;
    }
    if (!address_is_unicast(&a)) {
        diag_error(r->diags, n->place, NULL, "`%s` is not an address of one host", quote(n->text).text);
        return;
    }
    struct draft_address *d = list_add(r, into, sizeof *d);
    if (d)
        *d = (struct draft_address){a, n->place};
}

void read_argument(struct reading *r, const struct yaml_node *n, void *into)
{
    if (!check_text(r, n))
        return;
    char *copy = text_copy(r, n->text);
    const char **slot = list_add(r, into, sizeof *slot);
    if (slot)
        *slot = copy;
}

void read_user(struct reading *r, const struct yaml_node *n, void *into)
{
    bool number = n->text.len > 0 && n->text.len <= 9, name = n->text.len > 0 && n->text.len <= 32 && !is_digit(n->text.at[0]) && n->text.at[0] != '-';
    for (size_t i = 0; i < n->text.len; i++) {
        uint8_t c = n->text.at[i];
        number = number && is_digit(c);
        name = name && (is_lower(c) || is_digit(c) || c == '_' || c == '-');
    }
    if (number || name)
        keep(r, n, into);
    else
        diag_error(r->diags, n->place, NULL, "`%s` is not a user's name or number", quote(n->text).text);
}

void read_path(struct reading *r, const struct yaml_node *n, void *into)
{
    if (!check_text(r, n))
        return;
    if (n->text.len == 0 || n->text.at[0] != '/')
        diag_error(r->diags, n->place, NULL, "`%s` is not an absolute path", quote(n->text).text);
    else
        keep(r, n, into);
}

void read_interface(struct reading *r, const struct yaml_node *n, void *into)
{
    /* dev_valid_name() of the kernel: 1 to 15 bytes, no `/`, `:` or space, not a dot or two. */
    bool ok = n->text.len > 0 && n->text.len <= 15 && !is_text(n->text, ".") && !is_text(n->text, "..");
    for (size_t i = 0; i < n->text.len; i++)
        if (n->text.at[i] <= ' ' || n->text.at[i] >= 0x7f || n->text.at[i] == '/' || n->text.at[i] == ':')
            ok = false;
    if (ok)
        keep(r, n, into);
    else
        diag_error(r->diags, n->place, NULL, "`%s` is not the name of a network interface", quote(n->text).text);
}

/* NULL after a diagnostic. */
static const struct zone *find_zone(struct reading *r, const struct word *name)
{
    const char *why = NULL;
    if (!r->find_zone)
        return diag_error(r->diags, name->place, NULL, "no time zone but UTC is known here"), NULL;
    struct zone_file file = r->find_zone(name->text, r->arena);
    struct zone *zone = file.found == ZONE_FOUND ? zone_parse(file.tzif, r->arena, &why) : NULL;
    if (zone)
        return zone;
    if (file.found == ZONE_NO_DATA)
        diag_error(r->diags, name->place, "install the package tzdata", "this machine has no data about time zones");
    else if (file.found == ZONE_UNKNOWN)
        diag_error(r->diags, name->place, file.closest ? arena_format(r->arena, "did you mean `%s`?", file.closest) : "their names are those under /usr/share/zoneinfo",
            "there is no time zone `%s`", name->text);
    else if (why)
        diag_error(r->diags, name->place, NULL, "the data of the time zone `%s` cannot be used: %s", name->text, why);
    else
        r->diags->out_of_memory = true;
    return NULL;
}

void read_timezone(struct reading *r, const struct yaml_node *n, void *into)
{
    bool ok = n->text.len > 0 && n->text.len <= 64 && n->text.at[0] != '/' && n->text.at[n->text.len - 1] != '/';
    for (size_t i = 0; i < n->text.len; i++) {
        uint8_t c = n->text.at[i];
        if (!is_alphanumeric(c) && c != '_' && c != '+' && c != '-' && !(c == '/' && n->text.at[i + 1 < n->text.len ? i + 1 : i] != '/'))
            ok = false;
    }
    if (!ok) {
        diag_error(r->diags, n->place, NULL, "`%s` is not a time zone such as Europe/Berlin", quote(n->text).text);
        return;
    }
    struct draft_timezone *timezone = into;
    keep(r, n, &timezone->name);
    if (timezone->name.text && !is_text(n->text, "UTC"))
        timezone->zone = find_zone(r, &timezone->name);
}

/* Decimal digits without a leading zero, at most `max`. */
static bool parse_number(struct bytes b, uint32_t max, uint32_t *ret)
{
    uint64_t value = 0;
    if (b.len == 0 || b.len > 10 || (b.len > 1 && b.at[0] == '0'))
        return false;
    for (size_t i = 0; i < b.len; i++) {
        if (!is_digit(b.at[i]))
            return false;
        value = value * 10 + (uint64_t)(b.at[i] - '0');
    }
    if (value > max)
        return false;
    *ret = (uint32_t)value;
    return true;
}

#define DURATION_MAX (365u * 86400)

void read_duration(struct reading *r, const struct yaml_node *n, void *into)
{
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint32_t count, per = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units && n->text.len; i++)
        if (n->text.at[n->text.len - 1] == units[i].unit)
            per = units[i].seconds;
    bool number = parse_number(bytes_slice(n->text, 0, per ? n->text.len - 1 : n->text.len), UINT32_MAX, &count);
    if (!per || !number) {
        const char *hint = number ? arena_format(r->arena, "did you mean `%us`?", count) : NULL;
        diag_error(r->diags, n->place, hint, "`%s` is not a duration such as 30s, 5m or 24h", quote(n->text).text);
    } else if (count == 0 || count > DURATION_MAX / per) {
        diag_error(r->diags, n->place, NULL, "a duration is between 1s and 365d");
    } else {
        *(uint32_t *)into = count * per;
    }
}

/* Bytes behind `skip` of a text at `p`; the place moves along, unless the text is not there literally. */
static struct place place_behind(struct place p, struct bytes whole, size_t skip)
{
    if (p.width != whole.len)
        return p;
    return (struct place){p.line, p.column + (uint32_t)skip, p.width - (uint32_t)skip};
}

static bool starts_with(struct bytes b, const char *with, struct bytes *ret_rest)
{
    size_t len = strlen(with);
    if (b.len < len || memcmp(b.at, with, len) != 0)
        return false;
    *ret_rest = bytes_slice(b, len, SIZE_MAX);
    return true;
}

static bool parse_label(struct reading *r, struct bytes b, struct place at, struct selector *ret)
{
    const uint8_t *equals = b.len ? memchr(b.at, '=', b.len) : NULL;
    if (!equals)
        return diag_error(r->diags, at, NULL, "a label is written label:KEY=VALUE");
    struct bytes key = bytes_slice(b, 0, (size_t)(equals - b.at)), value = bytes_slice(b, key.len + 1, SIZE_MAX);
    if (!is_word(key) || !is_word(value))
        return diag_error(r->diags, at, NULL, "`%s` is not a label: KEY and VALUE are letters, digits, and `-`, `.`, `_` between them", quote(b).text);
    ret->kind = SELECT_LABEL;
    ret->index = label_id(r, key, value);
    if (ret->index == NONE)
        return false;
    const struct label_use *use = &((struct label_use *)r->labels.items)[ret->index];
    ret->key = use->key;
    ret->value = use->value;
    return true;
}

static bool unknown_selector(struct reading *r, struct bytes b, struct place at)
{
    static const char *const kinds[] = {"segment", "label", "cidr", "not"};
    struct address a;
    char word[32];
    struct prefix p;
    bool host_bits;
    if (address_parse(b, &a) || prefix_parse(b, &p, &host_bits))
        return diag_error(r->diags, at, arena_format(r->arena, "did you mean `cidr:%s`?", quote(b).text), "`%s` is not a selector", quote(b).text);
    const uint8_t *colon = memchr(b.at, ':', b.len);
    size_t len = colon ? (size_t)(colon - b.at) : 0;
    if (len == 0 || len >= sizeof word)
        return diag_error(r->diags, at, NULL, "`%s` is not a selector", quote(b).text);
    memcpy(word, b.at, len);
    word[len] = 0;
    const char *close = closest_name(word, kinds, 4);
    return diag_error(r->diags, at, close ? arena_format(r->arena, "did you mean `%s:`?", close) : "selectors are NAME, segment:, label:, cidr:, world, any and not:",
        "unknown selector `%s:`", quote(bytes_of_text(word)).text);
}

static bool parse_selector(struct reading *r, struct bytes b, struct place at, struct selector *ret)
{
    struct bytes rest;
    if (is_text(b, "any") || is_text(b, "world")) {
        ret->kind = is_text(b, "any") ? SELECT_ANY : SELECT_WORLD;
        return true;
    }
    if (starts_with(b, "segment:", &rest)) {
        ret->kind = SELECT_SEGMENT;
        return (ret->index = checked_name_id(r, rest, at)) != NONE;
    }
    if (starts_with(b, "label:", &rest))
        return parse_label(r, rest, at, ret);
    if (starts_with(b, "cidr:", &rest)) {
        ret->kind = SELECT_CIDR;
        return parse_prefix(r, rest, at, "cidr:", &ret->prefix);
    }
    for (const char *const *later = selectors_later; *later; later++)
        if (starts_with(b, *later, &rest) && rest.len && rest.at[0] == ':')
            return diag_error(r->diags, at, NULL, "the selector `%s:` is not enforced yet", *later);
    struct prefix p;
    bool host_bits;
    if (b.len && (memchr(b.at, ':', b.len) || prefix_parse(b, &p, &host_bits)))
        return unknown_selector(r, b, at);
    if (is_text(b, "not"))
        return diag_error(r->diags, at, "write not:SELECTOR", "the name `not` is reserved");
    ret->kind = SELECT_WORKLOAD;
    return (ret->index = checked_name_id(r, b, at)) != NONE;
}

void read_selector(struct reading *r, const struct yaml_node *n, void *into)
{
    struct selector s = {.index = NONE, .place = n->place};
    struct bytes b = n->text, rest;
    if (starts_with(b, "not:", &rest)) {
        s.negated = true;
        b = rest;
        if (starts_with(b, "not:", &rest)) {
            diag_error(r->diags, n->place, NULL, "`not:` is given twice");
            return;
        }
    }
    if (!parse_selector(r, b, place_behind(n->place, n->text, n->text.len - b.len), &s))
        return;
    struct selector *slot = list_add(r, &r->selectors, sizeof *slot);
    if (slot)
        *slot = s;
}

/* IP protocols that have ports. */
static const struct {
    const char *name;
    uint8_t number;
} protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};

static bool parse_protocol(struct bytes b, uint8_t *ret)
{
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (is_text(b, protocols[i].name)) {
            *ret = protocols[i].number;
            return true;
        }
    return false;
}

static bool parse_port(struct bytes b, uint16_t *ret)
{
    uint32_t value;
    if (!parse_number(b, 65535, &value) || value == 0)
        return false;
    *ret = (uint16_t)value;
    return true;
}

/* `PORT/PROTOCOL` or `FIRST-LAST/PROTOCOL`; otherwise `ret_hint` may be set. */
static bool parse_ports(struct reading *r, struct bytes b, struct ports *ret, const char **ret_hint)
{
    const uint8_t *slash = b.len ? memchr(b.at, '/', b.len) : NULL;
    uint8_t protocol;
    uint16_t first, last;
    if (parse_port(b, &first) && r->diags->errors < DIAGS_MAX) {
        *ret_hint = arena_format(r->arena, "did you mean `%u/tcp`?", first);
        return false;
    }
    if (parse_protocol(b, &protocol)) {
        *ret_hint = arena_format(r->arena, "did you mean `1-65535/%s`?", quote(b).text);
        return false;
    }
    if (is_text(b, "icmpv6") || is_text(b, "icmp6"))
        *ret_hint = "`icmp` is both ICMP and ICMPv6";
    if (!slash)
        return false;
    struct bytes numbers = bytes_slice(b, 0, (size_t)(slash - b.at)), name = bytes_slice(b, numbers.len + 1, SIZE_MAX);
    if (!parse_protocol(name, &protocol)) {
        *ret_hint = "protocols with ports are tcp, udp and sctp";
        return false;
    }
    const uint8_t *dash = numbers.len ? memchr(numbers.at, '-', numbers.len) : NULL;
    struct bytes low = bytes_slice(numbers, 0, dash ? (size_t)(dash - numbers.at) : numbers.len);
    struct bytes high = dash ? bytes_slice(numbers, low.len + 1, SIZE_MAX) : low;
    if (!parse_port(low, &first) || !parse_port(high, &last)) {
        *ret_hint = "ports are 1 to 65535";
        return false;
    }
    if (first > last) {
        *ret_hint = arena_format(r->arena, "did you mean `%u-%u/%s`?", last, first, quote(name).text);
        return false;
    }
    *ret = (struct ports){.protocol = protocol, .first = first, .last = last};
    return true;
}

void read_ports(struct reading *r, const struct yaml_node *n, void *into)
{
    struct ports p = {.protocol = PORTS_ANY, .first = 0, .last = 65535};
    const char *hint = NULL;
    if (is_text(n->text, "icmp")) {
        p.protocol = PORTS_ICMP;
    } else if (!is_text(n->text, "any") && !parse_ports(r, n->text, &p, &hint)) {
        diag_error(r->diags, n->place, hint, "`%s` is not ports such as 8080/tcp, 8000-8099/tcp, icmp or any", quote(n->text).text);
        return;
    }
    p.place = n->place;
    struct ports *slot = list_add(r, &r->port_items, sizeof *slot);
    if (slot)
        *slot = p;
}

void read_when(struct reading *r, const struct yaml_node *n, void *into)
{
    struct draft_rule *rule = into;
    rule->when_place = n->place;
    if (!check_text(r, n))
        return;
    rule->when = condition_parse(n->text, n->place, r->arena, r->diags);
    if (!rule->when)
        return;
    struct text canonical = text_new(TEXT_MAX_LENGTH + 1);
    condition_print(rule->when, &canonical);
    if (canonical.failed)
        diag_error(r->diags, n->place, NULL, "this condition is longer than %d bytes in canonical form", TEXT_MAX_LENGTH);
    text_free(&canonical);
}

void read_label(struct reading *r, const struct yaml_node *n, void *into)
{
    struct draft_label *l = into;
    if (!is_word(n->text)) {
        diag_error(r->diags, n->place, NULL, "`%s` is not a word: letters, digits, and `-`, `.`, `_` between them", quote(n->text).text);
        return;
    }
    l->use = label_id(r, bytes_of_text(r->key_name), n->text);
}

void read_variable(struct reading *r, const struct yaml_node *n, void *into)
{
    const char **slot = into;
    if (!check_text(r, n))
        return;
    char *joined = arena_format(r->arena, "%s%.*s", *slot, (int)n->text.len, (const char *)n->text.at);
    if (!joined)
        r->diags->out_of_memory = true;
    else
        *slot = joined;
}

void read_target(struct reading *r, const struct yaml_node *n, void *into)
{
    struct draft_publish *p = into;
    const uint8_t *colon = n->text.len ? memchr(n->text.at, ':', n->text.len) : NULL;
    struct bytes name = bytes_slice(n->text, 0, colon ? (size_t)(colon - n->text.at) : n->text.len);
    p->target_place = n->place;
    if (!colon || !parse_port(bytes_slice(n->text, name.len + 1, SIZE_MAX), &p->workload_port)) {
        diag_error(r->diags, n->place, NULL, "`%s` is not WORKLOAD:PORT", quote(n->text).text);
        return;
    }
    p->workload_name = checked_name_id(r, name, n->place);
}

void *publish_entry(struct reading *r, const struct yaml_node *key, void *into)
{
    struct list *l = into;
    struct ports p;
    const char *hint = NULL;
    if (!parse_ports(r, key->text, &p, &hint) || p.first != p.last) {
        diag_error(r->diags, key->place, hint, "`%s` is not PORT/PROTOCOL such as 443/tcp", quote(key->text).text);
        return NULL;
    }
    if (p.protocol != IPPROTO_TCP && p.protocol != IPPROTO_UDP) {
        diag_error(r->diags, key->place, "publish a port of tcp or udp", "`%s` cannot be published: only tcp and udp can be translated", quote(key->text).text);
        return NULL;
    }
    struct draft_publish *all = l->items;
    for (size_t i = 0; i < l->count; i++)
        if (all[i].protocol == p.protocol && all[i].port == p.first) {
            diag_error(r->diags, key->place, NULL, "`%s` is published twice", quote(key->text).text);
            return NULL;
        }
    if (l->count >= ENTRIES_MAX) {
        diag_error(r->diags, key->place, NULL, "more than %d published ports", ENTRIES_MAX);
        return NULL;
    }
    struct draft_publish *slot = list_add(r, l, sizeof *slot);
    if (slot)
        *slot = (struct draft_publish){.protocol = (uint8_t)p.protocol, .port = p.first, .workload_name = NONE, .place = key->place};
    return slot;
}

static void *defined_twice(struct reading *r, const struct yaml_node *key, const char *what, struct place first)
{
    diag_error(r->diags, key->place, NULL, "the %s `%s` is defined twice; the first is on line %u", what, quote(key->text).text, first.line);
    return NULL;
}

void *segment_entry(struct reading *r, const struct yaml_node *key, void *into)
{
    struct list *l = into;
    const struct draft_segment *all = l->items;
    uint32_t id = checked_name_id(r, key->text, key->place);
    if (id == NONE)
        return NULL;
    uint32_t *index = &name_at(r, id)->segment;
    if (*index != NONE)
        return defined_twice(r, key, "segment", all[*index].place);
    struct draft_segment *s = list_add(r, l, sizeof *s);
    if (!s)
        return NULL;
    *s = (struct draft_segment){.name = id, .place = key->place};
    *index = (uint32_t)l->count - 1;
    return s;
}

void *workload_entry(struct reading *r, const struct yaml_node *key, void *into)
{
    struct list *l = into;
    const struct draft_workload *all = l->items;
    uint32_t id = checked_name_id(r, key->text, key->place);
    if (id == NONE)
        return NULL;
    uint32_t *index = &name_at(r, id)->workload;
    if (*index != NONE)
        return defined_twice(r, key, "workload", all[*index].place);
    if (is_text(key->text, "hub"))
        diag_error(r->diags, key->place, "the hub's own namespace is NETWORK-hub; give the workload another name", "the name `hub` is reserved among workloads");
    struct draft_workload *w = list_add(r, l, sizeof *w);
    if (!w)
        return NULL;
    *w = (struct draft_workload){.name = id, .segment_name = NONE, .place = key->place};
    *index = (uint32_t)l->count - 1;
    return w;
}

void *label_entry(struct reading *r, const struct yaml_node *key, void *into)
{
    struct list *l = into;
    if (!is_word(key->text)) {
        diag_error(r->diags, key->place, NULL, "`%s` is not a label's key: letters, digits, and `-`, `.`, `_` between them", quote(key->text).text);
        return NULL;
    }
    struct draft_label *all = l->items;
    for (size_t i = 0; i < l->count; i++) {
        const struct label_use *use = all[i].use == NONE ? NULL : (struct label_use *)r->labels.items + all[i].use;
        if (use && is_text(key->text, use->key)) {
            diag_error(r->diags, key->place, NULL, "the label `%s` is given twice", use->key);
            return NULL;
        }
    }
    if (l->count >= ENTRIES_MAX) {
        diag_error(r->diags, key->place, NULL, "more than %d labels", ENTRIES_MAX);
        return NULL;
    }
    struct draft_label *slot = list_add(r, l, sizeof *slot);
    if (slot)
        slot->use = NONE;
    return slot;
}

void *variable_entry(struct reading *r, const struct yaml_node *key, void *into)
{
    struct list *l = into;
    bool ok = key->text.len > 0 && key->text.len <= 256 && !is_digit(key->text.at[0]);
    for (size_t i = 0; i < key->text.len; i++)
        ok = ok && (is_alphanumeric(key->text.at[i]) || key->text.at[i] == '_');
    if (!ok) {
        diag_error(r->diags, key->place, NULL, "`%s` is not the name of a variable", quote(key->text).text);
        return NULL;
    }
    const char **all = l->items;
    for (size_t i = 0; i < l->count; i++)
        if (all[i] && strncmp(all[i], (const char *)key->text.at, key->text.len) == 0 && all[i][key->text.len] == '=') {
            diag_error(r->diags, key->place, NULL, "the variable `%s` is given twice", quote(key->text).text);
            return NULL;
        }
    if (l->count >= ENTRIES_MAX) {
        diag_error(r->diags, key->place, NULL, "more than %d variables", ENTRIES_MAX);
        return NULL;
    }
    char *name = arena_format(r->arena, "%.*s=", (int)key->text.len, (const char *)key->text.at);
    const char **slot = list_add(r, l, sizeof *slot);
    if (!name)
        r->diags->out_of_memory = true;
    if (!slot || !name)
        return NULL;
    *slot = name;
    return slot;
}

uint32_t name_id(struct reading *r, struct bytes text)
{
    uint64_t *known = table_get(&r->name_ids, text);
    if (known)
        return (uint32_t)*known;
    char *copy = text_copy(r, text);
    struct name *n = list_add(r, &r->names, sizeof *n);
    if (!copy || !n)
        return NONE;
    *n = (struct name){.text = copy, .workload = NONE, .segment = NONE};
    uint32_t id = (uint32_t)r->names.count - 1;
    if (!table_put(&r->name_ids, bytes_of(copy, text.len), id, NULL)) {
        r->diags->out_of_memory = true;
        return NONE;
    }
    return id;
}

uint32_t label_id(struct reading *r, struct bytes key, struct bytes value)
{
    char joined[2 * WORD_MAX_LENGTH + 2];
    memcpy(joined, key.at, key.len);
    joined[key.len] = '=';
    memcpy(joined + key.len + 1, value.at, value.len);
    struct bytes both = bytes_of(joined, key.len + 1 + value.len);
    uint64_t *known = table_get(&r->label_ids, both);
    if (known)
        return (uint32_t)*known;
    char *whole = text_copy(r, both), *key_copy = text_copy(r, key), *value_copy = text_copy(r, value);
    struct label_use *use = list_add(r, &r->labels, sizeof *use);
    if (!whole || !key_copy || !value_copy || !use)
        return NONE;
    *use = (struct label_use){.key = key_copy, .value = value_copy, .joined = whole};
    if (!table_put(&r->label_ids, bytes_of(whole, both.len), r->labels.count - 1, NULL)) {
        r->diags->out_of_memory = true;
        return NONE;
    }
    return (uint32_t)r->labels.count - 1;
}
