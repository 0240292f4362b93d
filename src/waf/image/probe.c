/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/image/probe.h"

/* Some of whatever rules look for. */
static const char text[] = "GET /index.php?id=1' or '1'='1 union select password from users-- HTTP/1.1\r\n<script>alert(document.cookie)</script>\xff"
                           "../../etc/passwd\xff/bin/sh -c 'cat /etc/hosts' | wget http://127.0.0.1/a\xff$_GET[\"x\"] = base64_decode(phpinfo());\xff"
                           "${jndi:ldap://a} java.lang.Runtime %0d%0aset-cookie: a=b\xff" "0123456789abcdef";

static int mix(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *argument)
{
    *(uint32_t *)argument += (id + 1) * UINT32_C(2654435761) ^ (uint32_t)to * UINT32_C(40503);
    return 0;
}

bool database_probe(const hs_database_t *database, hs_scratch_t **scratch, uint32_t *ret)
{
    *ret = 0;
    return hs_alloc_scratch(database, scratch) == HS_SUCCESS && hs_scan(database, text, sizeof text - 1, 0, *scratch, mix, ret) == HS_SUCCESS;
}
