"""What travels with every exported model: a JSON card that says what it is, and how it wants to be run."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le, Len, MaxLen

from quietscope.axes import NO_CONTEXT, Context
from quietscope.data.likeness import Seen
from quietscope.data.scaled import Normalize
from quietscope.errors import ModelFileError
from quietscope.metrics.verdict import Effort
from quietscope.outside.bounded import Axes, Channels, Length, Numbers, PixelSize, Positive, Values, Word
from quietscope.outside.plain_data import MOST_BYTES_OF_JSON, MalformedError, parse_json, validated
from quietscope.tiling.kinds import Kind, kinds_within
from quietscope.training.report_words import training_rows

KEY = "quietscope"
FILE_KIND = "exported model"
FORMAT_VERSION = 1
MOST_BYTES = MOST_BYTES_OF_JSON
"""Largest size of a card, in bytes."""
HOW_TO_MAKE_ONE = "export one with `quietscope export MODEL -o model.onnx`"
EACH = "each image by itself, (x - mean) / deviation"
"""What tables say of a model that knows no unit of intensity."""
Turn = Annotated[int, Ge(0), Le(7)]
OUTPUTS = (("denoised",), ("denoised", "deconvolved"), ("denoised", "deviation"), ("sample",))
"""What models put out, by kind: one image, one and its deconvolved twin, one and its deviation, samples."""


@dataclass(frozen=True, kw_only=True)
class CardLatent:
    """Where the noise of one input lies over an image; the same as a method's `LatentSpec`.

    Attributes:
        level: Name of the level in noise keys; 0 is the finest.
        channels: Latent channels.
        reduction: Image pixels per latent pixel, one factor per spatial axis.
        is_random: False where the noise is to be zeros.
    """

    level: Annotated[int, Ge(0), Le(1000)]
    channels: Annotated[int, Ge(1), Le(2**20)]
    reduction: tuple[Length, ...]
    is_random: bool


@dataclass(frozen=True, kw_only=True)
class History:
    """What a model has learnt from, and how far its training went; empty where that is not known.

    Attributes:
        seen: What each channel of the training images looked like.
        effort: How long it was trained.
        normalize: "each" where every image is brought to a mean of 0 and a deviation of 1 by itself before the model
            sees it, see `quietscope.data.by_itself`.
        context: What the model sees beside each plane.
    """

    seen: Annotated[tuple[Seen, ...], MaxLen(4096)] = ()
    effort: Effort | None = None
    normalize: Normalize = "together"
    context: Context = NO_CONTEXT


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known of an exported model.

    Attributes:
        method: Name of the method.
        outputs: Names of what comes out, see `OUTPUTS`.
        spatial_dims: 2 or 3.
        size_multiple: Image sizes must be multiples of these, one per spatial axis.
        halo: Pixels that tiles are to overlap by on each side, one number per spatial axis.
        reach: Share of the halo that the point spread function wants, likewise.
        num_channels: Image channels.
        latents: The noise that goes in, one entry per input; empty where the model does not sample.
        orientations: The turns of an image that augmentation may use.
        axes: Axes of the training images.
        pixel_size_um: Their pixel size by axis, in micrometres.
        channel_names: Their channel names; empty where unknown.
        spread_factor: What the deviation of samples is multiplied by to be honest.
        bytes_per_pixel: Memory that one image takes while it is made, per pixel.
        precision: "float32" where the network must compute in it; "auto" leaves the choice to the runtime.
        compression: What was done to the model, step by step.
        configuration: How it was trained.
        training: Steps, seconds, validation loss and the like.
        history: What it has learnt from, and how far; empty in files that earlier versions wrote.
        versions: Versions of the programs that wrote it.
        created: When it was written, UTC, ISO 8601.
    """

    method: Word
    outputs: tuple[Word, ...]
    spatial_dims: Annotated[int, Ge(2), Le(3)]
    size_multiple: tuple[Length, ...]
    halo: tuple[Length, ...]
    reach: tuple[Length, ...]
    num_channels: Channels
    latents: Annotated[tuple[CardLatent, ...], MaxLen(100)] = ()
    orientations: Annotated[tuple[Turn, ...], Len(1, 8)] = (0,)
    axes: Axes = ""
    pixel_size_um: PixelSize = field(default_factory=dict)
    channel_names: tuple[Word, ...] = ()
    spread_factor: Positive = 1.0
    bytes_per_pixel: Annotated[float, Ge(0), Le(1e12)] = 0.0
    precision: Word = "auto"
    compression: tuple[Word, ...] = ()
    configuration: Values = field(default_factory=dict)
    training: Numbers = field(default_factory=dict)
    history: History = field(default_factory=History)
    versions: dict[Word, Word] = field(default_factory=dict)
    created: Word = ""

    def __post_init__(self) -> None:
        """Refuse what no model can be.

        Raises:
            ValueError: If entries contradict each other.
        """
        if self.outputs not in OUTPUTS:
            raise ValueError(f"outputs {self.outputs}")
        if self.spatial_dims not in (2, 3) or self.num_channels < 1:
            raise ValueError(f"{self.spatial_dims} spatial axes, {self.num_channels} channels")
        per_axis = (self.size_multiple, self.halo, self.reach, *(latent.reduction for latent in self.latents))
        if any(len(each) != self.spatial_dims or min(each) < 0 for each in per_axis) or min(self.size_multiple) < 1:
            raise ValueError(f"sizes that do not fit {self.spatial_dims} spatial axes")
        for latent in self.latents:
            if min(latent.reduction) < 1 or any(
                m % r for m, r in zip(self.size_multiple, latent.reduction, strict=True)
            ):
                raise ValueError(f"reduction {latent.reduction} in sizes of {self.size_multiple}")
        if self.samples != bool(self.latents):
            raise ValueError("samples without noise, or noise without samples")
        if not (math.isfinite(self.spread_factor) and self.spread_factor > 0):
            raise ValueError(f"spread factor {self.spread_factor}")
        if self.precision not in ("auto", "float32"):
            raise ValueError(f"precision {self.precision}")

    @property
    def samples(self) -> bool:
        """Whether the model draws samples of a posterior."""
        return self.outputs == ("sample",)

    @property
    def deconvolves(self) -> bool:
        """Whether the model gives a deconvolved image too."""
        return "deconvolved" in self.outputs

    @property
    def gives_deviation(self) -> bool:
        """Whether the model computes the deviation of its image."""
        return "deviation" in self.outputs

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of results that the model can give, in their usual order."""
        return kinds_within(samples=self.samples, deconvolves=self.deconvolves, moments=self.gives_deviation)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of what goes in: the image, and the noise of each entry of `latents`."""
        return ("x", *(f"noise_{n}" for n in range(len(self.latents))))

    def to_json(self) -> str:
        """Return the card as text.

        Raises:
            ValueError: If a number is NaN or infinite.
        """
        values = {"kind": FILE_KIND, "format_version": FORMAT_VERSION, **asdict(self)}
        values["history"]["seen"] = [each.values() for each in self.history.seen]
        return json.dumps(values, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | None, path: Path) -> "Card":
        """Read a card.

        Args:
            text: What `to_json` made; None where a file has no card.
            path: The file, for messages.

        Returns:
            The card.

        Raises:
            ModelFileError: If there is none, it is damaged, of another kind of file, or from a newer version.
        """
        if text is None:
            raise ModelFileError(
                "a model that QuietScope exported", f"{path}, which has no card of it", HOW_TO_MAKE_ONE
            )
        try:
            values = parse_json(text)
            kind, version = (values.get("kind"), values.get("format_version")) if isinstance(values, dict) else ("", 0)
        except MalformedError as error:
            raise damaged(path, f"its card is not readable: {error}") from error
        if kind != FILE_KIND:
            raise ModelFileError("an exported model", f"{path}, a {str(kind)[:60]} file", HOW_TO_MAKE_ONE)
        if not isinstance(version, int) or version < 1:
            raise damaged(path, "its card is not readable: no format_version")
        if version > FORMAT_VERSION:
            raise ModelFileError(
                f"an exported model of format {FORMAT_VERSION} or older",
                f"{path} of format {version}",
                "upgrade: `pip install --upgrade quietscope`",
            )
        try:
            card: Card = validated(Card, values)
        except MalformedError as error:
            raise damaged(path, f"its card does not make sense: {error}") from error
        return card


