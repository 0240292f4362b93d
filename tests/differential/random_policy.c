/* SPDX-License-Identifier: Apache-2.0 */
#include "random_policy.h"

struct random_network random_network_draw(struct random *r)
{
    struct random_network n = {.segments = 2 + random_below(r, 4), .workloads = 2 + random_below(r, 7)};
    for (uint32_t s = 0; s < n.segments; s++) {
        n.v4[s] = random_chance(r, 85);
        n.v6[s] = !n.v4[s] || random_chance(r, 80);
    }
    for (uint32_t w = 0; w < n.workloads; w++) {
        n.segment_of[w] = random_below(r, n.segments);
        n.label_of[w] = random_below(r, 3);
        n.second_address[w] = random_chance(r, 35);
    }
    n.uplink = random_chance(r, 50);
    return n;
}

/* Mostly the same entries in every policy of a network, so that some sessions outlive a change. */
static void print_publish(const struct random_network *n, struct random *r, struct text *out)
{
    static const char *const ports[] = {"443/tcp", "80/tcp", "8080/tcp", "16384/tcp", "40001/tcp", "53/udp", "5432/udp", "65535/udp",
        /* of the first three workloads' shares of outer ports */
        "16481/tcp", "16482/tcp", "16488/udp", "16488/tcp", "16489/tcp", "16493/tcp", "16494/tcp"};
    static const uint16_t leads[] = {8080, 8080, 8080, 5432, 443, 53, 53, 8080, 8000, 8080, 55, 53, 8000, 8080, 8080};
    const uint32_t count = sizeof ports / sizeof ports[0], first_outer = 8;
    const char *comma = "";
    for (uint32_t i = 0; i < count; i++) {
        if (random_chance(r, i < first_outer ? 15 : 60))
            continue;
        bool usual = random_chance(r, 75);
        uint32_t workload = usual ? i / 2 % n->workloads : random_below(r, n->workloads);
        text_printf(out, "%s%s: \"w%u:%u\"", comma, ports[i], workload, usual ? leads[i] : leads[random_below(r, count)]);
        comma = ", ";
    }
}

static void print_uplink(const struct random_network *n, struct random *r, struct text *out)
{
    if (!n->uplink || random_chance(r, 6))
        return;
    text_printf(out, ", uplink: {interface: uplink0%s, publish: {", random_chance(r, 25) ? ", nat: none" : "");
    print_publish(n, r, out);
    text_puts(out, "}}");
}

static void print_segments(const struct random_network *n, struct random *r, struct text *out)
{
    text_puts(out, "segments:\n");
    for (uint32_t s = 0; s < n->segments; s++) {
        text_printf(out, "  s%u: {%scidr: [", s, s == 0 ? "kind: hub, " : "");
        if (n->v4[s])
            text_printf(out, "10.80.%u.0/24%s", s, n->v6[s] ? ", " : "");
        if (n->v6[s])
            text_printf(out, "\"fd80:0:0:%x::/64\"", s);
        text_puts(out, "]");
        if (random_chance(r, 8))
            text_puts(out, ", enforce: observe");
        if (s == 0)
            print_uplink(n, r, out);
        text_puts(out, "}\n");
    }
}

static void print_workloads(const struct random_network *n, struct random *r, struct text *out)
{
    text_puts(out, "workloads:\n");
    for (uint32_t w = 0; w < n->workloads; w++) {
        uint32_t s = n->segment_of[w];
        text_printf(out, "  w%u: {segment: s%u, labels: {tier: t%u}, address: [", w, s, n->label_of[w]);
        if (n->v4[s])
            text_printf(out, "10.80.%u.%u", s, 10 + w);
        if (n->v4[s] && n->second_address[w])
            text_printf(out, ", 10.80.%u.%u", s, 110 + w);
        if (n->v6[s])
            text_printf(out, "%s\"fd80:0:0:%x::%x\"", n->v4[s] ? ", " : "", s, 16 + w);
        text_puts(out, "]");
        if (random_chance(r, 6))
            text_puts(out, ", enforce: observe");
        text_puts(out, "}\n");
    }
}

static void print_selector(const struct random_network *n, struct random *r, struct text *out)
{
    static const char *const cidrs[] = {"10.80.0.0/16", "10.80.1.0/28", "10.80.2.8/29", "10.80.0.0/20", "203.0.113.0/24", "203.0.113.64/26",
        "203.0.113.77/32", "0.0.0.0/1", "\"2001:db8::/32\"", "\"2001:db8:0:1::/64\"", "\"fd80::/48\"", "\"fd80:0:0:1::10/124\"", "\"::/0\"", "0.0.0.0/0"};
    switch (random_below(r, 10)) {
    case 0:
    case 1:
    case 2:
        text_printf(out, "w%u", random_below(r, n->workloads));
        break;
    case 3:
    case 4:
        text_printf(out, "segment:s%u", random_below(r, n->segments));
        break;
    case 5:
        text_printf(out, "label:tier=t%u", n->label_of[random_below(r, n->workloads)]);
        break;
    case 6:
    case 7: {
        const char *cidr = cidrs[random_below(r, sizeof cidrs / sizeof cidrs[0])];
        if (cidr[0] == '"')
            text_printf(out, "\"cidr:%s", cidr + 1);
        else
            text_printf(out, "cidr:%s", cidr);
        break;
    }
    case 8:
        text_puts(out, "world");
        break;
    default:
        text_puts(out, "any");
        break;
    }
}

