"""What the newest packages change and break, as Markdown: for the issue that .github/workflows/newest.yml writes.

    python .ci/newest.py "Linux, Python 3.14" pinned.txt requirements.txt newest.xml

The two lists are compiled by uv. The last file is pytest's report (`--junitxml`); it is missing where the tests did not
get as far as that. Standard library only.
"""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

# GitHub takes an issue of 65,536 characters, and four runs share it.
MOST_FAILURES = 30
LONGEST_LINE = 300
MOST_CHARACTERS = 15_000

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)(?:\s*;\s*(.*))?$")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def pins(text: str) -> dict[str, str]:
    """The versions in a compiled list. A package that is pinned for some systems or Pythons bears that condition."""
    found = [_PIN.match(line.strip()) for line in text.splitlines()]
    return {f"{pin[1]} ({pin[3]})" if pin[3] else pin[1]: pin[2] for pin in found if pin}


def news(before: str, after: str) -> list[tuple[str, str, str]]:
    """Each package whose version differs between two lists, with both versions; empty where it is not in one."""
    old, new = pins(before), pins(after)
    return [
        (name, old.get(name, ""), new.get(name, ""))
        for name in sorted(old | new)
        if old.get(name, "") != new.get(name, "")
    ]


def failures(report: str) -> list[tuple[str, str]]:
    """Each test that failed in pytest's report, with the line that says why."""
    found = []
    for case in ET.fromstring(report).iter("testcase"):
        for problem in [*case.findall("failure"), *case.findall("error")]:
            said = _COLOUR.sub("", problem.get("message") or problem.text or "").strip()
            name = "::".join(filter(None, [case.get("file") or case.get("classname"), case.get("name")]))
            found.append((name, (said.splitlines() or [""])[0][:LONGEST_LINE]))
    return found


def summary(where: str, before: str, after: str, report: str | None) -> str:
    """The whole text about one run.

    Args:
        where: the system and the Python.
        before: the list of packages as it is committed.
        after: the newest that fits.
        report: pytest's report, None where there is none.
    """
    lines = [f"## {where}", ""]
    if report is None:
        lines += [
            "The tests did not run to their end: the packages could not be installed, or the run was stopped.",
            "",
        ]
    elif broken := failures(report):
        lines += [f"{len(broken)} failed:", ""]
        lines += [f"- `{name}`: {_plain(why)}" for name, why in broken[:MOST_FAILURES]]
        lines += ["- and more, see the log"] if len(broken) > MOST_FAILURES else []
        lines += [""]
    else:
        lines += ["All tests passed.", ""]
    changed = news(before, after)
    lines += ["| package | pinned | newest |", "|---|---|---|"] if changed else ["No package is newer than its pin."]
    lines += [f"| {name} | {old or 'none'} | {new or 'none'} |" for name, old, new in changed]
    return "\n".join(lines)[:MOST_CHARACTERS] + "\n\n"


def _plain(text: str) -> str:
    """Text of others as a piece of code: it mentions nobody, links to nothing and breaks no list."""
    return f"`{text.replace('`', chr(39))}`" if text else "no reason given"


if __name__ == "__main__":
    where, before, after, report = sys.argv[1], *map(Path, sys.argv[2:5])
    told = report.read_text(encoding="utf-8") if report.exists() else None
    text = summary(where, before.read_text(encoding="utf-8"), after.read_text(encoding="utf-8"), told)
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    print(text, end="")
