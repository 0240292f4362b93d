#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A network with an uplink: what is published comes in, what may goes out, and nothing else does either.

The host is a network namespace with the interface uplink0; at the other end of that is the world, and behind a router
in the world with a narrow way, what is far. Addresses of these are from 192.0.2.0/24, 198.51.100.0/24 and 2001:db8::/32.
Most cases share one network, which each begins by giving it the policy that it wants.

    tests/system/uplink.py [build/bulkhead] [--seed N] [--long] [--only TEXT]
"""

import atexit
import contextlib
import ctypes
import errno
import fcntl
import glob
import hashlib
import itertools
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import threading
import time

from harness import (Capture, NETNS, Network, PYTHON, QUIET, STATE_ROOT, agents_of, allow, carries, case, counters, expect, inside, leaves_nothing, main,
                     options, run, said, sweep_away, wait_for)

HOST, WORLD, FAR = "t9host", "t9world", "t9far"
HOST_AT = {4: "192.0.2.1", 6: "2001:db8::1"}
WORLD_AT = {4: "192.0.2.9", 6: "2001:db8::9"}
OTHER_AT = {4: "192.0.2.10", 6: "2001:db8::a"}  # the world's too
FAR_AT = {4: "198.51.100.9", 6: "2001:db8:f::9"}
OUTER = {4: "10.77.0.1", 6: "fd77::1"}  # the hub's own, the first of its cidr
FAMILIES = (4, 6)
NARROW = 1280  # bytes of IP packet on the way to what is far
REPAIRED = 15  # s

RULES = {"world-a": allow("world", "a", "8443/tcp, 5353/udp"), "b-out": allow("b", "world", "80/tcp, 53/udp, icmp")}
MASQUERADED = "interface: uplink0, publish: {443/tcp: a:8443, 53/udp: a:5353}"
ROUTED = "interface: uplink0, nat: none, publish: {443/tcp: a:8443, 53/udp: a:5353}"
SYN, RST, ACK = 2, 4, 16
RESERVED = "ipv4/ip_local_reserved_ports"
FORBIDDEN, ALLOWED = b"FORBIDDEN", b"ALLOWED"


# ---- the host and the world ----

def path_of(namespace):
    return f"{NETNS}/{namespace}"


def ip(namespace, *lines):
    done = subprocess.run(["ip", "-n", namespace, "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, said(done)


def setting(namespace, name, value):
    with inside(path_of(namespace)), open(f"/proc/sys/net/{name}", "w", encoding="utf-8") as file:
        file.write(value)


def remove_host():
    if os.path.exists(path_of(HOST)):  # the number may come again
        for path in glob.glob(f"{STATE_ROOT}/.settings/{os.stat(path_of(HOST)).st_ino}:*"):
            os.unlink(path)
    for namespace in (HOST, WORLD, FAR):
        if os.path.exists(path_of(namespace)):
            run("ip", "netns", "del", namespace)


def join_host_and_world():
    ip(HOST, f"link add uplink0 type veth peer name w0 netns {WORLD}", f"address add {HOST_AT[4]}/24 dev uplink0",
       f"address add {HOST_AT[6]}/64 dev uplink0 nodad", "link set uplink0 up")
    ip(WORLD, *(f"address add {at[4]}/24 dev w0" for at in (WORLD_AT, OTHER_AT)),
       *(f"address add {at[6]}/64 dev w0 nodad" for at in (WORLD_AT, OTHER_AT)), "link set w0 up")
    ip(HOST, *(f"route add default via {WORLD_AT[family]}" for family in FAMILIES))


def make_host():
    remove_host()
    for namespace in (HOST, WORLD, FAR):
        run("ip", "netns", "add", namespace)
        setting(namespace, "ipv6/conf/default/accept_dad", "0")
        ip(namespace, "link set lo up")
    join_host_and_world()
    # The world knows no way to anybody else: answers to sources that were made up end there in silence.
    ip(WORLD, f"link add w1 type veth peer name f0 netns {FAR}", "address add 198.51.100.1/24 dev w1", "address add 2001:db8:f::1/64 dev w1 nodad",
       "link set w1 up", *(f"route add {FAR_AT[family]} dev w1 mtu {NARROW}" for family in FAMILIES),
       "route add blackhole default", "route add blackhole ::/0")
    ip(FAR, f"address add {FAR_AT[4]}/24 dev f0", f"address add {FAR_AT[6]}/64 dev f0 nodad", "link set f0 up",
       "route add default via 198.51.100.1", "route add default via 2001:db8:f::1")
    setting(WORLD, "ipv4/ip_forward", "1")
    setting(WORLD, "ipv6/conf/all/forwarding", "1")
    setting(WORLD, "ipv4/icmp_ratelimit", "0")
    setting(WORLD, "ipv6/icmp/ratelimit", "0")


def offloads(namespace, link, on):
    """Checksums are made where packets begin, and large packets cut there, as on a wire: the far end checks both."""
    with inside(namespace), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in (0x17, 0x1f, 0x24) if not on else (0x17, 0x24, 0x1f):  # ETHTOOL_STXCSUM, _STSO, _SGSO of linux/ethtool.h
            value = ctypes.create_string_buffer(struct.pack("II", command, on))
            fcntl.ioctl(s, 0x8946, struct.pack("16sQ", link.encode(), ctypes.addressof(value)))  # SIOCETHTOOL


@contextlib.contextmanager
def nft_held(commands):
    """What nf_tables in the host's namespace says. What a table's flag `owner` holds is held until the end."""
    nftables = ctypes.CDLL("libnftables.so.1")
    nftables.nft_ctx_new.restype = ctypes.c_void_p
    for get in (nftables.nft_ctx_get_output_buffer, nftables.nft_ctx_get_error_buffer):
        get.restype = ctypes.c_char_p
    with inside(path_of(HOST)):
        context = ctypes.c_void_p(nftables.nft_ctx_new(0))
        nftables.nft_ctx_buffer_output(context)
        nftables.nft_ctx_buffer_error(context)
        failed = nftables.nft_run_cmd_from_buffer(context, commands.encode())
        out, err = nftables.nft_ctx_get_output_buffer(context).decode(), nftables.nft_ctx_get_error_buffer(context).decode()
    try:
        assert not failed, f"nft: {commands}: {err}"
        yield out
    finally:
        nftables.nft_ctx_free(context)


def nft(commands):
    with nft_held(commands) as out:
        return out


def host_state():
    """All that a network could have changed of the host."""
    found = {"nft": nft("list ruleset")}
    for what in ("-d link", "address", "rule", "-6 rule", "route show table all", "-6 route show table all", "neighbour show nud permanent"):
        text = run("ip", "-n", HOST, *what.split()).stdout
        found[what] = sorted(line.split(" expires ")[0] for line in text.splitlines())
    found["qdisc"] = run("tc", "-n", HOST, "qdisc", "show").stdout
    with inside(path_of(HOST)):
        for directory, _, names in os.walk("/proc/sys/net"):
            for name in names:
                path = os.path.join(directory, name)
                if "/ipv4" not in path and "/ipv6" not in path and "/core" not in path:
                    continue
                with contextlib.suppress(OSError):
                    with open(path, encoding="utf-8") as file:
                        found[path] = file.read()
    return found


def is_as_before(before):
    after = host_state()
    differs = {k: (before.get(k), after.get(k)) for k in {*before, *after} if before.get(k) != after.get(k)}
    assert not differs, f"the host differs: {differs}"


# ---- the network ----

class Site(Network):
    """A network that is up in a host with an uplink."""

    host = path_of(HOST)

    def __init__(self, name, rules=None, alone=True, **policy):
        super().__init__(name, RULES if rules is None else rules, **{"workloads": "abcd", "uplink": MASQUERADED, **policy})
        self.alone = alone  # else it is in the host of another, which goes later

    def __enter__(self):
        if self.alone:
            if os.path.exists(self.host):
                self.sweep_away()
            make_host()
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

    def forget(self):
        """What a case opened."""
        for stop in self.stops:
            stop()
        for s in self.sockets:
            s.close()
        self.stops, self.sockets = [], []

    def popen(self, *arguments, **more):
        with self.in_host():
            return subprocess.Popen([options.bulkhead, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **more)

    def start_agent(self):
        agent = self.popen("agent", self.name, stderr=subprocess.PIPE, text=True)

        def stop():
            agent.kill()
            agent.wait()
        wait_for("the agent runs, or has said why not", lambda: self.agent() or agent.poll() is not None)
        assert agent.poll() is None, f"the agent ended: {agent.stderr.read()}"
        atexit.register(stop)
        return agent

    def repairs(self):
        return [r["message"] for r in self.records() if r.get("kind") == "repair"]

    def host_link(self):
        return f"bh-{self.name}"

    # ---- sockets outside ----

    def outside(self, family, kind, protocol=0, where=WORLD):
        with inside(path_of(where)):
            s = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind, protocol)
        s.settimeout(5)
        self.sockets.append(s)
        return s

    def outside_listen(self, port, family, where=WORLD, backlog=512):
        s = self.outside(family, socket.SOCK_STREAM, where=where)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == 6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind(("", port))
        s.listen(backlog)
        return s

    def outside_listen_at_host(self, port, family):
        return self.outside_listen(port, family, HOST)

    def outside_udp(self, port, family, where=WORLD):
        s = self.outside(family, socket.SOCK_DGRAM, where=where)
        s.bind((at_of(where)[family], port))
        return s

    def outside_capture(self, where=WORLD):
        capture = Capture(path_of(where))
        self.stops.append(capture.close)
        return capture

    def accepted(self, listener):
        server, _ = listener.accept()
        server.settimeout(5)
        self.sockets.append(server)
        return server

    def call(self, family, port, where=WORLD, timeout=5.0, to=None):
        """From outside to the host's address."""
        s = self.outside(family, socket.SOCK_STREAM, where=where)
        s.bind((at_of(where)[family], 0))
        s.settimeout(timeout)
        s.connect((to or HOST_AT[family], port))
        s.settimeout(5)
        return s

    def comes_in(self, family, port=443, workload="a", inner=8443, where=WORLD, timeout=5.0, to=None):
        """A connection to a published port: (the client's end, outside, and the workload's)."""
        with self.listen(workload, inner, family) as listener:
            client = self.call(family, port, where, timeout, to)
            server = self.accepted(listener)
        assert talk(client, server)
        return client, server

    def goes_out(self, workload, family, port=80, where=WORLD, own_port=0, timeout=5.0):
        """A connection to the world: (the workload's end, the one outside)."""
        with self.outside_listen(port, family, where) as listener:
            client = self.socket(workload, family, socket.SOCK_STREAM)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind((self.address(workload, family), own_port))
            client.settimeout(timeout)
            client.connect((at_of(where)[family], port))
            client.settimeout(5)
            server = self.accepted(listener)
        assert talk(client, server)
        return client, server

    def large_ways(self, family):
        """(Sender, receiver, address) out to what is far, and back through a published port to who asked from there."""
        receiver, sender = self.outside_udp(53, family, FAR), self.socket("b", family, socket.SOCK_DGRAM)
        client, server = self.outside(family, socket.SOCK_DGRAM, where=FAR), self.udp("a", 5353, family)
        client.sendto(b"question", (HOST_AT[family], 53))
        peer = server.recvfrom(100)[1]
        for s in (receiver, client):
            s.settimeout(1)
        return (sender, receiver, (FAR_AT[family], 53)), (server, client, peer)

    def works(self):
        """Whether all that may be can be, in both families."""
        try:
            for family in FAMILIES:
                self.comes_in(family, timeout=0.5)
                self.goes_out("b", family, timeout=0.5)
            return True
        except OSError:
            return False

    def stays_out(self, family, port, workload, inner, within=0.4, to=None):
        """Nothing of a connection from outside arrives, nor any answer to it."""
        listener, seen = self.listen(workload, inner, family), Capture(path_of(WORLD))
        try:
            self.call(family, port, timeout=within, to=to)
            raise AssertionError(f"IPv{family}: the world was connected to {workload}:{inner} by port {port}")
        except (socket.timeout, ConnectionRefusedError):
            pass
        listener.settimeout(0)
        try:
            listener.accept()
            raise AssertionError(f"IPv{family}: {workload}:{inner} accepted what came to port {port}")
        except BlockingIOError:
            return [p for p in packets(seen) if p.family == family and p.source == (to or HOST_AT[family])]
        finally:
            listener.close()
            seen.close()

    def ask(self, family, port=53, workload="a", inner=5353, text=b"question", where=WORLD, within=0.4, to=None):
        """A datagram from outside: (its socket, the workload's, whom the workload saw), or None when it did not arrive."""
        receiver = self.udp(workload, inner, family)
        sender = self.outside(family, socket.SOCK_DGRAM, where=where)
        sender.bind((at_of(where)[family], 0))
        sender.sendto(text, (to or HOST_AT[family], port))
        if not select.select([receiver], [], [], within)[0]:
            receiver.close()
            sender.close()
            return None
        got, peer = receiver.recvfrom(65536)
        assert got == text
        return sender, receiver, peer

    def tell(self, workload, family, port=53, text=ALLOWED, to=None):
        """A datagram to the world."""
        with self.socket(workload, family, socket.SOCK_DGRAM) as s:
            with contextlib.suppress(OSError):
                s.sendto(text, (to or WORLD_AT[family], port))

    def echo(self, workload, family, text, to=None, identifier=77, within=2.0):
        """Whether an echo request is answered."""
        protocol = socket.IPPROTO_ICMP if family == 4 else socket.IPPROTO_ICMPV6
        with self.socket(workload, family, socket.SOCK_RAW, protocol) as s:
            body = struct.pack("!BBHHH", 8 if family == 4 else 128, 0, 0, identifier, 1) + text
            if family == 4:
                body = with_checksum(body, 2)
            s.sendto(body, (to or WORLD_AT[family], 0))
            end = time.monotonic() + within
            while (left := end - time.monotonic()) > 0:
                s.settimeout(left)
                try:
                    got = s.recv(2000)
                except socket.timeout:
                    break
                except OSError:
                    continue
                got = got[20:] if family == 4 else got
                if got[0] == (0 if family == 4 else 129) and got[4:6] == struct.pack("!H", identifier):
                    return True
            return False

    def barrier_in(self, capture, family=4, port=53):
        """What was sent in before has arrived where it could: what is allowed has, which was sent behind it."""
        text = b"BARRIER" + os.urandom(8)
        with self.outside(family, socket.SOCK_DGRAM) as s:
            s.sendto(text, (HOST_AT[family], port))
        wait_for("the barrier arrives", lambda: any(text in f for f in capture.frames[-2000:]))
        time.sleep(0.05)  # the other processor's queue

    def barrier_out(self, capture, family=4):
        text = b"BARRIER" + os.urandom(8)
        self.tell("b", family, 53, text)
        wait_for("the barrier arrives", lambda: any(text in f for f in capture.frames[-2000:]))
        time.sleep(0.05)


