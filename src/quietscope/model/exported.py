"""An exported model as a method, so that everything that prediction can do works with it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self, final

import numpy as np
import torch
from torch import Tensor, nn

from quietscope.data.normalize import Statistics
from quietscope.deploy.card import Card, History
from quietscope.deploy.formats import open_session
from quietscope.deploy.session import Session
from quietscope.methods.base import (
    DeconvolvingMethod,
    Encoding,
    LatentSpec,
    MeasuredMethod,
    Method,
    MethodSettings,
    MomentsMethod,
    PointMethod,
    PosteriorMethod,
)
from quietscope.metrics.coverage import Exposure
from quietscope.model import denoising, exploring
from quietscope.tiling.request import Precision


@final
class Deployed:
    """An exported model at work: a `TrainedModel` with all that can be done with one.

    Args:
        session: The model.
    """

    # What any trained model can do: functions that take the model first.
    denoise = denoising.denoise
    denoise_into = denoising.denoise_into
    room = denoising.room
    sample = denoising.sample
    generate = exploring.generate
    generation = exploring.generation
    generate_into = exploring.generate_into
    shape_of = exploring.shape_of
    interpolate = exploring.interpolate
    renoise = exploring.renoise
    levels = exploring.levels

    def __init__(self, session: Session) -> None:
        self.device = torch.device("cpu")  # where the arrays are; the session knows where it computes
        self.session = session
        self._method = as_method(session)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: str | None = None) -> Self:
        """Open an exported model.

        Args:
            path: A file that `quietscope export` wrote, or a folder of `quietscope compress`.
            device: Where its runtime is to compute, see `open_session`; the CPU if None.

        Returns:
            The model, ready to predict.

        Raises:
            ModelFileError: If it is no exported model.
        """
        return cls(open_session(Path(path), device))

    @property
    def method(self) -> Method:
        """The model as a method."""
        return self._method

    @property
    def precision(self) -> Precision:
        """What is around the model computes in float32; the session knows what it computes in itself."""
        return "float32"

    @property
    def spread(self) -> float:
        """What the deviation of samples is multiplied by, from the card."""
        return self.session.card.spread_factor

    @property
    def history(self) -> History:
        """What it has learnt from, and how far, from the card."""
        return self.session.card.history

    @property
    def known_noise(self) -> tuple[Exposure, ...]:
        """None: a noise model is not exported."""
        return ()


def as_method(session: Session) -> Method:
    """Return an exported model as a method of its kind."""
    if session.card.samples:
        return _Posterior(session)
    if session.card.gives_deviation:
        return _Moments(session)
    return _Deconvolving(session) if session.card.deconvolves else _Point(session)


class _Exported(MeasuredMethod):
    """What is known of every exported model; it learns nothing any more."""

    needs_noise: ClassVar[bool] = False

    def __init__(self, session: Session) -> None:
        super().__init__()
        card = session.card
        self.session = session
        self.settings = MethodSettings()
        self.statistics = Statistics(torch.zeros(card.num_channels), torch.ones(card.num_channels))
        self.noise_models = nn.ModuleList()
        self.bytes_per_pixel = card.bytes_per_pixel

    @property
    def card(self) -> Card:
        """The card that travels with the model."""
        return self.session.card

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self.card.spatial_dims

    @property
    def size_multiple(self) -> tuple[int, ...]:
        """From the card."""
        return self.card.size_multiple

    @property
    def neighbours(self) -> int:
        """From the card."""
        return self.card.history.context.neighbours

    @property
    def orientations(self) -> tuple[int, ...]:
        """From the card."""
        return self.card.orientations

    @property
    def reach(self) -> tuple[int, ...]:
        """From the card."""
        return self.card.reach

    def run(self, x: Tensor, noise: Sequence[Tensor] = ()) -> tuple[Tensor, ...]:
        """Run the model on one image (1, C, *S); what comes out is where the image was."""
        found = self.session.run(x.float().cpu().numpy(), [each.float().cpu().numpy() for each in noise])
        return tuple(torch.from_numpy(np.ascontiguousarray(each)).to(x.device) for each in found.values())


@final
class _Point(_Exported, PointMethod):
    name: ClassVar[str] = "an exported model that gives one image"

    def predict(self, x: Tensor) -> Tensor:
        return torch.cat([self.run(image[None])[0] for image in x])


@final
class _Moments(_Exported, MomentsMethod):
    name: ClassVar[str] = "an exported model that gives mean and deviation"

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, deviation = zip(*(self.run(image[None]) for image in x), strict=True)
        return torch.cat(mean), torch.cat(deviation)


@final
class _Deconvolving(_Exported, DeconvolvingMethod):
    """The file gives both images at once: `blur` returns the denoised image that came with the last deconvolved one."""

    name: ClassVar[str] = "an exported model that deconvolves"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._twins: tuple[Tensor, Tensor] | None = None

    def deconvolve(self, x: Tensor) -> Tensor:
        pairs = [self.run(image[None]) for image in x]
        denoised, deconvolved = (torch.cat(each) for each in zip(*pairs, strict=True))
        self._twins = deconvolved, denoised
        return deconvolved

    def blur(self, d: Tensor) -> Tensor:
        assert self._twins is not None, "nothing has been deconvolved yet"
        assert d is self._twins[0], "an exported model blurs only what it has just deconvolved"
        return self._twins[1]


@final
class _Posterior(_Exported, PosteriorMethod):
    """The encoding is the image: the file encodes it in every call."""

    name: ClassVar[str] = "an exported model that samples"

    def latents(self) -> tuple[LatentSpec, ...]:
        return tuple(
            LatentSpec(level=each.level, channels=each.channels, reduction=each.reduction, is_random=each.is_random)
            for each in self.card.latents
        )

    def encode(self, x: Tensor) -> Encoding:
        return (x,)

    def decode(self, encoding: Encoding, noise: Sequence[Tensor]) -> Tensor:
        (x,) = encoding
        if len(x) > 1 and x.stride(0) == 0:  # one image, repeated for its samples
            return self.run(x[:1], noise)[0]
        each = range(len(x))
        return torch.cat([self.run(x[n : n + 1], [level[n : n + 1] for level in noise])[0] for n in each])
