#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A network comes up, is changed, and goes without a trace; what cannot be done is refused before harm.

    tests/system/lifecycle.py [build/bulkhead] [--seed N] [--long] [--only TEXT]
"""

import contextlib
import ctypes
import glob
import json
import os
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
import threading
import time

from harness import (Network, PYTHON, Skip, STATE_ROOT, PIN_ROOT, NETNS, agents_of, allow, bulkhead, carries, case, expect,
                     leaves_nothing, libc, main, namespace_inodes, options, processes_in, processes_that_are, processes_with, run,
                     said, traces, wait_for)

RULES = {"a-to-b": allow("a", "b", "7001/tcp, 7002/udp, icmp")}
SERVE = "{{command: [python3, -m, http.server, --bind, \"::\", \"{port}\"], user: nobody, directory: /tmp, restart: always}}"
FETCH = "import urllib.request, sys; print(urllib.request.urlopen(sys.argv[1], timeout=3).status)"


def mark_of(mark):
    return f"{mark}{os.getpid()}"


def idle(mark):
    """A `run:` that is known by its command line, also among those of another run of this test."""
    mark = mark_of(mark)
    return f'{{command: [sleep, "{mark}"], restart: always}}'


def machine():
    """What of the host itself must be as it was: sysctls of its interfaces, links, queueing disciplines, routes."""
    found = {}
    for path in glob.glob("/proc/sys/net/ipv[46]/conf/*/*") + glob.glob("/proc/sys/net/ipv[46]/*forward*"):
        try:
            with open(path, encoding="utf-8") as file:
                found[path] = file.read()
        except OSError:
            continue
    for what in ("link", "address", "route", "rule"):
        text = run("ip", "-o", what).stdout
        found[what] = [line.split("valid_lft")[0].split(" state ")[0] for line in text.splitlines()]
    found["qdisc"] = run("tc", "qdisc", "show").stdout
    return found


def kernel_forgets(programs, maps):
    def gone():
        return not any(run("bpftool", kind, "show", "id", str(number), status=None).returncode == 0
                       for kind, numbers in (("prog", programs), ("map", maps)) for number in numbers)
    wait_for("the kernel has let go of the programs and maps", gone, 10, 0.2)


@case("up makes workloads that reach each other, in both families, by name, as the policy says")
def _():
    run_in = {"b": SERVE.format(port=7001)}
    with Network("t1a", RULES, run_in=run_in) as n:
        for host in ("b", n.v4("b"), f"[{n.v6('b')}]"):
            wait_for("the server answers", lambda: n.exec("a", PYTHON, "-c", FETCH, f"http://{host}:7001/").returncode == 0)
        done = n.exec("c", PYTHON, "-c", FETCH, f"http://{n.v4('b')}:7001/")
        assert done.returncode != 0 and "refused" in done.stderr, said(done)


@case("down leaves nothing: namespaces, links, pins, programs, state, processes, mounts, and the host as it was")
def _():
    before = machine()
    with Network("t1b", RULES, run_in={"b": idle("771001"), "c": idle("771002")}) as n:
        wait_for("the processes run", lambda: processes_with(mark_of("771001")) and processes_with(mark_of("771002")))
        programs, maps = n.pinned_ids()
        inodes = namespace_inodes("t1b")
        assert len(inodes) == 4 and len(programs) == 2 and len(maps) > 10 and agents_of("t1b")
        expect(bulkhead("down", "t1b"), 0)
        leaves_nothing("t1b")
        assert not processes_in(inodes) and not processes_with(mark_of("771001")) and not processes_with(mark_of("771002"))
        kernel_forgets(programs, maps)
        after = machine()
        differs = {k: (before.get(k), after.get(k)) for k in {*before, *after} if before.get(k) != after.get(k)}
        assert not differs, f"the host differs: {differs}"
        expect(bulkhead("down", "t1b"), 0, "was not up")


@case("down ends what exec started, and what that started")
def _():
    with Network("t1ab", RULES) as n:
        inodes = namespace_inodes("t1ab")
        with subprocess.Popen([options.bulkhead, "exec", "t1ab/a", "--", "sh", "-c", f"setsid sleep {mark_of(771060)} & sleep {mark_of(771061)}"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
            try:
                wait_for("both run", lambda: all(processes_that_are("sleep", mark_of(m)) for m in ("771060", "771061")))
                expect(bulkhead("down", "t1ab"), 0)
                wait_for("they have ended", lambda: not processes_in(inodes))
            finally:
                p.kill()


@case("of commands that `exec` begins while the network goes, none stays")
def _():
    for turn in range(4):
        with Network("t1ac", RULES), contextlib.ExitStack() as stack:
            started = []
            for i in range(8):
                command = [options.bulkhead, "exec", "t1ac/a", "--", "sleep", mark_of("771062")]
                started.append(stack.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)))
                stack.callback(started[-1].kill)
                time.sleep(0.002 * turn)
            expect(bulkhead("down", "t1ac"), 0)
            ends = [(p.communicate(timeout=20)[1], p.returncode) for p in started]
            assert all(status in (125, 137) for _, status in ends), ends
            assert not processes_that_are("sleep", mark_of("771062"))


@case("up and down a second time are as good as the first")
def _():
    with Network("t1c", RULES) as n:
        for _ in range(2):
            expect(bulkhead("down", "t1c"), 0)
            leaves_nothing("t1c")
            expect(bulkhead("up", n.file), 0)
            n.session("a", "b", 7001)


@case("up on a running network is apply: sessions go on, processes are not started again")
def _():
    with Network("t1d", RULES, run_in={"c": idle("771003")}) as n:
        four, six = n.session("a", "b", 7001, 4), n.session("a", "b", 7001, 6)
        process, agent = processes_with(mark_of("771003")), agents_of("t1d")
        for _ in range(3):
            expect(bulkhead("up", n.file), 0)
        assert carries(*four) and carries(*six) and carries(four[1], four[0])
        assert processes_with(mark_of("771003")) == process and agents_of("t1d") == agent


@case("of two `up` at once one builds, and the other says that it must wait")
def _():
    with Network("t1e", RULES, start=False) as n:
        both = [subprocess.Popen([options.bulkhead, "up", n.file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                for _ in range(2)]
        ends = [(p.communicate(timeout=60), p.returncode) for p in both]
        assert sorted(status for _, status in ends) == [0, 2], ends
        message = next(err for (_, err), status in ends if status == 2)
        assert "another bulkhead is changing the network t1e" in message, message
        n.session("a", "b", 7001)


@case("up that is killed at any point leaves what the next up, or down, puts right")
def _():
    chance = random.Random(options.seed)
    run_in = {w: idle(f"77101{i}") for i, w in enumerate("abcd")}
    with Network("t1f", RULES, start=False, workloads="abcd", run_in=run_in) as n:
        started = time.monotonic()
        expect(bulkhead("up", n.file), 0)
        whole = time.monotonic() - started
        expect(bulkhead("down", "t1f"), 0)
        leaves_nothing("t1f")
        points = []
        for round_ in range(15):
            # The last fifth of the time is where namespaces, links and processes are made.
            at = whole * (chance.uniform(0, 0.75) if round_ < 4 else chance.uniform(0.7, 1.1))
            points.append(at)
            p = subprocess.Popen([options.bulkhead, "up", n.file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(at)
            p.kill()
            p.wait()
            inodes = namespace_inodes("t1f")
            where = f"killed after {at * 1000:.1f} of {whole * 1000:.0f} ms"
            if chance.random() < 0.5:
                expect(bulkhead("up", n.file), 0)
                assert len(namespace_inodes("t1f")) == 5, where
                n.session("a", "b", 7001)
            inodes |= namespace_inodes("t1f")
            expect(bulkhead("down", "t1f"), 0)
            # An agent that was just starting sees within 2 s that its network is gone.
            leaves_nothing("t1f", patience=4)
            orphans = {*processes_in(inodes), *sum((processes_with(mark_of(f"77101{i}")) for i in range(4)), [])}
            for pid in orphans:
                os.kill(pid, signal.SIGKILL)
            assert not orphans, f"{where}: processes are left: {orphans}"


@case("up that SIGINT or SIGTERM interrupts takes down what it built, says so, and ends by the signal; or is up, where it came too late")
def _():
    chance = random.Random(options.seed)
    with Network("t1ap", RULES, start=False, workloads="abcd", run_in={"b": idle("771022")}) as n:
        started = time.monotonic()
        expect(bulkhead("up", n.file), 0)
        whole = time.monotonic() - started
        expect(bulkhead("down", "t1ap"), 0)
        interrupted = 0
        for round_ in range(6):
            p = subprocess.Popen([options.bulkhead, "up", n.file], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            time.sleep(whole * chance.uniform(0.5, 1))
            signal_sent = (signal.SIGINT, signal.SIGTERM)[round_ % 2]
            p.send_signal(signal_sent)
            _, complaint = p.communicate(timeout=30)
            if p.returncode == 0:
                expect(bulkhead("status", "t1ap"), 0)
            else:
                assert p.returncode == -signal_sent, (p.returncode, complaint)
                interrupted += "interrupted" in complaint
                leaves_nothing("t1ap")
            expect(bulkhead("down", "t1ap"), 0)
        assert interrupted, "none came in time"
        p = subprocess.Popen(["sh", "-c", 'trap "" INT; exec "$0" up "$1"', options.bulkhead, n.file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(whole / 2)
        p.send_signal(signal.SIGINT)
        assert p.wait(30) == 0, "what its caller ignores it ignores"


@case("down that is killed is put right by the next down")
def _():
    chance = random.Random(options.seed)
    with Network("t1g", RULES, run_in={"b": idle("771020"), "c": idle("771021")}) as n:
        for _ in range(4):
            inodes = namespace_inodes("t1g")
            p = subprocess.Popen([options.bulkhead, "down", "t1g"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, 0.04))
            p.kill()
            p.wait()
            expect(bulkhead("down", "t1g"), 0)
            leaves_nothing("t1g", patience=4)
            assert not processes_in(inodes) and not processes_with(mark_of("771020")) and not processes_with(mark_of("771021"))
            expect(bulkhead("up", n.file), 0)


@case("up after a down that was killed builds what is gone: the network works, or is as whole as it was")
def _():
    chance = random.Random(options.seed)
    with Network("t1am", RULES, run_in={"b": idle("771021")}) as n:
        started = time.monotonic()
        expect(bulkhead("down", "t1am"), 0)
        whole = time.monotonic() - started
        for _ in range(5):
            expect(bulkhead("up", n.file), 0)
            p = subprocess.Popen([options.bulkhead, "down", "t1am"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, whole))
            p.kill()
            p.wait()
            expect(bulkhead("up", n.file), 0)
            expect(bulkhead("status", "t1am"), 0)
            n.session("a", "b", 7001)


@case("up puts right what is gone of a network that is up, and says what it cannot; apply changes the policy all the same")
def _():
    with Network("t1an", RULES) as n:
        n.kill_agent()
        session = n.session("a", "b", 7001)
        n.hub("ip", "link", "del", n.hub_links()[1])
        expect(bulkhead("status", "t1an"), 1, "links      2 of 3", "bulkhead agent t1an")
        expect(bulkhead("up", n.file), 0)
        expect(bulkhead("status", "t1an"), 0)
        assert carries(*session)
        n.kill_agent()
        while n.sockets:  # they hold the namespace
            n.sockets.pop().close()
        run("ip", "netns", "del", "t1an-b")
        wait_for("its links have gone with it", lambda: len(n.hub_links()) == 2)
        expect(bulkhead("up", n.file), 2, "workload b has no link to the hub", "t1an-b", "bulkhead down t1an")
        done = n.apply({**RULES, "more": allow("a", "c", "7003/tcp")})
        assert done.returncode == 0 and "is not whole" in done.stderr, said(done)
        n.session("a", "c", 7003)
        wait_for("the agent says so too", lambda: bulkhead("status", "t1an").stdout.count("cannot put right: workload b"))
        expect(bulkhead("down", "t1an"), 0)
        leaves_nothing("t1an")


@case("what an apply that was killed has left is no repair of the agent's, and a workload's link goes with it whatever it is called")
def _():
    with Network("t1aq", RULES, workloads="ab") as n:
        more = n.write(RULES, "more.yaml", workloads="abcd")
        p = subprocess.Popen([options.bulkhead, "apply", more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("it makes workloads", lambda: os.path.exists(f"{NETNS}/t1aq-c") or p.poll() is not None, pause=0.001)
        p.kill()
        p.wait()
        time.sleep(2.5)
        before = json.loads(bulkhead("status", "t1aq", "--json").stdout)["agent"]["repairs"]
        time.sleep(4.5)
        assert json.loads(bulkhead("status", "t1aq", "--json").stdout)["agent"]["repairs"] == before
        expect(bulkhead("apply", more), 0)
        n.hub("sh", "-c", "ip link set w18 down && ip link set w18 name renamed && ip link set renamed up")
        expect(bulkhead("apply", n.file), 0)
        assert len(n.hub_links()) == 2 and "renamed" not in n.hub("ip", "link").stdout
        expect(bulkhead("status", "t1aq"), 0)


@case("up on a network whose hub is gone builds it anew")
def _():
    with Network("t1ao", RULES) as n:
        run("ip", "netns", "del", "t1ao-hub")
        expect(bulkhead("up", n.file), 0)
        expect(bulkhead("status", "t1ao"), 0)
        n.session("a", "b", 7001)


@case("a soft limit of open files is raised for bulkhead alone; a hard one that is too low is named before anything begins, by each verb")
def _():
    def limited(limit, *arguments):
        return run("prlimit", f"--nofile={limit}", options.bulkhead, *arguments, status=None)
    own = "{command: [sh, -c, 'ulimit -Sn; sleep 1000']}"
    with Network("t1n", start=False, run_in={"a": own}) as n:
        done = limited("20:79", "up", n.file)
        assert done.returncode == 2 and "may have 79 files open, and 80 are needed" in done.stderr and "ulimit -n 1024" in done.stderr, said(done)
        leaves_nothing("t1n")
        done = limited("20:80", "up", n.file)
        assert done.returncode == 0, said(done)
        for arguments in (("status", n.name), ("top", n.name), ("flows", n.name), ("apply", n.file)):
            assert limited("8:80", *arguments).returncode == 0, arguments
        for arguments in (("status", n.name), ("top", n.name), ("flows", n.name), ("apply", n.file), ("agent", n.name), ("down", n.name)):
            done = limited("20:79", *arguments)
            assert done.returncode == 2 and "80 are needed" in done.stderr and "not whole" not in done.stderr, f"{arguments}: {said(done)}"
        done = limited("20:79", "exec", f"{n.name}/a", "--", "true")
        assert done.returncode == 125 and "80 are needed" in done.stderr, said(done)
        done = limited("21:300", "exec", f"{n.name}/a", "--", "sh", "-c", "ulimit -Sn; ulimit -Hn")
        assert done.stdout.split() == ["21", "300"], said(done)
        with open(f"{STATE_ROOT}/{n.name}/a.log", encoding="utf-8") as file:
            assert file.read().split()[-1] == "20"


@case("descriptors that ran out are named as that, with what to do, and never as a right or a kernel that is missing, however many the caller left open")
def _():
    def crowded(limit, inherited, *arguments):
        held = [os.dup(0) for _ in range(inherited)]
        try:
            return subprocess.run(["prlimit", f"--nofile={limit}", options.bulkhead, *arguments], capture_output=True, text=True, timeout=60,
                                  stdin=subprocess.DEVNULL, pass_fds=held, check=False)
        finally:
            for fd in held:
                os.close(fd)
    with Network("t1o", start=False) as n:
        for inherited in (1, 20, 35, 45, 50, 55):
            done = crowded(80, inherited, "up", n.file)
            assert done.returncode == 2 and "files open" in done.stderr and "ulimit -n 1024" in done.stderr, f"{inherited}: {said(done)}"
            assert "CAP_" not in done.stderr and "kernel" not in done.stderr, f"{inherited}: {said(done)}"
            leaves_nothing(n.name)
        done = crowded(116, 36, "up", n.file)
        assert done.returncode == 0, said(done)
        done = crowded(115, 40, "exec", f"{n.name}/a", "--", "true")
        assert done.returncode == 125 and "ulimit -n" in done.stderr and "CAP_" not in done.stderr, said(done)


@case("a `run:` that cannot start rolls the whole back, and says which workload and why")
def _():
    with Network("t1h", RULES, start=False, run_in={"a": idle("771030"), "c": "{command: [/no/such/program]}"}) as n:
        expect(bulkhead("up", n.file), 2, "workload c", "/no/such/program")
        leaves_nothing("t1h")
        assert not processes_with(mark_of("771030"))


@case("a `run:` with a user that does not exist rolls the whole back")
def _():
    with Network("t1i", RULES, start=False, run_in={"c": '{command: [sleep, "1"], user: no-such-user}'}) as n:
        expect(bulkhead("up", n.file), 2, "workload c", "no-such-user")
        leaves_nothing("t1i")


@case("a namespace that somebody else made is neither used nor removed")
def _():
    with Network("t1j", RULES, start=False) as n:
        for taken in ("t1j-b", "t1j-hub"):
            run("ip", "netns", "add", taken)
            try:
                expect(bulkhead("up", n.file), 2, taken)
                assert sorted(traces("t1j")) == ["mounts", "namespaces"], traces("t1j")
                assert os.listdir(NETNS).count(taken) == 1 and len(namespace_inodes("t1j")) == 1
            finally:
                run("ip", "netns", "del", taken)
        expect(bulkhead("up", n.file), 0)


@case("a workload called hub is refused before anything is made")
def _():
    with Network("t1k", RULES, start=False) as n:
        text = open(n.file, encoding="utf-8").read().replace("  c: {", "  hub: {")
        with open(n.file, "w", encoding="utf-8") as out:
            out.write(text)
        done = bulkhead("up", n.file)
        assert done.returncode in (1, 2) and "hub" in done.stderr, said(done)
        leaves_nothing("t1k")


@case("more workloads than the tables hold are refused before anything is made")
def _():
    with Network("t1af", RULES, start=False) as n:
        with open(n.file, "w", encoding="utf-8") as out:
            out.write("bulkhead: v1\nname: t1af\nsegments:\n  hub: {kind: hub, cidr: 10.77.0.0/24}\n  all: {cidr: 10.78.0.0/20}\nworkloads:\n")
            out.writelines(f"  w{i}: {{segment: all}}\n" for i in range(1000))
            out.write("rules:\n  - {name: one, allow: {from: w0, to: w1, ports: 80/tcp}}\n")
        expect(bulkhead("up", n.file), 2, "links", "about 700 workloads", "several")
        leaves_nothing("t1af")


@case("cidrs that overlap a running network's are refused, and it is named")
def _():
    with Network("t1l", RULES) as first, Network("t1m", RULES, start=False) as second:
        session = first.session("a", "b", 7001)
        expect(bulkhead("up", second.file), 2, "t1l", "10.77.0.0/24", "overlaps")
        leaves_nothing("t1m")
        assert carries(*session)
        # One that does not overlap comes up beside it, and the two know nothing of each other.
        other = second.write(RULES, "other.yaml", block=1)
        expect(bulkhead("up", other), 0)
        second.block = 1
        second.session("a", "b", 7001)
        expect(bulkhead("down", "t1m"), 0)
        assert carries(*session)


@case("one network comes up while another goes down, over and over, and neither is in the other's way")
def _():
    chance = random.Random(options.seed)
    with Network("t1ac", RULES, start=False) as first, Network("t1ad", RULES, start=False, block=1) as second:
        for i in range(4):
            if i % 2 == 0:
                expect(bulkhead("up", second.file), 0)
                going, coming = second, first
            else:
                going, coming = first, second
            with subprocess.Popen([options.bulkhead, "up", coming.file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
                time.sleep(chance.uniform(0, 0.5))
                expect(bulkhead("down", going.name), 0)
                out, err = p.communicate(timeout=30)
            assert p.returncode == 0, f"up of {coming.name} while {going.name} went down: {out}{err}"
            coming.session("a", "b", 7001)
            if i % 2:
                expect(bulkhead("down", coming.name), 0)


@case("an apply that would make cidrs overlap another running network is refused")
def _():
    with Network("t1n", RULES) as _, Network("t1o", RULES, start=False, block=1) as second:
        expect(bulkhead("up", second.file), 0)
        with open(second.file, encoding="utf-8") as file:
            text = file.read().replace("10.77.16.0/24", "10.77.0.0/24")  # the hub's: no workload moves
        changed = os.path.join(second.directory, "changed.yaml")
        with open(changed, "w", encoding="utf-8") as out:
            out.write(text)
        expect(bulkhead("apply", changed), 2, "overlaps")
        expect(bulkhead("up", changed), 2, "overlaps")


@case("a policy that is wrong leaves the running one, and exits 1")
def _():
    with Network("t1p", RULES) as n:
        session = n.session("a", "b", 7001)
        bad = os.path.join(n.directory, "bad.yaml")
        with open(n.file, encoding="utf-8") as file:
            text = file.read()
        for wrong in (text.replace("from: a", "from: nobody-at-all"), text.replace("rules:", "rulez:"), "", "\0\1\2", "- " * 5000):
            with open(bad, "w", encoding="utf-8") as out:
                out.write(wrong)
            for verb in ("apply", "up"):
                done = bulkhead(verb, bad)
                assert done.returncode == 1 and done.stderr, f"{verb} of {wrong[:60]!r}: {said(done)}"
        expect(bulkhead("apply", os.path.join(n.directory, "no-such-file")), 2)
        assert carries(*session)
        n.session("a", "b", 7001)


@case("what apply cannot do on a running network is refused whole")
def _():
    with Network("t1q", RULES) as n:
        session = n.session("a", "b", 7001)
        with open(n.file, encoding="utf-8") as file:
            text = file.read()
        moved = os.path.join(n.directory, "moved.yaml")
        with open(moved, "w", encoding="utf-8") as out:
            out.write(text.replace("10.77.2.10", "10.77.2.99"))
        expect(bulkhead("apply", moved), 2, "workload b", "address")
        assert carries(*session)


@case("workloads are added and removed by apply; the others' sessions go on")
def _():
    with Network("t1r", RULES) as n:
        session = n.session("a", "b", 7001)
        rules = {**RULES, "d-to-b": allow("d", "b", "7003/tcp")}
        for _ in range(3):
            expect(n.apply(rules, workloads="abcd", run_in={"d": idle("771040")}), 0)
            wait_for("its process", lambda: processes_with(mark_of("771040")))
            inode = os.stat(n.netns("d")).st_ino
            n.session("d", "b", 7003, 6)
            expect(n.apply(RULES), 0)
            assert not os.path.exists(n.netns("d")) and not processes_with(mark_of("771040")) and not processes_in({inode})
            assert carries(*session) and carries(session[1], session[0])


@case("apply that is killed at any point leaves one policy or the other whole, and the next apply puts the rest right")
def _():
    chance = random.Random(options.seed)
    wide = {**RULES, "d-to-b": allow("d", "b", "7003/tcp")}
    with Network("t1ae", RULES, run_in={"d": idle("771070")}) as n:
        session = n.session("a", "b", 7001)
        files = [n.write(wide, "wide.yaml", workloads="abcd"), n.file]
        for i in range(12):
            at = chance.uniform(0, 0.06)
            p = subprocess.Popen([options.bulkhead, "apply", files[i % 2]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(at)
            p.kill()
            p.wait()
            assert carries(*session) and carries(session[1], session[0])
            for _ in range(100):  # the agent may hold the lock for a moment
                done = bulkhead("apply", files[i % 2])
                if "another bulkhead" not in done.stderr:
                    break
                time.sleep(0.05)
            assert done.returncode == 0, f"after one that was killed after {at * 1000:.1f} ms: {said(done)}"
            assert os.path.exists(n.netns("d")) == (i % 2 == 0)
            if i % 2 == 0:
                n.session("d", "b", 7003)
        inodes = namespace_inodes("t1ae")
        expect(bulkhead("down", "t1ae"), 0)
        leaves_nothing("t1ae")
        assert not processes_in(inodes) and not processes_with(mark_of("771070"))


@case("an added workload that cannot be made changes nothing")
def _():
    with Network("t1s", RULES) as n:
        session = n.session("a", "b", 7001)
        rules = {**RULES, "d-to-b": allow("d", "b", "7003/tcp")}
        run("ip", "netns", "add", "t1s-d")
        try:
            expect(n.apply(rules, workloads="abcd"), 2, "t1s-d")
            assert os.path.exists(n.netns("d"))
        finally:
            run("ip", "netns", "del", "t1s-d", status=None)
        expect(n.apply(rules, workloads="abcd", run_in={"d": "{command: [/no/such/program]}"}), 2, "/no/such/program")
        assert carries(*session)
        assert not os.path.exists(n.netns("d")), "the workload whose process could not start stays"
        expect(n.apply({}), 0)


@case("an apply whose process cannot start cuts nothing; one that fails later says what it cut and that it went back")
def _():
    with contextlib.ExitStack() as end:
        directory = tempfile.mkdtemp(prefix="bulkhead-t1ap-", dir="/var/lib")  # in the workloads' tree, as /tmp is not
        end.callback(shutil.rmtree, directory)
        os.chmod(directory, 0o755)
        with open(f"{directory}/plain", "w", encoding="utf-8") as file:
            file.write("#!/no/such/interpreter\n")
        shutil.copy(f"{directory}/plain", f"{directory}/daemon")
        os.chmod(f"{directory}/daemon", 0o755)
        n = end.enter_context(Network("t1ap", RULES, run_in={"b": idle("771091")}))
        session, before = n.session("a", "b", 7001), processes_that_are("sleep", mark_of("771091"))
        for command, said_why in (("/no/such/daemon", "/no/such/daemon"), (directory, "Permission denied"), (f"{directory}/plain", "Permission denied"),
                                  ("no-such-daemon", "no-such-daemon")):
            for run_in in ({"b": f"{{command: [{command}]}}"}, {"b": idle("771091"), "c": f"{{command: [{command}]}}"}):
                done = expect(n.apply({}, run_in=run_in), 2, said_why)
                assert "in force again" not in done.stderr, done
        expect(n.apply({}, run_in={"b": idle("771091"), "d": "{command: [sleep, '1'], user: no-such-user}"}, workloads="abcd"), 2, "no-such-user")
        assert carries(*session) and processes_that_are("sleep", mark_of("771091")) == before
        assert not os.path.exists(f"{STATE_ROOT}/t1ap/c.log"), "what was only tried has a log"
        assert not os.path.exists(n.netns("d"))
        done = expect(n.apply({}, run_in={"b": idle("771091"), "c": f"{{command: [{directory}/daemon]}}"}), 2, "No such file", "the policy before is in force again",
                      "1 live session was cut", "a-to-b")
        assert done.stdout == "", done
        n.session("a", "b", 7001)
        expect(bulkhead("status", "t1ap"), 0)


GETATTR, STATFS, INIT = 3, 17, 26  # fuse_opcode of linux/fuse.h


@contextlib.contextmanager
def dead_file_system(answered=()):
    """A mount in the workloads' tree that takes every question, and answers none but of its root's attributes and its size, where asked for."""
    if not os.path.exists("/dev/fuse"):
        raise Skip("no /dev/fuse")
    place = tempfile.mkdtemp(prefix="bulkhead-t1-", dir="/mnt")
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    stopping = threading.Event()

    def serve():
        while not stopping.is_set():
            if not select.select([device], [], [], 0.1)[0]:
                continue
            try:
                _, operation, unique = struct.unpack_from("<IIQ", os.read(device, 1 << 17))
                body = {INIT: struct.pack("<IIIIHHIIHH", 7, 31, 65536, 0, 16, 12, 65536, 1, 32, 0).ljust(64, b"\0"),
                        GETATTR: struct.pack("<QII", 0, 0, 0) + struct.pack("<6Q10I", 1, 0, 0, 0, 0, 0, 0, 0, 0, stat.S_IFDIR | 0o755, 2, 0, 0, 0, 4096, 0),
                        STATFS: struct.pack("<5Q4I", 0, 0, 0, 0, 0, 4096, 255, 4096, 0).ljust(80, b"\0")}.get(operation)
                if body and operation in (INIT, *answered):
                    os.write(device, struct.pack("<IiQ", 16 + len(body), 0, unique) + body)
            except OSError:  # unmounted
                return
    server = threading.Thread(target=serve, daemon=True)
    try:
        done = libc.mount(b"dead", place.encode(), b"fuse", 0, f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode())
        if done:
            raise Skip(f"no FUSE here: {os.strerror(ctypes.get_errno())}")
        server.start()
        yield place
    finally:
        libc.umount2(place.encode(), 2)
        stopping.set()
        if server.ident:
            server.join()
        os.close(device)  # which fails whoever waits for an answer
        os.rmdir(place)


def loses_its_process_and_its_program(n, mark):
    """The `run:` process is killed, and the hub's link to a loses its program: when the agent next looks, it has both to put right."""
    for pid in processes_that_are("sleep", mark_of(mark)):
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            os.kill(int(file.read().split()[3]), signal.SIGKILL)
    time.sleep(2.5)  # the agent is about to start it
    n.hub("tc", "qdisc", "del", "dev", "w16", "clsact")


