#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who looks sees what is, and disturbs nothing: refused packets as a capture file, the agent's control socket, what is in the tables.

Frames are sent and read here, as the workloads' own; capture files are read by a parser of this file's own, which
believes nothing.

    tests/system/watching.py [build/bulkhead] [--seed N] [--long] [--only TEXT]
"""

import collections
import contextlib
import fcntl
import json
import os
import pty
import random
import re
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import termios
import threading
import time

from harness import (NETNS, Network, PIN_ROOT, PYTHON, QUIET, STATE_ROOT, Stream, WORKLOADS, allow, bulkhead, carries, case, counters, expect, inside, main, options, run, said,
                     wait_for)

RULES = {"a-to-b": allow("a", "b", "7001/tcp, 7002/udp, icmp"), "to-nobody": allow("a", "segment:blue", "7777/udp"),
         "out": allow("a", "world", "53/udp"), "never": "deny: {from: a, to: c, ports: 7003/udp}"}
FAMILIES = (4, 6)
KEPT = 256  # bytes of a packet (CAPTURE_BYTES of bpf/abi.h)
CAPTURE_UNTIL, LOST_CAPTURES = 48, 56  # offsets in struct control
REPAIRED = 10  # s


# ---- capture files (draft-ietf-opsawg-pcapng) ----

Packet = collections.namedtuple("Packet", "interface time length bytes comment")


def padded(data, at, length):
    """`length` bytes, and where the next begin; what fills up is 0."""
    end = at + length
    assert end + -length % 4 <= len(data) and not any(data[end:end + -length % 4]), "filled up with something, or cut short"
    return data[at:end], end + -length % 4


def options_of(data, at):
    """{code: value}, of options that end where the data ends."""
    found = {}
    while True:
        code, length = struct.unpack_from("<HH", data, at)
        value, at = padded(data, at + 4, length)
        if code == 0:
            assert length == 0 and at == len(data), "something follows the last option"
            return found
        assert code not in found, f"option {code} stands there twice"
        found[code] = value


def blocks_of(data):
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length >= 12 and length % 4 == 0 and at + length <= len(data), f"a block of {length} bytes at {at} of {len(data)}"
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length, "the length behind is not that in front"
        yield kind, data[at + 8:at + length - 4]
        at += length


def parse(data):
    """(names of interfaces, packets) of a capture file that is right in every byte."""
    blocks = list(blocks_of(data))
    kind, body = blocks[0]
    assert kind == 0x0a0d0d0a and struct.unpack_from("<IHHq", body) == (0x1a2b3c4d, 1, 0, -1), body.hex()
    assert options_of(body, 16)[4].startswith(b"bulkhead "), "who wrote it"
    names, packets = [], []
    for kind, body in blocks[1:]:
        if kind == 1:
            assert not packets and struct.unpack_from("<HHI", body) == (1, 0, KEPT), "Ethernet, described before the packets"
            described = options_of(body, 8)
            assert described[9] == b"\x09", "nanoseconds"
            names.append(described[2].decode())
            continue
        assert kind == 6, f"a block of kind {kind}"
        interface, high, low, kept, length = struct.unpack_from("<IIIII", body)
        content, at = padded(body, 20, kept)
        assert interface < len(names) and kept == min(length, KEPT), (interface, kept, length)
        packets.append(Packet(names[interface], (high << 32 | low) / 1e9, length, content, options_of(body, at)[1].decode()))
    return names, packets


# ---- frames ----

def ip(source, to, protocol, body, ttl=64, fragment=0, options=b""):
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    ends = socket.inet_pton(family, source) + socket.inet_pton(family, to)
    if ":" in to:
        return b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(body), protocol, ttl) + ends + body
    return b"\x08\0" + struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(body), 7, fragment, ttl, protocol, 0) + ends + options + body


def udp(port, text, source_port=999):
    return struct.pack("!HHHH", source_port, port, 8 + len(text), 0) + text


def tcp(port, flags, text, source_port=999):
    return struct.pack("!HHIIBBHHH", source_port, port, 1, 1, 0x50, flags, 1000, 0, 0) + text


class Sender:
    """A workload's raw socket."""

    def __init__(self, n, workload):
        with inside(n.netns(workload)):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.socket.bind(("eth0", 0))
        n.sockets.append(self.socket)
        number = re.search(rf"^link (\d+) {workload} ", state_of(n), re.M)[1]
        self.own = mac_of(f"{n.name}-{workload}", "eth0")
        self.hub = mac_of(f"{n.name}-hub", f"w{number}")

    def send(self, frame, to=None, source=None):
        frame = (to or self.hub) + (source or self.own) + frame
        self.socket.send(frame)
        return frame


def state_of(n):
    with open(f"{STATE_ROOT}/{n.name}/state", encoding="utf-8") as file:
        return file.read()


def mac_of(namespace, link):
    return bytes.fromhex(json.loads(run("ip", "-n", namespace, "-j", "link", "show", link).stdout)[0]["address"].replace(":", ""))


# ---- the program, while it captures ----

class Capturing:
    """`flows --pcap`, from when the kernel captures for it."""

    def __init__(self, n, file=None, **more):
        self.file = file or os.path.join(n.directory, f"{os.urandom(4).hex()}.pcapng")
        self.process = subprocess.Popen([options.bulkhead, "flows", n.name, "--pcap", self.file], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, **{"stdout": subprocess.DEVNULL, **more})
        n.stops.append(self.kill)
        wait_for("it captures", lambda: control(n, CAPTURE_UNTIL) > time.monotonic_ns() or self.process.poll() is not None)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self, sign=signal.SIGINT):
        """(what it says, how many it says that it has, and has lost); it ended well."""
        time.sleep(0.3)  # what is still under way in the kernel
        self.process.send_signal(sign)
        text = self.process.communicate(timeout=10)[1].decode()
        assert self.process.returncode == 0, f"exit {self.process.returncode}: {text}"
        has, lost = re.fullmatch(r"(\d+) refused packets captured, (\d+) more came too fast to be kept\n", text).groups()
        return int(has), int(lost)

    def read(self):
        with open(self.file, "rb") as file:
            return parse(file.read())


