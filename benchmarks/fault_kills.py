"""Kills, signals and full disks at random moments of every long verb, and one process that works for long.

A result is the old one or the new one, never half of either; the next run succeeds; nothing is left over. Full disks
are small file systems in memory, which only root can mount; elsewhere that part is left out. The moments of a seed are
the same shares of what a verb takes on every machine.
"""

import argparse
import contextlib
import io
import itertools
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from environment import write_result
from quietscope import Denoiser
from quietscope.cli import INTERRUPTED, TERMINATED, USAGE_ERROR, run
from quietscope.io import read_image, write_image
from quietscope.model.exported import Deployed
from quietscope.noise.noise_file import load_noise_model
from quietscope.presets import read_configuration
from quietscope.testing.kills import killed_verb, leftovers, run_verb, signalled_verb
from quietscope.training.checkpoint import RESUME_FILE

SETTINGS = """network: {filters: [8, 8], latent_channels: [4, 4], blocks: 1, stem_filters: 8}
training: {patch: 16, batch_size: 2, validate_every: 2, validation_patches: 2, warmup_steps: 0}
"""
TRAINED = ("--config", "s.yaml", "--noise", "sigma=15", "--steps", 6)
VERBS: dict[str, tuple[object, ...]] = {
    "train": ("train", "a.tif", "-o", "disk/run", *TRAINED),
    "denoise": ("denoise", "a.tif", "-o", "disk/out", *TRAINED, "--samples", 3),
    "predict": ("predict", "base/model.safetensors", "a.tif", "-o", "disk/o.ome.zarr", "--samples", 20),
    "export": ("export", "base/model.safetensors", "-o", "disk/m.onnx"),
    "noise fit": ("noise", "fit", "a.tif", "--clean", "c.tif", "-o", "disk/n.safetensors"),
}


def read_pixels(path: Path) -> None:
    """Read every pixel of an image."""
    read_image(path).data[...]


RESULTS: dict[str, dict[str, Callable[[Path], object]]] = {
    "train": {"disk/run/model.safetensors": Denoiser.load, "disk/run/best.safetensors": Denoiser.load},
    "denoise": {"disk/out/model.safetensors": Denoiser.load, "disk/out/a_denoised.ome.tif": read_pixels},
    "predict": {"disk/o.ome.zarr": read_pixels},
    "export": {"disk/m.onnx": Deployed.load},
    "noise fit": {"disk/n.safetensors": load_noise_model},
}
"""How to read the results of a verb, which all verbs read from end to end."""
USELESS = 3  # exit status of a result that is written and said to be of no use, as after six steps
WELL = (0, USELESS)
SENT = ((signal.SIGINT,), (signal.SIGINT, signal.SIGINT), (signal.SIGTERM,), (signal.SIGTERM, signal.SIGTERM))
SMALLEST = 8  # kB of a disk that becomes full
ENOUGH = "there was enough room"


def prepare(folder: Path) -> dict[str, float]:
    """Write the inputs, run every verb once, and return how many seconds each took."""
    y, x = np.mgrid[:64, :64]
    clean = 200 + 100 * np.sin(x / 6) * np.cos(y / 7)
    write_image(folder / "c.tif", clean.astype(np.float32), "YX")
    write_image(folder / "a.tif", np.random.default_rng(0).poisson(clean).astype(np.uint16), "YX")
    (folder / "s.yaml").write_text(SETTINGS, encoding="utf-8")
    (folder / "disk").mkdir()
    took = {}
    status, said = run_verb(("train", "a.tif", "-o", "base", *TRAINED), folder)
    assert status == 0, said
    for name, words in VERBS.items():
        start = time.monotonic()
        status, said = run_verb(words, folder)
        assert status in WELL, said
        took[name] = time.monotonic() - start
    return took


def wrong_with(folder: Path, name: str, status: int, said: str, expected: tuple[int, ...]) -> str:
    """Return what is wrong with how a verb ended and with the results that are there; nothing if all is right."""
    if status not in expected or "Traceback" in said:
        last = said.strip().splitlines()[-1][:200] if said.strip() else "without a word"
        return f"status {status}: {last}"
    for result, read in RESULTS[name].items():
        try:
            read(folder / result)
        except Exception as error:  # whatever is wrong with it
            return f"{result}: {type(error).__name__}"
    return ""


def again(folder: Path, name: str, *more: object) -> str:
    """Run a verb to its end, and return what was wrong with it or what is left over; nothing if all is right."""
    wrong = wrong_with(folder, name, *run_verb((*VERBS[name], *more), folder), WELL)
    left = leftovers(folder)
    return wrong or (f"left over: {left}" if left else "")


def kill(folder: Path, name: str, moment: float, chance: random.Random) -> str:
    """Kill a verb that replaces a result, run it again, and return what was wrong."""
    killed_verb((*VERBS[name], "--overwrite"), folder, moment)
    return wrong_with(folder, name, 0, "", WELL) or again(folder, name, "--overwrite")


def interrupt(folder: Path, name: str, moment: float, chance: random.Random) -> str:
    """Send a verb Ctrl-C or SIGTERM, once or twice, and return what was wrong with how it ended."""
    numbers = chance.choice(SENT)
    status, said = signalled_verb((*VERBS[name], "--overwrite"), folder, moment, numbers)
    expected = TERMINATED if signal.SIGTERM in numbers else INTERRUPTED
    wrong = wrong_with(folder, name, status, said, (expected, *WELL))  # it may have ended by then
    left = leftovers(folder)
    wrong = wrong or (f"left over: {left}" if left else "") or again(folder, name, "--overwrite")
    return wrong and f"{[number.name for number in numbers]}: {wrong}"


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """Mount a file system of `size` kB in place of the results."""
    disk = folder / "disk"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", disk], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def is_whole(path: Path) -> bool:
    """Tell whether a file is a result that was written before the disk was full: such results are kept."""
    read: dict[str, Callable[[Path], object]] = {".safetensors": Denoiser.load, ".yaml": read_configuration}
    try:
        read.get(path.suffix, read_pixels)(path)
    except Exception:  # whatever it is
        return False
    return True