def has_its_program(n):
    return "bulkhead" in n.hub("tc", "filter", "show", "dev", "w16", "ingress").stdout


@case("a file system of the host that does not answer is left out of the workloads' tree, and holds up nothing")
def _():
    with Network("t1aq", RULES, start=False, run_in={"b": idle("771092")}) as n, dead_file_system() as place:
        expect(bulkhead("up", n.file), 0)
        expect(n.exec("a", "ls", "/mnt", timeout=8), 0, os.path.basename(place))
        expect(n.exec("a", "stat", "-f", "-c", "%T", place, timeout=8), 0, "overlay")
        loses_its_process_and_its_program(n, "771092")
        wait_for("the program is on the link", lambda: has_its_program(n))
        wait_for("the process runs again", lambda: processes_that_are("sleep", mark_of("771092")))
        expect(n.apply({**RULES, "more": allow("c", "b", "any")}, run_in={"b": idle("771093")}), 0)
        expect(bulkhead("down", "t1aq", timeout=8), 0)
    leaves_nothing("t1aq", patience=2)


@case("a start that hangs in a file system is given up in seconds, with the reason; meanwhile the agent repairs, and others may change the network")
def _():
    with Network("t1ar", RULES, start=False, run_in={"b": idle("771094")}) as n:
        with dead_file_system((GETATTR, STATFS)):
            expect(bulkhead("up", n.file, timeout=20), 2, "workload b", "a file system of the host does not answer")
            leaves_nothing("t1ar")
            expect(bulkhead("up", n.write(RULES, "plain.yaml", run_in=None)), 0)
            begun = time.monotonic()
            with open(f"{n.directory}/said", "w+", encoding="utf-8") as out:  # a pipe would be held by what hangs
                command = subprocess.run([options.bulkhead, "exec", "t1ar/a", "--", "true"], stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=20, check=False)
                out.seek(0)
                assert command.returncode == 125 and "a file system of the host does not answer" in out.read()
            assert 9 < time.monotonic() - begun < 18
            expect(bulkhead("down", "t1ar"), 0)
        expect(bulkhead("up", n.file), 0)
        with dead_file_system((GETATTR, STATFS)):
            for _ in range(2):
                loses_its_process_and_its_program(n, "771094")
                wait_for("the program is on the link", lambda: has_its_program(n))
            wait_for("another may change it", lambda: "nothing to confirm" in bulkhead("confirm", "t1ar").stdout, 5, pause=0.2)
        wait_for("the process runs again", lambda: processes_that_are("sleep", mark_of("771094")), 40)
        assert any("does not answer" in json.dumps(r) for r in n.records())


