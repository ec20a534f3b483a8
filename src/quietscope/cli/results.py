"""Denoising into files: what denoise and predict have in common."""

from typing import TYPE_CHECKING

from quietscope.cli.outputs import Plan
from quietscope.cli.screen import Screen

if TYPE_CHECKING:
    from quietscope import Denoiser, Deployed
    from quietscope.deploy.predict import LeanPredictor


def write_results(denoiser: "Denoiser | Deployed | LeanPredictor", plan: Plan, screen: Screen, seed: int) -> None:
    """Denoise one image into its files.

    Args:
        denoiser: A trained denoiser, or an exported model.
        plan: What is to be written where, and how.
        screen: Shows how it stands.
        seed: Seed of the samples.
    """
    name = plan.image.path.name if plan.image.path is not None else "image"
    with plan.writers() as sinks, screen.predicting(name) as progress:
        denoiser.denoise_into(plan.image, sinks, plan.options.request(seed), progress=progress)
