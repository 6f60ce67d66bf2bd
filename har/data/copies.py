"""Clips that are byte for byte the same; a distributed dataset may hold a recording twice."""

import hashlib

import numpy as np

from har.data.splits import Split
from har.data.store import ClipStore


def clip_digests(store: ClipStore, rows: np.ndarray | None = None) -> np.ndarray:
    """Return (N,) str: a hash of each clip's number of people and joints as stored.

    Args:
        store: the clips.
        rows: which of them; None takes all.
    """
    digests = []
    for row in (np.arange(len(store.index)) if rows is None else rows).tolist():
        joints, _ = store.view(row)
        people = joints.shape[0].to_bytes(8, "big")
        content = np.ascontiguousarray(joints)
        digests.append(hashlib.blake2b(content.tobytes(), digest_size=16, salt=people).hexdigest())
    return np.array(digests, dtype="<U32")


def copies_of_training(store: ClipStore, split: Split) -> np.ndarray:
    """Return the rows of the test part whose joints equal those of a training clip."""
    known = np.unique(clip_digests(store, np.concatenate([split.train, split.val])))
    return split.test[np.isin(clip_digests(store, split.test), known)]
