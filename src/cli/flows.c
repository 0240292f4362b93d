/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead flows: the records that the agent keeps, as a table or as they are. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/capture.h"
#include "cli/cli.h"
#include "cli/live.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/suggest.h"
#include "record/record.h"

#define LINE_MAX_BYTES 65536

static void party(const char *line, const char *key, char *out, size_t size)
{
    char name[64], ip[64], port[16], wanted[32];
    snprintf(wanted, sizeof wanted, "\"%s\": ", key);
    const char *at = strstr(line, wanted);
    if (!at)
        at = "";
    record_field(at, "name", name, sizeof name);
    record_field(at, "ip", ip, sizeof ip);
    record_field(at, "port", port, sizeof port);
    const char *who = strcmp(name, "null") == 0 || !name[0] ? ip : name;
    if (strcmp(port, "0") == 0 || !port[0])
        snprintf(out, size, "%s", who[0] ? who : "-");
    else
        snprintf(out, size, strchr(who, ':') ? "[%s]:%s" : "%s:%s", who, port);
}

static void print_line(const char *line, struct text *out)
{
    char id[24], time[40], decision[16], enforced[8], reason[40], rule[80] = "", from[96], to[96], protocol[16], activity[16], kind[32];
    record_field(line, "kind", kind, sizeof kind);
    record_field(line, "time", time, sizeof time);
    time[19] = 0;
    if (kind[0]) {
        char message[400];
        record_field(line, "message", message, sizeof message);
        text_printf(out, "%8s %s %-9s %s\n", "", time + 11, kind, message);
        return;
    }
    record_field(line, "id", id, sizeof id);
    record_field(line, "activity_name", activity, sizeof activity);
    record_field(line, "decision", decision, sizeof decision);
    record_field(line, "enforced", enforced, sizeof enforced);
    record_field(line, "reason", reason, sizeof reason);
    const char *rule_at = strstr(line, "\"rule\": {");
    if (rule_at)
        record_field(rule_at, "name", rule, sizeof rule);
    party(line, "src_endpoint", from, sizeof from);
    party(line, "dst_endpoint", to, sizeof to);
    record_field(line, "protocol_name", protocol, sizeof protocol);
    const char *verdict = strcmp(decision, "allow") == 0 ? "allow" : strcmp(enforced, "false") == 0 ? "observed" : "deny";
    text_printf(out, "%8s %s %-9s %s -> %s/%s  %s%s%s%s\n", id, time + 11, verdict, from, to, protocol, reason, rule[0] ? " (" : "", rule, rule[0] ? ")" : "");
}

struct reader {
    FILE *file;
    bool json;
};

/* All whole lines that are there now. */
static bool read_lines(struct reader *r, char *line, struct text *out)
{
    for (;;) {
        long at = ftell(r->file);
        if (!fgets(line, LINE_MAX_BYTES, r->file)) {
            clearerr(r->file);
            return output_flush(out);
        }
        if (!strchr(line, '\n')) { /* not whole yet */
            if (fseek(r->file, at, SEEK_SET))
                return false;
            return output_flush(out);
        }
        if (r->json)
            text_puts(out, line);
        else
            print_line(line, out);
        if (out->len > LINE_MAX_BYTES && !output_flush(out))
            return false;
    }
}

static int show_file(const char *path, bool json, bool follow)
{
    struct reader r = {.file = fopen(path, "re"), .json = json};
    if (!r.file)
        return errno == ENOENT ? STATUS_YES : complain("cannot read %s", path);
    char *line = malloc(LINE_MAX_BYTES);
    struct text out = text_new(ANSWER_MAX);
    bool ok = line && read_lines(&r, line, &out);
    while (ok && follow && access(path, F_OK) == 0) {
        usleep(200000);
        ok = read_lines(&r, line, &out);
    }
    free(line);
    text_free(&out);
    fclose(r.file);
    return ok ? STATUS_YES : STATUS_CANNOT;
}

int verb_flows(int argc, char **argv)
{
    bool json = false, follow = false, suggested = false;
    const char *pcap = NULL;
    const struct option_wanted wanted[] = {{"json", 0, &json, NULL}, {"follow", 'f', &follow, NULL}, {"suggest", 0, &suggested, NULL}, {"pcap", 0, NULL, &pcap}, {0}};
    struct operands operands;
    struct running r;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){0, 1, false}, &operands, &status))
        return status;
    if (geteuid() != 0)
        return complain("only root can see the records: run it with sudo");
    if (running_open(operands.count ? operands.items[0] : NULL, STATUS_NO, &r, &status)) {
        char path[512], older[520];
        state_path(r.state.name, RECORDS_FILE, path);
        snprintf(older, sizeof older, "%s.1", path);
        if (pcap)
            status = capture(&r, pcap);
        else if (suggested)
            status = suggest(r.policy, (const char *const[]){older, path}, 2);
        else if ((status = show_file(older, json, false)) == STATUS_YES)
            status = show_file(path, json, follow);
    }
    running_close(&r);
    return status;
}
