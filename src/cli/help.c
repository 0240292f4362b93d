/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

// clang-format off

const char help_check[] =
    "Usage: bulkhead check FILE [--json]\n"
    "\n"
    "Say everything that is wrong with a policy, and what is suspicious. FILE `-` is\n"
    "standard input. Exits 0 when the policy is valid, also with warnings; 1 when it\n"
    "is not; 2 when it cannot be read.\n"
    "\n"
    "Options:\n"
    "  --json  one object: counts, and each diagnostic with its place and hint\n"
    "  --help  this\n"
    "\n"
    "Examples:\n"
    "  bulkhead check shop.yaml\n"
    "  bulkhead check --json - <shop.yaml\n";

const char help_fmt[] =
    "Usage: bulkhead fmt FILE [--write | --check] [--force]\n"
    "\n"
    "Print a policy in canonical form; read again, it means the same. FILE `-` is\n"
    "standard input. Comments are not part of a policy and are not printed. Exits 1\n"
    "when the policy is invalid, 2 when it cannot be read or written.\n"
    "\n"
    "Options:\n"
    "  -w, --write  rewrite the file; refused when that would lose comments\n"
    "      --force  rewrite also a file that has comments, without them\n"
    "      --check  print nothing; exit 0 when the file is canonical, 1 when not\n"
    "      --help   this\n"
    "\n"
    "Examples:\n"
    "  bulkhead fmt shop.yaml | diff shop.yaml -\n"
    "  bulkhead fmt --write shop.yaml\n";

const char help_schema[] =
    "Usage: bulkhead schema\n"
    "\n"
    "Print the policy language as a JSON Schema (2020-12), for editors. What it\n"
    "accepts may still be wrong: only `bulkhead check` knows names and addresses.\n"
    "\n"
    "Options:\n"
    "  --help  this\n"
    "\n"
    "Examples:\n"
    "  bulkhead schema >bulkhead.schema.json\n";

const char help_why[] =
    "Usage: bulkhead why FILE --from A --to B --port PORT/PROTOCOL\n"
    "           [--at TIME] [--json]\n"
    "       bulkhead why FILE --batch [--at TIME]\n"
    "\n"
    "Say whether A reaches B, and why: the rule that decides and where it stands, all\n"
    "that stands in the way, and the nearest rule that would have allowed it. A and B\n"
    "are workloads or addresses. Exits 0 allowed, 1 denied, 2 cannot answer.\n"
    "\n"
    "Options:\n"
    "  --from A      where it comes from\n"
    "  --to B        where it goes; names stand for both families: IPv6 is shown\n"
    "                apart when it differs, and one denied is denied\n"
    "  --port P      5432/tcp, 53/udp, 443/sctp, icmp, or another protocol's number\n"
    "  --at TIME     at that moment: 2026-11-24T03:00Z, or 03:00 today; both UTC\n"
    "  --json        one object\n"
    "  --batch       lines `FROM TO PORT/PROTOCOL` on standard input, for each one\n"
    "                JSON object on standard output, in order; 0 all were answered\n"
    "  --live        ask the kernel's tables, and say where they differ\n"
    "  --flow ID     explain a refusal that was recorded\n"
    "  --help        this\n"
    "\n"
    "Examples:\n"
    "  bulkhead why shop.yaml --from orders --to ledger --port 5432/tcp\n"
    "  bulkhead why shop.yaml --from night-shift --to 10.80.3.10 --port 8730/tcp \\\n"
    "      --at 03:00\n"
    "  echo orders ledger 5432/tcp | bulkhead why shop.yaml --batch\n";

const char help_matrix[] =
    "Usage: bulkhead matrix FILE [--json | --dot] [--at TIME]\n"
    "\n"
    "Show who reaches whom on which ports: workloads, and the parts of the world that\n"
    "rules tell apart. Exits 0, or 2 when it cannot say.\n"
    "\n"
    "Options:\n"
    "  --json     one object\n"
    "  --dot      for Graphviz\n"
    "  --at TIME  at that moment: 2026-11-24T03:00Z, or 03:00 today; both UTC\n"
    "  --live     try it: real packets between all workloads of the running network\n"
    "  --help     this\n"
    "\n"
    "Examples:\n"
    "  bulkhead matrix shop.yaml\n"
    "  bulkhead matrix shop.yaml --dot | dot -Tsvg >shop.svg\n";

const char help_diff[] =
    "Usage: bulkhead diff OLD NEW [--flows FILE] [--at TIME] [--json]\n"
    "\n"
    "Show what access is gained and lost between two policies, completely, in terms\n"
    "of workloads and not of text. Exits 0 when no access differs, 1 when some does,\n"
    "2 when it cannot say.\n"
    "\n"
    "Options:\n"
    "  --flows FILE  which recorded flows would be refused or newly let through\n"
    "  --at TIME     compare the seven days from then: 2026-11-24T03:00Z, or 03:00\n"
    "                today; both UTC\n"
    "  --json        one object\n"
    "  --help        this\n"
    "\n"
    "Examples:\n"
    "  bulkhead diff shop.yaml shop-new.yaml\n"
    "  git show HEAD:shop.yaml | bulkhead diff - shop.yaml\n";

const char help_up[] =
    "Usage: bulkhead up FILE [--foreground] [--json]\n"
    "\n"
    "Build the hub and the workloads of a policy on this machine, and enforce. It\n"
    "returns when all is enforced; the agent stays. On a network that is up it is\n"
    "`apply`. Exits 0 enforced, 1 invalid policy, 2 refused by the machine.\n"
    "\n"
    "Options:\n"
    "  --foreground  the agent stays here\n"
    "  --json        one object\n"
    "  --help        this\n"
    "\n"
    "Examples:\n"
    "  bulkhead up shop.yaml\n"
    "  bulkhead exec orders -- curl -s http://ledger:5432/\n";

