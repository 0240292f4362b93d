/* SPDX-License-Identifier: Apache-2.0 */
/* Multipart: parts, every flag, and what breaks it. */
#include "check.h"
#include "collect.h"

#define TYPE  "multipart/form-data; boundary=B"
#define FIELD "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
#define FIELD_SAYS "name =a\nheader a=Content-Disposition: form-data; name=\"a\"\n"
#define OK    "flag MULTIPART_UNMATCHED_BOUNDARY 2\n"
#define STRICT "flag MULTIPART_STRICT_ERROR 1\n"

static void parts_become_arguments_and_files(void **state)
{
    must_give(BODY_MULTIPART, TYPE, NULL, bytes_of_text(FIELD "x\r\ny\r\n--B--\r\n"), FIELD_SAYS OK "arg a=x\r\ny\n");
    must_give(BODY_MULTIPART, TYPE, &(struct body_limits){.peers_lines = true},
              bytes_of_text(FIELD "x\r\ny\r\n--B--\r\n"),
              "name =a\nheader a=Content-Disposition: form-data; name=\"a\"\r\n\n" OK "arg a=xy\n");
    must_give(BODY_MULTIPART, TYPE, NULL,
              bytes_of_text("--B\r\nContent-Disposition: form-data; name=f; filename=\"a\\\"b\"\r\nX: y\r\n\r\n1\r\n2\r\n--B--\r\n"),
              "name =f\nfilename =a\"b\nheader f=Content-Disposition: form-data; name=f; filename=\"a\\\"b\"\n"
              "header f=X: y\n" OK "file f=a\"b 4\n");
    must_give(BODY_MULTIPART, TYPE, NULL, bytes_of_text(""), "");
}

static void a_header_line_is_without_its_end(void **state)
{
    must_give(BODY_MULTIPART, TYPE, NULL,
              bytes_of_text("--B\r\nContent-Disposition: form-data; name=a\r\nX: y\r\r\nZ:\n\r\n\r\n--B--\r\n"),
              "name =a\nheader a=Content-Disposition: form-data; name=a\nheader a=X: y\r\nheader a=Z:\n" STRICT
              "flag MULTIPART_LF_LINE 1\nflag MULTIPART_CRLF_LF_LINES 1\n" OK "arg a=\n");
}

static void what_readers_may_differ_in_is_a_flag(void **state)
{
    must_give(BODY_MULTIPART, TYPE, NULL, bytes_of_text("pre\r\n" FIELD "x\r\n--B--\r\n"),
              FIELD_SAYS STRICT "flag MULTIPART_DATA_BEFORE 1\n" OK "arg a=x\n");
    must_give(BODY_MULTIPART, TYPE, NULL, bytes_of_text(FIELD "x\r\n--B--\r\npost"),
              FIELD_SAYS STRICT "flag MULTIPART_DATA_AFTER 1\n" OK "arg a=x\n");
    must_give(BODY_MULTIPART, TYPE, NULL, bytes_of_text(FIELD "x\n--B--\r\n"),
              FIELD_SAYS STRICT "flag MULTIPART_LF_LINE 1\nflag MULTIPART_CRLF_LF_LINES 1\n" OK "arg a=x\n");
    must_give(BODY_MULTIPART, "multipart/form-data; boundary =\"B\"", NULL, bytes_of_text(FIELD "x\r\n--B--\r\n"),
              FIELD_SAYS STRICT "flag MULTIPART_BOUNDARY_QUOTED 1\nflag MULTIPART_BOUNDARY_WHITESPACE 1\n" OK "arg a=x\n");
    must_give(BODY_MULTIPART, "multipart/form-data boundary=B", NULL, bytes_of_text(FIELD "x\r\n--B--\r\n"),
              FIELD_SAYS STRICT "flag MULTIPART_MISSING_SEMICOLON 1\n" OK "arg a=x\n");
    must_give(BODY_MULTIPART, TYPE, NULL, bytes_of_text(FIELD "x\r\n--C\r\n--B--"),
              FIELD_SAYS "flag MULTIPART_UNMATCHED_BOUNDARY 1\narg a=x\r\n--C\n");
    must_give(BODY_MULTIPART, TYPE, NULL,
              bytes_of_text("--B\r\nContent-Disposition: form-data;\r\n\vname='a'\r\n\r\nx\r\n--B--\r\n"),
              "name =a\nheader a=Content-Disposition: form-data; name='a'\n" STRICT
              "flag MULTIPART_HEADER_FOLDING 1\nflag MULTIPART_INVALID_QUOTING 1\n"
              "flag MULTIPART_INVALID_HEADER_FOLDING 1\n" OK "arg a=x\n");
    must_give(BODY_MULTIPART, TYPE, NULL, bytes_of_text(FIELD "--B--"),
              FIELD_SAYS STRICT "flag MULTIPART_INVALID_PART 1\narg a=\n");
}

