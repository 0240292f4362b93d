/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead top: who talks to whom, what is refused, and how much flows. Needs no daemon, but for refusals by pair. */
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/top_show.h"
#include "enforce/process.h"
#include "enforce/scope.h"

#define WIDTH 80
#define LINES 60 /* of all tables, where they need not fit on a screen */
#define LINES_LEAST 6
#define LINES_BETWEEN 13 /* of a page besides its tables' own at most: headers, what is said under them, the last one free */
#define CLEAR "\033[H\033[2J"

struct asked {
    bool json, all, addresses;
    uint64_t every_ns; /* 0: once */
};

/* A page that is shown again and again fits on the screen; what is shown once may be scrolled. */
static struct top_page page_for(const struct asked *a)
{
    struct winsize screen;
    struct top_page page = {.width = WIDTH, .lines = a->all ? SIZE_MAX : LINES, .color = color_wanted(STDOUT_FILENO)};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &screen))
        return page;
    if (screen.ws_col > WIDTH)
        page.width = screen.ws_col < 200 ? screen.ws_col : 200;
    if (a->every_ns && !a->all && screen.ws_row)
        page.lines = screen.ws_row > LINES_BETWEEN + LINES_LEAST ? screen.ws_row - LINES_BETWEEN : LINES_LEAST;
    return page;
}

static bool show(const struct running *r, const struct asked *a, const struct top_reading *now, const struct top_reading *before)
{
    struct text out = text_new(ANSWER_MAX);
    struct top_page page = page_for(a);
    page.before = before;
    if (a->json) {
        top_print_json(r, now, before, &out);
    } else {
        if (a->every_ns && isatty(STDOUT_FILENO))
            text_puts(&out, CLEAR);
        else if (before)
            text_puts(&out, "\n");
        top_print(r, now, &page, &out);
    }
    return output_text(&out, STATUS_YES) == STATUS_YES;
}

/* False: somebody wants it to end. */
static bool wait_for_next(int signals, uint64_t ns)
{
    struct pollfd ends = {.fd = signals, .events = POLLIN};
    struct timespec time = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    return ppoll(&ends, 1, &time, NULL) == 0;
}

/* Until a signal, or until the network is gone. */
static int repeat(struct running *r, const struct asked *a, struct top_reading *before)
{
    int status;
    SCOPED_FD signals = process_ending_signals();
    if (signals < 0)
        return complain("cannot wait for signals");
    while (wait_for_next(signals, a->every_ns)) {
        struct running fresh;
        struct top_reading now = {0};
        bool there = running_again(r, STATUS_NO, &fresh, &status);
        *r = fresh;
        if (!there)
            return status;
        bool ok = top_read(r, a->addresses, &now) && show(r, a, &now, before);
        top_reading_free(before);
        *before = now;
        if (!ok)
            return STATUS_CANNOT;
    }
    return STATUS_YES;
}

static int watch(struct running *r, const struct asked *a)
{
    struct top_reading first;
    int status = STATUS_CANNOT;
    if (top_read(r, a->addresses, &first) && show(r, a, &first, NULL))
        status = a->every_ns ? repeat(r, a, &first) : STATUS_YES;
    top_reading_free(&first);
    return status;
}

int verb_top(int argc, char **argv)
{
    struct asked asked = {0};
    const char *every = NULL;
    const struct option_wanted wanted[] = {{"json", 0, &asked.json, NULL}, {"all", 0, &asked.all, NULL}, {"addresses", 0, &asked.addresses, NULL},
        {"every", 'd', NULL, &every}, {0}};
    struct operands operands;
    struct running r;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){0, 1, false}, &operands, &status))
        return status;
    if (every && !wait_parse(every, &asked.every_ns))
        return wrong_usage(argv[0], "--every %s: a time is wanted, as 2, 2s or 1m", every);
    complain_json(asked.json);
    if (geteuid() != 0)
        return complain("only root can see the kernel's counters: run it with sudo");
    if (running_open(operands.count ? operands.items[0] : NULL, STATUS_NO, &r, &status))
        status = watch(&r, &asked);
    running_close(&r);
    return status;
}
