#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A hostile uid 0 inside a workload: whatever frames it sends, others see only what the policy allows; and it stays inside.

The frames are made by inside.py, which runs as the workload. Every other workload's namespace is captured, and each
frame that arrives there is judged by `judge`, which knows the test's policy and nothing of Bulkhead.

    tests/system/attacks.py [build/bulkhead] [--seed N] [--long] [--only TEXT]
"""

import atexit
import json
import os
import select
import shutil
import socket
import struct
import time

from harness import Network, PYTHON, Skip, Stream, allow, bulkhead, carries, case, main, options, run, wait_for

RULES = {"a-to-b": allow("a", "b", "7001/tcp, 7002/udp, icmp"), "c-to-b": allow("c", "b", "7005/tcp")}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "inside.py"), encoding="utf-8") as source_file:
    INSIDE = source_file.read()


class Ship:
    """The network of all these tests: a attacks; b and c have sessions that must go on; d must see nothing at all."""

    def __init__(self):
        self.n = Network("t4", RULES, workloads="abcd")
        self.n.__enter__()
        atexit.register(self.n.__exit__)
        self.sessions = [self.n.session("c", "b", 7005, family) for family in (4, 6)]
        self.macs = {w: self.mac(w) for w in "abcd"}
        hub = json.loads(self.n.hub("ip", "-j", "link", "show", self.n.hub_links()[0]).stdout)[0]["address"]
        self.hub_mac = hub
        self.captures = {w: self.n.capture(w) for w in "bcd"}
        # What a capture at c sees of its own session tells the right sequence numbers, for the attacker to use.
        self.sequences = []
        for client, server in self.sessions:
            assert carries(server, client) and carries(client, server)
        time.sleep(0.2)
        for frame in self.captures["b"].frames:
            at = 34 if frame[12:14] == b"\x08\0" else 54
            if frame[at - 11 if at == 34 else 20] == 6:
                sequence, acknowledgement = struct.unpack("!II", frame[at + 4:at + 12])
                self.sequences += [sequence + 8, acknowledgement]

    def mac(self, workload):
        return json.loads(run("ip", "-n", f"{self.n.name}-{workload}", "-j", "link", "show", "eth0").stdout)[0]["address"]

    def attack(self, name, **more):
        """Sends the frames. Returns what arrived: [(workload, frame, why it may not)]."""
        given = {"attack": name, "seed": options.seed, "me": self.macs["a"], "hub": self.hub_mac, "sequences": self.sequences,
                 "session_port": self.sessions[0][0].getsockname()[1],
                 "hosts": {w: {"v4": self.n.v4(w), "v6": self.n.v6(w), "mac": self.macs[w]} for w in "abcd"}, **more}
        marks = {w: len(c.frames) for w, c in self.captures.items()}
        done = self.n.exec("a", PYTHON, "-c", INSIDE, json.dumps(given), timeout=120)
        assert done.returncode == 0, done.stderr
        counts = json.loads(done.stdout)
        assert counts["sent"] > 0, counts
        self.barrier()
        judges = {w: Judge(self.n, w, name == "random_frames") for w in self.captures}
        wrong = [(w, f, why) for w, c in self.captures.items() for f in c.frames[marks[w]:] if (why := judges[w].wrong(f))]
        arrived = sum(len(c.frames) - marks[w] for w, c in self.captures.items())
        print(f"# {name}: {counts['sent']} frames sent, {arrived} arrived somewhere")
        assert not any(c.lost() for c in self.captures.values()), "the captures lost frames: nothing is known"
        return wrong

    def barrier(self):
        """What was sent before has arrived: an allowed datagram of both families has."""
        text = b"BARRIER" + os.urandom(8)
        for family in (4, 6):
            with self.n.socket("a", family, socket.SOCK_DGRAM) as s:
                s.sendto(text + b"%d" % family, (self.n.address("b", family), 7002))
            wait_for("the barrier arrives", lambda: any(text in f for f in self.captures["b"].frames[-50:]))

    def stands(self, wrong):
        shown = [f"{w} got {why}: {f[:120].hex()}" for w, f, why in wrong[:5]]
        assert not wrong, f"{len(wrong)} frames:\n" + "\n".join(shown)
        for client, server in self.sessions:
            assert carries(client, server) and carries(server, client), "a session of others is lost"


class Judge:
    """The test's own reading of its policy: what may arrive at a workload."""

    random_firsts = {}

    def __init__(self, network, workload, some_are_allowed):
        self.n, self.workload, self.some_are_allowed = network, workload, some_are_allowed
        self.own = {socket.inet_pton(socket.AF_INET6 if ":" in t else socket.AF_INET, t): w
                    for w in "abcd" for t in (network.v4(w), network.v6(w))}
        # (family, identification) of first fragments that may have arrived; one of the random attack before stands for 30 s
        self.firsts = self.random_firsts.setdefault(workload, set()) if some_are_allowed else set()

    def wrong(self, frame):
        """None, or what is wrong with this frame being here."""
        if len(frame) < 34:
            return "a runt"
        kind = frame[12:14]
        if b"ATTACK" in frame and not self.some_are_allowed:
            return "a frame of the attack"
        if frame[:6] != bytes.fromhex(MACS[self.workload].replace(":", "")):
            return "a frame that is not for it"
        if kind == b"\x08\0":
            return self.wrong_v4(frame[14:])
        return self.wrong_v6(frame[14:]) if kind == b"\x86\xdd" else "not IP"

    def wrong_v4(self, packet):
        if packet[0] != 0x45:
            return "IPv4 with options"
        fragment = struct.unpack("!H", packet[6:8])[0]
        total = struct.unpack("!H", packet[2:4])[0]
        return self.wrong_ends(4, packet[12:16], packet[16:20], packet[9], packet[20:total], fragment & 0x1fff, fragment & 0x2000,
                               packet[4:6])

    def wrong_v6(self, packet):
        following, at, offset, more, number = packet[6], 40, 0, 0, b""
        for _ in range(10):
            if following == 44:
                offset, more = (v := struct.unpack("!H", packet[at + 2:at + 4])[0]) >> 3, v & 1
                number, following, at = packet[at + 4:at + 8], packet[at], at + 8
                if offset:
                    break
            elif following in (0, 43, 60):
                if following == 43 and packet[at + 3]:
                    return "a source route"
                following, at = packet[at], at + 8 * (packet[at + 1] + 1)
            else:
                break
        else:
            return "too many extension headers"
        end = 40 + struct.unpack("!H", packet[4:6])[0]
        return self.wrong_ends(6, packet[8:24], packet[24:40], following, packet[at:end], offset, more, number)

    def wrong_ends(self, family, source, to, protocol, layer4, offset, more, number):
        from_, to = self.own.get(source), self.own.get(to)
        if to != self.workload or from_ is None:
            return "addresses that do not belong here"
        if (from_, to) in (("c", "b"), ("b", "c")):
            if protocol != 6 or offset or more or b"ATTACK" in layer4:
                return "something in a session of others"
            ports = struct.unpack("!HH", layer4[:4])
            return None if ports[to == "b"] == 7005 or ports[to == "c"] == 7005 else "something beside the session"
        if (from_, to) != ("a", "b"):
            return f"a packet from {from_}"
        if offset:
            return None if (family, number) in self.firsts else "a fragment without a first"
        if protocol in (6, 17) and len(layer4) >= 8:
            port = struct.unpack("!H", layer4[2:4])[0]
            good = port == (7001 if protocol == 6 else 7002)
        else:
            good = protocol == (1 if family == 4 else 58) and layer4[0] in ((8,) if family == 4 else (128,))
            good = good or self.own_error(family, protocol, layer4)
        if good and more:
            self.firsts.add((family, number))
        return None if good else f"protocol {protocol}, {layer4[:8].hex()}"

    def own_error(self, family, protocol, layer4):
        """An ICMP error of a about what b itself sent to a."""
        if protocol != (1 if family == 4 else 58) or layer4[0] not in ((3, 11, 12) if family == 4 else (1, 2, 3, 4)):
            return False
        inner = layer4[8:]
        source, to = (inner[12:16], inner[16:20]) if family == 4 else (inner[8:24], inner[24:40])
        return self.own.get(source) == "b" and self.own.get(to) == "a"


