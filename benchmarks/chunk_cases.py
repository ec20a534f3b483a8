"""Predictions by chunks that are to be killed: a model, an image, and what is right once one was resumed."""

import hashlib
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch

from chunk_processes import Cluster, Started, is_tracker, marked, work_of
from fault_kills import WELL
from quietscope import Denoiser, write_image
from quietscope.cli import USAGE_ERROR
from quietscope.data.normalize import Statistics
from quietscope.methods import METHODS
from quietscope.model.file import ModelCard
from quietscope.noise import PoissonGaussian
from quietscope.presets import Configuration

SHAPE, PIECE = (256, 384), 64
NAMES = ("clean.ome.zarr", "clean_std.ome.zarr")
ASKED = ("--samples", 6, "--chunk", PIECE, "--tile", PIECE, "--pyramid", "--save", "mean,std")
LONGEST, PATIENCE, FOR_EVER = 300.0, 10.0, float("inf")
"""Seconds after which a run hangs, and a process that should be gone is left over."""
Tree = dict[str, str]


def tree_of(result: Path) -> Tree | None:
    """Return digests of all files of a result, but for what tells one run from another; None where nothing is."""
    if not result.exists():
        return None
    found = {}
    for path in result.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.parent == result and path.suffix == ".json":
                card = json.loads(content)
                card["attributes"].get("quietscope", {}).pop("run", None)
                content = json.dumps(card).encode()
            found[str(path.relative_to(result))] = hashlib.sha256(content).hexdigest()
    return found