@case("exit statuses are those of the manual")
def _():
    with Network("t1t", RULES) as n:
        for status, arguments in (
                (0, ("check", n.file)), (0, ("down", "t1t-not-there")), (2, ("down", "../t1t")), (2, ("down",)),
                (2, ("up",)), (2, ("up", "/no/such/file")), (2, ("apply", "--confirm", "soon", n.file)),
                (1, ("confirm", "t1t")), (125, ("exec", "t1t/nobody-here", "--", "true")),
                (125, ("exec", "no-such-network/a", "--", "true")), (125, ("exec", "t1t/a")),
                (0, ("exec", "t1t/a", "--", "true")), (1, ("exec", "t1t/a", "--", "false")),
                (127, ("exec", "t1t/a", "--", "/no/such/program")), (126, ("exec", "t1t/a", "--", "/etc/passwd")),
                (42, ("exec", "t1t/a", "--", "sh", "-c", "exit 42")),
                (143, ("exec", "t1t/a", "--", "sh", "-c", "kill -TERM $$"))):
            done = bulkhead(*arguments)
            assert done.returncode == status, f"{' '.join(arguments)}: {status} wanted, {said(done)}"
        with Network("t1u", RULES, start=False, block=2) as absent:
            done = bulkhead("apply", absent.file)
            assert done.returncode == 2 and "t1u" in done.stderr and "up" in done.stderr, said(done)