MACS = {}
ship_of_this_run = []


def ship():
    if not ship_of_this_run:
        ship_of_this_run.append(Ship())
        MACS.update(ship_of_this_run[0].macs)
    return ship_of_this_run[0]


for what, name in (
        ("packets with the address of another workload, of the hub, of the world or of nobody", "spoofed_source"),
        ("frames with another's MAC", "spoofed_mac"),
        ("frames to other workloads' MACs, and to all", "frames_to_others_macs"),
        ("VLAN tags, QinQ, MPLS, PPPoE and SNAP", "tags_and_labels"),
        ("LLDP, STP, and every other EtherType", "other_ethertypes"),
        ("ARP and neighbour discovery that poison", "neighbour_poisoning"),
        ("IPv6 router advertisements", "router_advertisements"),
        ("ICMP redirects, and every other ICMP type", "redirects_and_other_icmp"),
        ("ICMP errors that quote sessions of others", "errors_about_sessions_of_others"),
        ("fragments of IPv4: tiny, overlapping, at offset 1, out of order, without a first", "fragments_v4"),
        ("fragments of IPv6: also with layer 4 in the second, nested, atomic", "fragments_v6"),
        ("chains of IPv6 extension headers", "extension_headers"),
        ("source routes and other options of IPv4", "options_v4"),
        ("packets whose source is their destination", "land"),
        ("tunnels, other protocols, and one family in the other's", "tunnels"),
        ("scans with ACK, FIN, RST, SYN-ACK, none and all flags", "scans"),
        ("data and resets put into sessions of others, with the right numbers too", "data_into_sessions_of_others")):
    def register(attack=name):
        def attacked():
            s = ship()
            s.stands(s.attack(attack))
        return attacked
    case(f"nobody gets {what}")(register())


