"""Checkpoints of Noise2Void and N2V2 that CAREamics trained: of Lightning, or state dicts.

https://github.com/CAREamics/careamics. A checkpoint has its configuration, with mean and deviation of the training
images, in its hyper-parameters; a state dict has none, and is taken for the default: batch normalisation, no residual,
maximum pooling.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from quietscope.importers.foreign_checkpoint import Checkpoint, Importer, Translated, entries_of
from quietscope.importers.renaming import count, renamed
from quietscope.outside.pickled import Record

_EXPECTED = "a Noise2Void of CAREamics"
_DEEPEST = 12
_NDIM = (4, 5)  # of weights of convolutions in 2-D and 3-D
_EPSILON = 1e-6  # added to every deviation before it divides
_MASKS = {"horizontal": "x", "vertical": "y"}
_PREFIX = "model."


def _is_one(checkpoint: Checkpoint) -> bool:
    weights = _network(checkpoint)
    return all(f"{name}.weight" in weights for name in ("encoder.encoder_blocks.0.conv1", "decoder.bottleneck.conv1"))


def _network(checkpoint: Checkpoint) -> dict[str, Tensor]:
    return {name.removeprefix(_PREFIX): tensor for name, tensor in checkpoint.weights.items()}


def _translated(checkpoint: Checkpoint) -> Translated:
    weights = _network(checkpoint)
    algorithm = _text(checkpoint.value("hyper_parameters", "algorithm_config", "algorithm"))
    if algorithm not in ("", "n2v"):
        raise checkpoint.unusable(_EXPECTED, f"the algorithm {algorithm[:60]}")
    depth = count(weights, r"encoder\.encoder_blocks\.(\d+)\.conv1\.")
    first, last = weights["encoder.encoder_blocks.0.conv1.weight"], weights["final_conv.weight"]
    _check(checkpoint, depth, first, last)
    batch_norm = _setting(checkpoint, "use_batch_norm", True) is True
    mean, std = _statistics(checkpoint)
    return Translated(
        method="noise2void",
        preset="paper",
        network=_settings(checkpoint, weights, depth, batch_norm),
        dims=first.ndim - 2,
        channels=first.shape[1],
        weights=_own(weights, depth, batch_norm),
        mean=mean,
        std=None if std is None else tuple(each + _EPSILON for each in std),
    )


def _settings(
    checkpoint: Checkpoint, weights: Mapping[str, Tensor], depth: int, batch_norm: bool
) -> dict[str, bool | int | str]:
    first, top = (
        weights["encoder.encoder_blocks.0.conv1.weight"],
        weights[f"decoder.decoder_blocks.{2 * depth - 1}.conv1.weight"],
    )
    is_n2v2 = _setting(checkpoint, "n2v2", False) is True
    mask = _text(checkpoint.value("hyper_parameters", "algorithm_config", "n2v_config", "struct_mask_axis"))
    return {
        "depth": depth,
        "filters": first.shape[0],
        "z_halvings": depth if first.ndim == max(_NDIM) else 0,
        "batch_norm": batch_norm,
        "blur_pool": is_n2v2,
        "pool_edges": "zeros",
        "top_skip": top.shape[1] > top.shape[0],
        "merge": "concat",
        "activation": "relu",
        "upsampling": "linear",
        "residual": _setting(checkpoint, "residual", False) is True,
        "tapered": True,
        "replacement": "median" if is_n2v2 else "uniform",
        "mask_axes": _MASKS.get(mask, "none"),
    }


def _check(checkpoint: Checkpoint, depth: int, first: Tensor, last: Tensor) -> None:
    """Refuse what QuietScope's U-Net cannot be."""
    final = _text(_setting(checkpoint, "final_activation", "None"))
    required = {
        f"1 to {_DEEPEST} levels": 1 <= depth <= _DEEPEST,
        "planes or volumes": first.ndim in _NDIM,
        "as many channels out as in, learnt together": last.ndim == first.ndim and last.shape[0] == first.shape[1],
        "no last activation": final in ("None", "none", ""),
    }
    for words, is_met in required.items():
        if not is_met:
            raise checkpoint.unusable(f"{_EXPECTED}, with {words}", "another network")


def _setting(checkpoint: Checkpoint, name: str, usual: Any) -> Any:
    found = entries_of(checkpoint.value("hyper_parameters", "algorithm_config", "model"))
    return found.get(name, usual)


def _text(value: Any) -> str:
    """Return text, that of a member of an enumeration too; empty for all else."""
    if isinstance(value, Record) and isinstance(value.arguments, tuple) and len(value.arguments) == 1:
        value = value.arguments[0]
    return value if isinstance(value, str) else ""


def _statistics(checkpoint: Checkpoint) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Return mean and deviation of every channel, from where one version or another keeps them."""
    for place in ("datamodule_hyper_parameters", "hyper_parameters"):
        data = entries_of(checkpoint.value(place, "data_config"))
        scale = entries_of(data.get("normalization"))
        kind = _text(scale.get("name"))
        if kind not in ("", "mean_std"):
            raise checkpoint.unusable(f"{_EXPECTED}, normalised by mean and deviation", f"normalisation {kind[:60]}")
        for held, names in ((scale, ("input_means", "input_stds")), (data, ("image_means", "image_stds"))):
            mean, std = (_numbers(checkpoint, held.get(name)) for name in names)
            if mean and std:
                return mean, std
    return None, None


def _numbers(checkpoint: Checkpoint, value: Any) -> tuple[float, ...] | None:
    found = [checkpoint.number_of(each) for each in value] if isinstance(value, list | tuple) else []
    return None if None in found else tuple(each for each in found if each is not None)


def _own(weights: Mapping[str, Tensor], depth: int, batch_norm: bool) -> dict[str, Tensor]:
    """Rename the tensors; batch normalisation has weights even where it is not used."""
    blocks = {"decoder.bottleneck": f"unet.down.{depth}"}
    for level in range(depth):
        blocks[f"encoder.encoder_blocks.{2 * level}"] = f"unet.down.{level}"
        blocks[f"decoder.decoder_blocks.{2 * (depth - level) - 1}"] = f"unet.up.{level}"
    places = {"conv1": 0, "batch_norm1": 1, "conv2": 3, "batch_norm2": 4} if batch_norm else {"conv1": 0, "conv2": 2}
    table = [("final_conv\\.", "unet.head.")]
    for theirs, ours in blocks.items():
        pattern = theirs.replace(".", "\\.")
        table += [(rf"{pattern}\.{part}\.", f"{ours}.{place}.") for part, place in places.items()]
    used = {name: tensor for name, tensor in weights.items() if batch_norm or ".batch_norm" not in name}
    return renamed(used, table)


IMPORTER = Importer(what="Noise2Void of CAREamics", is_one=_is_one, translated=_translated)
