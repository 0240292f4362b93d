/* SPDX-License-Identifier: Apache-2.0 */
/* @geoLookup and @rbl, which ask their caller: what they ask, what becomes of the answer, and of none. */
#include "tests/unit/waf/engine/story.h"

#define ON "SecRuleEngine On\n"
#define ARG(value) "GET /?a=" value " HTTP/1.1\r\n\r\n"

/* Places of addresses that begin with 1, 2, 3. */
static enum waf_answer place(struct bytes address, struct arena *a, struct waf_place *ret, void *argument)
{
    uint8_t first = address.len ? address.at[0] : 0;
    ret->fields[WAF_PLACE_COUNTRY_CODE] = bytes_of_text(first == '1' ? "CA" : "DE");
    if (first == '1')
        ret->fields[WAF_PLACE_CITY] = bytes_of_text("Gatineau");
    return first == '1' || first == '2' ? WAF_YES : first == '3' ? WAF_UNKNOWN : WAF_NO;
}

static void geo_is_what_was_found_last(void **state)
{
    struct story s;
    story_begin(&s, ON "SecRule ARGS \"@geoLookup\" \"id:1,phase:1,pass,nolog,setvar:tx.found=+1\"\n"
            "SecAction \"id:2,phase:1,pass,msg:'%{tx.found} %{GEO.country_code} %{geo.city}'\"\nSecRule &GEO \"@eq 2\" \"id:3,phase:1,pass\"\n"
            "SecRule GEO:COUNTRY_CODE \"@streq DE\" \"id:4,phase:1,deny,logdata:'%{MATCHED_VAR_NAME}'\"\n");
    s.options.place = place;
    story_tell(&s, 1, ARG("1.1.1.1"), "pass; 2 1 CA Gatineau; 3");
    story_tell(&s, 1, ARG("1.1.1.1&b=2.2.2.2"), "deny; 2 2 DE ; 4 [GEO:COUNTRY_CODE]");
    story_tell(&s, 1, ARG("nowhere"), "pass; 2   ");
    story_tell(&s, 1, ARG("1.1.1.1&b=nowhere"), "pass; 2 1  ");
    story_tell(&s, 1, ARG("3"), "pass; 2   ; limit: @geoLookup found nothing: the database of places could not be read");
    s.options.place = NULL;
    story_tell(&s, 1, ARG("1.1.1.1"), "pass; 2   ; limit: @geoLookup found nothing: no database of places is given (SecGeoLookupDb)");
    story_end(&s);
}

/* The names that were asked for, and what to say. */
struct lists {
    struct text asked;
    enum waf_answer answer;
};

static enum waf_answer listed(struct bytes name, void *argument)
{
    struct lists *l = argument;
    text_printf(&l->asked, "%.*s ", (int)name.len, (const char *)name.at);
    return l->answer;
}

static void asks(const char *rules, const char *value, const char *expected)
{
    struct story s;
    struct lists l = {text_new(1 << 16), WAF_NO};
    char request[1024];
    snprintf(request, sizeof request, "GET /?a=%s HTTP/1.1\r\n\r\n", value);
    story_begin(&s, rules);
    s.options.listed = listed;
    s.options.argument = &l;
    story_tell(&s, 1, request, "pass");
    assert_string_equal(l.asked.len ? text_cstr(&l.asked) : "", expected);
    text_free(&l.asked);
    story_end(&s);
}

static void names_are_put_together_backwards(void **state)
{
#define RULE(list) ON "SecRule ARGS \"@rbl " list "\" \"id:1,phase:1,deny\"\n"
    asks(RULE("sbl.example"), "127.0.0.2", "2.0.0.127.sbl.example ");
    asks(RULE("sbl.example"), "192.168.100.255", "255.100.168.192.sbl.example ");
    asks(RULE("sbl.example"), "2001:db8::567:89ab", "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.sbl.example ");
    asks(RULE("uribl.example"), "shop.example", "shop.example.uribl.example ");
    asks(RULE("sbl.example"), "no%20name", "");
    asks(RULE("sbl.example"), "a..b", "");
    asks(RULE("sbl.example"), ".a", "");
    asks(RULE("sbl.example"), "a.", "");
    asks(RULE("sbl.example"), "", "");
    char name[300] = {0};
    memset(name, 'a', 241); /* with the list 253 */
    char expected[300];
    snprintf(expected, sizeof expected, "%s.sbl.example ", name);
    asks(RULE("sbl.example"), name, expected);
    name[241] = 'a';
    asks(RULE("sbl.example"), name, "");
    memset(name, 'a', 299);
    asks(RULE("sbl.example"), name, "");
}

static void httpbl_is_asked_with_its_key(void **state)
{
    struct story s;
    struct lists l = {text_new(1 << 16), WAF_YES};
    asks("SecHttpBlKey abcdefghijkl\n" RULE("dnsbl.httpbl.org"), "127.1.1.7", "abcdefghijkl.7.1.1.127.dnsbl.httpbl.org ");
    asks("SecHttpBlKey abcdefghijkl\n" RULE("sbl.example"), "127.1.1.7", "7.1.1.127.sbl.example "); /* nobody else gets it */
    story_begin(&s, RULE("dnsbl.httpbl.org"));
    s.options.listed = listed;
    s.options.argument = &l;
    story_tell(&s, 1, ARG("127.1.1.7"), "pass; limit: @rbl found nothing: httpbl.org answers to who has a key (SecHttpBlKey)");
    story_end(&s);
    story_begin(&s, "SecHttpBlKey abcdefghijkl\n" RULE("dnsbl.httpbl.org"));
    s.options.listed = listed;
    s.options.argument = &l;
    story_tell(&s, 1, ARG("::1"), "pass; limit: @rbl found nothing: httpbl.org knows no IPv6 addresses");
    story_end(&s);
    assert_int_equal(l.asked.len, 0);
    text_free(&l.asked);
}

static void what_is_listed_is_captured(void **state)
{
    struct story s;
    struct lists l = {text_new(1 << 16), WAF_YES};
    story_begin(&s, ON "SecRule ARGS \"@rbl sbl.example\" \"id:1,phase:1,deny,capture,msg:'%{tx.0}'\"\n");
    s.options.argument = &l;
    story_tell(&s, 1, ARG("127.0.0.2"), "pass; limit: @rbl found nothing: no list on the network is asked");
    s.options.listed = listed;
    story_tell(&s, 1, ARG("127.0.0.2"), "deny; 1 127.0.0.2");
    l.answer = WAF_UNKNOWN;
    story_tell(&s, 1, ARG("127.0.0.2"), "pass; limit: @rbl found nothing: a list on the network did not answer");
    text_free(&l.asked);
    story_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(geo_is_what_was_found_last),
        cmocka_unit_test(names_are_put_together_backwards),
        cmocka_unit_test(httpbl_is_asked_with_its_key),
        cmocka_unit_test(what_is_listed_is_captured),
    };
    return cmocka_run_group_tests_name("waf-outside", tests, NULL, NULL);
}