def control(n, offset):
    """A number of the kernel's block `control`."""
    dumped = json.loads(run("bpftool", "-j", "map", "dump", "pinned", f"{PIN_ROOT}/{n.name}/control").stdout)
    value = bytes(int(b, 16) for b in dumped[0]["value"])
    return int.from_bytes(value[offset:offset + 8], "little")


def line_of(n, rule):
    with open(n.file, encoding="utf-8") as file:
        return next(i for i, line in enumerate(file, 1) if f"name: {rule}" in line)


def refused_frames(n, a):
    """[(what follows the MACs, MACs, the comment that it gets)], each with a text of its own. What is in brackets may be known already."""
    mark = (b"MARK%04d" % i for i in range(1000))
    other = b"\2\2\2\2\2\2"
    by = {rule: f"{{}} by {rule}, line {line_of(n, rule)}" for rule in RULES}
    for family in FAMILIES:
        at = {w: n.address(w, family) for w in "abc"}
        nobody, world, group = (("10.77.2.99", "198.51.100.9", "224.0.0.1"), ("fd77:0:0:2::99", "2001:db8::9", "ff02::1"))[family == 6]
        icmp = 1 if family == 4 else 58
        yield ip(at["a"], at["c"], 17, udp(7002, next(mark))), {}, "default-deny; to c"
        yield ip(at["a"], at["c"], 17, udp(7003, next(mark))), {}, by["never"].format("deny-rule") + "; to c"
        yield ip(nobody, at["b"], 17, udp(7002, next(mark))), {}, "spoofed-source[; to b]"
        yield ip(at["a"], at["b"], 17, udp(7002, next(mark))), {"source": other}, "spoofed-source[; to b]"
        yield ip(at["a"], at["b"], 17, udp(7002, next(mark))), {"to": other}, "not-unicast[; to b]"
        yield ip(at["a"], group, 17, udp(7002, next(mark))), {}, "not-unicast"
        yield ip(at["a"], at["b"], icmp, bytes([13 if family == 4 else 139]) + bytes(7) + next(mark)), {}, "icmp-type[; to b]"
        yield ip(at["a"], at["b"], 6, tcp(7001, 16, next(mark))), {}, "no-session[; to b]"
        yield ip(at["a"], nobody, 17, udp(7777, next(mark))), {}, by["to-nobody"].format("no-such-workload")
        yield ip(at["a"], world, 17, udp(53, next(mark))), {}, by["out"].format("no-uplink")
        yield ip(at["a"], at["b"], 17, udp(7002, next(mark)), ttl=1), {}, by["a-to-b"].format("ttl") + "; to b"
        yield ip(at["a"], at["c"], 17, udp(7002, next(mark) + os.urandom(1000))), {}, "default-deny; to c"
        yield ip(at["a"], at["c"], 17, udp(7002, next(mark) + os.urandom(KEPT - 42 - 8 - (0 if family == 4 else 20)))), {}, "default-deny; to c"
    yield b"\x88\xb5" + next(mark), {}, "not-ip"
    yield b"\x08\x06" + next(mark), {}, "not-ip"
    yield ip(n.v4("a"), n.v4("b"), 17, udp(7002, next(mark)), options=b"\1\1\1\0"), {}, "malformed[; to b]"
    yield ip(n.v4("a"), n.v4("b"), 17, next(mark), fragment=3), {}, "fragment-unattributed[; to b]"
    yield ip(n.v6("a"), n.v6("b"), 44, struct.pack("!BBHI", 17, 0, 24, 4711) + next(mark)), {}, "fragment-unattributed[; to b]"


@case("flows --pcap writes what is refused as it was sent, with its interface, reason and rule, and nothing that passed; SIGINT ends it well")
def _():
    with Network("t11a", RULES) as n:
        a, passes = Sender(n, "a"), n.capture("b")
        began = time.time()
        capturing = Capturing(n)
        n.session("a", "b", 7001, 4), n.session("a", "b", 7001, 6)
        sent = {}
        for behind, macs, comment in refused_frames(n, a):
            for family in FAMILIES:
                a.send(ip(n.address("a", family), n.address("b", family), 17, udp(7002, b"PASSES")))
            frame = a.send(behind, **macs)
            sent[re.search(rb"MARK\d{4}", frame)[0]] = (frame, comment)
        frame = Sender(n, "c").send(ip(n.v4("c"), n.v4("a"), 17, udp(7002, b"FROMC")))
        sent[b"FROMC"] = (frame, "default-deny; to a")
        wait_for("what passes has arrived", lambda: len(passes.with_text(b"PASSES")) >= 2 * (len(sent) - 1))
        has, lost = capturing.end()
        names, packets = capturing.read()
        assert set("abc") <= set(names) and has == len(packets) and lost == 0, (names, has, len(packets), lost)
        assert not [p for p in packets if b"PASSES" in p.bytes], "what passed is in the file"
        for mark, (frame, comment) in sent.items():
            found = [p for p in packets if mark in p.bytes]
            assert len(found) == 1, f"{comment}: {len(found)} times in the file"
            p = found[0]
            assert p.bytes == frame[:KEPT] and p.length == len(frame), f"{comment}: {p.bytes.hex()} of {p.length}, not {frame.hex()}"
            assert p.comment in (comment.split("[")[0], re.sub(r"[][]", "", comment)), f"{p}, not {comment}"
            assert p.interface == ("c" if mark == b"FROMC" else "a"), p
            assert began - 1 < p.time < time.time() + 1, p.time
        assert [p.time for p in packets] == sorted(p.time for p in packets)
        assert stat.S_IMODE(os.stat(capturing.file).st_mode) == 0o600
        assert control(n, CAPTURE_UNTIL) == 0, "the kernel goes on capturing"


