/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/image/libraries.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Cut where it is longer; the rest stays NUL. */
static void put_name(char to[64], const char *name)
{
    size_t len = strlen(name);
    memcpy(to, name, len < 64 ? len : 64);
}

bool libraries_write(struct image_header *ret)
{
    hs_platform_info_t platform;
    char version[64] = {0};
    *ret = (struct image_header){.magic = IMAGE_MAGIC, .format = IMAGE_FORMAT};
    if (hs_populate_platform(&platform) != HS_SUCCESS || pcre2_config(PCRE2_CONFIG_VERSION, NULL) > (int)sizeof version ||
        pcre2_config(PCRE2_CONFIG_VERSION, version) < 0)
        return false;
    ret->tune = platform.tune;
    ret->features = platform.cpu_features;
    put_name(ret->scanner, hs_version());
    put_name(ret->expressions, version);
    return true;
}

bool image_digest(struct bytes whole, struct key *ret)
{
    struct image_header h;
    if (whole.len < sizeof h)
        return false;
    struct keying *k = keying_create();
    if (!k)
        return false;
    memcpy(&h, whole.at, sizeof h);
    h.digest = (struct key){{0}};
    key_begin(k, "image");
    key_add(k, bytes_of(&h, sizeof h));
    key_add(k, bytes_slice(whole, sizeof h, whole.len));
    bool ok = key_end(k, ret);
    keying_free(k);
    return ok;
}

bool image_seal(uint8_t *whole, size_t len)
{
    struct key digest;
    if (!image_digest(bytes_of(whole, len), &digest))
        return false;
    memcpy(whole + offsetof(struct image_header, digest), &digest, sizeof digest);
    return true;
}
