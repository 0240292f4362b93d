/* SPDX-License-Identifier: Apache-2.0 */
/* SQL injections of each kind are found; what only shares their words, quotes and dashes is not. */
#include "values.h"

#include <stdio.h>

#define EACH(want, ...) \
    static const char *const values[] = {__VA_ARGS__}; \
    all_are(values, sizeof values / sizeof values[0], true, want)

static void unions(void **state)
{
    EACH(true, "1 union select 1", "-1 UNION ALL SELECT null,null", "x' union select a from b--", "\") union (select 1,2)#", "1/**/union/**/select/**/1",
        "1'/*!50000union*//*!50000select*/1,2-- -", "' union distinct select @@version;--", "1\xa0union\x0bselect\x0c" "1", "/post/*/*/2 union all/bar", "a b /**/ 7 UNION/**/ALL");
}

static void conditions(void **state)
{
    EACH(true, "1 or 1=1", "x or 1=1", "1 and 2>1", "' or ''='", "' or 1", "a' or 'b'='b", "x') or ('a'='a", "\" or \"\"=\"", "1) or (1=1", "1 or not 1=2",
        "\\' or 1=1 -- ", "1 or char(49)=char(49)", "' or name like '%a%'#", "1 && 1=1", "' || 1=1 --", "1 is null", "1 between 0 and 2", "1/**/or/**/1");
}

static void terminators_and_operators(void **state)
{
    EACH(true, "admin'--", "admin' #", "admin'/*", "admin')-- -", "\"-- ", "x';--", "1--", "1 -- -", "'='", "'-'", "'^'", "' like '%", "'>''", "'=0--", "a b'-- '", "'#'");
}

static void statements(void **state)
{
    EACH(true, "1; drop table users", "'; delete from t--", "; select 1", "1;declare @x int", "';exec xp_cmdshell('dir')--", "1;waitfor delay '0:0:5'", "' waitfor delay '0:0:5'--",
        "exec xp_cmdshell 'dir'", "';shutdown--", "1;update t set a=1", "1;insert into t values(1)");
}

static void calls_subqueries_and_clauses(void **state)
{
    EACH(true, "1 and sleep(5)", "sleep(5)", "'+benchmark(9,md5(1))+'", "1-extractvalue(1,concat(0x7e,version()))", "'||utl_http.request('x')||'", "(select 1)", "1 and (select 1)=1",
        "'+(select a from b)+'", "1 and exists(select 1)", "if(1=1,1,2)", "case when 1=1 then 1 else 2 end", "1 order by 3", "' order by 3--", "' having 1=1--",
        "1 group by x having 1=1", "1 into outfile '/tmp/x'", "1 procedure analyse(1)", "1=convert(int,@@version)", "select a from b where c = 5");
}

static void prose_and_names_are_none(void **state)
{
    EACH(false, "", "O'Brien", "O'Brien and O'Neil", "don't or can't", "rock 'n' roll", "'tis the season", "\"yes\" or \"no\"", "it's -- well -- a dash", "5'10\" and 6'2\" tall",
        "select a union representative and order by phone", "the union select committee met", "1 or 2", "drop the table; select another", "sleep (8 hours a day)", "the dogs' -- all of them -- bark",
        "1 is not 2", "I'd like it", "please update me", "delete from cart", "# of users = 60", "union select values",
        "/post/foo/9 union all/bar", "/* on page */ room 2 union all", "/* 2 union all", "/**/2 union members", "/**/2 and union all", "*/ 2 union all", "'/**/' 2 union all");
}

static void codes_and_formats_are_none(void **state)
{
    EACH(false, "print('a', b)", "x = 'a' + b + 'c'  # d", "a === 'b' || c === \"d\"", "if (a || b) return 'x';", "var s = '<' + tag + '>';", "char c = '\\''; /* x */", "sep = ',' # comma",
        "To delete: DELETE FROM a WHERE b = 5;", "{\"a\":1,\"b\":\"it's\"}", "[\"\",\"\",\"a\"]", "http://a.b/c--d?e=f#g", "2026-01-01 -- 2026-02-01", "555-1234 or 555-4567", "a=1 and b=2",
        "## a b", "- [x] done", "`a` or `b`", "a@b.c; d@e.f", "aGVsbG8+d29/bGQ=", "2+2=4", "+1 (555) 123-4567", "9:00 - 17:30", "=IF(A1>0,1,2)", "color = '#fff';", "f('--flag', x)", "<a href=\"#top\">a</a>", "return \"|\".join(x)",
        "the LIKE '%a%' operator is slow");
}

static void findings_say_where(void **state)
{
    struct sqli_finding f;
    assert_true(sqli_detect(bytes_of_text("1 union select 2"), &f));
    assert_string_equal(f.fingerprint, "1UE1");
    assert_int_equal(f.at, 2);
    assert_int_equal(f.quote, 0);
    assert_true(sqli_detect(bytes_of_text("admin' or 1=1"), &f));
    assert_string_equal(f.fingerprint, "s&1=1");
    assert_int_equal(f.at, 7);
    assert_int_equal(f.len, 6);
    assert_int_equal(f.quote, '\'');
    assert_true(sqli_detect(bytes_of_text("a\"--"), &f));
    assert_int_equal(f.quote, '"');
}

static void random_values_stay_in_bounds(void **state)
{
    random_bytes_are_read_within_bounds(true, "''\"\"`1aor=()-- #/*!;,.$@[]{}\\\n\xa0\xc2&|<>xe");
}

/* What would take minutes if any part were read again for each of its bytes. */
static void long_values_take_linear_time(void **state)
{
    static const char *const parts[] = {"'", "\"", "(", "1+", "/*", "/**/", "-- \n", "[", "$a$", "a.", "'\\", "1,", "((select ", "#\n", "@'", "1 or ", ";"};
    size_t len = 1 << 20;
    char *value = malloc(len);
    assert_non_null(value);
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        size_t part = strlen(parts[p]);
        for (size_t i = 0; i < len; i++)
            value[i] = parts[p][i % part];
        detects(value, len, true);
    }
    free(value);
}

/* Bytes are looked at sixteen at a time, and only up to the first separator for all that they mean. */
static void it_is_found_wherever_it_stands(void **state)
{
    static const char *const attacks[] = {"' or 'a'='a", "\" or \"a\"=\"a", "' or 1=1#", "\\' or 1=1 -- "};
    static const char *const befores[] = {"", "a b ", "a b c d e f g h i j k "};
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++)
        for (size_t b = 0; b < sizeof befores / sizeof befores[0]; b++)
            for (size_t filled = 0; filled < 70; filled++) {
                char value[128];
                int len = snprintf(value, sizeof value, "%s%.*s%s", befores[b], (int)filled,
                                   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", attacks[i]);
                if (!detects(value, (size_t)len, true))
                    fail_msg("missed: %s", value);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unions),
        cmocka_unit_test(conditions),
        cmocka_unit_test(terminators_and_operators),
        cmocka_unit_test(statements),
        cmocka_unit_test(calls_subqueries_and_clauses),
        cmocka_unit_test(prose_and_names_are_none),
        cmocka_unit_test(codes_and_formats_are_none),
        cmocka_unit_test(findings_say_where),
        cmocka_unit_test(it_is_found_wherever_it_stands),
        cmocka_unit_test(random_values_stay_in_bounds),
        cmocka_unit_test(long_values_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