def size_of(folder: Path) -> int:
    """Return how many kB a folder takes on a file system in memory."""
    return sum(4 * (1 + path.lstat().st_size // 4096) for path in folder.rglob("*"))


class Lab:
    """A model, an image, older results, and what comes of them undisturbed.

    Args:
        folder: Where.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.took: dict[str, float] = {}
        self.seconds: dict[str, float] = {}
        self.before_workers = 0.0
        settings = {"filters": [8, 8], "latent_channels": [4, 4], "blocks": 1, "stem_filters": 8}
        configuration = Configuration.of({"method": "hdn", "network": settings})
        torch.manual_seed(0)
        statistics, noise = Statistics(torch.tensor([200.0]), torch.tensor([50.0])), PoissonGaussian(1.0, 0.0, 1.0)
        method = METHODS["hdn"].build(configuration.method_settings(), statistics, [noise])
        Denoiser.of(method.eval(), ModelCard(configuration=configuration, axes="YX"), "cpu").save(
            folder / "m.safetensors"
        )
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
        clean = 200 + 100 * np.sin(x / 6) * np.cos(y / 7)
        write_image(folder / "a.ome.zarr", np.random.default_rng(0).poisson(clean).astype(np.uint16), "YX")
        (folder / "older").mkdir()
        for name in NAMES:
            write_image(folder / "older" / name, clean[:64, :64].astype(np.float32), "YX")
        self.older = {name: tree_of(folder / "older" / name) for name in NAMES}
        self.new: dict[str, Tree | None] = {}
        self.needed = 0

    def measure(self) -> None:
        """Let everything run undisturbed, by one worker and by two, who are to make the same."""
        for number in (1, 2):
            case = Case(self, random.Random(0), older=False)
            with Run(case, "--workers", number) as run:
                case.some_worker(run)
                self.before_workers = case.work()
                run.reach(FOR_EVER)
            self._note(f"workers {number}", case, run)
            self.new = self.new or {name: tree_of(case.disk / name) for name in NAMES}
            self.needed = size_of(case.disk)
            assert run.ended_well(), run.said()
            case.check_end()
            assert not case.wrong, case.wrong
            case.remove()
        self._measure_others()

    def _note(self, kind: str, case: "Case", run: "Run") -> None:
        self.took[kind], self.seconds[kind] = sum(case.computed.values()), run.seconds

    def _measure_others(self) -> None:
        case = Case(self, random.Random(0), older=False)
        with case.cluster() as cluster, Run(case, "--scheduler", cluster.address) as run:
            run.reach(FOR_EVER)
            self._note("scheduler", case, run)
        case.check_end()
        assert not case.wrong, (case.wrong, run.said())
        case.remove()
        case = Case(self, random.Random(0), older=False)
        with Run(case, "--part", "1/2") as run, Run(case, "--part", "2/2") as other:
            run.reach(FOR_EVER)
            other.reach(FOR_EVER)
        self._note("part", case, run)
        case.check_end()
        assert not case.wrong, (case.wrong, run.said(), other.said())
        case.remove()


@dataclass
class Case:
    """One harm that is done, in a folder of its own.

    Attributes:
        lab: What is denoised.
        chance: What chance decides.
        older: Whether older results stand where the new ones go.
        wrong: What was wrong.
        facts: What is worth knowing of it.
    """

    lab: Lab
    chance: random.Random
    older: bool
    wrong: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder = self.lab.folder / f"case{time.monotonic_ns()}"
        self.disk, self.temporary = self.folder / "disk", self.folder / "tmp"
        self.disk.mkdir(parents=True)
        self.temporary.mkdir()
        self.identities: dict[str, int] = {}
        self.computed: dict[int, float] = {}

    def put_older(self) -> None:
        """Put older results in place, if there are to be some."""
        for name in NAMES if self.older else ():
            shutil.copytree(self.lab.folder / "older" / name, self.disk / name)
            self.identities[name] = (self.disk / name).stat().st_ino

    def is_new(self, name: str) -> bool:
        """Tell whether a new result has its name."""
        with suppress(FileNotFoundError):
            return (self.disk / name).stat().st_ino != self.identities.get(name)
        return False

    def processes(self) -> Iterator[int]:
        """Yield the processes of the case, without those of its cluster."""
        return marked(self.folder.name)

    def cluster(self) -> Cluster:
        """Start a scheduler of Dask and two workers."""
        return Cluster(self.folder, f"{self.folder.name} cluster")

    def work(self) -> float:
        """Return how many seconds all its processes have computed until now, those of its clusters too."""
        for process in (*self.processes(), *marked(f"{self.folder.name} cluster")):
            self.computed[process] = max(work_of(process), self.computed.get(process, 0.0))
        return sum(self.computed.values())

    def some_worker(self, run: "Run") -> int | None:
        """Wait for a worker of a run, and return one by chance; None where the run ends before."""
        while not run.is_over and run.seconds < LONGEST:
            found = [each for each in self.processes() if each != run.process.pid and not is_tracker(each)]
            if found:
                return self.chance.choice(found)
            time.sleep(0.02)
        return None

    def hit(self, run: "Run") -> None:
        """Write down what a run is at when it is harmed: its stage, and how many chunks are done."""
        done = sum(path.read_bytes().count(b"\n") for path in self.disk.glob(".*.unfinished/done/*"))
        said = run.said()
        stage = "starting" if not any(self.disk.glob(".*.unfinished")) else "chunks" if done else "workers start"
        for sign in ("pyramid", "verdict"):
            stage = sign if sign in said else stage
        new = sum(map(self.is_new, NAMES))
        if new:
            stage = "names" if new < len(NAMES) or any(self.disk.glob(".*")) else "named"
        if run.is_over and run.status in WELL:
            stage = "over"
        self.facts |= {"seconds": round(run.seconds, 2), "stage": stage, "chunks": done}

    def resume(self, *words: object) -> None:
        """Run the case to its end once more, as is typed after a crash, by `words` or whoever chance wants."""
        words = words or self.chance.choice((("--workers", 1), ("--part", "1/1")))
        resumed = () if "--part" in words else ("--resume",)
        with Run(self, *words, *resumed) as run:
            run.end()
        if self.older and resumed and run.status == USAGE_ERROR and "which exists" in run.last():
            self.facts["begun anew"] = True  # nothing had been begun but by name, and that is what it says
            if any(self.disk.glob(".*")):
                self.wrong.append(f"resumed: refused, and something is there: {run.last()}")
            with Run(self, *words) as run:
                run.end()
        self.facts["resumed_seconds"] = round(self.facts.get("resumed_seconds", 0) + run.seconds, 2)
        if not run.ended_well():
            self.wrong.append(f"resumed: status {run.status}: {run.last()}")

    def check_older(self) -> None:
        """Check that each result is the older one, or none, or the new one whole."""
        for name in NAMES:
            allowed = (self.lab.new[name], self.lab.older[name] if self.older else None)
            if tree_of(self.disk / name) not in allowed:
                self.wrong.append(f"after the harm {name} is neither the older nor the new one")

    def check_end(self) -> None:
        """Check that all results are right, and that nothing else is left."""
        for name in NAMES:
            found, new = tree_of(self.disk / name), self.lab.new[name]
            if found != new:
                assert new is not None
                other = sorted(path for path in new.keys() | (found or {}) if (found or {}).get(path) != new.get(path))
                self.wrong.append(f"{name} is another one: {other[:4]}" if found else f"no {name}")
        self._check_processes()
        beside = {str(path.relative_to(self.folder)) for path in (*self.folder.iterdir(), *self.disk.iterdir())}
        left = beside - {"disk", "tmp", "cluster", *(f"disk/{name}" for name in NAMES)}
        left = {each for each in left if not each.startswith("said")}
        left |= {str(path.relative_to(self.temporary)) for path in self.temporary.rglob("*")}
        if left:
            self.wrong.append(f"left over: {sorted(left)[:6]}")

    def _check_processes(self) -> None:
        end = time.monotonic() + PATIENCE
        while (left := list(self.processes())) and time.monotonic() < end:
            time.sleep(0.05)
        for process in left:
            with suppress(OSError):
                words = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                self.wrong.append(f"still there: {words[:120]}")

    def end_processes(self) -> None:
        """Kill what should have ended."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def remove(self) -> None:
        """Remove its folder."""
        shutil.rmtree(self.folder)


class Run(Started):
    """A prediction, as it is typed.

    Args:
        case: Whose.
        words: What says who denoises, and whether a run is gone on with.
    """

    def __init__(self, case: Case, *words: object) -> None:
        anew = ["--overwrite"] if case.older and "--resume" not in words else []
        to = ("-o", f"disk/{NAMES[0]}", *ASKED, *anew)
        typed = ("quietscope", "predict", "../m.safetensors", "../a.ome.zarr", *to, *words)
        super().__init__(case.folder, case.folder.name, case.temporary, typed)
        self.case = case

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.is_over:
            self.process.kill()
            self.process.wait()

    @property
    def status(self) -> int:
        """Its exit status, once it is over."""
        return self.process.wait()

    def reach(self, work: float) -> None:
        """Wait until its case has computed for so many seconds, which no other program on the machine changes.

        Meanwhile look whether older results are there.
        """
        while not self.is_over and self.seconds < LONGEST and self.case.work() < work:
            self._look()
            time.sleep(0.01)

    def end(self) -> None:
        """Wait until it is over, and look meanwhile whether older results are there."""
        while not self.is_over and self.seconds < LONGEST:
            self._look()
            time.sleep(0.004)
        if not self.is_over:
            self.case.wrong.append(f"hangs: {self.last()}")
            self.kill_all()

    def _look(self) -> None:
        if self.case.older and not all((self.case.disk / name).exists() for name in NAMES):
            self.case.wrong.append("an older result was away")

    def kill(self) -> None:
        """Kill its main process."""
        self.process.kill()
        self.process.wait()

    def said(self) -> str:
        """Return all that it has said."""
        return self._said.read_text() + self._errors()

    def _errors(self) -> str:
        return self._said.with_suffix(".err").read_text()

    def last(self) -> str:
        """Return the last line that it has said, shortened."""
        return (self.said().strip().splitlines() or ["without a word"])[-1][:300]

    def _complaints(self) -> list[str]:
        notes = ("note:", "quietscope: note:")
        return [line for line in self._errors().splitlines() if line.strip() and not line.startswith(notes)]

    def ended_well(self) -> bool:
        """Tell whether it has ended as documented, and has not said more than it should."""
        well = self.status in WELL
        if well and self._complaints():
            self.case.wrong.append(
                f"ended well, but said: {self._complaints()[0][:200]} ({len(self._complaints())} lines)"
            )
        return well

    def check_refused(self) -> None:
        """Check that it has ended by one line that says what is wrong."""
        lines = self._complaints()
        self.case.facts["refusal"] = lines[-1][:300] if lines else ""
        if self.status != USAGE_ERROR or len(lines) != 1 or not lines[0].startswith("quietscope: expected"):
            self.case.wrong.append(f"status {self.status}, {len(lines)} lines: {self.last()}")
