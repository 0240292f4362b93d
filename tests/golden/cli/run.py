#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line, case by case: NAME.cmd is run, what it does must be NAME.expected.

    run.py PROGRAM VERSION EXAMPLE [NAME...]    BLESS=1 rewrites what is expected

NAME.cmd is a line for sh, in which `bulkhead` is the program; NAME.stdin is its input (else there is none). It runs
in an empty folder with copies of EXAMPLE (shop.yaml), of the policies, rules, requests and databases here, and of the
folders recorded*.
NAME.expected is what it printed, how it exited, and each file that it made or changed. What --json and --batch print
must be JSON, line by line. After the cases come promises that no text shows: pipes, terminals, man pages' needs. Prints
TAP.
"""

import glob
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
VERBS = """check fmt why matrix diff up down apply confirm exec status flows top agent gateway waf schema""".split()
WIDTH, HEIGHT = 80, 24
TALLER = {None: 32, "waf": 40}  # lists of verbs
LIMIT = 60  # seconds for a case


class Bench:
    """A fresh folder with the policies, and the program in PATH."""

    def __init__(self, program, example):
        self.program, self.example = program, example

    def __enter__(self):
        self.at = tempfile.mkdtemp(prefix="bulkhead-cli-")
        self.folder, tools = os.path.join(self.at, "folder"), os.path.join(self.at, "bin")
        os.mkdir(self.folder)
        os.mkdir(tools)
        os.symlink(self.program, os.path.join(tools, "bulkhead"))
        shutil.copy(self.example, os.path.join(self.folder, "shop.yaml"))
        for given in glob.glob(os.path.join(HERE, "*.yaml")) + glob.glob(os.path.join(HERE, "*.conf")) + \
                glob.glob(os.path.join(HERE, "*.http")) + glob.glob(os.path.join(HERE, "*.mmdb")):
            shutil.copy(given, self.folder)
        for given in glob.glob(os.path.join(HERE, "recorded*")):
            shutil.copytree(given, os.path.join(self.folder, os.path.basename(given)))
        kept = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        self.environment = {**kept, "PATH": tools + ":/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "Pacific/Auckland",
                            "HOME": "/nonexistent", "TERM": "xterm"}
        self.before = self.files()
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.at)

    def files(self):
        found = {}
        for name in sorted(os.listdir(self.folder)):
            path = os.path.join(self.folder, name)
            if not os.path.isdir(path):
                with open(path, "rb") as f:
                    found[name] = f.read() if os.path.isfile(path) else b""
        return found

    def changed(self):
        after = self.files()
        names = sorted(set(after) | set(self.before))
        return [(n, after.get(n)) for n in names if after.get(n) != self.before.get(n)]

    def run(self, line, stdin=b"", **more):
        return subprocess.run(["sh", "-c", line], cwd=self.folder, env=self.environment, input=stdin,
                              capture_output=True, timeout=LIMIT, check=False, **more)


def show(ran, bench, version):
    """What is kept as expected."""
    parts = []
    for name, text in (("stdout", ran.stdout), ("stderr", ran.stderr)):
        if text:
            parts.append(f"--- {name}\n{text.decode(errors='backslashreplace')}")
    for name, contents in bench.changed():
        parts.append(f"--- file {name}" + (": gone\n" if contents is None else "\n" + contents.decode(errors="replace")))
    parts.append(f"--- exit {ran.returncode}\n")
    shown = "".join(p if p.endswith("\n") else p + "\n--- (no newline)\n" for p in parts)
    return shown.replace(f"bulkhead {version}\n", "bulkhead @VERSION@\n")


def complaints_about_json(command, output):
    if not re.search(r"--json|--batch", command) or "|" in command or "--help" in command:
        return []
    found = []
    for line in output.decode(errors="replace").splitlines():
        try:
            json.loads(line)
        except ValueError as problem:
            found.append(f"not JSON: {problem}: {line}")
    return found


def differences(expected, got):
    want, have = expected.splitlines(), got.splitlines()
    for at in range(max(len(want), len(have))):
        a = want[at] if at < len(want) else "(nothing)"
        b = have[at] if at < len(have) else "(nothing)"
        if a != b:
            return [f"line {at + 1}", f"expected: {a}", f"got:      {b}"]
    return ["differs in newlines"]


def golden(name, context):
    program, version, example = context
    base = os.path.join(HERE, name)
    with open(base + ".cmd", encoding="utf-8") as f:
        command = f.read()
    stdin = b""
    if os.path.exists(base + ".stdin"):
        with open(base + ".stdin", "rb") as f:
            stdin = f.read()
    with Bench(program, example) as bench:
        ran = bench.run(command, stdin)
        got = show(ran, bench, version)
    wrong = complaints_about_json(command, ran.stdout)
    if os.environ.get("BLESS"):
        with open(base + ".expected", "w", encoding="utf-8", newline="") as f:
            f.write(got)
        return wrong
    try:
        with open(base + ".expected", encoding="utf-8", newline="") as f:
            expected = f.read()
    except FileNotFoundError:
        return wrong + ["no .expected: BLESS=1"]
    return wrong + (differences(expected, got) if got != expected else [])


# Promises.

def help_fits_on_a_screen(bench):
    wrong = []
    for verb in [None, *VERBS]:
        ran = bench.run(f"bulkhead {verb or ''} --help")
        if verb and b"not built yet" in ran.stderr:
            continue
        lines = ran.stdout.decode().splitlines()
        title = f"Usage: bulkhead {verb}" if verb else "Usage: bulkhead VERB"
        if ran.returncode or ran.stderr or not lines or not lines[0].startswith(title):
            wrong.append(f"{verb}: exit {ran.returncode}, {lines[:1]}")
        if len(lines) > TALLER.get(verb, HEIGHT) or any(len(line) > WIDTH for line in lines):
            wrong.append(f"{verb}: {len(lines)} lines of at most {max(map(len, lines), default=0)} columns")
        needed = ["Options:", "Examples:"] + (["Verbs:"] if not verb else [])
        wrong += [f"{verb}: no {n}" for n in needed if n not in lines]
    return wrong


def help_lists_the_verbs_that_are_built(bench):
    listed = re.findall(r"^  ([a-z]+)(?: .*?)?  +\S", bench.run("bulkhead --help").stdout.decode(), re.M)
    wrong = [f"unknown here: {v}" for v in listed if v not in VERBS and v != "bulkhead"]
    for verb in VERBS:
        ran = bench.run(f"bulkhead {verb} --help")
        missing = ran.stderr == f"bulkhead {verb}: not built yet\n".encode()
        if missing != (verb not in listed) or ran.returncode != (2 if missing else 0):
            wrong.append(f"{verb}: {ran}")
    return wrong


def help_works_after_other_options(bench):
    return [] if bench.run("bulkhead why --json shop.yaml --help").stdout.startswith(b"Usage:") else ["no help"]


def batch_answers_each_line_before_the_next_is_written(bench):
    with subprocess.Popen(["bulkhead", "why", "small.yaml", "--batch"], cwd=bench.folder, env=bench.environment,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                          executable=bench.program) as asked:
        wrong = []
        for question, decision in ((b"one two 80/tcp\n", "allow"), (b"two one 80/tcp\n", "deny")) * 20:
            asked.stdin.write(question)
            if not select.select([asked.stdout], [], [], LIMIT)[0]:
                wrong.append("no answer")
                asked.kill()
                break
            answer = json.loads(asked.stdout.readline())
            if answer["decision"] != decision:
                wrong.append(str(answer))
        asked.stdin.close()
        if asked.wait(LIMIT) != 0:
            wrong.append(f"exit {asked.returncode}")
    return wrong


def batch_answers_a_line_in_pieces(bench):
    with subprocess.Popen(["bulkhead", "why", "small.yaml", "--batch"], cwd=bench.folder, env=bench.environment,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                          executable=bench.program) as asked:
        for piece in (b"one t", b"wo 80", b"/tcp\none two 81/tcp\non", b"e two 80/tcp"):
            asked.stdin.write(piece)
        asked.stdin.close()
        got = [json.loads(line)["decision"] for line in asked.stdout]
        status = asked.wait(LIMIT)
    return [] if got == ["allow", "deny", "allow"] and status == 0 else [f"{got}, exit {status}"]


def batch_answers_many_lines_in_order(bench):
    questions = [("one two 80/tcp", "allow"), ("one two 81/tcp", "deny"), ("x" * 5000, None),
                 ("y" * 600000, None), ("nobody two 80/tcp", None)] + [("one two 80/tcp", "allow")] * 30000
    ran = bench.run("bulkhead why small.yaml --batch", "\n".join(q for q, _ in questions).encode())
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    wrong = [] if len(answers) == len(questions) else [f"{len(answers)} answers to {len(questions)} questions"]
    for (question, decision), answer in zip(questions, answers):
        if answer.get("decision") != decision or ("error" in answer) != (decision is None):
            wrong.append(f"{question[:40]}: {answer}")
    return wrong[:5] + ([] if ran.returncode == 2 else [f"exit {ran.returncode}"])


def a_closed_pipe_is_exit_2(bench):
    """Quietly: whoever closed it knows."""
    wrong = []
    for command, stdin in ((["schema"], b""), (["why", "small.yaml", "--batch"], b"one two 80/tcp\n"), (["--help"], b"")):
        reading, writing = os.pipe()
        os.close(reading)
        ran = subprocess.run(["bulkhead", *command], executable=bench.program, cwd=bench.folder,
                             env=bench.environment, input=stdin, stdout=writing, stderr=subprocess.PIPE,
                             timeout=LIMIT, check=False)
        os.close(writing)
        if ran.returncode != 2 or ran.stderr:
            wrong.append(str(ran))
    return wrong


def on_a_terminal(bench, **environment):
    """What `check broken.yaml` writes to standard error when that is a terminal."""
    ours, theirs = pty.openpty()
    ran = subprocess.Popen(["bulkhead", "check", "broken.yaml"], executable=bench.program, cwd=bench.folder,
                           env={**bench.environment, **environment}, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the terminal's other end is closed
            piece = b""
        if not piece:
            break
        said += piece
    os.close(ours)
    ran.wait(LIMIT)
    return said


def colours_are_for_terminals_only(bench):
    wrong = []
    if b"\x1b[" not in on_a_terminal(bench):
        wrong.append("no colours on a terminal")
    if b"\x1b[" in on_a_terminal(bench, NO_COLOR="1"):
        wrong.append("colours despite NO_COLOR")
    if b"\x1b[" in on_a_terminal(bench, TERM="dumb"):
        wrong.append("colours on a dumb terminal")
    if b"\x1b[" in bench.run("bulkhead check broken.yaml").stderr:
        wrong.append("colours in a pipe")
    return wrong


def the_local_time_zone_does_not_matter(bench):
    wrong = []
    for zone in ("UTC", "Pacific/Auckland", "America/Los_Angeles"):
        for at, status in (("08:00", 0), ("16:59", 0), ("07:59", 1), ("17:00", 1)):
            ran = bench.run(f"TZ={zone} bulkhead why timed.yaml --from one --to two --port 80/tcp --at {at}")
            if ran.returncode != status:
                wrong.append(f"{zone} {at}: exit {ran.returncode}")
    ran = bench.run("TZDIR=/nonexistent bulkhead check zoned.yaml")
    return wrong + ([f"TZDIR matters: {ran.stderr}"] if ran.returncode else [])


def nothing_needs_privilege_or_writes_unasked(bench):
    """As nobody, in a folder that nobody may write to; also what was asked to write must leave all as it is."""
    copy = os.path.join(bench.at, "program")
    shutil.copy(bench.program, copy)
    for path in (bench.at, copy):
        os.chmod(path, 0o755)
    os.chmod(bench.folder, 0o555)
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    wrong = []
    for command, status in ((["check", "small.yaml"], 0), (["fmt", "small.yaml"], 0), (["schema"], 0),
                            (["why", "small.yaml", "--from", "one", "--to", "two", "--port", "80/tcp"], 0),
                            (["matrix", "small.yaml"], 0), (["diff", "small.yaml", "wider.yaml"], 1),
                            (["fmt", "-w", "wider.yaml"], 2)):
        ran = subprocess.run([copy, *command], cwd=bench.folder, env=bench.environment, stdin=subprocess.DEVNULL,
                             capture_output=True, timeout=LIMIT, check=False, **nobody)
        if ran.returncode != status:
            wrong.append(str(ran))
    os.chmod(bench.folder, 0o755)
    return wrong + [f"changed: {bench.changed()}"] * bool(bench.changed())


PROMISES = [help_fits_on_a_screen, help_lists_the_verbs_that_are_built, help_works_after_other_options,
            batch_answers_each_line_before_the_next_is_written, batch_answers_a_line_in_pieces,
            batch_answers_many_lines_in_order, a_closed_pipe_is_exit_2, colours_are_for_terminals_only,
            the_local_time_zone_does_not_matter, nothing_needs_privilege_or_writes_unasked]


def main(program, version, example, *names):
    program, example = os.path.abspath(program), os.path.abspath(example)
    cases = sorted(os.path.basename(p)[:-4] for p in glob.glob(os.path.join(HERE, "*.cmd")))
    orphans = [os.path.basename(p) for ending in ("expected", "stdin") for p in glob.glob(os.path.join(HERE, "*." + ending))
               if os.path.splitext(os.path.basename(p))[0] not in cases]
    todo = [(name, lambda n=name: golden(n, (program, version, example))) for name in cases]
    for promise in PROMISES:
        def keep(p=promise):
            with Bench(program, example) as bench:
                return p(bench)
        todo.append((promise.__name__.replace("_", " "), keep))
    todo.append(("every expectation belongs to a case", lambda: orphans))
    chosen = [t for t in todo if not names or t[0] in names]
    failed = 0
    for number, (name, check) in enumerate(chosen, 1):
        try:
            wrong = check()
        except (subprocess.TimeoutExpired, ValueError, KeyError) as problem:
            wrong = [repr(problem)]
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {number} - {name}", flush=True)
        for line in wrong:
            print(f"#   {line}")
    print(f"1..{len(chosen)}")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
