/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/recorded.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/moment.h"
#include "enforce/state.h"
#include "record/record.h"

#define LINE_MAX_BYTES 65536

bool recorded_parse(const char *line, struct recorded *ret)
{
    char ip[2][64], port[16], protocol[16], time[40], decision[16];
    const char *from = strstr(line, "\"src_endpoint\": "), *to = strstr(line, "\"dst_endpoint\": ");
    *ret = (struct recorded){0};
    if (!from || !to)
        return false;
    record_field(from, "ip", ip[0], sizeof ip[0]);
    record_field(to, "ip", ip[1], sizeof ip[1]);
    record_field(to, "port", port, sizeof port);
    record_field(line, "protocol_num", protocol, sizeof protocol);
    record_field(line, "time", time, sizeof time);
    record_field(line, "reason", ret->reason, sizeof ret->reason);
    record_field(line, "decision", decision, sizeof decision);
    ret->allowed = strcmp(decision, "allow") == 0;
    ret->flow.protocol = (uint8_t)strtoul(protocol, NULL, 10);
    if (protocol_has_ports(ret->flow.protocol))
        ret->flow.port = (uint16_t)strtoul(port, NULL, 10);
    return address_parse(bytes_of_text(ip[0]), &ret->flow.from) && address_parse(bytes_of_text(ip[1]), &ret->flow.to) &&
        ret->flow.from.family == ret->flow.to.family && moment_parse(time, moment_now(), &ret->time);
}

bool recorded_is_other(const char *line)
{
    char time[40], class[16], kind[40];
    int64_t at;
    record_field(line, "time", time, sizeof time);
    record_field(line, "class_uid", class, sizeof class);
    record_field(line, "kind", kind, sizeof kind);
    return (class[0] || kind[0]) && moment_parse(time, moment_now(), &at);
}

bool recorded_each(const char *path, bool (*each)(const char *line, void *argument), void *argument)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *line = malloc(LINE_MAX_BYTES);
    bool ok = file && line;
    while (ok && fgets(line, LINE_MAX_BYTES, file))
        ok = each(line, argument);
    ok = ok && !ferror(file);
    free(line);
    if (file && file != stdin)
        fclose(file);
    return ok;
}

bool recorded_each_of(const char *network, bool (*each)(const char *line, void *argument), void *argument)
{
    for (size_t i = 0; i < sizeof record_files / sizeof record_files[0]; i++) {
        char path[512], older[520];
        state_path(network, record_files[i], path);
        snprintf(older, sizeof older, "%s.1", path);
        if ((access(older, R_OK) == 0 && !recorded_each(older, each, argument)) || (access(path, R_OK) == 0 && !recorded_each(path, each, argument)))
            return false;
    }
    return true;
}
