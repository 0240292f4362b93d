/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/digest.h"

#include <openssl/evp.h>

#include "policy/print_parts.h"

/* The print of a large policy is hashed as it is made, this many bytes at a time. */
#define PIECE ((size_t)64 << 10)

static bool hash_piece(struct text *out, void *context)
{
    if (out->len < PIECE)
        return true;
    bool ok = !out->failed && EVP_DigestUpdate(context, out->at, out->len) == 1;
    out->len = 0;
    return ok;
}

bool policy_digest(struct policy *p)
{
    struct text out = text_new((size_t)64 << 20);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool ok = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
    if (ok) {
        policy_print_pieces(p, &out, hash_piece, hash);
        ok = !out.failed && EVP_DigestUpdate(hash, text_cstr(&out), out.len) == 1 && EVP_DigestFinal_ex(hash, p->digest, NULL) == 1;
    }
    EVP_MD_CTX_free(hash);
    text_free(&out);
    return ok;
}
