/* SPDX-License-Identifier: Apache-2.0 */
/* A rule set from an image says what it said when it was compiled, and nothing but an image that is whole is taken for one. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/waf/engine/ready.h"
#include "waf/image/image.h"
#include "waf/image/entries.h"
#include "waf/image/libraries.h"
#include "waf/operator/regex.h"

#define MEMORY ((size_t)64 << 20)

static const char rules[] =
    "SecRuleEngine DetectionOnly\n"
    "SecRule ARGS \"@rx select.+from\" \"id:1,phase:1,pass,t:none,t:lowercase,msg:'one'\"\n"
    "SecRule ARGS|REQUEST_URI \"@pm passwd shadow group\" \"id:2,phase:1,pass,msg:'two'\"\n"
    "SecRule REQUEST_HEADERS:User-Agent \"@contains nikto\" \"id:3,phase:1,pass,msg:'three'\"\n"
    "SecRule ARGS:/^id_/ \"@rx [^0-9]\" \"id:4,phase:1,pass,msg:'four'\"\n"
    "SecRule ARGS \"@rx (a)(?=b)\" \"id:5,phase:1,pass,msg:'five'\"\n"
    "SecRule ARGS \"@rx [<>]script\" \"id:6,phase:1,pass,t:none,t:urlDecode,msg:'six'\"\n";

static const char *const requests[] = {
    "GET /?q=SELECT+x+FROM+y HTTP/1.1\r\nHost: a\r\nUser-Agent: nikto\r\n\r\n",
    "GET /etc/passwd?id_a=7x&b=ab HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /?x=%253cscript HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
};

/* The rules, compiled with what is in the image; NULL: with nothing. */
struct loaded {
    struct ready ready;
    struct compiled *compiled;
    struct waf_program program;
    struct waf_scratch scratch;
};

static void loaded_open(const struct image *from, struct job_runner runner, struct loaded *l)
{
    struct program_errors errors;
    ready_open(rules, false, &l->ready);
    assert_non_null(l->compiled = compiled_create(l->ready.arena, from, runner));
    assert_true(program_compile_from(l->ready.set, l->compiled, l->ready.arena, &l->program, &errors));
    assert_true(program_plan(&l->program, l->ready.arena));
    assert_true(scratch_create(&l->program, &l->scratch));
}

static void loaded_close(struct loaded *l)
{
    scratch_free(&l->scratch);
    compiled_free(l->compiled);
    ready_close(&l->ready);
}

static const struct waf_outcome *inspect(struct loaded *l, const char *request, struct arena *a)
{
    struct waf_options o = {.client = bytes_of_text("127.0.0.1"), .server = bytes_of_text("127.0.0.1"), .server_port = 80, .unique_id = bytes_of_text("x")};
    struct http_message m;
    const char *error;
    assert_true(http_request_read(bytes_of_text(request), a, &m, &error));
    struct waf_transaction *t = transaction_begin(&l->program, a, &o);
    assert_non_null(t);
    transaction_request(t, &l->scratch, &m);
    return transaction_end(t, &l->scratch);
}

/* Which of the rules fire on each of the requests. */
static void describe(struct loaded *l, struct text *out)
{
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct arena *a = arena_create(MEMORY);
        const struct waf_outcome *o = inspect(l, requests[i], a);
        for (int id = 1; id <= 6; id++)
            text_printf(out, "%d", has_fired(&l->ready, o, id));
        text_puts(out, "\n");
        arena_destroy(a);
    }
}

/* What they say when nothing was compiled before, and the image of it. */
struct original {
    struct text said;
    uint8_t *image;
    size_t len;
};

static struct original original;

static int set_up(void **state)
{
    struct loaded l;
    loaded_open(NULL, (struct job_runner){0}, &l);
    original.said = text_new(1 << 16);
    describe(&l, &original.said);
    bool ok = compiled_is_new(l.compiled) && image_write(l.compiled, &original.image, &original.len);
    loaded_close(&l);
    return ok ? 0 : -1;
}

static int tear_down(void **state)
{
    text_free(&original.said);
    free(original.image);
    return 0;
}

static void says_the_same(struct loaded *l)
{
    struct text said = text_new(1 << 16);
    describe(l, &said);
    assert_string_equal(text_cstr(&said), text_cstr(&original.said));
    text_free(&said);
}

static void reads(struct bytes b, struct image *ret)
{
    const char *why;
    if (!image_read(b, ret, &why))
        fail_msg("the image %s", why);
}

static void the_rules_fire(void **state)
{
    assert_string_equal(text_cstr(&original.said), "101000\n010110\n000001\n000000\n");
}