@case("without root each verb says so, and nothing changes")
def _():
    with Network("t1v", RULES) as n:
        os.chmod(n.directory, 0o755)
        os.chmod(n.file, 0o644)
        copy = "/tmp/bulkhead-t1v"
        shutil.copy(options.bulkhead, copy)
        os.chmod(copy, 0o755)
        try:
            nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", copy]
            for status, arguments in ((2, ["up", n.file]), (2, ["apply", n.file]), (2, ["down", "t1v"]), (2, ["confirm", "t1v"]),
                                      (2, ["agent", "t1v"]), (125, ["exec", "t1v/a", "--", "true"])):
                done = run(*nobody, *arguments, status=None)
                assert done.returncode == status and "root" in done.stderr, f"{arguments}: {said(done)}"
            done = run(*nobody, "check", n.file, status=None)
            assert done.returncode == 0, f"check needs no root: {said(done)}"
        finally:
            os.unlink(copy)
        n.session("a", "b", 7001)


@case("a missing capability is named, and nothing is half done")
def _():
    with Network("t1w", RULES, start=False) as n:
        for missing in ("sys_admin", "net_admin", "sys_admin,-bpf", "bpf,-sys_admin,-perfmon,-net_admin"):
            done = run("setpriv", "--bounding-set", f"-{missing}", "--inh-caps", f"-{missing}", options.bulkhead, "up", n.file, status=None)
            if done.returncode == 0:
                raise AssertionError(f"up without {missing} said it was done")
            assert done.returncode == 2, said(done)
            text = done.stderr.lower()
            assert "cap_" in text or "capabilit" in text or "root" in text, f"without {missing}: {done.stderr}"
            leaves_nothing("t1w")


UNIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/systemd/bulkhead@.service.in")


@case("as after a boot, agent --policy brings the stored policy up with the unit's capabilities, says when all is enforced, and adopts what is up")
def _():
    with open(UNIT, encoding="utf-8") as file:
        capabilities = re.search(r"^CapabilityBoundingSet=(.*)$", file.read(), re.M).group(1).replace("CAP_", "+").lower().split()
    with Network("t1aa", RULES, start=False, run_in={"b": idle("771070")}) as n:
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ready.bind(f"{n.directory}/notify")
        ready.settimeout(20)

        def boot(file, **more):
            return subprocess.Popen(["setpriv", "--bounding-set", ",".join(["-all", *capabilities]), "--no-new-privs", options.bulkhead, "agent", "t1aa",
                                     "--policy", file], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                    env={**os.environ, "NOTIFY_SOCKET": f"{n.directory}/notify"}, **more)

        def started(file):
            agent = boot(file)
            n.stops.append(agent.kill)
            assert ready.recv(100) == b"READY=1"
            assert n.agent() == agent.pid
            return agent
        agent = started(n.file)
        session = n.session("a", "b", 7001)
        expect(bulkhead("status", "t1aa", "--contents"), 0)
        expect(n.exec("a", "true"), 0)
        agent.kill()
        agent.wait()
        with open(f"{n.directory}/wrong.yaml", "w", encoding="utf-8") as file:
            file.write("bulkhead: v1\n")
        for file, text in ((n.file, None), (n.write({}, "changed.yaml"), "is another"), (f"{n.directory}/wrong.yaml", "segments"),
                           ("/no/such/file", "/no/such/file")):
            agent = started(file)  # the network that is up keeps its policy
            agent.terminate()
            told = agent.communicate(timeout=10)[1]
            assert text in told and "goes on with the policy that it has" in told if text else told == "", told
            assert carries(*session)
            wait_for("the agent has ended", lambda: not n.agent())
        expect(bulkhead("down", "t1aa"), 0)
        for file, status, text in ((f"{n.directory}/wrong.yaml", 1, "segments"), ("/no/such/file", 2, "/no/such/file")):
            agent = boot(file)
            told = agent.communicate(timeout=10)[1]
            assert agent.returncode == status and text in told, (agent.returncode, told)
        agent = boot(n.write(RULES, "late.yaml", uplink="interface: t1aa-late"))
        n.stops.append(agent.kill)
        assert "for the interface t1aa-late" in agent.stderr.readline()
        time.sleep(1)
        assert agent.poll() is None  # it waits, and so does what is ordered after it
        agent.kill()
        agent.wait()
        leaves_nothing("t1aa")


