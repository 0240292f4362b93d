/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table in the kernel. To know it again it is read back once it is written; that text, and the commands, are kept
 * beside the state. (What the kernel lists is not what it was told, and differs from one libnftables to the next.)
 */
#include <errno.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "enforce/file.h"
#include "enforce/scope.h"
#include "enforce/state.h"
#include "enforce/uplink_parts.h"

#define LISTED_MAX ((size_t)32 << 20) /* a listing is wider than its commands, of at most UPLINK_RULES_MAX */
#define WANTED_FILE "uplink-table.commands"
#define LISTED_FILE "uplink-table.listed"

/* libnftables ends the process when the kernel has no nf_tables socket: that is asked before. */
static bool nftables_is_there(struct failure *f)
{
    SCOPED_FD fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    return fd >= 0 || fail_needing(f, errno, "a kernel with netfilter and nf_tables", "cannot open a socket for the uplink's table");
}

static bool nft_failed(struct nft_ctx *nft, struct failure *f)
{
    const char *text = nft_ctx_get_error_buffer(nft);
    return fail(f, "nf_tables refuses: %.*s", text ? (int)strcspn(text, "\n") : 10, text ? text : "no reason");
}

static bool nft_run(struct nft_ctx *nft, const char *commands, char **ret_output, struct failure *f)
{
    if (nft_ctx_buffer_output(nft) || nft_ctx_buffer_error(nft))
        return fail(f, "out of memory");
    nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_STATELESS);
    if (nft_run_cmd_from_buffer(nft, commands))
        return nft_failed(nft, f);
    if (!ret_output)
        return true;
    *ret_output = strdup(nft_ctx_get_output_buffer(nft));
    return *ret_output || fail(f, "out of memory");
}

bool uplink_nft(const char *commands, char **ret_output, struct failure *f)
{
    if (!nftables_is_there(f))
        return false;
    struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!nft)
        return fail(f, "out of memory");
    bool ok = nft_run(nft, commands, ret_output, f);
    nft_ctx_free(nft);
    return ok;
}

static bool listing(const char *network, char **ret, struct failure *f)
{
    char command[128];
    snprintf(command, sizeof command, "list table inet bulkhead-%s", network);
    return uplink_nft(command, ret, f);
}

static bool keep(const char *network, const char *file, const char *text, struct failure *f)
{
    char path[512];
    state_path(network, file, path);
    return file_write(path, bytes_of_text(text), f);
}

static bool kept_is(const char *network, const char *file, const char *text)
{
    char path[512], *kept;
    size_t size;
    state_path(network, file, path);
    if (!file_read(path, LISTED_MAX, &kept, &size, NULL))
        return false;
    bool same = strcmp(kept, text) == 0;
    free(kept);
    return same;
}

bool uplink_table_write(const struct uplink_plan *plan, struct failure *f)
{
    struct uplink_rules r;
    SCOPED_MEMORY char *listed = NULL;
    bool ok = uplink_rules_make(plan, &r, f) && uplink_nft(r.text.at, NULL, f) && uplink_quoted_add(plan->network, r.quoted, r.quoted_count, f) && listing(plan->network, &listed, f) &&
              keep(plan->network, WANTED_FILE, r.text.at, f) && keep(plan->network, LISTED_FILE, listed, f);
    text_free(&r.text);
    return ok;
}

bool uplink_table_check(const struct uplink_plan *plan, bool *ret_same, struct failure *f)
{
    struct uplink_rules r;
    SCOPED_MEMORY char *listed = NULL;
    if (!nftables_is_there(f))
        return false;
    bool ok = uplink_rules_make(plan, &r, f);
    *ret_same = ok && kept_is(plan->network, WANTED_FILE, r.text.at) && listing(plan->network, &listed, NULL) &&
                kept_is(plan->network, LISTED_FILE, listed);
    text_free(&r.text);
    return ok;
}

bool uplink_table_delete(const char *network, struct failure *f)
{
    char commands[192], path[512];
    snprintf(commands, sizeof commands, "add table inet bulkhead-%s\ndelete table inet bulkhead-%s\n", network, network);
    if (!uplink_nft(commands, NULL, f))
        return false;
    state_path(network, WANTED_FILE, path);
    (void)!uplink_file_remove(path);
    state_path(network, LISTED_FILE, path);
    (void)!uplink_file_remove(path);
    return true;
}
