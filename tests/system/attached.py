#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Machines behind interfaces of the host: what may reaches them and comes from them, whatever they send; and down gives all back.

The host is a network namespace with eth1 and eth2; behind these stand the machines d and c, other namespaces, whose end
of the cable is m0. a and b are ordinary workloads. The wire's frames are made and read here.

    tests/system/attached.py [build/bulkhead] [--seed N] [--long] [--only TEXT]
"""

import atexit
import contextlib
import ctypes
import fcntl
import glob
import json
import os
import random
import re
import select
import socket
import struct
import subprocess
import threading
import time

from harness import (NETNS, Network, QUIET, STATE_ROOT, Stream, allow, carries, case, counters, expect, inside, leaves_nothing, main, options, processes_that_are, run,
                     said, sweep_away, traces, v4, v6, wait_for)

HOST = "t10host"
MACHINES = {"d": "t10d", "c": "t10c"}
INTERFACES = {"d": "eth1", "c": "eth2"}
AROUND = "t10a"  # a namespace that stands before the network does
BEHIND = {w: f"attach: {{interface: {i}}}" for w, i in INTERFACES.items()}
FAMILIES = (4, 6)
WORLD_AT = {4: "198.51.100.9", 6: "2001:db8::9"}
RULES = {"to-d": allow("[a, b, c]", "d", "7001/tcp, 7002/udp, icmp"), "from-d": allow("d", "[a, b]", "7001/tcp, 7002/udp, icmp")}
OPEN = {"open": allow("any", "any", "any")}
REPAIRED = 15  # s
STARVED = 2  # s; as long as a process may not run on a busy machine
SYN, RST, ACK = 2, 4, 16
RULE = 19  # the reason of what passes, in bpf/abi.h


# ---- the host, the machines and their cables ----

def path_of(namespace):
    return f"{NETNS}/{namespace}"


def ip(namespace, *lines):
    done = subprocess.run(["ip", "-n", namespace, "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, said(done)


def setting(namespace, name, value):
    with inside(path_of(namespace)), open(f"/proc/sys/net/{name}", "w", encoding="utf-8") as file:
        file.write(value)


def remove_host():
    for namespace in (HOST, AROUND, *MACHINES.values()):
        if os.path.exists(path_of(namespace)):
            run("ip", "netns", "del", namespace)


def make_host():
    remove_host()
    for namespace in (HOST, *MACHINES.values()):
        make_namespace(namespace)
    for machine in MACHINES:
        make_cable(machine)


def make_namespace(namespace):
    run("ip", "netns", "add", namespace)
    setting(namespace, "ipv6/conf/default/accept_dad", "0")
    ip(namespace, "link set lo up")


def make_cable(machine):
    ip(HOST, f"link add {INTERFACES[machine]} type veth peer name m0 netns {MACHINES[machine]}", f"link set {INTERFACES[machine]} up")
    ip(MACHINES[machine], f"address add {v4(machine)}/24 dev m0", f"address add {v6(machine)}/64 dev m0 nodad", "link set m0 up",
       f"route add default via {router(v4(machine))}", f"route add default via {router(v6(machine))}")


def router(address):
    """The first address of its segment, which is the hub's."""
    return address.rsplit(".", 1)[0] + ".1" if "." in address else address.split("::")[0] + "::1"


def mac_of(namespace, link):
    return bytes.fromhex(json.loads(run("ip", "-n", namespace, "-j", "link", "show", link).stdout)[0]["address"].replace(":", ""))


