# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: networks of their own that are always taken away again, sockets inside them, and TAP.

A test is a function with @case("what must be true"). It makes a Network from a policy, and opens sockets *in* the
workloads' namespaces from here (inside), so that what a receiver saw is read where it arrived and never taken from
Bulkhead's own counters. Addresses are from 10.77.0.0/16 and fd77::/48. Attacks run through `bulkhead exec`.
"""

import argparse
import contextlib
import ctypes
import fcntl
import glob
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

PYTHON = "/usr/bin/python3"  # inside a workload: the host's tree, without the caller's environment
CLONE_NEWNET = 0x40000000
SOL_PACKET, PACKET_OUTGOING, ETH_P_ALL = 263, 4, 3
SO_RCVBUFFORCE = 33
SEGMENTS = ("hub", "red", "blue", "green")
WORKLOADS = {"a": ("red", 10), "b": ("blue", 10), "c": ("green", 10), "d": ("red", 11)}
QUIET = 3.5  # s: longer than the kernel takes to report the groups of a link that came up (RFC 3810, 9.11: twice within 1 s each)
STATE_ROOT, PIN_ROOT, NETNS = "/run/bulkhead", "/sys/fs/bpf/bulkhead", "/run/netns"

libc = ctypes.CDLL(None, use_errno=True)
home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
options = argparse.Namespace()  # of the command line: bulkhead, seed, long, only


# ---- the program ----

def bulkhead(*arguments, timeout=60, **more):
    return subprocess.run([options.bulkhead, *arguments], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, check=False, **more)


def said(done):
    return f"exit {done.returncode}\n{done.stdout}{done.stderr}".rstrip()


def expect(done, status, *texts):
    """The command ended with the status, and said all of the texts somewhere."""
    assert done.returncode == status, f"{' '.join(done.args[1:])}: exit {status} wanted, but {said(done)}"
    for text in texts:
        assert text in done.stdout + done.stderr, f"{' '.join(done.args[1:])}: should say {text!r}, but {said(done)}"
    return done


def run(*command, status=0, timeout=60):
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False)
    assert status is None or done.returncode == status, f"{' '.join(command)}: {said(done)}"
    return done


def wait_for(what, true, patience=10.0, pause=0.02):
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end, f"not within {patience} s: {what}"
        time.sleep(pause)


# ---- namespaces ----

@contextlib.contextmanager
def inside(path):
    """Sockets that are made in this block belong to that network namespace, for good."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {path}")
        yield
    finally:
        os.close(fd)
        if libc.setns(home, CLONE_NEWNET):
            os._exit(1)


def v4(workload, block=0):
    segment, host = WORKLOADS[workload]
    return f"10.77.{16 * block + SEGMENTS.index(segment)}.{host}"


def v6(workload, block=0):
    segment, host = WORKLOADS[workload]
    return f"fd77:0:0:{16 * block + SEGMENTS.index(segment):x}::{host:x}"


def policy_text(name, rules, workloads=("a", "b", "c"), block=0, run_in=None, uplink=None, more=""):
    """A policy of the usual segments. `rules`: {rule's name: text behind it}; `run_in`: {workload: text of run}; `uplink`: the hub's."""
    lines = ["bulkhead: v1", f"name: {name}", "segments:"]
    for i, segment in enumerate(SEGMENTS):
        kind = "kind: hub, " if segment == "hub" else ""
        kind += f"uplink: {{{uplink}}}, " if segment == "hub" and uplink else ""
        lines.append(f'  {segment}: {{{kind}cidr: [10.77.{16 * block + i}.0/24, "fd77:0:0:{16 * block + i:x}::/64"]}}')
    lines.append("workloads:")
    for w in workloads:
        command = f", run: {run_in[w]}" if run_in and w in run_in else ""
        lines.append(f'  {w}: {{segment: {WORKLOADS[w][0]}, address: [{v4(w, block)}, "{v6(w, block)}"]{command}}}')
    lines.append("rules:" if rules else "rules: []")
    for rule, text in rules.items():
        lines += [f"  - name: {rule}", *("    " + line for line in text.splitlines())]
    return "\n".join(lines) + "\n" + more


def allow(source, target, ports):
    return f"allow: {{from: {source}, to: {target}, ports: [{ports}]}}"


