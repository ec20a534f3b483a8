"""Who denoises the chunks of an image."""

from dataclasses import dataclass

from quietscope.errors import SettingsError
from quietscope.wording import typed


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """Who denoises the chunks of an image; at most one of the three is set.

    Attributes:
        workers: Number of processes on this machine.
        scheduler: Address of a scheduler of Dask that is there, e.g. "tcp://host:8786", whose workers see the same
            files at the same paths.
        part: (k, n): the k-th of n parts of the chunks, counted from 1, by this process; others do the other parts, and
            whoever is last puts the results in their place.

    Raises:
        SettingsError: If none or several are set, or one lies outside its range.
    """

    workers: int | None = None
    scheduler: str | None = None
    part: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        named = {"workers": self.workers, "scheduler": self.scheduler, "part": self.part}
        given = [name for name, value in named.items() if value is not None]
        if len(given) != 1:
            names = [typed(name) for name in named]
            expected = f"one of {', '.join(names[:-1])} and {names[-1]}"
            raise SettingsError(expected, " and ".join(map(typed, given)) or "none", "leave all but one out")
        if self.workers is not None and not (isinstance(self.workers, int) and self.workers >= 1):
            raise SettingsError("1 worker or more", str(self.workers), f"pass e.g. `{typed(workers=4)}`")
        if self.part is not None:
            self._check_part(self.part)

    @staticmethod
    def _check_part(part: tuple[int, int]) -> None:
        if len(part) != 2 or not all(isinstance(each, int) for each in part):
            raise SettingsError("a part as (3, 64), the third of 64", repr(part), f"pass e.g. `{typed(part=(3, 64))}`")
        k, n = part
        if not 1 <= k <= n:
            raise SettingsError(f"a part from 1 to {max(n, 1)}, of as many", f"{k}/{n}", "parts are counted from 1")

    def chunks_of(self, count: int) -> range:
        """Return the numbers of the chunks that this process, or those that it has called, do.

        Args:
            count: Number of chunks of the image.
        """
        if self.part is None:
            return range(count)
        k, n = self.part
        return range((k - 1) * count // n, k * count // n)
