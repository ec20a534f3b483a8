"""Checkpoints of DivNoising as its authors' program writes them: of Lightning, whole models, or state dicts.

Prakash, Krull, Jug 2021, arXiv 2006.06072; https://github.com/juglab/DivNoising. Mean and deviation of the training
images, and sigma of Gaussian noise, are hyper-parameters of a Lightning checkpoint, and attributes of a whole model.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from quietscope.importers.foreign_checkpoint import Checkpoint, Importer, Translated
from quietscope.importers.renaming import count, renamed
from quietscope.noise import Gaussian

_EXPECTED = "a DivNoising of juglab/DivNoising"
_DEEPEST = 12
_HEADS = ("encoder.convmu.", "encoder.convlogvar.")


def _is_one(checkpoint: Checkpoint) -> bool:
    names = ("encoder.convmu.weight", "encoder.convlogvar.weight", "decoder.convrecon.weight")
    return all(name in checkpoint.weights for name in names)


def _translated(checkpoint: Checkpoint) -> Translated:
    weights = checkpoint.weights
    depth = count(weights, r"encoder\.down_convs\.(\d+)\.conv1\.")
    first = weights["encoder.down_convs.0.conv1.weight"]
    if not 1 <= depth <= _DEEPEST:
        raise checkpoint.unusable(f"{_EXPECTED}, with 1 to {_DEEPEST} levels", f"{depth}")
    if any(".conv3." in name for name in weights):
        raise checkpoint.unusable(f"{_EXPECTED}, with two convolutions per level", "three")
    if weights["decoder.convrecon.weight"].shape[0] != first.shape[1]:
        raise checkpoint.unusable(f"{_EXPECTED}, with as many channels out as in", f"{first.shape[1]} channels in")
    network = {
        "depth": depth,
        "filters": first.shape[0],
        "latent_channels": weights["encoder.convmu.weight"].shape[0],
        "exact_widths": True,
    }
    mean, std, sigma = (_stated(checkpoint, name) for name in ("data_mean", "data_std", "gaussian_noise_std"))
    return Translated(
        method="divnoising",
        preset="paper",
        network=network,
        channels=first.shape[1],
        weights=_own(weights, depth),
        mean=None if mean is None else (mean,),
        std=None if std is None else (std,),
        noise=Gaussian(sigma) if sigma else None,
    )


def _stated(checkpoint: Checkpoint, name: str) -> float | None:
    """Return a hyper-parameter of a Lightning checkpoint, or an attribute of a whole model."""
    found = checkpoint.number("hyper_parameters", name)
    return checkpoint.number(name) if found is None else found


def _own(weights: Mapping[str, Tensor], depth: int) -> dict[str, Tensor]:
    """Rename the tensors; mean and log-variance are one convolution here."""
    table = [(r"decoder\.convrecon\.", r"vae.head.")]
    for level in range(depth):
        for number, place in (("1", 0), ("2", 2)):
            # a level is two convolutions, each with its activation, and a layer that changes the size
            table.append((rf"encoder\.down_convs\.{level}\.conv{number}\.", f"vae.encoder.{5 * level + place}."))
            table.append((rf"decoder\.up_convs\.{level}\.conv{number}\.", f"vae.decoder.{6 * level + place}."))
        table.append((rf"decoder\.up_convs\.{level}\.convtranspose\.", f"vae.decoder.{6 * level + 4}."))
    own = renamed(weights, table, (*_HEADS, "noise_model.", "noiseModel."))
    for part in ("weight", "bias"):
        own[f"vae.posterior.{part}"] = torch.cat([weights[head + part] for head in _HEADS])
    return own


IMPORTER = Importer(what="DivNoising of juglab/DivNoising", is_one=_is_one, translated=_translated)
