"""Types of values in headers, cards and settings, each with its bounds; pydantic refuses what is beyond them."""

from typing import Annotated, Any, TypeAlias

from pydantic import Field, StringConstraints

Word: TypeAlias = Annotated[str, StringConstraints(max_length=1000)]
"""A name, a version, a date."""
Words: TypeAlias = Annotated[str, StringConstraints(max_length=20_000)]
"""Names of files, one per channel."""
Axes: TypeAlias = Annotated[str, StringConstraints(max_length=16)]
"""One letter per axis."""
Channels: TypeAlias = Annotated[int, Field(ge=1, le=4096)]
"""A number of channels of an image."""
Length: TypeAlias = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""A number of pixels along an axis."""
Real: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
"""A finite number."""
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""A finite number above zero."""
Single: TypeAlias = Annotated[float, Field(ge=-3.4e38, le=3.4e38, allow_inf_nan=False)]
"""A finite number that float32 can hold."""
PixelSize: TypeAlias = dict[Annotated[str, StringConstraints(pattern="^[XYZ]$")], Positive]
"""Micrometres per pixel by axis."""
Numbers: TypeAlias = dict[Word, Real]
"""Finite numbers by name."""
Values: TypeAlias = dict[Word, Any]
"""Anything by name; whoever uses it validates it."""
