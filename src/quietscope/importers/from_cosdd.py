"""Checkpoints of COSDD (DVLAE) as its authors' program writes them since March 2024: of Lightning, or state dicts.

Salmon, Krull 2025, arXiv 2310.07887; https://github.com/krulllab/COSDD. Checkpoints until October 2024 end their ladder
with a block and repeat the nearest pixel outside the image; later ones end it with a convolution and mirror the image.
Two halves of a convolution's channels, which QuietScope keeps one after the other, alternate there. A checkpoint does
not say whether it was trained with `scale-initialisation`, which is off unless somebody turned it on, and is taken to
be off. The densities of noise are within the smooth bound of their widths, see `quietscope.nn.pixel_mixture`.
"""

import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from quietscope.importers.foreign_checkpoint import Checkpoint, Importer, Translated
from quietscope.importers.renaming import Replacement, Table, count, renamed
from quietscope.nn.pixel_mixture import PARAMETERS

_EXPECTED = "a COSDD of krulllab/COSDD"
_MOST_LAYERS = 64
_NDIM = (4, 5)  # of weights of convolutions in 2-D and 3-D
_STEM = "vae.first_bottom_up.0.conv.weight"
_END_OF_LATER = "vae.final_top_down.conv.weight"
_DOWN = r"vae\.top_down_layers\.(\d+)\."
_TABLE: Table = (
    (r"vae\.first_bottom_up\.0\.conv\.", r"ladder.encoder.stem.0."),
    (r"vae\.first_bottom_up\.2\.res_block\.block\.", r"ladder.encoder.stem.2.branch."),
    (r"vae\.bottom_up_layers\.(\d+)\.bu_blocks\.0\.pre_conv\.conv\.", r"ladder.encoder.levels.\1.0."),
    (_DOWN + r"stochastic\.conv_in_p\.conv\.", r"ladder.levels.\1.prior_conv."),
    (_DOWN + r"stochastic\.conv_in_q\.conv\.", r"ladder.levels.\1.posterior_conv."),
    (_DOWN + r"stochastic\.conv_out\.conv\.", r"ladder.levels.\1.latent_conv."),
    (_DOWN + r"top_prior_params$", r"ladder.levels.\1.prior_parameters"),
    (_DOWN + r"merge\.layer\.0\.conv\.", r"ladder.levels.\1.merge.conv."),
    (_DOWN + r"merge\.layer\.1\.block\.", r"ladder.levels.\1.merge.block.branch."),
    (_DOWN + r"skip_connection_merger\.layer\.0\.conv\.", r"ladder.levels.\1.skip.conv."),
    (_DOWN + r"skip_connection_merger\.layer\.1\.block\.", r"ladder.levels.\1.skip.block.branch."),
    (_DOWN + r"deterministic_blocks\.0\.pre_conv\.1\.conv\.", r"ladder.levels.\1.blocks.0.conv."),
    (r"vae\.final_top_down\.conv\.", r"ladder.head."),
    (r"vae\.final_top_down\.(\d+)\.res_block\.block\.", r"ladder.final.\1.branch."),
    (r"ar_decoder\.out_conv\.conv\.", r"noise_decoder.head."),
    (r"s_decoder\.net\.([012])\.0\.conv\.", r"signal_decoder.layers.\1."),
    (r"s_decoder\.net\.3\.conv\.", r"signal_decoder.head."),
)
_SKIPPED = ("direct_denoiser.", "data_mean", "data_std", "ar_decoder.layers.")
_LAYER = re.compile(r"ar_decoder\.layers\.layers\.(\d{1,4})\.in_conv\.conv\.conv\.weight")
_INNER = re.compile(r"(branch\.\d+\.conv)\.conv\.|(branch\.\d+)\.conv\.")
_ALTERNATING_OUT = re.compile(r"branch\.\d+\.conv\.(weight|bias)$|(prior|posterior)_conv\.|prior_parameters$")
_ALTERNATING_IN = re.compile(r"(merge|skip)\.conv\.weight$")


