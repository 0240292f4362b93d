/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/capabilities.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

static bool has(cap_t own, int capability)
{
    cap_flag_value_t effective = CAP_CLEAR;
    return own && cap_get_flag(own, capability, CAP_EFFECTIVE, &effective) == 0 && effective == CAP_SET &&
           prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1;
}

static void add_name(int capability, char text[CAPABILITIES_TEXT_MAX])
{
    char *name = cap_to_name(capability);
    size_t length = strlen(text);
    (void)snprintf(text + length, CAPABILITIES_TEXT_MAX - length, "%s%s", length ? ", " : "", name ? name : "?");
    for (char *c = text + length; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    if (name)
        (void)cap_free(name);
}

bool capabilities_lacking(const int *wanted, size_t count, char ret[CAPABILITIES_TEXT_MAX])
{
    cap_t own = cap_get_proc();
    ret[0] = '\0';
    for (size_t i = 0; i < count; i++)
        if (!has(own, wanted[i]))
            add_name(wanted[i], ret);
    if (own)
        (void)cap_free(own);
    return ret[0] != '\0';
}