class Network:
    """A network of a test: up in `with`, and gone behind it whatever happens."""

    host = None  # the network namespace that is the host's; none: this process's own

    def __init__(self, name, rules=None, start=True, **policy):
        self.name, self.start, self.block = name, start, policy.get("block", 0)
        self.policy = policy
        self.directory = tempfile.mkdtemp(prefix=f"bulkhead-{name}-")
        self.file = self.write(rules or {})
        self.sockets, self.stops = [], []

    def write(self, rules, file="policy.yaml", **change):
        path = os.path.join(self.directory, file)
        with open(path, "w", encoding="utf-8") as out:
            out.write(policy_text(self.name, rules, **{**self.policy, **change}))
        return path

    def __enter__(self):
        self.sweep_away()
        if self.start:
            try:
                expect(self.bulkhead("up", self.file), 0)
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_):
        for stop in self.stops:
            stop()
        for s in self.sockets:
            s.close()
        self.sweep_away()
        shutil.rmtree(self.directory, ignore_errors=True)

    def in_host(self):
        return inside(self.host) if self.host else contextlib.nullcontext()

    def sweep_away(self):
        with self.in_host():
            sweep_away(self.name)

    def bulkhead(self, *arguments, **more):
        with self.in_host():
            return bulkhead(*arguments, **more)

    def apply(self, rules, *arguments, **change):
        return self.bulkhead("apply", self.write(rules, "next.yaml", **change), *arguments)

    def receipt(self, rules, *arguments, **change):
        return json.loads(expect(self.apply(rules, "--json", *arguments, **change), 0).stdout)["receipt"]

    def exec(self, workload, *command, timeout=60):
        return bulkhead("exec", f"{self.name}/{workload}", "--", *command, timeout=timeout)

    def netns(self, workload):
        return f"{NETNS}/{self.name}-{workload}"

    def hub(self, *command, status=0):
        """ip or tc in the hub's namespace: what an attacker, or an operator's mistake, does to it."""
        return run("ip", "netns", "exec", f"{self.name}-hub", *command, status=status)

    def hub_links(self):
        text = self.hub("ip", "-o", "link").stdout
        return [line.split(": ")[1].split("@")[0] for line in text.splitlines() if ": w" in line]

    def v4(self, workload):
        return v4(workload, self.block)

    def v6(self, workload):
        return v6(workload, self.block)

    def address(self, workload, family):
        return self.v4(workload) if family == 4 else self.v6(workload)

    def socket(self, workload, family, kind, protocol=0):
        with inside(self.netns(workload)):
            s = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind, protocol)
        s.settimeout(5)
        self.sockets.append(s)
        return s

    def listen(self, workload, port, family, backlog=256):
        s = self.socket(workload, family, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == 6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind((self.address(workload, family), port))
        s.listen(backlog)
        return s

    def connect(self, source, target, port, family, timeout=5.0):
        s = self.socket(source, family, socket.SOCK_STREAM)
        s.settimeout(timeout)
        s.connect((self.address(target, family), port))
        return s

    def session(self, source, target, port, family=4):
        """An established TCP connection: (the client's end, the server's end)."""
        listener = self.listen(target, port, family)
        client = self.connect(source, target, port, family)
        server, _ = listener.accept()
        server.settimeout(5)
        self.sockets.append(server)
        listener.close()
        assert carries(client, server) and carries(server, client)
        return client, server

    def udp(self, workload, port, family):
        s = self.socket(workload, family, socket.SOCK_DGRAM)
        s.bind((self.address(workload, family), port))
        return s

    def capture(self, workload):
        capture = Capture(self.netns(workload))
        self.stops.append(capture.close)
        return capture

    def agent(self):
        """The agent's process, or 0."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"{STATE_ROOT}/{self.name}/agent", encoding="utf-8") as file:
                pid = int(file.read().split()[0])
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                if file.read().split("\0")[1:3] == ["agent", self.name]:
                    return pid
        return 0

    def kill_agent(self):
        pid = self.agent()
        assert pid, "the agent does not run"
        os.kill(pid, signal.SIGKILL)
        wait_for("the agent is gone", lambda: not self.agent() and not os.path.exists(f"/proc/{pid}/fd/0"))

    def records(self):
        found = []
        for name in ("flows.jsonl.1", "flows.jsonl", "flows-beyond.jsonl.1", "flows-beyond.jsonl"):
            path = f"{STATE_ROOT}/{self.name}/{name}"
            with contextlib.suppress(OSError):
                with open(path, encoding="utf-8") as file:
                    found += [json.loads(line) for line in file if line.endswith("\n")]
        return found

    def pinned_ids(self):
        """Ids of what the kernel holds for this network: (programs, maps)."""
        pins = f"{PIN_ROOT}/{self.name}"
        programs = [json.loads(run("bpftool", "-j", "prog", "show", "pinned", f"{pins}/{p}").stdout)
                    for p in ("program", "sweep")]
        programs = [p[0] if isinstance(p, list) else p for p in programs]
        return [p["id"] for p in programs], sorted({m for p in programs for m in p.get("map_ids", [])})


def counters(n):
    """{(link, side, reason): packets}, of all that is not 0."""
    found = {}
    for entry in json.loads(run("bpftool", "-j", "map", "dump", "pinned", f"{PIN_ROOT}/{n.name}/counters").stdout):
        index = int.from_bytes(bytes(int(b, 16) for b in entry["key"]), "little")
        packets = sum(int.from_bytes(bytes(int(b, 16) for b in cpu["value"][:8]), "little") for cpu in entry["values"])
        if packets:
            found[index // 128, index % 128 // 32, index % 32] = packets
    return found


def carries(sender, receiver, timeout=3.0):
    """Whether bytes that go in at one end of a connection come out at the other."""
    mark = os.urandom(8)
    try:
        sender.sendall(mark)
        receiver.settimeout(timeout)
        got = b""
        while len(got) < len(mark):
            part = receiver.recv(len(mark) - len(got))
            if not part:
                return False
            got += part
        return got == mark
    except OSError:
        return False


# ---- what arrives ----

class Capture:
    """Every frame that arrives in a namespace, in a thread."""

    def __init__(self, netns):
        with inside(netns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.settimeout(0.1)
        self.frames, self.stopping = [], False
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def loop(self):
        while not self.stopping:
            try:
                frame, sender = self.socket.recvfrom(65600)
            except socket.timeout:
                continue
            except OSError as problem:
                if problem.errno != 100:  # the link is down for now
                    return
                continue
            if sender[2] != PACKET_OUTGOING and sender[0] != "lo":
                self.frames.append(frame)

    def with_text(self, text):
        return [f for f in list(self.frames) if text in f]

    def lost(self):
        """Frames that the capture itself could not keep."""
        _, lost = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, 6, 8))
        return lost

    def close(self):
        self.stopping = True
        self.thread.join(2)
        self.socket.close()


class Stream:
    """Datagrams from one workload to another, all the time, with a text that the receiver looks for."""

    def __init__(self, network, source, target, port, text, family=4, rate=2000, stamped=False):
        self.socket = network.socket(source, family, socket.SOCK_DGRAM)
        self.to, self.text, self.rate = (network.address(target, family), port), text, rate
        self.sent, self.refused, self.stopping, self.stamped = 0, 0, False, stamped
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()
        network.stops.append(self.stop)

    def loop(self):
        while not self.stopping:
            for _ in range(20):
                try:
                    self.socket.sendto(self.text + b" %08d" % (time.monotonic_ns() if self.stamped else self.sent), self.to)
                    self.sent += 1
                except OSError:
                    self.refused += 1
            time.sleep(20 / self.rate)

    def stop(self):
        self.stopping = True
        self.thread.join(2)


# ---- traces ----

def processes_with(text):
    """Processes whose command line has the text, but for us."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            with open(path, "rb") as file:
                pid = int(path.split("/")[2])
                if text.encode() in file.read().replace(b"\0", b" ") and pid != os.getpid():
                    found.append(pid)
    return found


def processes_that_are(*arguments):
    """Processes of exactly that command line: not what is about to start one."""
    command = "".join(a + "\0" for a in arguments).encode()
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            if file.read() == command:
                found.append(int(path.split("/")[2]))
    return found


def agents_of(name):
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            with open(path, "rb") as file:
                if file.read().split(b"\0")[1:3] == [b"agent", name.encode()]:
                    found.append(int(path.split("/")[2]))
    return found


def processes_in(inodes):
    """Processes in one of these network namespaces."""
    found = []
    for path in glob.glob("/proc/[0-9]*/ns/net"):
        with contextlib.suppress(OSError):
            if os.stat(path).st_ino in inodes:
                found.append(int(path.split("/")[2]))
    return found


def namespace_inodes(name):
    found = set()
    for path in glob.glob(f"{NETNS}/{name}-*"):
        with contextlib.suppress(OSError):
            found.add(os.stat(path).st_ino)
    return found


def traces(name):
    """What is there of a network, as a dictionary that is empty when there is nothing."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = [line.split()[4] for line in file if f"/{name}-" in line or f"/{name}/" in line]
    found = {
        "namespaces": glob.glob(f"{NETNS}/{name}-*"),
        "pins": glob.glob(f"{PIN_ROOT}/{name}") + glob.glob(f"{PIN_ROOT}/{name}/*"),
        "state": glob.glob(f"{STATE_ROOT}/{name}") + glob.glob(f"{STATE_ROOT}/{name}/*"),
        "mounts": mounts,
        "agents": agents_of(name),
    }
    return {what: where for what, where in found.items() if where}


def leaves_nothing(name, patience=0.0):
    if patience:
        with contextlib.suppress(AssertionError):
            wait_for("", lambda: not traces(name), patience)
    assert not traces(name), f"left: {traces(name)}"


def sweep_away(name):
    """Take a test's network away, with Bulkhead if it can, by hand if not."""
    if not traces(name):
        with contextlib.suppress(OSError):
            os.unlink(f"{STATE_ROOT}/{name}.lock")
        return
    inodes = namespace_inodes(name)
    with contextlib.suppress(subprocess.TimeoutExpired):
        bulkhead("down", name, timeout=30)
    for pid in processes_in(inodes) + agents_of(name):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    for path in glob.glob(f"{NETNS}/{name}-*"):
        libc.umount2(path.encode(), 2)
        with contextlib.suppress(OSError):
            os.unlink(path)
    shutil.rmtree(f"{STATE_ROOT}/{name}", ignore_errors=True)
    for path in glob.glob(f"{PIN_ROOT}/{name}/*"):
        os.unlink(path)
    with contextlib.suppress(OSError):
        os.rmdir(f"{PIN_ROOT}/{name}")
    with contextlib.suppress(OSError):
        os.unlink(f"{STATE_ROOT}/{name}.lock")


# ---- TAP ----

CASES = []


class Skip(Exception):
    """A case that cannot be tried here; says why."""


def case(name, long=False):
    def register(function):
        CASES.append((name, function, long))
        return function
    return register


def refuse_without_means():
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        sys.exit(77)
    # Two runs at once would take each other's networks away: the second waits. The lock ends with the process.
    alone = os.open(os.path.join(tempfile.gettempdir(), "bulkhead-system-tests.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(alone, fcntl.LOCK_EX)
    for tool in ("ip", "tc", "bpftool"):
        if not shutil.which(tool):
            print(f"1..0 # SKIP needs {tool}")
            sys.exit(77)
    with Network("t0probe", start=False) as n:
        done = bulkhead("up", n.file)
    if done.returncode == 2 and ("cannot load BPF" in done.stderr or "this kernel" in done.stderr):
        print(f"1..0 # SKIP {done.stderr.strip()}")
        sys.exit(77)


def main(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bulkhead", nargs="?", default=os.environ.get("BULKHEAD", "build/bulkhead"))
    parser.add_argument("--pour", default=os.environ.get("POUR", "build/tests/system/pour"), help="the program that tests/system/pour.c makes")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--long", action="store_true", help="run the long forms, and only those")
    parser.add_argument("--only", default="", help="cases whose name contains it")
    parser.parse_args(namespace=options)
    options.bulkhead = os.path.abspath(options.bulkhead)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    refuse_without_means()
    chosen = [(name, f) for name, f, long in CASES if long == options.long and options.only in name]
    print(f"# seed {options.seed}\n1..{len(chosen)}", flush=True)
    failed = 0
    for number, (name, function) in enumerate(chosen, 1):
        started = time.monotonic()
        try:
            function()
            print(f"ok {number} - {name}")
        except Skip as why:
            print(f"ok {number} - {name} # SKIP {why}")
        except Exception:  # a case that breaks is a case that fails
            failed += 1
            for line in traceback.format_exc().rstrip().splitlines()[-14:]:
                print(f"# {line}")
            print(f"not ok {number} - {name}")
        print(f"# {time.monotonic() - started:.1f} s", flush=True)
    sys.exit(1 if failed else 0)