def _is_one(checkpoint: Checkpoint) -> bool:
    names = (_STEM, "ar_decoder.out_conv.conv.weight", "s_decoder.net.3.conv.weight")
    return all(name in checkpoint.weights for name in names)


def _translated(checkpoint: Checkpoint) -> Translated:
    weights = checkpoint.weights
    levels, stem = count(weights, _DOWN), weights[_STEM]
    layers = sorted({int(found[1]) for name in weights if (found := _LAYER.match(name))})
    _check(checkpoint, stem, layers)
    first = f"ar_decoder.layers.layers.{layers[0]}"
    kernel, is_later = weights[f"{first}.in_conv.conv.conv.weight"].shape[-1], _END_OF_LATER in weights
    latents = [
        weights[f"vae.top_down_layers.{n}.stochastic.conv_in_q.conv.weight"].shape[0] // 2 for n in range(levels)
    ]
    halves = [f"vae.bottom_up_layers.{n}.bu_blocks.0.pre_conv.conv.weight" in weights for n in range(levels)]
    network = {
        "direction": "none" if kernel == 1 else "y" if layers[0] else "x",
        "code_channels": weights[f"{first}.s_conv.conv.weight"].shape[1],
        "filters": [stem.shape[0]] * levels,
        "latent_channels": latents,
        "halves": halves,
        "blocks": count(weights, r"vae\.bottom_up_layers\.0\.bu_blocks\.(\d+)\."),
        "final_blocks": 0 if is_later else count(weights, r"vae\.final_top_down\.(\d+)\."),
        "final_conv": is_later,
        "stem_filters": stem.shape[0],
        "z_halvings": levels if stem.ndim == max(_NDIM) else 0,
        "stochastic_skip": "vae.top_down_layers.0.skip_connection_merger.layer.0.conv.weight" in weights,
        "resampling": "linear",
        "edges": "reflect" if is_later else "replicate",
        "exact_widths": True,
        "kernel": max(kernel, 2),
        "dilations": _dilations(len(layers)),
        "noise_filters": weights[f"{first}.s_conv.conv.weight"].shape[0],
        "components": weights["ar_decoder.out_conv.conv.weight"].shape[0] // PARAMETERS,
        "signal_filters": weights["s_decoder.net.0.0.conv.weight"].shape[0],
    }
    mean, std = (_scale(checkpoint, name) for name in ("data_mean", "data_std"))
    return Translated(
        method="dvlae",
        preset="paper",
        network=network,
        dims=stem.ndim - 2,
        channels=stem.shape[1],
        weights=_own(weights, layers, halves),
        mean=mean,
        std=std,
    )


def _check(checkpoint: Checkpoint, stem: Tensor, layers: list[int]) -> None:
    """Refuse what QuietScope's network cannot be."""
    required = {
        "planes or volumes": stem.ndim in _NDIM,
        "one channel": stem.shape[1] == 1,
        "an even number of layers in its noise decoder": 2 <= len(layers) <= _MOST_LAYERS and len(layers) % 2 == 0,
        "noise along x or none in volumes": stem.ndim == min(_NDIM) or not (layers and layers[0]),
    }
    for words, is_met in required.items():
        if not is_met:
            raise checkpoint.unusable(f"{_EXPECTED}, with {words}", "another network")


def _dilations(layers: int) -> list[int]:
    """Return the dilations of pairs of layers: those that grow and shrink again, each before one of 1."""
    pairs = layers // 2
    middle = (pairs + 1) // 2
    return [each for n in range(pairs) for each in (2**n if n < middle else 2 ** (pairs - n - 1), 1)]


def _scale(checkpoint: Checkpoint, name: str) -> tuple[float, ...] | None:
    """Return mean or deviation: a tensor among the weights, or a hyper-parameter in earlier versions."""
    held = checkpoint.weights.get(name)
    if held is not None and held.numel() == 1:
        return (float(held.reshape(())),)
    found = checkpoint.number("hyper_parameters", name)
    return None if found is None else (found,)