def at_of(namespace):
    return {HOST: HOST_AT, WORLD: WORLD_AT, FAR: FAR_AT}[namespace]


def talk(a, b):
    return carries(a, b) and carries(b, a)


def is_cut(sender, receiver, within=0.4):
    """What goes in at one end does not come out at the other."""
    return not carries(sender, receiver, within)


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


shared = {}


@contextlib.contextmanager
def site(rules=None, uplink=MASQUERADED):
    """The network that the cases share, with that policy. Whatever case fails takes it down: the next has a new one."""
    key = "nat: none" in uplink
    rules = RULES if rules is None else rules
    other = shared.pop(not key, None)
    if other:
        other.__exit__()
    n = shared.get(key)
    if not n:
        n = shared[key] = Site("t9r" if key else "t9", rules, uplink=uplink).__enter__()
    else:
        expect(n.apply(rules, uplink=uplink), 0)
    try:
        yield n
    except BaseException:
        shared.pop(key).__exit__()
        raise
    n.forget()


@contextlib.contextmanager
def site_of_its_own(name, rules=None, **policy):
    """The shared ones go first: there is one host."""
    for key in list(shared):
        shared.pop(key).__exit__()
    with Site(name, rules, **policy) as n:
        yield n


@atexit.register
def remove_shared():
    for key in list(shared):
        shared.pop(key).__exit__()


# ---- packets ----

class Packet:
    """What this test reads of a frame: addresses, ports, flags, and what stands behind the header of layer 3."""

    def __init__(self, frame):
        at = frame[14:]
        self.frame, self.family, self.fragment, self.offset = frame, (4 if frame[12:14] == b"\x08\0" else 6), False, 0
        kind = socket.AF_INET if self.family == 4 else socket.AF_INET6
        if self.family == 4:
            self.protocol, self.body = at[9], at[20:struct.unpack("!H", at[2:4])[0]]
            self.offset, self.fragment = struct.unpack("!H", at[6:8])[0] & 0x1fff, bool(at[6] & 0x20)
            ends = at[12:16], at[16:20]
        else:
            self.protocol, self.body = at[6], at[40:40 + struct.unpack("!H", at[4:6])[0]]
            ends = at[8:24], at[24:40]
            if self.protocol == 44:
                self.protocol, self.offset = self.body[0], struct.unpack("!H", self.body[2:4])[0] >> 3
                self.fragment, self.body = True, self.body[8:]
        self.source, self.target = (socket.inet_ntop(kind, end) for end in ends)
        has_ports = self.protocol in (6, 17) and len(self.body) >= 4 and not self.offset
        self.from_port, self.to_port = struct.unpack("!HH", self.body[:4]) if has_ports else (0, 0)
        self.flags = self.body[13] if self.protocol == 6 and len(self.body) > 13 else 0
        self.icmp = self.body[0] if self.protocol in (1, 58) and self.body else -1

    def is_error(self):
        return self.icmp in ((3, 11, 12) if self.family == 4 else (1, 2, 3, 4))

    def quoted(self):
        """What an error quotes; it may be cut off."""
        return Packet(self.frame[:12] + (b"\x08\0" if self.family == 4 else b"\x86\xdd") + self.body[8:])

    def sound(self):
        """Whether the checksums of the packet are right: those of layer 3 and 4."""
        at = self.frame[14:]
        if self.family == 4 and sum_of(at[:20]) != 0xffff:
            return False
        return self.fragment or self.offset or sum_of(self.pseudo() + self.body) == 0xffff

    def pseudo(self):
        return b"" if self.protocol == 1 else pseudo_header(self.source, self.target, self.protocol, len(self.body))

    def __repr__(self):
        return (f"<{self.source}:{self.from_port} -> {self.target}:{self.to_port} protocol {self.protocol} flags {self.flags:x}"
                f" icmp {self.icmp} {self.frame[:100].hex()}>")


def settled(capture):
    """The capture, when it has read what had arrived."""
    end = time.monotonic() + 5
    while select.select([capture.socket], [], [], 0.02)[0] and time.monotonic() < end:
        time.sleep(0.01)
    return capture


def packets(capture, first=0):
    """The IP packets that were captured, but for what IPv6 says to its neighbours."""
    found = [Packet(f) for f in list(settled(capture).frames)[first:] if f[12:14] in (b"\x08\0", b"\x86\xdd") and len(f) >= 34]
    return [p for p in found if not (p.family == 6 and 133 <= p.icmp <= 137) and p.protocol != 0]


