"""Three ways from the objects of many segmentations to one set of objects that do not overlap.

* `vote`: the groups of objects that most segmentations have, their outlines by vote. Ours.
* `average`: neighbouring pixels are one object where more than half of the segmentations say so. The label agreement
  averaged over samples, as in the downstream task of Prakash, Krull, Jug, "Fully Unsupervised Diversity Denoising with
  Convolutional Variational Autoencoders", ICLR 2021, arXiv 2006.06072.
* `bic`: of all candidates the set that explains the labels of all pixels best for its number of objects, by the
  Bayesian information criterion; selecting among proposals goes back to Akram et al. (2018), which that paper uses.
  The likelihood below is ours.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from quietscope.consensus.candidates import Candidates, chosen, grouped, matches
from quietscope.consensus.overlay import Overlaid

Fusion = Callable[[Overlaid], npt.NDArray[np.int32]]
"""Returns the label that every pixel gets."""

_IS_SOMETHING, _LEAST_SUPPORT = 0.5, 0.2
"""Share of segmentations that must see an object at all; least share that must have this very one."""
_LEAST_ERROR, _MOST_ERROR = 1e-3, 0.4


def vote(overlaid: Overlaid) -> npt.NDArray[np.int32]:
    """Keep what most segmentations have, and part what most of them part.

    An object is noise where, over its outline, most segmentations see the background. What is no noise is in doubt
    only about where it ends: of the accounts of such a place, whole or parts, the one is kept that has the most
    support, each by its pixels.
    """
    candidates = grouped(overlaid)
    masks = candidates.masks
    sizes = overlaid.patch_sizes
    pixels = np.maximum(np.asarray(masks @ sizes, np.float64), 1.0)
    seen = np.asarray(masks.multiply(overlaid.foreground[None]) @ sizes, np.float64) / pixels
    is_object = (seen > _IS_SOMETHING) & (candidates.support >= _LEAST_SUPPORT)
    weights = np.where(is_object, candidates.support * pixels, 0.0)
    return _outlined(candidates, chosen(masks, weights, sizes))


def average(overlaid: Overlaid) -> npt.NDArray[np.int32]:
    """Join neighbouring pixels that more than half of the segmentations have in one object.

    Pieces of less than half the pixels of the smallest object of any segmentation are none.
    """
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    patch, num = overlaid.patch, overlaid.labels.shape[1]
    pairs = [_neighbours(patch, axis, num) for axis in range(patch.ndim)]
    first, second = np.divmod(np.unique(np.concatenate(pairs)), num)
    together = np.zeros(len(first))
    for labels in overlaid.labels:
        together += (labels[first] == labels[second]) & (labels[first] > 0)
    joined = together > 0.5 * overlaid.num_segmentations
    graph = sparse.coo_matrix((np.ones(joined.sum()), (first[joined], second[joined])), shape=(num, num))
    _, component = connected_components(graph, directed=False)
    component = np.where(overlaid.foreground > 0.5, component + 1, 0)
    pieces = _pieces(overlaid.painted(component))
    sizes = np.bincount(pieces.ravel())
    return np.where(2 * sizes[pieces] >= overlaid.sizes.min(initial=np.inf), pieces, 0)


def bic(overlaid: Overlaid) -> npt.NDArray[np.int32]:
    r"""Keep the set of candidates of the least ``BIC = -2 log L + M log n``, M objects and n pixels.

    Every segmentation reports, of every pixel, the object that it is in or the background, and is wrong with a
    probability e, one for all. An object g, in place of background, changes the log-likelihood by

    ``(a_g - b_g) log((1 - e) / e)``

    with a_g the reports, over its pixels, of an object that is the same, and b_g those of background, each divided by
    the number of segmentations, which see the same image and are not independent.
    """
    candidates = grouped(overlaid)
    masks, sizes = candidates.masks, overlaid.patch_sizes
    doubt = np.minimum(overlaid.foreground, 1.0 - overlaid.foreground)
    error = float(np.clip((doubt * sizes).sum() / sizes.sum(), _LEAST_ERROR, _MOST_ERROR))
    agreeing = _reports_of_the_same(overlaid, masks)
    background = np.asarray(masks.multiply(1.0 - overlaid.foreground[None]) @ sizes, np.float64)
    gain = (agreeing - background) * np.log((1.0 - error) / error) - 0.5 * np.log(overlaid.patch.size)
    return _outlined(candidates, chosen(masks, gain, sizes))


FUSIONS: Mapping[str, Fusion] = MappingProxyType({"vote": vote, "average": average, "bic": bic})
"""The fusions by name."""


def _reports_of_the_same(overlaid: Overlaid, masks: Any) -> npt.NDArray[np.float64]:
    """Return the pixels of every mask that segmentations have in the object that is the same, mean over them."""
    partners = matches(overlaid, masks)
    iou = overlaid.iou(masks).tocsr()
    mask, segmentation = np.nonzero(partners >= 0)
    partner = partners[mask, segmentation]
    quotient = np.asarray(iou[mask, partner]).ravel() if len(mask) else np.zeros(0)
    mine = np.asarray(masks @ overlaid.patch_sizes, np.float64)
    # |a and b| = q (|a| + |b|) / (1 + q) for an intersection over union q
    both = quotient * (mine[mask] + overlaid.sizes[partner]) / (1.0 + quotient)
    return np.bincount(mask, weights=both, minlength=len(mine)) / overlaid.num_segmentations


def _outlined(candidates: Candidates, kept: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Label the patches of the groups that are kept, each for the group that has the most votes there."""
    labels = np.zeros(candidates.votes.shape[1], np.int32)
    votes = candidates.votes[kept].tocoo()
    wanted = votes.data > 0.5
    row, patch, data = votes.row[wanted], votes.col[wanted], votes.data[wanted]
    order = np.lexsort((-row, data))
    labels[patch[order]] = row[order] + 1
    return candidates.overlaid.painted(labels)


def _neighbours(patch: npt.NDArray[np.int32], axis: int, num: int) -> npt.NDArray[np.int64]:
    """Return the pairs of patches that lie side by side along an axis, as ``first * num + second``."""
    before = np.moveaxis(patch, axis, 0)[:-1].ravel().astype(np.int64)
    after = np.moveaxis(patch, axis, 0)[1:].ravel()
    return np.unique(before * num + after)


def _pieces(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return labels of which each is one piece."""
    from skimage.measure import label

    return np.asarray(label(labels, connectivity=1), np.int32)