@case("what fragments are put together to is never a datagram to another port")
def _():
    s = ship()
    receivers = [s.n.udp("b", 7009, family) for family in (4, 6)]
    for attack in ("fragments_v4", "fragments_v6"):
        s.stands(s.attack(attack))
    got, _, _ = select.select(receivers, [], [], 0.3)
    assert not got, got[0].recv(2000)
    for receiver in receivers:
        receiver.close()


@case("of 20,000 random frames, others get only those that the policy allows")
def _():
    s = ship()
    s.stands(s.attack("random_frames", count=20000))


@case("of 1,000,000 random frames, others get only those that the policy allows", long=True)
def _():
    s = ship()
    for i in range(25):
        s.stands(s.attack("random_frames", count=40000, seed=options.seed + i))
        for c in s.captures.values():
            del c.frames[:]


@case("the frames that this test takes for allowed do arrive, and those that it takes for forbidden are caught")
def _():
    s = ship()
    marks = len(s.captures["b"].frames)
    s.stands(s.attack("random_frames", count=2000))
    assert len(s.captures["b"].frames) - marks > 100, "hardly any mutation is allowed: the mutations are too wild"
    # The judge itself: with a policy that is opened, forbidden frames do arrive, and it says so.
    n = s.n
    assert n.apply({**RULES, "wide": allow("a", "any", "any")}, workloads="abcd").returncode == 0
    try:
        assert len(s.attack("random_frames", count=2000)) > 50
        stream = Stream(n, "a", "d", 7009, b"x")
        wait_for("d sees it", lambda: s.captures["d"].with_text(b"x 0000"))
        stream.stop()
    finally:
        assert n.apply(RULES, workloads="abcd").returncode == 0


# ---- out of the workload ----

REFUSED = {
    "enter the host's network namespace": "nsenter -t 1 -n true",
    "make a user namespace": "unshare -U true",
    "make a network namespace": "unshare -n true",
    "mount": "mount -t tmpfs none /mnt",
    "remount the root writable": "mount -o remount,rw /",
    "turn its link off": "ip link set eth0 down",
    "give itself an address": "ip address add 10.77.3.10/32 dev eth0",
    "change its routes": "ip route replace default dev lo",
    "change its neighbours": "ip neighbour replace 10.77.1.1 lladdr 02:00:00:00:00:01 dev eth0",
    "make a link": "ip link add v0 type veth",
    "add a qdisc": "tc qdisc add dev eth0 clsact",
    "list BPF programs": "bpftool prog show | grep -q .",
    "see pins": "ls /sys/fs/bpf/bulkhead",
    "see namespaces": "ls /run/netns/t4-hub",
    "see Bulkhead's state": "ls /run/bulkhead",
    "write core_pattern": "echo '|/bin/true' >/proc/sys/kernel/core_pattern",
    "write a sysctl of its own namespace": "echo 1 >/proc/sys/net/ipv4/ip_forward",
    "press sysrq": "echo h >/proc/sysrq-trigger",
    "write a host file": "touch /etc/bulkhead-was-here",
    "write to a binary": "cp /bin/true /usr/local/bin/bulkhead-was-here",
    "make a device node": "mknod /tmp/sda b 8 0",
    "read the kernel's memory": "head -c1 /dev/mem || head -c1 /proc/kcore",
    "read a disk": "mknod /dev/vda b 254 0 || head -c1 /dev/vda || head -c1 /dev/sda",
    "see processes of the host": "test $(ls -d /proc/[0-9]* | wc -l) -gt 12",
    "load a module": "modprobe dummy",
    "set the clock": "date -s 2001-01-01",
    "trace a process of the host": f"{PYTHON} -c \"import ctypes,sys; sys.exit(ctypes.CDLL(None).ptrace(16, {os.getppid()}, 0, 0) != 0)\"",
    "call bpf()": f"{PYTHON} -c \"import ctypes,sys; sys.exit(ctypes.CDLL(None).syscall(321, 0, b'\\0' * 128, 128) < 0)\"",
    "call io_uring_setup()": f"{PYTHON} -c \"import ctypes,sys; sys.exit(ctypes.CDLL(None).syscall(425, 8, b'\\0' * 128) < 0)\"",
}


