"""Waiting for Zarr to finish what it started.

Zarr reads and writes the chunks of one request side by side and raises as soon as one of them fails. The others go on:
they would write into a folder that is being removed, or be cut off at the end of the program with a page of complaints
on the terminal.
"""


def settle() -> None:
    """Wait until Zarr has nothing under way."""
    try:
        from zarr.core.sync import sync
    except ImportError:  # not part of Zarr's public interface; without it, only tidiness is lost
        return
    sync(_the_rest())


async def _the_rest() -> None:
    import asyncio  # takes as long to import as TIFF takes to read, which needs none of it

    # Not cancelled but awaited: some of them may belong to another thread that is doing well.
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*rest, return_exceptions=True)
