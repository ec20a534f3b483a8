"""Taught blind first: a variational method learns to predict hidden pixels before it learns by its own bound.

In the first share of its training, a method encodes patches of which some pixels are hidden, decodes the posterior's
mean, and learns from the squared error at the hidden pixels, which is Noise2Void (Krull, Buchholz, Jug, CVPR 2019)
through the very encoder and decoder that training goes on with. Latents that hold nothing of the image explain no
hidden pixel, so that the evidence lower bound, which follows, finds a posterior that depends on the image. The weight
of the KL divergence then rises from zero to one (Bowman et al., CoNLL 2016).
"""

from abc import abstractmethod
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from quietscope.data.hidden_pixels import BlindSpots
from quietscope.methods.base import Loss, MethodSettings
from quietscope.methods.blind_spot import hide
from quietscope.methods.scale import ScaledMethod
from quietscope.methods.scheduled import ScheduledMethod
from quietscope.methods.window import middle, middle_known

BLIND_SHARE = "blind_share"
"""Name of the setting."""

HIDDEN_SHARE = 1 / 4
"""Share of the pixels that are hidden: eight times that of the preset `fast` of Noise2Void, because in a scene of few
spots hardly any hidden pixel lies on one, and the blind part is short."""

AFTER_A_COLLAPSE = 0.4
"""Share of training that is blind, at least, after the posterior has collapsed."""

WINDOW = 5
"""Side of the window whose median stands for a hidden pixel, as in N2V2."""

WARM_UP = 0.5
"""Length of the period in which the weight of the KL divergence rises, in shares of the blind part."""


class BlindFirstSettings(MethodSettings):
    """Settings of a method that may be taught blind first.

    Attributes:
        blind_share: Share of training, from its start, in which the method learns to predict hidden pixels, with every
            latent at its mean, before it learns by its own loss; 0 for none, as published. Needs noise that is
            independent between pixels.
    """

    blind_share: float = Field(default=0.0, ge=0, le=0.5)


class BlindFirstMethod(ScaledMethod, ScheduledMethod):
    """A variational method that may learn as a blind-spot network first, see `BlindFirstSettings`.

    With b the setting `blind_share`, or more after a collapse, and p the progress of training, the loss for p < b is
    ``mean over blind spots of (x - f(x with spots replaced))^2`` on the network's scale, with f the decoded mean of the
    posterior. Later it is the method's own, in which the KL divergence weighs ``min(1, (p - b) / (b WARM_UP))``.
    """

    ability: ClassVar[str] = "can be taught blind first"
    settings: BlindFirstSettings
    warmth: Tensor
    """Weight of the KL divergence by the progress of training, a buffer of shape (), 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.least_share = 0.0
        """Share of training that is blind even where the settings say less."""
        self.is_blind = False
        """Whether the method learns to predict hidden pixels now."""
        self.register_buffer("warmth", torch.ones(()), persistent=False)

    @property
    def blind_share(self) -> float:
        """Share of training, from its start, in which the method learns to predict hidden pixels."""
        return max(self.settings.blind_share, self.least_share)

    @property
    def settled_share(self) -> float:
        """Share of training, from its start, after which the loss is the method's own."""
        return self.blind_share * (1.0 + WARM_UP)

    def advance(self, progress: float) -> None:
        """Choose between the blind loss and the method's own, and set how much the KL divergence weighs in it."""
        blind = self.blind_share
        self.is_blind = progress < blind
        risen = (progress - blind) / (self.settled_share - blind) if progress < self.settled_share else 1.0
        self.warmth.fill_(max(0.0, risen))

    def blind_loss(self, x: Tensor, known: Tensor | None) -> Loss:
        """Return the squared error at hidden pixels, on the network's scale.

        Args:
            x: Noisy patches (B, W C, *S) without NaN, intensity units.
            known: True where pixels were measured, same shape; None where all were.
        """
        spots = BlindSpots(spatial_dims=self.spatial_dims, share=HIDDEN_SHARE, window=WINDOW, replacement="median")
        observed = self.to_network(x)
        num_channels = self.statistics.num_channels
        blinded, shown = hide(spots, observed, num_channels)
        wanted, measured = middle(observed, num_channels), middle_known(known, num_channels)
        error = blinded.mean_square(self.mean_image(shown), wanted, measured)
        return Loss(error, {"blind": error.detach()})

    @abstractmethod
    def mean_image(self, seen: Tensor) -> Tensor:
        """Encode images (B, C, *S) and decode the posterior's mean, in and out on the network's scale."""
