/* SPDX-License-Identifier: Apache-2.0 */
/* What VERB --help prints. From these texts the man pages are made (tools/make-man): keep their form. */
#pragma once

extern const char help_check[], help_fmt[], help_schema[], help_why[], help_matrix[], help_diff[];
extern const char help_up[], help_down[], help_apply[], help_confirm[], help_exec[], help_status[],
    help_flows[], help_top[], help_agent[], help_gateway[], help_waf[];