@case("of a frame with a VLAN tag flows --pcap shows the tag")
def _():
    with Network("t11b", RULES) as n:
        a = Sender(n, "a")
        capturing = Capturing(n)
        frame = a.send(b"\x81\0\0\5" + ip(n.v4("a"), n.v4("b"), 17, udp(7002, b"TAGGED")))
        more = [a.send(tags + ip(n.v4("a"), n.v4("b"), 17, udp(7002, b"MORE" + bytes(size))))
                for tags in (b"\x81\0\0\0", b"\x81\0\xff\xff", b"\x88\xa8\x60\7", b"\x88\xa8\0\7\x81\0\xa0\5") for size in (0, 206, 210, 211, 1000)]
        capturing.end()
        packets = capturing.read()[1]
        found = [p for p in packets if b"TAGGED" in p.bytes]
        assert len(found) == 1 and found[0].comment == "not-ip", found
        assert found[0].bytes == frame and found[0].length == len(frame), f"{found[0].bytes.hex()}, not {frame.hex()}"
        found = [(p.bytes, p.length) for p in packets if b"MORE" in p.bytes]
        assert found == [(frame[:KEPT], len(frame)) for frame in more], [(content.hex(), length) for content, length in found]


@case("SIGTERM ends a capture as well as SIGINT; what was refused before and after it is not in it, nor what the policy before refused by that rule")
def _():
    with Network("t11c", RULES) as n:
        a = Sender(n, "a")
        def refuse(text):
            a.send(ip(n.v4("a"), n.v4("c"), 17, udp(7003, text)))
        refuse(b"BEFORE")
        capturing = Capturing(n)
        refuse(b"DURING")
        expect(n.apply({k: v for k, v in RULES.items() if k != "never"}), 0)
        refuse(b"LATER")
        has, _ = capturing.end(signal.SIGTERM)
        refuse(b"AFTER")
        packets = capturing.read()[1]
        assert has == len(packets)
        found = {p.bytes[42:]: p.comment for p in packets if p.bytes[42:] in (b"BEFORE", b"DURING", b"LATER", b"AFTER")}
        assert set(found) == {b"DURING", b"LATER"}, found
        assert found[b"DURING"].startswith("deny-rule by never") and found[b"LATER"].startswith("default-deny"), found


@case("a capture that is killed stops in the kernel by itself; the next has only what is refused from then on")
def _():
    with Network("t11d", RULES) as n:
        a = Sender(n, "a")
        def refuse(text, count=1):
            frame = ip(n.v4("a"), n.v4("c"), 17, udp(7002, text))
            for _ in range(count):
                a.send(frame)
        first = Capturing(n)
        refuse(b"FIRST")
        first.process.kill()
        first.process.wait()
        refuse(b"UNREAD")  # the kernel has not noticed yet
        wait_for("the kernel's time for it is over", lambda: control(n, CAPTURE_UNTIL) < time.monotonic_ns(), 4)
        lost, refused = control(n, LOST_CAPTURES), refusals(n)
        refuse(b"BETWEEN" + bytes(200), 30000)  # more than the ring holds: some would be counted as lost
        assert refusals(n) - refused >= 30000 and control(n, LOST_CAPTURES) == lost, "the kernel goes on capturing"
        second = Capturing(n)
        refuse(b"SECOND")
        second.end()
        found = {p.bytes[42:49] for p in second.read()[1] if p.interface == "a" and p.bytes[12:14] == b"\x08\0"}
        assert found == {b"SECOND"}, found


def refusals(n):
    return sum(count for (_, side, reason), count in counters(n).items() if side == 0 and reason == 12)  # default-deny


@case("a second capture of a network at the same time is refused, and takes nothing from the first")
def _():
    with Network("t11e", RULES) as n:
        a = Sender(n, "a")
        first = Capturing(n)
        other = os.path.join(n.directory, "other.pcapng")
        done = expect(bulkhead("flows", n.name, "--pcap", other, timeout=10), 2, "another", "t11e")
        assert done.returncode == 2 and not os.path.exists(other)
        for i in range(50):
            a.send(ip(n.v4("a"), n.v4("c"), 17, udp(7002, b"ALL%02d" % i)))
        first.end()
        assert sum(b"ALL" in p.bytes for p in first.read()[1]) == 50
        again = Capturing(n)
        again.end()
        again.read()


@case("a capture goes to a pipe and not to a terminal; it ends when the pipe's other end is closed")
def _():
    with Network("t11f", RULES) as n:
        a = Sender(n, "a")
        def refuse(text, count=1):
            for _ in range(count):
                a.send(ip(n.v4("a"), n.v4("c"), 17, udp(7002, text)))
        piped = Capturing(n, "-", stdout=subprocess.PIPE)
        refuse(b"PIPED")
        time.sleep(0.5)
        piped.process.send_signal(signal.SIGINT)
        out, err = piped.process.communicate(timeout=10)
        assert piped.process.returncode == 0 and b"refused packets captured" in err, err
        assert any(b"PIPED" in p.bytes for p in parse(out)[1])

        master, slave = pty.openpty()
        done = subprocess.run([options.bulkhead, "flows", n.name, "--pcap", "-"], stdin=slave, stdout=slave, stderr=subprocess.PIPE, text=True,
                              timeout=10, check=False)
        assert done.returncode == 2 and "terminal" in done.stderr and "--pcap FILE" in done.stderr, said(done)
        assert not select.select([master], [], [], 0)[0], "bytes for the terminal"
        os.close(master)
        os.close(slave)

        broken = Capturing(n, "-", stdout=subprocess.PIPE)
        broken.process.stdout.close()
        broken.process.stdout = None
        refuse(b"BROKEN", 10)
        broken.process.wait(timeout=10)
        assert broken.process.returncode not in (0, None)


@case("SIGINT ends a capture also while nobody reads the pipe that it goes to, and it has not grown meanwhile")
def _():
    with Network("t11p", RULES) as n:
        a = Sender(n, "a")
        stuck = Capturing(n, "-", stdout=subprocess.PIPE)
        for _ in range(2000):  # more than a pipe holds
            a.send(ip(n.v4("a"), n.v4("c"), 17, udp(7002, b"STUCK" + bytes(200))))
        time.sleep(1)
        assert memory_peak(stuck.process.pid) < 128
        stuck.process.send_signal(signal.SIGINT)
        try:
            stuck.process.wait(timeout=5)
        except subprocess.TimeoutExpired as problem:
            raise AssertionError("SIGINT does not end it") from problem
        said_last = stuck.process.stderr.read()
        assert stuck.process.returncode == 2 and b"nobody reads -" in said_last, said_last


