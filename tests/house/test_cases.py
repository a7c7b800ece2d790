"""The 71 bad inputs and faults that this service must survive: each is a test that carries its number."""

from __future__ import annotations

import re
import subprocess
import sys

from tree import ROOT

#: 1–30 the network, 31–56 what comes over it, 57–71 the process.
CASES = range(1, 72)
NUMBER = re.compile(r"case_(\d\d)(?!\d)")


def test_every_case_is_a_collected_test_that_carries_its_number() -> None:
    """By what pytest collects, names and parameter ids, not by what stands in the files."""
    files = [
        str(path)
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if path.parent.name != "house" and NUMBER.search(path.read_text(encoding="utf-8"))
    ]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    tests: dict[int, list[str]] = {number: [] for number in CASES}
    for line in done.stdout.splitlines():
        if "::" in line:
            for number in NUMBER.findall(line.partition("::")[2]):
                tests[int(number)].append(line)
    assert [number for number, found in tests.items() if not found] == []
