/* SPDX-License-Identifier: Apache-2.0 */
/* What an uplink says of a host's ruleset, and how it names its link: without root, and without changing anything. */
#include <string.h>

#include "enforce/uplink_parts.h"

/* After failure.h: cmocka has a macro named fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define FORWARD "\t\ttype filter hook forward priority filter; policy accept;\n"
#define DROPPING "\t\ttype filter hook forward priority filter; policy drop;\n"

static void rulesets_are_judged(void **state)
{
    static const struct {
        const char *ruleset, *says; /* says: null where it passes */
    } cases[] = {
        {"", NULL},
        {"table inet a {\n\tchain f {\n" FORWARD "\t}\n}\n", NULL},
        {"table inet a {\n\tchain f {\n" DROPPING "\t}\n}\n", "table inet a, chain f"},
        {"table inet a {\n\tchain f {\n" DROPPING "\t\tiifname \"bh-shop\" accept\n\t}\n}\n", "nft insert rule inet a f iifname bh-shop accept"},
        {"table inet a {\n\tchain f {\n" DROPPING "\t\tiifname \"bh-shop\" accept\n\t\toifname { \"x\", \"bh-shop\" } counter accept comment \"y\"\n\t}\n}\n", NULL},
        {"table inet a {\n\tchain f {\n" DROPPING "\t\tiifname { \"x\",\n\t\t\t     \"bh-shop\" } accept\n\t\toifname \"bh-*\" accept\n\t}\n}\n", NULL},
        {"table inet a {\n\tchain f {\n" DROPPING "\t\tiifname \"bh-sho\" accept\n\t\toifname \"bh-shop\" accept\n\t}\n}\n", "chain f"},
        {"table inet a {\n\tchain f {\n" DROPPING "\t\tiifname != \"bh-shop\" accept\n\t\toifname \"bh-shop\" accept\n\t}\n}\n", "chain f"},
        {"table inet a {\n\tchain f {\n" DROPPING "\t\tiifname \"bh-shop\" drop\n\t\toifname \"bh-shop\" accept\n\t}\n}\n", "chain f"},
        {"table inet a {\n\tchain f {\n" FORWARD "\t\tct state established accept\n\t\tcounter log prefix \"no way: \" flags all drop\n\t}\n}\n", "chain f"},
        {"table inet a {\n\tchain f {\n" FORWARD "\t\treject with icmpx admin-prohibited\n\t}\n}\n", "chain f"},
        {"table inet a {\n\tchain f {\n" FORWARD "\t\tip saddr 192.0.2.7 drop\n\t}\n}\n", NULL},
        {"table inet a {\n\tchain g {\n\t\tdrop\n\t}\n\n\tchain f {\n" FORWARD "\t\tjump g\n\t}\n}\n", "chain f"},
        {"table inet a {\n\tchain f {\n" FORWARD "\t\tjump f\n\t}\n}\n", NULL}, /* no end to it, but an end of looking */
        {"table inet a {\n\tchain i {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n}\n", NULL},
        {"table bridge a {\n\tchain f {\n" DROPPING "\t}\n}\n", NULL},
        {"table ip6 a {\n\tchain f {\n" DROPPING "\t}\n}\n", NULL}, /* only IPv4 is carried below */
        /* An exception in another table is none. */
        {"table inet b {\n\tchain f {\n" FORWARD "\t\tiifname \"bh-shop\" accept\n\t\toifname \"bh-shop\" accept\n\t}\n}\ntable ip a {\n\tchain f {\n" DROPPING "\t}\n}\n", "table ip a"},
        {"table inet firewalld {\n\tchain filter_FORWARD {\n" FORWARD "\t\treject with icmpx admin-prohibited\n\t}\n}\n", "firewall-cmd --permanent --zone=trusted --add-interface=bh-shop; firewall-cmd --reload"},
        {"table inet firewalld {\n\tchain z {\n\t\tiifname \"bh-shop\" goto x\n\t}\n\n\tchain filter_FORWARD {\n" FORWARD "\t\treject\n\t}\n}\n", NULL},
        {"table ip filter {\n\tset s {\n\t\ttype ifname\n\t\telements = { \"a\" }\n\t}\n\n\tchain DOCKER-USER {\n\t}\n\n\tchain FORWARD {\n" DROPPING "\t}\n}\n", "DOCKER-USER"},
        /* As libnftables lists what `iptables -I DOCKER-USER -i bh-shop -j ACCEPT` makes (iptables 1.8.9, nf_tables). */
        {"table ip filter {\n\tchain DOCKER-USER {\n\t\toifname \"bh-shop\" counter accept\n\t\tiifname \"bh-shop\" counter accept\n\t\tcounter return\n\t}\n\n"
         "\tchain FORWARD {\n" DROPPING "\t\tcounter jump DOCKER-USER\n\t\txt match physdev counter drop\n\t}\n}\n", NULL},
        {"table", NULL}, {"table ip {\n", NULL}, {"table \n\tchain \n\t\t\n}", NULL}, {"\t\t\tx\n}\n", NULL}, {"table a b\n\tchain c\ntable a b\n\t\tx\n", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct failure f = {{0}};
        bool passes = uplink_firewall_judge(cases[i].ruleset, &(struct uplink_firewall_question){.link = "bh-shop", .uplink = "eth0", .with4 = true}, &f);
        if (passes != !cases[i].says || (cases[i].says && !strstr(f.text, cases[i].says)))
            fail_msg("case %zu: %s", i, f.text);
    }
}

