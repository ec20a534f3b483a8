"""A function over samples, one after another or in processes, and what becomes of the samples on which it fails."""

import pickle
import traceback
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pickle import PicklingError
from typing import Any, TypeVar

from quietscope.consensus.kept_processes import these_processes
from quietscope.consensus.posterior_samples import Index, StoredSamples
from quietscope.errors import QuietScopeError, SettingsError
from quietscope.wording import numbered, typed

Found = TypeVar("Found")


@dataclass(frozen=True)
class Failure:
    """A sample on which a function failed.

    Attributes:
        sample: Number of the sample, from 0.
        line: The last line of what it said.
    """

    sample: int
    line: str

    @property
    def words(self) -> str:
        """The line that a person reads."""
        return f"sample {self.sample} is left out: {self.line}"


def last_line(text: str) -> str:
    """Return the last line of a text that has anything in it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no word of why"


def over(
    samples: StoredSamples,
    function: Callable[[Any], Found] | Sequence[Callable[[Any], Found]],
    index: Index = (),
    processes: int = 1,
) -> Generator[tuple[int, Found | Failure]]:
    """Call a function with every sample, and yield what it returns, in the order of the samples.

    Processes start anew in each call, unless the calls lie in a block of `processes_kept`.

    Args:
        samples: The samples.
        function: Receives a sample, or its part; with several processes it has to be importable there. Several take
            turns, the first with sample 0, the second with sample 1, and so on.
        index: Which part of every sample it sees.
        processes: How many samples are looked at at a time, each in a process of its own; 1 for this process.

    Yields:
        The number of a sample with what the function returned, or how it failed.

    Raises:
        SettingsError: If the function, or what it returned, cannot be sent between processes, or one was killed.
        QuietScopeError: Of this package, where the function raises it: what it says holds for all samples.
    """
    if processes < 1:
        raise SettingsError("at least one process", f"{processes}", f"pass e.g. `{typed(processes=2)}`")
    several = function if isinstance(function, Sequence) else (function,)
    if processes == 1:
        for number in range(len(samples)):
            yield number, attempt(samples, several[number % len(several)], number, index)
        return
    _check_sendable(several)
    with these_processes() as kept:
        pool = kept.pool(processes)
        waiting: list[tuple[int, Future[Found | Failure]]] = []
        try:
            for number in range(len(samples)):
                waiting.append((number, pool.submit(attempt, samples, several[number % len(several)], number, index)))
                if len(waiting) > processes:
                    yield waiting[0][0], waiting.pop(0)[1].result()
            for number, future in waiting:
                yield number, future.result()
        except (PicklingError, AttributeError, TypeError) as error:
            fix = f"return numbers or arrays, or pass `{typed(processes=1)}`"
            raise SettingsError("what another process can send back", last_line(str(error)), fix) from error
        except BrokenProcessPool as error:
            pool.is_broken = True
            fix = f"pass fewer, e.g. `{typed(processes=1)}`"
            raise SettingsError("processes that live", "one that was killed, or ran out of memory", fix) from error
        finally:
            for _, future in waiting:
                future.cancel()  # where an error or the caller has ended this before the last sample


def _check_sendable(functions: Sequence[Callable[[Any], Any]]) -> None:
    try:
        pickle.dumps(functions)
    except (PicklingError, AttributeError, TypeError) as error:
        fix = f"define it in a module, or pass `{typed(processes=1)}`"
        raise SettingsError("a function that other processes can import", last_line(str(error)), fix) from error


def attempt(samples: StoredSamples, function: Callable[[Any], Found], number: int, index: Index) -> Found | Failure:
    """Call a function with one sample."""
    try:
        return function(samples.read(number, index))
    except QuietScopeError:
        raise
    except (Exception, SystemExit) as error:  # other people's functions raise whatever they like
        return Failure(number, last_line("".join(traceback.format_exception_only(error))))


def attempted(function: Callable[[Any], Found], image: Any) -> Found | None:
    """Call a function with an image that can be done without, and return None where it fails."""
    try:
        return function(image)
    except QuietScopeError:
        raise
    except (Exception, SystemExit):  # it has worked on samples, which is what counts
        return None


def check_enough(failures: Sequence[Failure], num_samples: int, what: str) -> None:
    """Refuse results of which less than half are there.

    Args:
        failures: The samples that failed.
        num_samples: How many there were.
        what: What failed, in words: "the segmenter".

    Raises:
        SettingsError: If fewer than half of the samples are left; its line has the last failure.
    """
    if 2 * (num_samples - len(failures)) < num_samples:
        raise SettingsError(
            f"{what} to work on at least half of {numbered(num_samples, 'sample')}",
            f"{numbered(len(failures), 'failure')}, the last on sample {failures[-1].sample}: {failures[-1].line}",
            "try it on a denoised image first",
        )
