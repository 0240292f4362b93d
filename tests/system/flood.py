#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A workload that floods takes nothing from others: their sessions go on, and their new ones succeed.

Many sources are many ports of one workload here; floods from the world are in uplink.py.

    tests/system/flood.py [build/bulkhead] [--seed N] [--long] [--only TEXT]
"""

import json
import socket
import threading
import time

from harness import Network, PYTHON, Stream, allow, carries, case, main, run, wait_for

RULES = {"a-to-b": allow("a", "b", "7000-7009/tcp, 7010-7019/udp"), "others": allow("[c, d]", "b", "7050/tcp"),
         "c-to-d": allow("c", "d", "7051/tcp, 7052/udp")}

# SYNs from every port to ten, and behind each a blind ACK, as fast as it goes: checksums are made from a sum and its parts.
FLOOD = r"""
import random, socket, struct, sys, time, json
me, hub, source, to, seconds, least = sys.argv[1:7]
chance = random.Random(int(sys.argv[7]))
mac = lambda t: bytes.fromhex(t.replace(":", ""))
six = ":" in source
source, to = (socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, t) for t in (source, to))
fold = lambda n: (n := (n & 0xffff) + (n >> 16), (n & 0xffff) + (n >> 16))[1]
words = lambda b: sum(struct.unpack(f"!{len(b) // 2}H", b))
if six:
    head = struct.pack("!IHBB", 6 << 28, 20, 6, 64) + source + to
else:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 6, 0) + source + to
    head = head[:10] + struct.pack("!H", ~fold(words(head)) & 0xffff) + head[12:]
front = mac(hub) + mac(me) + (b"\x86\xdd" if six else b"\x08\0") + head
base = words(source) + words(to) + 6 + 20
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("eth0", 0))
begun, tuples, sent = time.monotonic(), 0, 0
end = begun + float(seconds)
def segment(port, to_port, sequence, acknowledgement, flags):
    total = base + port + to_port + (sequence >> 16) + (sequence & 0xffff) + (acknowledgement >> 16) + (acknowledgement & 0xffff) + (0x5000 | flags) + 65535
    return front + struct.pack("!HHIIBBHHH", port, to_port, sequence, acknowledgement, 0x50, flags, 65535, ~fold(total) & 0xffff, 0)
while time.monotonic() < end or tuples < int(least):
    to_port = 7000 + tuples // 60000 % 10
    for i in range(1000):
        port = 2000 + tuples % 60000
        raw.send(segment(port, to_port, 1000, 0, 2))
        raw.send(segment(port, to_port, 1001, chance.getrandbits(32), 16))
        tuples += 1
        sent += 2