/* As libnftables lists what firewalld 1.3.3 makes, shortened: zones judge what comes in, and a policy what goes to the link's zone. */
#define FIREWALLD(zones, policies) "table inet firewalld {\n\tchain filter_FORWARD {\n\t\ttype filter hook forward priority filter + 10; policy accept;\n" \
    "\t\tct state { established, related } accept\n\t\tjump filter_FORWARD_ZONES\n\t\treject with icmpx admin-prohibited\n\t}\n\n" \
    "\tchain filter_FORWARD_POLICIES_pre {\n" policies "\t}\n\n\tchain filter_FORWARD_ZONES {\n" zones "\t\tgoto filter_FWD_public\n\t}\n\n" \
    "\tchain filter_FWD_trusted_allow {\n\t\toifname \"bh-shop\" accept\n\t}\n}\n"
#define TRUSTED(link) "\t\tiifname \"" link "\" goto filter_FWD_trusted\n"

static void firewalld_lets_in_what_its_policy_or_the_uplinks_zone_lets_in(void **state)
{
    static const struct {
        const char *ruleset;
        bool publishes, passes;
    } cases[] = {
        {FIREWALLD("", ""), true, false},
        {FIREWALLD(TRUSTED("bh-shop"), ""), false, true},
        {FIREWALLD(TRUSTED("bh-shop"), ""), true, false},
        {FIREWALLD(TRUSTED("bh-shop") TRUSTED("eth1"), ""), true, false},
        {FIREWALLD(TRUSTED("bh-shop") TRUSTED("eth0"), ""), true, true},
        {FIREWALLD("\t\tiifname \"bh-shop\" goto filter_FWD_public\n", ""), true, true},
        {FIREWALLD(TRUSTED("bh-shop"), "\t\toifname \"bh-shop\" jump filter_FWD_policy_bh-shop\n"), true, true},
        {FIREWALLD(TRUSTED("bh-shop"), "\t\tiifname \"eth0\" oifname { \"x\", \"bh-shop\" } jump filter_FWD_policy_in\n"), true, true},
        {FIREWALLD(TRUSTED("bh-shop"), "\t\toifname \"bh-other\" jump filter_FWD_policy_in\n"), true, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct failure f = {{0}};
        struct uplink_firewall_question question = {.link = "bh-shop", .uplink = "eth0", .with4 = true, .publishes = cases[i].publishes};
        if (uplink_firewall_judge(cases[i].ruleset, &question, &f) != cases[i].passes)
            fail_msg("case %zu: %s", i, f.text);
        assert_true(cases[i].passes || strstr(f.text, "--permanent --policy=bh-shop --add-egress-zone=trusted; firewall-cmd --reload"));
    }
}

static void a_link_has_the_networks_name(void **state)
{
    char name[UPLINK_NAME_MAX], twin[UPLINK_NAME_MAX];
    uplink_host_link("shop", name);
    assert_string_equal(name, "bh-shop");
    uplink_host_link("abcdefghijkl", name);
    assert_string_equal(name, "bh-abcdefghijkl");
    uplink_host_link("production-europe-1", name);
    uplink_host_link("production-europe-2", twin);
    assert_int_equal(strlen(name), 15);
    assert_string_not_equal(name, twin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_has_the_networks_name),
        cmocka_unit_test(rulesets_are_judged),
        cmocka_unit_test(firewalld_lets_in_what_its_policy_or_the_uplinks_zone_lets_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
