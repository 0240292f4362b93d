/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics: what is printed, where the caret stands, in which order, and what happens when there are too many. */
#include "base/diag.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

struct fixture {
    struct arena *arena;
    struct diags diags;
};

static struct fixture begin(void)
{
    struct fixture f = {.arena = arena_create((size_t)8 << 20)};
    f.diags = diags_new(f.arena);
    return f;
}

static struct place at(uint32_t line, uint32_t column, uint32_t width)
{
    return (struct place){line, column, width};
}

static void expect(struct fixture *f, const char *source, bool color, const char *want)
{
    struct text out = text_new(1 << 20);
    diags_print(&f->diags, "p.yaml", bytes_of_text(source), color, &out);
    assert_string_equal(text_cstr(&out), want);
    text_free(&out);
    arena_destroy(f->arena);
}

static void prints_place_line_caret_and_hint(void **state)
{
    struct fixture f = begin();
    assert_false(diag_error(&f.diags, at(2, 3, 4), "write `name`", "unknown key `%s`", "nmae"));
    assert_false(diag_warning(&f.diags, at(1, 1, 0), NULL, "old"));
    assert_false(diag_error(&f.diags, at(0, 0, 0), NULL, "file is empty"));
    assert_int_equal(f.diags.errors, 2);
    assert_int_equal(f.diags.warnings, 1);
    assert_false(diags_ok(&f.diags));
    expect(&f, "v1\n  nmae: x\n", false,
        "p.yaml:2:3: error: unknown key `nmae`\n"
        "     2 |   nmae: x\n"
        "       |   ^~~~\n"
        "       = write `name`\n"
        "p.yaml:1:1: warning: old\n"
        "     1 | v1\n"
        "       | ^\n"
        "p.yaml: error: file is empty\n");
}

static void prints_colours_when_asked(void **state)
{
    struct fixture f = begin();
    diag_error(&f.diags, at(1, 1, 2), NULL, "bad");
    diag_warning(&f.diags, at(1, 2, 1), NULL, "odd");
    expect(&f, "v1\n", true,
        "\x1b[1mp.yaml:1:1: \x1b[1;31merror:\x1b[0m bad\n     1 | v1\n       | \x1b[1;32m^~\x1b[0m\n"
        "\x1b[1mp.yaml:1:2: \x1b[1;35mwarning:\x1b[0m odd\n     1 | v1\n       |  \x1b[1;32m^\x1b[0m\n");
}

static void carets_stay_within_the_line(void **state)
{
    struct fixture f = begin();
    diag_error(&f.diags, at(1, 4, 100), NULL, "a"); /* wider than what is left */
    diag_error(&f.diags, at(1, 6, 3), NULL, "b");   /* just behind the end */
    diag_error(&f.diags, at(1, 60, 3), NULL, "c");  /* far behind it */
    diag_error(&f.diags, at(9, 1, 3), NULL, "d");   /* a line that is not there */
    diag_error(&f.diags, at(3, 2, 9), NULL, "e");   /* the last, without a newline; control characters are blanks */
    diag_error(&f.diags, at(2, 1, 1), NULL, "f");   /* back again; an empty line with CR */
    diag_error(&f.diags, at(1, 0, 1), NULL, "g");   /* no column */
    expect(&f, "abcde\n\r\n\tx\x1by", false,
        "p.yaml:1:4: error: a\n     1 | abcde\n       |    ^~\n"
        "p.yaml:1:6: error: b\n     1 | abcde\n       |      ^\n"
        "p.yaml:1:60: error: c\n     1 | abcde\n       |      ^\n"
        "p.yaml:9:1: error: d\n     9 | \n       | ^\n"
        "p.yaml:3:2: error: e\n     3 |  x?y\n       |  ^~~\n"
        "p.yaml:2:1: error: f\n     2 | \n       | ^\n"
        "p.yaml:1:0: error: g\n     1 | abcde\n       | ^\n");
}

