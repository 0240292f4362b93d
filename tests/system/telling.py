#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What flows and top tell is what happened, and what a verb can tell nobody changes nothing of what it did.

    tests/system/telling.py [build/bulkhead] [--seed N] [--long] [--only TEXT]
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time

from harness import Network, STATE_ROOT, Skip, allow, bulkhead, case, expect, leaves_nothing, main, options, run, wait_for

RULES = {"a-to-b": allow("a", "b", "7001/tcp, 7002/udp"), "never": "deny: {from: a, to: c, ports: 7003/udp}"}
RECORDS_BYTES = 8 << 20  # src/record/record.h


def send(n, source, target, port, family=4, count=1):
    with n.socket(source, family, socket.SOCK_DGRAM) as s:
        for _ in range(count):
            with contextlib.suppress(OSError):
                s.sendto(b"hello", (n.address(target, family), port))
                time.sleep(0.01)


def flows(n, *arguments):
    return expect(bulkhead("flows", n.name, *arguments), 0).stdout


class Following:
    """`flows -f`, into a file."""

    def __init__(self, n, *arguments):
        self.path = os.path.join(n.directory, f"follow{len(n.stops)}")
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen([options.bulkhead, "flows", n.name, "-f", *arguments], stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT)
        n.stops.append(self.stop)

    def text(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def stop(self):
        self.process.kill()
        self.process.wait()


@case("flows tells who spoke to whom, what became of it, why and by which rule, as a table and as JSON")
def _():
    with Network("t12a", RULES) as n:
        for family in (4, 6):
            send(n, "a", "b", 7002, family)
            send(n, "a", "c", 7003, family)
            send(n, "b", "c", 7004, family)
        send(n, "a", "b", 53, 4)
        with n.socket("a", 4, socket.SOCK_DGRAM) as s:
            with contextlib.suppress(OSError):
                s.sendto(b"x", ("198.51.100.7", 9))
        wait_for("all is recorded", lambda: "198.51.100.7:9/udp" in flows(n))
        shown = flows(n)
        for line, times in ((r" allow +a:\d+ -> b:7002/udp  rule \(a-to-b\)$", 2), (r" deny +a:\d+ -> c:7003/udp  deny-rule \(never\)$", 2),
                            (r" deny +b:\d+ -> c:7004/udp  default-deny$", 2), (r" deny +a:\d+ -> 198.51.100.7:9/udp  default-deny$", 1)):
            assert len(re.findall(line, shown, re.M)) == times, f"{line} {times} times:\n{shown}"
        lines = [json.loads(line) for line in flows(n, "--json").splitlines()]
        assert [line for line in lines if line.get("rule") and line["rule"]["name"] == "never" and line["decision"] == "deny"], lines
        assert len(lines) == len(shown.splitlines())


@case("flows --suggest proposes rules that, taken over, allow what was refused for want of one, and nothing that a rule denies")
def _():
    with Network("t12b", RULES) as n:
        for family in (4, 6):
            send(n, "b", "c", 7004, family)
            send(n, "a", "c", 7003, family)
        wait_for("both are recorded", lambda: len(re.findall(r"b:\d+ -> c:7004/udp", flows(n))) == 2)
        found = flows(n, "--suggest")
        assert "7003" not in found and found.count("- name:") == 1, found
        assert json.loads(flows(n, "--suggest", "--json")) == {"suggestions": [{"from": "b", "to": "c", "ports": "7004/udp", "seen": 2}]}
        rule = re.search(r"name: (\S+).*\n +(allow: .*)", found)
        expect(n.apply({**RULES, rule.group(1): rule.group(2)}), 0, "gained: b -> c 7004/udp")
        for family in (4, 6):
            receiver = n.udp("c", 7004, family)
            send(n, "b", "c", 7004, family)
            assert receiver.recv(100) == b"hello"


@case("what is observed is recorded once a session and in its own direction: the rule that flows --suggest proposes is all that it lacks")
def _():
    with Network("t12o", RULES, more="enforce: observe\n") as n:
        for family in (4, 6):
            client, server = n.session("a", "c", 7001, family)
            for _ in range(3):  # of several seconds
                for one, other in ((client, server), (server, client)):
                    one.send(b"x")
                    assert other.recv(1) == b"x"
                time.sleep(0.5)
            client.close()
            server.close()
        wait_for("both are recorded", lambda: flows(n).count("observed") >= 2)
        time.sleep(0.3)
        shown = [line for line in flows(n).splitlines() if " observed " in line]
        assert len(shown) == 2 and all(re.search(r" a:\d+ -> c:7001/tcp  default-deny", line) for line in shown), shown
        assert json.loads(flows(n, "--suggest", "--json")) == {"suggestions": [{"from": "a", "to": "c", "ports": "7001/tcp", "seen": 2}]}
        seen = os.path.join(n.directory, "seen")
        with open(seen, "w", encoding="utf-8") as file:
            file.write(flows(n, "--json"))
        with_rule = n.write({**RULES, "suggested": allow("a", "c", "7001/tcp")}, "with.yaml")
        done = json.loads(bulkhead("diff", n.file, with_rule, "--flows", seen, "--json").stdout)
        assert done["compared"] == 2 and done["refused"] == 0, done
        # A session that passes by a rule, until that is taken away while only observing, is told then.
        client, server = n.session("a", "b", 7001)
        with n.socket("a", 4, socket.SOCK_DGRAM) as s:
            s.sendto(b"one way", (n.v4("b"), 7002))
            expect(n.apply({"never": RULES["never"]}, more="enforce: observe\n"), 0)
            s.sendto(b"one way", (n.v4("b"), 7002))
        wait_for("what goes one way is recorded too", lambda: re.search(r"observed +a:\d+ -> b:7002/udp  default-deny", flows(n)))
        server.send(b"x")
        wait_for("it is recorded in its own direction", lambda: re.search(r"observed +a:\d+ -> b:7001/tcp  default-deny", flows(n)))


@case("flows -f tells what happens from before the first record on, also when the records begin another file, until the network is gone")
def _():
    with Network("t12c", RULES) as n:
        n.kill_agent()
        path = f"{STATE_ROOT}/t12c/flows.jsonl"
        os.unlink(path)
        early = Following(n)
        time.sleep(0.3)
        assert early.process.poll() is None, "there are no records yet, and it has ended"
        with open(path, "w", encoding="utf-8") as file:  # an agent that comes finds it nearly full
            line = json.dumps({"time": "2026-01-01T00:00:00.000000Z", "network": "t12c", "kind": "agent", "message": "x" * 60000}) + "\n"
            file.write(line * (RECORDS_BYTES // len(line)))
        expect(bulkhead("up", n.file), 0)
        late = Following(n, "--json")
        for port in range(7100, 7200):  # each is a record; the file is full after some
            send(n, "b", "c", port)
        wait_for("the records begin another file", lambda: os.path.exists(path + ".1"), 5)
        send(n, "b", "c", 7999)
        for following, text in ((early, "-> c:7999/udp  default-deny"), (late, '"port": 7999')):
            wait_for(f"the last is told: {text}", lambda: text in following.text(), 5)
            for port in range(7100, 7200):
                wanted = f"-> c:{port}/udp" if following is early else f'"port": {port}'
                assert following.text().count(wanted) == 1, f"{port} is told {following.text().count(wanted)} times"
        expect(bulkhead("down", "t12c"), 0)
        assert early.process.wait(5) == 0 and late.process.wait(5) == 0


@case("a workload that floods takes nothing of what others told: neither room for events nor kept records")
def _():
    with Network("t12n", RULES) as n:
        def flood(*targets):
            with n.socket("a", 4, socket.SOCK_DGRAM) as s:
                for target in targets:
                    for port in range(8000, 63000):
                        s.sendto(b"x", (n.v4(target), port))

        def lost():
            return json.loads(expect(bulkhead("top", "t12n", "--json"), 0).stdout)["lost_events"]

        def told(first):
            return {int(port) for port in re.findall(r"b:\d+ -> c:(\d+)/udp", flows(n)) if first <= int(port) < first + 50}

        for port in range(7100, 7150):
            send(n, "b", "c", port)
        wait_for("what b is refused is recorded", lambda: len(told(7100)) == 50)
        agent = n.agent()
        os.kill(agent, signal.SIGSTOP)  # nobody reads: there is no room soon
        flood("b")
        assert lost() > 0, "the ring has room for all: this tests nothing"
        for port in range(7200, 7250):
            send(n, "b", "c", port)
        os.kill(agent, signal.SIGCONT)
        wait_for("what b was refused meanwhile is recorded", lambda: len(told(7200)) == 50)
        def recorded():
            return json.loads(expect(bulkhead("status", "t12n", "--json"), 0).stdout)["agent"]["recorded"]

        while recorded() < 60000:  # more than both files of one kind hold
            flood("b", "c")
        beyond = f"{STATE_ROOT}/t12n/flows-beyond.jsonl"
        assert os.path.exists(beyond + ".1")
        assert len(told(7100)) == len(told(7200)) == 50
        times = [r["time"] for r in map(json.loads, flows(n, "--json").splitlines())]
        assert len(times) > 20000 and max(abs(i - j) for i, j in enumerate(sorted(range(len(times)), key=times.__getitem__))) < 5000, "not in order"
        record = next(json.loads(line) for line in open(beyond, encoding="utf-8"))
        expect(bulkhead("why", n.file, "--flow", str(record["id"])), 1, "recorded as default-deny")


@case("flows passes over what is no record")
def _():
    with Network("t12d", RULES) as n:
        n.kill_agent()
        with open(f"{STATE_ROOT}/t12d/flows.jsonl", "ab") as file:
            file.write(b'{}\n{"time": "2026"}\n\0\xff\n' + os.urandom(3000) + b'\n{"id": 5, "time": "2026-01-01T00:00:00.000000Z", "decision": "deny"}\n')
        done = subprocess.run([options.bulkhead, "flows", "t12d"], capture_output=True, timeout=10, check=False)
        assert done.returncode == 0 and b"00:00:00 deny" in done.stdout, done
        assert done.stdout.count(b"\n") == 2, done.stdout


@case("top counts what each workload sent, received and was refused, by reason, with the agent dead too")
def _():
    with Network("t12e", RULES) as n:
        n.kill_agent()
        for family in (4, 6):
            n.udp("b", 7002, family)
            send(n, "a", "b", 7002, family, count=5)
            send(n, "a", "c", 7003, family, count=3)
            send(n, "b", "c", 7004, family, count=2)
        found = {w["workload"]: w for w in json.loads(expect(bulkhead("top", "t12e", "--json"), 0).stdout)["workloads"]}
        assert found["a"]["sent"]["packets"] == found["b"]["received"]["packets"] == 10, found
        assert found["a"]["refused"]["deny-rule"] == 6 and found["b"]["refused"]["default-deny"] == 4 and found["c"]["kept_away"] == 10, found
        shown = expect(bulkhead("top", "t12e"), 0).stdout
        assert re.search(r"^a +10 +0 +0 +\d+ +0\n(?:  .*\n)*  deny-rule +6$", shown, re.M), shown
        assert all(len(line) <= 80 for line in shown.splitlines()), shown


@case("up whose output nobody takes leaves the network whole, with its agent")
def _():
    with Network("t12f", RULES, start=False) as n:
        for taker, first in (("/dev/full", True), ("/dev/full", False), (None, False)):
            with open(taker, "wb") if taker else contextlib.nullcontext() as out:
                command = [options.bulkhead, "up", n.file] if taker else ["sh", "-c", f"{options.bulkhead} up {n.file} >&- 2>&-"]
                done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=30, check=False)
            assert done.returncode == 2, done
            told = done.stderr.decode()
            if taker:
                assert "standard output: No space left on device" in told, told
                assert ("t12f is up and enforced; its workloads and addresses could not be written" if first else
                        "t12f enforces the new policy; the access gained and lost, and the receipt, could not be written") in told, told
            assert n.agent(), "no agent runs"
            expect(bulkhead("status", "t12f"), 0)
            n.session("a", "b", 7001)
            n.kill_agent()  # the second `up` is an apply, and starts it again


@case("matrix --live of another file than the one in force says so, and tries what the policy in force opens too")
def _():
    with Network("t12i", RULES) as n:
        less = n.write({"a-to-b": allow("a", "b", "7002/udp"), "never": RULES["never"]}, "less.yaml")
        done = expect(bulkhead("matrix", less, "--live"), 1, "another policy is in force than ", "NOT as the policy says")
        for family in (4, 6):
            assert f"DIFFERS: a -> b 7001/tcp (IPv{family}): the policy refuses it, and it arrived" in done.stdout, done
        alike = n.write({**RULES, "nor-this": "deny: {from: c, to: b, ports: 7009/tcp}"}, "alike.yaml")
        expect(bulkhead("matrix", alike, "--live"), 0, "did not: as the file says, but another policy is in force")
        assert json.loads(expect(bulkhead("matrix", alike, "--live", "--json"), 0).stdout)["file_in_force"] is False
        done = expect(bulkhead("matrix", n.file, "--live"), 0, "exactly as the policy says")
        assert "in force" not in done.stdout, done


@case("status says of what differs who can put it right: the agent that runs and can, one to be started, or that the one that runs cannot")
def _():
    with Network("t12j", RULES) as n:
        starts = "`bulkhead agent t12j` puts right what it can"
        shown = expect(bulkhead("status", "t12j"), 0, "links      3 of 3, the datapath is on all of them").stdout
        assert not re.search(r"\b1 (times|events|things)\b", shown), shown
        n.kill_agent()
        n.hub("tc", "filter", "del", "dev", n.hub_links()[0], "ingress")
        expect(bulkhead("status", "t12j"), 1, f"3 of 3, 1 thing about them differs: {starts}")
        run("ip", "netns", "del", "t12j-b")
        wait_for("its link has gone with it", lambda: len(n.hub_links()) == 2)
        expect(bulkhead("up", n.file), 2, "workload b has no link")
        wait_for("the agent has looked", lambda: "looked" in bulkhead("status", "t12j").stdout)
        shown = expect(bulkhead("status", "t12j"), 1, "links      2 of 3", "the agent cannot put all of it right", "cannot put right: workload b").stdout
        assert starts not in shown, shown


@case("confirm and apply for a network that is not up leave no trace")
def _():
    with Network("t12g", RULES, start=False) as n:
        expect(bulkhead("confirm", "t12g"), 2, "not up")
        expect(bulkhead("apply", n.file), 2, "not up")
        assert not os.path.exists(f"{STATE_ROOT}/t12g.lock")
        leaves_nothing("t12g")


@case("what a link in the place of a network's state leads to is neither used nor emptied")
def _():
    with Network("t12h", RULES, start=False) as n:
        elsewhere = os.path.join(n.directory, "elsewhere")
        os.makedirs(elsewhere)
        os.makedirs(STATE_ROOT, 0o700, exist_ok=True)
        with open(os.path.join(elsewhere, "precious"), "w", encoding="utf-8") as file:
            file.write("mine")
        os.symlink(elsewhere, f"{STATE_ROOT}/t12h")
        try:
            for command in (("up", n.file), ("down", "t12h")):
                expect(bulkhead(*command), 2, f"{STATE_ROOT}/t12h", "remove it")
                assert os.listdir(elsewhere) == ["precious"]
        finally:
            os.unlink(f"{STATE_ROOT}/t12h")
        expect(bulkhead("up", n.file), 0)


ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")


def main_job(*before):
    """tools/up, and the lines that it printed."""
    command = [*before, f"{ROOT}/tools/up"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False,
                          env={**os.environ, "BULKHEAD": options.bulkhead})
    print(f"# {' '.join(before)} tools/up: {len(done.stdout.splitlines())} lines")
    wide = [line for line in done.stdout.splitlines() if len(line) > 80]
    assert not wide, "wider than 80 columns:\n" + "\n".join(wide)
    return done


@case("the main job shows traffic, refusals with their reasons and a withdrawal that cuts, within 30 s and 80 columns, and leaves the network up")
def _():
    if os.path.exists(f"{STATE_ROOT}/shop"):
        raise Skip("a network called shop is up: bulkhead down shop")
    started = time.monotonic()
    try:
        done = expect(main_job(), 0, "shop is up", "exactly as the policy says", "IPv6: Connection refused", "(examples/shop.yaml:", "1 live session was cut",
                      "the connection has ended: Connection reset by peer", "Three things to try next")
        assert time.monotonic() - started < 30 and "CONNECTED" not in done.stdout and not done.stderr, done
        assert re.search(r"\n[1-9]\d* arrived, [1-9]\d* did not: ", done.stdout), done.stdout
        assert re.search(r"lost: orders -> ledger 5432/tcp.*gained: orders -> ledger 5432/tcp", done.stdout, re.S), done.stdout
        expect(bulkhead("status", "shop"), 0, "5 of 5 run")
    finally:
        expect(bulkhead("down", "shop"), 0)


@case("where the machine does not permit the network, the main job says what is missing, shows what needs none, and exits 2")
def _():
    if os.path.exists(f"{STATE_ROOT}/shop"):
        raise Skip("a network called shop is up: bulkhead down shop")
    done = expect(main_job("setpriv", "--bounding-set", "-net_admin"), 2, "CAP_NET_ADMIN", "$ bulkhead check", "$ bulkhead matrix", "$ bulkhead why",
                  "web-never-touches-data", "$ bulkhead diff", "lost: orders -> ledger 5432/tcp")
    assert "live half" in done.stdout
    leaves_nothing("shop")


if __name__ == "__main__":
    main(__doc__)
