/* SPDX-License-Identifier: Apache-2.0 */
/* MD5 and SHA-1 as raw bytes. */
#include <openssl/evp.h>

#include "waf/transform/write.h"

static size_t digest(struct bytes in, const EVP_MD *kind, uint8_t *out)
{
    uint8_t whole[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (EVP_Digest(in.len ? in.at : (const uint8_t *)"", in.len, whole, &len, kind, NULL) != 1)
        return WRITE_FAILED;
    memcpy(out, whole, len);
    return len;
}

size_t write_md5(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return digest(in, EVP_md5(), out);
}

size_t write_sha1(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return digest(in, EVP_sha1(), out);
}
