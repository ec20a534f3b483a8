"""What the report of a run has to tell: plain values that JSON has, each with its bounds."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from quietscope.outside.bounded import Real
from quietscope.outside.plain_data import MOST_BYTES_OF_JSON, parse_json, validated

FORMAT_VERSION = 1
NOT_KNOWN = "not known"
"""The verdict of an image of which nobody remembers it."""
Text: TypeAlias = Annotated[str, StringConstraints(max_length=100_000)]
Encoded: TypeAlias = Annotated[str, StringConstraints(max_length=1 << 21, pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
"""Bytes in base64."""
Row: TypeAlias = tuple[Text, Text]
Point: TypeAlias = tuple[Real, Real]
Picture_: TypeAlias = Literal["gray", "heat", "signed"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Picture(_Record):
    """A plane as it is shown.

    Attributes:
        png: The PNG file.
        width: Columns.
        height: Rows.
        low: Intensity that is shown darkest, in the units of the file.
        high: Intensity that is shown brightest.
        colors: Grey; black to yellow; or blue, white at zero, and red.
    """

    png: Encoded
    width: int = Field(ge=1, le=1 << 16)
    height: int = Field(ge=1, le=1 << 16)
    low: Real
    high: Real
    colors: Picture_ = "gray"


class ShownChannel(_Record):
    """The part of a channel of the first image that is shown.

    Attributes:
        name: Name of the channel.
        noisy: The noisy image.
        denoised: The result.
        deconvolved: The result without the blur of the microscope, where there is one.
        clean: The clean reference, where there is one.
        deviation: The deviation, where there is one.
        residual: Noisy minus denoised.
        samples: A few posterior samples.
        correlation: Autocorrelation of the residual by shifts, rows along Y; empty where the image is too small.
    """

    name: Text
    noisy: Picture
    denoised: Picture
    deconvolved: Picture | None = None
    clean: Picture | None = None
    deviation: Picture | None = None
    residual: Picture
    samples: tuple[Picture, ...] = ()
    correlation: tuple[tuple[Real, ...], ...] = ()


class NoiseCurve(_Record):
    """The noise of a channel.

    Attributes:
        channel: Name of the channel.
        words: The noise model in words.
        model: Signal and variance of the model.
        measured: Signal and variance as measured in the images without a reference.
        note: What there is to say of it, such as why nothing could be measured.
    """

    channel: Text
    words: Text
    model: tuple[Point, ...] = ()
    measured: tuple[Point, ...] = ()
    note: Text = ""


class TrainingCurve(_Record):
    """A number of the training log.

    Attributes:
        name: What it is called there.
        points: Step and value.
    """

    name: Text
    points: tuple[Point, ...]


class ImageRecord(_Record):
    """An image that was denoised.

    Attributes:
        name: Its file.
        what: Axes, shape and data type.
        files: Files that were written of it.
        seconds: Time of prediction.
        level: What the result is worth.
        verdict: The same in words.
        unexplained: How many regions noise does not explain, in words.
        regions: The surest of them, as cells of a table.
        neighbours: Correlation of neighbouring pixels of the residual, of each channel, along X and Y; None where that
            could not be measured.
        lost: Share of the structure that is missing from the result, of each channel, 0 to 1; None likewise.
        psnr: PSNR in dB of the noisy and of the denoised image, where there is a reference.
        ssim: The same of SSIM.
        coverage: Nominal and measured coverage of the intervals, 0 to 1, likewise.
        honesty: The same in words.
    """

    name: Text
    what: Text
    files: tuple[Text, ...] = ()
    seconds: Real = 0.0
    level: Literal["usable", "too short", "failed"]
    verdict: Text
    unexplained: Text = ""
    regions: tuple[tuple[Text, ...], ...] = ()
    neighbours: tuple[tuple[Real | None, Real | None], ...] = ()
    lost: tuple[Real | None, ...] = ()
    psnr: Point | None = None
    ssim: Point | None = None
    coverage: tuple[Point, ...] = ()
    honesty: Text = ""


class SegmentedImage(_Record):
    """An image whose objects `quietscope segment` has found in the folder of the run.

    Attributes:
        name: The folder of what was found, within that of the run.
        counts: A line for each frame: the frame, objects, their interval, how many are sure, how many are doubtful.
        overlay: The outlines on the mean of the samples; None where they are not shown.
    """

    name: Text
    counts: tuple[tuple[Text, ...], ...] = ()
    overlay: Picture | None = None


class Publication(_Record):
    """Something to cite.

    Attributes:
        text: Authors, title, place and year.
        link: Web address; empty where there is none.
        bibtex: An entry of BibTeX.
    """

    text: Text
    link: Annotated[str, StringConstraints(max_length=1000, pattern=r"^(https?://[^\s\"'<>]*)?$")] = ""
    bibtex: Text


class RunRecord(_Record):
    """A run.

    Attributes:
        format_version: Which reader the record needs.
        verb: "denoise", where images were denoised, or "train".
        created: When the run ended, UTC, ISO 8601.
        part: The part of the first image that is shown, in words; empty for all of it.
        pixel_size: Pixel size by axis, in words; empty where it is not known.
        pixel_size_um: The same along X in micrometres, for the scale bars; None where it is not known.
        method: The method.
        preset: The preset.
        seed: Seed of everything random.
        steps: Training steps.
        training_seconds: Training time.
        learnt_from: Images that were learnt from, with their sizes.
        comes_trained: Whether the network comes trained on other images, and these have only adapted it.
        num_samples: Posterior samples behind means and deviations; 0 where none were drawn.
        estimate: What the denoised images are estimates of, such as "mean" or "median".
        spread: What deviations were multiplied by to be honest.
        deviates: Whether results have a deviation.
        intervals: What was done about the deviation without a clean image; empty where nothing was.
        quality: The PSNR that is estimated without one; empty likewise.
        level: What the run is worth.
        verdict: The same in words.
        images: Images that were denoised.
        channels: What is shown of the first.
        noise: The noise of every channel.
        curves: Numbers of the training log.
        diagnosis: What the first image's noise is, in sentences.
        notes: What the run has told a person.
        settings: Settings of the run.
        versions: Versions of the programs.
        hardware: What it was computed on.
        publications: What to cite: QuietScope, then the method.
        segmentations: Images of which objects were found.
        missing: What the report cannot show, and why.
    """

    format_version: int = Field(default=FORMAT_VERSION, ge=1, le=1000)
    verb: Literal["denoise", "train"]
    created: Text
    part: Text = ""
    pixel_size: Text = ""
    pixel_size_um: Annotated[float, Field(ge=1e-9, le=1e9)] | None = None
    method: Text
    preset: Text
    seed: int
    steps: int
    training_seconds: Real
    learnt_from: tuple[Text, ...] = ()
    comes_trained: bool = False
    num_samples: int = 0
    estimate: Text = "mean"
    spread: Real = 1.0
    deviates: bool = False
    intervals: Text = ""
    quality: Text = ""
    level: Literal["usable", "too short", "failed"]
    verdict: Text
    images: tuple[ImageRecord, ...] = ()
    channels: tuple[ShownChannel, ...] = ()
    noise: tuple[NoiseCurve, ...] = ()
    curves: tuple[TrainingCurve, ...] = ()
    diagnosis: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()
    settings: tuple[Row, ...] = ()
    versions: tuple[Row, ...] = ()
    hardware: tuple[Row, ...] = ()
    publications: tuple[Publication, ...] = ()
    segmentations: tuple[SegmentedImage, ...] = ()
    missing: tuple[Text, ...] = ()

    def to_json(self) -> bytes:
        """Return the record as JSON."""
        return self.model_dump_json(indent=1).encode()

    @classmethod
    def of_json(cls, text: bytes) -> Self:
        """Return the record that a text holds.

        Raises:
            MalformedError: If it is no record, or beyond the bounds of one.
        """
        return validated(cls, parse_json(text, most_bytes=MOST_BYTES_OF_JSON))
