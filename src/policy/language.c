/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/language.h"

#include "policy/parse.h"

const char *const selectors_later[] = {"group", "user", "device", "fqdn", NULL};

#define NAME_PATTERN "^[a-z][a-z0-9-]{0,30}$"
#define WORKLOAD_PATTERN "^(?!hub$)[a-z][a-z0-9-]{0,30}$"
#define WORD_PATTERN "^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"

#define TEXT(NAME, READ, WHAT, PATTERN, ...) \
    static const struct shape NAME = {.kind = SHAPE_TEXT, .what = WHAT, .pattern = PATTERN, .text = READ, __VA_ARGS__}

TEXT(version_shape, read_version, "`v1`", "^v1$", );
TEXT(name_shape, read_name, "a name", NAME_PATTERN, );
TEXT(rule_name_shape, read_rule_name, "a name", "^[a-z][a-z0-9-]{0,62}$", );
TEXT(word_shape, read_word, "a word", WORD_PATTERN, );
TEXT(segment_name_shape, read_segment_name, "the name of a segment", NAME_PATTERN, );
TEXT(cidr_shape, read_cidr, "a prefix such as 10.80.1.0/24", "^[0-9A-Fa-f:.]+/[0-9]{1,3}$", );
TEXT(address_shape, read_address, "an address", "^[0-9A-Fa-f:.]+$", );
TEXT(argument_shape, read_argument, "text", NULL, .number = true);
TEXT(user_shape, read_user, "a user's name or number", "^([a-z_][a-z0-9_-]{0,31}|[0-9]{1,9})$", .number = true);
TEXT(path_shape, read_path, "an absolute path", "^/", );
TEXT(interface_shape, read_interface, "the name of a network interface", "^[^/ ]{1,15}$", );
TEXT(timezone_shape, read_timezone, "a time zone such as Europe/Berlin", "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$", );
TEXT(duration_shape, read_duration, "a duration such as 30s, 5m or 24h", "^[0-9]+[smhd]$", );
TEXT(selector_shape, read_selector, "a selector",
    "^(not:)?(any|world|[a-z][a-z0-9-]{0,30}|segment:[a-z][a-z0-9-]{0,30}|label:[^=]+=.+|cidr:[0-9A-Fa-f:.]+(/[0-9]{1,3})?)$", );
TEXT(port_shape, read_ports, "ports such as 8080/tcp, 8000-8099/tcp, icmp or any",
    "^([0-9]{1,5}(-[0-9]{1,5})?/(tcp|udp|sctp)|icmp|any)$", );
TEXT(when_shape, read_when, "a condition", NULL, );
TEXT(label_shape, read_label, "a word", WORD_PATTERN, .number = true);
TEXT(variable_shape, read_variable, "text", NULL, .number = true);
TEXT(target_shape, read_target, "WORKLOAD:PORT", "^[a-z][a-z0-9-]{0,30}:[0-9]{1,5}$", );

static const struct shape later_shape = {.kind = SHAPE_LATER};

static const struct choice enforce_choices[] = {{"refuse", 0}, {"observe", 1}, {0}};
static const struct choice kind_choices[] = {{"spoke", 0}, {"hub", 1}, {0}};
static const struct choice nat_choices[] = {{"masquerade", 0}, {"none", 1}, {0}};
static const struct choice refuse_choices[] = {{"reject", 0}, {"drop", 1}, {0}};
static const struct choice restart_choices[] = {
    {"never", RESTART_POLICY_NEVER}, {"on-failure", RESTART_POLICY_ON_FAILURE}, {"always", RESTART_POLICY_ALWAYS}, {0}};
static const struct shape enforce_shape = {.kind = SHAPE_CHOICE, .choices = enforce_choices};
static const struct shape kind_shape = {.kind = SHAPE_CHOICE, .choices = kind_choices};
static const struct shape nat_shape = {.kind = SHAPE_CHOICE, .choices = nat_choices};
static const struct shape refuse_shape = {.kind = SHAPE_CHOICE, .choices = refuse_choices};
static const struct shape restart_shape = {.kind = SHAPE_CHOICE, .choices = restart_choices};

/* Uplink */
static const struct shape publish_shape = {.kind = SHAPE_MAP, .what = "a mapping from PORT/PROTOCOL to WORKLOAD:PORT",
    .item = &target_shape, .entry = publish_entry, .key_pattern = "^[0-9]{1,5}/(tcp|udp)$"};
static const struct field uplink_fields[] = {
    {"interface", &interface_shape, offsetof(struct draft_uplink, interface), true, "The host's interface that leads out."},
    {"nat", &nat_shape, offsetof(struct draft_uplink, nat_none), false, "Whether what leaves gets the host's address; `masquerade` is the default."},
    {"publish", &publish_shape, offsetof(struct draft_uplink, publish), false, "Ports of the host that lead to a workload's port."},
    {0}};
