/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/waf_show.h"

#include <string.h>
#include <time.h>

#include "cli/moment.h"

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
    if (localtime_r(&now, &local))
        waf_options_set_local(o, &local);
    return made;
}
