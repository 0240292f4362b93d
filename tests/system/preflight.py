#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the machine, or the process, lacks is named before anything changes; what is not needed is not asked.

    tests/system/preflight.py [build/bulkhead] [--seed N] [--long] [--only TEXT]
"""

import contextlib
import ctypes
import os
import resource
import signal

from harness import NETNS, Network, STATE_ROOT, allow, bulkhead, case, expect, leaves_nothing, main, options, processes_that_are, run, wait_for

RULES = {"a-to-b": allow("a", "b", "7001/tcp")}
ALWAYS = ["sys_admin", "net_admin"]
FOR_RUN = ["setpcap", "chown", "dac_override", "fowner", "fsetid", "kill", "setuid", "setgid", "net_bind_service", "net_raw"]


def idle(seconds):
    return f"{{command: [sleep, '{seconds}'], user: nobody}}"


def with_capabilities(capabilities, *arguments):
    """The program with these and no other."""
    return run("setpriv", "--inh-caps=-all", "--bounding-set", ",".join(["-all", *("+" + c for c in capabilities)]), options.bulkhead, *arguments, status=None)


def elsewhere(mounts, *arguments):
    """The program, in a mount namespace where this was done before."""
    return run("unshare", "-m", "--propagation", "private", "sh", "-ec", f'{mounts}; "$@"', "sh", options.bulkhead, *arguments, status=None)


def refuse_setns():
    """As many a container's filter does. Before exec."""
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(0x7fff0000))  # SCMP_ACT_ALLOW
    call = seccomp.seccomp_syscall_resolve_name(b"setns")
    if seccomp.seccomp_rule_add(context, 0x00050000 | 1, call, 0) or seccomp.seccomp_load(context):  # SCMP_ACT_ERRNO(EPERM)
        os._exit(99)


@case("every capability that is missing is named, and nothing is begun")
def _():
    with Network("t13a", RULES, start=False, run_in={"b": idle("771301")}) as n:
        everything = ALWAYS + FOR_RUN
        for lacking in [*([one] for one in everything), everything, FOR_RUN[3:5]]:
            done = expect(with_capabilities([c for c in everything if c not in lacking], "up", n.file), 2, "which this process lacks")
            named = done.stderr.split("needs ")[1].split(", which")[0].split(", ")
            assert sorted(named) == sorted(f"CAP_{c.upper()}" for c in lacking), (lacking, done.stderr)
            leaves_nothing("t13a")
    with Network("t13a", RULES, start=False) as n:
        expect(with_capabilities([], "up", n.file), 2, "needs CAP_SYS_ADMIN, CAP_NET_ADMIN, which")


@case("with the capabilities that are asked for, and no other, a network is built, used and taken down")
def _():
    for name, capabilities, run_in in (("t13b", ALWAYS, None), ("t13c", ALWAYS + FOR_RUN, {"b": idle("771302")})):
        with Network(name, RULES, start=False, run_in=run_in) as n:
            expect(with_capabilities(capabilities, "up", n.file), 0)
            expect(bulkhead("status", name), 0)
            n.session("a", "b", 7001)
            if run_in:
                wait_for("its command runs", lambda: processes_that_are("sleep", "771302"))
                expect(with_capabilities(capabilities, "exec", f"{name}/a", "--", "true"), 0)
            else:
                expect(with_capabilities(capabilities, "exec", f"{name}/a", "--", "true"), 125, "CAP_SETPCAP")
                expect(with_capabilities([*capabilities, "setpcap", "chown"], "exec", f"{name}/a", "--", "true"), 125, "CAP_DAC_OVERRIDE, CAP_FOWNER")
                expect(with_capabilities(capabilities, "matrix", n.file, "--live"), 2, "CAP_NET_RAW")
            expect(with_capabilities(capabilities, "down", name), 0)
            leaves_nothing(name)


@case("a kernel that does not tell its types is named, with what it was to be built with")
def _():
    with Network("t13d", RULES, start=False) as n:
        expect(elsewhere("mount -t tmpfs tmpfs /sys/kernel/btf", "up", n.file), 2, "CONFIG_DEBUG_INFO_BTF", "/sys/kernel/btf/vmlinux: No such file")
        leaves_nothing("t13d")


@case("where no namespace can be gone into, up says so and does not begin, apply leaves what runs, and exec says so")
def _():
    with Network("t13e", RULES, start=False) as n:
        done = expect(bulkhead("up", n.file, preexec_fn=refuse_setns), 2, "cannot go from one network namespace to another", "seccomp")
        leaves_nothing("t13e")
        expect(bulkhead("up", n.file), 0)
        session = n.session("a", "b", 7001)
        for arguments in (("apply", n.write(RULES, "more.yaml", workloads=("a", "b", "c", "d"))), ("exec", "t13e/a", "--", "true")):
            done = bulkhead(*arguments, preexec_fn=refuse_setns)
            assert done.returncode in (2, 125) and "Operation not permitted" in done.stderr, done
        expect(bulkhead("status", "t13e"), 0)
        assert session[0].send(b"x") == 1


