/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/detect/sql_words.h"

enum { LONGEST = 17 }; /* CURRENT_TIMESTAMP */

static const struct {
    char text[LONGEST + 1];
    char class;
} words[] = {
#define ENTRY(word, class) {#word, SQL_##class},
    SQL_WORDS(ENTRY)
#undef ENTRY
};

/* Oracle's packages and SQL Server's extended procedures: whole families, of which no value speaks by chance. */
static const char *const families[] = {"CTXSYS.", "DBMS_", "HTTPURITYPE", "LO_IMPORT", "SP_OA", "UTL_", "XP_"};

static uint8_t upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 0x20) : c;
}

static int compare(struct bytes text, const char *word)
{
    for (size_t i = 0; i < text.len; i++) {
        int difference = upper(text.at[i]) - (uint8_t)word[i]; /* at the word's NUL at the latest */
        if (difference)
            return difference;
    }
    return word[text.len] ? -1 : 0;
}

static bool of_a_family(struct bytes text)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        size_t len = strlen(families[i]);
        if (text.len >= len && compare(bytes_slice(text, 0, len), families[i]) == 0)
            return true;
    }
    return false;
}

enum sql_word sql_word_find(struct bytes text, enum sql_class *ret_class)
{
    *ret_class = SQL_NAME;
    if (text.len < 2)
        return SQL_W_NONE;
    if (text.len <= LONGEST) {
        size_t low = 0, high = SQL_WORD_COUNT;
        while (low < high) {
            size_t middle = (low + high) / 2;
            int order = compare(text, words[middle].text);
            if (order == 0) {
                *ret_class = (enum sql_class)words[middle].class;
                return (enum sql_word)middle;
            }
            if (order < 0)
                high = middle;
            else
                low = middle + 1;
        }
    }
    if (of_a_family(text))
        *ret_class = SQL_WEAPON;
    return SQL_W_NONE;
}

const char *sql_word_text(enum sql_word word)
{
    return word < SQL_WORD_COUNT ? words[word].text : "";
}
