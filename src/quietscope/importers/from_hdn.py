"""Checkpoints of Hierarchical DivNoising as its authors' program writes them: whole models, or their state dicts.

Prakash, Delbracio, Milanfar, Jug 2022, arXiv 2104.01374; https://github.com/juglab/HDN. Mean and deviation of the
training images, the noise model, the activation and the levels that do not see the image are attributes of a whole
model, and absent from a state dict.
"""

from collections.abc import Mapping
from contextlib import suppress

from torch import Tensor

from quietscope.errors import NoiseError
from quietscope.importers.foreign_checkpoint import Checkpoint, Importer, Translated, entries_of
from quietscope.importers.renaming import count, renamed
from quietscope.importers.torch_file import is_tensor
from quietscope.noise import GaussianMixture, NoiseModel
from quietscope.outside.pickled import Record

_EXPECTED = "an HDN of juglab/HDN"
_ACTIVATIONS = {"ELU": "elu", "ReLU": "relu"}
_NDIM = (4, 5)  # of weights of convolutions in 2-D and 3-D
_DEFAULT_DROPOUT = 0.2
_TABLE = (
    (r"first_bottom_up\.0\.", r"ladder.encoder.stem.0."),
    (r"first_bottom_up\.2\.res\.block\.", r"ladder.encoder.stem.2.branch."),
    (r"bottom_up_layers\.(\d+)\.net\.0\.pre_conv\.", r"ladder.encoder.levels.\1.0."),
    (
        r"bottom_up_layers\.(\d+)\.net\.(\d+)\.res\.block\.",
        lambda found: f"ladder.encoder.levels.{found[1]}.{int(found[2]) + 1}.branch.",
    ),
    (r"top_down_layers\.(\d+)\.stochastic\.conv_in_p\.", r"ladder.levels.\1.prior_conv."),
    (r"top_down_layers\.(\d+)\.stochastic\.conv_in_q\.", r"ladder.levels.\1.posterior_conv."),
    (r"top_down_layers\.(\d+)\.stochastic\.conv_out\.", r"ladder.levels.\1.latent_conv."),
    (r"top_down_layers\.(\d+)\.top_prior_params$", r"ladder.levels.\1.prior_parameters"),
    (r"top_down_layers\.(\d+)\.merge\.layer\.0\.", r"ladder.levels.\1.merge.conv."),
    (r"top_down_layers\.(\d+)\.merge\.layer\.1\.block\.", r"ladder.levels.\1.merge.block.branch."),
    (r"top_down_layers\.(\d+)\.skip_connection_merger\.layer\.0\.", r"ladder.levels.\1.skip.conv."),
    (r"top_down_layers\.(\d+)\.skip_connection_merger\.layer\.1\.block\.", r"ladder.levels.\1.skip.block.branch."),
    (r"top_down_layers\.(\d+)\.deterministic_block\.0\.pre_conv\.", r"ladder.levels.\1.blocks.0."),
    (
        r"top_down_layers\.(\d+)\.deterministic_block\.(\d+)\.res\.block\.",
        lambda found: f"ladder.levels.{found[1]}.blocks.{int(found[2]) + 1}.branch.",
    ),
    (r"final_top_down\.(\d+)\.res\.block\.", r"ladder.final.\1.branch."),
    (r"likelihood\.parameter_net\.", r"ladder.head."),
)
_NOISE = ("noiseModel.", "likelihood.noiseModel.")
_STEM = "first_bottom_up.2.res.block"


def _is_one(checkpoint: Checkpoint) -> bool:
    names = (
        "first_bottom_up.0.weight",
        "likelihood.parameter_net.weight",
        "top_down_layers.0.stochastic.conv_in_q.weight",
    )
    return all(name in checkpoint.weights for name in names)


