"""Candidates for the consensus: the objects of all segmentations, put into groups of those that are one and the same.

Two objects are the same where they share at least half of what either covers (intersection over union above 1/2), so
that an object has at most one partner in another segmentation. Where a segmentation joins what another parts, the
whole and its parts are groups of their own, which exclude each other; `chosen` takes the better account.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.consensus.overlay import Overlaid

SAME = 0.5
"""Intersection over union above which two objects are the same."""
_COVERED = 0.5
"""Share of the smaller one above which an overlap of two objects lets only one of them be."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """Groups of objects.

    Attributes:
        votes: Share of the members of every group that cover a patch: sparse, (groups, patches).
        support: Share of the segmentations that have a member, (groups,).
        overlaid: What they were made of.
    """

    votes: Any
    support: Floats
    overlaid: Overlaid

    @property
    def masks(self) -> Any:
        """The patches that more than half of the members cover: sparse ones, (groups, patches)."""
        return majority(self.votes)


def majority(votes: Any) -> Any:
    """Return ones where votes are above one half, as a sparse matrix."""
    masks = votes.copy()
    masks.data = (masks.data > 0.5).astype(np.float64)
    masks.eliminate_zeros()
    return masks


def matches(overlaid: Overlaid, masks: Any) -> npt.NDArray[np.int64]:
    """Return the object of every segmentation that is the same as each of some sets of patches.

    Args:
        overlaid: The segmentations.
        masks: Sparse ones, (M, patches).

    Returns:
        Numbers of objects, (M, K); -1 where a segmentation has none.
    """
    found = np.full((masks.shape[0], overlaid.num_segmentations), -1, np.int64)
    pairs = overlaid.iou(masks).tocoo()
    same = pairs.data > SAME
    row, column = pairs.row[same], pairs.col[same]
    found[row, overlaid.segmentation_of[column]] = column
    return found


def grouped(overlaid: Overlaid) -> Candidates:
    """Put the objects of all segmentations into groups.

    Objects that were proposed come first, each with its own outline and those that are the same. Of what is left the
    object that agrees best with all others founds a group, of itself and those that are the same, and so on until
    nothing is left; a member's outline counts as one vote for the outline of its group.
    """
    from scipy import sparse

    partners = matches(overlaid, overlaid.proposals)

    same = overlaid.iou(overlaid.members).tocsr()
    same.data[same.data <= SAME] = 0.0
    same.eliminate_zeros()
    order = np.argsort(-np.asarray(same.sum(axis=1)).ravel(), kind="stable")
    is_taken = np.zeros(same.shape[0], bool)
    is_taken[partners[partners >= 0]] = True
    rows: list[Any] = []
    columns: list[Any] = []
    sizes: list[int] = []
    for founder in order:
        if is_taken[founder]:
            continue
        mine = same.indices[same.indptr[founder] : same.indptr[founder + 1]]
        mine = mine[~is_taken[mine]]
        is_taken[mine] = True
        rows.append(np.full(len(mine), len(sizes)))
        columns.append(mine)
        sizes.append(len(mine))
    proposed = Candidates(overlaid.proposals, (partners >= 0).mean(axis=1), overlaid)
    if not sizes:
        return proposed
    row, column = np.concatenate(rows), np.concatenate(columns)
    shares = 1.0 / np.asarray(sizes, np.float64)
    who = sparse.csr_matrix((shares[row], (row, column)), shape=(len(sizes), same.shape[0]))
    votes = (who @ overlaid.members).tocsr()
    support = np.asarray(sizes, np.float64) / overlaid.num_segmentations
    return Candidates(
        sparse.vstack([proposed.votes, votes]).tocsr(), np.concatenate([proposed.support, support]), overlaid
    )


def chosen(masks: Any, weights: Floats, sizes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return which sets of patches are kept: of those that exclude each other, the ones of the most weight together.

    The heaviest come first; then a whole gives way to its parts where these weigh more together.

    Args:
        masks: Sparse ones, (M, patches).
        weights: What each is worth; what is not above 0 is never kept.
        sizes: Pixels of every patch.

    Returns:
        Numbers of those kept, in their order.
    """
    excludes = _excluding(masks, sizes)
    kept: set[int] = set()
    for each in np.argsort(-weights, kind="stable"):
        if weights[each] > 0.0 and kept.isdisjoint(excludes[each]):
            kept.add(int(each))
    for whole in sorted(kept):
        parts = _instead(whole, kept, excludes, weights)
        if sum(weights[part] for part in parts) > weights[whole]:
            kept = (kept - {whole}) | set(parts)
    return np.asarray(sorted(kept), np.int64)


def _instead(whole: int, kept: set[int], excludes: list[set[int]], weights: Floats) -> list[int]:
    """Return what could be kept in place of one, heaviest first."""
    others, parts = kept - {whole}, list[int]()
    for each in sorted(excludes[whole], key=lambda part: -weights[part]):
        if weights[each] > 0.0 and others.isdisjoint(excludes[each]) and excludes[each].isdisjoint(parts):
            parts.append(each)
    return parts


def _excluding(masks: Any, sizes: npt.NDArray[Any]) -> list[set[int]]:
    """Return for every set of patches which others overlap with it by more than half of the smaller one."""
    overlap = (masks.multiply(sizes[None]) @ masks.T).tocoo()
    pixels = np.asarray(masks @ sizes, np.float64)
    excludes: list[set[int]] = [set() for _ in range(masks.shape[0])]
    for a, b, both in zip(overlap.row, overlap.col, overlap.data, strict=True):
        if a != b and both > _COVERED * min(pixels[a], pixels[b]):
            excludes[a].add(int(b))
    return excludes