@case("a stack that is too small is named with what is needed, whatever the environment takes of it")
def _():
    with Network("t13f", RULES, start=False) as n:
        for kib, environment, status in ((64, 0, 2), (255, 0, 2), (300, 100, 2), (400, 100, 0)):
            def limit(kib=kib):
                resource.setrlimit(resource.RLIMIT_STACK, (kib << 10, kib << 10))
            done = bulkhead("up", n.file, preexec_fn=limit, env={"PATH": os.environ["PATH"], **{f"FILLER{i}": "x" * 1000 for i in range(environment)}})
            expect(done, status, *([f"a stack of {kib} KiB", "ulimit -s"] if status else []))
            if status:
                leaves_nothing("t13f")
                expect(bulkhead("check", n.file, preexec_fn=limit, env={"PATH": os.environ["PATH"]}), 2 if kib < 256 else 0)
                expect(bulkhead("exec", "t13f/a", "--", "true", preexec_fn=limit, env={"PATH": os.environ["PATH"]}), 125)


@case("up that cannot write its state leaves no directory of pins")
def _():
    with Network("t13g", RULES, start=False) as n:
        left = os.path.join(n.directory, "left")
        done = elsewhere(f"mount -t bpf bpf /sys/fs/bpf; mount --bind /run /run; mount -o remount,bind,ro /run; trap 'ls /sys/fs/bpf > {left}' EXIT", "up", n.file)
        expect(done, 2, "Read-only file system")
        with open(left, encoding="utf-8") as file:
            assert "bulkhead" not in file.read().split()


@case("a limit of the size of files is named, and ends nobody; a command inside has it as it was")
def _():
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    with Network("t13k", RULES, start=False) as n:
        expect(bulkhead("up", n.file, preexec_fn=limit), 2, "File too large")
        leaves_nothing("t13k")
        expect(bulkhead("up", n.file), 0)
        ignored = expect(bulkhead("exec", "t13k/a", "--", "grep", "SigIgn", "/proc/self/status"), 0).stdout.split()[1]
        assert not int(ignored, 16) & 1 << signal.SIGXFSZ - 1, ignored


def in_time_namespace(*arguments):
    """Where CLOCK_MONOTONIC is more than a day ahead of the kernel's."""
    return run("unshare", "--time", "--fork", "--monotonic", "100000", options.bulkhead, *arguments, status=None)


@case("in a time namespace, whose monotonic clock is not the kernel's, nothing begins that compares the two")
def _():
    with Network("t13i", RULES, start=False) as n:
        expect(in_time_namespace("up", n.file), 2, "time namespace")
        leaves_nothing("t13i")
        expect(bulkhead("up", n.file), 0)
        n.kill_agent()
        for arguments in (("apply", "--confirm", "3s", n.write({}, "none.yaml")), ("agent", "t13i"), ("confirm", "t13i"), ("up", n.file), ("status", "t13i")):
            expect(in_time_namespace(*arguments), 2, "time namespace")
        n.session("a", "b", 7001)
        expect(bulkhead("confirm", "t13i"), 1)


SMALL_RUN = """
mount -t tmpfs -o "$1" tmpfs /run; mkdir -p /run/netns; mount -t bpf bpf /sys/fs/bpf
set +e
said=$("$2" up "$3" 2>&1); echo "up $? $said"
if [ "$4" = fill ]; then
    head -c 16M /dev/zero > /run/filler; i=0; while true > /run/filler$i; do i=$((i+1)); done
fi 2> /dev/null
case $said in *"is up:"*) "$2" down t13j; echo "down $?";; esac
echo left: $(ls -A /run/netns /sys/fs/bpf/bulkhead /run/bulkhead 2> /dev/null | grep t13j)
"""


def with_small_run(n, size, fill=""):
    """up and down where /run has no more room than that; filled to the last byte in between when `fill`."""
    return run("unshare", "-m", "-n", "--propagation", "private", "sh", "-ec", SMALL_RUN, "sh", size, options.bulkhead, n.file, fill)


@case("on a disk that is full, or has no inodes left, `up` takes down again what it built, and `down` everything")
def _():
    with Network("t13j", RULES, start=False, run_in={"b": idle("771303")}) as n:
        done = with_small_run(n, "size=400k,nr_inodes=100", "fill")
        assert "up 0 " in done.stdout and "down 0\n" in done.stdout and done.stdout.endswith("left:\n"), done
        failed = 0
        for size in ("size=4k", "size=8k", "size=12k", *(f"nr_inodes={i}" for i in range(5, 13))):
            done = with_small_run(n, size)
            assert "could not all be removed" not in done.stdout and "down 2" not in done.stdout and done.stdout.endswith("left:\n"), (size, done)
            failed += "up 2 " in done.stdout and "No space left" in done.stdout
        assert failed > 5, failed
        assert not processes_that_are("sleep", "771303")


@case("a file in the place of a namespace is named and stays")
def _():
    with Network("t13h", RULES, start=False) as n:
        os.makedirs(NETNS, exist_ok=True)

        def in_place_of(workload):
            with open(n.netns(workload), "x", encoding="utf-8") as file:
                file.write("mine")
            return n.netns(workload)

        def stays(path):
            with open(path, encoding="utf-8") as file:
                assert file.read() == "mine"
            os.unlink(path)
        for workload in ("hub", "a"):
            path = in_place_of(workload)
            with contextlib.ExitStack() as end:
                end.callback(lambda path=path: os.path.exists(path) and os.unlink(path))
                expect(bulkhead("up", n.file), 2, path, "is there already")
                assert not os.path.exists(f"{STATE_ROOT}/t13h")
                stays(path)
        expect(bulkhead("up", n.file), 0)
        path = in_place_of("d")
        expect(n.apply(RULES, workloads=("a", "b", "c", "d")), 2, path, "is there already")
        stays(path)
        expect(bulkhead("status", "t13h"), 0)


if __name__ == "__main__":
    main(__doc__)