@case("a capture into a pipe that is read late goes on all the time, and nothing of it is lost that the ring can hold")
def _():
    with Network("t11q", RULES) as n:
        a = Sender(n, "a")
        late = Capturing(n, "-", stdout=subprocess.PIPE)
        for text in [b"EARLY"] * 2000 + [b"LATE"] * 50:  # more than a pipe holds, and less than the ring
            if text == b"LATE":
                time.sleep(0.08)  # all of it longer than the kernel captures for who does not ask again
            a.send(ip(n.v4("a"), n.v4("c"), 17, udp(7002, text + bytes(200))))
        read = []
        reader = threading.Thread(target=lambda: read.append(late.process.stdout.read()), daemon=True)
        reader.start()
        time.sleep(0.5)
        late.process.send_signal(signal.SIGINT)
        reader.join(10)
        assert late.process.wait(timeout=10) == 0, late.process.stderr.read()
        packets = parse(read[0])[1]
        assert sum(b"EARLY" in p.bytes for p in packets) == 2000 and sum(b"LATE" in p.bytes for p in packets) == 50, len(packets)
        assert re.match(rb"%d refused packets captured, 0 more" % len(packets), late.process.stderr.read())


def memory_peak(pid):
    """MiB."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) >> 10


@case("a file that cannot be written is named with the reason, and the kernel does not capture for it")
def _():
    with Network("t11g", RULES) as n:
        for file, why in (("/no/such/directory/x.pcapng", "No such file"), (n.directory, "Is a directory"), ("/proc/version", "")):
            done = expect(bulkhead("flows", n.name, "--pcap", file, timeout=10), 2, file, why)
            assert control(n, CAPTURE_UNTIL) == 0 and done.stderr.count("\n") == 1, said(done)
        expect(bulkhead("flows", n.name, "--pcap", "/dev/full", timeout=10), 2, "/dev/full", "No space left")
        assert control(n, CAPTURE_UNTIL) < time.monotonic_ns()
        expect(bulkhead("flows", "t11g-not-there", "--pcap", "/dev/null", timeout=10), 1, "not up")
        copy = "/tmp/bulkhead-t11g"
        run("install", "-m755", options.bulkhead, copy)
        try:
            done = run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", copy, "flows", n.name, "--pcap", "/dev/null", status=2)
            assert "root" in done.stderr, said(done)
        finally:
            os.unlink(copy)


@case("in a flood of refused packets a capture does not grow, and says how many it has and how many were lost: all together")
def _():
    with Network("t11h", RULES) as n:
        before = refusals(n)
        capturing = Capturing(n, "/dev/null")
        pour = subprocess.Popen([options.pour, "send", n.netns("a"), n.v4("c"), "7009"], stdout=subprocess.PIPE, text=True)
        time.sleep(1)
        capturing.process.send_signal(signal.SIGSTOP)  # reads nothing for a while
        time.sleep(1)
        capturing.process.send_signal(signal.SIGCONT)
        time.sleep(1)
        pour.terminate()
        pour.communicate(timeout=10)
        time.sleep(0.3)
        most = memory_peak(capturing.process.pid)
        has, lost = capturing.end()
        refused = refusals(n) - before
        print(f"# {refused} refused: {has} captured, {lost} lost; {most} MiB of memory")
        assert refused > 20000 and lost > 0 and has > 1000
        assert refused <= has + lost <= refused + 100, f"{refused} were refused, it speaks of {has + lost}"
        assert most < 128, f"{most} MiB"


@case("after `up` of workloads that send nothing no counter moves, in either family")
def _():
    with Network("t11s", RULES) as n:
        time.sleep(QUIET)
        assert not counters(n), counters(n)
        n.udp("a", 999, 6).sendto(b"x", (n.v6("c"), 7003))
        wait_for("what somebody sends is counted", lambda: counters(n))


# ---- top ----

def top(n, *arguments):
    return json.loads(expect(bulkhead("top", n.name, "--json", *arguments), 0).stdout)


def pairs_of(found):
    """{(from, to, port): pair}; none stands there twice."""
    by = {(p["from"], p["to"], p["port"]): p for p in found["pairs"]}
    assert len(by) == len(found["pairs"]), found["pairs"]
    return by


@case("what flows, top and confirm cannot answer is one JSON object on standard output with --json, and a line on standard error without")
def _():
    with tempfile.TemporaryDirectory(prefix="bulkhead-") as directory: # where nobody can run it
        os.chmod(directory, 0o755)
        program = shutil.copy(options.bulkhead, f"{directory}/bulkhead")
        for verb in ("flows", "top", "confirm"):
            for name in ("t5-nowhere", "No Name"):
                for before in ([], ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]):
                    plain, answer = (run(*before, program, verb, name, *more, status=None) for more in ([], ["--json"]))
                    assert plain.returncode == answer.returncode != 0, f"{said(plain)}\n{said(answer)}"
                    assert plain.stdout == "" and answer.stderr == "", f"{said(plain)}\n{said(answer)}"
                    error = json.loads(answer.stdout)["error"]
                    assert plain.stderr == f"bulkhead {verb}: {error}\n", f"{said(plain)}\n{said(answer)}"


@case("top tells live sessions of both families by pair with their rule, and refusals by pair with their reason")
def _():
    with Network("t11t", {**RULES, "b-to-c": allow("b", "c", "7001/tcp")}) as n:
        kept = [n.session("a", "b", 7001, family) for family in (4, 6, 4)] + [n.session("b", "c", 7001, 6)]
        half = n.udp("a", 999, 6)
        half.sendto(b"x", (n.v6("b"), 7002))  # nobody answers
        for _ in range(20):
            half.sendto(b"x", (n.v6("c"), 7003))
        n.udp("c", 998, 4).sendto(b"x", (n.v4("a"), 7009))
        wait_for("the refusals are recorded", lambda: len([r for r in n.records() if r.get("activity_name") == "Refuse"]) >= 2)
        found = top(n)
        sessions, refused = pairs_of(found["sessions"]), pairs_of(found["refused"])
        counts = {key: (p["rule"], p["open"], p["beginning"], p["ending"]) for key, p in sessions.items()}
        assert counts == {("a", "b", "7001/tcp"): ("a-to-b", 3, 0, 0), ("b", "c", "7001/tcp"): ("b-to-c", 1, 0, 0),
                          ("a", "b", "7002/udp"): ("a-to-b", 0, 1, 0)}, counts
        assert found["sessions"]["pairs"][0]["open"] == 3 and found["sessions"]["open"] == 4, "the busiest first, and all of them"
        assert all(p["reason"] == "rule" and p["enforced"] and p["decided"] == "now" and 0 <= p["last_seconds"] < 20 for p in sessions.values())
        reasons = {key: (p["reason"], p["rule"]) for key, p in refused.items()}
        assert reasons == {("a", "c", "7003/udp"): ("deny-rule", "never"), ("c", "a", "7009/udp"): ("default-deny", None)}, reasons
        assert found["agent"]["pid"] == n.agent()
        by_workload = {w["workload"]: w for w in found["workloads"]}
        assert by_workload["a"]["refused"] == {"deny-rule": 20}, "packets, not records"
        assert refused["a", "c", "7003/udp"]["records"] < 5

        kept[3][0].close(), kept[3][1].close()
        wait_for("a session that is closed is ending", lambda: pairs_of(top(n)["sessions"])["b", "c", "7001/tcp"]["ending"] == 1)
        expect(n.apply({k: v for k, v in RULES.items() if k != "a-to-b"}), 0)
        wait_for("what was cut is gone", lambda: ("a", "b", "7001/tcp") not in pairs_of(top(n)["sessions"]))


@case("with the agent dead top goes on telling sessions and packets, and says what is missing")
def _():
    with Network("t11u", RULES) as n:
        n.kill_agent()
        session = n.session("a", "b", 7001, 6)
        n.udp("c", 998, 4).sendto(b"x", (n.v4("a"), 7009))
        found = top(n)
        assert found["agent"] is None and pairs_of(found["sessions"])["a", "b", "7001/tcp"]["open"] == 1 and not found["refused"]["pairs"], found
        assert {w["workload"]: w["refused"] for w in found["workloads"]}["c"] == {"default-deny": 1}
        expect(bulkhead("top", n.name), 0, "the agent does not run: nothing is recorded since", "a-to-b", "default-deny")
        session[0].close()


@case("what passes only under observation, and what an earlier policy decided, top shows as that")
def _():
    with Network("t11v", RULES, more="enforce: observe\n") as n:
        kept = n.session("c", "a", 7100, 4)
        half = n.udp("a", 999, 6)
        half.sendto(b"x", (n.v6("b"), 7002))
        p = pairs_of(top(n)["sessions"])["c", "a", "7100/tcp"]
        assert (p["reason"], p["enforced"], p["rule"], p["open"]) == ("default-deny", False, None, 1), p
        expect(bulkhead("top", n.name), 0, "observed: default-deny")
        expect(n.apply({**RULES, "another": allow("b", "a", "1/tcp")}), 0)
        found = pairs_of(top(n)["sessions"])
        assert found["a", "b", "7002/udp"]["decided"] == found["c", "a", "7100/tcp"]["decided"] == "now", "the sweep has decided them"
        n.kill_agent()
        expect(n.apply({**RULES, "yet-another": allow("b", "a", "2/tcp")}, "--confirm", "1s"), 0)
        time.sleep(1.5)  # it has gone back, and nobody has swept
        found = pairs_of(top(n)["sessions"])
        p = found["a", "b", "7002/udp"]
        assert p["decided"] == "earlier" and p["rule"] is None and "enforced" not in p and p["beginning"] == 1, p
        assert carries(*kept)
        half.sendto(b"x", (n.v6("b"), 7002))
        found = pairs_of(top(n)["sessions"])
        assert found["a", "b", "7002/udp"]["decided"] == found["c", "a", "7100/tcp"]["decided"] == "now"


@case("top fits into 80 columns whatever is long, and cuts to what is busiest unless all is asked for")
def _():
    rules = {"a-rule-whose-name-is-so-long-that-no-table-has-room-for-it": allow("a", "b", "7000-7999/udp")}
    with Network("t11w", rules) as n:
        s = n.udp("a", 999, 6)
        for port in range(7000, 7200):
            s.sendto(b"x", (n.v6("b"), port))
        text = expect(bulkhead("top", n.name), 0).stdout
        assert max(map(len, text.splitlines())) <= 80 and "more pairs: --all" in text and text.count("/udp") < 100, text
        assert "~" in text and "\033" not in text
        assert expect(bulkhead("top", n.name, "--all"), 0).stdout.count("/udp") > 150
        assert len(top(n)["sessions"]["pairs"]) > 150


@case("top -d shows packets a second again and again, fits on a terminal, follows apply, and ends well by Ctrl-C and with the network")
def _():
    with Network("t11x", RULES) as n:
        stream = Stream(n, "a", "b", 7002, b"RATE", rate=1000)
        watch = subprocess.Popen([options.bulkhead, "top", n.name, "--json", "-d", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        n.stops.append(watch.kill)
        first, second = json.loads(watch.stdout.readline()), json.loads(watch.stdout.readline())
        expect(n.apply({**RULES, "fresh": allow("c", "a", "7300/tcp")}), 0)
        kept = n.session("c", "a", 7300, 4)
        third, fourth = (json.loads(watch.stdout.readline()) for _ in range(2))
        sent = stream.sent
        stream.stop()
        assert "packets_per_second" not in first["workloads"][0]
        rate = next(w for w in second["workloads"] if w["workload"] == "a")["packets_per_second"]["sent"]
        assert 100 < rate < 2000 and sent > 100, f"{rate} a second"
        assert any(p["rule"] == "fresh" for f in (third, fourth) for p in f["sessions"]["pairs"]), "a rule of the policy that came meanwhile"
        expect(bulkhead("down", n.name), 0)
        last, said_last = watch.communicate(timeout=10)
        assert watch.returncode == 1 and "is not up" in json.loads(last.splitlines()[-1])["error"] and not said_last, f"{watch.returncode}: {last} {said_last}"
        kept[0].close()

        expect(bulkhead("up", n.file), 0)
        s = n.udp("a", 999, 6)
        for port in range(7400, 7500):
            s.sendto(b"x", (n.v6("b"), port))
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 80, 0, 0))
        shown = subprocess.Popen([options.bulkhead, "top", n.name, "-d", "1"], stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"})
        n.stops.append(shown.kill)
        time.sleep(2.5)
        shown.send_signal(signal.SIGINT)
        assert shown.wait(timeout=5) == 0
        pages = os.read(master, 65536).decode().split("\033[H\033[2J")[1:]
        os.close(master), os.close(slave)
        assert len(pages) == 3 and "packets/s" in pages[1] and "packets/s" not in pages[0], pages
        for page in pages:
            lines = [re.sub("\033\\[[0-9]*m", "", line) for line in page.splitlines()]
            assert len(lines) <= 29 and max(map(len, lines)) <= 80, page
        expect(bulkhead("top", n.name, "-d", "often"), 2, "often", "a time is wanted")


# ---- the control socket ----

ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(3)
s.connect(sys.argv[1])
s.send(b"status")
print(s.recv(65536).decode())
"""