const char help_down[] =
    "Usage: bulkhead down NAME [--json]\n"
    "\n"
    "Take a network down without a trace: workloads, their processes, links and\n"
    "programs. Exits 0 also when it is not up, 2 when the\n"
    "machine refuses.\n"
    "\n"
    "Options:\n"
    "  --json  one object\n"
    "  --help  this\n"
    "\n"
    "Examples:\n"
    "  bulkhead down shop\n";

const char help_apply[] =
    "Usage: bulkhead apply FILE [--confirm TIME] [--json]\n"
    "\n"
    "Change the policy of what is running; live sessions that it no longer allows end\n"
    "at their next packet. Prints the access gained and lost, and which sessions were\n"
    "cut. Exits 0 enforced, 1 invalid policy, 2 refused by the machine.\n"
    "\n"
    "Options:\n"
    "  --confirm TIME  go back after that time (60s, 5m) unless `bulkhead confirm`\n"
    "                  comes before it, so that nobody locks themselves out\n"
    "  --json          one object\n"
    "  --help          this\n"
    "\n"
    "Examples:\n"
    "  bulkhead apply shop.yaml\n"
    "  bulkhead apply shop.yaml --confirm 60s && bulkhead confirm shop\n";

const char help_confirm[] =
    "Usage: bulkhead confirm NAME [--json]\n"
    "\n"
    "Keep what `bulkhead apply --confirm` changed. Exits 1 when there is nothing to\n"
    "confirm.\n"
    "\n"
    "Options:\n"
    "  --json  one object\n"
    "  --help  this\n"
    "\n"
    "Examples:\n"
    "  bulkhead confirm shop\n";

const char help_exec[] =
    "Usage: bulkhead exec [NETWORK/]WORKLOAD [--user USER] -- COMMAND [ARGUMENT]...\n"
    "\n"
    "Run a command as a workload. It is root there unless --user says otherwise. Its\n"
    "exit status is the command's; 125 to 127 as env(1) for failures of its own.\n"
    "\n"
    "Options:\n"
    "  --user USER  run as that user\n"
    "  --help       this\n"
    "\n"
    "Examples:\n"
    "  bulkhead exec orders -- sh\n"
    "  bulkhead exec shop/orders --user nobody -- curl -s http://ledger:5432/\n";

const char help_status[] =
    "Usage: bulkhead status [NAME] [--contents] [--json]\n"
    "\n"
    "Show what is enforced, and whether the kernel is as the policy says. Exits 0 all\n"
    "realised, 1 something differs or nothing is up, 2 cannot see.\n"
    "\n"
    "Options:\n"
    "  --contents  compare what is inside the kernel's tables, too: the policy is\n"
    "              compiled again\n"
    "  --json      one object\n"
    "  --help      this\n"
    "\n"
    "Examples:\n"
    "  bulkhead status\n";

const char help_flows[] =
    "Usage: bulkhead flows [NAME] [-f] [--suggest] [--pcap FILE] [--json]\n"
    "\n"
    "Show what was let through and what was refused, with reason and rule.\n"
    "\n"
    "Options:\n"
    "  -f, --follow     go on\n"
    "      --suggest    rules that would allow what was observed\n"
    "      --pcap FILE  from now on until Ctrl-C: refused packets, with their reasons\n"
    "                   as comments, for Wireshark; `-` is standard output\n"
    "      --json       one object a line\n"
    "      --help       this\n"
    "\n"
    "Examples:\n"
    "  bulkhead flows -f\n"
    "  bulkhead flows shop --suggest\n";

const char help_top[] =
    "Usage: bulkhead top [NAME] [--json]\n"
    "\n"
    "Show who talks to whom, how much, and what is refused.\n"
    "\n"
    "Options:\n"
    "  --json  one object\n"
    "  --help  this\n"
    "\n"
    "Examples:\n"
    "  bulkhead top shop\n";

const char help_agent[] =
    "Usage: bulkhead agent NAME [--policy FILE]\n"
    "\n"
    "Keep the machine as the policy says, in the foreground: records what happens,\n"
    "repairs what is missing, renews windows of time. `bulkhead up` leaves one\n"
    "running.\n"
    "\n"
    "Options:\n"
    "  --policy FILE  bring that policy up first, as after a boot; a network that is\n"
    "                 up keeps the policy that it has\n"
    "  --help         this\n"
    "\n"
    "Examples:\n"
    "  bulkhead agent shop --policy /etc/bulkhead/shop.yaml\n";

const char help_gateway[] =
    "Usage: bulkhead gateway FILE NAME\n"
    "\n"
    "Run a gateway of a policy.\n"
    "\n"
    "Options:\n"
    "  --help  this\n"
    "\n"
    "Examples:\n"
    "  bulkhead gateway shop.yaml front\n";

const char help_waf[] =
    "Usage: bulkhead waf check FILE... [--json]\n"
    "\n"
    "The rule engine without a server. `check` reads web rules (SecLang, as the OWASP\n"
    "Core Rule Set and ModSecurity 3 have it) as if one file included them all, in\n"
    "that order, and says everything that is wrong with them: each with its place,\n"
    "and what to do. All that rules name is read too, and every regular expression\n"
    "and list of phrases compiled. `inspect` and `explain` are not built yet.\n"
    "\n"
    "Options:\n"
    "  --json  what was found as one JSON object\n"
    "  --help  this\n"
    "\n"
    "Exit status: 0 valid, 1 not, 2 a FILE cannot be read.\n"
    "\n"
    "Examples:\n"
    "  bulkhead waf check /etc/modsecurity/crs/crs-setup.conf \\\n"
    "      /usr/share/modsecurity-crs/rules/*.conf\n";
