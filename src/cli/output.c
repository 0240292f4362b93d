/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "enforce/file.h"

#define COMPLAINT_MAX 65536

static const char *complaining_verb;
static bool complaining_json;

static void ignore(int signal)
{
    (void)signal;
}

void output_begin(void)
{
    /* A handler, not SIG_IGN: a command that we start gets the default back. Ignored already stays ignored. */
    static const int of_writes[] = {SIGPIPE, SIGXFSZ}; /* a write that ends the process tells nobody why */
    struct sigaction was, now = {.sa_handler = ignore, .sa_flags = SA_RESTART};
    for (size_t i = 0; i < sizeof of_writes / sizeof of_writes[0]; i++)
        if (sigaction(of_writes[i], NULL, &was) == 0 && was.sa_handler == SIG_DFL)
            sigaction(of_writes[i], &now, NULL);
}

void complain_as(const char *verb)
{
    complaining_verb = verb;
}

void complain_json(bool json)
{
    complaining_json = json;
}

static void complain_line(const char *message)
{
    struct text line = text_new(COMPLAINT_MAX);
    text_printf(&line, "bulkhead%s%s: ", complaining_verb ? " " : "", complaining_verb ? complaining_verb : "");
    text_visible(&line, bytes_of_text(message)); /* names come from files and from other people's command lines */
    text_puts(&line, "\n");
    /* When standard error takes nothing there is nobody left to tell. */
    bool told = write_all(STDERR_FILENO, bytes_of(line.at, line.len));
    (void)told;
    text_free(&line);
}

static char *format_message(const char *format, va_list arguments)
{
    char *message = NULL;
    return vasprintf(&message, format, arguments) < 0 ? NULL : message;
}

static int complain_either(bool json, const char *format, va_list arguments)
{
    char *message = format_message(format, arguments);
    const char *shown = message ? message : "out of memory";
    int status = STATUS_CANNOT;
    if (json) {
        struct text out = text_new(COMPLAINT_MAX);
        text_puts(&out, "{\"error\": ");
        text_json(&out, shown);
        text_puts(&out, "}\n");
        status = output_text(&out, STATUS_CANNOT);
    } else {
        complain_line(shown);
    }
    free(message);
    return status;
}

int complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int status = complain_either(complaining_json, format, arguments);
    va_end(arguments);
    return status;
}

int complain_in(bool json, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int status = complain_either(json, format, arguments);
    va_end(arguments);
    return status;
}

bool output_flush(struct text *t)
{
    /* Both are about the place where JSON would be: never there. */
    if (t->failed) {
        (void)complain_in(false, "the answer does not fit into memory");
        return false;
    }
    if (!write_all(STDOUT_FILENO, bytes_of(t->at, t->len))) {
        /* Who closed the pipe knows; for them the status is enough. */
        if (errno != EPIPE)
            (void)complain_in(false, "standard output: %s", strerror(errno));
        return false;
    }
    t->len = 0;
    return true;
}

int output_text(struct text *t, int status)
{
    bool written = output_flush(t);
    text_free(t);
    return written ? status : STATUS_CANNOT;
}

bool color_wanted(int fd)
{
    const char *terminal = getenv("TERM");
    return !getenv("NO_COLOR") && isatty(fd) && terminal && strcmp(terminal, "dumb") != 0;
}