def sum_of(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return (total >> 16) + (total & 0xffff)


def with_checksum(body, at, pseudo=b""):
    body = body[:at] + b"\0\0" + body[at + 2:]
    return body[:at] + struct.pack("!H", (~sum_of(pseudo + body) & 0xffff) or 0xffff) + body[at + 2:]


def family_of(address):
    return 6 if ":" in address else 4


def octets(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def pseudo_header(source, target, protocol, length):
    ends = octets(source) + octets(target)
    return ends + (struct.pack("!BBH", 0, protocol, length) if family_of(source) == 4 else struct.pack("!II", length, protocol))


def ip_packet(source, target, protocol, body, hops=64, identification=1, fragment=None):
    """`fragment`: (offset in octets, whether more follow)."""
    if family_of(source) == 4:
        where = (fragment[0] // 8 | (0x2000 if fragment[1] else 0)) if fragment else 0
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), identification, where, hops, protocol, 0) + octets(source) + octets(target)
        return with_checksum(head, 10) + body
    if fragment:
        body = struct.pack("!BBHI", protocol, 0, fragment[0] | fragment[1], identification) + body
        protocol = 44
    return struct.pack("!IHBB", 6 << 28, len(body), protocol, hops) + octets(source) + octets(target) + body


def tcp(source, target, from_port, to_port, flags, text=b"", sequence=1000, acknowledgement=0):
    body = struct.pack("!HHIIBBHHH", from_port, to_port, sequence, acknowledgement, 0x50, flags, 65535, 0, 0) + text
    return ip_packet(source, target, 6, with_checksum(body, 16, pseudo_header(source, target, 6, len(body))))


def udp_body(source, target, from_port, to_port, text):
    body = struct.pack("!HHHH", from_port, to_port, 8 + len(text), 0) + text
    return with_checksum(body, 6, pseudo_header(source, target, 17, len(body)))


def udp(source, target, from_port, to_port, text):
    return ip_packet(source, target, 17, udp_body(source, target, from_port, to_port, text))


def echo_request(source, target, text, identifier=99):
    protocol = 1 if family_of(source) == 4 else 58
    body = struct.pack("!BBHHH", 8 if protocol == 1 else 128, 0, 0, identifier, 1) + text
    return ip_packet(source, target, protocol, with_checksum(body, 2, b"" if protocol == 1 else pseudo_header(source, target, 58, len(body))))


def icmp_error(source, target, quoted, kind=None, code=None, word=0):
    """Port unreachable, where nothing else is said."""
    protocol = 1 if family_of(source) == 4 else 58
    kind = (3 if protocol == 1 else 1) if kind is None else kind
    code = (3 if protocol == 1 else 4) if code is None else code
    body = struct.pack("!BBHI", kind, code, 0, word) + quoted
    return ip_packet(source, target, protocol, with_checksum(body, 2, b"" if protocol == 1 else pseudo_header(source, target, 58, len(body))))


def mac_of(namespace, link):
    return bytes.fromhex(json.loads(run("ip", "-n", namespace, "-j", "link", "show", link).stdout)[0]["address"].replace(":", ""))


class Attacker:
    """Puts packets on the wire between the world and the host."""

    def __init__(self, n):
        with inside(path_of(WORLD)):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.socket.bind(("w0", 0))
        n.sockets.append(self.socket)
        self.macs = mac_of(HOST, "uplink0") + mac_of(WORLD, "w0")

    def send(self, *raw):
        for packet in raw:
            self.socket.send(self.macs + (b"\x08\0" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet)


# ---- published ports ----

def transfer(sender, receiver, size):
    data = random.Random(size).randbytes(1 << 20) * (size >> 20)
    thread = threading.Thread(target=sender.sendall, args=(data,))
    thread.start()
    digest, got = hashlib.sha256(), 0
    receiver.settimeout(10)
    while got < len(data):
        part = receiver.recv(1 << 20)
        assert part, f"the connection ended after {got} of {len(data)} octets"
        digest.update(part)
        got += len(part)
    thread.join()
    assert got == len(data) and digest.digest() == hashlib.sha256(data).digest(), "what arrived is not what was sent"


@case("a published TCP port leads to the workload's own; it sees the client, the client only the host; megabytes arrive whole")
def _():
    with site() as n:
        seen = n.outside_capture()
        for family in FAMILIES:
            client, server = n.comes_in(family)
            assert server.getpeername()[:2] == client.getsockname()[:2], "the workload sees who it is"
            assert server.getsockname()[:2] == (n.address("a", family), 8443)
            transfer(client, server, 16 << 20)
            transfer(server, client, 16 << 20)
            assert talk(client, server)
        got = [p for p in packets(seen) if p.protocol == 6]
        assert len(got) > 20 and {(p.source, p.from_port) for p in got} == {(HOST_AT[family], 443) for family in FAMILIES}


@case("a published UDP port leads to the workload's own; answers come from the host's address and that port; large datagrams too")
def _():
    with site() as n:
        for family in FAMILIES:
            for size in (10, 1400, 6000, 30000):  # the last are in fragments
                text = os.urandom(size)
                asked = n.ask(family, text=text, within=5)
                assert asked, f"IPv{family}: {size} octets did not arrive"
                sender, receiver, peer = asked
                assert peer[:2] == sender.getsockname()[:2], "the workload sees who it is"
                receiver.sendto(text[::-1], peer)
                got, whom = sender.recvfrom(65536)
                assert got == text[::-1] and whom[:2] == (HOST_AT[family], 53), whom
                receiver.close()


@contextlib.contextmanager
def as_on_a_wire(n):
    ends = [(path_of(WORLD), "w0"), (path_of(FAR), "f0"), (n.netns("a"), "eth0"), (n.netns("b"), "eth0")]
    for end in ends:
        offloads(*end, False)
    try:
        yield
    finally:
        for end in ends:
            offloads(*end, True)


@case("checksums are right: all of it arrives too where no end leaves them to an interface")
def _():
    with site() as n, as_on_a_wire(n):
        seen, at_a = n.outside_capture(), n.capture("a")
        for family in FAMILIES:
            client, server = n.comes_in(family)
            transfer(client, server, 2 << 20)
            transfer(server, client, 2 << 20)
            client, server = n.goes_out("b", family)
            transfer(client, server, 2 << 20)
            transfer(server, client, 2 << 20)
            for size in (1, 500, 3000):
                sender, receiver, peer = n.ask(family, text=os.urandom(size), within=5)
                receiver.sendto(b"answer" * size, peer)
                assert sender.recv(65536) == b"answer" * size
                receiver.close()
            assert n.echo("b", family, b"checksum")
        for capture in (seen, at_a):
            got = packets(capture)
            wrong = [p for p in got if p.protocol in (1, 6, 17, 58) and not p.sound()]
            assert len(got) > 1000 and not wrong, f"{len(wrong)} of {len(got)}: {wrong[:3]}"


VNET_HDR, NEEDS_CSUM = 15, 1  # linux/if_packet.h, linux/virtio_net.h


def leave_to_interface(n, workload, packet, start, at):
    """Sends a frame of which an interface is to add up the octets from `start` on, and to write the sum to `at`; both count from the IP header."""
    with inside(n.netns(workload)), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind(("eth0", 0))
        s.setsockopt(263, VNET_HDR, 1)
        hub = json.loads(run("ip", "-n", f"{n.name}-{workload}", "-j", "neigh").stdout)[0]["lladdr"]
        ends = bytes.fromhex(hub.replace(":", "")) + mac_of(f"{n.name}-{workload}", "eth0")
        kind = b"\x08\0" if packet[0] >> 4 == 4 else b"\x86\xdd"
        s.send(struct.pack("<BBHHHH", NEEDS_CSUM, 0, 0, 0, 14 + start, at - start) + ends + kind + packet)


@case("what a workload leaves to the uplink's interface to write changes no address and no port of what leaves, only a checksum")
def _():
    with site() as n:
        offloads(path_of(HOST), "uplink0", False)  # what an interface with offloads would do, in software
        try:
            seen = n.outside_capture()
            for family in FAMILIES:
                l4, to = (20, 16) if family == 4 else (40, 24)
                low = to + (2 if family == 4 else 14)
                source, target = n.address("b", family), WORLD_AT[family]
                for start, at in ((l4 + 2, l4 + 2), (low, low), (l4, l4 + 2), (low, l4), (l4, l4 + 4), (8, 8), (l4, l4)):
                    leave_to_interface(n, "b", udp(source, target, 4444, 53, FORBIDDEN), start, at)
                    leave_to_interface(n, "b", tcp(source, target, 4444, 80, SYN, FORBIDDEN), start, at)
                leave_to_interface(n, "b", tcp(source, target, 4445, 80, SYN, FORBIDDEN), l4, l4 + 12)  # TCP's flags
                whole = ip_packet(source, target, 17, b"", fragment=(0, True))
                body = udp_body(source, target, 4444, 53, FORBIDDEN.ljust(24))
                first = ip_packet(source, target, 17, body, fragment=(0, True))
                leave_to_interface(n, "b", first, len(whole), len(whole) + 2)
                # What a stack leaves to an interface arrives, and is right.
                body = struct.pack("!HHHH", 4446, 53, 8 + len(ALLOWED), sum_of(pseudo_header(source, target, 17, 8 + len(ALLOWED)))) + ALLOWED
                leave_to_interface(n, "b", ip_packet(source, target, 17, body), l4, l4 + 6)
                n.barrier_out(seen, family)
            got = packets(seen)
            assert not [p for p in got if FORBIDDEN in p.frame], [p for p in got if FORBIDDEN in p.frame]
            for family in FAMILIES:
                right = [p for p in got if p.family == family and ALLOWED in p.body and p.protocol == 17]
                assert len(right) == 1 and right[0].to_port == 53 and right[0].sound(), right
        finally:
            offloads(path_of(HOST), "uplink0", True)


# ---- what does not come in ----

@case("what is published without a rule is silent, what has a rule is not thereby published, and a rule for the published port opens nothing")
def _():
    uplink = "interface: uplink0, publish: {443/tcp: a:8443, 53/udp: a:5353, 444/tcp: b:8444, 54/udp: b:5354}"
    rules = {**RULES, "not-published": allow("world", "c", "9000/tcp, 9001/udp"), "wrong-port": allow("world", "b", "444/tcp, 54/udp")}
    open_rules = {**rules, "b": allow("world", "b", "8444/tcp, 5354/udp")}
    open_uplink = uplink[:-1] + ", 9000/tcp: c:9000, 9001/udp: c:9001}"
    with site(rules, uplink) as n:
        at = {w: n.capture(w) for w in "bc"}
        for family in FAMILIES:
            answers = n.stays_out(family, 444, "b", 8444)
            assert not answers, f"the world was answered: {answers}"
            n.stays_out(family, 9000, "c", 9000)
            n.stays_out(family, 8443, "a", 8443)
            seen = n.outside_capture()
            assert not n.ask(family, 54, "b", 5354, FORBIDDEN)
            assert not [p for p in packets(seen) if p.family == family], "the world was answered"
            assert not n.ask(family, 9001, "c", 9001, FORBIDDEN) and not n.ask(family, 5353, "a", 5353, FORBIDDEN)
            n.comes_in(family)
        for workload, capture in at.items():
            assert not packets(capture), f"{workload} got {packets(capture)[0]}"
        # The same do arrive where they may.
        expect(n.apply(open_rules, uplink=open_uplink), 0)
        for family in FAMILIES:
            n.comes_in(family, 444, "b", 8444)
            n.comes_in(family, 9000, "c", 9000)
            assert n.ask(family, 54, "b", 5354, within=5) and n.ask(family, 9001, "c", 9001, within=5)


# ---- the way out ----

@case("TCP, UDP and echo requests of who may go out arrive with the host's address, and their answers come back")
def _():
    with site() as n:
        for family in FAMILIES:
            seen = n.outside_capture()
            client, server = n.goes_out("b", family)
            assert server.getpeername()[0] == HOST_AT[family], server.getpeername()
            transfer(client, server, 8 << 20)
            transfer(server, client, 8 << 20)
            remote, own = n.outside_udp(53, family), n.udp("b", 5000, family)
            for text in (b"query", os.urandom(6000)):
                own.sendto(text, (WORLD_AT[family], 53))
                got, peer = remote.recvfrom(65536)
                assert got == text and peer[0] == HOST_AT[family], peer
                remote.sendto(got[::-1], peer)
                assert own.recvfrom(65536)[0] == text[::-1]
            assert n.echo("b", family, b"ECHO")
            echoes = [p for p in packets(seen) if b"ECHO" in p.body and p.icmp in (8, 128)]
            assert len(echoes) == 1 and echoes[0].source == HOST_AT[family], echoes
            sources = {p.source for p in packets(seen) if p.family == family}
            assert sources == {HOST_AT[family]}, f"these addresses left the host: {sources}"
            remote.close()
            seen.close()


@case("what may not go out does not leave the host, and its sender is told")
def _():
    with site() as n:
        seen, in_host = n.outside_capture(), n.outside_capture(HOST)
        for family in FAMILIES:
            for workload, port in (("c", 80), ("a", 80), ("b", 81)):
                s = n.socket(workload, family, socket.SOCK_STREAM)
                try:
                    s.connect((WORLD_AT[family], port))
                    raise AssertionError(f"{workload} connected to the world's port {port}")
                except ConnectionRefusedError:
                    pass
            for workload, port in (("c", 53), ("a", 53), ("b", 80)):
                n.tell(workload, family, port, FORBIDDEN)
                d = n.socket(workload, family, socket.SOCK_DGRAM)
                d.connect((WORLD_AT[family], port))
                d.send(FORBIDDEN)
                try:
                    d.recv(100)
                    raise AssertionError("something was received")
                except socket.timeout as problem:
                    raise AssertionError("no error came back") from problem
                except OSError:
                    pass
            assert not n.echo("c", family, FORBIDDEN, within=0.3)
            n.barrier_out(seen, family)
        for where, capture in (("the world", seen), ("the host", in_host)):
            assert not settled(capture).with_text(FORBIDDEN), f"{where} got {capture.with_text(FORBIDDEN)[0].hex()}"
            wrong = [p for p in packets(capture) if p.protocol == 6]
            assert not wrong, f"{where} got {wrong}"


@case("two workloads with the same port to the same remote end are told apart")
def _():
    with site({**RULES, "d-out": allow("d", "world", "80/tcp, 53/udp, icmp")}) as n:
        for family in FAMILIES:
            first, second = n.goes_out("b", family, own_port=40000), n.goes_out("d", family, own_port=40000)
            assert first[1].getpeername() != second[1].getpeername()
            for _ in range(5):
                assert talk(*first) and talk(*second)
            remote = n.outside_udp(53, family)
            own = [n.udp(w, 40001, family) for w in "bd"]
            peers = []
            for s, text in zip(own, (b"of b", b"of d")):
                s.sendto(text, (WORLD_AT[family], 53))
                got, peer = remote.recvfrom(100)
                assert got == text
                peers.append(peer)
            assert peers[0] != peers[1]
            for peer, text in zip(peers[::-1], (b"to d", b"to b")):
                remote.sendto(text, peer)
            assert [s.recv(100) for s in own] == [b"to b", b"to d"]
            assert n.echo("b", family, b"x", identifier=5) and n.echo("d", family, b"x", identifier=5)
            remote.close()


def serve_short(listener):
    """Answers what each says; closes first where that is odd."""
    for _ in range(SHORT):
        with listener.accept()[0] as s:
            s.settimeout(5)
            text = s.recv(6)
            s.sendall(text)
            if int(text) % 2 == 0:
                s.recv(1)


@case("400 connections of one workload at once to one port of one remote end each carry their own")
def _():
    with site() as n:
        for family in FAMILIES:
            listener, pairs = n.outside_listen(80, family), {}
            clients = []
            for _ in range(400):
                client = n.socket("b", family, socket.SOCK_STREAM)
                client.connect((WORLD_AT[family], 80))
                clients.append(client)
            for number, client in enumerate(clients):
                client.sendall(b"%06d" % number)
            for _ in clients:
                server = n.accepted(listener)
                pairs[int(server.recv(6))] = server
            assert sorted(pairs) == list(range(400)) and len({s.getpeername() for s in pairs.values()}) == 400
            for number, server in pairs.items():
                server.sendall(b"%06d" % (number + 1))
            assert [int(c.recv(6)) - 1 for c in clients] == list(range(400))
            listener.close()
            n.forget()


SHORT, A_SECOND = 2000, 200  # more than the some 1,300 outer ports that a workload has


def call_short(family):
    """Seconds that all took, and the slowest of them."""
    begun, slowest = time.monotonic(), 0.0
    for number in range(SHORT):
        time.sleep(max(0.0, begun + number / A_SECOND - time.monotonic()))
        one = time.monotonic()
        with socket.create_connection((WORLD_AT[family], 80), timeout=5) as client:
            client.sendall(b"%06d" % number)
            assert client.recv(6) == b"%06d" % number, f"IPv{family}: connection {number} got another one's"
            if number % 2:
                assert client.recv(1) == b"", "the other end closes first: it remembers the port for a minute"
        slowest = max(slowest, time.monotonic() - one)
    return time.monotonic() - begun, slowest


@case(f"{SHORT} short connections of one workload, {A_SECOND} a second, to one port of one remote end all carry what they are to, whoever closes first")
def _():
    with site() as n:
        for family in FAMILIES:
            listener = n.outside_listen(80, family)
            server = threading.Thread(target=serve_short, args=(listener,), daemon=True)
            server.start()
            with inside(n.netns("b")):
                took, slowest = call_short(family)
            server.join()
            listener.close()
            assert took < 2 * SHORT / A_SECOND, f"{took:.1f} s"
            assert slowest < 0.9, f"one took {slowest:.1f} s: a second to wait for"


# ---- errors ----

@case("errors from the world reach the workload that they are about: a port that is closed, hops that are used up")
def _():
    with site() as n, as_on_a_wire(n):
        at_b = n.capture("b")
        for family in FAMILIES:
            s = n.udp("b", 5001, family)
            s.connect((WORLD_AT[family], 53))
            s.send(b"nobody listens")
            try:
                s.recv(100)
                raise AssertionError("something was received")
            except ConnectionRefusedError:
                pass
            s.close()
            # One hop more each time: the hub, the host, the world, and then what is far.
            far, seen = n.outside_udp(53, family, FAR), []
            level, hops_option, error_option = ((socket.IPPROTO_IP, socket.IP_TTL, 11) if family == 4
                                                else (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 25))  # IP_RECVERR, IPV6_RECVERR of linux/in.h
            for hops in range(1, 5):
                s = n.udp("b", 5001 + hops, family)
                s.setsockopt(level, error_option, 1)
                s.setsockopt(level, hops_option, hops)
                s.sendto(b"hop", (FAR_AT[family], 53))
                ready = select.select([s, far], [], [], 3)[0]
                if far in ready:
                    assert far.recvfrom(100) [1][0] == HOST_AT[family]
                    break
                assert s in ready, f"IPv{family}: no error came back for {hops} hops"
                with contextlib.suppress(OSError):
                    s.recv(100)
                _, ancillary, _, _ = s.recvmsg(100, 512, socket.MSG_ERRQUEUE)
                error = next(data for kind, _, data in ancillary if kind == level)
                # struct sock_extended_err (16 octets), then the address of who says it.
                assert struct.unpack("I", error[:4])[0] == errno.EHOSTUNREACH
                seen.append(socket.inet_ntop(socket.AF_INET if family == 4 else socket.AF_INET6, error[20:24] if family == 4 else error[24:40]))
                s.close()
            assert hops == 4, f"far was reached with {hops} hops"
            assert seen[1:] == [HOST_AT[family], WORLD_AT[family]] or seen[2] in (WORLD_AT[family], OTHER_AT[family]), seen
            far.close()
        errors = [p for p in packets(at_b) if p.is_error()]
        assert len(errors) >= 8, errors
        for p in errors:
            quoted = p.quoted()
            assert p.sound(), f"a wrong checksum: {p}"
            assert quoted.source == n.address("b", p.family) and 5001 <= quoted.from_port <= 5005, quoted
            assert p.family == 6 or sum_of(p.body[8:28]) == 0xffff, f"a wrong checksum in what is quoted: {p}"


@case("a way that is too narrow is told to the workload, in and out, and what is large arrives whole all the same")
def _():
    with site() as n:
        at = {w: n.capture(w) for w in "ab"}
        for family in FAMILIES:
            for sender, receiver, to in n.large_ways(family):
                for _ in range(3):  # the first tells the sender how narrow it is; nobody but him sends it again
                    with contextlib.suppress(OSError):
                        sender.sendto(b"x" * 3000, to)
                    with contextlib.suppress(TimeoutError):
                        assert len(receiver.recv(4000)) == 3000
                        break
                else:
                    raise AssertionError(f"IPv{family}: none of three large datagrams to {to} arrived")
            client, server = n.goes_out("b", family, where=FAR)
            assert server.getpeername()[0] == HOST_AT[family]
            transfer(client, server, 4 << 20)
            transfer(server, client, 4 << 20)
            client, server = n.comes_in(family, where=FAR)
            transfer(server, client, 4 << 20)
            transfer(client, server, 4 << 20)
        for w in "ab":
            errors = [p for p in packets(at[w]) if (p.family, p.icmp) in ((4, 3), (6, 2)) and struct.unpack("!I", p.body[4:8])[0] & 0xffff == NARROW]
            assert {p.family for p in errors} == {4, 6}, f"no error about the narrow way came to {w}: {errors}"
            assert all(p.quoted().source == n.address(w, p.family) and p.sound() for p in errors), errors


@case("errors about what came by a published port reach the client, and quote the host's address and that port")
def _():
    with site() as n, as_on_a_wire(n):
        seen = n.outside_capture()
        for family in FAMILIES:
            s = n.outside(family, socket.SOCK_DGRAM)  # nobody has a's port
            s.connect((HOST_AT[family], 53))
            s.send(b"nobody listens")
            try:
                s.recv(100)
                raise AssertionError("something was received")
            except ConnectionRefusedError:
                pass
            c = n.outside(family, socket.SOCK_STREAM)
            try:
                c.connect((HOST_AT[family], 443))
                raise AssertionError("connected")
            except ConnectionRefusedError:
                pass
            wait_for("the error is captured", lambda: [p for p in packets(seen) if p.family == family and p.is_error()])
            error = next(p for p in packets(seen) if p.family == family and p.is_error())
            quoted = error.quoted()
            assert error.source == HOST_AT[family], f"the error came from {error.source}"
            assert (quoted.target, quoted.to_port, quoted.source) == (HOST_AT[family], 53, s.getsockname()[0]), quoted
            assert error.sound() and quoted.sound(), f"checksums are wrong: {error}"
        inner = [p for p in packets(seen) if octets("10.77.0.0")[:2] in p.frame[26:34] or b"\xfd\x77" in p.frame[22:54]]
        assert not inner, f"inner addresses left the host: {inner}"


@case("errors about what went out by a published port reach the workload, and quote its own address and port")
def _():
    with site() as n, as_on_a_wire(n):
        at_a = n.capture("a")
        for family in FAMILIES:
            for option in (0, 1) if family == 4 else (0,):  # SO_NO_CHECK: without a checksum, which IPv6 does not allow
                sender, receiver, peer = n.ask(family, within=5)
                sender.close()  # nobody has the port that the answer goes to
                receiver.setsockopt(socket.SOL_SOCKET, 11, option)
                receiver.sendto(b"too late", peer)

                def errors():
                    return [p for p in packets(at_a) if p.family == family and p.is_error()]
                wait_for("the error comes to the workload", lambda: len(errors()) > option)
                error, quoted = errors()[-1], errors()[-1].quoted()
                assert (quoted.source, quoted.from_port, quoted.target) == (n.address("a", family), 5353, peer[0]), quoted
                assert error.sound(), f"a wrong checksum: {error}"
                assert quoted.body[6:8] == b"\0\0" if option else quoted.sound(), f"a wrong checksum in what is quoted: {error}"
                receiver.close()


# ---- attacks from the world ----

def everywhere(n):
    return {w: n.capture(w) for w in "abcd"}


def nothing_arrived(n, at, text):
    for family in FAMILIES:
        n.barrier_in(at["a"], family)
    for w, capture in at.items():
        got = [Packet(f) for f in settled(capture).with_text(text) if f[12:14] in (b"\x08\0", b"\x86\xdd")]
        assert not got, f"{w} got {len(got)} packets of the attack, the first: {got[0]}"
        assert not capture.lost(), "the capture lost frames: nothing is known"


@case("packets from the world with an address from inside, or with none that is a sender's, do not arrive")
def _():
    with site({**RULES, "b-to-all": allow("b", "[a, c, d]", "any"), "c-to-a": allow("c", "a", "any")}) as n:
        at, attacker = everywhere(n), Attacker(n)
        for family in FAMILIES:
            good = OTHER_AT[family]
            for to in (HOST_AT[family], OUTER[family]):  # what is made so does arrive
                text = b"PROPER" + os.urandom(8)
                attacker.send(udp(good, to, 4000, 53, text), tcp(good, to, 4000, 443, SYN, text))
                wait_for(f"the proper ones to {to} arrive", lambda: len(at["a"].with_text(text)) == 2)
            nobody = {4: ["10.77.0.99", "10.77.1.99", "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"],
                      6: ["fd77::99", "fd77:0:0:1::99", "::1", "::", "ff02::1", "fe80::1", "::ffff:10.77.1.10"]}[family]
            for source in [n.address(w, family) for w in "abcd"] + [OUTER[family]] + nobody:
                inner = ((n.address(w, family), 5353, 8443) for w in "abcd")
                for to, port, tcp_port in ((HOST_AT[family], 53, 443), (OUTER[family], 53, 443), *inner):
                    attacker.send(udp(source, to, 4000, port, FORBIDDEN), tcp(source, to, 4000, tcp_port, SYN, FORBIDDEN),
                                  tcp(source, to, 4000, tcp_port, ACK, FORBIDDEN), echo_request(source, to, FORBIDDEN))
        nothing_arrived(n, at, FORBIDDEN)


@case("packets from the world to inner addresses themselves do not arrive, whatever the rules allow")
def _():
    with site({**RULES, "world-all": allow("world", "[a, b, c, d]", "any")}) as n:
        at, attacker = everywhere(n), Attacker(n)
        for family in FAMILIES:
            text = b"PROPER" + os.urandom(8)
            attacker.send(udp(WORLD_AT[family], HOST_AT[family], 4000, 53, text))
            wait_for("the proper one arrives", lambda: at["a"].with_text(text))
            for w in "abcd":
                to = n.address(w, family)
                for port in (53, 443, 5353, 8443, 80):
                    attacker.send(udp(WORLD_AT[family], to, 4000, port, FORBIDDEN), tcp(WORLD_AT[family], to, 4000, port, SYN, FORBIDDEN),
                                  tcp(WORLD_AT[family], to, 4000, port, ACK, FORBIDDEN))
                attacker.send(echo_request(WORLD_AT[family], to, FORBIDDEN))
            for port in (80, 444, 5353, 8443, 16384, 40000):  # of the outer address, and not published
                for to in (HOST_AT[family], OUTER[family]):
                    attacker.send(udp(WORLD_AT[family], to, 4000, port, FORBIDDEN), tcp(WORLD_AT[family], to, 4000, port, SYN, FORBIDDEN))
            for to in (HOST_AT[family], OUTER[family]):
                attacker.send(echo_request(WORLD_AT[family], to, FORBIDDEN))
        nothing_arrived(n, at, FORBIDDEN)


@case("answers that nobody asked for do not arrive, and sessions of others survive them")
def _():
    chance = random.Random(options.seed)
    with site({}) as n:  # which ends all sessions of the cases before: some port that is tried here could be theirs
        expect(n.apply(RULES), 0)
        at, attacker = everywhere(n), Attacker(n)
        for family in FAMILIES:
            out, published = n.goes_out("b", family), n.comes_in(family)
            remote = n.outside_udp(53, family)
            own = n.udp("b", 5010, family)
            own.sendto(b"query", (WORLD_AT[family], 53))
            _, (_, udp_outer, *_) = remote.recvfrom(100)
            remote.sendto(b"PROPER", (HOST_AT[family], udp_outer))
            assert own.recv(100) == b"PROPER", "the same from whom it was asked does arrive"
            tcp_outer, client = out[1].getpeername()[1], published[0].getsockname()
            for to in (HOST_AT[family], OUTER[family]):
                for source, port in ((OTHER_AT[family], 80), (WORLD_AT[family], 81), (OTHER_AT[family], 53), (WORLD_AT[family], 54)):
                    for flags in (SYN | ACK, ACK, RST, RST | ACK, 1, 0):
                        attacker.send(*(tcp(source, to, port, outer, flags, FORBIDDEN, chance.getrandbits(32), chance.getrandbits(32))
                                        for outer in (tcp_outer, udp_outer)))
                    attacker.send(*(udp(source, to, port, outer, FORBIDDEN) for outer in (tcp_outer, udp_outer)))
                for flags in (SYN | ACK, ACK, RST, RST | ACK, 1, 0):  # to the published port, of nobody's session
                    attacker.send(tcp(OTHER_AT[family], to, client[1], 443, flags, FORBIDDEN),
                                  tcp(client[0], to, client[1] ^ 1, 443, flags, FORBIDDEN))
                for outer in chance.sample(range(16384, 65536), 1000):  # nobody has been to these two ports
                    attacker.send(tcp(WORLD_AT[family], to, 8081, outer, SYN | ACK, FORBIDDEN), udp(WORLD_AT[family], to, 5301, outer, FORBIDDEN))
            nothing_arrived(n, at, FORBIDDEN)
            assert talk(*out) and talk(*published)
            remote.sendto(b"again", (HOST_AT[family], udp_outer))
            assert own.recv(100) == b"again"
            remote.close()


@case("forged ICMP errors do not arrive: wrong ports, wrong ends, an address from inside; true ones do")
def _():
    with site({}) as n:  # which ends all sessions of the cases before: some port that is tried here could be theirs
        expect(n.apply(RULES), 0)
        at, attacker = everywhere(n), Attacker(n)
        for family in FAMILIES:
            out, published = n.goes_out("b", family), n.comes_in(family)
            host, world, other, outer = HOST_AT[family], WORLD_AT[family], OTHER_AT[family], OUTER[family]
            port, client = out[1].getpeername()[1], published[0].getsockname()
            too_big = {"kind": 3 if family == 4 else 2, "code": 4 if family == 4 else 0, "word": 1400}

            def about(source, from_port, target, to_port, text=FORBIDDEN, **more):
                by, to = more.pop("by", other), more.pop("to", host)
                return icmp_error(by, to, tcp(source, target, from_port, to_port, ACK, text), **{**too_big, **more})
            text = b"PROPER" + os.urandom(8)
            attacker.send(about(host, port, world, 80, text))
            wait_for("a true error about the session out arrives", lambda: at["b"].with_text(text))
            attacker.send(about(host, 443, *client[:2], text))
            wait_for("a true error about the published session arrives", lambda: at["a"].with_text(text))
            for to in (host, outer):
                for change in ({}, {"kind": None, "code": None, "word": 0}):
                    own = host if to == host else outer  # what is quoted comes from whom the error is told
                    attacker.send(
                        about(own, port ^ 1, world, 80, to=to, **change), about(own, port, world, 81, to=to, **change),
                        about(own, port, other, 80, to=to, **change), about(other, port, world, 80, to=to, **change),
                        about(own, 444, *client[:2], to=to, **change), about(own, 443, client[0], client[1] ^ 1, to=to, **change),
                        about(own, 443, other, client[1], to=to, **change),
                        about(n.address("b", family), out[0].getsockname()[1], world, 80, to=to, **change),
                        about(n.address("a", family), 8443, *client[:2], to=to, **change),
                        *(about(own, port, world, 80, to=to, by=n.address(w, family), **change) for w in "abcd"),
                        *(about(own, 443, *client[:2], to=to, by=n.address(w, family), **change) for w in "abcd"))
            for w, session in (("b", (n.address("b", family), out[0].getsockname()[1], world, 80)),
                               ("a", (n.address("a", family), 8443, *client[:2]))):
                attacker.send(about(*session, to=n.address(w, family)), about(*session, to=n.address(w, family), by=n.address("c", family)))
            nothing_arrived(n, at, FORBIDDEN)
            assert talk(*out) and talk(*published)


def in_fragments(source, target, parts, identification):
    """`parts`: (offset, octets) of what stands behind the header."""
    end = max(offset + len(text) for offset, text in parts)
    return [ip_packet(source, target, 17, text, identification=identification, fragment=(offset, offset + len(text) < end)) for offset, text in parts]


@case("fragments that overlap, that lack their first, or that another port hides in, do not arrive; proper ones do, in any order")
def _():
    chance = random.Random(options.seed)
    with site({**RULES, "world-a": allow("world", "a", "8443/tcp, 5353/udp, 5354/udp")}) as n:
        at, attacker = everywhere(n), Attacker(n)
        for family in FAMILIES:
            source = OTHER_AT[family]
            receiver, other = n.udp("a", 5353, family), n.udp("a", 5354, family)
            for to in (HOST_AT[family], OUTER[family]):
                for order in (1, -1):
                    proper = udp_body(source, to, 4000, 53, b"PROPER" + bytes(2000))
                    attacker.send(*in_fragments(source, to, [(0, proper[:1200]), (1200, proper[1200:])], chance.getrandbits(16))[::order])
                    assert receiver.recv(65536)[:6] == b"PROPER"
                # Their checksums are right for what they would be put together to, whoever wins.
                bad, hidden = (udp_body(source, to, 4000, port, FORBIDDEN * 160) for port in (53, 5354))
                for parts in ([(0, bad[:1200]), (1192, bad[1192:])], [(0, bad[:8]), (0, hidden[:16]), (16, bad[16:])],
                              [(0, bad[:1200]), (800, bad[800:1240]), (1240, bad[1240:])], [(1200, bad[1200:])], [(8, bad[8:1200])],
                              [(0, hidden[:8]), (8, hidden[8:])], [(0, hidden[:1200]), (1200, hidden[1200:])]):
                    for order in (1, -1):
                        attacker.send(*in_fragments(source, to, parts, chance.getrandbits(16))[::order])
                n.barrier_in(at["a"], family)
                got = [s.recv(65536)[:20] for s in select.select([receiver, other], [], [], 0.1)[0]]
                assert got == [b"BARRIER" + got[0][7:]], got
                # A first part twice, of which the kernel takes one: it may arrive, at the port that was decided about.
                for parts in ([(0, bad[:1200]), (0, hidden[:1200]), (1200, bad[1200:])], [(0, bad[:8]), (0, hidden[:8]), (8, bad[8:])]):
                    for order in (1, -1):
                        attacker.send(*in_fragments(source, to, parts, chance.getrandbits(16))[::order])
                n.barrier_in(at["a"], family)
                assert not select.select([other], [], [], 0.1)[0], other.recv(100)
                receiver.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        receiver.recv(65536)
                receiver.settimeout(5)
            receiver.close()
            other.close()
        for w, capture in at.items():
            assert w == "a" or not settled(capture).with_text(FORBIDDEN), f"{w} got a fragment of the attack"


# ---- by the host's addresses ----

@case("by the host's own addresses a workload reaches no more than the policy allows, and nothing that is published")
def _():
    with site({**RULES, "b-out": allow("b", "world", "80/tcp, 443/tcp, 53/udp, icmp")}) as n:
        in_host, at_a = n.outside_capture(HOST), n.capture("a")
        for family in FAMILIES:
            service, door = n.outside_listen_at_host(80, family), n.listen("a", 8443, family)
            client = n.socket("b", family, socket.SOCK_STREAM)
            client.connect((HOST_AT[family], 80))
            assert talk(client, n.accepted(service)), "the host is world: who may go there reaches it"
            wait_for("that is seen", lambda: [p for p in packets(in_host) if p.to_port == 80])
            mark = len(settled(in_host).frames)
            for to in (HOST_AT[family], OUTER[family]):
                for port in (80, 443, 8443):
                    s = n.socket("c", family, socket.SOCK_STREAM)
                    s.settimeout(0.3)
                    try:
                        s.connect((to, port))
                        raise AssertionError(f"c connected to {to}:{port}")
                    except (ConnectionRefusedError, socket.timeout):
                        pass
                n.tell("c", family, 53, FORBIDDEN, to)
                assert not n.echo("c", family, FORBIDDEN, to, within=0.2)
            # b may go to the world's 443, and thereby not to a.
            for to in (HOST_AT[family], OUTER[family]):
                s = n.socket("b", family, socket.SOCK_STREAM)
                s.settimeout(0.3)
                try:
                    s.connect((to, 443))
                    raise AssertionError(f"b connected to {to}:443")
                except (ConnectionRefusedError, socket.timeout):
                    pass
                n.tell("b", family, 53, FORBIDDEN, to)
            came = [p for p in packets(in_host, mark) if p.to_port in (80, 8443) and p.flags & SYN]
            assert not came, f"c's packets came to the host: {came}"
            door.settimeout(0)
            try:
                door.accept()
                raise AssertionError("a was reached by the published port from inside")
            except BlockingIOError:
                pass
            service.close()
            door.close()
        assert not packets(at_a), packets(at_a)
        for family in FAMILIES:
            n.comes_in(family)


# ---- withdrawal ----

def listed(receipt):
    return {(s["from"], s["to"], s["rule"]) for s in receipt["sessions"]}


def end_of(s):
    address, port = s.getsockname()[:2]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@case("a rule that is withdrawn cuts the published connection, and lists it")
def _():
    for family in FAMILIES:
        with site() as n:
            pair, at_a = n.comes_in(family), n.capture("a")
            listener = n.listen("a", 8443, family)
            asked = n.ask(family, within=5)
            asked[1].sendto(b"answer", asked[2])
            asked[0].recv(100)
            asked[0].sendto(b"more", (HOST_AT[family], 53))
            asked[1].recv(100)
            receipt = n.receipt({"b-out": RULES["b-out"]})
            assert receipt["cut"] == len(receipt["sessions"]), receipt  # and what cases before left unanswered
            assert listed(receipt) >= {(end_of(pair[0]), "a:8443", "world-a"), (end_of(asked[0]), "a:5353", "world-a")}, receipt
            mark = len(settled(at_a).frames)
            assert is_cut(*pair)
            asked[0].sendto(FORBIDDEN, (HOST_AT[family], 53))
            assert not select.select([asked[1]], [], [], 0.3)[0]
            assert is_reset(pair[1]), "the workload does not know that its connection is over"
            assert not select.select([pair[0]], [], [], 0.1)[0], "the client got something"
            try:
                n.call(family, 443, timeout=0.4)
                raise AssertionError("connected")
            except socket.timeout:
                pass
            listener.close()
            arrived = [p for p in packets(at_a, mark) if p.flags & RST == 0 and p.protocol in (6, 17) and p.source != OUTER[family]]
            assert not arrived, arrived
            expect(n.apply(RULES), 0)
            asked[1].close()
            n.comes_in(family)


@case("a published port that is withdrawn, its rule staying, is cut too; one that is added works at once")
def _():
    for family in FAMILIES:
        with site() as n:
            pair, other = n.comes_in(family), n.goes_out("b", family)
            receipt = n.receipt(RULES, uplink="interface: uplink0, publish: {444/tcp: a:8443, 53/udp: a:5353}")
            assert receipt["cut"] == len(receipt["sessions"]) and (end_of(pair[0]), "a:8443", "world-a") in listed(receipt), receipt
            assert talk(*other), "the way out is another's"
            assert is_cut(*pair)
            assert is_reset(pair[1]), "the workload does not know that its connection is over"
            n.stays_out(family, 443, "a", 8443)
            n.comes_in(family, 444)


@case("a published port that leads elsewhere cuts what went by it, and the next goes there")
def _():
    rules = {**RULES, "world-d": allow("world", "[a, d]", "8443/tcp, 8444/tcp")}
    for family in FAMILIES:
        with site(rules) as n:
            for uplink, workload, inner in ((MASQUERADED.replace("a:8443", "d:8443"), "d", 8443), (MASQUERADED, "a", 8443),
                                            (MASQUERADED.replace("a:8443", "a:8444"), "a", 8444)):
                before = {"d": ("a", 8443), "a": ("d", 8443)}[workload] if inner == 8443 else ("a", 8443)
                pair = n.comes_in(family, 443, *before)
                receipt = n.receipt(rules, uplink=uplink)
                assert receipt["cut"] >= 1, receipt
                assert is_cut(*pair) and is_reset(pair[1])
                n.comes_in(family, 443, workload, inner)


@case("the way out that is withdrawn in the middle of a transfer ends it: not one octet leaves after the receipt")
def _():
    for family in FAMILIES:
        with site() as n:
            client, server = n.goes_out("b", family)
            seen, ended, got = n.outside_capture(), [], [0]

            def pour():
                try:
                    while True:
                        client.sendall(b"x" * 1000)
                        time.sleep(0.001)
                except OSError as problem:
                    ended.append(problem)

            def drain():
                with contextlib.suppress(OSError):
                    while part := server.recv(65536):
                        got[0] += len(part)
            client.settimeout(20)
            threads = [threading.Thread(target=t, daemon=True) for t in (pour, drain)]
            for t in threads:
                t.start()
            wait_for("the transfer goes on", lambda: got[0] > 100000)
            receipt = n.receipt({"world-a": RULES["world-a"]})
            assert (f"b:{client.getsockname()[1]}", f"{end_of(server).rpartition(':')[0]}:80", "b-out") in listed(receipt), receipt
            time.sleep(0.05)  # what was received before is also read
            mark = len(settled(seen).frames)
            threads[0].join(10)
            assert ended and isinstance(ended[0], (ConnectionResetError, BrokenPipeError)), f"the workload saw {ended}"
            time.sleep(0.5)
            after = [p for p in packets(seen, mark) if p.protocol == 6]
            assert not after, after
            server.close()
            s = n.socket("b", family, socket.SOCK_STREAM)
            try:
                s.connect((WORLD_AT[family], 80))
                raise AssertionError("connected")
            except ConnectionRefusedError:
                pass


@case("apply --confirm goes back by itself with the agent dead: the old published port goes on, the new one no longer")
def _():
    with site() as n:
        for family in FAMILIES:
            n.comes_in(family)
        with contextlib.suppress(AssertionError):
            n.kill_agent()
        started = time.monotonic()
        n.receipt(RULES, "--confirm", "4s", uplink="interface: uplink0, publish: {444/tcp: a:8443, 53/udp: a:5353}")
        new = {family: n.comes_in(family, 444) for family in FAMILIES}
        n.stays_out(4, 443, "a", 8443)
        expect(n.bulkhead("status", n.name), 0, "goes back")
        time.sleep(max(0.0, started + 4.5 - time.monotonic()))
        for family in FAMILIES:
            assert is_cut(*new[family])
            n.stays_out(family, 444, "a", 8443)
            n.comes_in(family)
            assert n.ask(family, within=5)
        n.start_agent()
        expect(n.apply(RULES), 0)
        for family in FAMILIES:
            n.comes_in(family)


# ---- what apply does not do ----

@case("apply that changes the interface, nat, or the hub's address, or takes the uplink away, is refused and says `down` and `up`; all goes on")
def _():
    with site() as n:
        before, pairs = host_state(), [(n.comes_in(family), n.goes_out("b", family)) for family in FAMILIES]
        with open(n.write(RULES), encoding="utf-8") as file:
            text = file.read()
        changed = os.path.join(n.directory, "changed.yaml")
        for old, new in (("interface: uplink0", "interface: lo"), ("interface: uplink0", "interface: uplink0, nat: none"),
                         ("10.77.0.0/24", "10.77.64.0/24"), ("fd77:0:0:0::/64", "fd77:0:0:40::/64"),
                         ('[10.77.0.0/24, "fd77:0:0:0::/64"]', "10.77.0.0/24"),
                         (f"uplink: {{{MASQUERADED}}}, ", "")):
            assert old in text
            with open(changed, "w", encoding="utf-8") as out:
                out.write(text.replace(old, new))
            expect(n.bulkhead("apply", changed), 2, "down", "up")
            assert all(talk(*pair) for both in pairs for pair in both)
        is_as_before(before)
        assert n.works() and n.bulkhead("status", n.name).returncode == 0


# ---- what is taken away of the host's part ----

def status_is(n, status, *texts):
    return expect(n.bulkhead("status", n.name), status, *texts)


def replace_hub_end(n):
    """By another link of the same name and number, whose other end is somebody else's."""
    there = json.loads(run("ip", "-n", f"{n.name}-hub", "-j", "link", "show", "uplink").stdout)[0]
    ip(f"{n.name}-hub", "link delete uplink",
       f"link add uplink index {there['ifindex']} address {there['address']} up type veth peer name foreign netns {FAR}")


TROUBLES = {  # the first three are what the agent is tried with, which looks every 2 s
    "its nf_tables table is deleted": lambda n: nft(f"delete table inet bulkhead-{n.name}"),
    "its link is deleted": lambda n: ip(HOST, f"link delete {n.host_link()}"),
    "IPv6's forwarding is switched off": lambda n: setting(HOST, "ipv6/conf/all/forwarding", "0"),
    "a chain of it is flushed": lambda n: nft(f"flush chain inet bulkhead-{n.name} arriving"),
    "all of nf_tables is flushed": lambda n: nft("flush ruleset"),
    "its link is off": lambda n: ip(HOST, f"link set {n.host_link()} down"),
    "the routes to the hub are deleted": lambda n: ip(HOST, *(f"route delete {OUTER[family]}" for family in FAMILIES)),
    "the hub's neighbour entries are deleted": lambda n: ip(HOST, *(
        f"neighbour replace {OUTER[family]} lladdr 02:00:00:00:00:01 dev {n.host_link()} nud permanent" for family in FAMILIES)),
    "the hub's end of its link is moved away": lambda n: ip(f"{n.name}-hub", f"link set uplink netns {FAR}"),
    "the hub's end of its link is replaced": replace_hub_end,
    "IPv4's forwarding is switched off": lambda n: setting(HOST, "ipv4/conf/uplink0/forwarding", "0"),
    "IPv4's forwarding is switched off for all": lambda n: [setting(HOST, "ipv4/ip_forward", value) for value in "10"],
}


@case(f"what is taken away of the host's part the agent puts right within {REPAIRED} s, and records it")
def _():
    with site() as n:
        for what, make in list(TROUBLES.items())[:3]:
            before = len(n.repairs())
            make(n)
            wait_for(f"traffic flows again after {what}", n.works, REPAIRED)
            wait_for(f"it is recorded that {what}", lambda: len(n.repairs()) > before, REPAIRED)
            status_is(n, 0)
            n.forget()


def waits_for_settings(pid):
    with open("/proc/locks", encoding="utf-8") as file:
        return any("-> FLOCK" in line and f" {pid} " in line for line in file)


@contextlib.contextmanager
def settings_held():
    """Whoever looks at the host's part of an uplink, or changes it, waits here."""
    fd = os.open(STATE_ROOT, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@case("the agent puts nothing right that `apply` changes: neither by the policy before, when it comes late, nor while `apply` is at it")
def _():
    with site() as n:
        agent, before = n.agent(), len(n.repairs())
        other = MASQUERADED.replace("443/tcp", "444/tcp")
        # It has read the policy before, and goes on after the change.
        with settings_held():
            wait_for("the agent looks", lambda: waits_for_settings(agent), REPAIRED)
            os.kill(agent, signal.SIGSTOP)
            wait_for("it is stopped", lambda: not waits_for_settings(agent))
        expect(n.apply(RULES, uplink=other), 0)
        table = nft(f"list table inet bulkhead-{n.name}")
        os.kill(agent, signal.SIGCONT)
        time.sleep(1)
        assert nft(f"list table inet bulkhead-{n.name}") == table
        # It reads the new policy, and looks before `apply` has come to the host's part.
        os.kill(agent, signal.SIGSTOP)
        with settings_held():
            p = n.popen("apply", n.write(RULES, "next.yaml"), stderr=subprocess.DEVNULL)
            wait_for("apply is there", lambda: waits_for_settings(p.pid))
            os.kill(p.pid, signal.SIGSTOP)
            wait_for("it is stopped", lambda: not waits_for_settings(p.pid))
        os.kill(agent, signal.SIGCONT)
        time.sleep(5)  # two looks
        os.kill(p.pid, signal.SIGCONT)
        assert p.wait(20) == 0 and n.works()
        assert len(n.repairs()) == before, n.repairs()[before:]
        nft(f"delete table inet bulkhead-{n.name}")
        wait_for("it does put right what nobody changes", lambda: len(n.repairs()) > before, REPAIRED)


@case("the uplink's link is made again while a change waits to be confirmed, and a workload's while the uplink's interface is gone")
def _():
    with site() as n:
        n.receipt(RULES, "--confirm", "60s", uplink="interface: uplink0, publish: {444/tcp: a:8443, 53/udp: a:5353}")
        ip(f"{n.name}-hub", "link delete uplink")
        wait_for("it is made again", lambda: "uplink" in run("ip", "-n", f"{n.name}-hub", "link").stdout, REPAIRED)
        wait_for("the agent has repaired", lambda: n.repairs(), REPAIRED)
        expect(n.bulkhead("confirm", n.name), 0)
        ip(HOST, "link delete uplink0")
        ip(f"{n.name}-hub", "link delete w16")
        wait_for("it is made again", lambda: "w16" in run("ip", "-n", f"{n.name}-hub", "link").stdout, REPAIRED)
        join_host_and_world()
        expect(n.apply(RULES, uplink=MASQUERADED), 0)
        wait_for("traffic flows again", n.works, REPAIRED)


@case("with the agent dead `status` exits 1 and says so as long as something is gone, and 0 when an agent has put it right")
def _():
    with site() as n:
        n.kill_agent()
        status_is(n, 0)
        for what, make in TROUBLES.items():
            make(n)
            done = n.bulkhead("status", n.name)
            assert done.returncode == 1 and "differ" in done.stdout.lower(), f"{what}: {said(done)}"
            agent = n.start_agent()
            wait_for(f"an agent has put it right that {what}", lambda: n.bulkhead("status", n.name).returncode == 0, REPAIRED)
            agent.kill()
            agent.wait()
        assert n.works()
        n.start_agent()


@case("with the agent dead and the table deleted nothing opens, neither in nor out")
def _():
    rules = {**RULES, "world-b": allow("world", "b", "8444/tcp, 5354/udp")}
    with site(rules) as n:
        at, seen, attacker = everywhere(n), n.outside_capture(), Attacker(n)
        n.kill_agent()
        for make in (lambda: nft(f"delete table inet bulkhead-{n.name}"), lambda: nft("flush ruleset")):
            make()
            for family in FAMILIES:
                text = b"PROPER" + os.urandom(8)
                attacker.send(udp(WORLD_AT[family], OUTER[family], 4000, 53, text))
                wait_for("what comes to the outer address is decided as before", lambda: at["a"].with_text(text))
                for to in [HOST_AT[family], OUTER[family]] + [n.address(w, family) for w in "abcd"]:
                    for port in (443, 8443, 444, 8444, 53, 5353, 54, 5354, 80):
                        if to == OUTER[family] and port in (443, 53):
                            continue
                        attacker.send(udp(WORLD_AT[family], to, 4000, port, FORBIDDEN), tcp(WORLD_AT[family], to, 4000, port, SYN, FORBIDDEN))
                    for source in [n.address(w, family) for w in "abcd"] + [OUTER[family]]:
                        attacker.send(udp(source, to, 4000, 53, FORBIDDEN), tcp(source, to, 4000, 443, SYN, FORBIDDEN))
                for w in "acd":
                    n.tell(w, family, 53, b"LEAKED")
                    n.tell(w, family, 80, b"LEAKED")
                attacker.send(udp(WORLD_AT[family], OUTER[family], 4000, 53, text + b"BARRIER"))
                wait_for("the last arrives", lambda: at["a"].with_text(text + b"BARRIER"))
                n.tell("b", family, 53, text + b"OUT")
                wait_for("the last has left", lambda: seen.with_text(text + b"OUT"))
            time.sleep(0.1)
            for w, capture in at.items():
                assert not settled(capture).with_text(FORBIDDEN), f"{w} got {packets(capture)}"
            assert not settled(seen).with_text(b"LEAKED")
        n.start_agent()
        wait_for("all is well again", n.works, REPAIRED)


@case("an interface that is gone is told once and not again and again; when it is back, all is put right")
def _():
    with site() as n:
        def told():
            return [r["message"] for r in n.records() if r.get("kind") == "differs"]
        before = len(told())
        ip(HOST, "link delete uplink0")
        wait_for("it is recorded", lambda: len(told()) > before, REPAIRED)
        done = status_is(n, 1, "uplink0")
        assert "gone" in done.stdout, said(done)
        time.sleep(6.5)  # three more looks of the agent
        new = told()[before:]
        assert len(new) == 1 and "uplink0" in new[0], new
        status_is(n, 1, "uplink0")
        repaired = len(n.repairs())
        join_host_and_world()
        wait_for("traffic flows again", n.works, REPAIRED)
        wait_for("it is recorded", lambda: len(n.repairs()) > repaired, REPAIRED)
        status_is(n, 0)


@case("what the agent cannot put right is told once and is no repair")
def _():
    with site() as n:
        def told():
            return [r["message"] for r in n.records() if r.get("kind") == "differs"]
        table, before, told_before = f"inet bulkhead-{n.name}", len(n.repairs()), len(told())
        with nft_held(f"delete table {table}; add table {table} {{ flags owner; }}"):
            wait_for("it is recorded", lambda: len(told()) > told_before, REPAIRED)
            time.sleep(4.5)  # two more looks of the agent
            assert len(told()) == told_before + 1, told()
            assert len(n.repairs()) == before, n.repairs()
            status_is(n, 1, "cannot put")
        wait_for("traffic flows again", n.works, REPAIRED)
        wait_for("it is recorded", lambda: len(n.repairs()) == before + 1, REPAIRED)


@case("when the interface gets another address, what is published is there")
def _():
    with site() as n:
        old, new = HOST_AT.copy(), {4: "192.0.2.77", 6: "2001:db8::77"}
        setting(HOST, "ipv4/conf/all/promote_secondaries", "1")

        def there(address):
            try:
                for family in FAMILIES:
                    n.comes_in(family, timeout=0.5, to=address[family])
                return True
            except OSError:
                return False
        for one, other in ((old, new), (new, old)):
            ip(HOST, *(f"address add {other[f]}/{24 if f == 4 else 64} dev uplink0{' nodad' if f == 6 else ''}" for f in FAMILIES),
               *(f"address delete {one[f]}/{24 if f == 4 else 64} dev uplink0" for f in FAMILIES))
            ip(HOST, *(f"route replace default via {WORLD_AT[f]}" for f in FAMILIES))
            wait_for("what is published is at the other address", lambda: there(other), REPAIRED)
            client, server = n.goes_out("b", 4)
            assert server.getpeername()[0] == other[4]
        assert n.works()


# ---- without daemons ----

@case("where nobody sends anything no counter moves, whether the host forwards already or does from now on")
def _():
    with site_of_its_own("t9q", start=False) as n:
        for forwards in "01":
            setting(HOST, "ipv6/conf/all/forwarding", forwards)
            expect(n.bulkhead("up", n.file), 0)
            time.sleep(QUIET)
            assert not counters(n), f"forwarding was {forwards}: {counters(n)}"
            n.comes_in(6), n.goes_out("b", 6)
            assert counters(n), "what is counted is looked for in the wrong place"
            n.forget()
            expect(n.bulkhead("down", n.name), 0)


@case("with every daemon killed what is published and what goes out go on, old and new")
def _():
    with site() as n:
        kept = [pair for family in FAMILIES for pair in (n.comes_in(family), n.goes_out("b", family))]
        for pid in agents_of(n.name):
            os.kill(pid, signal.SIGKILL)
        wait_for("the agent is gone", lambda: not agents_of(n.name))
        for _ in range(5):
            assert all(talk(*pair) for pair in kept)
            assert n.works()
            time.sleep(0.5)
        for family in FAMILIES:
            assert n.ask(family, within=5) and n.echo("b", family, b"ECHO")
        n.forget()
        n.start_agent()


# ---- floods ----

# From each source that is made up: a SYN, a blind ACK, and a datagram. Checksums are made from a sum and its parts.
FLOOD = r"""
import json, random, socket, struct, sys, time
macs, sources, seed = bytes.fromhex(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("w0", 0))
fold = lambda n: (n := (n & 0xffff) + (n >> 16), (n & 0xffff) + (n >> 16))[1]
words = lambda b: sum(struct.unpack(f"!{len(b) // 2}H", b))
host4, host6 = socket.inet_pton(socket.AF_INET, sys.argv[4]), socket.inet_pton(socket.AF_INET6, sys.argv[5])
net6 = socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")[:12]
head4 = {p: struct.pack("!BBHHHBBH", 0x45, 0, 20 + n, 1, 0, 64, p, 0) for p, n in ((6, 20), (17, 12))}
def packet(number, six, protocol, port, sequence, acknowledgement, flags):
    length = 20 if protocol == 6 else 12
    address = struct.pack("!I", (0x64400000 if not six else 0) + number)  # 100.64.0.0/10
    if six:
        head = struct.pack("!IHBB", 6 << 28, length, protocol, 64) + net6 + address + host6
        total = words(net6) + words(address) + words(host6) + protocol + length
    else:
        head = head4[protocol] + address + host4
        head = head[:10] + struct.pack("!H", ~fold(words(head)) & 0xffff) + head[12:]
        total = words(address) + words(host4) + protocol + length
    if protocol == 6:
        total += port + 443 + (sequence >> 16) + (sequence & 0xffff) + (acknowledgement >> 16) + (acknowledgement & 0xffff) + (0x5000 | flags) + 65535
        body = struct.pack("!HHIIBBHHH", port, 443, sequence, acknowledgement, 0x50, flags, 65535, ~fold(total) & 0xffff, 0)
    else:
        total += port + 53 + 12 + 0x4142 + 0x4344
        body = struct.pack("!HHHH4s", port, 53, 12, (~fold(total) & 0xffff) or 0xffff, b"ABCD")
    return macs + (b"\x86\xdd" if six else b"\x08\0") + head + body
begun, sent = time.monotonic(), 0
for number in range(sources):
    port, six = 1024 + chance.getrandbits(15), number & 1
    for one in ((6, port, 1000, 0, 2), (6, port, 1001, chance.getrandbits(32), 16), (17, port, 0, 0, 0)):
        try:
            raw.send(packet(number + 1, six, *one))
            sent += 1
        except OSError:
            pass
print(json.dumps({"sent": sent, "seconds": time.monotonic() - begun}))
"""


def is_flooded(sources):
    rules = {**RULES, "c-out": allow("c", "world", "8000-8019/tcp"), "b-to-d": allow("b", "d", "7001/tcp")}
    with site(rules) as n:
        standing = {f"{what}, IPv{family}": make(family) for family in FAMILIES for what, make in (
            ("published", n.comes_in), ("out of b", lambda f: n.goes_out("b", f)), ("b to d", lambda f: n.session("b", "d", 7001, f)))}
        listeners = [n.listen("a", 8443, family) for family in FAMILIES]
        answering = [n.udp("a", 5353, family) for family in FAMILIES]
        # A workload has some hundred outer ports to each remote end, and those of what it closed only after 60 s.
        doors = {family: (n.listen("d", 7001, family), {port: n.outside_listen(port, family) for port in range(8000, 8020)}) for family in FAMILIES}
        macs = mac_of(HOST, "uplink0") + mac_of(WORLD, "w0")
        with inside(path_of(WORLD)):
            flood = subprocess.Popen([PYTHON, "-c", FLOOD, macs.hex(), str(sources), str(options.seed), HOST_AT[4], HOST_AT[6]],
                                     stdout=subprocess.PIPE, text=True)
        n.stops.append(lambda: (flood.kill(), flood.wait()))
        stopping, answered = threading.Event(), [0]

        def answer():
            while not stopping.is_set():
                for s in select.select(answering, [], [], 0.1)[0]:
                    with contextlib.suppress(OSError):
                        text, peer = s.recvfrom(100)
                        s.sendto(text, peer)
                        answered[0] += 1
        answerer = threading.Thread(target=answer, daemon=True)
        answerer.start()
        tried, failed, lost = 0, [], []
        while flood.poll() is None:
            for family in FAMILIES:
                out = 8000 + tried // 4 % 20
                for what, source, target, port, door in (("b to d", "b", n.address("d", family), 7001, doors[family][0]),
                                                         ("out of c", "c", WORLD_AT[family], out, doors[family][1][out])):
                    tried += 1
                    client = n.socket(source, family, socket.SOCK_STREAM)
                    try:
                        client.settimeout(5)
                        client.connect((target, port))
                        server, _ = door.accept()
                        if not talk(client, server):
                            failed.append(f"{what}, IPv{family}, carries nothing")
                        server.close()
                    except OSError as problem:
                        failed.append(f"{what}, IPv{family}: {problem!r}")
                    client.close()
            lost += [what for what, pair in standing.items() if not talk(*pair)]
            time.sleep(0.05)
        sent = json.loads(flood.communicate()[0])
        stopping.set()
        answerer.join()
        print(f"# {sent['sent']} packets of {sources} sources in {sent['seconds']:.0f} s, {answered[0]} datagrams answered; "
              f"{tried} new sessions of others, {len(failed)} failed")
        assert sent["sent"] > 2.9 * sources and answered[0] > 100, sent
        assert not lost, f"these sessions stood before, and were lost: {lost}"
        assert tried > 20 and len(failed) <= tried / 100, f"{len(failed)} of {tried} failed: {failed[:5]}"
        assert all(talk(*pair) for pair in standing.values())
        for s in listeners + answering:
            s.close()

        def published_works():
            try:
                for family in FAMILIES:
                    n.comes_in(family, timeout=1)
                    assert n.ask(family, within=1)
                return True
            except (OSError, AssertionError):
                return False
        wait_for("what is published can be reached again", published_works, 60)


@case("a flood of 200,000 packets from 70,000 sources takes no session that stands, no way out, and nothing between workloads")
def _():
    is_flooded(70000)


@case("a flood from 1,000,000 sources takes no session that stands, no way out, and nothing between workloads", long=True)
def _():
    is_flooded(1000000)


# ---- nat: none ----

def route_to_segments():
    ip(WORLD, f"route replace 10.77.0.0/16 via {HOST_AT[4]}", f"route replace fd77::/48 via {HOST_AT[6]}")


@case("with `nat: none` the world sees the workload's own address; answers, errors and a narrow way find back")
def _():
    with site(uplink=ROUTED) as n, as_on_a_wire(n):
        route_to_segments()
        seen, at_b = n.outside_capture(), n.capture("b")
        for family in FAMILIES:
            client, server = n.goes_out("b", family)
            assert server.getpeername()[:2] == client.getsockname()[:2]
            transfer(client, server, 2 << 20)
            transfer(server, client, 2 << 20)
            assert n.echo("b", family, b"ECHO")
            s = n.udp("b", 5001, family)
            s.connect((WORLD_AT[family], 53))
            s.send(b"nobody listens")
            try:
                s.recv(100)
                raise AssertionError("something was received")
            except ConnectionRefusedError:
                pass
            s.close()
            client, server = n.goes_out("b", family, where=FAR)
            assert server.getpeername()[0] == n.address("b", family)
            transfer(client, server, 2 << 20)
            sources = {p.source for p in packets(seen) if p.family == family}
            assert sources - {FAR_AT[family]} == {n.address("b", family)}, sources
            n.tell("c", family, 53, FORBIDDEN)
            n.barrier_out(seen, family)
        assert not settled(seen).with_text(FORBIDDEN)
        wrong = [p for p in packets(at_b) + packets(seen) if p.protocol in (1, 6, 17, 58) and not p.sound()]
        assert not wrong, wrong[:3]


@case("with `nat: none` nothing comes in but by a published port, whatever the rules; that one answers from the host's address")
def _():
    rules = {**RULES, "world-all": allow("world", "[a, b, c, d]", "any")}
    with site(rules, ROUTED) as n:
        route_to_segments()
        at, attacker = everywhere(n), Attacker(n)
        for family in FAMILIES:
            client, server = n.comes_in(family)
            assert server.getpeername()[:2] == client.getsockname()[:2]
            transfer(server, client, 2 << 20)
            sender, receiver, peer = n.ask(family, text=os.urandom(3000), within=5)
            receiver.sendto(b"answer", peer)
            assert sender.recvfrom(100)[1][:2] == (HOST_AT[family], 53)
            receiver.close()
            out = n.goes_out("b", family)
            port = out[0].getsockname()[1]
            for w in "abcd":
                to = n.address(w, family)
                for inner in (8443, 5353, 443, 53, 80, port):
                    attacker.send(udp(OTHER_AT[family], to, 4000, inner, FORBIDDEN), tcp(OTHER_AT[family], to, 4000, inner, SYN, FORBIDDEN),
                                  tcp(OTHER_AT[family], to, 80, inner, SYN | ACK, FORBIDDEN), tcp(OTHER_AT[family], to, 80, inner, RST, FORBIDDEN))
                attacker.send(echo_request(OTHER_AT[family], to, FORBIDDEN))
                for source in "abcd":
                    attacker.send(udp(n.address(source, family), to, 4000, 5353, FORBIDDEN))
                with n.outside(family, socket.SOCK_STREAM) as s:
                    s.settimeout(0.2)
                    try:
                        s.connect((to, 8443))
                        raise AssertionError("connected")
                    except socket.timeout:
                        pass
            nothing_arrived(n, at, FORBIDDEN)
            assert talk(*out) and talk(client, server)
        wait_for("it is recorded why", lambda: any(r.get("reason") == "no-uplink" for r in n.records()))


@case("with `nat: none` withdrawing a rule or a published port cuts as well")
def _():
    with site(uplink=ROUTED) as n:
        for family in FAMILIES:
            expect(n.apply(RULES, uplink=ROUTED), 0)
            pair, out = n.comes_in(family), n.goes_out("b", family)
            assert n.receipt(RULES, uplink=ROUTED.replace("443/tcp", "444/tcp"))["cut"] >= 1
            assert is_cut(*pair) and is_reset(pair[1]) and talk(*out)
            assert n.receipt({})["cut"] >= 1
            assert is_cut(*out[::-1]) and is_reset(out[0])


# ---- down ----

@case("down leaves the host as it was: links, addresses, routes, neighbours, nf_tables and every setting")
def _():
    with site_of_its_own("t9d", start=False) as n:
        route_to_segments()
        for ipv4, ipv6, uplink in (("0", "0", MASQUERADED), ("1", "1", MASQUERADED), ("0", "0", ROUTED)):
            setting(HOST, "ipv4/conf/uplink0/forwarding", ipv4)
            setting(HOST, "ipv6/conf/all/forwarding", ipv6)
            before = host_state()
            expect(n.bulkhead("up", n.write(RULES, uplink=uplink)), 0)
            for family in FAMILIES:
                n.comes_in(family)
                n.goes_out("b", family)
            assert host_state() != before
            n.forget()
            expect(n.bulkhead("down", n.name), 0)
            leaves_nothing(n.name)
            is_as_before(before)
            assert not glob.glob(f"{STATE_ROOT}/.settings/*{os.stat(n.host).st_ino}*")
            expect(n.bulkhead("down", n.name), 0, "was not up")


def is_on(name):
    with inside(path_of(HOST)), open(f"/proc/sys/net/{name}", encoding="utf-8") as file:
        return file.read().strip() == "1"


@case("down puts back what is the interface's under whichever name it has by then, and what another network still needs stays")
def _():
    with site_of_its_own("t9v", start=False) as n, Site("t9w", alone=False, block=1, start=False) as second:
        make_lan()
        setting(HOST, "ipv6/conf/lan0/forwarding", "1")
        expect(n.bulkhead("up", n.file), 0)
        ip(HOST, "link set uplink0 down", "link set uplink0 name wan9", "link set wan9 up", "link set lan0 down", "link set lan0 name lan9")
        expect(second.bulkhead("up", second.write(RULES, uplink="interface: wan9, publish: {444/tcp: a:8443}")), 0)
        expect(n.bulkhead("down", n.name), 0)
        assert is_on("ipv4/conf/wan9/forwarding") and is_on("ipv6/conf/all/forwarding")
        ip(HOST, "link set wan9 down", "link set wan9 name wan8")
        expect(second.bulkhead("down", second.name), 0)
        assert not is_on("ipv4/conf/wan8/forwarding") and not is_on("ipv6/conf/all/forwarding") and is_on("ipv6/conf/lan9/forwarding")
        assert not glob.glob(f"{STATE_ROOT}/.settings/*{os.stat(n.host).st_ino}*")
        # Another interface of the name takes the place of the one that was: each goes back to what it was.
        ip(HOST, "link set wan8 name uplink0", "link set uplink0 up")
        expect(n.bulkhead("up", n.file), 0)
        ip(HOST, "link set uplink0 down", "link set uplink0 name wan7", f"link add uplink0 type veth peer name w7 netns {WORLD}", "link set uplink0 up")
        wait_for("the agent forwards by the new one", lambda: is_on("ipv4/conf/uplink0/forwarding"), REPAIRED)
        assert not is_on("ipv4/conf/wan7/forwarding")
        expect(n.bulkhead("down", n.name), 0)
        assert not is_on("ipv4/conf/wan7/forwarding") and not is_on("ipv4/conf/uplink0/forwarding")
        assert not glob.glob(f"{STATE_ROOT}/.settings/*{os.stat(n.host).st_ino}*")


def is_killed(name, rounds):
    chance = random.Random(options.seed)
    with site_of_its_own(name, start=False, uplink=MASQUERADED[:-1] + ", 40000/udp: a:5353}") as n:
        setting(HOST, RESERVED, "40001")
        before = host_state()
        started = time.monotonic()
        expect(n.bulkhead("up", n.file), 0)
        whole = time.monotonic() - started
        expect(n.bulkhead("down", n.name), 0)
        is_as_before(before)
        for round_ in range(rounds):
            # The host's part is made in the last tenth of the time.
            at = whole * (chance.uniform(0, 0.9) if round_ < 2 else chance.uniform(0.85, 1.1))
            p = n.popen("up", n.file, stderr=subprocess.DEVNULL)
            time.sleep(at)
            p.kill()
            p.wait()
            where = f"killed after {at * 1000:.1f} of {whole * 1000:.0f} ms"
            if round_ % 2:
                done = n.bulkhead("up", n.file)
                assert done.returncode == 0, f"{where}: {said(done)}"
                for family in FAMILIES:
                    n.comes_in(family)
                    n.goes_out("b", family)
                n.forget()
            done = n.bulkhead("down", n.name)
            assert done.returncode == 0, f"{where}: {said(done)}"
            leaves_nothing(n.name, patience=4)
            try:
                is_as_before(before)
            except AssertionError as problem:
                raise AssertionError(f"{where}: {problem}") from problem


@case("`up` that is killed at any moment: `down` leaves the host as it was, and so does another `up` before it, which works")
def _():
    is_killed("t9e", 5)


@case("`up` that is killed at any of 40 moments leaves nothing that `down`, or the next `up`, does not put right", long=True)
def _():
    is_killed("t9l", 40)


# ---- refusals of `up` ----

def is_refused(n, before, *texts, file=None):
    expect(n.bulkhead("up", file or n.file), 2, *texts)
    leaves_nothing(n.name)
    is_as_before(before)


@case("`up` is refused, and leaves nothing, where the host is not as it must be; each time it says what stands against it")
def _():
    with site_of_its_own("t9f", start=False) as n:
        before = host_state()
        is_refused(n, before, "nosuch0", file=n.write(RULES, "no.yaml", uplink=MASQUERADED.replace("uplink0", "nosuch0")))
        is_refused(n, before, "lo leads", file=n.write(RULES, "lo.yaml", uplink=MASQUERADED.replace("uplink0", "lo")))
        for family, kind, everywhere_there in itertools.product(FAMILIES, (socket.SOCK_STREAM, socket.SOCK_DGRAM), (False, True)):
            address, port = "" if everywhere_there else HOST_AT[family], 443 if kind == socket.SOCK_STREAM else 53
            with n.outside(family, kind, where=HOST) as s:
                s.bind((address, port))
                if kind == socket.SOCK_STREAM:
                    s.listen(1)
                is_refused(n, before, f"port {port}", "TCP" if port == 443 else "UDP", "uplink0")
        # Somebody else's link of the name that the uplink's would have.
        ip(HOST, f"link add {n.host_link()} type veth peer name other0")
        taken = host_state()
        is_refused(n, taken, n.host_link())
        ip(HOST, f"link delete {n.host_link()}")
        # A default route that forwarding would take away.
        ip(HOST, f"route replace default via {WORLD_AT[6]} dev uplink0 proto ra")
        advertised = host_state()
        is_refused(n, advertised, "accept_ra=2", "uplink0")
        setting(HOST, "ipv6/conf/uplink0/accept_ra", "2")
        for chain in ("chain gate { type filter hook forward priority 0; policy drop; ct state established accept; }",
                      "chain gate { type filter hook forward priority 10; policy accept; tcp dport 9 accept; counter drop; }"):
            nft(f"table inet fence {{\n{chain}\n}}\n")
            fenced = host_state()
            is_refused(n, fenced, "fence", "gate", n.host_link())
            # What it says is done, and then it works.
            for way in ("iifname", "oifname"):
                nft(f"insert rule inet fence gate {way} {n.host_link()} accept")
            expect(n.bulkhead("up", n.file), 0)
            assert n.works()
            n.forget()
            expect(n.bulkhead("down", n.name), 0)
            nft("delete table inet fence")
        leaves_nothing(n.name)


@case("two networks in one host: one port is only one's, both work, and what both need of the host stays until the last is down")
def _():
    rules = {**RULES, "b-out": allow("b", "world", "80/tcp, 444/tcp, 53/udp, 54/udp")}
    with site_of_its_own("t9i", rules, start=False) as first, Site("t9j", rules, alone=False, block=1, start=False) as second:
        before = host_state()
        expect(first.bulkhead("up", first.file), 0)
        done = expect(second.bulkhead("up", second.file), 2, "t9i", "443")
        leaves_nothing("t9j")
        assert "another port" in done.stderr, said(done)
        uplink = "interface: uplink0, publish: {444/tcp: a:8443, 54/udp: a:5353}"
        expect(second.bulkhead("up", second.write(rules, uplink=uplink)), 0)
        for family in FAMILIES:
            pairs = [first.comes_in(family), first.goes_out("b", family), second.comes_in(family, 444), second.goes_out("b", family)]
            assert first.ask(family, 53, within=5) and second.ask(family, 54, within=5)
            assert all(talk(*pair) for pair in pairs)
            # No way from one to the other, through the host: not to its addresses, not by what it publishes.
            at = [n.capture("a") for n in (first, second)]
            for to in (HOST_AT[family], second.address("a", family), {4: "10.77.16.1", 6: "fd77:0:0:10::1"}[family]):
                first.tell("b", family, 54, FORBIDDEN, to)
                s = first.socket("b", family, socket.SOCK_STREAM)
                s.settimeout(0.2)
                with contextlib.suppress(OSError):
                    s.connect((to, 444))
                    raise AssertionError(f"connected to {to}")
            for to in (HOST_AT[family], OUTER[family]):
                second.tell("b", family, 53, FORBIDDEN, to)
            first.barrier_in(at[0], family)
            second.barrier_in(at[1], family, 54)
            wrong = [p for capture in at for p in packets(capture) if FORBIDDEN in p.body or p.flags & SYN]
            assert not wrong, wrong
            # The same would arrive, but for what forbids it in the host.
            for n in (first, second):
                n.kill_agent()
                nft(f"flush chain inet bulkhead-{n.name} passing")
            first.tell("b", family, 54, ALLOWED, {4: "10.77.16.1", 6: "fd77:0:0:10::1"}[family])
            wait_for("it arrives", lambda: at[1].with_text(ALLOWED))
            for n in (first, second):
                n.start_agent()
                wait_for("the agent has put it right", lambda: n.bulkhead("status", n.name).returncode == 0, REPAIRED)
        expect(first.apply(rules, uplink=MASQUERADED.replace("443/tcp", "444/tcp")), 2, "t9j", "444")
        expect(first.bulkhead("down", "t9i"), 0)
        for family in FAMILIES:
            second.comes_in(family, 444)
            second.goes_out("b", family)
        first.forget()
        second.forget()
        expect(second.bulkhead("down", "t9j"), 0)
        is_as_before(before)


@case("another interface of the host is no way in, and no way out")
def _():
    with site_of_its_own("t9p") as n:
        lan, at_lan = {4: "198.51.100.130", 6: "2001:db8:1a::2"}, {4: "198.51.100.129", 6: "2001:db8:1a::1"}
        ip(HOST, f"link add lan0 type veth peer name f1 netns {FAR}", f"address add {at_lan[4]}/30 dev lan0", f"address add {at_lan[6]}/64 dev lan0 nodad",
           "link set lan0 up")
        ip(FAR, f"address add {lan[4]}/30 dev f1", f"address add {lan[6]}/64 dev f1 nodad", "link set f1 up",
           *(f"route add {to} via {at_lan[family]}" for family in FAMILIES for to in (OUTER[family], HOST_AT[family])))
        setting(HOST, "ipv4/conf/lan0/forwarding", "1")
        n.kill_agent()
        at_a, far = n.capture("a"), n.outside_capture(FAR)

        def probe(text):
            for family in FAMILIES:
                with n.outside(family, socket.SOCK_DGRAM, where=FAR) as s:
                    s.bind((lan[family], 0))
                    for to in (OUTER[family], HOST_AT[family]):
                        s.sendto(text, (to, 53))
                n.tell("b", family, 53, text, lan[family])
        probe(FORBIDDEN)
        for family in FAMILIES:
            n.barrier_in(at_a, family)
        for capture in (at_a, far):
            wrong = [p for p in packets(capture) if FORBIDDEN in p.body and not p.is_error()]
            assert not wrong, wrong
        nft(f"flush chain inet bulkhead-{n.name} passing")  # without that rule it would be one
        probe(ALLOWED)
        wait_for("it arrives", lambda: len(at_a.with_text(ALLOWED)) >= 2 and len([p for p in packets(far) if ALLOWED in p.body and not p.is_error()]) >= 2)


@case("the host's own services go on: from the world, and the host's own connections out, before, while and after")
def _():
    with site_of_its_own("t9o", start=False) as n:
        for family in FAMILIES:
            kept = []
            for do in (None, "up", "down"):
                if do:
                    expect(n.bulkhead(do, n.file if do == "up" else n.name), 0)
                service = n.outside_listen_at_host(8022, family)
                client = n.call(family, 8022)
                kept.append((client, n.accepted(service)))
                remote = n.outside_listen(8080, family)
                own = n.outside(family, socket.SOCK_STREAM, where=HOST)
                own.connect((WORLD_AT[family], 8080))
                kept.append((own, n.accepted(remote)))
                d, s = n.outside_udp(5300, family), n.outside(family, socket.SOCK_DGRAM, where=HOST)
                s.sendto(b"x", (WORLD_AT[family], 5300))
                d.sendto(b"y", d.recvfrom(10)[1])
                assert s.recv(10) == b"y"
                for end in (service, remote, d):
                    end.close()
                assert all(talk(*pair) for pair in kept)


def make_lan():
    """One more interface of the host, of nothing so far."""
    ip(HOST, f"link add lan0 type veth peer name f1 netns {FAR}", "link set lan0 up")
    ip(FAR, "link set f1 up")


def with_lines(n, before, *lines, **change):
    """The policy with more lines before that section."""
    path = n.write(RULES, "more.yaml", **change)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(f"\n{before}:", "".join(f"\n  {line}" for line in lines) + f"\n{before}:"))
    return path


TAKEN = (  # what the host has, whether it is of its own without `nat`, and what the refusal names
    ("address add 10.77.0.9/24 dev lan0", False, ("10.77.0.1,", "10.77.0.9/24", "lan0")),
    ("address add 10.77.0.1/32 dev lan0", False, ("10.77.0.1,", "10.77.0.1/32", "lan0")),
    ("address add 198.51.100.200 peer 10.77.0.1 dev lan0", False, ("10.77.0.1,", "10.77.0.1/32", "lan0")),
    ("address add fd77::9/64 dev lan0 nodad", False, ("fd77::1,", "fd77::9/64", "lan0")),
    ("route add 10.77.0.0/16 dev lan0", False, ("10.77.0.1,", "10.77.0.0/16", "lan0")),
    ("route add 198.18.0.0/15 via 10.77.0.1 dev lan0 onlink", False, ("10.77.0.1,", "gateway")),
    ("route add 198.18.0.0/15 via inet6 fd77::1 dev lan0 onlink", False, ("fd77::1,", "gateway")),
    ("route add 2001:db8:77::/48 via fd77::1 dev lan0 onlink", False, ("fd77::1,", "gateway")),
    ("route add 198.18.0.0/15 table 77 nexthop via 192.0.2.9 dev uplink0 nexthop via 10.77.0.1 dev lan0 onlink", False, ("10.77.0.1,", "gateway")),
    ("route add 10.77.0.1 via 192.0.2.9", False, ("10.77.0.1,", "route to 10.77.0.1/32")),
    ("address add 10.77.1.9/25 dev lan0", True, ("10.77.1.0/24,", "10.77.1.9/25", "lan0")),
    ("address add 10.77.1.9/32 dev lan0", True, ("10.77.1.0/24,", "10.77.1.9/32", "lan0")),
    ("address add fd77:0:0:2::9/63 dev lan0 nodad", True, ("fd77:0:0:2::/64,", "fd77:0:0:2::9/63", "lan0")),
    ("route add 198.18.0.0/15 via 10.77.2.254 dev lan0 onlink", True, ("10.77.2.0/24,", "10.77.2.254", "gateway")),
    ("route add blackhole 10.77.1.0/24", True, ("10.77.1.0/24,", "route to 10.77.1.0/24")),
    ("route add fd77:0:0:1::/64 via 2001:db8::9", True, ("fd77:0:0:1::/64,", "route to fd77:0:0:1::/64")),
)


@case("`up` is refused where the host would reach its own network, gateway or route no more, and names both; a wider route is no trouble")
def _():
    with site_of_its_own("t9q", start=False) as n:
        make_lan()
        without_nat = n.write(RULES, "routed.yaml", uplink=ROUTED)
        for line, routed, texts in TAKEN:
            ip(HOST, line)
            before = host_state()
            is_refused(n, before, *texts, "another cidr", file=without_nat)
            if routed:
                expect(n.bulkhead("up", n.file), 0)
                expect(n.bulkhead("down", n.name), 0)
                is_as_before(before)
            else:
                is_refused(n, before, *texts, "another cidr")
            ip(HOST, line.replace(" add ", " delete ").replace(" nodad", ""))
        # A default route, whole or in halves, and a wide one by a gateway hold every address; what is attached goes into the hub.
        ip(HOST, "route add 10.0.0.0/8 via 192.0.2.9", "route add 0.0.0.0/1 dev lan0", "route add fd00::/7 dev lan0")
        before = host_state()
        expect(n.bulkhead("up", without_nat), 0)
        expect(n.bulkhead("down", n.name), 0)
        is_as_before(before)
        ip(HOST, "address add 10.77.1.1/24 dev lan0", "route add 198.18.0.0/15 via 10.77.1.254")
        expect(n.bulkhead("up", with_lines(n, "rules", "m: {segment: red, address: 10.77.1.200, attach: {interface: lan0}}", uplink=ROUTED)), 0)
        expect(n.bulkhead("down", n.name), 0)


@case("`apply` is refused where a new segment would take a network of the host; what leads to the hub already is not asked about again")
def _():
    with site_of_its_own("t9s", uplink=ROUTED) as n:
        route_to_segments()
        make_lan()
        ip(HOST, "address add 10.77.9.9/24 dev lan0", "address add 10.77.0.9/24 dev lan0")
        out = n.goes_out("b", 6)
        expect(n.bulkhead("apply", with_lines(n, "workloads", "new: {cidr: 10.77.9.0/24}")), 2, "10.77.9.0/24", "10.77.9.9/24", "lan0")
        assert talk(*out)
        expect(n.bulkhead("apply", with_lines(n, "workloads", "new: {cidr: 10.77.8.0/24}", uplink=ROUTED.replace("443/tcp", "444/tcp"))), 0)


def reserved():
    with inside(path_of(HOST)), open(f"/proc/sys/net/{RESERVED}", encoding="utf-8") as file:
        return file.read().strip()


@case("a published port is not one that the host gives its own connections, so that their answers come; what others reserve stays reserved")
def _():
    with site_of_its_own("t9t", start=False) as n, Site("t9u", alone=False, block=1, start=False) as second:
        setting(HOST, "ipv4/ip_local_port_range", "40000 40007")
        setting(HOST, RESERVED, "40006,41000-41002")
        before = host_state()
        uplink = "interface: uplink0, publish: {443/tcp: a:8443, 40000/tcp: a:8443, 40001/udp: a:5353, 40006/tcp: a:8443}"
        expect(n.bulkhead("up", n.write(RULES, uplink=uplink)), 0)
        assert reserved() == "40000-40001,40006,41000-41002", reserved()
        for family in FAMILIES:
            listener, server = n.outside_listen(8080, family), n.outside_udp(5300, family)
            for _ in range(5):
                s = n.outside(family, socket.SOCK_DGRAM, where=HOST)
                s.connect((WORLD_AT[family], 5300))
                s.send(b"question")
                server.sendto(b"answer", server.recvfrom(100)[1])
                assert s.recv(100) == b"answer"
                own = n.outside(family, socket.SOCK_STREAM, where=HOST)
                own.connect((WORLD_AT[family], 8080))
                assert talk(own, n.accepted(listener)) and own.getsockname()[1] not in (40000, 40001, 40006)
            n.comes_in(family, 40000)
            n.forget()
        # Another network, another value by somebody else, and one that is overwritten.
        uplink2 = "interface: uplink0, publish: {40001/tcp: a:8443, 40002/udp: a:5353}"
        expect(second.bulkhead("up", second.write(RULES, uplink=uplink2)), 0)
        assert reserved() == "40000-40002,40006,41000-41002", reserved()
        setting(HOST, RESERVED, "40006,41000-41002,42000")
        wait_for("the agents have put it right", lambda: reserved() == "40000-40002,40006,41000-41002,42000", REPAIRED)
        expect(n.apply(RULES, uplink=uplink.replace("40000/tcp", "40003/tcp")), 0)
        assert reserved() == "40001-40003,40006,41000-41002,42000", reserved()
        expect(n.bulkhead("down", n.name), 0)
        assert reserved() == "40001-40002,40006,41000-41002,42000", reserved()
        expect(second.bulkhead("down", second.name), 0)
        assert reserved() == "40006,41000-41002,42000", reserved()
        setting(HOST, RESERVED, "40006,41000-41002")
        is_as_before(before)
        assert not glob.glob(f"{STATE_ROOT}/.settings/*{os.stat(n.host).st_ino}*")
        # A connection that has the port already would be cut.
        for family, kind in itertools.product(FAMILIES, (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
            port, listener = 40000 if kind == socket.SOCK_STREAM else 40001, n.outside_listen(8080, family)
            with n.outside(family, kind, where=HOST) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind((HOST_AT[family], port))
                s.connect((WORLD_AT[family], 8080))
                is_refused(n, before, f"port {port}", "connection", "uplink0")
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            listener.close()


@case("the host itself reaches what is published at the hub's first address, and is refused at its own")
def _():
    with site() as n:
        for family in FAMILIES:
            with n.listen("a", 8443, family) as listener:
                client = n.call(family, 443, HOST, to=OUTER[family])
                assert talk(client, n.accepted(listener))
                try:
                    n.call(family, 443, HOST)
                    raise AssertionError("the host was connected at its own address")
                except ConnectionRefusedError:
                    pass


@case("an uplink that is added to a network which has none is refused too, and what was goes on")
def _():
    with site_of_its_own("t9n", {"a-to-b": allow("a", "b", "7001/tcp")}, uplink=None) as n:
        pair = n.session("a", "b", 7001)
        expect(n.apply(RULES, uplink=MASQUERADED), 2, "down", "up")
        assert talk(*pair)
        expect(n.bulkhead("down", n.name), 0)


if __name__ == "__main__":
    main(__doc__)