static void print_negated(const struct random_network *n, struct random *r, struct text *out)
{
    switch (random_below(r, 4)) {
    case 0:
        text_printf(out, "not:w%u", random_below(r, n->workloads));
        break;
    case 1:
        text_printf(out, "not:segment:s%u", random_below(r, n->segments));
        break;
    case 2:
        text_printf(out, "not:label:tier=t%u", n->label_of[random_below(r, n->workloads)]);
        break;
    default:
        text_puts(out, random_chance(r, 50) ? "not:world" : "not:cidr:10.80.1.0/28");
        break;
    }
}

static void print_end(const struct random_network *n, struct random *r, struct text *out)
{
    uint32_t plain = 1 + (random_chance(r, 30) ? random_below(r, 3) : 0);
    bool negated = random_chance(r, 20);
    text_puts(out, "[");
    for (uint32_t i = 0; i < plain; i++) {
        if (i)
            text_puts(out, ", ");
        print_selector(n, r, out);
    }
    if (negated) {
        text_puts(out, ", ");
        print_negated(n, r, out);
    }
    text_puts(out, "]");
}

static void print_ports(struct random *r, struct text *out)
{
    static const char *const ports[] = {"8080/tcp", "5432/tcp", "53/udp", "443/sctp", "icmp", "any", "8000-8099/tcp", "1-65535/tcp",
        "50-60/udp", "8090-9000/tcp", "1-1023/udp", "400-500/sctp"};
    uint32_t count = 1 + (random_chance(r, 40) ? random_below(r, 3) : 0);
    text_puts(out, ", ports: [");
    for (uint32_t i = 0; i < count; i++)
        text_printf(out, "%s%s", i ? ", " : "", ports[random_below(r, sizeof ports / sizeof ports[0])]);
    text_puts(out, "]");
}

static void print_condition(struct random *r, struct text *out)
{
    switch (random_below(r, 9)) {
    case 0:
        text_printf(out, "    when: now.hour >= %u && now.hour < %u\n", random_below(r, 12), 12 + random_below(r, 12));
        break;
    case 1:
        text_printf(out, "    when: now.minute %% %u == 0\n", 2 + random_below(r, 30));
        break;
    case 2:
        text_printf(out, "    when: now.hour / (now.hour - %u) > 0\n", random_below(r, 24)); /* unknown at that hour */
        break;
    case 3:
        text_puts(out, "    when: 1 < 2\n");
        break;
    case 4:
        /* the horizon of conditions on seconds is walked second by second: rarely */
        if (random_chance(r, 5))
            text_puts(out, "    when: now.weekday in [0, 6] || now.second > 30\n");
        break;
    case 5:
        text_printf(out, "    when: now.weekday in [%u, %u] || (now + duration(\"%um\")).hour < %u\n", random_below(r, 7), random_below(r, 7),
            random_below(r, 300), random_below(r, 24));
        break;
    default:
        break;
    }
}

/* Of zones_made(): what the day's change of the clock does to conditions, and offsets that are not whole hours. */
static void print_timezone(struct random *r, struct text *out)
{
    static const char *const zones[] = {"Test/Restless", "Test/Restless", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"};
    if (random_chance(r, 50))
        text_printf(out, "timezone: %s\n", zones[random_below(r, sizeof zones / sizeof zones[0])]);
}

void random_policy_print(const struct random_network *n, struct random *r, struct text *out)
{
    text_puts(out, "bulkhead: v1\nname: random\n");
    print_segments(n, r, out);
    print_workloads(n, r, out);
    uint32_t rules = 1 + random_below(r, 16);
    text_puts(out, "rules:\n");
    for (uint32_t i = 0; i < rules; i++) {
        bool allow = random_chance(r, 70);
        text_printf(out, "  - name: r%u\n    %s: {from: ", i, allow ? "allow" : "deny");
        print_end(n, r, out);
        text_puts(out, ", to: ");
        print_end(n, r, out);
        if (random_chance(r, 75))
            print_ports(r, out);
        text_puts(out, "}\n");
        print_condition(r, out);
        if (!allow && random_chance(r, 25))
            text_puts(out, "    enforce: observe\n");
    }
    if (random_chance(r, 5))
        text_puts(out, "enforce: observe\n");
    if (random_chance(r, 20))
        text_puts(out, "refuse: drop\n");
    print_timezone(r, out);
}