def path_of(n):
    return f"{STATE_ROOT}/{n.name}/control"


def ask(n, question=b"status", patience=3.0):
    """The answer, or b"" when there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(patience)
        s.connect(path_of(n))
        try:
            s.send(question)
            return s.recv(65536)
        except OSError:
            return b""


def detach_all(n):
    for link in n.hub_links():
        n.hub("tc", "filter", "del", "dev", link, "ingress")


def is_repaired(n):
    return all("bulkhead_packet" in n.hub("tc", "filter", "show", "dev", link, "ingress").stdout for link in n.hub_links())


@case("the control socket hears root of the host, and neither another user nor another PID namespace")
def _():
    with Network("t11i", RULES) as n:
        wait_for("the agent answers", lambda: n.agent() and os.path.exists(path_of(n)))
        seen = os.stat(path_of(n))
        assert stat.S_ISSOCK(seen.st_mode) and stat.S_IMODE(seen.st_mode) == 0o600 and seen.st_uid == 0 and seen.st_gid == 0, oct(seen.st_mode)
        answer = json.loads(run(PYTHON, "-c", ASK, path_of(n)).stdout)
        assert answer["pid"] == n.agent() and answer["trouble"] is None, answer
        for into in (("unshare", "-pf", "--mount-proc"), ("unshare", "-pfUr", "--mount-proc")):
            done = run(*into, PYTHON, "-c", ASK, path_of(n), status=None)
            assert done.returncode and not done.stdout, f"{into}: {said(done)}"
        expect_not = run(*("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"), PYTHON, "-c", ASK, path_of(n), status=None)
        assert expect_not.returncode and "PermissionError" in expect_not.stderr, said(expect_not)
        done = n.exec("a", PYTHON, "-c", ASK, path_of(n))
        assert done.returncode and not done.stdout, said(done)
        assert json.loads(ask(n))["pid"] == n.agent(), "it does not answer root any more"


@case("a process of another PID namespace that kept a way to the socket is not heard, nor one that gives its connection away")
def _():
    # The connection is made by a child in the other PID namespace, and used by its parent.
    given = """
