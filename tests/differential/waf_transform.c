/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our transformations against libmodsecurity's: one rule for each, whose last transformations make the result
 * hexadecimal, so that the log shows every byte of it.
 *
 *   differential-waf-transform [--inputs N] [--seed N]
 */
#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "random.h"
#include "waf/transform/transform.h"

/* A map with pairs outside its page, full widths, numbers of other pages inside pairs, a byte of -1. */
static const char map_text[] = "1250  (one)\n0041:61 00e4:62\n\n1252  (two)\n0042:63 ff1c:64 00e4:ffffffff ffff:7f 0041:0x1ff x:7 "
    "0100:zz fffff:1\n\n1253 (three)\n0043:65\n";

/* The log shows the first 200 characters of logdata and says how many it leaves out. */
#define SHOWN 200
#define LONGEST 90

static char logged[TRANSFORMATION_COUNT][512];

static void keep(void *data, const void *message)
{
    const char *id = strstr(message, "[id \""), *value = strstr(message, "[data \"=");
    if (!id || !value)
        return;
    size_t t = strtoul(id + 5, NULL, 10) - 1;
    const char *end = strchr(value + 8, '"');
    if (t < TRANSFORMATION_COUNT && end)
        snprintf(logged[t], sizeof logged[t], "%.*s", (int)(end - value - 8), value + 8);
}

static struct random chance;

static uint32_t below(uint32_t n)
{
    return random_below(&chance, n);
}

/* Bytes of all kinds, of one alphabet, or pieces that transformations look for. */
static size_t invent(uint8_t *out)
{
    static const char *const pieces[] = {"/*", "*/", "<!--", "-->", "--", "#", "\\u", "\\x", "\\", "%u", "%", "&#x", "&#",
        "&", "&lt;", "&nbsp", "quot;", "0x", "ff", "FF1e", "41", "0", "9", "=", "A", "zz", "/", "..", ".", "./", "../", " ",
        "\t", "\n", "\r\n", ";", "(", "^", "\"", "'", "+", "7", "37", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x9a\xa2", "\xc0\xaf",
        "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe0\x80", "\xa0", "\xc2", "a", "X", "\\\\"};
    static const char *const alphabets[] = {"./a", "./\\a", "AQgw9=+/ \n", "\\xuU0179fF\n", "%uU+0fF9a", "&#xX09afglt;", "0xX19afg",
        "/*-<!>#a", " \t\n\va", "\"'^\\ ,;/(aZ", "\xc3\xa4\xe2\x82\xac\xf0\x80\xf5\xed\xff"};
    size_t want = below(below(4) ? 25 : LONGEST + 1), n = 0;
    uint32_t kind = below(5);
    const char *alphabet = alphabets[below(sizeof alphabets / sizeof alphabets[0])];
    while (n < want) {
        if (kind == 0 || below(40) == 0) {
            out[n++] = below(8) ? (uint8_t)below(256) : 0;
        } else if (kind <= 2) {
            out[n++] = (uint8_t)alphabet[below((uint32_t)strlen(alphabet))];
        } else {
            const char *piece = pieces[below(sizeof pieces / sizeof pieces[0])];
            for (; *piece && n < want; piece++)
                out[n++] = (uint8_t)*piece;
        }
    }
    return n;
}

static void hex(struct bytes b, char *out)
{
    out[0] = 0;
    for (size_t i = 0; i < b.len; i++)
        snprintf(out + 2 * i, 3, "%02x", b.at[i]);
}

/* The peer reads its map from a file only. */
static void add_map(RulesSet *rules)
{
    char path[] = "/tmp/bulkhead-map-XXXXXX", text[200];
    const char *error = NULL;
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, map_text, sizeof map_text - 1) != (ssize_t)sizeof map_text - 1)
        exit(2);
    close(fd);
    snprintf(text, sizeof text, "SecUnicodeMapFile %s 1252\n", path);
    if (msc_rules_add(rules, text, &error) < 0) {
        fprintf(stderr, "%s\n", error);
        exit(2);
    }
    unlink(path);
}

