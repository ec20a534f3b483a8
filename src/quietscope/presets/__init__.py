"""Named configurations, each with its measured results, and the configuration of a run."""

from quietscope.presets.configuration import AUTO, Configuration, read_configuration
from quietscope.presets.preset import PRESETS, find_preset
from quietscope.presets.record import Preset
from quietscope.presets.usual import with_usual_method

__all__ = ["AUTO", "PRESETS", "Configuration", "Preset", "find_preset", "read_configuration", "with_usual_method"]
