"""Thousands of damaged files for every reader: each is read, or refused in one line, within 10 s and 2 GB of memory.

Worker processes go through the mutations of one kind of file after another. A worker that hangs or dies is replaced,
and its successor goes on with the next mutation. The mutations of a seed are always the same.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from environment import write_result
from quietscope.testing.corpus import subjects
from quietscope.testing.exported_corpus import exported_subjects
from quietscope.testing.mutations import READ, REFUSED, Subject, mutated, outcome

SECONDS, BYTES = 10.0, 2 << 30
SECONDS_OF_IMPORTS = 120.0
FORK = multiprocessing.get_context("fork")


def work(subject: Subject, whole: bytes, seed: str, numbers: range, parent: Connection) -> None:
    """Go through mutations in a process of its own, and tell the parent what came of each."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, used + BYTES))  # beyond what the libraries have mapped
    subject.file.write_bytes(whole)
    parent.send(outcome(subject.read))  # imports what reads it, for which the time of a mutation would be too short
    for number in numbers:
        subject.file.write_bytes(mutated(subject, whole, f"{seed} {subject.name} {number}"))
        parent.send(outcome(subject.read))
    parent.close()


def try_all(subject: Subject, seed: str, count: int, until: float) -> Counter[str]:
    """Return how often each outcome came of the mutations of one file."""
    whole, found, start = subject.file.read_bytes(), Counter[str](), 0
    while start < count and time.monotonic() < until:
        here, there = FORK.Pipe(duplex=False)
        process = FORK.Process(target=work, args=(subject, whole, seed, range(start, count), there))
        process.start()
        there.close()
        try:
            assert here.poll(SECONDS_OF_IMPORTS), f"{subject.name} cannot be read while it is whole"
            assert here.recv() == READ, f"{subject.name} cannot be read while it is whole"
            while start < count and time.monotonic() < until:
                if not here.poll(SECONDS):
                    found[f"no answer in {SECONDS:g} s (mutation {start})"] += 1
                    start += 1
                    break
                found[here.recv()] += 1
                start += 1
        except EOFError:
            found[f"the process died (mutation {start})"] += 1
            start += 1
        process.kill()
        process.join()
        here.close()
    subject.file.write_bytes(whole)
    return found


def try_everything(count: int, minutes: float, seed: str, only: str = "") -> dict[str, Any]:
    """Damage every kind of file, print what came of it, and return that."""
    runs: dict[str, Any] = {}
    table = Table("file", "tried", "read", "refused", "faults", "distinct", title="damaged files")
    with tempfile.TemporaryDirectory() as folder:
        every = [*exported_subjects(Path(folder)), *subjects(Path(folder))]
        chosen = [each for each in every if only in each.name]
        end = time.monotonic() + 60 * minutes
        for place, subject in enumerate(chosen):
            share = (end - time.monotonic()) / (len(chosen) - place)
            found = try_all(subject, seed, count, time.monotonic() + share)
            faults = {words: times for words, times in found.items() if words not in (READ, REFUSED)}
            tried, survived = sum(found.values()), found[READ] + found[REFUSED]
            runs[subject.name] = {"tried": tried, "survived": survived, "read": found[READ], "faults": faults}
            numbers = (tried, found[READ], found[REFUSED], tried - survived, len(faults))
            table.add_row(subject.name, *map(str, numbers))
    console = Console()
    console.print(table)
    for name, run in runs.items():
        for words, times in run["faults"].items():
            console.print(f"{name}: {words} ({times} times)", markup=False)
    tried, survived = (sum(run[key] for run in runs.values()) for key in ("tried", "survived"))
    distinct = len({words for run in runs.values() for words in run["faults"]})
    print(f"tried {tried}, survived {survived}, distinct tracebacks {distinct}")
    payload = {"seed": seed, "seconds_limit": SECONDS, "bytes_limit": BYTES, "files": runs, "distinct": distinct}
    return {"tried": tried, "survived": survived, **payload}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="mutations of each kind of file")
    parser.add_argument("--minutes", type=float, default=120.0, help="time for all kinds together")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--only", default="", help="kinds whose name has this in it")
    parser.add_argument("--name", default="fault_mutations")
    args = parser.parse_args()
    print(write_result(args.name, try_everything(args.count, args.minutes, args.seed, args.only)))


if __name__ == "__main__":
    main()