static const struct shape uplink_shape = {.kind = SHAPE_RECORD, .what = "a mapping with the key `interface`", .fields = uplink_fields, .done = uplink_done};

/* Segments */
static const struct shape cidrs_shape = {.kind = SHAPE_LIST, .what = "a prefix or a list of prefixes", .item = &cidr_shape, .lone = true};
static const struct field segment_fields[] = {
    {"kind", &kind_shape, offsetof(struct draft_segment, hub), false, "`hub` for the one segment that joins the others; `spoke` is the default."},
    {"cidr", &cidrs_shape, offsetof(struct draft_segment, cidrs), true, "The segment's addresses: a prefix, or a list of prefixes."},
    {"uplink", &uplink_shape, offsetof(struct draft_segment, uplink), false, "The way out to the world; of the hub's segment only."},
    {"classification", &word_shape, offsetof(struct draft_segment, classification), false, "How sensitive what is kept here is, in your own words."},
    {"enforce", &enforce_shape, offsetof(struct draft_segment, observe), false, "`observe`: record what would be refused from or to this segment, and let it pass."},
    {0}};
static const struct shape segment_shape = {.kind = SHAPE_RECORD, .what = "a mapping with the key `cidr`", .fields = segment_fields};
static const struct shape segments_shape = {.kind = SHAPE_MAP, .what = "a mapping from names to segments", .item = &segment_shape, .entry = segment_entry, .key_pattern = NAME_PATTERN};

/* Workloads */
static const struct shape addresses_shape = {.kind = SHAPE_LIST, .what = "an address or a list of addresses", .item = &address_shape, .lone = true};
static const struct shape labels_shape = {.kind = SHAPE_MAP, .what = "a mapping from keys to values", .item = &label_shape, .entry = label_entry, .key_pattern = WORD_PATTERN};
static const struct shape command_shape = {.kind = SHAPE_LIST, .what = "a list: the program and its arguments", .item = &argument_shape};
static const struct shape environment_shape = {.kind = SHAPE_MAP, .what = "a mapping from names to values", .item = &variable_shape, .entry = variable_entry, .key_pattern = "^[A-Za-z_][A-Za-z0-9_]*$"};
static const struct field run_fields[] = {
    {"command", &command_shape, offsetof(struct draft_run, command), true, "The program and its arguments; no shell is involved."},
    {"user", &user_shape, offsetof(struct draft_run, user), false, "Whom it runs as; root inside the workload is the default."},
    {"directory", &path_shape, offsetof(struct draft_run, directory), false, "Where it starts; `/` is the default."},
    {"environment", &environment_shape, offsetof(struct draft_run, environment), false, "Variables of its environment."},
    {"restart", &restart_shape, offsetof(struct draft_run, restart), false, "Whether it is started again when it ends; `never` is the default."},
    {0}};
static const struct shape run_shape = {.kind = SHAPE_RECORD, .what = "a mapping with the key `command`", .fields = run_fields, .done = run_done};
static const struct field attach_fields[] = {
    {"netns", &path_shape, offsetof(struct draft_workload, netns), false, "A network namespace that exists: /run/netns/NAME or /proc/PID/ns/net."},
    {"interface", &interface_shape, offsetof(struct draft_workload, interface), false, "An interface of the host, behind which something exists."},
    {0}};
static const struct shape attach_shape = {.kind = SHAPE_RECORD, .what = "a mapping with the key `netns` or `interface`", .fields = attach_fields, .one_of = {"netns", "interface"}, .done = attach_done};
static const struct field workload_fields[] = {
    {"segment", &segment_name_shape, 0, true, "The segment it is in."},
    {"address", &addresses_shape, offsetof(struct draft_workload, addresses), false, "Its addresses, at most 64; the next free one of each family is the default."},
    {"labels", &labels_shape, offsetof(struct draft_workload, labels), false, "Words that rules can select it by."},
    {"run", &run_shape, offsetof(struct draft_workload, run), false, "A program that Bulkhead starts and watches."},
    {"attach", &attach_shape, 0, false, "Something that exists already, around which the perimeter is drawn."},
    {"adopt", &duration_shape, offsetof(struct draft_workload, adopt_seconds), false, "For how long after the start connections are taken in that were there before."},
    {"enforce", &enforce_shape, offsetof(struct draft_workload, observe), false, "`observe`: record what would be refused from or to this workload, and let it pass."},
    {0}};
static const struct shape workload_shape = {.kind = SHAPE_RECORD, .what = "a mapping with the key `segment`", .fields = workload_fields};
static const struct shape workloads_shape = {.kind = SHAPE_MAP, .what = "a mapping from names to workloads", .item = &workload_shape, .entry = workload_entry, .key_pattern = WORKLOAD_PATTERN};