@case("what another version left is not touched, and named")
def _():
    with Network("t1x", RULES) as n:
        path = f"{STATE_ROOT}/t1x/state"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as out:
            out.write(re.sub("^bulkhead-state [0-9]+", "bulkhead-state 999", text))
        try:
            for verb in (["down", "t1x"], ["up", n.file], ["apply", n.file]):
                expect(bulkhead(*verb), 2, "another version", "999")
            assert len(namespace_inodes("t1x")) == 4 and os.path.exists(f"{PIN_ROOT}/t1x/program")
        finally:
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
        expect(bulkhead("down", "t1x"), 0)
        leaves_nothing("t1x")


@case("programs in the kernel that came with another build are told by status; apply leaves them, down and up bring this one's")
def _():
    with open(options.bulkhead, "rb") as file:
        other = bytearray(file.read())
    at = next(m.start() for m in re.finditer(b"\x7fELF", other) if other[m.start() + 18:m.start() + 20] == b"\xf7\0")  # EM_BPF
    other[at + 15] = 1  # padding of e_ident: another build, and the same programs
    with Network("t1ad", RULES) as n:
        copy = f"{n.directory}/bulkhead"
        with open(copy, "wb") as file:
            file.write(other)
        os.chmod(copy, 0o755)
        told = "programs   of another build"
        assert told not in expect(bulkhead("status", "t1ad"), 0).stdout
        for _ in range(2):
            assert told in run(copy, "status", "t1ad").stdout
            assert json.loads(run(copy, "status", "t1ad", "--json").stdout)["programs"] == {"this_build": False}
            run(copy, "apply", n.file)
        run(copy, "down", "t1ad")
        run(copy, "up", n.file)
        assert told not in run(copy, "status", "t1ad").stdout
        expect(bulkhead("status", "t1ad"), 0, told)


