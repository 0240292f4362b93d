# SPDX-License-Identifier: Apache-2.0
"""`check` keeps to 16 MiB and 20 times the file, whatever the policy's tables would take, and says when they are larger than usual.

    check_memory.py PEAK-MEMORY BULKHEAD
"""

import os
import subprocess
import sys
import tempfile

HEAD = """bulkhead: v1
name: wide
segments:
  hub: {kind: hub, cidr: [10.80.0.0/24, "fd80::/64"]}
  s: {cidr: [10.81.0.0/16, "fd81::/64"]}
workloads:
"""


def v4(first, i):
    return f"'cidr:{first}.{i >> 8}.{i & 255}.0/24'"


def workloads(count):
    return "".join(f"  w{i}: {{segment: s}}\n" for i in range(count))


def wide(from_count, to_count, when=""):
    """A rule between all prefixes that others tell apart."""
    rules = ["  - name: all\n    allow: {from: any, to: any, ports: 1/tcp}\n" + when]
    rules += [f"  - {{name: f{i}, allow: {{from: {v4(20, i)}, to: w0, ports: {i % 1000 + 2}/tcp}}}}\n" for i in range(from_count)]
    rules += [f"  - {{name: t{i}, allow: {{from: w0, to: {v4(30, i)}, ports: {i % 1000 + 2}/tcp}}}}\n" for i in range(to_count)]
    return HEAD + workloads(1) + "rules:\n" + "".join(rules)


def own(count):
    """Every two workloads have ports of their own: as many lists of intervals as there are pairs."""
    rules = (f"  - {{name: r{i}, allow: {{from: w{i % 200}, to: w{i // 200 % 200}, ports: {1 + i}/tcp}}}}\n" for i in range(count))
    return HEAD + workloads(200) + "rules:\n" + "".join(rules)


def crossed(count):
    """Each prefix on either side has a port of its own: every pair has rules that no other has."""
    rules = [f"  - {{name: f{i}, allow: {{from: {v4(20, i)}, to: 'cidr:30.0.0.0/8', ports: {2 * i + 2}/tcp}}}}\n" for i in range(count)]
    rules += [f"  - {{name: t{i}, allow: {{from: 'cidr:20.0.0.0/8', to: {v4(30, i)}, ports: {2 * i + 2}/udp}}}}\n" for i in range(count)]
    return HEAD + workloads(1) + "rules:\n" + "".join(rules)


LATE = "    when: now.hour * 60 + now.minute > 1000 && now.second % 7 == 3\n"
# name, policy, what is said of its tables
CASES = [
    ("small", own(10), None),
    ("feed", wide(20000, 0), None),
    ("just usual", wide(1200, 1200), None),
    ("large", wide(1300, 1300), "MiB of the kernel's memory or more"),
    ("long and narrow", wide(300, 6000), "MiB of the kernel's memory or more"),
    ("larger", wide(5000, 5000), "MiB of the kernel's memory or more"),
    ("refused", wide(8000, 8000), "`up` will refuse"),
    ("timed", wide(1300, 1300, LATE), "MiB of the kernel's memory or more"),
    ("many", own(30000), None),
    ("crossed", crossed(1000), "may be larger than usual"),
]


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "policy.yaml")
        for name, text, wanted in CASES:
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
            run = subprocess.run([sys.argv[1], sys.argv[2], "check", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
            *said, peak = run.stderr.splitlines()
            peak = int(peak.split()[0])
            limit = (16 << 10) + 20 * len(text) // 1024
            told = [line for line in said if "warning: the tables" in line]
            ok = run.returncode == 0 and peak <= limit and (len(told) == 1 and wanted in told[0] if wanted else not told)
            failed += not ok
            print(f"{'ok' if ok else 'not ok'}: {name}: {peak} KiB of {limit}: {told}")
    print(f"{len(CASES)} cases, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
