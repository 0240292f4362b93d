/* SPDX-License-Identifier: Apache-2.0 */
/* What is inside the tables, beside what the policy compiles to. */
#include <string.h>

#include "enforce/network_parts.h"

/* An attached interface's own MAC and MTU are what they are, and the one behind it is learnt. */
static void take_from_interface(const struct link_entry *there, struct link_entry *wanted)
{
    wanted->kind = LINK_ATTACHED;
    wanted->mtu = there->mtu;
    memset(wanted->mac, 0, sizeof wanted->mac);
    memcpy(wanted->hub_mac, there->hub_mac, sizeof wanted->hub_mac);
}

static bool compare_link(const struct network_realised *n, const struct state_link *l, bool *ret_same, struct failure *f)
{
    const struct policy *p = n->policy;
    struct link_entry there, wanted;
    if (!datapath_get_link(n->datapath, l->link, &there, f))
        return false;
    if (state_is_uplink(l)) {
        if (!network_uplink_entry(p, l->link, &wanted, f))
            return false;
    } else {
        uint32_t w = policy_find_workload(p, bytes_of_text(l->workload));
        *ret_same = false;
        if (w == NONE)
            return true;
        wanted = network_link_entry(p, &p->workloads[w], l);
        if (p->workloads[w].attach_interface)
            take_from_interface(&there, &wanted);
    }
    *ret_same = memcmp(&there, &wanted, sizeof wanted) == 0; /* it has no padding */
    return true;
}

/* No entry that nobody has: a link that the state does not know would be somebody's way in. */
static bool compare_others(const struct network_realised *n, uint64_t *differ, struct failure *f)
{
    for (uint32_t link = 0; link < n->datapath->link_capacity; link++) {
        struct link_entry there;
        if (state_find_link(n->state, link))
            continue;
        if (!datapath_get_link(n->datapath, link, &there, f))
            return false;
        *differ += there.kind != LINK_NONE;
    }
    return true;
}

bool network_compare(const struct network_realised *n, struct arena *scratch, struct diags *diags, struct network_contents *ret, struct failure *f)
{
    struct image_origin origin;
    *ret = (struct network_contents){0};
    if (!datapath_origin(n->datapath, &origin))
        return fail(f, "there is no policy in the kernel's tables");
    struct compile_options o = {.compiled = origin.compiled, .tai_offset_ns = origin.tai_offset, .seed = origin.seed,
        .links = network_link_numbers(n->policy, n->state, scratch)};
    struct compiled *c = o.links ? compile_policy(n->policy, &o, scratch, diags) : NULL;
    if (!c)
        return fail(f, "the policy cannot be compiled again to compare: out of memory");
    ret->lines = compiled_sizes(c).lines;
    if (!datapath_compare(n->datapath, c, &ret->lines_differ, f))
        return false;
    for (size_t i = 0; i < n->state->count; i++) {
        bool same;
        if (!compare_link(n, &n->state->links[i], &same, f))
            return false;
        ret->links_differ += !same;
    }
    return compare_others(n, &ret->links_differ, f);
}
