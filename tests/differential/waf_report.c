/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/waf_report.h"

static void print_levels(const struct waf_result *r, struct text *out)
{
    text_puts(out, "| paranoia level | messages | more, that are no HTTP | rules fired | different ones | messages that differ for no known reason |\n|---|---|---|---|---|---|\n");
    for (int level = 1; level <= LEVELS; level++)
        text_printf(out, "| %d | %zu | %zu | %zu | %zu | %zu |\n", level, r->levels[level].messages, r->levels[level].unread, r->levels[level].fired, r->ids[level],
            r->levels[level].different);
    text_printf(out, "| meant for single rules | %zu | %zu | %zu | %zu | %zu |\n\n", r->levels[0].messages, r->levels[0].unread, r->levels[0].fired, r->ids[0], r->levels[0].different);
}

static void print_known(const struct waf_result *r, struct text *out)
{
    text_puts(out, "## Where they are known to part\n\n`tests/differential/waf_known.c` has each with a message that shows it, and `differential-waf-known` fails when it no longer does.\n"
                   "Messages in which it counts, at each level:\n\n| what libmodsecurity does | against | 1 | 2 | 3 | 4 |\n|---|---|---|---|---|---|\n");
    for (int k = 0; k < KNOWN_COUNT; k++) {
        text_printf(out, "| **%s**: %s | %s |", waf_known[k].name, waf_known[k].why, waf_known[k].source);
        for (int level = 1; level <= LEVELS; level++)
            text_printf(out, " %zu |", r->levels[level].cases[k]);
        text_puts(out, "\n");
    }
    text_puts(out, "\nRules that judge by the sum of all scores are excused where another rule of the same message is.\n\n");
}

static void print_list(const struct waf_unfired *list, size_t count, struct text *out)
{
    for (size_t i = 0; i < count; i++)
        text_printf(out, "- %ld: %s.\n", list[i].id, list[i].why);
    text_puts(out, "\n");
}

static void print_coverage(const struct waf_result *r, struct text *out)
{
    text_printf(out, "## Which rules fire\n\nOf %zu rules with an id, of the Core Rule Set and of the base configuration, %zu fire in ours. Nothing fires:\n\n", r->rules, r->fired);
    print_list(waf_never, waf_never_count, out);
    text_printf(out, "In libmodsecurity %zu are seen to fire; SecActions that only count are not told by either. Not seen there are also:\n\n", r->fired_in_peer);
    print_list(waf_never_in_peer, waf_never_in_peer_count, out);
    struct pair_tally told = {0};
    for (int level = 0; level <= LEVELS; level++) {
        told.messages += r->told[level].messages;
        told.fired += r->told[level].fired;
        told.different += r->told[level].different;
    }
    text_printf(out, "Most rules do not log. In a copy of the rules in which all do, %zu messages fired %zu rules in the same order, and %zu messages differed.\n", told.messages, told.fired,
        told.different);
}

void waf_report_print(const struct waf_result *r, struct text *out)
{
    text_printf(out, "# The web rules beside libmodsecurity\n\nThe Core Rule Set 3.3.4 on nginx's base configuration, both as Debian 12 has them, in the engine of `src/waf` and in\n"
                     "libmodsecurity 3.0.9: the same %lu random requests and responses at each paranoia level. Of these a quarter is what browsers and\n"
                     "programs send with one word of any kind in it, the rest is anything with anything; a tenth is broken; a third of what is said is an\n"
                     "attack, of which half is disguised. One in three is for a set-up of its own: limits, other settings, or one of six applications.\n"
                     "The same rules fire in the same order. Made by\n\n"
                     "    build/tests/differential/differential-waf-engine --places tests/golden/cli/places.mmdb \\\n"
                     "        --requests %lu --seed %llu --report docs/waf-differential.md\n\n",
        r->requests, r->requests, (unsigned long long)r->seed);
    print_levels(r, out);
    print_known(r, out);
    print_coverage(r, out);
}
