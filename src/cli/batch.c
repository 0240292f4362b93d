/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "decide/resolve.h"
#include "decide/why.h"

#define LINE_BYTES_MAX 4096                /* of a question, without its newline */
#define READ_BYTES     ((size_t)256 << 10) /* at once, and answered at once */
#define ANSWERS_BYTES  ((size_t)1 << 20)   /* of answers that are kept back while there is input to read */
#define MEMORY_MAX     ((size_t)256 << 20)
#define MEMORY_KEPT    ((size_t)1 << 20) /* after which the arena is begun anew */

struct batch {
    const struct policy *policy;
    struct moment moment;
    struct arena *arena;
    struct text out;
    bool all_answered;
};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line; empty at its end. */
static struct bytes word_next(struct cursor *line)
{
    while (cursor_left(line) && is_space(line->all.at[line->at]))
        line->at++;
    size_t from = line->at;
    while (cursor_left(line) && !is_space(line->all.at[line->at]))
        line->at++;
    return bytes_slice(line->all, from, line->at - from);
}

static void answer_error(struct batch *b, const char *error)
{
    text_puts(&b->out, "{\"error\": ");
    text_json(&b->out, error ? error : "out of memory");
    text_puts(&b->out, "}\n");
    b->all_answered = false;
}

static void answer_line(struct batch *b, struct bytes line)
{
    struct cursor c = cursor_over(line);
    struct bytes from = word_next(&c), to = word_next(&c), service = word_next(&c);
    struct flows flows;
    const char *error;
    if (service.len == 0 || word_next(&c).len)
        return answer_error(b, "a line is FROM TO PORT/PROTO");
    if (!resolve_flows(b->policy, from, to, service, b->arena, &flows, &error))
        return answer_error(b, error);
    const struct flow *f = &flows.items[0];
    const char *from_name = party_name(b->policy, &f->from, b->arena);
    const char *to_name = party_name(b->policy, &f->to, b->arena);
    if (!from_name || !to_name)
        return answer_error(b, NULL);
    struct verdict v = decide(b->policy, f, b->moment);
    verdict_print_json(b->policy, f, &v, deliver(b->policy, f), from_name, to_name, &b->out);
}

/* Room for the next answer: in the arena, and in what is kept back. */
static bool make_room(struct batch *b)
{
    if (b->out.len > ANSWERS_BYTES && !output_flush(&b->out))
        return false;
    if (b->arena && arena_used(b->arena) < MEMORY_KEPT)
        return true;
    arena_destroy(b->arena);
    b->arena = arena_create(MEMORY_MAX);
    if (!b->arena)
        complain("out of memory");
    return b->arena != NULL;
}

/* Answers the whole lines at the begin of `text`; how many bytes they were in `*ret`. */
static bool answer_lines(struct batch *b, struct bytes text, size_t *ret)
{
    struct bytes left = text;
    const uint8_t *end;
    while (left.len && (end = memchr(left.at, '\n', left.len))) {
        size_t len = (size_t)(end - left.at);
        if (!make_room(b))
            return false;
        if (len > LINE_BYTES_MAX)
            answer_error(b, "the line is too long");
        else
            answer_line(b, bytes_slice(left, 0, len));
        left = bytes_slice(left, len + 1, SIZE_MAX);
    }
    *ret = text.len - left.len;
    return true;
}

static ssize_t read_some(int in, uint8_t *at, size_t len)
{
    ssize_t got;
    do
        got = read(in, at, len);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        complain("standard input: %s", strerror(errno));
    return got;
}

/*
 * Of a line that is too long only as much is kept as shows that it is: the buffer always has room, and the
 * line's answer comes when its end is read.
 */
static bool answer_all(struct batch *b, int in, uint8_t *buffer)
{
    size_t held = 0, used;
    for (;;) {
        if (!output_flush(&b->out))
            return false;
        ssize_t got = read_some(in, buffer + held, READ_BYTES - held);
        if (got < 0)
            return false;
        if (got == 0)
            break;
        held += (size_t)got;
        if (!answer_lines(b, bytes_of(buffer, held), &used))
            return false;
        held -= used;
        memmove(buffer, buffer + used, held);
        if (held > LINE_BYTES_MAX + 1)
            held = LINE_BYTES_MAX + 1;
    }
    if (held == 0)
        return true;
    buffer[held++] = '\n'; /* a last line without its newline is a line */
    return answer_lines(b, bytes_of(buffer, held), &used) && output_flush(&b->out);
}

int batch_answer(const struct policy *p, int in, struct moment m)
{
    struct batch b = {.policy = p, .moment = m, .out = text_new(ANSWER_MAX), .all_answered = true};
    uint8_t *buffer = malloc(READ_BYTES);
    if (!buffer)
        return complain("out of memory");
    bool done = answer_all(&b, in, buffer);
    free(buffer);
    arena_destroy(b.arena);
    text_free(&b.out);
    return done && b.all_answered ? STATUS_YES : STATUS_CANNOT;
}
