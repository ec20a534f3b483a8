"""Waiting for tasks that Zarr has left running.

Zarr reads and writes the chunks of one request in parallel, and raises as soon as one of them fails. The other tasks
keep running: they could write into a folder that is being removed, or be interrupted at the end of the program with a
page of error messages on the terminal.
"""


def settle() -> None:
    """Wait until Zarr has no running tasks."""
    try:
        from zarr.core.sync import sync
    except ImportError:  # not part of Zarr's public interface; without it there are merely those messages
        return
    sync(_the_rest())


async def _the_rest() -> None:
    import asyncio  # imported here because that takes as long as reading a TIFF file, which does not need it

    # Awaited rather than cancelled: some of the tasks may belong to another thread that has not failed.
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*rest, return_exceptions=True)
