"""Chunks that are compared one by one say together what the whole image would say, and where."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from quietscope.io import Image
from quietscope.pipeline.chunks.chunk_judge import LEAST, WHOLE, ChunkJudge, pivots_of
from quietscope.tiling.cut import Cut
from quietscope.tiling.judged import Judged, Judgement
from quietscope.tiling.spec import TileSpec

SHAPE = (3, 700, 900)
CUT = Cut(frame_counts=(3,), frame_chunk=(1,), size=SHAPE[1:], chunk=(512, 512), tiles=TileSpec((512, 512), (0, 0)))


@pytest.fixture(scope="module")
def images() -> dict[str, np.ndarray]:
    """A noisy series and a result in which one square is too bright."""
    rng = np.random.default_rng(0)
    signal = np.broadcast_to(200 + 50 * np.sin(np.arange(900) / 20), SHAPE)
    result = signal.astype(np.float32)
    result[1, 600:632, 640:672] += 30
    return {"noisy": rng.normal(signal, 10).astype(np.float32), "result": result}


def judge(share: float = 1.0, pivots: tuple[float, ...] = (200.0,)) -> ChunkJudge:
    return ChunkJudge(kind="mean", noise=(), num_pixels=int(np.prod(SHAPE)), share=share, pivots=pivots)


def found_in(images: dict[str, np.ndarray], who: ChunkJudge) -> dict[int, Judgement]:
    noisy, found = Image(images["noisy"], "TYX"), {}
    for number, chunk in enumerate(CUT):
        if number in who:
            box = (*chunk.counted, *chunk.box)
            found[number] = who.judged(who.noisy(noisy, box), box, {"mean": images["result"][box]})
    return found


def test_chunks_say_together_what_the_whole_image_says(images: dict[str, np.ndarray]) -> None:
    whole = Judged(Image(images["noisy"], "TYX"))
    whole[:, :, :] = images["result"]
    found = found_in(images, judge())
    kept = {number: Judgement.of_values(json.loads(json.dumps(each.values()))) for number, each in found.items()}
    together = judge().concluded(kept, {number: CUT[number].num_pixels for number in kept})
    assert together is not None
    assert together.unexplained.searched == 1.0
    ours, theirs = together.verdict(), whole.verdict()
    assert ours.level == theirs.level
    for name in ("noise", "removed", "bias", "slope", "lost"):
        assert getattr(ours.figures[0], name) == pytest.approx(getattr(theirs.figures[0], name), rel=0.05), name
    (region,) = [each for each in together.unexplained.regions if each.side == 32]
    assert (dict(region.plane), region.kind) == ({"T": 1}, "too bright")
    assert abs(region.y - 600) <= 16
    assert abs(region.x - 640) <= 16
    assert together.unexplained.share == pytest.approx(whole.unexplained.share, rel=0.5)


def test_a_share_of_the_chunks_is_compared_and_said_to_be(images: dict[str, np.ndarray]) -> None:
    who = judge(share=0.4)
    found = found_in(images, who)
    assert 0 < len(found) < len(CUT)
    together = who.concluded(found, {number: CUT[number].num_pixels for number in found})
    assert together is not None
    assert together.unexplained.searched == pytest.approx(
        sum(CUT[number].num_pixels for number in found) / np.prod(SHAPE)
    )
    assert "searched" in together.unexplained.words
    compared = np.array([number in judge(share=LEAST) for number in range(8000)])
    assert compared.mean() == pytest.approx(LEAST, rel=0.02)
    for width in (2, 3, 8, 21, 64):  # of no row of chunks all are left out
        assert compared.reshape(-1)[: 8000 // width * width].reshape(-1, width).any(axis=0).all(), width
    assert WHOLE * LEAST >= 1 << 20
    assert who.concluded({}, {}) is None


def test_a_typical_intensity_is_that_of_each_channel_and_no_gap_spoils_it() -> None:
    pixels = np.stack([np.full((2, 40, 30), 7.0), np.full((2, 40, 30), 90.0)])
    pixels[1, 1, :20] = np.nan
    target: Any = SimpleNamespace(image=Image(pixels, "CTYX"))
    assert pivots_of(target) == pytest.approx((7.0, 45.0))
