"""Everything that may go wrong, in one run: kills, full disks, signals, long work, and thousands of damaged files.

It prints how often harm was tried and survived, and the distinct tracebacks, and writes them to
`benchmarks/results/faults.json`. `fault_kills.py` and `fault_mutations.py` are its parts, and have more options.
"""

import argparse
from typing import Any

import fault_kills
import fault_mutations
from environment import write_result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("all", "kills", "mutations"), default="all")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--signals", type=int, default=100, help="Ctrl-C and SIGTERM, once or twice")
    parser.add_argument("--disks", type=int, default=40, help="full disks, where root may mount them")
    parser.add_argument("--repeats", type=int, default=30, help="times that one process does all of it")
    parser.add_argument("--mutations", type=int, default=10_000, help="of each kind of file")
    parser.add_argument("--minutes", type=float, default=180.0, help="a third for kills, the rest for mutations")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--name", default="faults")
    args = parser.parse_args()
    parts: dict[str, dict[str, Any]] = {}
    if args.part != "mutations":
        parts["kills"] = fault_kills.try_everything(
            kills=args.kills,
            signals=args.signals,
            disks=args.disks,
            repeats=args.repeats,
            minutes=args.minutes / 3,
            seed=args.seed,
        )
    if args.part != "kills":
        parts["mutations"] = fault_mutations.try_everything(args.mutations, args.minutes * 2 / 3, args.seed)
    tried, survived, distinct = (sum(part[key] for part in parts.values()) for key in ("tried", "survived", "distinct"))
    print(f"tried {tried}, survived {survived}, distinct tracebacks {distinct}")
    print(write_result(args.name, {"tried": tried, "survived": survived, "distinct": distinct, "parts": parts}))


if __name__ == "__main__":
    main()
