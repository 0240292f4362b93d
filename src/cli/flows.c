/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead flows: the records that the agent keeps, as a table or as they are. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/capture.h"
#include "cli/cli.h"
#include "cli/live.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/suggest.h"
#include "record/record.h"

#define FLUSHED_BYTES 65536

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
    if (strlen(time) < 19) /* no record of ours */
        return;
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
    const char *path;
    FILE *file; /* NULL: there is none yet */
    char *line;
    size_t room;
    bool json;
};

/* All whole lines that are there now. */
static bool read_lines(struct reader *r, struct text *out)
{
    ssize_t length;
    while (r->file) {
        long at = ftell(r->file);
        if ((length = getline(&r->line, &r->room, r->file)) <= 0) {
            clearerr(r->file);
            break;
        }
        if (r->line[length - 1] != '\n') { /* not whole yet */
            if (fseek(r->file, at, SEEK_SET))
                return false;
            break;
        }
        if (strlen(r->line) != (size_t)length) /* no record of ours */
            continue;
        if (r->json)
            text_puts(out, r->line);
        else
            print_line(r->line, out);
        if (out->len > FLUSHED_BYTES && !output_flush(out))
            return false;
    }
    return output_flush(out);
}

/* The file of the path, in the place of the one that was read so far. */
static bool open_records(struct reader *r)
{
    FILE *next = fopen(r->path, "re");
    if (!next && errno != ENOENT) {
        complain("cannot read %s: %s", r->path, strerror(errno));
        return false;
    }
    if (next && r->file)
        fclose(r->file);
    if (next)
        r->file = next;
    return true;
}

/* Whether the records go on in another file: a full one gets another name (record.h). */
static bool goes_on_elsewhere(const struct reader *r)
{
    struct stat held, there;
    return !r->file || (stat(r->path, &there) == 0 && fstat(fileno(r->file), &held) == 0 && there.st_ino != held.st_ino);
}

/* Until the network is gone. */
static bool follow_records(struct reader *r, const char *network, struct text *out)
{
    while (state_exists(network)) {
        usleep(200000);
        bool elsewhere = goes_on_elsewhere(r); /* before the rest is read, which is whole then */
        if (!read_lines(r, out) || (elsewhere && !open_records(r)))
            return false;
    }
    return true;
}

/* `network`: to be followed; null: what is there now. */
static int show_file(const char *path, bool json, const char *network)
{
    struct reader r = {.path = path, .json = json};
    struct text out = text_new(ANSWER_MAX);
    bool ok = open_records(&r) && read_lines(&r, &out) && (!network || follow_records(&r, network, &out));
    free(r.line);
    text_free(&out);
    if (r.file)
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
    if (follow + suggested + !!pcap > 1)
        return wrong_usage(argv[0], "--follow, --suggest and --pcap exclude each other");
    if (pcap && json)
        return wrong_usage(argv[0], "--pcap writes packets and no --json");
    if (geteuid() != 0)
        return complain("only root can see the records: run it with sudo");
    if (running_open(operands.count ? operands.items[0] : NULL, STATUS_NO, &r, &status)) {
        char path[512], older[520];
        state_path(r.state.name, RECORDS_FILE, path);
        snprintf(older, sizeof older, "%s.1", path);
        if (pcap)
            status = capture(&r, pcap);
        else if (suggested)
            status = suggest(r.policy, (const char *const[]){older, path}, 2, json);
        else if ((status = show_file(older, json, NULL)) == STATUS_YES)
            status = show_file(path, json, follow ? r.state.name : NULL);
    }
    running_close(&r);
    return status;
}
