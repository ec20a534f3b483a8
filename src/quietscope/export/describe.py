"""The card of a method that is about to be exported."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime

import torch

from quietscope.deploy.card import Card, CardLatent
from quietscope.export.graph import Graph
from quietscope.methods import METHODS
from quietscope.methods.base import Method
from quietscope.model.file import ModelCard, history_of
from quietscope.prediction import ready_to_predict
from quietscope.prediction.memory import bytes_per_pixel
from quietscope.tiling.request import Precision
from quietscope.tiling.spec import default_halo
from quietscope.version import __version__


def card_of(
    method: Method,
    card: ModelCard,
    *,
    name: str | None = None,
    precision: Precision = "auto",
    compression: Sequence[str] = (),
) -> Card:
    """Return the card of an exported method.

    Args:
        method: The method that the exported graph is made from.
        card: Card of the model file.
        name: Name for the card, if `method` wraps the trained method and has another name.
        precision: Precision of the networks; "float32" is written to the card, any other leaves it to the runtime.
        compression: Steps of compression applied to the method, in words.

    Returns:
        The card.
    """
    graph = Graph.of(method)
    latents = (
        CardLatent(level=each.level, channels=each.channels, reduction=each.reduction, is_random=each.is_random)
        for each in graph.latents
    )
    with ready_to_predict(method, "cpu", "float32") as device:
        needed = bytes_per_pixel(method, device)
    return Card(
        method=name or method.name,
        outputs=graph.output_names,
        spatial_dims=method.spatial_dims,
        size_multiple=method.size_multiple,
        halo=default_halo(method),
        reach=method.reach,
        num_channels=method.statistics.num_channels,
        latents=tuple(latents),
        orientations=method.orientations,
        axes=card.axes,
        pixel_size_um=dict(card.pixel_size_um),
        channel_names=card.channel_names,
        spread_factor=card.spread_factor,
        bytes_per_pixel=needed,
        precision="float32" if precision == "float32" else "auto",
        compression=tuple(compression),
        configuration=card.configuration.model_dump(mode="json"),
        training=dict(card.training),
        history=history_of(method, card),
        versions={
            "quietscope": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            **{origin["package"]: origin["version"] for origin in METHODS.origins(name or method.name)},
        },
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
