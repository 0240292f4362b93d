// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The shipped programs, but delivery goes by the egress of the hub's link and the receiver's own ingress queue. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define bpf_redirect_peer(ifindex, flags) bpf_redirect(ifindex, flags)
#include "bpf/datapath.bpf.c"
