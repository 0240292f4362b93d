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

/* Oracle's packages and SQL Server's extended procedures, by letter: whole families, of which no value speaks by chance. */
static const char *const families['Z' - 'A' + 1] = {
    ['C' - 'A'] = "CTXSYS.", ['D' - 'A'] = "DBMS_", ['H' - 'A'] = "HTTPURITYPE", ['L' - 'A'] = "LO_IMPORT", ['S' - 'A'] = "SP_OA",
    ['U' - 'A'] = "UTL_", ['X' - 'A'] = "XP_",
};

static bool of_a_family(struct bytes text)
{
    unsigned letter = upper(text.at[0]) - (unsigned)'A';
    const char *family = letter <= 'Z' - 'A' ? families[letter] : NULL;
    size_t len = family ? strlen(family) : 0;
    return family && text.len >= len && compare(bytes_slice(text, 0, len), family) == 0;
}

/*
 * Of 1,024 numbers, those of the words, as bits: what has another is none of them. Made from three letters, of which five bits
 * are the same in any case, and the length.
 */
#define NUMBER_OF(first, second, last, len) \
    ((((first) & 31u) << 5 ^ ((second) & 31u) ^ ((last) & 31u) << 3 ^ (unsigned)(len) << 6) & 1023u)
#define NUMBER_OF_WORD(word) NUMBER_OF(#word[0], #word[1], #word[sizeof #word - 2], sizeof #word - 1)
#define BIT(word, part) | (NUMBER_OF_WORD(word) / 64 == (part) ? UINT64_C(1) << NUMBER_OF_WORD(word) % 64 : 0)
#define BIT_0(word, class) BIT(word, 0)
#define BIT_1(word, class) BIT(word, 1)
#define BIT_2(word, class) BIT(word, 2)
#define BIT_3(word, class) BIT(word, 3)
#define BIT_4(word, class) BIT(word, 4)
#define BIT_5(word, class) BIT(word, 5)
#define BIT_6(word, class) BIT(word, 6)
#define BIT_7(word, class) BIT(word, 7)
#define BIT_8(word, class) BIT(word, 8)
#define BIT_9(word, class) BIT(word, 9)
#define BIT_10(word, class) BIT(word, 10)
#define BIT_11(word, class) BIT(word, 11)
#define BIT_12(word, class) BIT(word, 12)
#define BIT_13(word, class) BIT(word, 13)
#define BIT_14(word, class) BIT(word, 14)
#define BIT_15(word, class) BIT(word, 15)
static const uint64_t numbers[16] = {
    0 SQL_WORDS(BIT_0), 0 SQL_WORDS(BIT_1), 0 SQL_WORDS(BIT_2), 0 SQL_WORDS(BIT_3), 0 SQL_WORDS(BIT_4), 0 SQL_WORDS(BIT_5),
    0 SQL_WORDS(BIT_6), 0 SQL_WORDS(BIT_7), 0 SQL_WORDS(BIT_8), 0 SQL_WORDS(BIT_9), 0 SQL_WORDS(BIT_10), 0 SQL_WORDS(BIT_11),
    0 SQL_WORDS(BIT_12), 0 SQL_WORDS(BIT_13), 0 SQL_WORDS(BIT_14), 0 SQL_WORDS(BIT_15),
};

static bool may_be_word(struct bytes text)
{
    if (text.len < 2 || text.len > LONGEST)
        return false;
    unsigned number = NUMBER_OF(text.at[0], text.at[1], text.at[text.len - 1], text.len);
    return numbers[number / 64] >> number % 64 & 1;
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
    if (letter > 'Z' - 'A')
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
    enum sql_word word = may_be_word(text) ? find(text) : SQL_W_NONE;
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
