#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shell completion offers every verb and every option that the program's help names, and no other.

    tests/golden/docs/completion.py PROGRAM COMPLETION-SCRIPT
"""

import re
import subprocess
import sys

VERB = re.compile(r"^ {2}([a-z][a-z-]*) .*  ")
OPTION = re.compile(r"--?[a-z][a-z-]*")
# What `waf --help` tells of all its parts at once, part by part.
WAF_PARTS = ["check", "explain", "inspect", "replay"]


def help_of(program, *verb):
    return subprocess.run([program, *verb, "--help"], capture_output=True, text=True, check=True).stdout


def verbs(program):
    return {found.group(1) for line in help_of(program).splitlines() if (found := VERB.match(line))}


def told(program, verb):
    """The options in the column of a help text's list, with a letter of their own or without."""
    found = set()
    for line in help_of(program, verb).splitlines():
        if re.match(r"^ {2,6}-", line):
            found.update(OPTION.findall(re.split(r" {2,}(?!-)", line.strip())[0]))
    return found


def offered(script, *words):
    """What the completion offers for `bulkhead WORDS...`, the last word being the one that is typed."""
    text = ('source "$1"; shift; COMP_WORDS=(bulkhead "$@"); COMP_CWORD=$#; compopt() { :; }; _bulkhead; '
            'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", text, "bash", script, *words], capture_output=True, text=True, check=True)
    return {line for line in done.stdout.split("\n") if line}


def main():
    program, script = sys.argv[1:]
    wrong = []

    def same(what, is_offered, is_told):
        if is_told - is_offered:
            wrong.append(f"{what}: not offered: {' '.join(sorted(is_told - is_offered))}")
        if is_offered - is_told:
            wrong.append(f"{what}: offered, and not there: {' '.join(sorted(is_offered - is_told))}")

    known = verbs(program)
    if len(known) < 10:
        wrong.append(f"only {len(known)} verbs were found in the help")
    same("verbs", offered(script, "") - {"--help", "--version"}, known)
    for verb in sorted(known - {"waf"}):
        # A letter is an option's second name: completion may leave it out.
        same(verb, {o for o in offered(script, verb, "-") if o.startswith("--") and o != "--"},
             {o for o in told(program, verb) if o.startswith("--")})
    parts = [offered(script, "waf", part, "-") for part in WAF_PARTS]
    same("waf", set().union(*parts), told(program, "waf") | {"--old-cache", "--new-cache"})
    for line in wrong:
        print(line)
    if not wrong:
        print(f"completion: the options of {len(known)} verbs are those of their help")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
