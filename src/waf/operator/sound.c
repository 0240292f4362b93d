/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/operator/sound.h"

#include <string.h>

#define ALIGNMENTS 64
#define LONGEST 256

static int take(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *argument)
{
    *(bool *)argument = true;
    return 1;
}

/* Is there a match wherever the text begins in memory? */
static bool finds(const hs_database_t *database, hs_scratch_t *scratch, const char *text)
{
    _Alignas(64) char buffer[LONGEST + ALIGNMENTS];
    size_t len = strlen(text);
    for (size_t at = 0; at < ALIGNMENTS; at++) {
        bool found = false;
        memcpy(buffer + at, text, len);
        if (hs_scan(database, buffer + at, (unsigned)len, 0, scratch, take, &found) != HS_SCAN_TERMINATED || !found)
            return false;
    }
    return true;
}

/*
 * In each of the texts stands "$_get". Vectorscan 5.4.9 on processors with AVX-512 does not find it at some alignments (its
 * issue 317); Hyperscan 5.4.0 does.
 */
static bool finds_all(const hs_database_t *database, hs_scratch_t *scratch)
{
    static const char *const texts[] = {
        "c\nd;\ngd\n_g(_( e)>\n<;<b'<[;<d<>  > 'f(bedf))aaa?>)bbec)>[>'a)f a_?\n[ $_getda e?;[_(c$_< ' < ",
        ")eg_;a_'[[?><b;\n) f <[g?((d<)b[_caa['___gbb(c_;\n\n\ndf[>'_e\n'a[(<\n_>)>' be<a\n<_$ _g [d[_?c$_get<e$(a'?f\n';\n;c<b ",
        ";<gb<d\ne< )b?db'[e f;<f)c<?;< e\n?_a'(\ncae\n\n;\n[<?b)))bb<b '()fa_(<<;df?b>$_get>b(f[$ ",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!finds(database, scratch, texts[i]))
            return false;
    return true;
}

static bool test(void)
{
    static const char *const phrases[] = {
        "$GLOBALS", "$HTTP_COOKIE_VARS", "$HTTP_ENV_VARS", "$HTTP_GET_VARS", "$HTTP_POST_FILES", "$HTTP_POST_VARS", "$HTTP_RAW_POST_DATA",
        "$HTTP_REQUEST_VARS", "$HTTP_SERVER_VARS", "$_COOKIE", "$_ENV", "$_FILES", "$_GET", "$_POST", "$_REQUEST", "$_SERVER", "$_SESSION", "$argc", "$argv",
    };
    enum { COUNT = sizeof phrases / sizeof *phrases };
    unsigned flags[COUNT], ids[COUNT];
    size_t lengths[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        flags[i] = HS_FLAG_CASELESS;
        ids[i] = i;
        lengths[i] = strlen(phrases[i]);
    }
    hs_database_t *database = NULL;
    hs_scratch_t *scratch = NULL;
    hs_compile_error_t *error = NULL;
    bool ok = hs_compile_lit_multi(phrases, flags, ids, lengths, COUNT, HS_MODE_BLOCK, NULL, &database, &error) == HS_SUCCESS &&
        hs_alloc_scratch(database, &scratch) == HS_SUCCESS && finds_all(database, scratch);
    hs_free_compile_error(error);
    hs_free_scratch(scratch);
    hs_free_database(database);
    return ok;
}

bool scanner_is_sound(void)
{
    static _Atomic int known; /* 0: not yet tried, 1: sound, 2: not */
    int answer = known;
    if (!answer)
        known = answer = test() ? 1 : 2;
    return answer == 1;
}
