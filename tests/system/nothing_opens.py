#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever is detached, deleted or killed, at no moment does a forbidden packet arrive; and it is repaired.

All under streams of forbidden datagrams, with a receiver of every frame at their target.

    tests/system/nothing_opens.py [build/bulkhead] [--seed N] [--long] [--only TEXT]
"""

import contextlib
import glob
import json
import os
import signal
import subprocess
import time

from harness import (Network, PIN_ROOT, Stream, agents_of, allow, bulkhead, carries, case, counters, expect, main, namespace_inodes, options,
                     processes_in, processes_with, run, said, wait_for)

RULES = {"a-to-b": allow("a", "b", "7001/tcp, 7002/udp")}
FORBIDDEN, ALLOWED = b"FORBIDDEN", b"ALLOWED"
REPAIRED = 10  # s
STARVED = 2  # s; as long as a process may not run on a busy machine


@contextlib.contextmanager
def under_traffic(n, patience=0.3):
    """Forbidden and allowed streams of both families; nothing forbidden may arrive, before, within or after."""
    at_c, at_b = n.capture("c"), n.capture("b")
    streams = [Stream(n, "a", "c", 7002, FORBIDDEN, family) for family in (4, 6)]
    streams += [Stream(n, "a", "b", 7009, FORBIDDEN, family) for family in (4, 6)]
    streams += [Stream(n, "a", "b", 7002, ALLOWED, family, rate=200) for family in (4, 6)]
    flow = Flow(at_b)
    wait_for("the allowed streams arrive", flow.goes_on)
    time.sleep(patience)
    yield flow
    time.sleep(patience)
    for s in streams:
        s.stop()
    assert all(s.sent > 20 for s in streams), [(s.sent, s.refused) for s in streams]
    for where, capture in (("c", at_c), ("b", at_b)):
        got = [f for f in capture.with_text(FORBIDDEN) if f[12:14] in (b"\x08\0", b"\x86\xdd")]
        assert not got, f"{len(got)} forbidden packets arrived at {where}, of {sum(s.sent for s in streams)}: {got[0].hex()}"
        assert not capture.lost(), "the capture itself lost frames: nothing is known"


class Flow:
    """The allowed streams, as their receiver sees them."""

    def __init__(self, capture):
        self.capture = capture

    def counts(self):
        frames = self.capture.with_text(ALLOWED)
        return [sum(f[12:14] == kind for f in frames) for kind in (b"\x08\0", b"\x86\xdd")]

    def goes_on(self):
        """Of each family more arrives. On a busy machine the sender may not run for a while: that decides nothing."""
        before, until = self.counts(), time.monotonic() + STARVED
        while not all(now > then + 2 for now, then in zip(self.counts(), before)):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True


def repairs(n):
    return [r["message"] for r in n.records() if r.get("kind") == "repair"]


def is_repaired(n, flow, before):
    wait_for("traffic that is allowed flows again", flow.goes_on, REPAIRED)
    wait_for("it is recorded", lambda: len(repairs(n)) > before, REPAIRED)


def delete_filters(n):
    for link in n.hub_links():
        n.hub("tc", "filter", "del", "dev", link, "ingress")


def delete_qdiscs(n):
    for link in n.hub_links():
        n.hub("tc", "qdisc", "del", "dev", link, "clsact")


def replace_qdiscs(n):
    """By one for what arrives alone, or by one that shares its filters with others and takes none for itself."""
    for i, link in enumerate(n.hub_links()):
        n.hub("tc", "qdisc", "del", "dev", link, "clsact")
        n.hub("tc", "qdisc", "replace", "dev", link, *(["ingress"] if i % 2 else ["ingress_block", "7", "clsact"]))
        n.hub("tc", "qdisc", "replace", "dev", link, "root", "pfifo")


def replace_programs(n):
    """By one that lets everything pass."""
    for link in n.hub_links():
        n.hub("tc", "filter", "replace", "dev", link, "ingress", "protocol", "all", "prio", "1", "handle", "1", "bpf",
              "bytecode", "1,6 0 0 4294967295", "flowid", "1:1")


def switch_forwarding_on(n):
    """And delete what decides: the kernel's own forwarding must find nothing to do."""
    for setting in ("net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding", "net/ipv6/conf/all/forwarding"):
        n.hub("sh", "-c", f"echo 1 >/proc/sys/{setting}")
    delete_qdiscs(n)