import ctypes, os, socket, sys
there, here = socket.socketpair(socket.AF_UNIX)
ctypes.CDLL(None).unshare(0x20000000)  # CLONE_NEWPID
if os.fork() == 0:
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(sys.argv[1])
    socket.send_fds(there, [b"x"], [s.fileno()])
    os._exit(0)
_, fds, _, _ = socket.recv_fds(here, 1, 1)
os.wait()
s = socket.socket(fileno=fds[0])
s.settimeout(3)
s.send(b"status")
got = s.recv(65536)
print(got.decode())
sys.exit(not got)
"""
    with Network("t11j", RULES) as n:
        wait_for("the agent answers", lambda: n.agent() and os.path.exists(path_of(n)))
        done = run(PYTHON, "-c", given, path_of(n), status=None)
        assert done.returncode and not done.stdout.strip(), said(done)


@case("garbage, empty and endless questions, silent clients and hundreds at once are turned away, and meanwhile the agent repairs")
def _():
    chance = random.Random(options.seed)
    with Network("t11k", RULES) as n:
        wait_for("the agent answers", lambda: n.agent() and os.path.exists(path_of(n)))
        pid = n.agent()
        for question in (b"", b"\0", b"nonsense", b"statuS", b"status ", b"x" * 63, b"x" * 64, b"x" * 100000, b"\xff" * 4096, b'"\\\n' * 20, b"%s%n%s%n",
                         *(chance.randbytes(chance.randrange(1, 300)) for _ in range(50))):
            got = ask(n, question)
            assert not got or json.loads(got) == {"error": "no such question"}, f"{question[:40]!r}: {got!r}"
        assert json.loads(ask(n))["pid"] == json.loads(ask(n, b"look"))["pid"] == pid

        stopping, connected = threading.Event(), []

        def crowd():
            """Connects and says nothing, again and again, and keeps some."""
            kept = []
            while not stopping.is_set():
                s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                s.settimeout(0.5)
                with contextlib.suppress(OSError):
                    s.connect(path_of(n))
                    connected.append(1)
                    kept.append(s)
                if len(kept) > 30:
                    kept.pop(0).close()
        threads = [threading.Thread(target=crowd, daemon=True) for _ in range(20)]
        for t in threads:
            t.start()
        try:
            for _ in range(2):
                detach_all(n)
                wait_for("the agent repairs while it is besieged", lambda: is_repaired(n), REPAIRED, pause=0.2)
            assert n.agent() == pid
        finally:
            stopping.set()
            for t in threads:
                t.join()
        print(f"# {len(connected)} connections that said nothing")
        with contextlib.ExitStack() as all_of_them:
            for _ in range(300):
                s = all_of_them.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
                s.setblocking(False)
                with contextlib.suppress(OSError):
                    s.connect(path_of(n))
            detach_all(n)
            wait_for("the agent repairs with hundreds waiting", lambda: is_repaired(n), REPAIRED, pause=0.2)
        wait_for("it answers again", lambda: answers(n, pid))
        assert len(os.listdir(f"/proc/{pid}/fd")) < 64, "connections stay open in the agent"


def answers(n, pid):
    with contextlib.suppress(OSError, ValueError):
        return json.loads(ask(n))["pid"] == pid
    return False


def start_agent(n):
    agent = subprocess.Popen([options.bulkhead, "agent", n.name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def stop():
        agent.kill()
        agent.wait()
    n.stops.append(stop)
    wait_for("the agent runs, or has said why not", lambda: n.agent() or agent.poll() is not None)
    assert agent.poll() is None, f"the agent ended: {agent.stderr.read()}"


@case("status says within seconds that the agent is dead, or does not answer, and what is enforced still decides its exit; the next agent has a new socket")
def _():
    with Network("t11l", RULES) as n:
        wait_for("the agent answers", lambda: n.agent() and answers(n, n.agent()))
        expect(bulkhead("status", n.name), 0, "realised as the policy says", f"process {n.agent()}")
        first, inode = n.agent(), os.stat(path_of(n)).st_ino
        os.kill(first, signal.SIGSTOP)
        try:
            expect(bulkhead("status", n.name, timeout=8), 0, f"process {first}, and does not answer")
            assert json.loads(expect(bulkhead("status", n.name, "--json", timeout=8), 0).stdout)["agent"] == {"pid": first}
            detach_all(n)
            expect(bulkhead("status", n.name, timeout=8), 1, "DIFFERS", "does not answer")
        finally:
            os.kill(first, signal.SIGCONT)
        wait_for("it repairs", lambda: is_repaired(n), REPAIRED)
        wait_for("it answers", lambda: answers(n, first))
        n.kill_agent()
        expect(bulkhead("status", n.name, timeout=8), 0, "does not run", f"bulkhead agent {n.name}")
        assert json.loads(expect(bulkhead("status", n.name, "--json", timeout=8), 0).stdout)["agent"] is None
        assert os.path.exists(path_of(n)), "nobody has taken it away: this is what the next one finds"
        start_agent(n)
        wait_for("the next agent answers", lambda: answers(n, n.agent()))
        assert n.agent() != first and os.stat(path_of(n)).st_ino != inode or ask(n)
        assert stat.S_IMODE(os.stat(path_of(n)).st_mode) == 0o600
        expect(bulkhead("status", n.name), 0, f"process {n.agent()}")
        # Something else in its place does not keep the next from its work.
        n.kill_agent()
        os.unlink(path_of(n))
        with open(path_of(n), "w", encoding="utf-8") as file:
            file.write("not a socket")
        start_agent(n)
        wait_for("the next agent answers", lambda: answers(n, n.agent()))


# ---- what is in the tables ----

def contents(n):
    done = bulkhead("status", n.name, "--contents", "--json")
    return done.returncode, json.loads(done.stdout)["contents"]


# struct link_entry of bpf/abi.h: where a field stands, and bytes of it
FIELDS = {"kind": (0, 4), "mtu": (4, 4), "mac": (8, 6), "hub_mac": (14, 6), "hub_v4": (20, 4), "hub_v6": (24, 16), "answers_per_second": (40, 4),
          "adopt_until": (48, 8)}


class Links:
    """The kernel's table of links, as whoever got hold of its pin changes it."""

    def __init__(self, n):
        self.pin = f"{PIN_ROOT}/{n.name}/links"

    def get(self, link):
        key = [f"{b:d}" for b in link.to_bytes(4, "little")]
        found = json.loads(run("bpftool", "-j", "map", "lookup", "pinned", self.pin, "key", *key).stdout)
        return bytes(int(b, 16) for b in found["value"])

    def put(self, link, value):
        run("bpftool", "map", "update", "pinned", self.pin, "key", *(str(b) for b in link.to_bytes(4, "little")), "value", *(str(b) for b in value))

    @contextlib.contextmanager
    def with_bits_turned(self, link, field):
        before = self.get(link)
        at, size = FIELDS[field]
        changed = bytes([b ^ (1 if at <= i < at + size else 0) for i, b in enumerate(before)])
        self.put(link, changed)
        try:
            yield
        finally:
            self.put(link, before)