@case("a network of a version with other tables is named as such, stays as it is, and is taken down whole")
def _():
    with open(options.bulkhead, "rb") as file:
        other = file.read().replace(b"events_by_right", b"events_by_wrong")
    with Network("t1ao", RULES, start=False) as n:
        copy = f"{n.directory}/bulkhead"
        with open(copy, "wb") as file:
            file.write(other)
        os.chmod(copy, 0o755)
        run(copy, "up", n.file)
        for verb in (["status", "t1ao"], ["up", n.file], ["apply", n.file]):
            expect(bulkhead(*verb), 2, "another version", "down t1ao")
        n.session("a", "b", 7001)
        run(copy, "status", "t1ao")
        expect(bulkhead("down", "t1ao"), 0)
        leaves_nothing("t1ao")


@case("state that is damaged is refused with its name, and never crashes")
def _():
    chance = random.Random(options.seed)
    with Network("t1y", RULES) as n:
        path = f"{STATE_ROOT}/t1y/state"
        with open(path, "rb") as file:
            good = file.read()
        for text in (b"", b"\0" * 64, b"bulkhead-state 1\nlink", good[:-9], chance.randbytes(4096), b"link " * 1000):
            with open(path, "wb") as out:
                out.write(text)
            for verb in (["apply", n.file], ["exec", "t1y/a", "--", "true"]):
                done = bulkhead(*verb)
                assert done.returncode >= 0, f"{verb} with the state {text[:30]!r}: {said(done)}"
        with open(path, "wb") as out:
            out.write(good)
        n.session("a", "b", 7001)


