/* SPDX-License-Identifier: Apache-2.0 */
/* MD5 and SHA-1 as raw bytes. */
#include <openssl/evp.h>
#include <stdatomic.h>

#include "waf/transform/write.h"

/* Looked for among the providers once: that takes far longer than a digest (OpenSSL's EVP_MD_fetch(3)). It is never freed. */
static const EVP_MD *fetched(const char *name, _Atomic(EVP_MD *) *kept)
{
    EVP_MD *kind = *kept, *none = NULL;
    if (kind)
        return kind;
    kind = EVP_MD_fetch(NULL, name, NULL);
    if (kind && !atomic_compare_exchange_strong(kept, &none, kind)) {
        EVP_MD_free(kind);
        kind = none;
    }
    return kind;
}

static size_t digest(struct bytes in, const EVP_MD *kind, uint8_t *out)
{
    uint8_t whole[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!kind || EVP_Digest(in.len ? in.at : (const uint8_t *)"", in.len, whole, &len, kind, NULL) != 1)
        return WRITE_FAILED;
    memcpy(out, whole, len);
    return len;
}

size_t write_md5(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    static _Atomic(EVP_MD *) md5;
    return digest(in, fetched("MD5", &md5), out);
}

size_t write_sha1(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    static _Atomic(EVP_MD *) sha1;
    return digest(in, fetched("SHA1", &sha1), out);
}
