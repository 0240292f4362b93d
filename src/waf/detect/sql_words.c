/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/detect/sql_words.h"

#include "base/block.h"

enum { LONGEST = 17 }; /* CURRENT_TIMESTAMP */

static const struct {
    char text[LONGEST + 1];
    char class;
} words[] = {
#define ENTRY(word, class) {#word, SQL_##class},
    SQL_WORDS(ENTRY)
#undef ENTRY
};

/* Oracle's packages and SQL Server's extended procedures: whole families, of which no value speaks by chance. In
 * byte order. */
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
    uint8_t first = upper(text.at[0]);
    for (size_t i = 0; i < sizeof families / sizeof families[0] && (uint8_t)families[i][0] <= first; i++) {
        if ((uint8_t)families[i][0] != first)
            continue;
        size_t len = strlen(families[i]);
        if (text.len >= len && compare(bytes_slice(text, 0, len), families[i]) == 0)
            return true;
    }
    return false;
}

/* Where the words of each letter begin. */
static const uint8_t letters['Z' - 'A' + 2] = {
    SQL_W_ABS, SQL_W_BACKUP, SQL_W_CALL, SQL_W_DATABASE, SQL_W_ELSE, SQL_W_FALSE, SQL_W_GENERATE_SERIES, SQL_W_HANDLER, SQL_W_IF,
    SQL_W_JSON_KEYS, SQL_W_KILL, SQL_W_LAST_INSERT_ID, SQL_W_MAKE_SET, SQL_W_NAME_CONST, SQL_W_OFFSET, SQL_W_PG_READ_FILE,
    SQL_W_QUERY_TO_XML, SQL_W_RAND, SQL_W_SCHEMA, SQL_W_TABLE, SQL_W_UNHEX, SQL_W_VALUES, SQL_W_WAITFOR, SQL_W_XMLTYPE,
    SQL_W_ZEROBLOB, SQL_W_ZEROBLOB, SQL_WORD_COUNT, /* none begins with Y */
};
_Static_assert(SQL_WORD_COUNT <= UINT8_MAX, "a place in the table of words is one byte");

enum { KEY = 8 };

/* The first eight bytes, as a number that is in the words' order. */
static uint64_t key_of(const void *eight)
{
    uint64_t key;
    memcpy(&key, eight, sizeof key);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(key) : key;
}

static uint64_t key_of_text(struct bytes text)
{
    block b = block_of_few(text.at, text.len < KEY ? text.len : KEY);
    b &= ~(block_within(b, 'a', 'z') & block_of(0x20));
    return key_of(&b);
}

/* How the text, of which `key` is known, stands to the word. */
static int compare_by_key(struct bytes text, uint64_t key, const char *word)
{
    size_t compared = text.len < KEY ? text.len : KEY;
    uint64_t words_key = key_of(word);
    if (key != words_key)
        return key < words_key ? -1 : 1;
    return compare(bytes_slice(text, compared, text.len), word + compared);
}

static enum sql_word find(struct bytes text)
{
    unsigned letter = upper(text.at[0]) - (unsigned)'A';
    if (text.len < 2 || text.len > LONGEST || letter > 'Z' - 'A')
        return SQL_W_NONE;
    size_t low = letters[letter], high = letters[letter + 1];
    uint64_t key = key_of_text(text);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare_by_key(text, key, words[middle].text);
        if (order == 0)
            return (enum sql_word)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return SQL_W_NONE;
}

enum sql_word sql_word_find(struct bytes text, enum sql_class *ret_class)
{
    enum sql_word word = text.len ? find(text) : SQL_W_NONE;
    *ret_class = SQL_NAME;
    if (word != SQL_W_NONE)
        *ret_class = (enum sql_class)words[word].class;
    else if (text.len > 1 && of_a_family(text))
        *ret_class = SQL_WEAPON;
    return word;
}

const char *sql_word_text(enum sql_word word)
{
    return word < SQL_WORD_COUNT ? words[word].text : "";
}