print(json.dumps({"tuples": min(tuples, 600000), "sent": sent, "seconds": time.monotonic() - begun}))
"""


def flood(n, seconds, least, family, result):
    me = json.loads(run("ip", "-n", f"{n.name}-a", "-j", "link", "show", "eth0").stdout)[0]["address"]
    hub = json.loads(n.hub("ip", "-j", "link", "show", n.hub_links()[0]).stdout)[0]["address"]
    done = n.exec("a", PYTHON, "-c", FLOOD, me, hub, n.address("a", family), n.address("b", family), str(seconds), str(least), "1",
                  timeout=seconds + 120)
    result.append(json.loads(done.stdout) if done.returncode == 0 else done.stderr)


def is_flooded(name, seconds, least):
    with Network(name, RULES, workloads="abcd") as n:
        listeners = [n.listen("b", 7000 + i, 4, 64) for i in range(3)] + [n.listen("b", 7000, 6, 64)]
        standing = [n.session(*pair, family) for pair in (("c", "b", 7050), ("d", "b", 7050), ("c", "d", 7051), ("a", "b", 7009))
                    for family in (4, 6)]
        doors = {(target, family): n.listen(target, port, family) for target, port in (("b", 7050), ("d", 7051)) for family in (4, 6)}
        at_c = n.capture("c")
        forbidden = Stream(n, "a", "c", 7002, b"FORBIDDEN", rate=500)
        results = []
        floods = [threading.Thread(target=flood, args=(n, seconds, least, family, results)) for family in (4, 6)]
        for t in floods:
            t.start()
        tried, failed, slow = 0, [], 0
        while any(t.is_alive() for t in floods):
            for source, target, port in (("c", "b", 7050), ("d", "b", 7050), ("c", "d", 7051)):
                for family in (4, 6):
                    tried += 1
                    started = time.monotonic()
                    try:
                        client = n.connect(source, target, port, family, timeout=3)
                        server, _ = doors[target, family].accept()
                        if not carries(client, server) or not carries(server, client):
                            failed.append(f"{source}->{target} IPv{family} carries nothing")
                        client.close()
                        server.close()
                    except OSError as problem:
                        failed.append(f"{source}->{target} IPv{family} {problem!r}")
                    slow += time.monotonic() - started > 0.9
            time.sleep(0.05)
        for t in floods:
            t.join()
        for result in results:
            assert isinstance(result, dict), result
            assert result["tuples"] >= least, result
        print(f"# {sum(r['sent'] for r in results)} segments of {sum(r['tuples'] for r in results)} sources in "
              f"{max(r['seconds'] for r in results):.0f} s; {tried} new sessions of others, {len(failed)} failed, {slow} took over 0.9 s")
        broken = [i for i, pair in enumerate(standing) if not carries(*pair) or not carries(pair[1], pair[0])]
        assert not broken, f"sessions that stood idle are lost: {broken}"
        assert tried > 100 and len(failed) <= tried / 100, f"{len(failed)} of {tried} failed: {failed[:5]}"
        forbidden.stop()
        assert not at_c.with_text(b"FORBIDDEN")
        for s in listeners:
            s.close()


@case("a flood of 2 x 200,000 SYNs with blind ACKs: idle sessions go on, and 99 % of the new ones of others succeed")
def _():
    is_flooded("t5a", 20, 200000)


@case("a flood of 60 s and 1,000,000 SYNs with blind ACKs: idle sessions go on, and 99 % of the new ones of others succeed", long=True)
def _():
    is_flooded("t5b", 60, 500000)


@case("two workloads that fill the table of sessions open nothing, and sessions that stood go on")
def _():
    with Network("t5c", {**RULES, "collude": allow("a", "b", "10000-60000/udp")}, workloads="abcd") as n:
        standing = [n.session(*pair) for pair in (("c", "b", 7050), ("c", "d", 7051), ("a", "b", 7009))]
        at_c = n.capture("c")
        forbidden = Stream(n, "a", "c", 7002, b"FORBIDDEN", rate=500)
        there = n.socket("a", 4, socket.SOCK_RAW, socket.IPPROTO_UDP)
        back = n.socket("b", 4, socket.SOCK_RAW, socket.IPPROTO_UDP)
        for s in (there, back):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        a, b = (n.v4("a"), 0), (n.v4("b"), 0)
        def is_full():
            return any(r.get("reason") == "session-table-full" for r in n.records())

        tried = 0
        for to_port in range(20000, 20005):
            for port in range(10000, 60000):
                ports, reverse = port.to_bytes(2, "big") + to_port.to_bytes(2, "big"), to_port.to_bytes(2, "big") + port.to_bytes(2, "big")
                for s, to, text in ((there, b, ports), (back, a, reverse), (there, b, ports)):
                    try:
                        s.sendto(text + b"\0\x08\0\0", to)
                    except OSError:
                        pass
                tried += 1
        wait_for("it is recorded that the table is full", is_full, 5)
        print(f"# {tried} sessions tried")
        broken = [i for i, pair in enumerate(standing) if not carries(*pair) or not carries(pair[1], pair[0])]
        assert not broken, f"sessions that stood are lost: {broken}"
        receipt = n.receipt({"c": allow("c", "b", "7050/tcp")}, workloads="abcd")
        assert receipt["cut"] > 100000, {**receipt, "sessions": len(receipt["sessions"])}
        wait_for("there is room again", lambda: works(n), 5)
        forbidden.stop()
        assert not at_c.with_text(b"FORBIDDEN")


# First fragments of allowed datagrams, each of another packet, and behind each a later one that no first allows.
FRAGMENTS = r"""
import socket, struct, sys
me, hub, source, to, many = sys.argv[1:6]
mac = lambda t: bytes.fromhex(t.replace(":", ""))
source, to = (socket.inet_pton(socket.AF_INET6, t) for t in (source, to))
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("eth0", 0))
front, udp = mac(hub) + mac(me) + b"\x86\xdd", struct.pack("!HHHH", 9, 7010, 1000, 0) + b"ALLOWED!"
for number in range(int(sys.argv[5])):
    for offset, identification, text in ((1, number, udp), (16, number + (1 << 31), b"FORBIDDENxxxxxxx")):
        raw.send(front + struct.pack("!IHBB", 6 << 28, 24, 44, 64) + source + to + struct.pack("!BBHI", 17, 0, offset, identification) + text)
print("done")
"""


@case("a workload that fills the table of fragments opens nothing, and the fragments of others arrive")
def _():
    with Network("t5d", {**RULES, "large": allow("c", "d", "7052/udp")}, workloads="abcd") as n:
        captures = [n.capture(w) for w in "bcd"]
        standing = n.session("c", "b", 7050)
        link = json.loads(run("ip", "-n", "t5d-a", "-j", "link", "show", "eth0").stdout)[0]["address"]
        hub = json.loads(n.hub("ip", "-j", "link", "show", n.hub_links()[0]).stdout)[0]["address"]
        receiver, sender, arrived = n.udp("d", 7052, 6), n.socket("c", 6, socket.SOCK_DGRAM), 0
        flood = threading.Thread(target=lambda: results.append(n.exec("a", PYTHON, "-c", FRAGMENTS, link, hub, n.v6("a"), n.v6("b"), "150000")))
        results = []
        flood.start()
        while flood.is_alive():
            sender.sendto(b"L" * 9000, (n.v6("d"), 7052))
            arrived += len(receiver.recv(9000)) == 9000
            time.sleep(0.05)
        assert results[0].stdout == "done\n", results[0].stderr
        assert arrived > 5, arrived
        print(f"# {arrived} large datagrams of others arrived, all that were sent")
        assert carries(*standing) and captures[0].with_text(b"ALLOWED!")
        assert not any(c.with_text(b"FORBIDDEN") for c in captures)


def works(n):
    try:
        n.session("c", "b", 7050)
        return True
    except (AssertionError, OSError):
        return False


if __name__ == "__main__":
    main(__doc__)