@case("a namespace that two networks would call the same stays with the one that made it")
def _():
    with Network("t1ah", start=False, workloads="ab", block=1) as n, Network("t1ah-x", workloads="a") as other:
        with open(f"{STATE_ROOT}/t1ah-x/state", encoding="utf-8") as file:
            state = file.read()
        expect(bulkhead("down", "t1ah-x"), 0)
        with open(n.file, encoding="utf-8") as file:
            text = file.read()
        with open(n.file, "w", encoding="utf-8") as out:
            out.write(text.replace("  a: {", "  x-a: {"))
        expect(bulkhead("up", n.file), 0)
        inodes = namespace_inodes("t1ah")
        expect(bulkhead("up", other.file), 2, "t1ah-x-a", "already")
        assert namespace_inodes("t1ah") == inodes
        os.mkdir(f"{STATE_ROOT}/t1ah-x", 0o700)  # what an `up` leaves that is killed before it finds the name taken
        with open(f"{STATE_ROOT}/t1ah-x/state", "w", encoding="utf-8") as out:
            out.write(state)
        expect(bulkhead("down", "t1ah-x"), 0)
        assert namespace_inodes("t1ah") == inodes and not os.path.exists(f"{STATE_ROOT}/t1ah-x")
        expect(n.exec("x-a", "true"), 0)


@case("without a word, exec passes signals on and ends its command when it is killed")
def _():
    with Network("t1z", RULES) as n:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            p = subprocess.Popen([options.bulkhead, "exec", "t1z/a", "--", "sleep", "771050"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            wait_for("it runs", lambda: processes_in(namespace_inodes("t1z")))
            p.send_signal(sign)
            out, err = p.communicate(timeout=10)
            assert out == err == b"" and p.returncode in (143, -9), (out, err, p.returncode)
            wait_for("its command has ended", lambda: not processes_in(namespace_inodes("t1z")), 3)


@case("whatever umask Bulkhead is begun with, users other than root inside know the network's names, and files begin as 0644")
def _():
    run_in = {"b": "{command: [sh, -c, 'cat /etc/hosts; touch /tmp/x; stat -c %a /tmp/x; exec sleep 771051'], user: nobody}"}
    with Network("t1ab", RULES, start=False, run_in=run_in) as n:
        expect(bulkhead("up", n.file, umask=0o077), 0)  # as the unit is
        expect(bulkhead("exec", "--user", "nobody", "t1ab/a", "--", "cat", "/etc/hosts", umask=0o077), 0, n.v4("b"), n.v6("b"))
        log = f"{STATE_ROOT}/t1ab/b.log"
        wait_for("it has written", lambda: os.path.exists(log) and "644" in open(log, encoding="utf-8").read())
        with open(log, encoding="utf-8") as file:
            assert n.v4("a") in file.read()


@case("where /proc is another PID namespace's, whoever would note a process or end one says so, and touches none")
def _():
    def elsewhere(*arguments):
        return run("unshare", "--pid", "--fork", options.bulkhead, *arguments, status=None)
    with Network("t1ac", RULES, start=False, run_in={"b": idle("771052")}) as n:
        expect(elsewhere("up", n.file), 2, "PID namespace")
        leaves_nothing("t1ac")
        expect(bulkhead("up", n.file), 0)
        session, agent, inside = n.session("a", "b", 7001), n.agent(), processes_in(namespace_inodes("t1ac"))
        for arguments in (("down", "t1ac"), ("apply", n.write({}, "changed.yaml")), ("up", n.file)):
            expect(elsewhere(*arguments), 2, "PID namespace")
        assert carries(*session) and n.agent() == agent and processes_in(namespace_inodes("t1ac")) == inside
        n.kill_agent()
        expect(elsewhere("agent", "t1ac"), 2, "PID namespace")
        expect(bulkhead("status", "t1ac"), 0, "does not run")


if __name__ == "__main__":
    main(__doc__)
