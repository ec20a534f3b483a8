"""Prediction by chunks, killed at random: workers, the scheduler, whole runs, parts of an array, and full disks.

Every case ends, resumed, with the results of a run that nobody disturbed, byte for byte at every level and in their
metadata; an older result stands whole until then; no file and no process is left, and a run that cannot go on says so
in one line. Moments are spread over the seconds that all processes of an undisturbed run compute, the same shares of
them for a seed on every machine, however busy it is; the result says at which stage each hit. Half of the cases have
older results in place. Linux alone tells the processes of a case, and full disks are small file systems in memory,
which only root can mount.
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from chunk_cases import LONGEST, NAMES, Case, Lab, Run, size_of
from environment import write_result
from fault_kills import small_disk

BY_ONE, BY_TWO = ("--workers", 1), ("--workers", 2)
DISK, ROOMY, MOST = "full disk", 256, 0.75  # MB; of what is needed, in blocks of another file system


def harm_worker(case: Case, share: float) -> None:
    """Kill a worker process; the run goes on, or is gone on with."""
    start, whole = case.lab.before_workers, case.lab.took["workers 2"]
    with Run(case, *BY_TWO) as run:
        run.reach(start + share * (whole - start))
        worker = case.some_worker(run)
        case.hit(run)
        if worker is not None:
            os.kill(worker, signal.SIGKILL)
        run.end()
    case.facts["went on"] = run.ended_well()
    if not case.facts["went on"]:
        run.check_refused()
        case.check_older()
        case.resume()


def harm_scheduler(case: Case, share: float) -> None:
    """Kill the scheduler; its workers stay while processes of another kind go on, or others take their place."""
    with case.cluster() as cluster:
        with Run(case, "--scheduler", cluster.address) as run:
            run.reach(share * case.lab.took["scheduler"])
            case.hit(run)
            cluster.kill_scheduler()
            run.end()
        if run.ended_well():
            return
        run.check_refused()
        case.check_older()
        if case.chance.random() < 0.5:
            case.resume()
            return
    with case.cluster() as other:
        case.resume("--scheduler", other.address)


def harm_caller(case: Case, share: float) -> None:
    """Kill a run whose workers are those of a scheduler, and stay at work."""
    with case.cluster() as cluster:
        with Run(case, "--scheduler", cluster.address) as run:
            run.reach(share * case.lab.took["scheduler"])
            case.hit(run)
            run.kill()
        case.check_older()
        case.resume(*case.chance.choice(((), ("--scheduler", cluster.address))))


def harm_group(case: Case, share: float) -> None:
    """Kill a run with all its processes."""
    with Run(case, *BY_ONE) as run:
        run.reach(share * case.lab.took["workers 1"])
        case.hit(run)
        run.kill_all()
    case.check_older()
    case.resume()


def harm_main(case: Case, share: float) -> None:
    """Kill the process that was started and no other, and go on at once."""
    with Run(case, *BY_ONE) as run:
        run.reach(share * case.lab.took["workers 1"])
        case.hit(run)
        run.kill()
    case.check_older()
    case.resume()


def harm_end(case: Case, share: float) -> None:
    """Kill a run with all its processes as soon as a result has its name, or up to 10 ms later."""
    with Run(case, *BY_ONE) as run:
        while not run.is_over and run.seconds < LONGEST and not any(map(case.is_new, NAMES)):
            time.sleep(0.0002)
        time.sleep(0.01 * share)
        run.kill_all()
        case.hit(run)
    case.check_older()
    case.resume()


def harm_part(case: Case, share: float) -> None:
    """Kill one of two parts that run at the same time, or both, and run what was killed once more."""
    parts = ("1/2", "2/2")
    killed = case.chance.choice((parts[:1], parts[1:], parts))
    with Run(case, "--part", parts[0]) as one, Run(case, "--part", parts[1]) as other:
        one.reach(share * case.lab.took["part"])
        case.hit(one)
        runs = dict(zip(parts, (one, other), strict=True))
        for part in killed:
            runs[part].kill()
        for run in runs.values():
            run.end()
    case.check_older()
    for part in parts:
        if part not in killed and not runs[part].ended_well():
            case.wrong.append(f"part {part}: status {runs[part].status}: {runs[part].last()}")
    for part in killed:
        case.resume("--part", part)


def harm_disk(case: Case, share: float) -> None:
    """Run out of room, then have some."""
    with Run(case, *BY_ONE) as run:
        run.end()
    case.hit(run)
    case.facts["kB"] = round(share * case.lab.needed)
    if run.ended_well():
        case.facts["stage"] = "none: there was enough room"
        return
    run.check_refused()
    case.check_older()
    subprocess.run(["mount", "-o", f"remount,size={ROOMY}m", case.disk], check=True)
    case.resume()


Harm = Callable[[Case, float], None]
KINDS: dict[str, tuple[Harm, int]] = {
    "worker": (harm_worker, 20),
    "whole run": (harm_group, 10),
    "main process": (harm_main, 10),
    "scheduler": (harm_scheduler, 5),
    "caller of a scheduler": (harm_caller, 3),
    "part": (harm_part, 6),
    "names": (harm_end, 4),
    DISK: (harm_disk, 4),
}
"""What is done, and how often."""


def plans_of(seed: str, factor: float, only: str | None) -> list[tuple[str, float, bool]]:
    """Return kind, share of the time and whether older results stand, of every case, kinds mixed."""
    mixed = []
    for kind, (_, count) in KINDS.items():
        if only not in (None, kind) or (kind == DISK and os.geteuid()):
            continue
        chance, number = random.Random(f"{seed} {kind}"), max(round(factor * count), 1)
        shares = [(n + chance.random()) / number for n in range(number)]
        chance.shuffle(shares)
        mixed += [((n + 0.5) / number, (kind, share, n % 2 == 0)) for n, share in enumerate(shares)]
    return [plan for _, plan in sorted(mixed)]


def try_one(lab: Lab, kind: str, share: float, older: bool, seed: str) -> dict[str, Any]:
    """Do one harm, and return what was right and wrong."""
    case = Case(lab, random.Random(f"{seed} {kind} {share}"), older=older)
    room = size_of(lab.folder / "older") * older + 32 + round(MOST * share * lab.needed)
    try:
        with small_disk(case.folder, room) if kind == DISK else nullcontext():
            case.put_older()
            KINDS[kind][0](case, share)
            case.check_end()
    finally:
        case.end_processes()
        case.remove()
    return {"kind": kind, "share": round(share, 4), "older": older, **case.facts, "wrong": case.wrong}


def table_of(cases: list[dict[str, Any]]) -> Table:
    """Return how often all was right, what was hit, and how long the end took."""
    table = Table("killed", "cases", "right", "went on", "hit", "seconds to end it")
    for kind in KINDS:
        mine = [case for case in cases if case["kind"] == kind]
        if mine:
            hit = Counter(case.get("stage", "nothing") for case in mine)
            took = [case["resumed_seconds"] for case in mine if "resumed_seconds" in case]
            table.add_row(
                kind,
                str(len(mine)),
                str(sum(not case["wrong"] for case in mine)),
                str(sum(case.get("went on", False) for case in mine) or ""),
                ", ".join(f"{stage} {count}" for stage, count in hit.items()),
                f"{statistics.median(took):.1f}" if took else "",
            )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factor", type=float, default=1.0, help="of the number of cases of each kind")
    parser.add_argument("--kind", choices=list(KINDS), help="no other kind")
    parser.add_argument("--minutes", type=float, default=30.0, help="after which no case begins")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--name", default="chunk_kills")
    args = parser.parse_args()
    end, cases = time.monotonic() + 60 * args.minutes, []
    with tempfile.TemporaryDirectory() as name:
        lab = Lab(Path(name))
        lab.measure()
        print("undisturbed, seconds:", {kind: round(took, 1) for kind, took in lab.seconds.items()}, flush=True)
        plans = plans_of(args.seed, args.factor, args.kind)
        for kind, share, older in plans:
            if time.monotonic() > end:
                break
            cases.append(try_one(lab, kind, share, older, args.seed))
            print(f"{len(cases)}/{len(plans)}", {key: value for key, value in cases[-1].items() if value}, flush=True)
    Console().print(table_of(cases))
    found = {
        "seed": args.seed,
        "tried": len(cases),
        "right": sum(not case["wrong"] for case in cases),
        "undisturbed_seconds": {kind: round(took, 2) for kind, took in lab.seconds.items()},
        "undisturbed_work": {kind: round(took, 2) for kind, took in lab.took.items()},
        "cases": cases,
    }
    print(write_result(args.name, found))


if __name__ == "__main__":
    main()
