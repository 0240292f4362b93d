#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every example of docs/policy.md is what the text says: valid, invalid, or suspicious; and canonical form is a fixed point.

    examples.py PROGRAM docs/policy.md

An example is a YAML block behind `<!-- example: base|whole|added, exit 0|1[, warns] -->`; an added one is appended to the
base."""
import re
import subprocess
import sys

EXAMPLE = re.compile(r"<!-- example: (.*?) -->\n```yaml\n(.*?)```\n", re.S)


def run(program, verb, text):
    return subprocess.run([program, verb, "-"], input=text, capture_output=True, text=True, check=False)


def judge(program, text, status, warns):
    """What is wrong with an example, or None."""
    checked = run(program, "check", text)
    said = checked.stdout + checked.stderr
    if checked.returncode != status:
        return f"exit {checked.returncode} instead of {status}:\n{said}"
    if status:
        return None
    if warns != ("warning:" in said):
        return f"{'no warning' if warns else 'a warning'}:\n{said}"
    canonical = run(program, "fmt", text).stdout
    if not canonical or run(program, "fmt", canonical).stdout != canonical:
        return "its canonical form is not one"
    return None


def main(program, document):
    with open(document, encoding="utf-8") as file:
        text = file.read()
    examples = EXAMPLE.findall(text)
    base, failed = "", 0
    for number, (words, example) in enumerate(examples, 1):
        kind, status, *rest = [word.strip() for word in words.split(",")]
        if kind == "base":
            base = example
        wrong = judge(program, base + example if kind == "added" else example, int(status.split()[1]), "warns" in rest)
        failed += wrong is not None
        print(f"{'not ok' if wrong else 'ok'} {number} - {example.strip().splitlines()[0]}")
        if wrong:
            print("".join(f"# {line}\n" for line in wrong.splitlines()), end="")
    blocks = text.count("```yaml")
    if blocks != len(examples):
        failed += 1
        print(f"not ok {len(examples) + 1} - {blocks - len(examples)} blocks say nothing of what they are")
    print(f"1..{len(examples) + (blocks != len(examples))}")
    return 1 if failed or not examples else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