def _own(weights: Mapping[str, Tensor], layers: list[int], halves: list[bool]) -> dict[str, Tensor]:
    """Rename and reorder the tensors; a level that halves has a layer before its blocks, others have none."""

    def blocks(where: str) -> Replacement:
        return lambda at: f"{where.format(at[1])}{int(at[2]) + halves[int(at[1])]}.branch."

    up, down = r"vae\.bottom_up_layers\.(\d+)\.bu_blocks\.(\d+)\.", _DOWN + r"deterministic_blocks\.(\d+)\."
    table = [
        *_TABLE,
        (up + r"res_block\.block\.", blocks("ladder.encoder.levels.{}.")),
        (down + r"res_block\.block\.", blocks("ladder.levels.{}.blocks.")),
    ]
    found = {_INNER.sub(_unwrapped, name): tensor for name, tensor in renamed(weights, table, _SKIPPED).items()}
    own = {name: _in_halves(name, tensor) for name, tensor in found.items()}
    head = own.get("ladder.head.weight")
    if head is not None:  # a 3-wide convolution is a 1-wide one where its outer weights are zero
        own["ladder.head.weight"] = F.pad(head, [1] * (2 * (head.ndim - 2)))
    for part in ("weight", "bias"):
        tensor = own[f"noise_decoder.head.{part}"]
        own[f"noise_decoder.head.{part}"] = torch.cat([tensor[n::PARAMETERS] for n in range(PARAMETERS)])
    own |= _noise_decoder(weights, layers)
    return {**own, "noise_width": torch.ones(1), "grain": torch.zeros(1)}


def _unwrapped(found: "re.Match[str]") -> str:
    """Drop the one `conv` of a name that merely wraps a convolution."""
    return f"{found[1] or found[2]}."


def _in_halves(name: str, tensor: Tensor) -> Tensor:
    """Put channels that alternate one half after the other; of the top prior, the mean over its places too."""
    if name.endswith("prior_parameters"):
        tensor = tensor.mean(dim=tuple(range(2, tensor.ndim)), keepdim=True)
        return torch.cat((tensor[:, ::2], tensor[:, 1::2]), dim=1)
    if _ALTERNATING_OUT.search(name):
        return torch.cat((tensor[::2], tensor[1::2]))
    if _ALTERNATING_IN.search(name):
        return torch.cat((tensor[:, ::2], tensor[:, 1::2]), dim=1)
    return tensor


def _noise_decoder(weights: Mapping[str, Tensor], layers: list[int]) -> dict[str, Tensor]:
    """Return the tensors of the noise decoder's layers; their kernels lie along one axis."""
    own: dict[str, Tensor] = {}
    for place, number in enumerate(layers):
        theirs = f"ar_decoder.layers.layers.{number}"
        seen = weights[f"{theirs}.in_conv.conv.conv.weight"]
        seen, bias = seen.reshape(*seen.shape[:2], -1), weights[f"{theirs}.in_conv.conv.conv.bias"]
        at = f"noise_decoder.blocks.{place - 1}." if place else "noise_decoder."
        for part in ("weight", "bias"):
            own[f"{at}code.{part}"] = weights[f"{theirs}.s_conv.conv.{part}"]
            own[f"{at}{'out' if place else 'mix'}.{part}"] = weights[f"{theirs}.out_conv.conv.{part}"]
        if place:
            own |= {f"{at}causal.weight": seen, f"{at}causal.bias": bias}
        elif seen.shape[-1] > 1:  # the last weight of the first kernel, on the pixel itself, is always zero
            own |= {"noise_decoder.context.weight": seen[..., :-1], "noise_decoder.context.bias": bias}
        else:
            own["noise_decoder.code.bias"] = own["noise_decoder.code.bias"] + bias
    return own


IMPORTER = Importer(what="COSDD of krulllab/COSDD", is_one=_is_one, translated=_translated)