def number_of(n, workload):
    return int(re.search(rf"^link (\d+) {workload} ", state_of(n), re.M)[1])


@contextlib.contextmanager
def on_a_small_disk(n, kib):
    """The network's directory, on a file system of that size; the agent does not run. The room is filled by the file in it."""
    directory, kept = f"{STATE_ROOT}/{n.name}", f"{n.directory}/kept"
    n.kill_agent()
    shutil.copytree(directory, kept, ignore=lambda _, names: {name for name in names if name in ("control", "agent")})
    run("mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=0700", "tmpfs", directory)
    try:
        shutil.copytree(kept, directory, dirs_exist_ok=True)
        yield f"{directory}/filler"
    finally:
        if n.agent():
            n.kill_agent()
        run("umount", "-l", directory)


@case("refusals that could not be recorded, as the disk was full, are counted as lost, and told once there is room")
def _():
    with Network("t11s", RULES) as n, on_a_small_disk(n, 128) as filler:
        start_agent(n)
        wait_for("the agent answers", lambda: answers(n, n.agent()))
        room = os.statvfs(os.path.dirname(filler))
        with open(filler, "wb") as file:
            file.write(bytes((room.f_bavail - 1) * room.f_bsize))
        sender = n.socket("a", 4, socket.SOCK_DGRAM)
        for port in range(60):
            with contextlib.suppress(OSError):
                sender.sendto(b"x", (n.v4("b"), 8000 + port))

        def counted():
            agent = json.loads(ask(n))
            return agent["recorded"], agent["lost"]
        wait_for("all 60 are recorded or lost", lambda: sum(counted()) == 60)
        recorded, lost = counted()
        assert 0 < recorded < 30 and recorded == sum("dst_endpoint" in r for r in n.records()), (recorded, lost)
        expect(bulkhead("status", n.name), 0, f"lost {lost} events")
        os.unlink(filler)
        told = f"{lost} events were lost: their records could not be written"
        wait_for("it is told", lambda: [r for r in n.records() if told in json.dumps(r)], 10)
        time.sleep(3)
        assert sum("events were lost" in json.dumps(r) for r in n.records()) == 1


@case("what else lies beside the networks' directories is no network")
def _():
    with Network("t11t", RULES) as n, contextlib.ExitStack() as end:
        os.mkdir(f"{STATE_ROOT}/t11t-empty")
        end.callback(os.rmdir, f"{STATE_ROOT}/t11t-empty")
        with open(f"{STATE_ROOT}/t11t-file", "x", encoding="utf-8"):
            end.callback(os.unlink, f"{STATE_ROOT}/t11t-file")
        for arguments in (("status",), ("flows",), ("exec", "a", "--", "true")):
            expect(bulkhead(*arguments), 0)
        assert "t11t-" not in bulkhead("status").stdout


