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

/* One of the files that the records are in, read from its older one on. */
struct source {
    char path[512];
    FILE *file; /* NULL: there is none yet */
    char *line;
    size_t room;
    char time[40]; /* of the line, which sorts as text */
    bool held;     /* the line is not told yet */
};

/* The next whole line that is there. */
static bool read_line(struct source *s)
{
    while (s->file) {
        long at = ftell(s->file);
        ssize_t length = getline(&s->line, &s->room, s->file);
        if (length <= 0)
            clearerr(s->file);
        else if (s->line[length - 1] != '\n') /* not whole yet */
            (void)!fseek(s->file, at, SEEK_SET);
        else if (strlen(s->line) == (size_t)length)
            return true;
        else /* no record of ours */
            continue;
        break;
    }
    return false;
}

/* In the place of the file that was read so far; one that is not there leaves that. */
static bool open_file(struct source *s, const char *path)
{
    FILE *next = fopen(path, "re");
    if (!next && errno != ENOENT) {
        complain("cannot read %s: %s", path, strerror(errno));
        return false;
    }
    if (next && s->file)
        fclose(s->file);
    if (next)
        s->file = next;
    return true;
}

/* Whether the records go on in another file: a full one gets another name (record.h). */
static bool goes_on_elsewhere(const struct source *s)
{
    struct stat held, there;
    return stat(s->path, &there) == 0 && (!s->file || (fstat(fileno(s->file), &held) == 0 && there.st_ino != held.st_ino));
}

/* False: the records cannot be read. */
static bool hold_next(struct source *s)
{
    bool full = false;
    while (!s->held) {
        s->held = read_line(s);
        if (s->held)
            record_field(s->line, "time", s->time, sizeof s->time);
        else if (full && !open_file(s, s->path)) /* it was read once more: something may have come before it was full */
            return false;
        else if (!full && !goes_on_elsewhere(s))
            break;
        else
            full = !full;
    }
    return true;
}

#define SOURCES (sizeof record_files / sizeof record_files[0])

/* All that is there now, in the order of time. */
static bool tell(struct source sources[SOURCES], bool json, struct text *out)
{
    for (;;) {
        struct source *next = NULL;
        for (struct source *s = sources; s < sources + SOURCES; s++) {
            if (!hold_next(s))
                return false;
            if (s->held && (!next || strcmp(s->time, next->time) < 0))
                next = s;
        }
        if (!next)
            return output_flush(out);
        if (json)
            text_puts(out, next->line);
        else
            print_line(next->line, out);
        next->held = false;
        if (out->len > FLUSHED_BYTES && !output_flush(out))
            return false;
    }
}

/* `follow`: until the network is gone. */
static int show(const char *network, bool json, bool follow)
{
    struct source sources[SOURCES] = {0};
    struct text out = text_new(ANSWER_MAX);
    bool ok = true;
    for (size_t i = 0; i < SOURCES; i++) {
        char path[512], older[520];
        state_path(network, record_files[i], path);
        snprintf(older, sizeof older, "%s.1", path);
        memcpy(sources[i].path, path, sizeof path);
        ok = ok && open_file(&sources[i], older);
    }
    ok = ok && tell(sources, json, &out);
    while (ok && follow && state_exists(network)) {
        usleep(200000);
        ok = tell(sources, json, &out);
    }
    for (size_t i = 0; i < SOURCES; i++) {
        free(sources[i].line);
        if (sources[i].file)
            fclose(sources[i].file);
    }
    text_free(&out);
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
    complain_json(json);
    if (geteuid() != 0)
        return complain("only root can see the records: run it with sudo");
    if (running_open(operands.count ? operands.items[0] : NULL, STATUS_NO, &r, &status))
        status = pcap ? capture(&r, pcap) : suggested ? suggest(r.policy, r.state.name, json) : show(r.state.name, json, follow);
    running_close(&r);
    return status;
}
