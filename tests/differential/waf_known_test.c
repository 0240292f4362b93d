/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each entry of the list of known differences from libmodsecurity shows what it says: its message fires its rule in one of
 * the two alone, and nothing else differs that the entry does not touch. What no longer differs is to leave the list.
 *
 *   differential-waf-known --places FILE
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/differential/waf_pair.h"
#include "tests/differential/waf_stories.h"

#define ENTRIES_MAX 20

static const char *who_is(enum waf_alone alone)
{
    return alone == ALONE_IN_OURS ? "ours" : "the peer";
}

static bool entry_shows(struct pair *p, int k)
{
    static struct ids ours, peers;
    const struct waf_known *e = &waf_known[k];
    struct waf_differences d;
    struct exchange x = exchange_new();
    struct pair_who who = {.setup = e->setup, .level = e->level};
    bool shown = false, only = true;
    story_request_print(e->request, &x.request);
    story_response_print(e->response, &x.response);
    bool read = pair_inspect(p, &who, &x, &ours, &peers, &d);
    for (size_t i = 0; read && i < d.count; i++) {
        shown |= d.items[i].id == e->shown && d.items[i].alone == e->shown_in && d.items[i].known == k;
        only &= d.items[i].known == k || d.items[i].known == KNOWN_NOAUDITLOG;
        if (d.items[i].known != k)
            printf("#   %ld in %s alone: %s\n", d.items[i].id, who_is(d.items[i].alone), d.items[i].known < 0 ? "nothing excuses it" : waf_known[d.items[i].known].name);
    }
    if (!shown) {
        printf("#   %ld does not fire in %s alone\n", e->shown, who_is(e->shown_in));
        show_ids("ours", &ours);
        show_ids("peer", &peers);
        show("request", &x.request);
    }
    exchange_free(&x);
    return shown && only;
}

int main(int argc, char **argv)
{
    bool all = true;
    if (argc != 3 || strcmp(argv[1], "--places") != 0) {
        printf("# differential-waf-known --places FILE\n");
        return 2;
    }
    if (access(HARNESS_BASE, R_OK) || access(HARNESS_RULES, R_OK)) {
        printf("1..0 # SKIP needs the packages modsecurity-crs and libnginx-mod-http-modsecurity\n");
        return 77;
    }
    struct pair *p = pair_open(HARNESS_RULES, argv[2]);
    for (int k = 0; p && k < KNOWN_COUNT; k++) {
        bool ok = entry_shows(p, k);
        printf("%s %d - %s: rule %ld fires in %s alone\n", ok ? "ok" : "not ok", k + 1, waf_known[k].name, waf_known[k].shown, who_is(waf_known[k].shown_in));
        all &= ok;
    }
    bool few = KNOWN_COUNT <= ENTRIES_MAX;
    printf("%s %d - the list has at most %d entries\n1..%d\n", few ? "ok" : "not ok", KNOWN_COUNT + 1, ENTRIES_MAX, KNOWN_COUNT + 1);
    pair_close(p);
    return !(p && all && few);
}
