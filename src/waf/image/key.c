/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/image/key.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct keying {
    EVP_MD *kind;
    EVP_MD_CTX *context;
    bool ok;
};

struct keying *keying_create(void)
{
    struct keying *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    k->kind = EVP_MD_fetch(NULL, "SHA256", NULL);
    k->context = EVP_MD_CTX_new();
    if (k->kind && k->context)
        return k;
    keying_free(k);
    return NULL;
}

void keying_free(struct keying *k)
{
    if (!k)
        return;
    EVP_MD_CTX_free(k->context);
    EVP_MD_free(k->kind);
    free(k);
}

static void put(struct keying *k, const void *at, size_t len)
{
    k->ok = k->ok && (!len || EVP_DigestUpdate(k->context, at, len) == 1);
}

void key_add_number(struct keying *k, uint64_t number)
{
    put(k, &number, sizeof number);
}

void key_add(struct keying *k, struct bytes part)
{
    key_add_number(k, part.len);
    put(k, part.at, part.len);
}

void key_begin(struct keying *k, const char *kind)
{
    k->ok = EVP_DigestInit_ex2(k->context, k->kind, NULL) == 1;
    key_add(k, bytes_of_text(kind));
}

bool key_end(struct keying *k, struct key *ret)
{
    unsigned len = 0;
    return k->ok && EVP_DigestFinal_ex(k->context, ret->at, &len) == 1 && len == KEY_BYTES;
}
