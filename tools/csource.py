# SPDX-License-Identifier: Apache-2.0
"""Reading C well enough for the checks: which files there are, and their text without comments or strings."""

import os
import re

# Comments, string and character literals; whatever matches first wins, so a quote in a comment is a comment.
_TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def code_only(text):
    """The text with comments and literals blanked; lines keep their numbers, columns too."""

    def blank(match):
        found = match.group(0)
        return re.sub(r"[^\n]", " ", found) if found[0] == "/" else found[0] + " " * (len(found) - 2) + found[-1]

    return _TOKEN.sub(blank, text)


def without_comments(text):
    """The text with comments blanked and strings kept, for reading #include lines."""
    return _TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)) if m.group(0)[0] == "/" else m.group(0), text)


def files_under(root, folders, endings=None):
    """Paths relative to root, sorted, of the files in the folders that exist."""
    found = []
    for folder in folders:
        for where, inner, names in os.walk(os.path.join(root, folder)):
            inner[:] = [d for d in inner if not d.startswith(".") and d != "__pycache__"]
            found += [os.path.relpath(os.path.join(where, n), root) for n in names
                      if endings is None or n.endswith(endings)]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def self_test(check, cases):
    """Run `check(root)` on a small tree for each case: (name, {path: text}, text that one complaint must have, or
    None when there must be none). Returns the exit status."""
    import tempfile

    failed = 0
    for number, (name, tree, wanted) in enumerate(cases, 1):
        with tempfile.TemporaryDirectory() as root:
            for path, text in tree.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                    f.write(text)
            complaints = check(root)
        good = not complaints if wanted is None else any(wanted in c for c in complaints)
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        if not good:
            failed += 1
            print(f"# wanted: {wanted!r}, complaints: {complaints}")
    print(f"1..{len(cases)}")
    return 1 if failed else 0


def report(complaints, checked):
    for complaint in complaints:
        print(complaint)
    if not complaints:
        print(f"{checked}: nothing to complain about")
    return 1 if complaints else 0
