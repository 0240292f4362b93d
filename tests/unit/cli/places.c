/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database of places that the test writes (MaxMind DB File Format Specification 2.0), and what is found in it.
 * tests/golden/cli/places.mmdb is what it writes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/places.h"
#include "tests/unit/base/check.h"

#define NODES_MAX 128

/* A database while it is put together. */
struct writer {
    uint8_t data[2048], whole[8192];
    size_t data_len, whole_len;
    uint32_t nodes[NODES_MAX][2]; /* 0: nothing there */
    uint32_t node_count;
};

static void put(struct writer *w, const void *at, size_t len)
{
    assert_true(w->data_len + len <= sizeof w->data);
    memcpy(w->data + w->data_len, at, len);
    w->data_len += len;
}

/* The type and size of a value; types from 8 on take a second octet. */
static void put_control(struct writer *w, unsigned type, unsigned size)
{
    uint8_t octets[2] = {(uint8_t)((type < 8 ? type : 0) << 5 | size), (uint8_t)(type - 7)};
    put(w, octets, type < 8 ? 1 : 2);
}

static void put_text(struct writer *w, const char *text)
{
    put_control(w, 2, (unsigned)strlen(text));
    put(w, text, strlen(text));
}

static void put_map(struct writer *w, unsigned pairs)
{
    put_control(w, 7, pairs);
}

static void put_number(struct writer *w, unsigned type, uint64_t n, unsigned size)
{
    put_control(w, type, size);
    for (unsigned i = size; i-- > 0;) {
        uint8_t octet = (uint8_t)(n >> 8 * i);
        put(w, &octet, 1);
    }
}

static void put_double(struct writer *w, double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    put_number(w, 3, bits, 8);
}

/* key: {key: text} */
static void put_nested(struct writer *w, const char *outer, const char *inner, const char *text)
{
    put_text(w, outer);
    put_map(w, 1);
    put_text(w, inner);
    put_text(w, text);
}

static uint32_t put_full_record(struct writer *w)
{
    uint32_t at = (uint32_t)w->data_len;
    put_map(w, 6);
    put_text(w, "country");
    put_map(w, 2);
    put_text(w, "iso_code");
    put_text(w, "CA");
    put_nested(w, "names", "en", "Canada");
    put_nested(w, "continent", "code", "NA");
    put_text(w, "subdivisions");
    put_control(w, 11, 1);
    put_map(w, 1);
    put_text(w, "iso_code");
    put_text(w, "QC");
    put_text(w, "city");
    put_map(w, 1);
    put_nested(w, "names", "en", "Montr\xc3\xa9" "al");
    put_nested(w, "postal", "code", "H2X");
    put_text(w, "location");
    put_map(w, 3);
    put_text(w, "latitude");
    put_double(w, 45.5063);
    put_text(w, "longitude");
    put_double(w, -73.5794);
    put_text(w, "metro_code");
    put_number(w, 5, 819, 2);
    return at;
}

static uint32_t put_poor_record(struct writer *w)
{
    uint32_t at = (uint32_t)w->data_len;
    put_map(w, 1);
    put_nested(w, "country", "iso_code", "DE");
    return at;
}

/* `leaf`: the record that the prefix's addresses have. */
static void add_network(struct writer *w, const uint8_t octets[4], unsigned length, uint32_t leaf)
{
    uint32_t node = 0;
    for (unsigned i = 0; i < length; i++) {
        uint32_t *next = &w->nodes[node][octets[i / 8] >> (7 - i % 8) & 1];
        if (i + 1 == length)
            *next = leaf;
        else if (!*next) {
            assert_true(w->node_count < NODES_MAX);
            *next = w->node_count++;
        }
        node = *next;
    }
}

#define LEAF 0x800000u /* in `nodes`: an offset of the data follows */

static void put_tree(struct writer *w)
{
    for (uint32_t i = 0; i < w->node_count; i++)
        for (int side = 0; side < 2; side++) {
            uint32_t n = w->nodes[i][side], record = n & LEAF ? w->node_count + 16 + (n & ~LEAF) : n ? n : w->node_count;
            for (int shift = 16; shift >= 0; shift -= 8)
                w->whole[w->whole_len++] = (uint8_t)(record >> shift);
        }
    w->whole_len += 16;
    memcpy(w->whole + w->whole_len, w->data, w->data_len);
    w->whole_len += w->data_len;
    w->data_len = 0;
}

