#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The policy changes under load: what is always allowed never stops, what never is never arrives, what is withdrawn ends.

    tests/system/switching.py build/bulkhead [--pour PROGRAM] [--seed N] [--long]
"""

import signal
import subprocess
import time

from harness import Network, Stream, allow, case, counters, expect, main, options, wait_for
import harness

ALWAYS = {"always": allow("d", "b", "7002/udp")}
CANARY = {**ALWAYS, "canary": allow("a", "c", "7003/udp")}
REASON_RULE = 19
NOT_OF_THE_FLOW = (2, 3)  # spoofed-source and not-unicast: what the workload's kernel itself sends to multicast groups


class Poured:
    """tests/system/pour.c at work."""

    def __init__(self, network, what, workload, address, port):
        self.process = subprocess.Popen([options.pour, what, network.netns(workload), address, str(port)], stdout=subprocess.PIPE, text=True)
        network.stops.append(self.process.kill)
        assert self.process.stdout.readline() == "ready\n", f"{options.pour} cannot {what}"

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return int(self.process.communicate(timeout=20)[0])


def switch(name, generations):
    with Network(name, CANARY, workloads="abcd") as n:
        link = next(16 + i for i, w in enumerate("abcd") if w == "d")
        receiver = Poured(n, "receive", "b", n.v4("b"), 7002)
        sender = Poured(n, "send", "d", n.v4("b"), 7002)
        at_c = n.capture("c")
        canaries = [Stream(n, "a", "c", 7003, b"CANARY", family, stamped=True) for family in (4, 6)]
        never = [Stream(n, "a", "c", 7009, b"NEVER", family) for family in (4, 6)]
        wait_for("the canary arrives", lambda: at_c.with_text(b"CANARY"))
        files = [n.write(ALWAYS, "closed.yaml"), n.write(CANARY, "open.yaml")]
        closed, taken, busy = [], [], 0
        started = time.monotonic()
        for i in range(generations):
            opening = i % 2
            before = time.monotonic_ns()
            for _ in range(20):
                done = harness.bulkhead("apply", files[opening], "--json")
                if "another bulkhead is changing" not in done.stderr:
                    break
                busy += 1
                time.sleep(0.01)
            expect(done, 0)
            after = time.monotonic_ns()
            taken.append((after - before) / 1e6)
            if opening:
                closed[-1][1] = before
            else:
                closed.append([after, None])
                time.sleep(0.01)
        took = time.monotonic() - started
        closed[-1][1] = closed[-1][1] or time.monotonic_ns()
        time.sleep(0.3)
        for s in canaries + never:
            s.stop()
        sent = sender.end()
        time.sleep(0.2)
        received = receiver.end()
        found = counters(n)

        arrived = sorted(int(f.split(b"CANARY ")[1]) for f in at_c.with_text(b"CANARY "))
        rate = sent / took
        print(f"# {generations} generations in {took:.1f} s, apply {sorted(taken)[len(taken) // 2]:.1f} ms in the middle; "
              f"{rate:.0f} packets a second always allowed, {sent} sent, {received} received; {len(arrived)} canaries arrived")
        assert not at_c.lost(), "the capture lost frames: nothing is known"
        refused = {k: v for k, v in found.items() if k[0] == link and k[1] == 0 and k[2] not in (REASON_RULE, *NOT_OF_THE_FLOW)}
        assert not refused, f"packets of the flow that is always allowed were refused: {refused}"
        passed = found[link, 0, REASON_RULE]
        assert passed <= sent and passed >= 0.99 * sent, f"{sent} sent, {passed} decided"
        assert received >= 0.99 * passed, f"{passed} let through, {received} received"
        assert not at_c.with_text(b"NEVER"), "a packet that is never allowed arrived"
        at, late = 0, []
        for first, last in closed:
            while at < len(arrived) and arrived[at] <= first:
                at += 1
            while at < len(arrived) and arrived[at] < last:
                late.append((arrived[at] - first) / 1e6)
                at += 1
        assert not late, f"{len(late)} packets that were sent after the receipt of the withdrawal arrived, {late[:5]} ms after it"
        assert len(arrived) > generations, "hardly a canary arrived: nothing was shown"
        assert busy == 0, f"apply was refused {busy} times because the agent held the lock for a moment"


@case("200 policies in a row, under 100,000 packets a second: nothing allowed is refused, nothing withdrawn arrives after the receipt")
def _():
    switch("t6a", 200)


@case("1,000 policies in a row, under 100,000 packets a second: nothing allowed is refused, nothing withdrawn arrives after the receipt", long=True)
def _():
    switch("t6b", 1000)


if __name__ == "__main__":
    main(__doc__)
