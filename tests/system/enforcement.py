#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the policy allows arrives and nothing else does; what is withdrawn ends, on time, with every daemon dead.

    tests/system/enforcement.py [build/bulkhead] [--seed N] [--long] [--only TEXT]
"""

import contextlib
import glob
import json
import os
import pty
import select
import socket
import struct
import subprocess
import threading
import time

from harness import Network, allow, bulkhead, carries, case, expect, leaves_nothing, main, options, STATE_ROOT, wait_for

RULES = {"a-to-b": allow("a", "b", "7001/tcp, 7002/udp, icmp")}
AT_ONCE = 0.5  # s


def refused(network, source, target, port, family, within=AT_ONCE):
    """A connection is refused, and how fast: at once, or else the assertion says what happened instead."""
    started = time.monotonic()
    try:
        network.connect(source, target, port, family, timeout=3).close()
    except ConnectionRefusedError:
        took = time.monotonic() - started
        assert took < within, f"refused, but after {took:.3f} s"
        return
    except OSError as problem:
        raise AssertionError(f"neither refused nor connected: {problem!r} after {time.monotonic() - started:.3f} s") from problem
    raise AssertionError(f"{source} -> {target}:{port} (IPv{family}) was connected")


def arrives(network, source, target, port, family, text=b"hello", within=0.15):
    """Whether a datagram is read by the one it is for."""
    receiver = network.udp(target, port, family)
    sender = network.socket(source, family, socket.SOCK_DGRAM)
    try:
        sender.sendto(text, (network.address(target, family), port))
        return bool(select.select([receiver], [], [], within)[0]) and receiver.recv(100) == text
    finally:
        receiver.close()
        sender.close()


def ping(network, source, target, family, identifier=77, within=0.15):
    """Whether an echo request is answered."""
    protocol = socket.IPPROTO_ICMP if family == 4 else socket.IPPROTO_ICMPV6
    with network.socket(source, family, socket.SOCK_RAW, protocol) as s:
        body = struct.pack("!BBHHH", 8 if family == 4 else 128, 0, 0, identifier, 1) + b"bulkhead"
        if family == 4:
            total = sum(struct.unpack(f"!{len(body) // 2}H", body))
            total = (total >> 16) + (total & 0xffff)
            body = body[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + body[4:]
        s.sendto(body, (network.address(target, family), 0))
        end = time.monotonic() + within
        while time.monotonic() < end:
            s.settimeout(max(0.01, end - time.monotonic()))
            try:
                got = s.recv(2000)
            except socket.timeout:
                return False
            except OSError:
                continue
            got = got[20:] if family == 4 else got
            if got[0] == (0 if family == 4 else 129) and got[4:6] == struct.pack("!H", identifier):
                return True
        return False


def both_talk(client, server, seconds):
    """Both ends send all the time. Returns when each end saw the connection end (s from the beginning), or None."""
    ended = [None, None]
    started = time.monotonic()

    def talk(i, s):
        s.settimeout(0.05)
        while time.monotonic() - started < seconds:
            try:
                s.sendall(b"x" * 100)
                try:
                    if not s.recv(65536):
                        break
                except socket.timeout:
                    pass
                time.sleep(0.005)
            except OSError:
                ended[i] = time.monotonic() - started
                return
    threads = [threading.Thread(target=talk, args=(i, s)) for i, s in enumerate((client, server))]
    for t in threads:
        t.start()
    return ended, threads, started


@case("TCP, UDP and ICMP that a rule allows arrive, in both families")
def _():
    with Network("t2a", RULES) as n:
        for family in (4, 6):
            client, server = n.session("a", "b", 7001, family)
            assert server.getpeername()[0] == n.address("a", family), "the receiver sees who it is"
            big = os.urandom(3 << 20)
            sender = threading.Thread(target=client.sendall, args=(big,))
            sender.start()
            got = b""
            while len(got) < len(big):
                got += server.recv(1 << 20)
            sender.join()
            assert got == big
            assert arrives(n, "a", "b", 7002, family) and arrives(n, "a", "b", 7002, family, os.urandom(1400)[:100])
            assert ping(n, "a", "b", family)


@case("what no rule allows does not arrive, in both families, in any direction, also within a segment")
def _():
    with Network("t2b", RULES, workloads="abcd") as n:
        captures = {w: n.capture(w) for w in "abcd"}
        for family in (4, 6):
            for source, target in ("ac", "ca", "ba", "cb", "bc", "ad", "da", "db"):
                refused(n, source, target, 7001, family)
                assert not arrives(n, source, target, 7002, family, b"FORBIDDEN")
                assert not ping(n, source, target, family)
            refused(n, "a", "b", 7003, family)
            refused(n, "a", "b", 7002, family)
            assert not arrives(n, "a", "b", 7001, family, b"FORBIDDEN")
        for w, capture in captures.items():
            got = capture.with_text(b"FORBIDDEN")
            # What is quoted in an ICMP error comes back to the one who sent it, and is no delivery.
            got = [f for f in got if not is_error(f)]
            assert not got, f"{w} got {got[0].hex()}"
            syns = [f for f in capture.frames if f[12:14] == b"\x08\0" and f[23] == 6 and f[47] & 0x12 == 2]
            assert not syns, f"{w} got a SYN: {syns[0].hex()}"


def is_error(frame):
    if frame[12:14] == b"\x08\0":
        return frame[23] == 1 and frame[34] in (3, 11, 12)
    return frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] < 128


@case("a refused datagram is answered at once, so that its sender fails and does not wait")
def _():
    with Network("t2c", RULES) as n:
        for family in (4, 6):
            s = n.socket("a", family, socket.SOCK_DGRAM)
            s.connect((n.address("c", family), 7002))
            started = time.monotonic()
            s.send(b"hello")
            s.settimeout(2)
            try:
                s.recv(100)
                raise AssertionError("something was received")
            except socket.timeout as problem:
                raise AssertionError("no error came back") from problem
            except OSError:
                assert time.monotonic() - started < AT_ONCE


@case("with `refuse: drop` a refusal is silence")
def _():
    with Network("t2d", RULES, more="refuse: drop\n") as n:
        capture = n.capture("a")
        for family in (4, 6):
            s = n.socket("a", family, socket.SOCK_STREAM)
            s.settimeout(0.7)
            try:
                s.connect((n.address("c", family), 7001))
                raise AssertionError("connected")
            except socket.timeout:
                pass
            d = n.socket("a", family, socket.SOCK_DGRAM)
            d.sendto(b"hello", (n.address("c", family), 7002))
            n.session("a", "b", 7001, family)
        ends = [n.v4("c"), n.v6("c")]
        ends = {socket.inet_pton(socket.AF_INET6 if ":" in e else socket.AF_INET, e) for e in ends}
        assert not [f for f in capture.frames if f[26:30] in ends or f[22:38] in ends or is_error(f)]


@case("access that is withdrawn ends: open and idle TCP and a UDP flow, and the receipt lists each with its rule")
def _():
    for family in (4, 6):
        with Network("t2e", {**RULES, "c-to-b": allow("c", "b", "7005/tcp")}) as n:
            talking, idle, stays = n.session("a", "b", 7001, family), n.session("a", "b", 7001, family), n.session("c", "b", 7005, family)
            receiver, sender = n.udp("b", 7002, family), n.udp("a", 9999, family)
            for _ in range(2):  # a reply, and an answer to that: a confirmed session
                sender.sendto(b"one", (n.address("b", family), 7002))
                assert receiver.recv(10) == b"one"
                receiver.sendto(b"two", (n.address("a", family), 9999))
                assert sender.recv(10) == b"two"
            ended, threads, started = both_talk(*talking, 5)
            time.sleep(0.3)
            assert ended == [None, None]
            receipt = n.receipt({"c-to-b": allow("c", "b", "7005/tcp")})
            applied = time.monotonic() - started
            for t in threads:
                t.join()
            for end, who in zip(ended, ("client", "server")):
                assert end is not None and end < applied + AT_ONCE, f"the {who} saw the end at {end}, applied at {applied:.2f}"
            name, port = talking[0].getsockname()[1], idle[0].getsockname()[1]
            wanted = {(f"a:{name}", "b:7001"), (f"a:{port}", "b:7001"), ("a:9999", "b:7002")}
            listed = {(s["from"], s["to"]) for s in receipt["sessions"]}
            assert wanted == listed, f"{receipt}"
            assert receipt["cut"] == 3 and {s["rule"] for s in receipt["sessions"]} == {"a-to-b"}, receipt
            assert receipt["kept"] >= 1 and carries(*stays) and carries(stays[1], stays[0])
            sender.sendto(b"three", (n.address("b", family), 7002))
            receiver.sendto(b"four", (n.address("a", family), 9999))
            assert not select.select([receiver], [], [], 0.3)[0]
            assert not carries(*idle, timeout=0.5)
            refused(n, "a", "b", 7001, family)


@case("of a connection that is withdrawn, not one byte arrives after the receipt")
def _():
    with Network("t2f", RULES) as n:
        client, server = n.session("a", "b", 7001)
        capture = n.capture("b")
        stopping = threading.Event()

        def pour():
            number = 0
            while not stopping.is_set():
                try:
                    client.sendall(b"%012d" % number)
                    number += 1
                except OSError:
                    return
        pouring = threading.Thread(target=pour)
        pouring.start()
        drain = threading.Thread(target=lambda: [None for _ in iter(lambda: receive(server), b"")])
        drain.start()
        time.sleep(0.5)
        n.receipt({})
        time.sleep(0.05)  # what was received before is also read
        count = len([f for f in capture.frames if f[12:14] == b"\x08\0" and f[23] == 6 and len(f) > 60])
        time.sleep(0.5)
        after = [f for f in capture.frames if f[12:14] == b"\x08\0" and f[23] == 6 and len(f) > 60][count:]
        stopping.set()
        pouring.join()
        server.close()
        drain.join()
        assert count > 10 and not after, f"{count} segments before, {len(after)} after"


def receive(s):
    try:
        return s.recv(65536)
    except OSError:
        return b""


@case("a session is only cut when no rule allows it any more: an apply that adds, or moves it to another rule, cuts nothing")
def _():
    with Network("t2g", RULES) as n:
        four, six = n.session("a", "b", 7001, 4), n.session("a", "b", 7001, 6)
        for rules in ({**RULES, "more": allow("c", "b", "any")}, {"first": allow("c", "a", "any"), **RULES},
                      {"other-name": allow("segment:red", "segment:blue", "7000-7010/tcp")}):
            receipt = n.receipt(rules)
            assert receipt["cut"] == 0 and receipt["kept"] == 2, receipt
            assert carries(*four) and carries(*six)
        receipt = n.receipt({**rules, "no": "deny: {from: a, to: b, ports: 7001/tcp}"})
        assert receipt["cut"] == 2, receipt
        assert not carries(*four, timeout=0.5) and not carries(*six, timeout=0.5)


@case("apply --confirm goes back by itself when the agent is dead, and cuts what only the new policy allowed")
def _():
    with Network("t2h", RULES) as n:
        old = n.session("a", "b", 7001)
        n.kill_agent()
        started = time.monotonic()
        receipt = n.receipt({"new": allow("a", "c", "7001/tcp")}, "--confirm", "3s")
        assert receipt["cut"] == 1 and not carries(*old, timeout=0.3)
        new = n.session("a", "c", 7001)
        refused(n, "a", "b", 7001, 4)
        time.sleep(max(0.0, started + 2.4 - time.monotonic()))
        assert carries(*new), "gone before its time"
        time.sleep(max(0.0, started + 3.4 - time.monotonic()))
        assert not carries(*new, timeout=0.3), "still there after its time"
        refused(n, "a", "c", 7001, 4)
        n.session("a", "b", 7001)
        expect(bulkhead("confirm", "t2h"), 1)
        # What comes next starts from the policy that is in force.
        assert n.receipt({**RULES, "more": allow("c", "b", "any")})["cut"] == 0
        n.session("a", "b", 7001)


@case("confirm keeps what apply --confirm changed, with the agent dead; a second one has nothing to confirm")
def _():
    with Network("t2i", RULES) as n:
        n.kill_agent()
        n.receipt({"new": allow("a", "c", "7001/tcp")}, "--confirm", "2s")
        expect(bulkhead("confirm", "t2i"), 0)
        expect(bulkhead("confirm", "t2i"), 1)
        time.sleep(2.3)
        n.session("a", "c", 7001)
        refused(n, "a", "b", 7001, 4)


@case("an apply within the time of another's --confirm is for good, and nothing goes back behind it")
def _():
    with Network("t2j", RULES) as n:
        n.receipt({"new": allow("a", "c", "7001/tcp")}, "--confirm", "2s")
        n.receipt({"newer": allow("a", "c", "7003/tcp")})
        time.sleep(2.2)
        n.session("a", "c", 7003)
        refused(n, "a", "b", 7001, 4)
        expect(bulkhead("down", "t2j"), 0)
        leaves_nothing("t2j")


@case("an apply --confirm within the time of another's goes back to what was confirmed last, also when the agent is dead")
def _():
    with Network("t2jc", RULES) as n:
        n.kill_agent()
        n.receipt({"new": allow("a", "c", "7001/tcp")}, "--confirm", "30s")
        done = n.apply({"newer": allow("a", "c", "7003/tcp")}, "--confirm", "2s")
        assert done.returncode == 0 and "neither was the change before it" in done.stdout, done
        n.session("a", "c", 7003)
        refused(n, "a", "b", 7001, 4)
        time.sleep(2.2)
        n.session("a", "b", 7001)
        refused(n, "a", "c", 7001, 4)
        refused(n, "a", "c", 7003, 4)
        expect(bulkhead("status", "t2jc"), 0)  # whose policy in force can be read
        n.receipt({**RULES, "more": allow("c", "b", "any")})
        n.session("a", "b", 7001)


def until(moment):
    """A condition that is true until then (s, UTC), written as people write it."""
    if moment % 86400 < 20:  # not across midnight
        time.sleep(30)
        return None
    return f"now.hour * 3600 + now.minute * 60 + now.second < {int(moment) % 86400}"


@case("--confirm waits half a day at most, and what comes back is compiled anew before its windows of time end")
def _():
    with Network("t2jd", RULES) as n:
        for time_to_wait in ("999999h", "13h", "43201", "721m", "1d"):
            expect(n.apply({}, "--confirm", time_to_wait), 2, "12h at most")
        n.session("a", "b", 7001)
        n.receipt({"new": allow("a", "c", "7001/tcp")}, "--confirm", "12h")
        n.receipt({"newer": allow("a", "c", "7003/tcp")}, "--confirm", "12h")
        back = min(glob.glob(f"{STATE_ROOT}/t2jd/policy-*.yaml"), key=lambda path: int(path.rsplit("-", 1)[1].split(".")[0]))
        os.utime(back, (time.time() - 13 * 3600,) * 2)
        expect(n.apply(RULES, "--confirm", "12h"), 2, "compiled 13 hours ago", "confirm t2jd")
        n.session("a", "c", 7003)
        n.receipt(RULES, "--confirm", "10h")


@case("a window of time closes on time and cuts the live session, with the agent dead")
def _():
    with Network("t2k", RULES) as n:
        n.kill_agent()
        end = int(time.time()) + 4
        condition = until(end) or until(end := int(time.time()) + 4)
        expect(n.apply({"for-now": f"{allow('a', 'b', '7001/tcp, 7002/udp')}\nwhen: {condition}"}), 0)
        pairs = [n.session("a", "b", 7001, family) for family in (4, 6)]
        ended, threads, started = both_talk(*n.session("a", "b", 7001), 6)
        offset = time.time() - time.monotonic()
        time.sleep(max(0.0, end - 0.5 - time.time()))
        assert all(carries(*p) for p in pairs) and ended == [None, None], "closed before its time"
        time.sleep(max(0.0, end + 0.3 - time.time()))
        assert not any(carries(*p, timeout=0.3) for p in pairs), "still open after its time"
        for family in (4, 6):
            refused(n, "a", "b", 7001, family)
            assert not arrives(n, "a", "b", 7002, family)
        for t in threads:
            t.join()
        for moment in ended:
            assert moment is not None and -0.05 < started + moment + offset - end < AT_ONCE, (ended, started + offset - end)


@case("a window of time opens on time, with the agent dead, and not before")
def _():
    with Network("t2l", RULES) as n:
        n.kill_agent()
        begin = int(time.time()) + 3
        condition = until(begin) or until(begin := int(time.time()) + 3)
        expect(n.apply({"soon": f"{allow('a', 'b', '7001/tcp')}\nwhen: {condition.replace('<', '>=')}"}), 0)
        while time.time() < begin - 0.2:
            refused(n, "a", "b", 7001, 4)
            time.sleep(0.1)
        time.sleep(max(0.0, begin + 0.1 - time.time()))
        n.session("a", "b", 7001, 4)
        n.session("a", "b", 7001, 6)


def udp4(source, target, from_port, to_port):
    """A whole IPv4 packet, for a raw socket, which fills in what is left 0."""
    payload = b"flood"
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, socket.IPPROTO_UDP, 0, socket.inet_aton(source), socket.inet_aton(target))
    return ip + struct.pack("!HHHH", from_port, to_port, 8 + len(payload), 0) + payload


@case("a window that opens and closes often goes on doing so: the agent compiles the policy again before it knows no more")
def _():
    with Network("t2w", {"often": f"{allow('a', 'b', '7002/udp')}\nwhen: now.second % 4 < 2"}) as n:
        receiver, sender = n.udp("b", 7002, 4), n.socket("a", 4, socket.SOCK_DGRAM)
        receiver.settimeout(0.5)
        generation = json.loads(expect(bulkhead("status", "t2w", "--json"), 0).stdout)["policy"]["generation"]
        begun, late = time.time(), []
        while time.time() < begun + 21:  # ten changes; an image knows eight
            if 0.3 < time.time() % 4 < 1.4:
                with contextlib.suppress(OSError):
                    sender.sendto(b"x", (n.v4("b"), 7002))
                try:
                    receiver.recv(10)
                except OSError:
                    late.append(time.time() - begun)
            time.sleep(0.2)
        assert not late, f"closed at {late}"
        assert json.loads(expect(bulkhead("status", "t2w", "--json"), 0).stdout)["policy"]["generation"] > generation


@case("the receipt of a withdrawal has the sessions that nobody answers, too: streams that go one way")
def _():
    with Network("t2x", {**RULES, "logs": allow("a", "c", "514/udp")}) as n:
        streams = []
        for family in (4, 6):
            receiver, sender = n.udp("c", 514, family), n.socket("a", family, socket.SOCK_DGRAM)
            for _ in range(3):
                sender.sendto(b"a line", (n.address("c", family), 514))
                assert receiver.recv(100) == b"a line"
            streams.append((receiver, sender))
        receipt = n.receipt(RULES)
        assert receipt["cut"] == 2 and {s["rule"] for s in receipt["sessions"]} == {"logs"}, receipt
        for (receiver, sender), family in zip(streams, (4, 6)):
            receiver.settimeout(0.3)
            try:
                sender.sendto(b"late", (n.address("c", family), 514))
                raise AssertionError(f"it got {receiver.recv(100)}")
            except OSError:
                pass
        receipt = n.receipt({**RULES, "logs": allow("a", "c", "514/udp")})
        assert receipt["cut"] == 0 and receipt["kept"] == 0, receipt


@case("in a large network two hundred questions at once that are answered late are answered, whatever another one floods the same target with")
def _():
    with Network("t2y", {"dns": allow("any", "[b, c]", "7002/udp")}, start=False) as n:
        with open(n.file, encoding="utf-8") as file:
            text = file.read()
        with open(n.file, "w", encoding="utf-8") as out:
            out.write(text.replace("rules:\n", "".join(f"  w{i}: {{segment: blue}}\n" for i in range(70)) + "rules:\n", 1))
        expect(bulkhead("up", n.file), 0)
        answering = n.udp("b", 7002, 4)
        answering.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        asking = [n.socket("a", 4, socket.SOCK_DGRAM) for _ in range(200)]
        for s in asking:
            s.connect((n.v4("b"), 7002))
            s.settimeout(2)
            s.send(b"question")
        heard = [answering.recvfrom(100)[1] for _ in asking]
        with n.socket("c", 4, socket.SOCK_RAW, socket.IPPROTO_RAW) as flood:
            for port in range(20000, 40000):
                flood.sendto(udp4(n.v4("c"), n.v4("b"), port, 7002), (n.v4("b"), 0))
        for address in heard:
            answering.sendto(b"answer", address)
        answered = 0
        for s in asking:
            with contextlib.suppress(OSError):
                answered += s.recv(100) == b"answer"
        assert answered >= 190, answered
        # Beginnings of a stand together there, whomever they are to; still only b answers for b.
        with n.socket("a", 4, socket.SOCK_DGRAM) as s:
            s.sendto(b"nobody listens", (n.v4("c"), 7002))
        beginnings = [n.socket("a", 4, socket.SOCK_DGRAM) for _ in range(200)]
        for s in beginnings:
            s.sendto(b"to c", (n.v4("c"), 7002))
        with n.socket("c", 4, socket.SOCK_RAW, socket.IPPROTO_RAW) as spoof:
            for s in asking:
                spoof.sendto(udp4(n.v4("b"), n.v4("a"), 7002, s.getsockname()[1]), (n.v4("a"), 0))
        believed = len(select.select(asking, [], [], 0.5)[0])
        assert believed == 0, f"{believed} packets of c in b's name were delivered"


@case("`enforce: observe` lets pass and records the refusal as not enforced; enforcing again cuts what passed so")
def _():
    with Network("t2m", RULES, more="enforce: observe\n") as n:
        # Nobody is to believe that it is enforced.
        expect(bulkhead("up", n.file), 0, "t2m observes, and does not enforce, the new policy")
        expect(bulkhead("status", "t2m"), 0, "observed only")
        expect(bulkhead("down", "t2m"), 0)
        expect(bulkhead("up", n.file), 0, "1 rule observed and not enforced")
        pairs = [n.session("a", "c", 7001, family) for family in (4, 6)]
        assert arrives(n, "c", "b", 7002, 4)

        def recorded():
            return [r for r in n.records() if r.get("decision") == "deny" and r.get("enforced") is False and
                    r["src_endpoint"]["name"] == "a" and r["dst_endpoint"]["name"] == "c"]
        wait_for("the record of each family", lambda: len({r["src_endpoint"]["ip"] for r in recorded()}) == 2)
        assert {(r["reason"], r["rule"]) for r in recorded()} == {("default-deny", None)}, recorded()
        receipt = n.receipt(RULES, more="")
        assert receipt["cut"] >= 2, receipt
        assert not any(carries(*p, timeout=0.5) for p in pairs)
        refused(n, "a", "c", 7001, 4)


@case("an observed deny rule is recorded by its name, and what an enforced one refuses does not pass")
def _():
    rules = {"all": allow("a", "segment:blue", "any"), "tried": "deny: {from: a, to: b, ports: 7001/tcp}\nenforce: observe",
             "meant": "deny: {from: a, to: b, ports: 7003/tcp}"}
    with Network("t2n", rules) as n:
        n.session("a", "b", 7001)
        refused(n, "a", "b", 7003, 4)
        refused(n, "a", "c", 7001, 4)
        wait_for("the record", lambda: any(r.get("enforced") is False and r["rule"] and r["rule"]["name"] == "tried" for r in n.records()))
        wait_for("the other record", lambda: any(r.get("enforced") and r["decision"] == "deny" and r["rule"] and r["rule"]["name"] == "meant" for r in n.records()))


@case("each refusal is recorded with who, whom, why and the rule's line")
def _():
    rules = {**RULES, "never": "deny: {from: c, to: b}"}
    with Network("t2o", rules) as n:
        refused(n, "c", "b", 7001, 6)
        refused(n, "b", "a", 7001, 4)
        by_reason = {}

        def both():
            by_reason.update({r["reason"]: r for r in n.records() if r.get("activity_name") == "Refuse"})
            return {"deny-rule", "default-deny"} <= set(by_reason)
        wait_for("both records", both)
        never = by_reason["deny-rule"]
        with open(n.file, encoding="utf-8") as file:
            line = 1 + next(i for i, text in enumerate(file) if "never" in text)
        assert never["rule"] == {"name": "never", "line": line}, never
        assert never["src_endpoint"]["name"] == "c" and never["dst_endpoint"] == {"ip": n.v6("b"), "port": 7001, "name": "b"}
        assert by_reason["default-deny"]["rule"] is None
        assert len(never["policy"]) == 64 and never["network"] == "t2o"


def tried(n, file, status):
    """What matrix --live finds: the whole, and {(from, to, port, family, policy, live)} where it differs."""
    found = json.loads(expect(n.bulkhead("matrix", file, "--live", "--json"), status).stdout)
    return found, {(d["from"], d["to"], d["port"], d["family"], d["policy"], d["live"]) for d in found["differences"]}


@case("matrix --live finds what arrives against the policy and what does not, of each protocol and family, and nothing else")
def _():
    with Network("t2p", RULES) as n:
        found, differences = tried(n, n.file, 0)
        assert found["tried"] == 3 * 2 * 2 * 5 and not differences and found["file_in_force"] is True, found
        other = n.write({"a-to-b": allow("a", "b", "7001/tcp, icmp"), "c-to-b": allow("c", "b", "7002/udp")}, "other.yaml")
        _, differences = tried(n, other, 1)
        assert differences == {(source, "b", "7002/udp", family, not arrived, arrived) for source, arrived in (("a", True), ("c", False)) for family in (4, 6)}, differences
        n.kill_agent()
        for link in n.hub_links():
            n.hub("tc", "filter", "del", "dev", link, "ingress")
        _, differences = tried(n, n.file, 1)
        assert differences == {("a", "b", port, family, True, False) for port in ("7001/tcp", "7002/udp", "icmp") for family in (4, 6)}, differences


MANY = 120


def write_many(n):
    lines = ["bulkhead: v1", f"name: {n.name}", "segments:", '  hub: {kind: hub, cidr: [10.77.0.0/24, "fd77::/64"]}', "workloads:"]
    lines += [f"  w{i}: {{segment: hub, labels: {{tier: t{i % 2}}}}}" for i in range(MANY)]
    lines += ["rules:", "  - name: down", "    allow: {from: label:tier=t0, to: label:tier=t1, ports: [7001/tcp, 7002/udp, icmp]}"]
    with open(n.file, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


@case(f"matrix --live of {MANY} workloads takes seconds, waits once for all it has sent, and says on a terminal how far it is")
def _():
    with Network("t2q", start=False) as n:
        write_many(n)
        expect(n.bulkhead("up", n.file), 0)
        ours, terminal = pty.openpty()
        started = time.monotonic()
        with subprocess.Popen([options.bulkhead, "matrix", n.file, "--live"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=terminal, text=True) as p:
            os.close(terminal)
            try:
                said, _ = p.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                p.kill()
                raise
        took = time.monotonic() - started
        sent, arrived = MANY * (MANY - 1) * 2 * 5, (MANY // 2) ** 2 * 2 * 3
        assert p.returncode == 0 and f"{arrived} arrived, {sent - arrived} did not: exactly as the policy says" in said, said[-300:]
        print(f"# {sent} packets in {took:.1f} s")
        if took > 2:
            assert f"of {sent} packets are sent" in os.read(ours, 65536).decode(), "it does not say how far it is"
        os.close(ours)


if __name__ == "__main__":
    main(__doc__)
