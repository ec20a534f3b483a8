"""One chunk denoised in memory, by a process of its own: what it takes is what every chunk takes."""

import os
import pickle
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from quietscope.errors import ClusterError, QuietScopeError
from quietscope.pipeline.chunks.chunk_folder import ChunkFolder
from quietscope.pipeline.chunks.chunk_job import ChunkJob
from quietscope.pipeline.chunks.chunk_worker import ChunkWorker
from quietscope.tiling.cut import Cut
from quietscope.wording import typed

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables that say how many threads the libraries that compute take."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a process took that denoised one chunk.

    Attributes:
        start: Seconds until it knew model and image.
        chunk: Seconds for the chunk.
        num_bytes: Main memory at most; 0 where the system does not tell.
    """

    start: float
    chunk: float
    num_bytes: int


def try_chunk(job: ChunkJob, cut: Cut, cores: int) -> Trial:
    """Denoise the chunk in the middle of an image, and write nothing.

    Args:
        job: What is denoised.
        cut: How the image is cut.
        cores: Threads that compute.

    Returns:
        What it took, with pixels read from where they are.

    Raises:
        ClusterError: If the process dies.
        QuietScopeError: If the chunk cannot be denoised.
    """
    done = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import main; main()"],
        input=pickle.dumps((job, cut)),
        env={**os.environ, **dict.fromkeys(THREADS, str(cores))},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["nothing said"])[-1]
        fix = f"pass `{typed(time='1h', memory=8)}`, so that none is tried"
        raise ClusterError("a chunk that can be denoised here", f"status {done.returncode} ({last[:200]})", fix)
    found = pickle.loads(done.stdout)
    if isinstance(found, QuietScopeError):
        raise found
    assert isinstance(found, Trial)
    return found


def _trial(job: ChunkJob, cut: Cut) -> Trial:
    """Denoise a chunk in this process."""
    started = time.monotonic()
    target = job.target()
    worker = ChunkWorker(job, ChunkFolder.beside(target), job.opened_model(), target, cut)
    ready = time.monotonic()
    worker.tried(len(cut) // 2)
    return Trial(start=ready - started, chunk=time.monotonic() - ready, num_bytes=most_memory())


def most_memory() -> int:
    """Return the bytes of main memory that this process has taken at most."""
    status = Path("/proc/self/status")
    if status.is_file():
        return next(1024 * int(line.split()[1]) for line in status.read_text().splitlines() if line[:6] == "VmHWM:")
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def main() -> None:
    """Do what `try_chunk` asks for on standard input, and answer on standard output."""
    job, cut = pickle.load(sys.stdin.buffer)
    answer, sys.stdout = sys.stdout.buffer, sys.stderr
    try:
        found: Trial | QuietScopeError = _trial(job, cut)
    except QuietScopeError as error:
        found = error
    answer.write(pickle.dumps(found))
    answer.flush()