static void an_image_has_all_that_was_compiled(void **state)
{
    struct loaded l;
    struct image i;
    uint8_t *again;
    size_t len;
    reads(bytes_of(original.image, original.len), &i);
    loaded_open(&i, (struct job_runner){0}, &l);
    assert_false(compiled_is_new(l.compiled));
    says_the_same(&l);
    assert_true(image_write(l.compiled, &again, &len));
    assert_int_equal(len, original.len);
    assert_memory_equal(again, original.image, len);
    free(again);
    loaded_close(&l);
}

static void databases_that_lie_where_they_cannot_be_used_are_copied(void **state)
{
    for (size_t off = 1; off < 64; off += off < 8 ? 1 : 8) {
        struct loaded l;
        struct image i;
        uint8_t *room = aligned_alloc(64, (original.len + 128) / 64 * 64);
        assert_non_null(room);
        memcpy(room + off, original.image, original.len);
        reads(bytes_of(room + off, original.len), &i);
        loaded_open(&i, (struct job_runner){0}, &l);
        assert_false(compiled_is_new(l.compiled));
        says_the_same(&l);
        loaded_close(&l);
        free(room);
    }
}

/* Whether they load; nothing may be left behind when not. */
static bool loads_when_memory_fails_at(const struct image *from, uint64_t nth)
{
    struct ready r;
    struct program_errors errors;
    struct waf_program program;
    ready_open(rules, false, &r);
    struct compiled *c = compiled_create(r.arena, from, (struct job_runner){0});
    assert_non_null(c);
    arena_fail_at(c->arena, nth);
    bool ok = program_compile_from(r.set, c, r.arena, &program, &errors);
    if (ok)
        ok = program_plan(&program, r.arena);
    compiled_free(c);
    ready_close(&r);
    return ok;
}

static void memory_that_runs_out_fails_the_load(void **state)
{
    struct image i;
    uint64_t nth[] = {1, 1};
    reads(bytes_of(original.image, original.len), &i);
    for (int with = 0; with < 2; with++)
        while (!loads_when_memory_fails_at(with ? &i : NULL, nth[with]))
            nth[with]++;
    assert_true(nth[0] > 20 && nth[1] > 20);
}

/* ---- threads */

struct share {
    void (*job)(void *argument, size_t which);
    void *argument;
    size_t count, next, *done;
    pthread_mutex_t mutex;
};

static void *work(void *argument)
{
    struct share *s = argument;
    for (;;) {
        pthread_mutex_lock(&s->mutex);
        size_t which = s->next++;
        pthread_mutex_unlock(&s->mutex);
        if (which >= s->count)
            return NULL;
        s->job(s->argument, which);
    }
}

