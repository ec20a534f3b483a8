"""Types of values in headers, cards and settings, each with its bounds; pydantic refuses what is beyond them.

They are written with annotated-types, which pydantic reads, so that naming them does not cost the import of pydantic.
"""

from typing import Annotated, Any, TypeAlias

from annotated_types import Ge, Gt, Le, Len, MaxLen

Word: TypeAlias = Annotated[str, MaxLen(1000)]
"""A name, a version, a date."""
Axes: TypeAlias = Annotated[str, MaxLen(16)]
"""One letter per axis."""
Channels: TypeAlias = Annotated[int, Ge(1), Le(4096)]
"""A number of channels of an image."""
Length: TypeAlias = Annotated[int, Ge(0), Le(2**31 - 1)]
"""A number of pixels along an axis."""
Real: TypeAlias = Annotated[float, Ge(-1e308), Le(1e308)]
"""A finite number."""
Positive: TypeAlias = Annotated[float, Gt(0), Le(1e308)]
"""A finite number above zero."""
Single: TypeAlias = Annotated[float, Ge(-3.4e38), Le(3.4e38)]
"""A finite number that float32 can hold."""
PixelSize: TypeAlias = dict[Annotated[str, Len(1, 1)], Positive]
"""Micrometres per pixel by axis."""
Numbers: TypeAlias = dict[Word, Real]
"""Finite numbers by name."""
Values: TypeAlias = dict[Word, Any]
"""Anything by name; whoever uses it validates it."""