static void carets_count_characters_and_not_bytes(void **state)
{
    struct fixture f = begin();
    diag_error(&f.diags, at(1, 7, 1), NULL, "a"); /* x, behind two characters of two and three bytes */
    diag_error(&f.diags, at(1, 1, 6), NULL, "b"); /* both and the blank */
    diag_error(&f.diags, at(1, 3, 3), NULL, "c"); /* the second */
    expect(&f, "\xc3\xa4\xe2\x82\xac x\n", false,
        "p.yaml:1:7: error: a\n     1 | \xc3\xa4\xe2\x82\xac x\n       |    ^\n"
        "p.yaml:1:1: error: b\n     1 | \xc3\xa4\xe2\x82\xac x\n       | ^~~\n"
        "p.yaml:1:3: error: c\n     1 | \xc3\xa4\xe2\x82\xac x\n       |  ^\n");
}

/* Columns on the screen: bytes that begin a character. */
static size_t columns(const char *from, const char *to)
{
    size_t n = 0;
    for (; from < to; from++)
        n += ((uint8_t)*from & 0xc0) != 0x80;
    return n;
}

static void what_a_terminal_obeys_is_shown_and_not_obeyed(void **state)
{
    struct fixture f = begin();
    struct text out = text_new(4096);
    diag_error(&f.diags, at(1, 3, 1), "write \x1b[0m", "a \xc2\x9b" "31m \xe2\x80\xae");
    diags_print(&f.diags, "p\x1b]0;", bytes_of_text("\xc2\x9b\xe2\x80\xae" "x\n"), false, &out);
    assert_string_equal(text_cstr(&out), "p\\x1b]0;:1:3: error: a \\u009b31m \\u202e\n     1 | ??x\n       |  ^\n       = write \\x1b[0m\n");
    text_free(&out);
    arena_destroy(f.arena);
}

static void long_lines_are_shown_around_the_caret(void **state)
{
    static const char *const letters[] = {"\xc3\xa4", "x", "\xe2\x82\xac", "\xf0\x9f\x9a\xa2"};
    for (uint32_t shift = 0; shift < 4; shift++)
        for (uint32_t kind = 0; kind < 4; kind++) {
            struct text line = text_new(1 << 16), out = text_new(1 << 16);
            for (uint32_t i = 0; i < shift; i++)
                text_puts(&line, "y");
            while (line.len < 500)
                text_puts(&line, letters[kind]);
            uint32_t column = (uint32_t)line.len + 1;
            text_puts(&line, "!");
            for (int i = 0; i < 200; i++)
                text_puts(&line, letters[kind]);
            struct fixture f = begin();
            diag_error(&f.diags, at(1, column, 1), NULL, "m");
            diags_print(&f.diags, "p", bytes_of_text(text_cstr(&line)), false, &out);
            const char *shown = strstr(text_cstr(&out), " | ") + 3, *end = strchr(shown, '\n');
            const char *marks = strstr(end, " | ") + 3, *caret = strchr(marks, '^'), *mark = strchr(shown, '!');
            assert_non_null(mark);
            assert_non_null(caret);
            assert_true(end - shown <= 130);
            assert_int_equal(columns(shown, mark), caret - marks);
            /* no character is cut in two */
            struct text json = text_new(1 << 16);
            char *copy = strndup(shown, (size_t)(end - shown));
            text_json(&json, copy);
            assert_null(strstr(text_cstr(&json), "\xef\xbf\xbd"));
            free(copy);
            text_free(&json);
            text_free(&line);
            text_free(&out);
            arena_destroy(f.arena);
        }
}