def elsewhere(n):
    """A namespace that is nobody's, for the life of the network."""
    run("ip", "netns", "add", f"{n.name}-x")
    n.stops.append(lambda: run("ip", "netns", "del", f"{n.name}-x", status=None))
    return f"{n.name}-x"


def delete_links(n):
    for link in n.hub_links():
        n.hub("ip", "link", "del", link)


def move_links(n):
    away = elsewhere(n)
    for link in n.hub_links():
        n.hub("ip", "link", "set", link, "netns", away)


def replace_links(n):
    """By others of the same name, number and MAC, whose other ends are somebody else's."""
    away = elsewhere(n)
    for link in n.hub_links():
        there = json.loads(n.hub("ip", "-j", "link", "show", link).stdout)[0]
        n.hub("ip", "link", "del", link)
        n.hub("ip", "link", "add", link, "index", str(there["ifindex"]), "address", there["address"], "up", "type", "veth", "peer",
              "name", "eth0", "netns", away)
        run("ip", "-n", away, "link", "set", "eth0", "name", link, "up")


ATTACKS = (
    ("deleting the filters on the hub's links", "t3a", delete_filters),
    ("deleting the clsact qdiscs", "t3b", delete_qdiscs),
    ("replacing the qdiscs", "t3c", replace_qdiscs),
    ("replacing the programs by one that passes everything", "t3d", replace_programs),
    ("switching the hub's forwarding on and deleting the qdiscs", "t3e", switch_forwarding_on),
    ("deleting the hub's links", "t3t", delete_links),
    ("moving the hub's links into another namespace", "t3u", move_links),
    ("putting other links in the place of the hub's", "t3v", replace_links),
)


def register(what, name, attack):
    @case(f"{what} opens nothing; it is repaired within {REPAIRED} s, recorded, and what is allowed flows again")
    def _():
        with Network(name, RULES) as n, under_traffic(n) as flow:
            before = len(repairs(n))
            attack(n)
            is_repaired(n, flow, before)
            n.session("a", "b", 7001)

    @case(f"{what} with the agent killed opens nothing; an agent that is started adopts and repairs")
    def _():
        with Network(name + "k", RULES) as n, under_traffic(n) as flow:
            n.kill_agent()
            session = n.session("a", "b", 7001)
            attack(n)
            wait_for("the allowed traffic stops: nothing decides it", lambda: not flow.goes_on())
            time.sleep(1)
            before = len(repairs(n))
            start_agent(n)
            is_repaired(n, flow, before)
            assert carries(*session), "a session that stood before is lost"


for entry in ATTACKS:
    register(*entry)