def _translated(checkpoint: Checkpoint) -> Translated:
    weights = checkpoint.weights
    levels = count(weights, r"top_down_layers\.(\d+)\.")
    stem = weights["first_bottom_up.0.weight"]
    _check(checkpoint, levels, stem)
    blocks = count(weights, r"bottom_up_layers\.0\.net\.(\d+)\.")
    latents = [weights[f"top_down_layers.{level}.stochastic.conv_in_q.weight"].shape[0] // 2 for level in range(levels)]
    batch_norm = f"{_STEM}.0.running_mean" in weights
    network = {
        "filters": [stem.shape[0]] * levels,
        "latent_channels": latents,
        "blocks": blocks,
        "final_blocks": count(weights, r"final_top_down\.(\d+)\."),
        "stem_filters": stem.shape[0],
        "activation": _activation(checkpoint),
        "batch_norm": batch_norm,
        "dropout": _dropout(checkpoint, batch_norm),
        "stochastic_skip": "top_down_layers.0.skip_connection_merger.layer.0.weight" in weights,
        "deterministic_levels": _deterministic(checkpoint),
        "exact_widths": True,
    }
    mean, std = checkpoint.number("data_mean"), checkpoint.number("data_std")
    return Translated(
        method="hdn",
        preset="paper",
        network=network,
        dims=stem.ndim - 2,
        channels=stem.shape[1],
        weights=_own(weights, levels),
        mean=None if mean is None else (mean,),
        std=None if std is None else (std,),
        noise=_noise(checkpoint),
    )


def _check(checkpoint: Checkpoint, levels: int, stem: Tensor) -> None:
    """Refuse what QuietScope's ladder cannot be."""
    names = checkpoint.weights
    merges = [f"top_down_layers.{level}.merge.layer.0.weight" for level in range(levels - 1)]
    gates = ("final_top_down.0.res.block.", "top_down_layers.0.deterministic_block.0.res.block.")
    required = {
        "planes or volumes": stem.ndim in _NDIM,
        "images at full resolution at the first level": "final_top_down.0.res.block.0.weight" in names
        or "final_top_down.0.res.block.1.weight" in names,
        "levels that each halve the image": all(
            f"bottom_up_layers.{n}.net.0.pre_conv.weight" in names for n in range(levels)
        ),
        "merging by a convolution and a block": all(name in names for name in merges),
        "gated blocks": all(any(name.startswith(gate) and ".conv." in name for name in names) for gate in gates),
    }
    for words, is_met in required.items():
        if not is_met:
            raise checkpoint.unusable(f"{_EXPECTED}, with {words}", "another network")


def _activation(checkpoint: Checkpoint) -> str:
    """Return the activation of a whole model; that of every published one for a state dict, which does not tell."""
    name = checkpoint.layers.get("first_bottom_up.1", "ELU")
    if name not in _ACTIVATIONS:
        raise checkpoint.unusable(f"{_EXPECTED}, with one of {', '.join(_ACTIVATIONS)}", f"the activation {name[:60]}")
    return _ACTIVATIONS[name]


def _dropout(checkpoint: Checkpoint, batch_norm: bool) -> float:
    """Return the dropout, which takes a place in every block even where a state dict does not tell how much it is."""
    place = f"{_STEM}.4.running_mean" if batch_norm else f"{_STEM}.4.weight"
    if place not in checkpoint.weights:
        return 0.0
    given = checkpoint.number("dropout")
    return given if given is not None and 0 < given < 1 else _DEFAULT_DROPOUT


def _deterministic(checkpoint: Checkpoint) -> list[int]:
    found = checkpoint.value("use_uncond_mode_at")
    return [level for level in found if type(level) is int] if isinstance(found, list | tuple) else []


def _noise(checkpoint: Checkpoint) -> NoiseModel | None:
    """Return the mixture that a whole model keeps, if it keeps one."""
    held = checkpoint.value("noiseModel")
    state = entries_of(held.state) if isinstance(held, Record) else {}
    bounds = [checkpoint.number_of(state.get(name)) for name in ("min_signal", "max_signal", "min_sigma")]
    weight = state.get("weight")
    if not is_tensor(weight) or None in bounds:
        return None
    low, high, least = (float(each) for each in bounds if each is not None)
    with suppress(NoiseError):
        return GaussianMixture(checkpoint.file.tensors({"": weight})[""], low, high, least)
    return None


def _own(weights: Mapping[str, Tensor], levels: int) -> dict[str, Tensor]:
    """Rename the tensors; of the prior of the top level, as large as the training image there, the mean stays."""
    own = renamed(weights, _TABLE, _NOISE)
    prior = f"ladder.levels.{levels - 1}.prior_parameters"
    if prior in own:
        own[prior] = own[prior].mean(dim=tuple(range(2, own[prior].ndim)), keepdim=True)
    return own


IMPORTER = Importer(what="HDN of juglab/HDN", is_one=_is_one, translated=_translated)
