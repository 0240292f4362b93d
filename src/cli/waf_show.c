/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/waf_show.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/moment.h"

const char *const waf_decision_names[] = {[WAF_PASS] = "pass", [WAF_DENY] = "deny", [WAF_DROP] = "drop", [WAF_REDIRECT] = "redirect", [WAF_ALLOW] = "allow"};
const char *const waf_severity_names[] = {"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"};

void waf_show_json(struct bytes b, size_t most, struct text *out)
{
    struct bytes shown = bytes_slice(b, 0, most);
    char *copy = malloc(shown.len + 1);
    if (!copy) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < shown.len; i++)
        copy[i] = shown.at[i] ? (char)shown.at[i] : (char)0xff;
    copy[shown.len] = 0;
    text_json(out, copy);
    free(copy);
}

bool waf_is_secret(struct bytes variable)
{
    static const char *const words[] = {"COOKIE", "AUTHORIZATION", "PASSW", "PASSPHRASE", "PWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "SESSION"};
    char name[128];
    struct bytes shown = bytes_slice(variable, 0, sizeof name - 1);
    for (size_t i = 0; i < shown.len; i++)
        name[i] = (char)(shown.at[i] >= 'a' && shown.at[i] <= 'z' ? shown.at[i] - 32 : shown.at[i] == 0 ? '?' : shown.at[i]);
    name[shown.len] = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(name, words[i]))
            return true;
    return false;
}

void waf_matched_json(const struct waf_matched *m, struct text *out)
{
    text_puts(out, "{\"variable\": ");
    waf_show_json(m->variable, SHOWN_MAX, out);
    text_puts(out, ", \"value\": ");
    if (waf_is_secret(m->variable))
        text_printf(out, "\"(%zu bytes, not shown)\"", m->value.len);
    else
        waf_show_json(m->value, SHOWN_MAX, out);
    text_printf(out, ", \"offset\": %zu, \"length\": %zu}", m->offset, m->length);
}

bool waf_refuses(enum waf_decision d)
{
    return d != WAF_PASS && d != WAF_ALLOW;
}

void waf_show_plain(struct bytes b, struct text *out)
{
    struct bytes shown = bytes_slice(b, 0, SHOWN_MAX);
    for (size_t i = 0; i < shown.len; i++)
        if (shown.at[i] >= ' ' && shown.at[i] < 0x7f)
            text_append(out, &shown.at[i], 1);
        else
            text_printf(out, "\\x%02x", shown.at[i]);
    if (b.len > shown.len)
        text_puts(out, " ...");
}

static size_t columns_of(uint8_t c)
{
    return c >= ' ' && c < 0x7f ? 1 : 4;
}

void waf_show_within(struct bytes b, size_t columns, struct text *out)
{
    size_t fits = 0, used = 0, whole = 0;
    for (size_t i = 0; i < b.len && whole <= columns; i++) {
        whole += columns_of(b.at[i]);
        if (whole + strlen("...") <= columns)
            fits = i + 1;
    }
    size_t shown = whole <= columns ? b.len : fits;
    for (; used < shown; used++)
        if (columns_of(b.at[used]) == 1)
            text_append(out, &b.at[used], 1);
        else
            text_printf(out, "\\x%02x", b.at[used]);
    if (shown < b.len)
        text_puts(out, "...");
}

struct waf_options waf_options_now(void)
{
    struct waf_options made = {.client = bytes_of_text("127.0.0.1"), .server = bytes_of_text("127.0.0.1"), 
        .server_port = 80, .unique_id = bytes_of_text("inspect")}, *o = &made;
    time_t now = (time_t)moment_now();
    struct tm local;
    o->time = now;
    if (localtime_r(&now, &local)) {
        o->local.year = local.tm_year + 1900;
        o->local.month = local.tm_mon + 1;
        o->local.day = local.tm_mday;
        o->local.hour = local.tm_hour;
        o->local.minute = local.tm_min;
        o->local.second = local.tm_sec;
        o->local.weekday = local.tm_wday;
    }
    return made;
}
