"""Many segmentations of one image laid over each other, in little more memory than one of them.

A patch is a set of pixels that no segmentation tells apart: in each, all of them have the same label. What is kept is
one map of patches and, for every patch, its label in each segmentation. Where segmentations agree, as those of samples
do but at borders, patches are few: 30 segmentations of 1024 x 1024 pixels are kept in 5 to 10 MB instead of 120.
Sizes, overlaps and votes are then sums over patches, and are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.errors import SettingsError

Labels = npt.NDArray[np.integer[Any]]
Numbers = npt.NDArray[np.int64]

_ROOM = 4
"""Entries of a table by patch and label, per pixel, up to which it is made instead of sorting all pixels."""


class Overlay:
    """Takes segmentations one after another.

    Args:
        shape: Their shape, (Y, X) or (Z, Y, X).
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = tuple(shape)
        self._patch = np.zeros(int(np.prod(self.shape)), np.int32)
        self._rows: list[npt.NDArray[np.int32]] = []
        self._num_patches = 1

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, labels: Labels) -> None:
        """Lay one more segmentation over the others.

        Args:
            labels: Labels of the shape, 0 for the background; an object is one label, whatever the number.

        Raises:
            SettingsError: If they are no labels of this shape; see `checked_labels`.
        """
        compact, num = _compact(checked_labels(labels, self.shape).ravel())
        key = self._patch.astype(np.int64) * (num + 1) + compact
        found, self._patch = _distinct(key, self._num_patches * (num + 1))
        earlier, label = np.divmod(found, num + 1)
        self._rows = [row[earlier] for row in self._rows]
        self._rows.append(label.astype(np.int32))
        self._num_patches = len(found)

    def done(self, num_proposals: int = 0) -> "Overlaid":
        """Return what was laid over each other.

        Args:
            num_proposals: How many of the last ones have no vote, and only propose objects.

        Raises:
            SettingsError: If nothing was.
        """
        num = len(self._rows) - num_proposals
        if num < 1:
            raise SettingsError("at least one segmentation", "none", "pass two or more")
        return Overlaid(
            patch=self._patch.reshape(self.shape), labels=np.stack(self._rows[:num]), proposed=tuple(self._rows[num:])
        )


@dataclass(frozen=True)
class Overlaid:
    """Segmentations of one image laid over each other; an object of one of them is a candidate for the consensus.

    Attributes:
        patch: The number of the patch that every pixel is in.
        labels: Shape (K, patches): label of every patch in each segmentation, numbered from 1 without gaps.
        proposed: The same of segmentations that have no vote: their objects are candidates, as likely as the K say.
    """

    patch: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int32]
    proposed: tuple[npt.NDArray[np.int32], ...] = ()

    @property
    def num_segmentations(self) -> int:
        """How many segmentations K there are."""
        return len(self.labels)

    @cached_property
    def patch_sizes(self) -> Numbers:
        """Pixels of every patch."""
        return np.asarray(np.bincount(self.patch.ravel(), minlength=self.labels.shape[1]), np.int64)

    @cached_property
    def counts(self) -> Numbers:
        """Objects in each segmentation, (K,)."""
        return np.asarray(self.labels.max(axis=1), np.int64)

    @cached_property
    def first(self) -> Numbers:
        """Number of the first object of each segmentation among the objects of all, (K,)."""
        return np.asarray(np.cumsum(self.counts) - self.counts, np.int64)

    @cached_property
    def segmentation_of(self) -> Numbers:
        """The segmentation that every object is of, (objects,)."""
        return np.repeat(np.arange(len(self.labels)), self.counts)

    @cached_property
    def members(self) -> Any:
        """Which patches every object has: a sparse matrix of ones, (objects, patches)."""
        return _members(self.labels)

    @cached_property
    def proposals(self) -> Any:
        """Which patches the proposed objects have: a sparse matrix of ones, (objects, patches)."""
        return _members(np.asarray(self.proposed, np.int32).reshape(-1, self.labels.shape[1]))

    @cached_property
    def sizes(self) -> npt.NDArray[np.float64]:
        """Pixels of every object."""
        return np.asarray(self.members @ self.patch_sizes, np.float64)

    @cached_property
    def foreground(self) -> npt.NDArray[np.float64]:
        """Share of the segmentations that have an object there, by patch."""
        return np.asarray((self.labels > 0).mean(axis=0), np.float64)

    def iou(self, masks: Any) -> Any:
        """Return intersection over union of sets of patches with all objects.

        Args:
            masks: Sparse matrix of ones, (M, patches).

        Returns:
            Sparse matrix, (M, objects); pairs that do not touch have no entry.
        """
        overlap = (masks.multiply(self.patch_sizes[None]) @ self.members.T).tocoo()
        mine = np.asarray(masks @ self.patch_sizes, np.float64)
        union = mine[overlap.row] + self.sizes[overlap.col] - overlap.data
        overlap.data = overlap.data / union
        return overlap.tocsr()

    def painted(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return an image of what every patch has, of the shape of a segmentation."""
        return values[self.patch]


def _members(labels: npt.NDArray[np.int32]) -> Any:
    """Return which patches the objects of all segmentations have, (K, patches), as a sparse matrix of ones."""
    from scipy import sparse

    counts = labels.max(axis=1, initial=0).astype(np.int64)
    segmentation, patch = np.nonzero(labels)
    objects = (np.cumsum(counts) - counts)[segmentation] + labels[segmentation, patch] - 1
    shape = (int(counts.sum()), labels.shape[1])
    return sparse.csr_matrix((np.ones(len(patch)), (objects, patch)), shape=shape)


def checked_labels(labels: Any, shape: Sequence[int]) -> Labels:
    """Return labels, or refuse what is none.

    Args:
        labels: What a segmenter returned.
        shape: The shape of what it was given.

    Raises:
        SettingsError: If it is no array of integers or of true and false, of another shape, or below zero.
    """
    found = np.asarray(labels)
    if found.dtype.kind not in "iub":
        got = "None" if labels is None else f"{found.dtype}"
        raise SettingsError("labels in integers", got, "return e.g. labels.astype(int)")
    if found.shape != tuple(shape):
        raise SettingsError(
            f"labels of the shape of the image, {_by(shape)}", _by(found.shape), "return one label for every pixel"
        )
    if found.size and found.min() < 0:
        raise SettingsError("labels from 0 up", f"{found.min()}", "return 0 for the background")
    if found.size and int(found.max()) >= 2**62:
        raise SettingsError("labels below 2^62", f"{found.max()}", "number objects from 1")
    return found


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "a single number"


def _compact(labels: Labels) -> tuple[npt.NDArray[np.int64], int]:
    """Return labels numbered from 1 without gaps, and how many there are; 0 stays 0."""
    if labels.dtype.kind == "b":
        return labels.astype(np.int64), int(labels.any())
    found, numbers = _distinct(labels.astype(np.int64), int(labels.max(initial=0)) + 1)
    if found.size and found[0] == 0:
        return numbers.astype(np.int64), len(found) - 1
    return numbers.astype(np.int64) + 1, len(found)


def _distinct(keys: npt.NDArray[np.int64], most: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Return the distinct keys in their order, and the number of each key among them.

    Args:
        keys: From 0 on.
        most: Above all keys.
    """
    if most > _ROOM * keys.size + 1024:
        found, numbers = np.unique(keys, return_inverse=True)
        return found, numbers.astype(np.int32)
    is_there = np.zeros(most, bool)
    is_there[keys] = True
    found = np.flatnonzero(is_there)
    table = np.zeros(most, np.int32)
    table[found] = np.arange(len(found))
    return found, table[keys]