static void what_cannot_be_read_is_an_error(void **state)
{
    static const struct {
        const char *type, *want;
    } types[] = {
        {"", "Content-Type header not available."},
        {"multipart/mixed; boundary=B", "Invalid MIME type."},
        {"multipart/form-data", "Boundary not found in C-T."},
        {"multipart/form-data; boundary=", "Invalid boundary in C-T (empty)."},
        {"multipart/form-data; boundary=\"\"", "Invalid boundary in C-T (empty)."},
        {"multipart/form-data; Boundary=B", "Invalid boundary in C-T (case sensitivity)."},
        {"multipart/form-data; boundary=B; boundary=C", "Multiple boundary parameters in C-T."},
        {"multipart/form-data; boundary=\"B", "Invalid boundary in C-T (quote)."},
        {"multipart/form-data; boundary=B*", "Invalid boundary in C-T (characters)."},
        {"multipart/form-data; x; boundary=B", "Invalid boundary in C-T (malformed)."},
        {"multipart/form-data; boundaryx=B", "Invalid boundary in C-T (parameter name)."},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct collected c = collect(BODY_MULTIPART, types[i].type, &(struct body_limits){0}, bytes_of_text(FIELD), 0, 0);
        assert_non_null(strstr(text_cstr(&c.text), types[i].want));
        assert_non_null(strstr(text_cstr(&c.text), STRICT));
        assert_int_equal(c.status, BODY_BROKEN);
        text_free(&c.text);
    }
    must_give(BODY_MULTIPART, TYPE, NULL, bytes_of_text("x"),
              "error =Multipart parsing error: Multipart: No boundaries found in payload.\n");
    must_give(BODY_MULTIPART, TYPE, NULL, bytes_of_text(FIELD "x"),
              "name =a\nerror =Multipart parsing error: Multipart: Final boundary missing.\n");
}

static void a_bound_that_is_passed_is_told(void **state)
{
    struct text t = text_new(1 << 20);
    text_puts(&t, "--B\r\n");
    for (int i = 0; i < 1000; i++)
        text_printf(&t, "H%d: x\r\n", i);
    struct collected c = collect(BODY_MULTIPART, TYPE, &(struct body_limits){0}, bytes_of(t.at, t.len), 0, 0);
    assert_int_equal(c.status, BODY_BROKEN);
    assert_non_null(strstr(text_cstr(&c.text), "limit 5 64\n"));
    text_free(&c.text);
    text_free(&t);
    c = collect(BODY_MULTIPART, TYPE, &(struct body_limits){.parts = 1}, bytes_of_text(FIELD "x\r\n" FIELD "y\r\n--B--\r\n"), 0, 0);
    assert_int_equal(c.status, BODY_BROKEN);
    assert_non_null(strstr(text_cstr(&c.text), "limit 4 1\n"));
    text_free(&c.text);
}

static void it_survives(void **state)
{
    must_survive(BODY_MULTIPART, TYPE,
                 bytes_of_text(FIELD "x\r\ny\r\n--B\r\nContent-Disposition: form-data; name=f;\r\n filename=\"g\"\r\n\r\n1\n2\r\n--B--\r\n"));
}

/* Lines that lie whole in what arrived are read there, others are put together first, long ones in pieces. */
static void a_line_is_the_same_wherever_it_lies(void **state)
{
    static const char *const pieces[] = {FIELD, "--B\r\n", "--B--\r\n", "--B", "--", "-", "--C\r\n", "-- B\r\n", "\r\n", "\n", "\r", "x", "a b", "X: y\r\n", " fold\r\n",
                                         "Content-Disposition: form-data; name=f; filename=g\r\n\r\n"};
    static char body[1 << 14];
    uint64_t random = 3;
    for (int i = 0; i < 400; i++) {
        size_t len = 0;
        for (int k = 0; k < 12; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            const char *piece = k ? pieces[(random >> 33) % (sizeof pieces / sizeof pieces[0])] : FIELD;
            size_t long_line = random >> 62 ? 0 : 4088 + (random >> 40) % 12; /* a line may have 4,096 bytes, and no more */
            if (len + strlen(piece) + long_line > sizeof body)
                break;
            memset(body + len, random >> 61 ? 'l' : 0, long_line);
            memcpy(body + len + long_line, piece, strlen(piece));
            len += long_line + strlen(piece);
        }
        struct body_limits limits = {.file_contents = i % 2};
        struct collected whole = collect(BODY_MULTIPART, TYPE, &limits, bytes_of(body, len), 0, 0);
        for (size_t piece = 1; piece < 5000; piece = piece * 7 + 1) {
            struct collected cut = collect(BODY_MULTIPART, TYPE, &limits, bytes_of(body, len), piece, 0);
            assert_int_equal(cut.status, whole.status);
            assert_string_equal(text_cstr(&cut.text), text_cstr(&whole.text));
            text_free(&cut.text);
        }
        text_free(&whole.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_become_arguments_and_files),
        cmocka_unit_test(a_header_line_is_without_its_end),
        cmocka_unit_test(what_readers_may_differ_in_is_a_flag),
        cmocka_unit_test(what_cannot_be_read_is_an_error),
        cmocka_unit_test(a_bound_that_is_passed_is_told),
        cmocka_unit_test(a_line_is_the_same_wherever_it_lies),
        cmocka_unit_test(it_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