def describe_card(card: Card) -> dict[str, str]:
    """Return what is known of an exported model, name by name, for a table."""

    def sizes(numbers: tuple[int, ...]) -> str:
        return " x ".join(map(str, numbers))

    preset, network = card.configuration.get("preset", ""), card.configuration.get("network") or {}
    rows = {
        "method": card.method,
        "preset": str(preset),
        "dimensions": f"{card.spatial_dims}-D",
        "network": ", ".join(f"{name} = {value}" for name, value in network.items()),
        "channels": str(card.num_channels),
        "gives": ", ".join(card.outputs),
        "noise levels": ", ".join(f"{each.channels} of 1/{each.reduction[-1]} size" for each in card.latents),
        "image sizes": f"multiples of {sizes(card.size_multiple)}",
        "halo": sizes(card.halo),
        **described_context(card.history.context),
        "normalisation": "" if card.history.normalize == "together" else EACH,
        "compression": ", ".join(card.compression),
        "precision": "float32" if card.precision == "float32" else "the fastest of the machine",
        "deviation": "" if card.spread_factor == 1.0 else f"recalibrated: multiplied by {card.spread_factor:.3g}",
        "axes": card.axes,
        "pixel size": ", ".join(f"{axis} {size:g} um" for axis, size in card.pixel_size_um.items()),
        "channel names": ", ".join(card.channel_names),
    }
    rows |= training_rows(card.training)
    rows |= {f"{name} version": version for name, version in card.versions.items()}
    rows["created"] = card.created
    return {name: words for name, words in rows.items() if words}


def described_context(context: Context) -> dict[str, str]:
    """Return what a model sees beside each plane, name by name, for a table; nothing of one that sees planes alone."""
    rows = {} if context.depth == "Z" else {"depth of volumes": f"axis {context.depth}"}
    if context.axis is None:
        return rows
    return {**rows, "neighbours": f"{context.neighbours} on each side along {context.axis}"}


def damaged(path: Path, reason: str) -> ModelFileError:
    """Build the error of a file whose parts do not fit."""
    words = " ".join(reason.split())[:200]
    return ModelFileError("a complete exported model", f"{path}, which is not ({words})", HOW_TO_MAKE_ONE)