@case("status --contents finds what is right so, after each change of the policy and on its way back too")
def _():
    timed = {**RULES, "hours": allow("c", "b", "7050/tcp") + "\nwhen: now.hour < 12"}
    with Network("t11m", timed) as n:
        assert contents(n)[0] == 0, contents(n)
        done = expect(bulkhead("status", n.name, "--contents"), 0, "contents", "are what the policy compiles to")
        for rules, arguments, change in ((RULES, (), {}), (timed, (), {"workloads": "abcd"}), (RULES, ("--confirm", "2s"), {"workloads": "abcd"}), ({}, (), {})):
            expect(n.apply(rules, *arguments, **change), 0)
            code, found = contents(n)
            assert code == 0 and found["lines_differ"] == found["links_differ"] == 0 and found["lines"] > 5, found
            if arguments:
                time.sleep(2.2)
                assert contents(n)[0] == 0, "after it went back"
        n.kill_agent()
        assert contents(n)[0] == 0


@case("an entry of a link that was tampered with, in any field, or that nobody should have, is found by status --contents, which exits 1")
def _():
    with Network("t11n", RULES) as n:
        table, link = Links(n), number_of(n, "a")
        size = json.loads(run("bpftool", "-j", "map", "show", "pinned", table.pin).stdout)["bytes_value"]
        assert len(table.get(link)) == size >= 56, size
        unseen = []
        for field in FIELDS:
            with table.with_bits_turned(link, field):
                code, found = contents(n)
                if code != 1 or found["links_differ"] != 1:
                    unseen.append(field)
                else:
                    done = bulkhead("status", n.name, "--contents")
                    assert done.returncode == 1 and "DIFFERS" in done.stdout and "1 entries of links are not" in done.stdout, said(done)
            assert contents(n)[0] == 0, f"{field} was put back"
        before = table.get(link + 10)
        assert not any(before)
        table.put(link + 10, table.get(link))  # a way in that nobody has
        assert contents(n)[0] == 1 and contents(n)[1]["links_differ"] == 1, "an entry that nobody should have"
        table.put(link + 10, before)
        assert contents(n)[0] == 0
        assert not unseen, f"not found: {', '.join(unseen)}"


class Adopting(Network):
    """`adopts`: {workload: for how long}. These are attached, each to a namespace of the machine."""

    def write(self, rules, file="policy.yaml", adopts=None, **change):
        path = super().write(rules, file, **change)
        with open(path, encoding="utf-8") as text:
            text = text.read()
        for workload, duration in (self.adopts if adopts is None else adopts).items():
            more = f"attach: {{netns: {NETNS}/around-{self.name}-{workload}}}" + (f", adopt: {duration}" if duration else "")
            text = re.sub(rf"^(  {workload}: {{.*)}}$", rf"\1, {more}}}", text, flags=re.M)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def __init__(self, name, rules, adopts):
        self.adopts = adopts
        super().__init__(name, rules)

    def __enter__(self):
        for workload in WORKLOADS:
            run("ip", "netns", "add", f"around-{self.name}-{workload}")
        return super().__enter__()

    def __exit__(self, *problem):
        super().__exit__(*problem)
        for workload in WORKLOADS:
            run("ip", "netns", "del", f"around-{self.name}-{workload}", status=None)


@case("until when a workload adopts is known: status --contents finds another moment, also one that has passed, and follows what apply adds")
def _():
    with Adopting("t11r", RULES, {"a": "3s"}) as n:
        table, at = Links(n), slice(FIELDS["adopt_until"][0], sum(FIELDS["adopt_until"]))
        started = time.monotonic_ns()

        def until(workload):
            return int.from_bytes(table.get(number_of(n, workload))[at], "little")

        def tampered(workload, moment):
            before = table.get(number_of(n, workload))
            table.put(number_of(n, workload), before[:at.start] + moment.to_bytes(8, "little") + before[at.stop:])
            code, found = contents(n)
            table.put(number_of(n, workload), before)
            return code == 1 and found["links_differ"] == 1
        first = until("a")
        assert abs(first - started - 3e9) < 3e9 and until("b") == 0
        assert contents(n)[0] == 0
        for moment in (0, first - 1, first + 1, first + 3600 * 10**9, 2**64 - 1):
            assert tampered("a", moment), moment
        assert tampered("b", first), "nobody lets b adopt"
        time.sleep(max(0, (first - time.monotonic_ns()) / 1e9 + 0.1))
        assert contents(n)[0] == 0, "its time has passed"
        assert tampered("a", first + 3600 * 10**9)
        expect(n.apply(RULES, adopts={"a": ""}), 0)
        assert contents(n)[0] == 0 and until("a") == first, "apply changes no link that is there"
        expect(n.apply(RULES, adopts={"a": "60s", "d": "60s"}, workloads="abcd"), 0)
        assert contents(n)[0] == 0 and until("a") == first and until("d") > time.monotonic_ns(), contents(n)
        assert tampered("d", until("d") + 1)
        os.kill(n.agent(), signal.SIGKILL)
        start_agent(n)
        assert contents(n)[0] == 0


@case("the compiled policy in the kernel cannot be changed, not by root either")
def _():
    with Network("t11o", RULES) as n:
        dumped = run("bpftool", "-j", "map", "dump", "pinned", f"{PIN_ROOT}/{n.name}/images", status=None)
        inner = [int.from_bytes(bytes(int(b, 16) for b in entry["value"]), "little") for entry in json.loads(dumped.stdout) if "value" in entry]
        assert inner, dumped.stdout
        for number in inner:
            shown = json.loads(run("bpftool", "-j", "map", "show", "id", str(number)).stdout)
            assert shown["frozen"] == 1, shown
            done = run("bpftool", "map", "update", "id", str(number), "key", "0", "0", "0", "0", "value", *["0"] * shown["bytes_value"], status=None)
            assert done.returncode, "a line of the image in force was changed"
        assert contents(n)[0] == 0


if __name__ == "__main__":
    main(__doc__)