static void messages_of_any_length_stay_text(void **state)
{
    for (int pad = 0; pad < 4; pad++) {
        struct fixture f = begin();
        struct text message = text_new(1 << 16);
        for (int i = 0; i < pad; i++)
            text_puts(&message, "x");
        while (message.len < 2000)
            text_puts(&message, "\xe2\x82\xac");
        diag_error(&f.diags, at(0, 0, 0), NULL, "%s", text_cstr(&message));
        struct text json = text_new(1 << 16);
        text_json(&json, f.diags.items[0].message);
        assert_null(strstr(text_cstr(&json), "\xef\xbf\xbd")); /* not cut within a character */
        assert_true(strlen(f.diags.items[0].message) > 1000);
        text_free(&json);
        text_free(&message);
        arena_destroy(f.arena);
    }
}

static void sorting_is_by_line_column_and_severity_and_stable(void **state)
{
    struct fixture f = begin();
    uint64_t random = 7;
    for (uint32_t i = 0; i < 700; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        struct place p = at((uint32_t)(random >> 60), (uint32_t)(random >> 56) & 3, 1);
        if (random >> 50 & 1)
            diag_error(&f.diags, p, NULL, "%03u", i);
        else
            diag_warning(&f.diags, p, NULL, "%03u", i);
    }
    diags_sort(&f.diags);
    assert_int_equal(f.diags.count, 700);
    for (size_t i = 1; i < f.diags.count; i++) {
        const struct diag *a = &f.diags.items[i - 1], *b = &f.diags.items[i];
        uint64_t x = (uint64_t)a->place.line << 40 | (uint64_t)a->place.column << 8 | a->severity;
        uint64_t y = (uint64_t)b->place.line << 40 | (uint64_t)b->place.column << 8 | b->severity;
        assert_true(x < y || (x == y && strcmp(a->message, b->message) < 0));
    }
    arena_destroy(f.arena);
}

static void too_many_are_counted(void **state)
{
    struct fixture f = begin();
    for (int i = 0; i < DIAGS_MAX + 5; i++)
        diag_warning(&f.diags, at(0, 0, 0), NULL, "w");
    assert_true(diags_ok(&f.diags));
    diag_error(&f.diags, at(1, 1, 1), NULL, "e"); /* not kept, but counted */
    assert_false(diags_ok(&f.diags));
    assert_int_equal(f.diags.count, DIAGS_MAX);
    struct text out = text_new(1 << 20);
    diags_print(&f.diags, "p", bytes_of(NULL, 0), false, &out);
    assert_non_null(strstr(text_cstr(&out), "p: 6 more that are not shown\n"));
    text_free(&out);
    arena_destroy(f.arena);
}

static void a_message_that_is_lost_is_an_error(void **state)
{
    for (uint64_t nth = 1; nth <= 4; nth++) {
        struct fixture f = begin();
        arena_fail_at(f.arena, nth);
        diag_warning(&f.diags, at(1, 1, 1), "hint", "message");
        assert_int_equal(f.diags.out_of_memory, nth <= 3);
        assert_int_equal(f.diags.count, nth <= 3 ? 0 : 1);
        assert_int_equal(diags_ok(&f.diags), nth > 3);
        struct text out = text_new(1 << 16);
        diags_print(&f.diags, "p", bytes_of_text("x\n"), false, &out);
        assert_int_equal(strstr(text_cstr(&out), "out of memory") != NULL, nth <= 3);
        text_free(&out);
        diags_print_json(&f.diags, "p", &out);
        assert_int_equal(strstr(text_cstr(&out), "out of memory") != NULL, nth <= 3);
        text_free(&out);
        arena_destroy(f.arena);
    }
}

static void json_says_the_same(void **state)
{
    struct fixture f = begin();
    diag_error(&f.diags, at(2, 3, 4), "say \"x\"", "bad \x01");
    diag_warning(&f.diags, at(0, 0, 0), NULL, "odd");
    struct text out = text_new(1 << 16);
    diags_print_json(&f.diags, "a\\b", &out);
    assert_string_equal(text_cstr(&out),
        "{\"file\": \"a\\\\b\", \"errors\": 1, \"warnings\": 1, \"diagnostics\": ["
        "{\"severity\": \"error\", \"line\": 2, \"column\": 3, \"message\": \"bad \\u0001\", \"hint\": \"say \\\"x\\\"\"}, "
        "{\"severity\": \"warning\", \"line\": 0, \"column\": 0, \"message\": \"odd\", \"hint\": null}]}\n");
    text_free(&out);
    arena_destroy(f.arena);
}

