"""One segmentation out of many, with how sure each object and each pixel is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from quietscope.consensus.candidates import matches
from quietscope.consensus.fusion import FUSIONS
from quietscope.consensus.overlay import Labels, Overlaid, Overlay
from quietscope.errors import SettingsError
from quietscope.wording import typed

Way: TypeAlias = Literal["vote", "average", "bic"]
"""How segmentations become one, see `quietscope.consensus.fusion`."""


LEAST_PROBABILITY = 0.5
"""Share of the segmentations that must have an object: what is less likely is told by `probability` alone."""


@dataclass(frozen=True)
class Consensus:
    """A segmentation made of many.

    Attributes:
        labels: The objects, 1 to N without gaps, 0 for the background; (Y, X) or (Z, Y, X), int32.
        agreement: Share of the segmentations that have a pixel in the object, or the background, that it is in here;
            float32, 0 to 1.
        probability: Share of the segmentations that have an object at a pixel; float32.
        existence: Share of the segmentations that have each object, at an intersection over union above 1/2; (N,).
        partners: Label of that object in each segmentation, numbered from 1 in the order of its labels; 0 where there
            is none; (N, K).
        counts: Objects in each segmentation, (K,).
    """

    labels: npt.NDArray[np.int32]
    agreement: npt.NDArray[np.float32]
    probability: npt.NDArray[np.float32]
    existence: npt.NDArray[np.float64]
    partners: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]

    @property
    def num_objects(self) -> int:
        """How many objects there are."""
        return len(self.existence)


def consensus_labels(
    segmentations: Iterable[Labels],
    *,
    consensus: Way = "vote",
    proposal: Labels | None = None,
    least_probability: float = LEAST_PROBABILITY,
) -> Consensus:
    """Make one segmentation of many: objects, agreement, and the probability that each object exists.

    Args:
        segmentations: Labels of one image, (Y, X) or (Z, Y, X), one after another: an array with samples first, a list
            or a generator, of which one is held at a time. 0 is the background.
        consensus: "vote" keeps what most segmentations have, "average" joins pixels that most of them join, "bic" picks
            objects by a model selection; see `quietscope.consensus.fusion`.
        proposal: A segmentation that has no vote, such as that of the mean of the samples, whose objects and outlines
            "vote" and "bic" prefer where enough segmentations have them.
        least_probability: Share of the segmentations that must have an object, 0 to 1.

    Returns:
        The consensus.

    Raises:
        SettingsError: If there is none, or one is no labels: of floats, below zero, of another shape than the first.
    """
    overlay: Overlay | None = None
    for labels in segmentations:
        if overlay is None:
            overlay = Overlay(np.shape(labels))
        overlay.add(labels)
    if overlay is None or proposal is None:
        return fused((overlay or Overlay((0, 0))).done(), consensus, least_probability)
    overlay.add(proposal)
    return fused(overlay.done(num_proposals=1), consensus, least_probability)


def check_way(consensus: str) -> None:
    """Refuse a fusion that there is none of.

    Raises:
        SettingsError: If there is none of this name.
    """
    if consensus not in FUSIONS:
        names = " or ".join(get_args(Way))
        raise SettingsError(f"{names}", f"consensus {consensus!r}", f"pass e.g. `{typed(consensus='vote')}`")


def check_least(probability: float) -> None:
    """Refuse what is no share of the samples.

    Raises:
        SettingsError: If it is not from 0 to 1.
    """
    if not 0.0 <= probability <= 1.0:
        fix = f"pass e.g. `{typed(least_probability=0.5)}`"
        raise SettingsError("a least probability from 0 to 1", f"{probability:g}", fix)


def shares(found: Consensus) -> npt.NDArray[np.float64]:
    """Return the share of the segmentations that have each object."""
    return found.existence


def fused(
    overlaid: Overlaid,
    consensus: str = "vote",
    least_probability: float = LEAST_PROBABILITY,
    probability: Callable[[Consensus], npt.NDArray[np.float64]] = shares,
) -> Consensus:
    """Make one segmentation of many that were laid over each other, see `consensus_labels`.

    Args:
        overlaid: The segmentations.
        consensus: How they become one.
        least_probability: What an object needs, 0 to 1.
        probability: Says how probable objects are; the share of the segmentations that have each if nothing is said.
    """
    check_way(consensus)
    check_least(least_probability)
    labels = FUSIONS[consensus](overlaid)
    found = _judged(overlaid, _numbered(labels))
    unlikely = probability(found) < least_probability
    if unlikely.any():
        kept = np.concatenate([[False], ~unlikely])[found.labels]
        found = _judged(overlaid, _numbered(np.where(kept, found.labels, 0)))
    return found


def _numbered(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return labels without gaps, in their order."""
    label, numbers = np.unique(labels, return_inverse=True)
    return np.asarray(numbers.reshape(labels.shape) + (0 if label[0] == 0 else 1), np.int32)


def _judged(overlaid: Overlaid, labels: npt.NDArray[np.int32]) -> Consensus:
    """Say how many segmentations agree with labels, object by object and pixel by pixel."""
    from scipy import sparse

    num = int(labels.max(initial=0))
    # A patch may lie in several objects once pieces have been told apart, so that patches and labels are paired anew.
    pair, pair_of = np.unique(labels.astype(np.int64) * overlaid.labels.shape[1] + overlaid.patch, return_inverse=True)
    owner, patch = np.divmod(pair, overlaid.labels.shape[1])
    finer = Overlaid(pair_of.reshape(labels.shape).astype(np.int32), overlaid.labels[:, patch])
    is_object = np.flatnonzero(owner)
    masks = sparse.csr_matrix((np.ones(len(is_object)), (owner[is_object] - 1, is_object)), shape=(num, len(owner)))
    partners = matches(finer, masks)
    partner_labels = np.where(partners < 0, 0, partners - finer.first + 1)
    known = np.concatenate([np.zeros((1, overlaid.num_segmentations), np.int64), partner_labels])[owner].T
    agreeing = (finer.labels == known) & ((known > 0) | (owner == 0))
    return Consensus(
        labels=labels,
        agreement=finer.painted(agreeing.mean(axis=0).astype(np.float32)),
        probability=overlaid.painted(overlaid.foreground.astype(np.float32)),
        existence=(partners >= 0).mean(axis=1),
        partners=partner_labels,
        counts=overlaid.counts,
    )