def needed(folder: Path, name: str) -> int:
    """Return how many kB the results of a verb take, of which a smaller disk has not enough."""
    whole = folder / "disk" / Path(str(VERBS[name][VERBS[name].index("-o") + 1])).name
    files = [whole] if whole.is_file() else [path for path in whole.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files) >> 10


def fill(folder: Path, name: str, moment: float, chance: random.Random) -> str:
    """Run a verb on a disk with too little room, then again with enough, and return what was wrong."""
    size = chance.randint(SMALLEST, max(SMALLEST, needed(folder, name) - 1))
    with small_disk(folder, size):
        status, said = run_verb(VERBS[name], folder)
        words = f"{size} kB: "
        if status in WELL:
            return ENOUGH
        if status != USAGE_ERROR or "Traceback" in said:
            return f"{words}status {status}: {(said.strip().splitlines() or [''])[-1][:200]}"
        left = [path for path in (folder / "disk").rglob("*") if path.is_file()]
        begun = [path.parent for path in left if path.name == RESUME_FILE]  # kept, for `--resume` to go on
        others = [path for path in left if not any(path.is_relative_to(run) for run in begun)]
        halves = [str(path.relative_to(folder)) for path in others if not is_whole(path)]
        if halves:
            return f"{words}left: {halves}"
        subprocess.run(["mount", "-o", "remount,size=64m", folder / "disk"], check=True)
        wrong = again(folder, name, *(["--resume"] if begun else ["--overwrite"] if left else []))
        return wrong and f"{words}then, with room: {wrong}"


def repeat(folder: Path, count: int) -> dict[str, Any]:
    """Do the work of every verb in this process again and again, and return what it holds after each time."""
    held: dict[str, list[int]] = {"resident_mib": [], "threads": [], "descriptors": []}
    with contextlib.chdir(folder):
        for _ in range(count):
            for words in VERBS.values():
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    status = run([*map(str, words), "--overwrite"])
                assert status in WELL, words
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            held["resident_mib"].append(pages * os.sysconf("SC_PAGE_SIZE") >> 20)
            held["threads"].append(threading.active_count())
            held["descriptors"].append(sum(1 for _ in Path("/proc/self/fd").iterdir()))
    return held


def try_all(
    kind: Callable[[Path, str, float, random.Random], str],
    count: int,
    folder: Path,
    took: dict[str, float],
    seed: str,
    end: float,
) -> dict[str, Any]:
    """Do one kind of harm to the verbs in turn, and return how often all was right, and what was wrong."""
    chance, faults, tried = random.Random(f"{seed} {kind.__name__}"), [], 0
    names = itertools.cycle(VERBS)
    while tried < count and time.monotonic() < end:
        name = next(names)
        moment = chance.uniform(0.1, 1.0) * took[name]
        wrong = kind(folder, name, moment, chance)
        if wrong == ENOUGH:
            continue  # no harm was done
        tried += 1
        if wrong:
            faults.append(f"{name}, {moment:.2f} s, {wrong}")
            print(kind.__name__, faults[-1], flush=True)
            shutil.rmtree(folder / "disk")  # one fault is not to be counted again
            (folder / "disk").mkdir()
            again(folder, name)
            for each in VERBS:
                again(folder, each, "--overwrite")
    return {"tried": tried, "right": tried - len(faults), "faults": faults}


def try_everything(*, kills: int, signals: int, disks: int, repeats: int, minutes: float, seed: str) -> dict[str, Any]:
    """Do all kinds of harm, print what came of it, and return that."""
    end = time.monotonic() + 60 * minutes
    can_mount = os.name == "posix" and os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        took = prepare(folder)
        plans = ((kill, kills), (fill, disks if can_mount else 0), (interrupt, signals))
        runs = {kind.__name__: try_all(kind, count, folder, took, seed, end) for kind, count in plans}
        held = repeat(folder, repeats)
    tried, right = (sum(run[key] for run in runs.values()) for key in ("tried", "right"))
    distinct = len({fault.rpartition(": ")[2] for run in runs.values() for fault in run["faults"]})
    for what, numbers in held.items():
        print(f"{what}: {numbers[:1]} at first, {numbers[len(numbers) // 2 :][:1]} half-way, {numbers[-1:]} at the end")
    print(f"tried {tried}, survived {right}, distinct faults {distinct}")
    return {"seed": seed, "tried": tried, "survived": right, "distinct": distinct, "kinds": runs, "held": held}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="kills")
    parser.add_argument("--signals", type=int, default=100, help="Ctrl-C and SIGTERM, once or twice")
    parser.add_argument("--disks", type=int, default=40, help="full disks")
    parser.add_argument("--repeats", type=int, default=30, help="times that one process does all of it")
    parser.add_argument("--minutes", type=float, default=60.0, help="time for all of them")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--name", default="fault_kills")
    args = parser.parse_args()
    found = try_everything(
        kills=args.count,
        signals=args.signals,
        disks=args.disks,
        repeats=args.repeats,
        minutes=args.minutes,
        seed=args.seed,
    )
    print(write_result(args.name, found))


if __name__ == "__main__":
    main()