static RulesSet *rules_for_all(bool with_map)
{
    RulesSet *rules = msc_create_rules_set();
    const char *error = NULL;
    char text[400];
    for (int t = -1; t < TRANSFORMATION_COUNT; t++) {
        if (t < 0)
            snprintf(text, sizeof text, "SecRuleEngine On\n");
        else
            snprintf(text, sizeof text, "SecRule REQUEST_HEADERS:X \"@rx ^.*$\" \"id:%d,phase:1,pass,capture,log,t:none,t:%s,"
                "t:hexEncode,logdata:'=%%{TX.0}'\"\n", t + 1, transformation_names[t]);
        if (msc_rules_add(rules, text, &error) < 0) {
            fprintf(stderr, "%s: %s\n", text, error);
            exit(2);
        }
    }
    if (with_map)
        add_map(rules);
    return rules;
}

static unsigned differences(ModSecurity *peer, RulesSet *rules, const struct unicode_map *map, struct bytes in)
{
    unsigned found = 0;
    memset(logged, 0, sizeof logged);
    for (int t = 0; t < TRANSFORMATION_COUNT; t++)
        snprintf(logged[t], sizeof logged[t], "(no match)");
    Transaction *tx = msc_new_transaction(peer, rules, NULL);
    msc_process_connection(tx, "127.0.0.1", 1, "127.0.0.1", 80);
    msc_process_uri(tx, "/", "GET", "1.1");
    msc_add_n_request_header(tx, (const unsigned char *)"X", 1, in.len ? in.at : (const uint8_t *)"", in.len);
    msc_process_request_headers(tx);
    msc_transaction_cleanup(tx);
    struct arena *arena = arena_create(1 << 20);
    for (int t = 0; t < TRANSFORMATION_COUNT; t++) {
        struct bytes out;
        char ours[LONGEST * 20], shown[SHOWN + 60], given[LONGEST * 2 + 1];
        if (!arena || !transform((enum transformation)t, map, in, arena, &out))
            exit(2);
        hex(out, ours);
        size_t len = strlen(ours) + 1; /* and the '=' before it */
        if (len > SHOWN)
            snprintf(shown, sizeof shown, "%.*s (%zu characters omitted)", SHOWN - 1, ours, len - SHOWN);
        else
            memcpy(shown, ours, len);
        if (strcmp(shown, logged[t]) == 0)
            continue;
        found++;
        hex(in, given);
        printf("%s of %s: ours %s, peer %s\n", transformation_names[t], given, ours, logged[t]);
        printf("%s of %s: ours %s, peer %s\n", transformation_names[t], given, shown, logged[t]);
    }
    arena_destroy(arena);
    return found;
}

int main(int argc, char **argv)
{
    unsigned long inputs = 20000, found = 0;
    uint64_t seed = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--inputs") == 0)
            inputs = strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
    }
    ModSecurity *peer = msc_init();
    msc_set_log_cb(peer, keep);
    RulesSet *rules[] = {rules_for_all(false), rules_for_all(true)};
    struct arena *arena = arena_create(1 << 20);
    const struct unicode_map *map;
    if (!arena || !unicode_map_parse(bytes_of_text(map_text), 1252, arena, &map))
        return 2;
    printf("seed %llu\n", (unsigned long long)seed);
    chance.state = seed;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned long n = 0; n < inputs && found < 50; n++) {
        uint8_t in[LONGEST];
        size_t len = invent(in);
        if (n < 256) {
            in[0] = (uint8_t)n;
            len = 1;
        } else if (below(8) == 0) {
            static const char *const codes[] = {"0041", "0042", "00e4", "FF1c", "ffff", "0100", "3002", "fF0e", "0043", "ff21", "0000"};
            len = (size_t)snprintf((char *)in, sizeof in, "%%u%s%%U%s", codes[below(11)], codes[below(11)]);
        }
        found += differences(peer, rules[n % 2], n % 2 ? map : NULL, bytes_of(in, len));
    }
    printf("%lu inputs, %d transformations, %lu differences\n", inputs, TRANSFORMATION_COUNT, found);
    arena_destroy(arena);
    msc_rules_cleanup(rules[0]);
    msc_rules_cleanup(rules[1]);
    msc_cleanup(peer);
    return found ? 1 : 0;
}