def start_agent(n):
    agent = subprocess.Popen([options.bulkhead, "agent", n.name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)

    def stop():
        agent.kill()
        agent.wait()
    n.stops.append(stop)
    wait_for("the agent runs, or has said why not", lambda: n.agent() or agent.poll() is not None)
    assert agent.poll() is None, f"the agent ended: {agent.stderr.read()}"
    return agent


def remove_pins(n):
    for path in glob.glob(f"{PIN_ROOT}/{n.name}/*"):
        os.unlink(path)
    os.rmdir(f"{PIN_ROOT}/{n.name}")


@case("removing every pin opens and breaks nothing; the agent pins again, and records it")
def _():
    with Network("t3f", RULES) as n, under_traffic(n) as flow:
        session = n.session("a", "b", 7001)
        remove_pins(n)
        assert flow.goes_on() and carries(*session)
        wait_for("the pins are back", lambda: os.path.exists(f"{PIN_ROOT}/t3f/program"), REPAIRED)
        wait_for("it is recorded", lambda: any("pins" in m for m in repairs(n)), REPAIRED)
        assert flow.goes_on() and carries(*session)
        assert n.receipt({})["cut"] >= 1
        assert not carries(*session, timeout=0.5)


@case("removing one pin is repaired and recorded too")
def _():
    with Network("t3g", RULES) as n:
        for pin in ("control", "program"):
            os.unlink(f"{PIN_ROOT}/t3g/{pin}")
            wait_for(f"{pin} is pinned again", lambda: os.path.exists(f"{PIN_ROOT}/t3g/{pin}"), REPAIRED)
        wait_for("it is recorded", lambda: any("pin" in m for m in repairs(n)), 3)


@case("removing every pin with the agent killed opens and breaks nothing")
def _():
    with Network("t3h", RULES) as n, under_traffic(n) as flow:
        session = n.session("a", "b", 7001)
        n.kill_agent()
        remove_pins(n)
        time.sleep(1)
        assert flow.goes_on() and carries(*session)
        for arguments in (["apply", n.file], ["up", n.file]):
            done = bulkhead(*arguments)
            assert done.returncode in (0, 2) and (done.returncode == 0 or "t3h" in done.stderr), said(done)
        assert flow.goes_on() and carries(*session)


@case("an agent that is started when every pin is gone adopts what runs, and pins it again")
def _():
    with Network("t3s", RULES) as n, under_traffic(n) as flow:
        session = n.session("a", "b", 7001)
        n.kill_agent()
        remove_pins(n)
        start_agent(n)
        wait_for("the pins are back", lambda: os.path.exists(f"{PIN_ROOT}/t3s/program"), REPAIRED)
        assert flow.goes_on() and carries(*session)
        expect(n.apply({}), 0)


@case("down works when every pin is gone and the agent is dead")
def _():
    with Network("t3i", RULES) as n:
        n.kill_agent()
        remove_pins(n)
        expect(bulkhead("down", "t3i"), 0)


@case("turning the hub's links off and on opens nothing, and what is allowed flows again")
def _():
    with Network("t3j", RULES) as n, under_traffic(n) as flow:
        session = n.session("a", "b", 7001)
        for link in n.hub_links():
            n.hub("ip", "link", "set", link, "down")
        time.sleep(0.5)
        for link in n.hub_links():
            n.hub("ip", "link", "set", link, "up")
        wait_for("traffic that is allowed flows again", flow.goes_on, REPAIRED)
        assert carries(*session)


@case("a hub's link that is off is turned on again by the agent within 10 s")
def _():
    with Network("t3k", RULES) as n, under_traffic(n) as flow:
        before = len(repairs(n))
        n.hub("ip", "link", "set", n.hub_links()[0], "down")
        is_repaired(n, flow, before)


@case("kill -9 of the agent changes nothing: enforcement, sessions, counters, `run:` processes, exec and apply go on")
def _():
    with Network("t3m", RULES, run_in={"b": '{command: [sleep, "773001"], restart: always}'}) as n, under_traffic(n) as flow:
        four, six = n.session("a", "b", 7001, 4), n.session("a", "b", 7001, 6)
        process, before = processes_with("773001"), counters(n)
        n.kill_agent()
        for _ in range(10):
            assert flow.goes_on() and carries(*four) and carries(*six)
        assert processes_with("773001") == process
        after = counters(n)
        assert all(after.get(k, 0) >= v for k, v in before.items()) and sum(after.values()) > sum(before.values())
        assert n.exec("a", "true").returncode == 0
        assert n.receipt({**RULES, "more": allow("c", "b", "any")})["cut"] == 0
        assert carries(*four) and processes_with("773001") == process
        start_agent(n)
        wait_for("it says so", lambda: [r.get("kind") for r in n.records()].count("agent") >= 2)
        time.sleep(2.5)
        assert carries(*four) and carries(*six) and processes_with("773001") == process
        assert counters(n)[16, 0, 19] >= after[16, 0, 19]


@case("killing everything of bulkhead but what it runs opens and breaks nothing")
def _():
    with Network("t3n", RULES, run_in={"b": '{command: [sleep, "773002"], restart: always}'}) as n, under_traffic(n) as flow:
        session, process = n.session("a", "b", 7001), processes_with("773002")
        own = set(processes_in(namespace_inodes("t3n")))
        for pid in agents_of("t3n"):
            os.kill(pid, signal.SIGKILL)
        for path in glob.glob("/proc/[0-9]*/exe"):
            with contextlib.suppress(OSError):
                pid = int(path.split("/")[2])
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    if b"t3n" in file.read() and os.readlink(path) == options.bulkhead and pid not in own:
                        os.kill(pid, signal.SIGKILL)
        time.sleep(2)
        assert flow.goes_on() and carries(*session) and processes_with("773002") == process
        expect(bulkhead("up", n.file), 0)
        wait_for("up has started the agent again", n.agent)
        assert carries(*session) and processes_with("773002") == process


@case("a `run:` process that is killed runs again, and its network was never open")
def _():
    with Network("t3o", RULES, run_in={"b": '{command: [sleep, "773003"], restart: always}'}) as n, under_traffic(n) as flow:
        for who in ("its init", "the command"):
            before = processes_with("773003")
            pids = processes_in({os.stat(n.netns("b")).st_ino})
            os.kill(min(pids) if who == "its init" else max(pids), signal.SIGKILL)
            wait_for(f"it runs again after {who} was killed",
                     lambda: (now := processes_with("773003")) and not set(now) & set(before), REPAIRED)
        assert flow.goes_on()


@case("a second agent refuses to run beside the first")
def _():
    with Network("t3p", RULES) as n:
        first = n.agent()
        expect(bulkhead("agent", "t3p", timeout=5), 2, "runs already")
        assert n.agent() == first
        done = bulkhead("agent", "t3p-not-there", timeout=5)
        assert done.returncode == 2 and "not up" in done.stderr, said(done)


@case("the agent ends with its network, and SIGTERM ends it alone")
def _():
    with Network("t3q", RULES) as n, under_traffic(n) as flow:
        pid = n.agent()
        os.kill(pid, signal.SIGTERM)
        wait_for("it has ended", lambda: not n.agent(), 3)
        assert flow.goes_on()
        start_agent(n)
        pid = n.agent()
        expect(bulkhead("down", "t3q"), 0)
        wait_for("it has ended", lambda: not agents_of("t3q"), 3)
        with Network("t3q", RULES) as again:
            again.session("a", "b", 7001)
            return


def lose_name(n, workload, entirely=True):
    run("umount", n.netns(workload))
    if entirely:
        os.unlink(n.netns(workload))


@case("a namespace that lives and has lost its name is told, and the agent gives it back to the one that the link leads to, and to no other")
def _():
    with Network("t3s", RULES, run_in={"b": "{command: [sleep, '771301']}"}) as n:
        inode, session = os.stat(n.netns("b")).st_ino, n.session("a", "b", 7001)
        n.kill_agent()
        for entirely in (True, False):  # a file is left when it is only unmounted
            lose_name(n, "b", entirely)
            expect(bulkhead("status", "t3s"), 1, "DIFFERS", "names      /run/netns/t3s-b is not the namespace", "bulkhead agent t3s")
            assert json.loads(bulkhead("status", "t3s", "--json").stdout)["names"] == {"differ": 1}
            start_agent(n)
            wait_for("it has its name", lambda: bulkhead("status", "t3s").returncode == 0, REPAIRED)
            assert os.stat(n.netns("b")).st_ino == inode and carries(*session)
            expect(n.exec("b", "true"), 0)
            n.kill_agent()
        wait_for("it is recorded", lambda: sum("names of namespaces" in json.dumps(r) for r in n.records()) == 2)
        # The next up puts it right too; where no process leads to it, or another has the name, that is told.
        lose_name(n, "b")
        expect(bulkhead("up", n.file), 0)
        expect(bulkhead("status", "t3s"), 0)
        lose_name(n, "a")  # whose namespace lives by the session's socket alone
        wait_for("the agent says so", lambda: "workload a: its namespace has no name" in bulkhead("status", "t3s").stdout, REPAIRED)
        expect(bulkhead("status", "t3s"), 1, "cannot put all of it right", "no process is in it")
        run("ip", "netns", "add", "t3s-a")
        wait_for("the agent says so", lambda: "another namespace has its name" in bulkhead("status", "t3s").stdout, REPAIRED)
        assert carries(*session)
        run("ip", "netns", "del", "t3s-a")
        expect(bulkhead("down", "t3s"), 0)


@case("whoever deletes the hub's namespace by name opens nothing, and down takes the rest away")
def _():
    with Network("t3r", RULES) as n, under_traffic(n):
        inodes = namespace_inodes("t3r")
        run("ip", "netns", "del", "t3r-hub")
        time.sleep(2.5)
        before = {int(pid) for pid in os.listdir("/proc") if pid.isdigit()}
        expect(bulkhead("down", "t3r"), 0)
        left = before & set(processes_in(inodes))  # who came since may have a namespace that got such a number again
        assert not left, left


if __name__ == "__main__":
    main(__doc__)
