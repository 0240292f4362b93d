/* SPDX-License-Identifier: Apache-2.0 */
/* The operators that ask what the engine does not know: @geoLookup a database of places, @rbl a list of names in the DNS. */
#include <string.h>

#include "base/address.h"
#include "waf/engine/transaction.h"

#define DNS_NAME_MAX 253 /* RFC 1035, 2.3.4, as text */

const char *const waf_place_names[WAF_PLACE_FIELD_COUNT] = {
#define X(NAME) #NAME,
    WAF_PLACE_FIELDS(X)
#undef X
};

bool outside_place(struct waf_transaction *t, struct bytes address, bool *ret)
{
    struct waf_values *geo = &t->lists[VARIABLE_GEO];
    struct waf_place place = {0};
    *ret = false;
    if (!t->options.place) {
        limit_passed(t, "@geoLookup found nothing: no database of places is given (SecGeoLookupDb)");
        return true;
    }
    values_clear(geo); /* what was found before is of another address */
    enum waf_answer answer = t->options.place(address, t->arena, &place, t->options.argument);
    if (answer == WAF_MEMORY)
        return false;
    if (answer == WAF_UNKNOWN)
        limit_passed(t, "@geoLookup found nothing: the database of places could not be read");
    *ret = answer == WAF_YES;
    for (size_t i = 0; *ret && i < WAF_PLACE_FIELD_COUNT; i++)
        if (place.fields[i].len && !values_set(geo, VARIABLE_GEO, bytes_of_text(waf_place_names[i]), place.fields[i], t->arena))
            return false;
    return true;
}

/* ---- lists in the DNS */

/* A name while it is put together; too long once `failed`. */
struct dns_name {
    char text[DNS_NAME_MAX + 1];
    size_t len;
    bool failed;
};

static void add_label(struct dns_name *n, struct bytes label)
{
    size_t dot = n->len ? 1 : 0;
    if (label.len > DNS_NAME_MAX - n->len - dot || n->len + dot > DNS_NAME_MAX) {
        n->failed = true;
        return;
    }
    if (dot)
        n->text[n->len++] = '.';
    if (label.len)
        memcpy(n->text + n->len, label.at, label.len);
    n->len += label.len;
}

static void add_octet(struct dns_name *n, uint8_t octet)
{
    char text[3];
    size_t len = 0;
    if (octet >= 100)
        text[len++] = (char)('0' + octet / 100);
    if (octet >= 10)
        text[len++] = (char)('0' + octet / 10 % 10);
    text[len++] = (char)('0' + octet % 10);
    add_label(n, bytes_of(text, len));
}

/* Backwards: the octets of an IPv4 address, the half octets of an IPv6 one (RFC 5782, 2.1 and 2.4). */
static void add_address(struct dns_name *n, const struct address *a)
{
    for (size_t i = address_octets(a); i-- > 0;)
        if (a->family == 4)
            add_octet(n, a->octets[i]);
        else {
            add_label(n, bytes_of(&"0123456789abcdef"[a->octets[i] & 15], 1));
            add_label(n, bytes_of(&"0123456789abcdef"[a->octets[i] >> 4], 1));
        }
}

static bool is_host_name(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!byte_is_alnum(value.at[i]) && (!memchr("-_.", value.at[i], 3) || (value.at[i] == '.' && (i == 0 || value.at[i - 1] == '.'))))
            return false;
    return value.len > 0 && value.at[value.len - 1] != '.';
}

/* May httpbl.org be asked? It answers to who has a key, and knows IPv4 addresses. */
static bool httpbl_answers(struct waf_transaction *t, const struct address *a, struct bytes key)
{
    if (key.len && a->family == 4)
        return true;
    limit_passed(t, key.len ? "@rbl found nothing: httpbl.org knows no IPv6 addresses" : "@rbl found nothing: httpbl.org answers to who has a key (SecHttpBlKey)");
    return false;
}

/* The name that a list has for the value; false: it has none. */
static bool name_on_list(struct waf_transaction *t, struct bytes value, struct bytes list, struct dns_name *n)
{
    struct address a;
    struct bytes key = waf_text_bytes(t->set, t->set->settings.http_bl_key);
    if (address_parse(value, &a)) {
        if (list.len && memmem(list.at, list.len, "httpbl.org", 10)) {
            if (!httpbl_answers(t, &a, key))
                return false;
            add_label(n, key);
        }
        add_address(n, &a);
    } else if (is_host_name(value))
        add_label(n, value);
    else
        return false;
    add_label(n, list);
    return !n->failed;
}

bool outside_listed(struct waf_transaction *t, struct bytes value, struct bytes list)
{
    struct dns_name name = {0};
    if (!t->options.listed) {
        limit_passed(t, "@rbl found nothing: no list on the network is asked");
        return false;
    }
    if (!name_on_list(t, value, list, &name))
        return false;
    enum waf_answer answer = t->options.listed(bytes_of(name.text, name.len), t->options.argument);
    if (answer == WAF_UNKNOWN)
        limit_passed(t, "@rbl found nothing: a list on the network did not answer");
    return answer == WAF_YES;
}
