/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/image/libraries.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

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

/* NULL when memory is out. */
static EVP_MAC_CTX *checksum_begin(void)
{
    /* The key is no secret: nothing is kept from anybody. A tag under it is a remainder by a polynomial of 128 bits. */
    static const uint8_t key[16], nonce[12];
    OSSL_PARAM how[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, (char[]){"AES-128-GCM"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_IV, (void *)(uintptr_t)nonce, sizeof nonce),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *kind = EVP_MAC_fetch(NULL, "GMAC", NULL);
    EVP_MAC_CTX *ret = kind ? EVP_MAC_CTX_new(kind) : NULL;
    EVP_MAC_free(kind);
    if (ret && EVP_MAC_init(ret, key, sizeof key, how) == 1)
        return ret;
    EVP_MAC_CTX_free(ret);
    return NULL;
}

bool image_digest(struct bytes whole, struct checksum *ret)
{
    struct image_header h;
    struct bytes rest = bytes_slice(whole, sizeof h, whole.len);
    size_t len = 0;
    if (whole.len < sizeof h)
        return false;
    EVP_MAC_CTX *context = checksum_begin();
    memcpy(&h, whole.at, sizeof h);
    h.digest = (struct checksum){{0}};
    bool ok = context && EVP_MAC_update(context, (const unsigned char *)&h, sizeof h) == 1 && (!rest.len || EVP_MAC_update(context, rest.at, rest.len) == 1) &&
        EVP_MAC_final(context, ret->at, &len, sizeof ret->at) == 1 && len == sizeof ret->at;
    EVP_MAC_CTX_free(context);
    return ok;
}

bool image_seal(uint8_t *whole, size_t len)
{
    struct checksum digest;
    if (!image_digest(bytes_of(whole, len), &digest))
        return false;
    memcpy(whole + offsetof(struct image_header, digest), &digest, sizeof digest);
    return true;
}
