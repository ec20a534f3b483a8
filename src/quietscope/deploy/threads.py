"""How many threads the libraries that run exported models take."""

import os


def num_threads() -> int | None:
    """Return what ``OMP_NUM_THREADS`` says, which those libraries do not ask; None where it says nothing."""
    told = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return max(1, int(told)) if told.isdigit() else None