static void put_metadata(struct writer *w)
{
    put(w, "\xab\xcd\xefMaxMind.com", 14);
    put_map(w, 9);
    put_text(w, "node_count");
    put_number(w, 6, w->node_count, 4);
    put_text(w, "record_size");
    put_number(w, 5, 24, 2);
    put_text(w, "ip_version");
    put_number(w, 5, 4, 2);
    put_text(w, "database_type");
    put_text(w, "Test-City");
    put_text(w, "languages");
    put_control(w, 11, 1);
    put_text(w, "en");
    put_text(w, "binary_format_major_version");
    put_number(w, 5, 2, 2);
    put_text(w, "binary_format_minor_version");
    put_number(w, 5, 0, 2);
    put_text(w, "build_epoch");
    put_number(w, 9, 1, 8);
    put_nested(w, "description", "en", "made by a test");
    memcpy(w->whole + w->whole_len, w->data, w->data_len);
    w->whole_len += w->data_len;
}

/* The database in a file, of which as much as `most` bytes are written; its name in `path`. */
static void write_database(size_t most, char path[32])
{
    static const uint8_t full[] = {192, 0, 2, 0}, poor[] = {198, 51, 100, 0};
    static struct writer w;
    memset(&w, 0, sizeof w);
    w.node_count = 1;
    add_network(&w, full, 24, LEAF | put_full_record(&w));
    add_network(&w, poor, 24, LEAF | put_poor_record(&w));
    put_tree(&w);
    put_metadata(&w);
    size_t len = w.whole_len < most ? w.whole_len : most;
    snprintf(path, 32, "/tmp/bulkhead-places-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, w.whole, len), (ssize_t)len);
    close(fd);
}

static void finds(const struct places *p, struct arena *a, const char *address, enum waf_answer answer, const char *const expected[WAF_PLACE_FIELD_COUNT])
{
    struct waf_place found = {0};
    assert_int_equal(places_find(p, bytes_of_text(address), a, &found), answer);
    for (size_t i = 0; i < WAF_PLACE_FIELD_COUNT; i++)
        if (!bytes_equal(found.fields[i], expected[i] ? bytes_of_text(expected[i]) : (struct bytes){0}))
            fail_msg("%s of %s is `%.*s`", waf_place_names[i], address, (int)found.fields[i].len, (const char *)found.fields[i].at);
}

static void fields_are_what_the_database_says(void **state)
{
    static const char *const none[WAF_PLACE_FIELD_COUNT] = {0}, *const poor[WAF_PLACE_FIELD_COUNT] = {[WAF_PLACE_COUNTRY_CODE] = "DE"};
    static const char *const full[WAF_PLACE_FIELD_COUNT] = {[WAF_PLACE_COUNTRY_CODE] = "CA", [WAF_PLACE_COUNTRY_NAME] = "Canada", [WAF_PLACE_COUNTRY_CONTINENT] = "NA",
        [WAF_PLACE_REGION] = "QC", [WAF_PLACE_CITY] = "Montr\xc3\xa9" "al", [WAF_PLACE_POSTAL_CODE] = "H2X", [WAF_PLACE_LATITUDE] = "45.506300",
        [WAF_PLACE_LONGITUDE] = "-73.579400", [WAF_PLACE_DMA_CODE] = "819"};
    char path[32];
    const char *error = NULL;
    struct arena *a = arena_create(1 << 20);
    write_database(SIZE_MAX, path);
    struct places *p = places_open(path, &error);
    if (!p)
        fail_msg("%s", error);
    finds(p, a, "192.0.2.77", WAF_YES, full);
    finds(p, a, "198.51.100.255", WAF_YES, poor);
    finds(p, a, "203.0.113.1", WAF_NO, none);
    finds(p, a, "2001:db8::1", WAF_NO, none); /* the database knows IPv4 alone */
    finds(p, a, "localhost", WAF_NO, none);   /* no name is looked up */
    finds(p, a, "", WAF_NO, none);
    arena_fail_at(a, 1);
    struct waf_place ignored = {0};
    assert_int_equal(places_find(p, bytes_of_text("192.0.2.1"), a, &ignored), WAF_MEMORY);
    places_close(p);
    arena_destroy(a);
    unlink(path);
}

static void what_is_no_database_is_not_opened(void **state)
{
    const char *error;
    char path[32];
    assert_null(places_open("/tmp/bulkhead-no-such-file", &error));
    assert_string_equal(error, "No such file or directory");
    assert_null(places_open("/tmp", &error));
    assert_string_equal(error, "not a file");
    write_database(200, path); /* cut off before the metadata */
    assert_null(places_open(path, &error));
    assert_string_equal(error, "it is no database in MaxMind's format (.mmdb)");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_what_the_database_says),
        cmocka_unit_test(what_is_no_database_is_not_opened),
    };
    return cmocka_run_group_tests_name("cli-places", tests, NULL, NULL);
}