/* Twin: the recursive definition of optimal string alignment. */
static size_t naive_distance(const char *a, size_t la, const char *b, size_t lb)
{
    if (!la || !lb)
        return la + lb;
    size_t best = naive_distance(a, la - 1, b, lb - 1) + (a[la - 1] != b[lb - 1]);
    size_t drop = naive_distance(a, la - 1, b, lb) + 1, add = naive_distance(a, la, b, lb - 1) + 1;
    best = drop < best ? drop : best;
    best = add < best ? add : best;
    if (la > 1 && lb > 1 && a[la - 1] == b[lb - 2] && a[la - 2] == b[lb - 1]) {
        size_t swap = naive_distance(a, la - 2, b, lb - 2) + 1;
        best = swap < best ? swap : best;
    }
    return best;
}

static void random_word(uint64_t *random, char *out, size_t most)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    size_t len = (*random >> 58) % (most + 1);
    for (size_t i = 0; i < len; i++) {
        *random = *random * 6364136223846793005u + 1442695040888963407u;
        out[i] = (char)('a' + (*random >> 62));
    }
    out[len] = 0;
}

static void the_closest_name_agrees_with_the_definition(void **state)
{
    uint64_t random = 3;
    uint32_t found = 0;
    for (int i = 0; i < 3000; i++) {
        char word[8], words[6][8];
        const char *names[6];
        random_word(&random, word, 6);
        size_t len = strlen(word), best = SIZE_MAX;
        const char *want = NULL;
        for (int k = 0; k < 6; k++) {
            random_word(&random, words[k], 6);
            names[k] = k == 3 ? NULL : words[k];
            if (k == 3)
                continue;
            size_t d = naive_distance(word, len, words[k], strlen(words[k]));
            if (len && d <= (len < 3 ? 1 : len / 3) && d < best) {
                best = d;
                want = names[k];
            }
        }
        assert_ptr_equal(closest_name(word, names, 6), want);
        found += want != NULL;
    }
    assert_true(found > 300);
}

static void words_of_any_length_are_safe(void **state)
{
    char longest[200], shorter[200];
    for (size_t len = 60; len < 70; len++) {
        memset(longest, 'x', len);
        longest[len] = 0;
        memcpy(shorter, longest, len);
        shorter[len - 1] = 0;
        const char *names[] = {longest, shorter};
        assert_ptr_equal(closest_name(longest, names, 2), len < 64 ? longest : NULL);
        assert_ptr_equal(closest_name(shorter, names, 2), len < 65 ? shorter : NULL);
    }
    assert_null(closest_name("", (const char *const[]){"a"}, 1));
    assert_null(closest_name("a", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_place_line_caret_and_hint),
        cmocka_unit_test(prints_colours_when_asked),
        cmocka_unit_test(carets_stay_within_the_line),
        cmocka_unit_test(carets_count_characters_and_not_bytes),
        cmocka_unit_test(what_a_terminal_obeys_is_shown_and_not_obeyed),
        cmocka_unit_test(long_lines_are_shown_around_the_caret),
        cmocka_unit_test(messages_of_any_length_stay_text),
        cmocka_unit_test(sorting_is_by_line_column_and_severity_and_stable),
        cmocka_unit_test(too_many_are_counted),
        cmocka_unit_test(a_message_that_is_lost_is_an_error),
        cmocka_unit_test(json_says_the_same),
        cmocka_unit_test(the_closest_name_agrees_with_the_definition),
        cmocka_unit_test(words_of_any_length_are_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