def offloads(namespace, link, on):
    """Checksums are made where packets begin, and large packets cut there, as on a wire: the far end checks both."""
    with inside(path_of(namespace)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in (0x17, 0x1f, 0x24) if not on else (0x17, 0x24, 0x1f):  # ETHTOOL_STXCSUM, _STSO, _SGSO of linux/ethtool.h
            value = ctypes.create_string_buffer(struct.pack("II", command, on))
            fcntl.ioctl(s, 0x8946, struct.pack("16sQ", link.encode(), ctypes.addressof(value)))  # SIOCETHTOOL


# ---- the network ----

class Cabled(Network):
    """A network that is up in the host. `attached`: {workload: what its entry says besides}."""

    host = path_of(HOST)

    def __init__(self, name, rules=None, attached=None, prepare=None, alone=True, **policy):
        self.attached, self.prepare, self.alone = BEHIND if attached is None else attached, prepare, alone
        super().__init__(name, RULES if rules is None else rules, **{"workloads": "abcd", **policy})

    def write(self, rules, file="policy.yaml", **change):
        attached = change.pop("attached", self.attached)
        path = super().write(rules, file, **change)
        with open(path, encoding="utf-8") as text:
            text = text.read()
        for workload, more in attached.items():
            text = re.sub(rf"^(  {workload}: {{.*)}}$", rf"\1, {more}}}", text, flags=re.M)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def __enter__(self):
        if self.alone:
            if os.path.exists(self.host):
                self.sweep_away()
            make_host()
            if self.prepare:
                self.prepare()
        return super().__enter__()

    def __exit__(self, *_):
        super().__exit__()
        if self.alone:
            remove_host()

    def sweep_away(self):
        if os.path.exists(self.host):
            super().sweep_away()
        else:
            sweep_away(self.name)

    def netns(self, workload):
        if "interface" in self.attached.get(workload, ""):
            return path_of(MACHINES[workload])
        return path_of(AROUND) if workload in self.attached else super().netns(workload)

    def popen(self, *arguments, **more):
        with self.in_host():
            return subprocess.Popen([options.bulkhead, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **more)

    def start_agent(self):
        agent = self.popen("agent", self.name, stderr=subprocess.PIPE, text=True)

        def stop():
            agent.kill()
            agent.wait()
        atexit.register(stop)
        wait_for("the agent runs, or has said why not", lambda: self.agent() or agent.poll() is not None)
        assert agent.poll() is None, f"the agent ended: {agent.stderr.read()}"

    def link_of(self, workload):
        """The name of its link in the hub."""
        with open(f"{STATE_ROOT}/{self.name}/state", encoding="utf-8") as file:
            return "w" + re.search(rf"^link (\d+) {workload} ", file.read(), re.M)[1]

    def status(self, *arguments):
        done = self.bulkhead("status", self.name, "--json", *arguments)
        return done.returncode, json.loads(done.stdout)

    def forget(self):
        """What a case opened."""
        for stop in self.stops:
            stop()
        for s in self.sockets:
            s.close()
        self.stops, self.sockets = [], []


shared = []


@contextlib.contextmanager
def network(rules=None):
    """The network that most cases share, with that policy. A case that fails takes it down: the next has a new one."""
    if not shared:
        shared.append(Cabled("t10").__enter__())
        atexit.register(take_down)
    n = shared[0]
    try:
        expect(settled(lambda: n.apply(RULES if rules is None else rules)), 0)
        yield n
    except BaseException:
        take_down()
        raise
    n.forget()


def take_down():
    while shared:
        shared.pop().__exit__()


@contextlib.contextmanager
def network_of_its_own(name, *arguments, **more):
    """The shared one goes first: there is one host."""
    take_down()
    with Cabled(name, *arguments, **more) as n:
        yield n


def settled(change):
    """The agent holds the lock for a moment."""
    for _ in range(100):
        done = change()
        if "another bulkhead" not in done.stderr:
            break
        time.sleep(0.05)
    return done


# ---- probes: whether something arrives, and what the sender is told ----

def connected(n, source, target, port, family, timeout=5.0):
    """"yes" when bytes go both ways, else what the caller's connect said."""
    listener = n.listen(target, port, family)
    try:
        client = n.connect(source, target, port, family, timeout)
        listener.settimeout(2)
        with listener.accept()[0] as server:
            assert server.getpeername()[0] == n.address(source, family), "the receiver sees who it is"
            return "yes" if talk(client, server) else "not carried"
    except OSError as problem:
        return problem.__class__.__name__
    finally:
        listener.close()


def talk(one, other, timeout=3.0):
    return carries(one, other, timeout) and carries(other, one, timeout)


def datagram(n, source, target, port, family, within=2.0):
    """"yes" when it is read by the one it is for, else the sender's error."""
    text = os.urandom(16)
    receiver, sender = n.udp(target, port, family), n.socket(source, family, socket.SOCK_DGRAM)
    try:
        sender.connect((n.address(target, family), port))
        sender.send(text)
        ready, _, _ = select.select([receiver, sender], [], [], within)
        if receiver in ready and receiver.recv(100) == text:
            return "yes"
        if sender in ready:
            sender.recv(100)
        return "silence"
    except OSError as problem:
        return problem.strerror
    finally:
        receiver.close()
        sender.close()


def echo(n, source, target, family, within=2.0):
    """"yes" when an echo request is answered, else the ICMP error, or silence."""
    protocol = socket.IPPROTO_ICMP if family == 4 else socket.IPPROTO_ICMPV6
    identifier = random.getrandbits(16)
    with n.socket(source, family, socket.SOCK_RAW, protocol) as s:
        body = struct.pack("!BBHHH", 8 if family == 4 else 128, 0, 0, identifier, 1) + os.urandom(8)
        s.sendto(with_checksum(body, 2) if family == 4 else body, (n.address(target, family), 0))
        end = time.monotonic() + within
        while (left := end - time.monotonic()) > 0:
            s.settimeout(left)
            try:
                got = s.recv(2000)
            except socket.timeout:
                break
            except OSError as problem:
                return problem.strerror
            got = got[20:] if family == 4 else got
            if got[0] == (0 if family == 4 else 129) and got[4:6] == struct.pack("!H", identifier):
                return "yes"
            if got[:2] == (b"\3\x0d" if family == 4 else b"\1\1"):
                return "prohibited"
    return "silence"


# ---- frames ----

BROADCAST, GROUP_REPORTS = b"\xff" * 6, b"\x33\x33\0\0\0\x16"
ASKER = b"\2\xba\xba"  # how MACs of barriers begin
IPV4, ARP, IPV6 = b"\x08\0", b"\x08\x06", b"\x86\xdd"


def fold(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xffff)
    return total


def with_checksum(data, at, pseudo=b""):
    data = data[:at] + b"\0\0" + data[at + 2:]
    return data[:at] + struct.pack("!H", ~fold(pseudo + data) & 0xffff) + data[at + 2:]


def octets(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def packet(source, to, protocol, body, ttl=64, flags=0, number=1, options=b""):
    """An IP packet of either family. IPv4: `options`, and `flags` (with the fragment's offset)."""
    source, to = octets(source), octets(to)
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28, len(body), protocol, ttl) + source + to + body
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(body), number, flags, ttl, protocol, 0) + source + to + options
    return with_checksum(head, 10) + body


def pseudo_header(source, to, protocol, length):
    return octets(source) + octets(to) + struct.pack("!II", length, protocol)


def udp(source, to, source_port, port, text):
    body = struct.pack("!HHHH", source_port, port, 8 + len(text), 0) + text
    return with_checksum(body, 6, pseudo_header(source, to, 17, len(body)))


def tcp(source, to, source_port, port, flags, sequence=1, acknowledgement=0, text=b""):
    body = struct.pack("!HHIIBBHHH", source_port, port, sequence, acknowledgement, 0x50, flags, 65535, 0, 0) + text
    return with_checksum(body, 16, pseudo_header(source, to, 6, len(body)))


def icmp_echo(source, to, text):
    if ":" in to:
        body = struct.pack("!BBHHH", 128, 0, 0, 7, 1) + text
        return with_checksum(body, 2, pseudo_header(source, to, 58, len(body)))
    return with_checksum(struct.pack("!BBHHH", 8, 0, 0, 7, 1) + text, 2)


def arp(operation, sender_mac, sender, target_mac, target, kinds=(1, 0x800, 6, 4)):
    return struct.pack("!HHBBH", *kinds, operation) + sender_mac + octets(sender) + target_mac + octets(target)


def solicitation(source, to, target, option, hop_limit=255, code=0):
    body = struct.pack("!BBHI", 135, code, 0, 0) + octets(target) + option
    return packet(source, to, 58, with_checksum(body, 2, pseudo_header(source, to, 58, len(body))), hop_limit)


def advertisement(source, to, target, flags, mac):
    body = struct.pack("!BBHI", 136, 0, 0, flags << 24) + octets(target) + b"\2\1" + mac
    return packet(source, to, 58, with_checksum(body, 2, pseudo_header(source, to, 58, len(body))), 255)


def solicited_node(address):
    return socket.inet_ntop(socket.AF_INET6, octets("ff02::1:ff00:0")[:13] + octets(address)[13:])


def group_mac(address):
    return b"\x33\x33" + octets(address)[12:]


def is_neighbours_talk(frame):
    return frame[12:14] == ARP or (frame[12:14] == IPV6 and frame[20] == 58 and frame[54] in (135, 136))


@contextlib.contextmanager
def on_one_processor():
    """What is sent in this block arrives in its order, also on a busy machine: each processor has a queue of its own for it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Wire:
    """The machine's end of the cable: frames as they are."""

    def __init__(self, n, machine):
        self.n, self.machine = n, machine
        with inside(n.netns(machine)):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.socket.bind(("m0", 0))
        n.sockets.append(self.socket)
        self.capture = n.capture(machine)
        self.own, self.hub = mac_of(MACHINES[machine], "m0"), mac_of(f"{n.name}-hub", n.link_of(machine))

    def send(self, kind, body, to=None, source=None):
        self.socket.send((to or self.hub) + (source or self.own) + kind + body)

    def send_ip(self, body, to=None):
        self.send(IPV4 if body[0] >> 4 == 4 else IPV6, body, to)

    def barrier(self):
        """What was sent before has been answered where it is answered: a question that was asked behind it has."""
        mark, asker = len(self.capture.frames), ASKER + os.urandom(3)
        self.send(ARP, arp(1, asker, self.n.v4(self.machine), bytes(6), self.n.v4("a")), BROADCAST)
        wait_for("the barrier is answered", lambda: any(f[:6] == asker for f in self.capture.frames[mark:]))
        time.sleep(0.05)  # the other processor's queue

    def still(self):
        """
        Nothing comes by itself any more. The kernels on both ends ask for neighbours that they have talked to again, 5 s after the
        last packet (delay_first_probe_time): they forget them.
        """
        self.n.hub("ip", "neighbour", "flush", "all")
        run("ip", "-n", MACHINES[self.machine], "neighbour", "flush", "all")
        seen = [-1]

        def nothing_came():
            before, seen[0] = seen[0], len(self.capture.frames)
            return before == seen[0]
        wait_for("nothing comes by itself", nothing_came, pause=0.3)

    def answers(self, questions):
        """What comes back for [(EtherType, body, MAC)]."""
        mark = len(self.capture.frames)
        with on_one_processor():
            for kind, body, to in questions:
                self.send(kind, body, to)
            self.barrier()
        return [f for f in self.capture.frames[mark:] if f[:3] != ASKER and f[:6] != GROUP_REPORTS]


def quietly(n, capture, other="b"):
    """Nothing more is under way to a workload: an allowed datagram that was sent last has arrived there."""
    for family in FAMILIES:
        text = b"BARRIER" + os.urandom(8)
        with n.socket(other, family, socket.SOCK_DGRAM) as s:
            s.sendto(text, (n.address("a", family), 9))
        wait_for("the barrier arrives", lambda t=text: capture.with_text(t))
    time.sleep(0.05)


# ---- what arrives ----

PAIRS = [(x, y) for x in "abcd" for y in "abcd" if x != y]


def may(source, target):
    return (target == "d") or (source == "d" and target in "ab")


@case("TCP, UDP and ICMP that a rule allows arrive at machines and from them, within their segment too; nothing else does, and is answered at once")
def _():
    probes = (("TCP", lambda n, s, t, f: connected(n, s, t, 7001, f), "ConnectionRefusedError"),
              ("UDP", lambda n, s, t, f: datagram(n, s, t, 7002, f), {4: "No route to host", 6: "Permission denied"}),
              ("ICMP", lambda n, s, t, f: echo(n, s, t, f), "prohibited"))
    with network() as n:
        for rules, wanted in ((OPEN, lambda s, t: True), (RULES, may)):
            expect(settled(lambda r=rules: n.apply(r)), 0)
            for source, target in PAIRS:
                for family in FAMILIES:
                    for what, probe, refusal in probes:
                        got = probe(n, source, target, family)
                        right = "yes" if wanted(source, target) else refusal[family] if isinstance(refusal, dict) else refusal
                        assert got == right, f"{what} {source} -> {target} (IPv{family}): {got}, not {right}"
        for source, target in (("a", "d"), ("d", "a"), ("d", "b"), ("c", "d")):
            for family in FAMILIES:
                assert connected(n, source, target, 7003, family) == "ConnectionRefusedError"
                assert datagram(n, source, target, 7001, family) != "yes"


@case("large transfers are whole, both ways, with checksums and segments made by the sender, or by the link")
def _():
    with network() as n:
        ends = [(f"{n.name}-hub", n.link_of(x)) for x in MACHINES] + [(namespace, "m0") for namespace in MACHINES.values()]
        for on in (False, True):
            for namespace, link in ends:
                offloads(namespace, link, on)
            for family in FAMILIES:
                for source, target in (("a", "d"), ("d", "b"), ("c", "d")):
                    client, server = n.session(source, target, 7001, family)
                    assert transfers(client, server) and transfers(server, client), f"{source} -> {target} (IPv{family})"


@case("a connection that is withdrawn ends for the machine behind an interface too, also where that writes checksums")
def _():
    with network() as n:
        end, link = int(time.time()) + 4, (f"{n.name}-hub", n.link_of("d"))
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
        expect(settled(lambda: n.apply({"until-then": allow("a", "d", "7001/tcp") + f'\nwhen: now < timestamp("{moment}")'})), 0)
        offloads(*link, False)  # what an interface with offloads would do, in software
        try:
            pairs = [n.session("a", "d", 7001, family) for family in FAMILIES]
            time.sleep(max(0.0, end - time.time()) + 0.2)
            for client, server in pairs:
                client.sendall(b"late")
                server.settimeout(5)
                try:
                    raise AssertionError(f"the machine was not told that it is over; it got {server.recv(100)}")
                except ConnectionResetError:
                    pass
        finally:
            offloads(*link, True)


def transfers(sender, receiver):
    sent, got = os.urandom(1 << 20), b""
    thread = threading.Thread(target=sender.sendall, args=(sent,))
    thread.start()
    while len(got) < len(sent) and (part := receiver.recv(1 << 20)):
        got += part
    thread.join()
    return got == sent


# ---- neighbours ----

@case("an ARP request is answered with the hub's MAC for every address of a segment but the machine's own, probes too, and no other")
def _():
    with network() as n:
        w = Wire(n, "d")
        w.still()
        inside_segments = [n.v4("a"), n.v4("b"), n.v4("c"), "10.77.1.99", "10.77.1.1", "10.77.3.1", "10.77.0.1"]
        outside = [n.v4("d"), "10.78.0.1", "198.51.100.9", "127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "169.254.0.1"]
        for sender in (n.v4("d"), "0.0.0.0", "10.77.1.77"):
            got = w.answers([(ARP, arp(1, w.own, sender, bytes(6), target), to) for target in inside_segments for to in (BROADCAST, w.hub)])
            wanted = [w.own + w.hub + ARP + arp(2, w.hub, target, w.own, sender) for target in inside_segments for _ in range(2)]
            assert sorted(f[:42] for f in got) == sorted(wanted), f"to {sender}: {[f.hex() for f in got]}"
            got = w.answers([(ARP, arp(1, w.own, sender, bytes(6), target), BROADCAST) for target in outside])
            assert not got, f"to {sender}: {[f.hex() for f in got]}"
        ends = (w.own, n.v4("d"), bytes(6), n.v4("a"))
        got = w.answers([(ARP, arp(2, *ends), BROADCAST), (ARP, arp(3, *ends), BROADCAST), (ARP, arp(1, *ends, (6, 0x800, 6, 4)), BROADCAST),
                         (ARP, arp(1, *ends, (1, 0x86dd, 6, 4)), BROADCAST), (ARP, arp(1, *ends, (1, 0x800, 8, 4)), BROADCAST),
                         (ARP, arp(1, *ends)[:20], BROADCAST), (ARP, b"", BROADCAST), (b"\x81\0", b"\0\5" + ARP + arp(1, *ends), BROADCAST)])
        assert not got, f"a reply, RARP, another hardware, another protocol, another length, a piece or a VLAN's is answered: {got[0].hex()}"


@case("a neighbour solicitation is answered as RFC 4861 wants for every address of a segment but the machine's own, and no other")
def _():
    with network() as n:
        w = Wire(n, "d")
        w.still()
        option, ours = b"\1\1" + w.own, "fd77:0:0:1::1"
        questions, wanted = [], []
        for target in (n.v6("a"), n.v6("b"), n.v6("c"), "fd77:0:0:1::99", ours, "fd77:0:0:3::1", "fd77::1"):
            group = solicited_node(target)
            for source, more in ((n.v6("d"), option), ("fe80::77", option), (n.v6("d"), b""), ("::", b"")):
                flags = (0x60 if source != "::" else 0x20) | (0x80 if target == ours else 0)
                to, mac = (source, w.own) if source != "::" else ("ff02::1", group_mac("ff02::1"))
                # IPv6's header, and all of the message with its checksum: RFC 4861, 4.4 and 7.2.4
                answer = mac + w.hub + IPV6 + advertisement(target, to, target, flags, w.hub)
                for asked, at in [(group, group_mac(group))] + ([(target, w.hub)] if source != "::" else []):
                    questions.append((IPV6, solicitation(source, asked, target, more), at))
                    wanted.append(answer)
        got = w.answers(questions)
        missing, wrong = [f.hex() for f in wanted if f not in got], [f.hex() for f in got if f not in wanted]
        assert sorted(got) == sorted(wanted), f"missing {missing}; wrong {wrong}; {len(got)} answers to {len(wanted)} questions"
        questions = []
        for target in (n.v6("d"), "fd78::1", "2001:db8::9", "::1", "::", "ff02::1", "ff02::1:ff00:b", "::ffff:10.77.1.10"):
            group = solicited_node(target)
            questions += [(IPV6, solicitation(source, group, target, more), group_mac(group)) for source, more in ((n.v6("d"), option), ("::", b""))]
        got = w.answers(questions)
        assert not got, [f.hex() for f in got]
        a, group = n.v6("a"), solicited_node(n.v6("a"))
        got = w.answers([(IPV6, body, group_mac(group)) for body in (solicitation(n.v6("d"), group, a, option, 254),
                         solicitation(n.v6("d"), group, a, option, code=1), solicitation(n.v6("d"), group, a, option)[:60])])
        assert not got, f"another hop limit, another code or a piece is answered: {got[0].hex()}"


def heard_by_hub(n):
    """What its own stack received, but for neighbours' talk: (IPv4, IPv6)."""
    with inside(f"{NETNS}/{n.name}-hub"):
        with open("/proc/thread-self/net/snmp", encoding="utf-8") as file:
            lines = [line.split() for line in file if line.startswith("Ip:")]
        with open("/proc/thread-self/net/snmp6", encoding="utf-8") as file:
            six = {line.split()[0]: int(line.split()[1]) for line in file}
    four = dict(zip(lines[0][1:], lines[1][1:]))
    return int(four["InReceives"]), six["Ip6InReceives"] - six["Icmp6InNeighborSolicits"] - six["Icmp6InNeighborAdvertisements"]


@case("nothing but neighbours' talk reaches the hub's own stack, and nothing of it answers, whatever the policy allows")
def _():
    with network(OPEN) as n:
        w = Wire(n, "d")
        local = re.search("inet6 (fe80[^/]*)/", n.hub("ip", "-6", "address", "show", n.link_of("d")).stdout)[1]
        before, d4, d6 = heard_by_hub(n), n.v4("d"), n.v6("d")
        mark = len(w.capture.frames)
        addresses = ["10.77.1.1", "10.77.2.1", "10.77.0.1", "127.0.0.1", "255.255.255.255", "10.77.1.255", "224.0.0.1",
                     "fd77:0:0:1::1", "fd77:0:0:2::1", "fd77::1", "::1", local, "ff02::1", "ff02::2", solicited_node(local)]
        for to in addresses:
            for source in (d6, "fe80::77", "::") if ":" in to else (d4, "0.0.0.0"):
                for protocol, body in ((17, udp(source, to, 999, 53, b"ATTACK")), (6, tcp(source, to, 999, 22, SYN)), (6, tcp(source, to, 999, 22, ACK)),
                                       (58 if ":" in to else 1, icmp_echo(source, to, b"ATTACK")), (132, b"ATTACK" * 4), (2, b"ATTACK" * 4)):
                    w.send_ip(packet(source, to, protocol, body))
                    w.send_ip(packet(source, to, protocol, body), BROADCAST)
        w.send_ip(packet("fe80::77", local, 58, with_checksum(struct.pack("!BBHI", 133, 0, 0, 0), 2, pseudo_header("fe80::77", local, 58, 8)), 255))
        w.barrier()
        time.sleep(0.2)
        assert heard_by_hub(n) == before, f"{before} -> {heard_by_hub(n)} packets"
        hub_own = {octets(a) for a in addresses}
        got = [f for f in w.capture.frames[mark:] if not is_neighbours_talk(f) and (f[26:30] in hub_own or f[22:38] in hub_own)
               and not (f[12:14] == IPV4 and f[23] == 6 and f[47] & RST) and not (f[12:14] == IPV6 and f[20] == 6 and f[67] & RST)]
        assert not got, f"{len(got)} answers: {got[0].hex()}"
        # The same questions are answered by a workload, so they were right.
        for to in (n.v4("a"), n.v6("a")):
            source = d6 if ":" in to else d4
            w.send_ip(packet(source, to, 58 if ":" in to else 1, icmp_echo(source, to, b"QUESTION")))
        wait_for("a answers", lambda: len(w.capture.with_text(b"QUESTION")) == 2)


@case("what a machine says of others' addresses, in ARP and advertisements, changes nothing for them")
def _():
    with network(OPEN) as n:
        w = Wire(n, "d")
        standing = [n.session(s, t, 7001, family) for family in FAMILIES for s, t in (("a", "c"), ("c", "b"), ("a", "b"), ("b", "d"))]
        def others():
            return [line for line in n.hub("ip", "neighbour").stdout.splitlines() if f"dev {n.link_of('d')} " not in line and "FAILED" not in line]
        known = {line.split(" lladdr ")[0]: line.split(" lladdr ")[1].split()[0] for line in others()}
        local = re.search("inet6 (fe80[^/]*)/", n.hub("ip", "-6", "address", "show", n.link_of("c")).stdout)[1]
        victims4 = [n.v4(x) for x in "abc"] + ["10.77.1.1", "10.77.3.1", "10.77.2.1"]
        victims6 = [n.v6(x) for x in "abc"] + ["fd77:0:0:1::1", "fd77:0:0:3::1", local]
        mark = len(w.capture.frames)
        for _ in range(3):
            for victim in victims4:
                for to in (BROADCAST, w.hub):
                    for operation in (1, 2):
                        w.send(ARP, arp(operation, w.own, victim, bytes(6), victim), to)  # gratuitous
                        w.send(ARP, arp(operation, w.own, victim, w.hub, "10.77.1.1"), to)
            for victim in victims6:
                for to, mac in (("ff02::1", group_mac("ff02::1")), ("fd77:0:0:1::1", w.hub), (local, w.hub)):
                    for source in (victim, n.v6("d"), "fe80::77"):
                        w.send(IPV6, advertisement(source, to, victim, 0xe0, w.own), mac)
                        w.send(IPV6, advertisement(source, to, victim, 0x20, w.own), mac)
        w.barrier()
        for client, server in standing:
            assert talk(client, server), "a session is lost"
        for family in FAMILIES:
            for source, target in (("a", "c"), ("c", "b"), ("b", "a"), ("a", "d")):
                assert connected(n, source, target, 7005, family) == "yes", f"{source} -> {target} (IPv{family})"
                assert datagram(n, source, target, 7006, family) == "yes"
        now = {line.split(" lladdr ")[0]: line.split(" lladdr ")[1].split()[0] for line in others() if " lladdr " in line}
        assert all(now.get(k, v) == v for k, v in known.items()), f"{known} -> {now}"
        own = {octets(a) for a in (n.v4("d"), n.v6("d"))}
        stolen = [f for f in w.capture.frames[mark:] if f[12:14] in (IPV4, IPV6) and not is_neighbours_talk(f)
                  and not (f[30:34] in own or f[38:54] in own)]
        assert not stolen, f"{len(stolen)} packets for others came to it: {stolen[0].hex()}"


@case("a machine that talks as thousands of neighbours takes the others' neighbours from nobody")
def _():
    with network(OPEN) as n:
        w = Wire(n, "d")
        for family in FAMILIES:
            assert connected(n, "a", "c", 7001, family) == "yes"
        local = re.search("inet6 (fe80[^/]*)/", n.hub("ip", "-6", "address", "show", n.link_of("d")).stdout)[1]
        group = solicited_node(local)
        for i in range(3000):
            mac = b"\2\0\0\0" + struct.pack("!H", i)
            w.send_ip(solicitation(f"fe80::1:{i:x}", group, local, b"\1\1" + mac), group_mac(group))
            w.send(ARP, arp(1, mac, f"10.77.{i >> 8 & 63}.{i & 255}", bytes(6), n.v4("a")), BROADCAST)
            w.send(ARP, arp(2, mac, f"10.77.{i >> 8 & 63}.{i & 255}", w.hub, "10.77.1.1"))
        w.send_ip(solicitation(n.v6("d"), group, local, b"\1\1" + w.own), group_mac(group))
        n.hub("ip", "-6", "neighbour", "flush", "dev", n.link_of("c"))  # as their time would do
        n.hub("ip", "-4", "neighbour", "flush", "dev", n.link_of("c"))
        for family in FAMILIES:
            got = connected(n, "a", "c", 7001, family, timeout=3)
            assert got == "yes", f"a -> c (IPv{family}): {got}; {len(n.hub('ip', '-6', 'neighbour').stdout.splitlines())} IPv6 neighbours are known"


# ---- attacks ----

def attacks(n):
    """(what, what stands behind the MACs with its EtherType, the MAC it is sent to or None for the hub's)."""
    d, a, b, c = ({4: n.v4(x), 6: n.v6(x)} for x in "dabc")
    text = b"ATTACK" * 4
    for family in FAMILIES:
        kind, errors, echo_protocol = (IPV4, 1, 1) if family == 4 else (IPV6, 58, 58)
        hubs = {4: ("10.77.1.1", "10.77.2.1"), 6: ("fd77:0:0:1::1", "fd77:0:0:2::1")}[family]
        nobody = {4: ("10.77.1.99", "0.0.0.0", "127.0.0.1", "255.255.255.255", "224.0.0.1", "169.254.1.1", "240.0.0.1"),
                  6: ("fd77:0:0:1::99", "::", "::1", "ff02::1", "fe80::77", "::ffff:10.77.1.11")}[family]
        for source in (a[family], b[family], c[family], *hubs, WORLD_AT[family], *nobody):
            for to in (a[family], b[family], c[family]):
                for protocol, body in ((17, udp(source, to, 999, 7002, text)), (6, tcp(source, to, 999, 7001, SYN)), (6, tcp(source, to, 999, 7001, ACK, text=text)),
                                       (echo_protocol, icmp_echo(source, to, text)), (47, text),
                                       (errors, error_about(packet(to, source, 17, udp(to, source, 7002, 999, text))))):
                    yield f"the source {source}", kind + packet(source, to, protocol, body), None
        good = packet(d[family], a[family], 17, udp(d[family], a[family], 999, 7002, text))
        for tag in (b"\x81\0\0\5", b"\x81\0\0\0", b"\x88\xa8\0\5\x81\0\0\6", b"\x88\x47\0\0\x11\xff"):
            yield "a tag", tag + kind + good, None
        yield "another EtherType", b"\x88\xb5" + good, None
        yield "the other family's EtherType", (IPV6 if family == 4 else IPV4) + good, None
        yield "to all", kind + good, BROADCAST
        yield "to a group", kind + good, b"\1\0\x5e\0\0\1"
        yield "to a group", kind + good, group_mac("ff02::1")
        yield "to another MAC", kind + good, b"\2\x62\x6b\0\x10\1"
        for to in {4: ("255.255.255.255", "224.0.0.1", "224.0.0.251", "239.1.1.1", "127.0.0.1", "0.0.0.0", "169.254.1.1"),
                   6: ("ff02::1", "ff02::fb", "ff05::2", "ff0e::1", "::1", "::", "fe80::1")}[family]:
            for mac in (None, BROADCAST, group_mac("ff02::1")):
                yield f"to {to}", kind + packet(d[family], to, 17, udp(d[family], to, 999, 7002, text)), mac
    for offset, more in ((1, 1), (3, 0), (185, 1), (185, 0)):
        yield "a fragment without a first", IPV4 + packet(d[4], a[4], 17, text, flags=(0x2000 if more else 0) + offset, number=4711), None
        head = struct.pack("!BBHI", 17, 0, offset << 3 | more, 4711)
        yield "a fragment without a first", IPV6 + packet(d[6], a[6], 44, head + text), None
    for option in (131, 137, 7, 68, 130, 148):  # loose and strict source route, record route, timestamp, security, router alert
        body = udp(d[4], a[4], 999, 7002, text)
        yield "an option of IPv4", IPV4 + packet(d[4], a[4], 17, body, options=struct.pack("!BBB", option, 7, 4) + octets(b[4]) + b"\0"), None
        yield "an option of IPv4", IPV4 + packet(d[4], "10.77.1.1", 17, body, options=struct.pack("!BBB", option, 7, 4) + octets(b[4]) + b"\0"), None
    for kind in (0, 2, 3, 4, 253):
        route = struct.pack("!BBBBI", 17, 2, kind, 1, 0) + octets(b[6])
        body = udp(d[6], a[6], 999, 7002, text)
        yield "a routing header", IPV6 + packet(d[6], a[6], 43, route + body), None
        yield "a routing header", IPV6 + packet(d[6], "fd77:0:0:1::1", 43, route + body), None
        yield "a routing header", IPV6 + packet(d[6], a[6], 0, struct.pack("!BBBBI", 43, 0, 1, 4, 0) + route + body), None


def error_about(quoted):
    body = struct.pack("!BBHI", 3 if quoted[0] >> 4 == 4 else 1, 1, 0, 0) + quoted
    return with_checksum(body, 2)


@case("of a machine's spoofed sources, tags, broadcasts, multicasts, lone fragments and source routes nothing arrives anywhere, with a policy that allows all")
def _():
    with network(OPEN) as n:
        w = Wire(n, "d")
        standing = [n.session(s, t, 7001, family) for family in FAMILIES for s, t in (("a", "c"), ("a", "b"), ("d", "b"))]
        captures = {x: n.capture(x) for x in "abc"}
        # The same hand makes frames that do arrive.
        for source, to, kind in ((n.v4("d"), n.v4("a"), IPV4), (n.v6("d"), n.v6("a"), IPV6)):
            w.send(kind, packet(source, to, 17, udp(source, to, 999, 7002, b"HONEST")))
        wait_for("frames of this hand arrive", lambda: len(captures["a"].with_text(b"HONEST")) == 2)
        for family in FAMILIES:  # what both captures see of refusals is there before
            datagram(n, "d", "c", 7002, family)
        quietly(n, captures["a"])
        marks = {x: len(capture.frames) for x, capture in captures.items()}
        sent = 0
        for _, frame, to in attacks(n):
            w.socket.send((to or w.hub) + w.own + frame)
            sent += 1
        w.barrier()
        quietly(n, captures["a"])
        time.sleep(0.2)
        for x, capture in captures.items():
            got = [f for f in capture.frames[marks[x]:] if not is_neighbours_talk(f) and b"BARRIER" not in f]
            assert not got, f"of {sent} frames {len(got)} arrived at {x}: {got[0].hex()}"
            assert not capture.lost()
        assert sent > 500 and all(talk(client, server) for client, server in standing)
        seen = {reason for link, side, reason in counters(n) if side == 0 and f"w{link}" == n.link_of("d")}
        print(f"# {sent} frames of {len(set(what for what, _, _ in attacks(n)))} kinds; {len(seen)} different verdicts")


@case("a machine that changes its MAC goes on working, is reached, and is answered")
def _():
    with network() as n:
        standing = [n.session(*pair, 7001, family) for family in FAMILIES for pair in (("d", "b"), ("a", "d"))]
        ip(MACHINES["d"], "link set m0 address 02:11:22:33:44:55")
        for family in FAMILIES:
            assert connected(n, "d", "a", 7009, family) == "ConnectionRefusedError", "a refusal finds the new MAC"
        for family in FAMILIES:
            for source, target in (("d", "b"), ("a", "d"), ("c", "d")):
                wait_for(f"{source} -> {target} (IPv{family}) again", lambda s=source, t=target, f=family: connected(n, s, t, 7001, f, timeout=1) == "yes", REPAIRED)
        assert all(talk(*pair, timeout=20) for pair in standing), "a session is lost"


# ---- failures ----

FORBIDDEN, ALLOWED = b"FORBIDDEN", b"ALLOWED"


@contextlib.contextmanager
def under_traffic(n):
    """Forbidden and allowed streams from and to the machine d; nothing forbidden may arrive, before, within or after."""
    captures = {x: n.capture(x) for x in "abcd"}
    forbidden = [Stream(n, s, t, port, FORBIDDEN, family, rate=1000) for family in FAMILIES
                 for s, t, port in (("d", "c", 7002), ("d", "b", 7009), ("a", "d", 7009), ("d", "a", 7009))]
    allowed = [Stream(n, s, t, 7002, ALLOWED, family, rate=200) for family in FAMILIES for s, t in (("d", "b"), ("a", "d"))]
    flow = Flow(captures)
    wait_for("the allowed streams arrive", flow.goes_on)
    yield flow
    time.sleep(0.3)
    for s in forbidden + allowed:
        s.stop()
    assert all(s.sent > 20 for s in forbidden), [(s.sent, s.refused) for s in forbidden]
    for x, capture in captures.items():
        got = [f for f in capture.with_text(FORBIDDEN) if f[12:14] in (IPV4, IPV6)]
        assert not got, f"{len(got)} forbidden packets arrived at {x}, of {sum(s.sent for s in forbidden)}: {got[0].hex()}"
        assert not capture.lost(), "the capture itself lost frames: nothing is known"


class Flow:
    """The allowed streams, as their receivers see them."""

    def __init__(self, captures):
        self.captures = captures

    def counts(self, machines="bd"):
        found = {x: self.captures[x].with_text(ALLOWED) for x in machines}
        return {(x, kind): sum(f[12:14] == kind for f in frames) for x, frames in found.items() for kind in (IPV4, IPV6)}

    def goes_on(self, machines="bd"):
        """Of each family more arrives. On a busy machine the sender may not run for a while: that decides nothing."""
        before, until = self.counts(machines), time.monotonic() + STARVED
        while not all(now > before[k] + 2 for k, now in self.counts(machines).items()):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    def stands_still(self, machines="bd"):
        before = self.counts(machines)
        time.sleep(0.3)
        return self.counts(machines) == before


def detach(n, link):
    n.hub("tc", "filter", "del", "dev", link, "ingress")


def remove_qdisc(n, link):
    n.hub("tc", "qdisc", "del", "dev", link, "clsact")


@case("with the agent killed and the program off the machine's link, nothing comes from it any more and nothing forbidden goes to it; an agent repairs")
def _():
    for attack in (detach, remove_qdisc):
        with network() as n, under_traffic(n) as flow:
            n.kill_agent()
            attack(n, n.link_of("d"))
            wait_for("the machine's packets no longer arrive", lambda: flow.stands_still("b"))
            for family in FAMILIES:
                assert connected(n, "d", "b", 7001, family, timeout=0.3) != "yes"
                assert echo(n, "d", "b", family, within=0.3) != "yes"
            assert flow.stands_still("b")
            n.start_agent()
            wait_for("traffic that is allowed flows again", flow.goes_on, REPAIRED)


@case("a program that is taken off a machine's link, its qdisc, or another in its place is put right by the agent")
def _():
    def replace(n, link):
        n.hub("tc", "filter", "replace", "dev", link, "ingress", "protocol", "all", "prio", "1", "handle", "1", "bpf",
              "bytecode", "1,6 0 0 4294967295", "flowid", "1:1")
    with network() as n, under_traffic(n) as flow:
        for attack in (detach, remove_qdisc, replace):
            attack(n, n.link_of("d"))
            wait_for(f"{attack.__name__}: traffic that is allowed flows again", flow.goes_on, REPAIRED)
            wait_for("status sees it", lambda: n.status()[0] == 0, REPAIRED)


@case("a machine's link that is turned off in the hub is turned on again, and both families flow; so do they after its cable was out")
def _():
    with network() as n, under_traffic(n) as flow:
        def pull():
            ip(MACHINES["d"], "link set m0 down")
            time.sleep(1)
            ip(MACHINES["d"], "link set m0 up", f"address replace {v6('d')}/64 dev m0 nodad", f"route replace default via {router(v4('d'))}",
               f"route replace default via {router(v6('d'))}")
        for what, off in (("its cable was out", pull), ("its link was turned off", lambda: n.hub("ip", "link", "set", n.link_of("d"), "down"))):
            off()
            n.hub("ip", "neighbour", "flush", "all")  # as their time would do
            wait_for(f"{what}: traffic that is allowed flows again", flow.goes_on, REPAIRED)
        assert n.status("--contents")[0] == 0


# ---- what is said ----

@case("exec says that it cannot go there, matrix --live names the machines as not tried and judges the rest, status and its contents are right")
def _():
    with network() as n:
        for family in FAMILIES:
            assert connected(n, "d", "a", 7001, family) == "yes"  # its MAC is learnt
        expect(n.exec("d", "true"), 125, "workload d", "behind the interface eth1")
        expect(n.exec("a", "true"), 0)
        code, status = n.status("--contents")
        assert code == 0 and status["realised"] and status["contents"]["links_differ"] == status["contents"]["lines_differ"] == 0, status
        assert status["links"] == {"desired": 4, "known": 4, "differ": 0}, status
        expect(n.bulkhead("status", n.name, "--contents"), 0, "realised as the policy says")
        done = expect(n.bulkhead("matrix", n.file, "--live"), 0, "not tried", "exactly as the policy says")
        assert re.search("not tried.*: .*c.*d", done.stdout), done.stdout
        found = json.loads(expect(n.bulkhead("matrix", n.file, "--live", "--json"), 0).stdout)
        assert found["not_tried"] == ["c", "d"] and found["differences"] == [] and found["tried"] > 0, found
    


@case("two machines behind one interface, with an address of the workload each, are both reached, heard and answered")
def _():
    second = {4: "10.77.1.12", 6: "fd77:0:0:1::c"}

    def switch():
        """Behind m0, which is a port of it now: d itself, and another namespace."""
        make_namespace(AROUND)
        ip(MACHINES["d"], "address flush dev m0", "link add br0 type bridge", "link set m0 master br0",
           f"link add p0 type veth peer name e0 netns {AROUND}", "link set p0 master br0", "link set p0 up", "link set br0 up",
           f"address add {v4('d')}/24 dev br0", f"address add {v6('d')}/64 dev br0 nodad")
        ip(AROUND, "link set e0 up", f"address add {second[4]}/24 dev e0", f"address add {second[6]}/64 dev e0 nodad")
        for namespace in (MACHINES["d"], AROUND):
            ip(namespace, f"route replace default via {router(v4('d'))}", f"route replace default via {router(v6('d'))}")

    with network_of_its_own("t10n", prepare=switch, start=False) as n:
        with open(n.file, encoding="utf-8") as file:
            text = file.read()
        with open(n.file, "w", encoding="utf-8") as out:
            out.write(text.replace(f'[{v4("d")}, "{v6("d")}"]', f'[{v4("d")}, {second[4]}, "{v6("d")}", "{second[6]}"]'))
        expect(n.bulkhead("up", n.file), 0)
        others = Twin(n, second)
        for _ in range(2):
            for family in FAMILIES:
                for who in (n, others):
                    for source, target in (("a", "d"), ("d", "b")):
                        got = connected(who, source, target, 7001, family, timeout=2)
                        assert got == "yes", f"{source} -> {target} (IPv{family}), {'the second' if who is others else 'the first'} machine: {got}"
                    assert connected(who, "d", "a", 7009, family, timeout=2) == "ConnectionRefusedError"


class Twin(Cabled):
    """The same network, in which d is the second of the machines that are d."""

    def __init__(self, n, addresses):
        self.__dict__.update(n.__dict__)
        self.second = addresses

    def netns(self, workload):
        return path_of(AROUND) if workload == "d" else super().netns(workload)

    def address(self, workload, family):
        return self.second[family] if workload == "d" else super().address(workload, family)


# ---- adopt ----

def host_routes():
    """Before there is a network the host is the machines' router, as it is in so many places."""
    for machine, interface in INTERFACES.items():
        ip(HOST, f"address add {router(v4(machine))}/24 dev {interface}", f"address add {router(v6(machine))}/64 dev {interface} nodad")
    setting(HOST, "ipv4/ip_forward", "1")
    setting(HOST, "ipv6/conf/all/forwarding", "1")


def is_reset(s, patience=5):
    """The end sees that its connection is over, when it uses it."""
    s.settimeout(0.1)
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            s.sendall(b"x")
            if not s.recv(65536):
                return False
        except socket.timeout:
            continue
        except (ConnectionResetError, BrokenPipeError):
            return True
    return False


C_TO_D = {"c-d": allow("c", "d", "7001/tcp")}


def adopting(seconds):
    return {**BEHIND, "d": f"{BEHIND['d']}, adopt: {seconds}s"}


@case("with adopt, connections from before `up` that a rule allows go on, whoever speaks first; others are reset, and all when none may")
def _():
    with network_of_its_own("t10a", C_TO_D, adopting(60), host_routes, start=False) as n:
        kept = [n.session("c", "d", 7001, family) for family in FAMILIES for _ in range(2)]
        cut = [n.session(*flow, family) for family in FAMILIES for flow in (("c", "d", 7003), ("d", "c", 7001), ("d", "c", 22))]
        expect(n.bulkhead("up", n.file), 0)
        for i, (client, server) in enumerate(kept):
            assert talk(client, server) if i % 2 else talk(server, client), f"connection {i} is lost"
            assert transfers(client, server) and transfers(server, client)
        for i, ends in enumerate(cut):
            assert not carries(*(ends if i % 2 else ends[::-1]), timeout=0.1)
            assert is_reset(ends[0]) and is_reset(ends[1]), f"connection {i} that no rule allows"
        for family in FAMILIES:
            assert connected(n, "c", "d", 7001, family) == "yes" and connected(n, "d", "c", 7001, family) == "ConnectionRefusedError"
        receipt = n.receipt({})
        assert receipt["cut"] >= len(kept), receipt
        assert not any(carries(*pair, timeout=0.1) for pair in kept), "adopted connections are cut as others are"


@case("an adopted connection goes on when the network is taken down and the host is the router again; without adopt the next `up` ends it")
def _():
    with network_of_its_own("t10b", C_TO_D, adopting(60), host_routes, start=False) as n:
        pairs = [n.session("c", "d", 7001, family) for family in FAMILIES for _ in range(2)]
        expect(n.bulkhead("up", n.file), 0)
        assert all(talk(*pair) for pair in pairs), "lost by up"
        expect(n.bulkhead("down", n.name), 0)
        assert all(talk(*pair) for pair in pairs), "lost by down"
        expect(n.bulkhead("up", n.write(C_TO_D, "cuts.yaml", attached=BEHIND)), 0)
        for i, ends in enumerate(pairs):
            assert not carries(*(ends if i % 2 else ends[::-1]), timeout=0.1)
            assert is_reset(ends[0]) and is_reset(ends[1])
        assert all(connected(n, "c", "d", 7001, family) == "yes" for family in FAMILIES)


@case("after adopt's time nothing is adopted any more, and what was adopted goes on")
def _():
    with network_of_its_own("t10c", C_TO_D, adopting(2), host_routes, start=False) as n:
        early, late = ([n.session("c", "d", 7001, family) for family in FAMILIES] for _ in range(2))
        started = time.monotonic()
        expect(n.bulkhead("up", n.file), 0)
        adopted = [carries(*pair, timeout=0.5) for pair in early]
        in_time = time.monotonic() - started < 2
        time.sleep(2.2)
        assert not any(carries(*pair, timeout=0.3) for pair in late), "adopted after its time"
        assert all(is_reset(end) for pair in late for end in pair)
        assert all(adopted) or not in_time, "not adopted within its time"
        assert all(talk(*pair) for pair, was in zip(early, adopted) if was), "an adopted connection is lost"


@case("a connection between an attached namespace and a machine survives down and up with adopt, with data under way")
def _():
    around = {**BEHIND, "a": f"attach: {{netns: {path_of(AROUND)}}}"}
    with network_of_its_own("t10d", RULES, around, lambda: make_namespace(AROUND)) as n:
        pairs = [n.session("a", "d", 7001, family) for family in FAMILIES]
        expect(n.bulkhead("down", n.name), 0)
        mark = os.urandom(8)
        for client, _ in pairs:
            client.sendall(mark)  # into nothing, until there is a way again
        adopts = n.write(RULES, "adopts.yaml", attached={**around, "a": f"{around['a']}, adopt: 60s"})
        expect(n.bulkhead("up", adopts), 0)
        for client, server in pairs:
            server.settimeout(30)
            assert server.recv(8) == mark and talk(client, server), "lost, though a adopts"


# ---- a namespace that is somebody else's ----

QUIET_LINK = {"ipv4/conf/eth0/forwarding": "0", "ipv4/conf/eth0/accept_redirects": "0", "ipv6/conf/eth0/forwarding": "0", "ipv6/conf/eth0/addr_gen_mode": "1",
              "ipv6/conf/eth0/accept_ra": "0", "ipv6/conf/eth0/accept_redirects": "0", "ipv6/conf/eth0/autoconf": "0", "ipv6/conf/eth0/accept_dad": "0",
              "ipv6/conf/eth0/dad_transmits": "0", "ipv6/conf/eth0/router_solicitations": "0"}


def furnish_around():
    """A router that has no way out yet, and whose owner has said so."""
    make_namespace(AROUND)
    for name, value in (("ipv4/ip_forward", "1"), ("ipv4/conf/all/accept_redirects", "1"), ("ipv4/conf/default/accept_redirects", "1"),
                        ("ipv6/conf/all/forwarding", "1"), ("ipv6/conf/default/accept_ra", "2"), ("ipv6/conf/default/accept_redirects", "1"),
                        ("ipv6/conf/default/accept_dad", "1"), ("ipv6/conf/default/dad_transmits", "2"), ("ipv6/conf/default/router_solicitations", "4")):
        setting(AROUND, name, value)
    ip(AROUND, "link add t0 type veth peer name t1", "route add unreachable default", "route add unreachable ::/0 metric 100", "link set lo down")


def around_lines():
    """All of the attached namespace but the workload's link, as lines."""
    found = set()
    for what in ("link", "address", "rule", "-6 rule", "route show table all", "-6 route show table all", "neighbour", "-6 neighbour"):
        entries = json.loads(run("ip", "-n", AROUND, "-j", *what.split()).stdout or "[]")
        found |= {f"{what} {json.dumps(e, sort_keys=True)}" for e in entries if e.get("ifname", e.get("dev")) != "eth0"}
    with inside(path_of(AROUND)):
        for path in glob.glob("/proc/sys/net/ipv[46]/**", recursive=True):
            with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
                if "/eth0/" not in path:
                    found.add(f"{path} {file.read()}")
    return found


@case("a namespace that is attached keeps its settings, loopback and routes while the network is up and after down; its link alone is quiet")
def _():
    around = {"a": f"attach: {{netns: {path_of(AROUND)}}}"}
    with network_of_its_own("t10o", OPEN, around, furnish_around, start=False, workloads="ab") as n:
        before = around_lines()
        for _ in range(2):
            expect(n.bulkhead("up", n.file), 0)
            changed = before ^ around_lines()
            assert not changed, "\n".join(sorted(changed))
            with inside(path_of(AROUND)):
                for name, value in QUIET_LINK.items():
                    with open(f"/proc/sys/net/{name}", encoding="utf-8") as file:
                        assert file.read().strip() == value, name
            for family in FAMILIES:
                for source, target in ("ab", "ba"):
                    assert connected(n, source, target, 7001, family) == "yes" and echo(n, source, target, family) == "yes", f"{source} -> {target} (IPv{family})"
            time.sleep(QUIET)
            refused = {c: many for c, many in counters(n).items() if c[2] != RULE}
            assert not refused, f"it sent what is refused: {refused}"
            expect(n.bulkhead("down", n.name), 0)
            changed = before ^ around_lines()
            assert not changed, "\n".join(sorted(changed))


@case("up, apply and status name a process in an attached namespace that holds CAP_NET_ADMIN of this host, and none that does not")
def _():
    around = {"a": f"attach: {{netns: {path_of(AROUND)}}}"}
    with network_of_its_own("t10y", OPEN, around, furnish_around, start=False, workloads="ab") as n:
        def started(*before):
            p = subprocess.Popen(["ip", "netns", "exec", AROUND, *before, "sleep", "777001"])
            n.stops.append(p.kill)
            wait_for("it sleeps", lambda: processes_that_are("sleep", "777001"))
            return p

        def ended(p):
            p.kill()
            p.wait()

        for less in (("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-all"), ("unshare", "--user", "--map-root-user")):
            p = started(*less)
            done = expect(n.bulkhead("up", n.file), 0)
            assert "CAP_NET_ADMIN" not in done.stderr, f"{less}: {said(done)}"
            ended(p)
        p = started()
        done = expect(n.bulkhead("apply", n.file), 0, f"process {p.pid} (sleep) in {path_of(AROUND)} holds CAP_NET_ADMIN", "perimeter of a")
        assert done.stderr.count("warning") == 1, said(done)
        expect(n.bulkhead("status", n.name), 0, f"process {p.pid} (sleep) of a holds CAP_NET_ADMIN")
        found = json.loads(n.bulkhead("status", "--json", n.name).stdout)["administrators"]
        assert found == [{"workload": "a", "pid": p.pid, "command": "sleep", "others": 0}], found
        expect(n.bulkhead("down", n.name), 0)
        expect(n.bulkhead("up", n.file), 0, f"process {p.pid} (sleep)")
        ended(p)
        assert "CAP_NET_ADMIN" not in n.bulkhead("status", n.name).stdout


@case("a large datagram to a machine behind a narrower link arrives once the sender has been told, over IPv6 in fragments too")
def _():
    def narrow():
        ip(MACHINES["d"], "link set m0 mtu 1300")
        ip(HOST, "link set eth1 mtu 1300")

    with Cabled("t10q", attached={"d": BEHIND["d"]}, prepare=narrow) as n:
        for family in FAMILIES:
            address = v4("d") if family == 4 else v6("d")
            with inside(path_of(MACHINES["d"])), socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as receiver:
                receiver.bind((address, 7002))
                receiver.settimeout(1)
                with n.socket("a", family, socket.SOCK_DGRAM) as sender:
                    for attempt in range(3):
                        with contextlib.suppress(OSError):
                            sender.sendto(b"x" * 5000, (address, 7002))
                        with contextlib.suppress(TimeoutError):
                            assert len(receiver.recv(6000)) == 5000
                            break
                    else:
                        raise AssertionError(f"IPv{family}: none of three arrived")


@case("who holds CAP_NET_ADMIN of this host behind an attached interface is named; what runs on the host itself is not")
def _():
    with Cabled("t10z", attached={"d": BEHIND["d"]}) as n:
        assert "CAP_NET_ADMIN" not in n.bulkhead("status", n.name).stdout
        p = subprocess.Popen(["ip", "netns", "exec", MACHINES["d"], "sleep", "777002"])
        n.stops.append(p.kill)
        wait_for("it sleeps", lambda: processes_that_are("sleep", "777002"))
        expect(n.bulkhead("status", n.name), 0, f"process {p.pid} (sleep) of d holds CAP_NET_ADMIN")
        expect(n.bulkhead("apply", n.file), 0, f"process {p.pid} (sleep) behind {INTERFACES['d']} holds CAP_NET_ADMIN", "perimeter of d")


@case("a link whose other end its owner takes to another namespace stays the workload's: apply and the agent leave it")
def _():
    around = {"a": f"attach: {{netns: {path_of(AROUND)}}}"}
    with network_of_its_own("t10x", OPEN, around, furnish_around, start=False, workloads="ab") as n:
        expect(n.bulkhead("up", n.file), 0)
        run("ip", "netns", "add", "t10elsewhere")
        n.stops.append(lambda: run("ip", "netns", "del", "t10elsewhere", status=None))
        ip(AROUND, "link set eth0 netns t10elsewhere")
        ip("t10elsewhere", f"address add {n.v4('a')}/32 dev eth0", "link set eth0 up", f"route add {n.v4('b')}/32 dev eth0",
           f"neighbour add {n.v4('b')} lladdr 02:62:6b:00:10:02 dev eth0")
        n.listen("b", 7001, 4)
        for action in (lambda: expect(n.bulkhead("apply", n.file), 0), lambda: time.sleep(2.5)):
            action()
            assert "eth0" in run("ip", "-n", "t10elsewhere", "link").stdout
            with inside(path_of("t10elsewhere")), socket.create_connection((n.v4("b"), 7001), timeout=3):
                pass
        expect(n.bulkhead("status", n.name), 0)


@case("a link is made again to the namespace that it was to and no other, and nothing there is deleted but its own far end")
def _():
    around = {"a": f"attach: {{netns: {path_of(AROUND)}}}"}
    with network_of_its_own("t10w", OPEN, around, furnish_around, start=False, workloads="ab") as n:
        expect(n.bulkhead("up", n.file), 0)
        ip(AROUND, "link delete eth0", "link add mine index 1000 type veth peer name mine2")
        wait_for("the agent says what stands against it", lambda: "workload a has no link" in n.bulkhead("status", n.name).stdout)
        assert "mine@" in run("ip", "-n", AROUND, "link").stdout
        ip(AROUND, "link delete mine")
        wait_for("it is made again", lambda: n.bulkhead("status", n.name).returncode == 0)
        run("ip", "netns", "add", "t10elsewhere")
        n.stops.append(lambda: run("ip", "netns", "del", "t10elsewhere", status=None))
        run("mount", "--bind", path_of("t10elsewhere"), path_of(AROUND))
        try:
            run("ip", "-n", f"{n.name}-hub", "link", "del", "w16")
            wait_for("the agent tells the other", lambda: "is another namespace than" in n.bulkhead("status", n.name).stdout)
            assert "eth0" not in run("ip", "-n", "t10elsewhere", "link").stdout
        finally:
            run("umount", path_of(AROUND))
        wait_for("it is made again", lambda: n.bulkhead("status", n.name).returncode == 0)
        assert connected(n, "a", "b", 7001, 4) == "yes"


# ---- what is done to a packet after the decision ----

TAP, MALFORMED, NO_SESSION = "t10tap", 1, 7  # the reasons, in bpf/abi.h
NO_WORK, CUT_UDP, SUM = struct.pack("<BBHHHH", 0, 0, 0, 0, 0, 0), (0, 3), 1  # linux/virtio_net.h


def make_tap():
    """A virtual machine's end of it, which sends frames with what is left to others to do to them."""
    with inside(path_of(HOST)):
        tap = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH22x", TAP.encode(), 0x0002 | 0x1000 | 0x4000))  # TUNSETIFF: IFF_TAP, _NO_PI, _VNET_HDR
    ip(HOST, f"link set {TAP} up")
    return tap


def malformed(n):
    return sum(many for (_, side, reason), many in counters(n).items() if reason == MALFORMED and side == 0)


@case("a fragment that its sender leaves to be cut, and what is left over in an ICMP error or towards an attached namespace, is malformed; without that it passes")
def _():
    taps = []
    around = {"a": f"attach: {{netns: {path_of(AROUND)}}}", "d": f"attach: {{interface: {TAP}}}"}
    with network_of_its_own("t10u", OPEN, around, lambda: (make_namespace(AROUND), taps.append(make_tap())), start=False, workloads="abd") as n:
        hub = mac_of(HOST, TAP)
        expect(n.bulkhead("up", n.file), 0)
        frame = hub + b"\2\0\0\0\x55\1" + IPV4
        to_b, from_d = n.address("b", 4), n.address("d", 4)
        first = packet(from_d, to_b, 17, struct.pack("!HHHH", 5555, 7002, 1000, 0) + b"B" * 8, flags=0x2000, number=9)
        later = packet(from_d, to_b, 17, struct.pack("!HHHH", 5555, 9999, 600, 0) + b"x" * 592, flags=2, number=9)
        quoted = packet(from_d, to_b, 17, struct.pack("!HHHH", 7002, 5555, 8, 0))
        error = packet(to_b, from_d, 1, with_checksum(struct.pack("!BBHI", 3, 3, 0, 0) + quoted, 2))
        b_to_d = packet(to_b, from_d, 17, udp(to_b, from_d, 5555, 7002, b"text"))
        b_to_a = packet(to_b, n.address("a", 4), 17, udp(to_b, n.address("a", 4), 5555, 7002, b"text"))
        os.write(taps[0], NO_WORK + frame + first)
        os.write(taps[0], NO_WORK + frame + later)
        assert malformed(n) == 0, counters(n)
        os.write(taps[0], struct.pack("<BBHHHH", *CUT_UDP, 34, 512, 0, 0) + frame + later)
        assert malformed(n) == 1, counters(n)
        with inside(n.netns("b")), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
            s.bind(("eth0", 0))
            s.setsockopt(263, 15, 1)  # PACKET_VNET_HDR
            gateway = json.loads(run("ip", "-n", f"{n.name}-b", "-j", "neigh").stdout)[0]["lladdr"]
            ends = bytes.fromhex(gateway.replace(":", "")) + mac_of(f"{n.name}-b", "eth0") + IPV4
            s.send(struct.pack("<BBHHHH", SUM, 0, 0, 0, 34, 6) + ends + b_to_a)
            assert malformed(n) == 1, "a checksum is a stack's to leave"
            s.send(struct.pack("<BBHHHH", SUM, 0, 0, 0, 34, 2) + ends + b_to_a)
            assert malformed(n) == 2, counters(n)
            for whole in (b_to_d, error):
                s.send(NO_WORK + ends + whole)
            assert malformed(n) == 2 and not [k for k in counters(n) if k[2] == NO_SESSION], "an error about a session passes"
            s.send(struct.pack("<BBHHHH", SUM, 0, 0, 0, 14 + 20 + 8, 18) + ends + error)  # into the quoted destination
            assert malformed(n) == 3, counters(n)
        for tap in taps:
            os.close(tap)


@case("a namespace that is called as those that bulkhead makes is not attached, up says what to do, and it stays")
def _():
    called = "t10q-a"
    with network_of_its_own("t10q", OPEN, {"a": f"attach: {{netns: {path_of(called)}}}"}, start=False, workloads="ab") as n:
        make_namespace(called)
        said = n.bulkhead("up", n.file)
        expect(said, 2)
        assert f"the network namespace {called} is called as those" in said.stderr, said.stderr
        assert os.path.exists(path_of(called)), "it was taken away"


# ---- what cannot be attached ----

def host_state():
    """All of the host that a network could have changed, as lines. What the kernel does a moment later is waited for."""
    before = None
    while before != (now := host_lines()) or is_settling():
        before = now
        time.sleep(0.1)
    return now


def is_settling():
    """Whether the kernel has not yet seen the carrier of a link that is up, or is still trying an address."""
    links = json.loads(run("ip", "-n", HOST, "-j", "address").stdout)
    return any("NO-CARRIER" in link["flags"] or any("tentative" in a for a in link["addr_info"]) for link in links)


def host_lines():
    found = set()
    for what in ("-d link", "address", "rule", "-6 rule", "route show table all", "-6 route show table all", "neighbour show nud permanent",
                 "neighbour show proxy", "-6 neighbour show proxy"):
        for entry in json.loads(run("ip", "-n", HOST, "-j", *what.split()).stdout or "[]"):
            if entry.get("qdisc") == "noop":  # one that was never up yet
                entry["qdisc"] = "noqueue"
            if what == "address":  # their order says which is the preferred source
                order = [f"{a['family']} {a.get('local')}" for a in entry["addr_info"]]
                found |= {f"{what} {entry['ifname']} {json.dumps(a, sort_keys=True)}" for a in entry.pop("addr_info")}
                entry["order"] = order
            found.add(f"{what} {json.dumps(entry, sort_keys=True)}")
    with inside(path_of(HOST)):
        for path in glob.glob("/proc/sys/net/ipv[46]/conf/*/*") + glob.glob("/proc/sys/net/ipv[46]/neigh/*/*"):
            with contextlib.suppress(OSError):
                with open(path, encoding="utf-8") as file:
                    found.add(f"{path} {file.read()}")
        with open("/proc/thread-self/net/igmp6", encoding="utf-8") as file:
            found |= {f"group {line.split()[1:4]}" for line in file}
    return found


def is_as_before(before, where=""):
    after = host_state()
    lost, new = "\n".join(sorted(before - after)), "\n".join(sorted(after - before))
    assert before == after, f"{where}: the host has no longer\n{lost}\nand has now\n{new}"


def refuses(n, file, *texts):
    before, there = host_state(), bool(traces(n.name))
    expect(n.bulkhead("up", file), 2, *texts)
    is_as_before(before, texts)
    assert there or not traces(n.name), f"left: {traces(n.name)}"


@case("up refuses an interface that is not there, the loopback, a bridge's, one that others stand on or the default route goes by, and says what to do")
def _():
    with network_of_its_own("t10e", start=False) as n:
        for interface, texts in (("eth9", ("eth9", "not there", "ip link")), ("lo", ("lo", "loopback", "another"))):
            refuses(n, n.write(RULES, attached={**BEHIND, "c": f"attach: {{interface: {interface}}}"}), *texts)
        file = n.write(RULES)
        for make, unmake, texts in (
                (("link add br0 type bridge", "link set eth1 master br0"), ("link del br0",), ("eth1", "bridge", "nomaster")),
                (("link add link eth1 name on1 type vlan id 5",), ("link del on1",), ("on1", "stands upon eth1", "ip link delete")),
                (("link add link eth1 name on1 type macvlan",), ("link del on1",), ("on1", "stands upon eth1", "ip link delete")),
                (("link add on1 type vxlan id 7 dstport 4789 group 239.1.1.1 dev eth1",), ("link del on1",), ("on1", "stands upon eth1", "ip link delete")),
                (("address add 192.0.2.1/24 dev eth1", "route add default via 192.0.2.9"), ("address del 192.0.2.1/24 dev eth1",),
                 ("IPv4 default route", "eth1", "ip route replace")),
                (("address add 2001:db8::1/64 dev eth1 nodad", "route add default via 2001:db8::9"), ("address del 2001:db8::1/64 dev eth1",),
                 ("IPv6 default route", "eth1", "ip -6 route replace")),
                (("link set eth1 mtu 1000",), ("link set eth1 mtu 1500",), ("eth1", "MTU", "1280")),
                (("link property add dev eth1 altname eth7", "link set eth1 down", "link set eth1 name eth8", "link set eth8 up"),
                 ("link set eth8 down", "link set eth8 name eth1", "link set eth1 up"), ("eth1", "not there"))):
            try:
                ip(HOST, *make)
            except AssertionError as problem:
                assert "Unknown device type" in str(problem)
                print(f"# this kernel cannot: {make[0]}")
                continue
            refuses(n, file, *texts)
            ip(HOST, *unmake)
        refuses(n, n.write(RULES, attached={"d": "attach: {interface: eth7}"}), "eth7", "another name", "eth1")
        expect(n.bulkhead("up", n.write(RULES)), 0)


@case("up refuses an interface that another network has, or leaves by, and apply one that is not fit; the running ones go on")
def _():
    def world():
        ip(HOST, f"link add eth5 type veth peer name w0 netns {MACHINES['c']}", "address add 192.0.2.1/24 dev eth5", "link set eth5 up")
        ip(MACHINES["c"], "link set w0 up")
        ip(HOST, "route add default via 192.0.2.9")
    with network_of_its_own("t10f", RULES, {"d": BEHIND["d"]}, world, uplink="interface: eth5") as first:
        pairs = [first.session("a", "d", 7001, family) for family in FAMILIES]
        with Cabled("t10g", RULES, alone=False, start=False, block=1) as second:
            second.attached = {}
            for interface, texts in (("eth1", ("eth1", "t10f", "bulkhead down t10f")), ("eth5", ("eth5", "t10f", "bulkhead down t10f"))):
                refuses(second, second.write(RULES, attached={"c": f"attach: {{interface: {interface}}}"}), *texts)
            expect(second.bulkhead("up", second.write(RULES, attached={})), 0)
            before = host_state()
            for interface, texts in (("eth1", ("eth1", "t10f")), ("eth9", ("eth9", "not there")), ("lo", ("loopback",))):
                with open(second.write({**RULES, "more": allow("e", "a", "any")}, "more.yaml", attached={}), encoding="utf-8") as file:
                    text = file.read()
                with open(file.name, "w", encoding="utf-8") as out:
                    out.write(text.replace("rules:\n", f"  e: {{segment: red, attach: {{interface: {interface}}}}}\nrules:\n", 1))
                expect(settled(lambda: second.bulkhead("apply", file.name)), 2, *texts)
                is_as_before(before, texts)
            assert connected(second, "a", "b", 7001, 4) == "ConnectionRefusedError", "the second stays as it was"
        assert all(talk(*pair) for pair in pairs)


@case("check refuses one interface for two workloads, the uplink's, and what cannot be an interface, with exit 1")
def _():
    with network_of_its_own("t10h", start=False) as n:
        for texts, attached, change in (
                (("eth1", "already", "d"), {"d": BEHIND["d"], "c": BEHIND["d"]}, {}),
                (("eth1", "uplink"), {"d": BEHIND["d"]}, {"uplink": "interface: eth1"}),
                (("a/b",), {"d": "attach: {interface: a/b}"}, {}), (("sixteen-letters-",), {"d": "attach: {interface: sixteen-letters-}"}, {}),
                (("exactly one",), {"d": "attach: {interface: eth1, netns: /run/netns/x}"}, {}),
                (("run", "attach"), {"d": "attach: {interface: eth1}, run: {command: [sleep, \"1\"]}"}, {}),
                (("adopt", "attach"), {"d": "adopt: 5s"}, {})):
            file = n.write(RULES, attached=attached, **change)
            expect(n.bulkhead("check", file), 1, *texts)
            expect(n.bulkhead("up", file), 1, *texts)
            leaves_nothing(n.name)


# ---- down gives all back ----

def furnish():
    """An interface with all that one can have, one that is down, and one that shares routes."""
    make_namespace(AROUND)
    ip(HOST, "link set eth1 down", "link set eth1 address 02:aa:bb:cc:dd:01", "link set eth1 mtu 1400", "link set eth1 alias the-cable",
       "link property add dev eth1 altname cable-to-the-machine", "link set eth1 group 7", "link set eth1 txqueuelen 77", "link set eth1 up",
       f"link add eth3 type veth peer name m3 netns {AROUND}", "address add 10.66.0.1/24 dev eth3", "address add 2001:db8:66::1/64 dev eth3 nodad", "link set eth3 up")
    ip(HOST, "address add 192.0.2.1/24 brd + dev eth1", "address add 192.0.2.2/24 dev eth1", "address add 192.0.2.200 peer 192.0.2.201/32 dev eth1 label eth1:x",
       "address add 198.18.5.1/30 dev eth1 metric 70 scope link", "address add 2001:db8::1/64 dev eth1 nodad", "address add 2001:db8::2/64 dev eth1 nodad preferred_lft 0",
       "address add 2001:db8:2::1/128 dev eth1 nodad noprefixroute", "address add fe80::1:2/64 dev eth1 nodad",
       "route add 198.51.100.0/24 via 192.0.2.9 dev eth1 metric 50 src 192.0.2.2", "route add 203.0.113.0/24 dev eth1 table 100",
       "route add 203.0.113.128/25 via 192.0.2.9 dev eth1 table 100", "route add 203.0.112.0/24 via 192.168.77.1 dev eth1 onlink mtu 1300 advmss 1200",
       "route add 198.19.0.0/16 nexthop via 192.0.2.9 dev eth1 weight 2 nexthop via 10.66.0.9 dev eth3 weight 1",
       "route add 10.0.0.0/8 via 10.66.0.9 metric 9", "route add 10.0.0.0/8 via 192.0.2.9 metric 10", "route add local 203.0.111.1/32 dev eth1",
       "route add 2001:db8:f::/48 via 2001:db8::9 metric 77", "route add 2001:db8:e::/48 dev eth1 table 100 mtu 1290",
       "route add 2001:db8:d::/48 nexthop via 2001:db8::9 dev eth1 nexthop via 2001:db8:66::9 dev eth3",
       "neighbour add 192.0.2.9 lladdr 02:aa:bb:cc:dd:09 dev eth1 nud permanent", "neighbour add 2001:db8::9 lladdr 02:aa:bb:cc:dd:09 dev eth1 nud permanent",
       "neighbour add proxy 192.0.2.77 dev eth1", "neighbour add proxy 2001:db8::77 dev eth1", "rule add iif eth1 table 100")
    ip(MACHINES["d"], "link set m0 mtu 1400", f"route replace default via {router(v4('d'))} advmss 1460",
       f"route replace default via {router(v6('d'))} advmss 1440")
    ip(AROUND, "link set m3 up")
    ip(MACHINES["c"], "link set m0 mtu 1300")
    ip(HOST, "link set eth2 down", "address add 192.0.3.1/24 dev eth2", "link set eth2 mtu 1300")
    for name, value in (("ipv4/conf/eth1/rp_filter", "2"), ("ipv4/conf/eth1/proxy_arp", "1"), ("ipv4/conf/eth1/forwarding", "1"),
                        ("ipv6/conf/eth1/accept_ra", "2"), ("ipv6/conf/eth1/forwarding", "1"), ("ipv6/conf/eth1/keep_addr_on_down", "1"),
                        ("ipv4/neigh/eth1/base_reachable_time_ms", "12000"), ("ipv6/neigh/eth1/gc_stale_time", "33")):
        setting(HOST, name, value)


@case("down gives the interfaces back with all that they had: addresses, routes, neighbours, settings, names, MTU and whether they were up")
def _():
    with network_of_its_own("t10i", prepare=furnish, start=False) as n:
        before = host_state()
        expect(n.bulkhead("up", n.file), 0)
        assert not re.search(r"^eth[12]\b", run("ip", "-n", HOST, "-br", "link").stdout, re.M), "they are not in the host meanwhile"
        for family in FAMILIES:
            for source in "ac":  # also with segments that are too large for the cable: their senders are told
                client, server = n.session(source, "d", 7001, family)
                assert transfers(client, server) and transfers(server, client), f"{source} -> d (IPv{family})"
        n.kill_agent()
        done = expect(n.bulkhead("down", n.name), 0)
        assert not done.stderr, done.stderr
        is_as_before(before)
        leaves_nothing(n.name, 4)


def killed_midway(p, n, chance):
    """Most of an up loads programs, which changes nothing: most are killed from when the first interface is on its way."""
    began = time.monotonic()
    if chance.random() < 0.8:
        while p.poll() is None and not glob.glob(f"{STATE_ROOT}/{n.name}/attached-*"):
            time.sleep(0.0005)
        time.sleep(chance.uniform(0, 0.06))
    else:
        time.sleep(chance.uniform(0, 2))
    p.kill()
    p.wait()
    return f"killed after {1000 * (time.monotonic() - began):.0f} ms, of interfaces {len(glob.glob(f'{STATE_ROOT}/{n.name}/attached-*'))} written down"


def give_back_after_kills(name, tries):
    """Each up is killed, or its down; then another up, or down at once."""
    chance = random.Random(options.seed)
    with network_of_its_own(name, prepare=furnish, start=False) as n:
        before = host_state()
        for i in range(tries):
            if i % 3 == 2:
                expect(n.bulkhead("up", n.file), 0)
                with n.popen("down", n.name, stderr=subprocess.DEVNULL) as p:
                    time.sleep(at := chance.uniform(0, 0.15))
                    p.kill()
                where = f"down killed after {at * 1000:.0f} ms"
            else:
                with n.popen("up", n.file, stderr=subprocess.DEVNULL) as p:
                    where = f"up {killed_midway(p, n, chance)}{', then up' if i % 3 == 1 else ''}"
            print(f"# {where}")
            if i % 3 == 1:
                done = n.bulkhead("up", n.file)
                assert done.returncode == 0 or "bulkhead down" in done.stderr, f"{where}: {said(done)}"
                assert done.returncode or connected(n, "a", "d", 7001, 6) == "yes", where
            done = n.bulkhead("down", n.name)
            assert done.returncode == 0, f"{where}: {said(done)}"
            is_as_before(before, where)
            leaves_nothing(n.name, 4)


@case("down after an up or a down that was killed at any moment gives all back")
def _():
    give_back_after_kills("t10j", 3)


@case("down after an up or a down that was killed at any of 60 moments gives all back", long=True)
def _():
    give_back_after_kills("t10k", 60)


@case("apply adds a machine and takes it away again on a running network, and the interface is as before, also when apply is killed")
def _():
    chance = random.Random(options.seed)
    narrow = {**RULES, "to-d": allow("[a, b]", "d", "7001/tcp, 7002/udp, icmp")}
    with network_of_its_own("t10l", narrow, {"d": BEHIND["d"]}, furnish, workloads="abd") as n:
        session = n.session("a", "d", 7001)
        before = host_state()
        with_c = {"workloads": "abcd", "attached": BEHIND}
        for killed in (False, True, True):
            if killed:
                at = chance.uniform(0, 0.15)
                with n.popen("apply", n.write(RULES, "wide.yaml", **with_c), stderr=subprocess.DEVNULL) as p:
                    time.sleep(at)
                    p.kill()
            expect(settled(lambda: n.apply(RULES, **with_c)), 0)
            n.attached = BEHIND
            assert all(connected(n, "c", "d", 7001, family) == "yes" for family in FAMILIES)
            expect(settled(lambda: n.bulkhead("apply", n.file)), 0)
            is_as_before(before)
            assert talk(*session)


@case("an interface that vanishes leaves the rest working; status says so; apply, down and the next up work")
def _():
    with network_of_its_own("t10m") as n:
        pairs = [n.session("a", "d", 7001, family) for family in FAMILIES]
        ip(MACHINES["c"], "link del m0")
        wait_for("status says so", lambda: n.status()[0] == 1, 5)
        done = n.bulkhead("status", n.name)
        assert done.returncode == 1 and "DIFFERS" in done.stdout, said(done)
        time.sleep(2.5)  # the agent has looked meanwhile
        assert n.agent() and all(talk(*pair) for pair in pairs)
        for family in FAMILIES:
            assert connected(n, "d", "b", 7001, family) == "yes" and connected(n, "d", "a", 7009, family) == "ConnectionRefusedError"
        # Access can still be withdrawn.
        done = settled(lambda: n.apply({"from-d": RULES["from-d"]}))
        assert done.returncode == 0, f"apply with an interface gone: {said(done)}"
        assert not any(carries(*pair, timeout=0.3) for pair in pairs)
        make_cable("c")
        expect(n.bulkhead("down", n.name), 0)
        leaves_nothing(n.name, 4)
        links = run("ip", "-n", HOST, "-br", "link").stdout
        assert "eth1" in links and "eth2" in links, links
        expect(n.bulkhead("up", n.file), 0)
        assert all(connected(n, "c", "d", 7001, family) == "yes" for family in FAMILIES)
        n.kill_agent()
        for machine in MACHINES.values():
            ip(machine, "link del m0")
        assert n.status()[0] == 1
        expect(n.bulkhead("down", n.name), 0)
        leaves_nothing(n.name)


if __name__ == "__main__":
    main(__doc__)