static void run_on_four(void *context, void (*job)(void *argument, size_t which), void *argument, size_t count)
{
    struct share s = {job, argument, count, 0, context, PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[4];
    *s.done += count;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &s), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static void many_threads_make_the_same_image(void **state)
{
    struct loaded l;
    uint8_t *other;
    size_t len, done = 0;
    loaded_open(NULL, (struct job_runner){run_on_four, &done}, &l);
    assert_true(done > 1);
    says_the_same(&l);
    assert_true(image_write(l.compiled, &other, &len));
    assert_int_equal(len, original.len);
    assert_memory_equal(other, original.image, len);
    free(other);
    loaded_close(&l);
}

/* ---- what is no image */

static void is_refused(struct bytes b, const char *wanted)
{
    struct image i;
    const char *why;
    assert_false(image_read(b, &i, &why));
    if (wanted && !strstr(why, wanted))
        fail_msg("`%s` is not why: it %s", wanted, why);
}

static void one_that_was_cut_or_lengthened_is_refused(void **state)
{
    for (size_t len = 0; len < original.len; len += len < 4096 ? 1 : 997) {
        uint8_t *exact = malloc(len ? len : 1);
        memcpy(exact, original.image, len);
        is_refused(bytes_of(exact, len), len < 256 ? "too short" : "another length");
        free(exact);
    }
    uint8_t *longer = calloc(1, original.len + 64);
    memcpy(longer, original.image, original.len);
    is_refused(bytes_of(longer, original.len + 64), "another length");
    free(longer);
}

static void any_byte_that_was_changed_is_seen(void **state)
{
    uint8_t *copy = malloc(original.len);
    memcpy(copy, original.image, original.len);
    for (size_t i = 0; i < original.len; i += i < 8192 ? 1 : 499) {
        copy[i] ^= 0x10;
        is_refused(bytes_of(copy, original.len), NULL);
        copy[i] ^= 0x10;
    }
    free(copy);
}

static struct image_header *header_of_copy(uint8_t **copy)
{
    *copy = aligned_alloc(64, (original.len + 63) / 64 * 64);
    assert_non_null(*copy);
    memcpy(*copy, original.image, original.len);
    return (struct image_header *)(void *)*copy;
}

static void one_from_elsewhere_is_refused_and_it_is_said_why(void **state)
{
    uint8_t *copy;
    header_of_copy(&copy)->magic[0]++;
    is_refused(bytes_of(copy, original.len), "no image");
    free(copy);
    header_of_copy(&copy)->format++;
    is_refused(bytes_of(copy, original.len), "version of this program");
    free(copy);
    header_of_copy(&copy)->scanner[0]++;
    is_refused(bytes_of(copy, original.len), "Hyperscan");
    free(copy);
    header_of_copy(&copy)->expressions[0]++;
    is_refused(bytes_of(copy, original.len), "PCRE2");
    free(copy);
    header_of_copy(&copy)->features ^= 1;
    is_refused(bytes_of(copy, original.len), "processor");
    free(copy);
}

/* The records of an image, changed by `change`, under a digest that is right. */
static void with_records(void (*change)(struct image_record *records, size_t count), const char *wanted)
{
    uint8_t *copy;
    struct image_header *h = header_of_copy(&copy);
    change((struct image_record *)(void *)(copy + sizeof *h), (size_t)h->records);
    assert_true(image_seal(copy, original.len));
    if (wanted) {
        is_refused(bytes_of(copy, original.len), wanted);
    } else {
        struct loaded l;
        struct image i;
        reads(bytes_of(copy, original.len), &i);
        loaded_open(&i, (struct job_runner){0}, &l);
        assert_true(compiled_is_new(l.compiled));
        says_the_same(&l);
        loaded_close(&l);
    }
    free(copy);
}

static struct image_record *first_database(struct image_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (records[i].offset)
            return &records[i];
    fail_msg("there is no database");
    return NULL;
}

static void put_kind(struct image_record *records, size_t count)
{
    records[0].kind = 7;
}

static void put_order(struct image_record *records, size_t count)
{
    records[0].key = records[1].key;
}

static void put_offset(struct image_record *records, size_t count)
{
    first_database(records, count)->offset += 8;
}

static void put_far(struct image_record *records, size_t count)
{
    first_database(records, count)->length = UINT64_MAX - 63;
}

static void put_in_the_table(struct image_record *records, size_t count)
{
    first_database(records, count)->offset = 256;
}

static void put_nowhere(struct image_record *records, size_t count)
{
    first_database(records, count)->offset = 0;
}

static void records_that_lead_astray_are_refused(void **state)
{
    with_records(put_kind, "contradict");
    with_records(put_order, "contradict");
    with_records(put_offset, "contradict");
    with_records(put_far, "contradict");
    with_records(put_in_the_table, "contradict");
    with_records(put_nowhere, "contradict");
}

static void put_probe(struct image_record *records, size_t count)
{
    first_database(records, count)->probe++;
}

static void put_length(struct image_record *records, size_t count)
{
    first_database(records, count)->length -= 64;
}

/* As another rule would: what is there is of no use to these. */
static void put_key(struct image_record *records, size_t count)
{
    struct key *last = &records[count - 1].key;
    memset(last->at, 0xff, sizeof last->at);
}

static void a_database_that_finds_something_else_is_compiled_anew(void **state)
{
    with_records(put_probe, NULL);
    with_records(put_length, NULL);
    with_records(put_key, NULL);
}

/* ---- what it means */

/* Of the format of that number: its layout, names and digest. */
static const struct {
    uint32_t format;
    uint64_t meaning;
} golden = {2, UINT64_C(0x46bbeae35766b3eb)};

static void mix(uint64_t *sum, struct bytes more)
{
    for (size_t i = 0; i < more.len; i++)
        *sum = (*sum ^ more.at[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
}

#define MIX_FIELD(SUM, STRUCT, FIELD) \
    mix(SUM, bytes_of((size_t[]){offsetof(struct STRUCT, FIELD), sizeof(((struct STRUCT *)0)->FIELD)}, 2 * sizeof(size_t)))

static void mix_layout(uint64_t *sum)
{
    MIX_FIELD(sum, image_header, magic);
    MIX_FIELD(sum, image_header, digest);
    MIX_FIELD(sum, image_header, length);
    MIX_FIELD(sum, image_header, records);
    MIX_FIELD(sum, image_header, format);
    MIX_FIELD(sum, image_header, tune);
    MIX_FIELD(sum, image_header, features);
    MIX_FIELD(sum, image_header, scanner);
    MIX_FIELD(sum, image_header, expressions);
    MIX_FIELD(sum, image_record, key);
    MIX_FIELD(sum, image_record, kind);
    MIX_FIELD(sum, image_record, fact);
    MIX_FIELD(sum, image_record, probe);
    MIX_FIELD(sum, image_record, offset);
    MIX_FIELD(sum, image_record, length);
    mix(sum, bytes_of((size_t[]){sizeof(struct image_header), sizeof(struct image_record), IMAGE_LINE}, 3 * sizeof(size_t)));
}

static uint32_t nine(void *context)
{
    return 9;
}

/* A fact, an expression and a database, as they are named and what is kept of each: what compiling brings depends on the machine, and is left out. */
static void mix_records(uint64_t *sum)
{
    struct arena *a = arena_create(MEMORY);
    struct compiled *c = compiled_create(a, NULL, (struct job_runner){0});
    struct regex_error error;
    struct database_wanted wanted = {.texts = (const char *[]){"etc/passwd", "cookie"}, .lengths = (size_t[]){10, 6}, .flags = (unsigned[]){0, HS_FLAG_CASELESS},
        .ids = (unsigned[]){3, 5}, .count = 2};
    uint8_t *image;
    size_t len;
    assert_non_null(c);
    assert_int_equal(compiled_fact(c, &(struct fact_wanted){"kind", bytes_of_text("text"), 7, nine, NULL}), 9);
    assert_non_null(compiled_regex(c, bytes_of_text("a+b"), true, &error));
    assert_true(compiled_databases(c, &wanted, 1));
    assert_true(image_write(c, &image, &len));
    const struct image_record *records = (const struct image_record *)(const void *)(image + sizeof(struct image_header));
    for (size_t i = 0; i < 3; i++) {
        const struct image_record *r = &records[i];
        mix(sum, bytes_of(r->key.at, sizeof r->key.at));
        mix(sum, bytes_of((uint64_t[]){r->kind, r->fact, r->probe, r->offset}, 4 * sizeof(uint64_t)));
    }
    free(image);
    compiled_free(c);
    arena_destroy(a);
}

static void mix_digest(uint64_t *sum)
{
    uint8_t bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    assert_true(image_seal(bytes, sizeof bytes));
    mix(sum, bytes_of(bytes, sizeof bytes));
}

static void what_an_image_means_keeps_its_number(void **state)
{
    uint64_t meaning = UINT64_C(0xcbf29ce484222325);
    mix_layout(&meaning);
    mix_records(&meaning);
    mix_digest(&meaning);
    if (golden.format == IMAGE_FORMAT && golden.meaning != meaning)
        fail_msg("an image means something else than one of format %u does: raise IMAGE_FORMAT (image/layout.h), and give `golden` here that number and 0x%016llx",
            golden.format, (unsigned long long)meaning);
    if (golden.format != IMAGE_FORMAT)
        fail_msg("the format has a new number: give `golden` here %u and 0x%016llx", IMAGE_FORMAT, (unsigned long long)meaning);
}

/* In a process of its own: 0 where the rules say the same, and nothing had to be compiled. */
static int serve_from(int memory, size_t len)
{
    struct image image;
    struct loaded l;
    const char *why;
    struct text said = text_new(1 << 16);
    const uint8_t *at = mmap(NULL, len, PROT_READ, MAP_SHARED, memory, 0);
    if (at == MAP_FAILED || !image_read(bytes_of(at, len), &image, &why))
        return 1;
    loaded_open(&image, (struct job_runner){0}, &l);
    describe(&l, &said);
    int differs = compiled_is_new(l.compiled) || strcmp(text_cstr(&said), text_cstr(&original.said)) != 0;
    text_free(&said);
    loaded_close(&l);
    return differs;
}

/* Memory that nobody can change any more, mapped to be read alone by whoever has it. */
static void an_image_in_sealed_memory_serves_several_processes(void **state)
{
    int memory = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory < 0) {
        print_message("# skip: the kernel has no memfd_create\n");
        skip();
    }
    assert_int_equal(write(memory, original.image, original.len), original.len);
    assert_int_equal(fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    pid_t children[3];
    for (size_t i = 0; i < 3; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (!children[i])
            _exit(serve_from(memory, original.len));
    }
    for (size_t i = 0; i < 3; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    close(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_in_sealed_memory_serves_several_processes),
        cmocka_unit_test(what_an_image_means_keeps_its_number),
        cmocka_unit_test(the_rules_fire),
        cmocka_unit_test(an_image_has_all_that_was_compiled),
        cmocka_unit_test(databases_that_lie_where_they_cannot_be_used_are_copied),
        cmocka_unit_test(memory_that_runs_out_fails_the_load),
        cmocka_unit_test(many_threads_make_the_same_image),
        cmocka_unit_test(one_that_was_cut_or_lengthened_is_refused),
        cmocka_unit_test(any_byte_that_was_changed_is_seen),
        cmocka_unit_test(one_from_elsewhere_is_refused_and_it_is_said_why),
        cmocka_unit_test(records_that_lead_astray_are_refused),
        cmocka_unit_test(a_database_that_finds_something_else_is_compiled_anew),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
