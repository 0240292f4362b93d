/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that embeds the web rules: it reads an HTTP/1 request's head, then its body piece by piece, as a server would,
 * and says whether that would go on.
 *
 *     cc waf-embed.c $(pkg-config --cflags --libs libbulkhead) -o waf-embed
 *     waf-embed RULES... < REQUEST
 *
 * What the rules say goes as JSON to standard output. Exit status: 0 passes, 1 is refused,
 * 2 something is wrong.
 */
#include <bulkhead/waf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MOST 65536

/* What the rules' writer is to mend. */
static void complain(const struct bh_waf_report *report)
{
    for (size_t i = 0; i < bh_waf_report_count(report); i++) {
        struct bh_waf_message m = {sizeof m, 0, NULL, 0, 0, NULL, NULL};
        if (bh_waf_report_message(report, i, &m) == BH_WAF_OK)
            fprintf(stderr, "%s:%u:%u: %s: %s\n", m.file, m.line, m.column, m.is_warning ? "warning" : "error", m.message);
    }
}

/* For DURATION, and for the bound on what the rules may take: processor time of this thread. */
static uint64_t duration(void *context)
{
    struct timespec t;
    (void)context;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int is_empty(const char *line, ssize_t len)
{
    return (len == 1 && line[0] == '\n') || (len == 2 && line[0] == '\r' && line[1] == '\n');
}

/* Up to the empty line, whatever bytes are in it. The length, or 0 when there is none within the room. */
static size_t read_head(FILE *in, char *head)
{
    char *line = NULL;
    size_t len = 0, room = 0;
    ssize_t more;
    int whole = 0;
    while (!whole && (more = getline(&line, &room, in)) > 0 && (size_t)more <= HEAD_MOST - len) {
        memcpy(head + len, line, (size_t)more);
        whole = len && is_empty(line, more);
        len += (size_t)more;
    }
    free(line);
    return whole || feof(in) ? len : 0;
}

/* Each step may refuse; what comes behind then does nothing, and the end tells. */
static int ask(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch, FILE *in)
{
    static char head[HEAD_MOST], piece[4096];
    struct bh_waf_bytes client = {"192.0.2.9", 9}, server = {"192.0.2.1", 9}, line;
    size_t len = read_head(in, head);
    if (bh_waf_connection(t, client, 40000, server, 80) != BH_WAF_OK)
        return 2;
    if (bh_waf_request_head_raw(t, scratch, (struct bh_waf_bytes){head, len}) != BH_WAF_OK)
        fprintf(stderr, "the request is no HTTP\n");
    while (bh_waf_reads_request_body(t) && (len = fread(piece, 1, sizeof piece, in)) > 0)
        if (bh_waf_request_body(t, (struct bh_waf_bytes){piece, len}, BH_WAF_COPIED) != BH_WAF_OK)
            return 2;
    if (bh_waf_request_end(t, scratch) != BH_WAF_OK)
        return 2;
    /* Here a server would answer, and give the answer to bh_waf_response_head and so on before it sends it. */
    if (bh_waf_end(t, scratch) != BH_WAF_OK || bh_waf_json(t, &line) != BH_WAF_OK)
        return 2;
    fwrite(line.at, 1, line.len, stdout);
    return bh_waf_decision(t) != BH_WAF_PASS && bh_waf_decision(t) != BH_WAF_ALLOW;
}

static int run(struct bh_waf_rules *rules)
{
    struct bh_waf_options options;
    struct bh_waf_scratch *scratch = NULL;
    struct bh_waf_transaction *t = NULL;
    int status = 2;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.unique_id = (struct bh_waf_bytes){"example-1", 9};
    options.time = time(NULL);
    options.duration = duration;
    options.most_time = 1000000;
    if (bh_waf_scratch_create(rules, &scratch) == BH_WAF_OK && bh_waf_transaction_create(rules, &options, &t) == BH_WAF_OK)
        status = ask(t, scratch, stdin);
    bh_waf_transaction_free(t);
    bh_waf_scratch_free(scratch);
    return status;
}

int main(int argc, char **argv)
{
    struct bh_waf_rules *rules = NULL;
    struct bh_waf_report *report = NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: waf-embed RULES... < REQUEST\n");
        return 2;
    }
    struct bh_waf_rules_options options;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.threads = processors > 0 ? (size_t)processors : 0;
    enum bh_waf_result result = bh_waf_rules_load_files((const char *const *)argv + 1, (size_t)argc - 1, &options, &rules, &report);
    complain(report);
    bh_waf_report_free(report);
    if (result != BH_WAF_OK)
        return 2;
    int status = run(rules);
    bh_waf_rules_free(rules);
    return status;
}