# What SECURITY.md says that a workload sees empty. Where the host has none, tests/unit/enforce makes one and looks.
HIDDEN = ("/root", "/home", "/boot", "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/ssh", "/etc/ssl/private",
          "/etc/sudoers", "/etc/sudoers.d", "/etc/bulkhead", "/etc/wireguard", "/etc/letsencrypt", "/etc/krb5.keytab",
          "/var/backups", "/var/lib/bulkhead")
HOLDS = """
import json, os, sys
def holds(path):
    try:
        return bool(os.listdir(path)) if os.path.isdir(path) else bool(open(path, "rb").read(1))
    except OSError:
        return False
print(json.dumps([path for path in json.loads(sys.argv[1]) if holds(path)]))
"""


@case("the host's secrets are hidden from what runs by exec as uid 0")
def _():
    n = ship().n
    outside = json.loads(run(PYTHON, "-c", HOLDS, json.dumps(HIDDEN)).stdout)
    assert "/etc/shadow" in outside, "the host has nothing to hide: nothing is tried"
    done = n.exec("a", PYTHON, "-c", HOLDS, json.dumps(HIDDEN))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [], f"it reads {done.stdout}"


@case("what runs by exec as uid 0 does not get out of its workload")
def _():
    n = ship().n
    assert n.exec("a", "sh", "-c", "test $(id -u) = 0").returncode == 0
    tools = {command.split()[0] for command in REFUSED.values()} - {"echo", "test", PYTHON}
    absent = {tool for tool in tools if n.exec("a", "sh", "-c", f"command -v {tool}").returncode}
    assert absent <= {"modprobe"}, f"what is not there refuses nothing: {absent}"
    done = {what for what, command in REFUSED.items() if n.exec("a", "sh", "-c", f"({command}) >/dev/null 2>&1").returncode == 0}
    assert not done, f"it could: {', '.join(sorted(done))}"
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as file:
        assert "/bin/true" not in file.read()


@case("from inside no unix socket of the host can be connected: not by path, not abstract, not Bulkhead's own")
def _():
    n = ship().n
    directory = "/srv/bulkhead-t4" if os.path.isdir("/srv") else "/opt/bulkhead-t4"
    os.makedirs(directory, exist_ok=True)
    listeners = []
    try:
        for path in (f"{directory}/socket", "\0bulkhead-t4", "/run/bulkhead-t4.socket", "/tmp/bulkhead-t4.socket"):
            s = socket.socket(socket.AF_UNIX)
            if path[0] != "\0" and os.path.exists(path):
                os.unlink(path)
            s.bind(path)
            if path[0] != "\0":
                os.chmod(path, 0o777)
            s.listen(1)
            listeners.append((path, s))
        text = "import socket,sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1].replace('@', chr(0)))"
        for path, _ in listeners:
            done = n.exec("a", PYTHON, "-c", text, path.replace("\0", "@"))
            assert done.returncode == 1 and "Error" in done.stderr, f"{path!r}: {done.returncode} {done.stderr}"
        text = ("import glob,os,socket,stat,sys\n"
                "found = [os.path.join(d, f) for top in ('/run', '/var', '/tmp', '/dev') for d, _, fs in os.walk(top) for f in fs]\n"
                "bad = []\n"
                "for p in found:\n"
                "    try:\n"
                "        if stat.S_ISSOCK(os.lstat(p).st_mode):\n"
                "            socket.socket(socket.AF_UNIX).connect(p); bad.append(p)\n"
                "    except OSError: pass\n"
                "print(bad); sys.exit(bool(bad))")
        done = n.exec("a", PYTHON, "-c", text)
        assert done.returncode == 0, done.stdout
    finally:
        for path, s in listeners:
            s.close()
            if path[0] != "\0":
                os.unlink(path)
        shutil.rmtree(directory, ignore_errors=True)


@case("bulkhead itself, run from inside, changes nothing and sees nothing")
def _():
    n = ship().n
    if n.exec("a", "test", "-x", options.bulkhead).returncode:
        raise Skip("the program is in a directory that a workload does not see")
    for arguments in (["down", "t4"], ["apply", n.file], ["agent", "t4"], ["confirm", "t4"], ["exec", "t4/b", "--", "true"],
                      ["status"], ["up", n.file]):
        done = n.exec("a", options.bulkhead, *arguments)
        assert done.returncode != 0 or arguments[0] == "down", f"{arguments}: {done.stdout}"
    assert bulkhead("exec", "t4/b", "--", "true").returncode == 0
    for client, server in ship().sessions:
        assert carries(client, server)


if __name__ == "__main__":
    main(__doc__)