/* Rules */
static const struct shape selectors_shape = {.kind = SHAPE_LIST, .what = "a selector or a list of selectors", .item = &selector_shape, .lone = true, .begin = selectors_begin, .done = selectors_done};
static const struct shape ports_shape = {.kind = SHAPE_LIST, .what = "ports or a list of ports", .item = &port_shape, .lone = true, .begin = ports_begin, .done = ports_done};
static const struct field traffic_fields[] = {
    {"from", &selectors_shape, offsetof(struct draft_traffic, from), true, "Who starts it."},
    {"to", &selectors_shape, offsetof(struct draft_traffic, to), true, "Whom it is meant for."},
    {"ports", &ports_shape, 0, false, "Protocols and destination ports; `any` is the default."},
    {0}};
static const struct shape traffic_shape = {.kind = SHAPE_RECORD, .what = "a mapping with the keys `from` and `to`", .fields = traffic_fields, .done = traffic_done};
static const struct field rule_fields[] = {
    {"name", &rule_name_shape, offsetof(struct draft_rule, name), true, "The rule's name, as decisions and records tell it."},
    {"allow", &traffic_shape, offsetof(struct draft_rule, allow), false, "What may pass, unless a deny matches too."},
    {"deny", &traffic_shape, offsetof(struct draft_rule, deny), false, "What may not pass, whatever is allowed."},
    {"when", &when_shape, 0, false, "A condition (CEL) under which the rule holds."},
    {"enforce", &enforce_shape, offsetof(struct draft_rule, observe), false, "`observe`, on a deny: record what it would refuse, and let it pass."},
    {0}};
static const struct shape rule_shape = {.kind = SHAPE_RECORD, .what = "a mapping with the keys `name` and `allow` or `deny`", .fields = rule_fields, .one_of = {"allow", "deny"}, .begin = rule_begin, .done = rule_done};
static const struct shape rules_shape = {.kind = SHAPE_LIST, .what = "a list of rules", .item = &rule_shape};

static const struct field timeouts_fields[] = {
    {"tcp", &duration_shape, offsetof(struct timeouts, tcp), false, "Confirmed TCP sessions; 24h."},
    {"tcp-closing", &duration_shape, offsetof(struct timeouts, tcp_closing), false, "TCP sessions after a RST or both FINs; 60s."},
    {"other", &duration_shape, offsetof(struct timeouts, other), false, "Confirmed sessions of other protocols; 180s."},
    {"icmp", &duration_shape, offsetof(struct timeouts, icmp), false, "Confirmed ICMP echo; 30s."},
    {"unconfirmed", &duration_shape, offsetof(struct timeouts, unconfirmed), false, "Sessions that the other side has not answered; 30s."},
    {"fragment", &duration_shape, offsetof(struct timeouts, fragment), false, "How long the fragments of a packet may take; 30s."},
    {0}};
static const struct shape timeouts_shape = {.kind = SHAPE_RECORD, .what = "a mapping from session kinds to durations", .fields = timeouts_fields};

static const struct field policy_fields[] = {
    {"bulkhead", &version_shape, offsetof(struct draft, version), true, "The version of this language: v1."},
    {"name", &name_shape, offsetof(struct draft, name), true, "The network's name."},
    {"segments", &segments_shape, offsetof(struct draft, segments), true, "Islands, each with a perimeter of its own."},
    {"workloads", &workloads_shape, offsetof(struct draft, workloads), false, "What runs in the segments."},
    {"rules", &rules_shape, 0, false, "Who may reach whom. A matching deny wins; else a matching allow; else it is denied."},
    {"enforce", &enforce_shape, offsetof(struct draft, observe), false, "`observe`: record what would be refused, and let it pass, for the whole network."},
    {"refuse", &refuse_shape, offsetof(struct draft, refuse_drop), false, "Whether a refusal is answered (`reject`, the default) or silent (`drop`)."},
    {"timezone", &timezone_shape, offsetof(struct draft, timezone), false, "The time zone of conditions on time, by its name in tzdata; UTC is the default."},
    {"timeouts", &timeouts_shape, offsetof(struct draft, timeouts), false, "When sessions are forgotten."},
    {"gateways", &later_shape, 0, false, "HTTP in front of workloads."},
    {"identity", &later_shape, 0, false, "People, groups and devices."},
    {"encrypt", &later_shape, 0, false, "What must be encrypted."},
    {"grants", &later_shape, 0, false, "Access just in time."},
    {"threat-intel", &later_shape, 0, false, "Lists of addresses known to be bad."},
    {"assert", &later_shape, 0, false, "What must never, only or always be possible."},
    {0}};
const struct shape policy_shape = {.kind = SHAPE_RECORD, .what = "a policy: a mapping that begins with `bulkhead: v1`", .fields = policy_fields};
