"""TensorBoard's event file, written with TensorBoard's own records.

Its ready-made writer takes no folder whose name is not UTF-8, and meets a full disk in a thread of its own, where
nobody can say which file it was.
"""

import os
import socket
import time
from itertools import count
from pathlib import Path

_NUMBER = count()


class EventFile:
    """A new file of numbers by step.

    Args:
        folder: Where it goes; its name is one of its own.
        purge_step: Step from which on TensorBoard is to forget what earlier files of the folder have; None for none.

    Raises:
        OSError: If it cannot be written.
    """

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{next(_NUMBER)}"
        self._event = Event
        self._records = RecordWriter((folder / name).open("xb"))
        self._write(Event(file_version="brain.Event:2"))
        if purge_step is not None:
            self._write(Event(session_log=SessionLog(status=SessionLog.START), step=purge_step))

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """Write one number."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
        self._write(self._event(summary=summary, step=step))

    def add_text(self, name: str, text: str, step: int) -> None:
        """Write words, which TensorBoard shows among its texts."""
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
        from tensorboard.compat.proto.types_pb2 import DT_STRING

        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
        tensor = TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=[text.encode()])
        known = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
        self._write(
            self._event(summary=Summary(value=[Summary.Value(tag=name, metadata=known, tensor=tensor)]), step=step)
        )

    def close(self) -> None:
        """Write what is still in memory, and close the file."""
        self._records.close()

    def _write(self, event: object) -> None:
        made = self._event()
        made.CopyFrom(event)
        made.wall_time = time.time()
        self._records.write(made.SerializeToString())
