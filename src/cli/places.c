/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/places.h"

#include <errno.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/address.h"

struct places {
    MMDB_s database;
};

struct places *places_open(const char *path, const char **ret_error)
{
    struct stat file;
    errno = 0;
    if (stat(path, &file) != 0 || !S_ISREG(file.st_mode)) {
        *ret_error = errno ? strerror(errno) : "not a file";
        return NULL;
    }
    struct places *p = calloc(1, sizeof *p);
    if (!p) {
        *ret_error = "out of memory";
        return NULL;
    }
    int status = MMDB_open(path, MMDB_MODE_MMAP, &p->database);
    if (status == MMDB_SUCCESS)
        return p;
    bool io = status == MMDB_IO_ERROR || status == MMDB_FILE_OPEN_ERROR;
    *ret_error = io ? strerror(errno) : "it is no database in MaxMind's format (.mmdb)";
    free(p);
    return NULL;
}

void places_close(struct places *p)
{
    if (!p)
        return;
    MMDB_close(&p->database);
    free(p);
}

/* Where a field is in a record of the GeoLite2 and GeoIP2 databases, and of those made like them. */
struct field_path {
    const char *const *path;
    uint8_t field; /* enum waf_place_field */
};

#define PATH(FIELD, ...) {(const char *const[]){__VA_ARGS__, NULL}, WAF_PLACE_##FIELD}
/* COUNTRY_CODE3 and AREA_CODE are in none of them. */
static const struct field_path paths[] = {
    PATH(COUNTRY_CODE, "country", "iso_code"),
    PATH(COUNTRY_NAME, "country", "names", "en"),
    PATH(COUNTRY_CONTINENT, "continent", "code"),
    PATH(REGION, "subdivisions", "0", "iso_code"),
    PATH(CITY, "city", "names", "en"),
    PATH(POSTAL_CODE, "postal", "code"),
    PATH(LATITUDE, "location", "latitude"),
    PATH(LONGITUDE, "location", "longitude"),
    PATH(DMA_CODE, "location", "metro_code"),
};

/* A value of the record as text; false when memory is out. */
static bool take_value(const MMDB_entry_data_s *value, struct arena *a, struct bytes *ret)
{
    const char *text = NULL;
    switch (value->type) {
    case MMDB_DATA_TYPE_UTF8_STRING: /* the database stays where it is for as long as the engine runs */
        *ret = bytes_of(value->utf8_string, value->data_size);
        return true;
    case MMDB_DATA_TYPE_DOUBLE: /* six digits, as libmodsecurity gives them to rules */
        text = arena_format(a, "%f", value->double_value);
        break;
    case MMDB_DATA_TYPE_FLOAT:
        text = arena_format(a, "%f", (double)value->float_value);
        break;
    case MMDB_DATA_TYPE_UINT16:
        text = arena_format(a, "%u", value->uint16);
        break;
    case MMDB_DATA_TYPE_UINT32:
        text = arena_format(a, "%u", value->uint32);
        break;
    default:
        return true;
    }
    *ret = text ? bytes_of_text(text) : (struct bytes){0};
    return text != NULL;
}

static enum waf_answer take_record(MMDB_entry_s *record, struct arena *a, struct waf_place *ret)
{
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        MMDB_entry_data_s value;
        int status = MMDB_aget_value(record, &value, paths[i].path);
        if (status == MMDB_INVALID_DATA_ERROR || status == MMDB_IO_ERROR)
            return WAF_UNKNOWN;
        if (status == MMDB_SUCCESS && value.has_data && !take_value(&value, a, &ret->fields[paths[i].field]))
            return WAF_MEMORY;
    }
    return WAF_YES;
}

static MMDB_lookup_result_s look_up(const struct places *p, const struct address *address, int *ret_error)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    memcpy(&four.sin_addr, address->octets, sizeof four.sin_addr);
    memcpy(&six.sin6_addr, address->octets, sizeof six.sin6_addr);
    return MMDB_lookup_sockaddr(&p->database, address->family == 4 ? (const struct sockaddr *)&four : (const struct sockaddr *)&six, ret_error);
}

enum waf_answer places_find(const struct places *p, struct bytes text, struct arena *a, struct waf_place *ret)
{
    struct address address;
    int error;
    if (!address_parse(text, &address) || (address.family == 6 && p->database.metadata.ip_version == 4))
        return WAF_NO;
    MMDB_lookup_result_s found = look_up(p, &address, &error);
    if (error != MMDB_SUCCESS)
        return WAF_UNKNOWN;
    if (!found.found_entry)
        return WAF_NO;
    return take_record(&found.entry, a, ret);
}
