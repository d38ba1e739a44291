"""What the vectors are judged by: names, and what a teacher finds alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def supervised_contrastive(vectors: Tensor, names: Tensor, under: Tensor, kin: Tensor, temperature: float) -> Tensor:
    """Vectors of one name together, of different names apart; kin names, and a mixture and what is
    mixed under it, neither.

    `kin[name]` holds the ids of the words that a name shares with its kin, -1 where there are none;
    `under` the name of what else is heard in a crop, -1 where nothing is.
    """
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    same = names[:, None] == names[None, :]
    heard = under[:, None] == names[None, :]
    related = heard | heard.T
    words = kin[names]
    for word in words.unbind(dim=1):
        for other in words.unbind(dim=1):
            related |= (word >= 0)[:, None] & (word[:, None] == other[None, :])
    positive = same & ~itself
    logits = vectors @ vectors.T / temperature
    logits = logits.masked_fill(itself | (related & ~same), -1e4)
    log_probability = logits - torch.logsumexp(logits, dim=1, keepdim=True)
    count = positive.sum(dim=1)
    loss = -(log_probability * positive).sum(dim=1) / count.clamp(min=1)
    return loss[count > 0].mean()


def relations(vectors: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Each crop's neighbours among the others as the teacher's vectors have them: a divergence, 0 where all agree."""
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)

    def log_shares(of: Tensor) -> Tensor:
        of = nn.functional.normalize(of, dim=1)
        return torch.log_softmax((of @ of.T / temperature).masked_fill(itself, -1e4), dim=1)

    return nn.functional.kl_div(log_shares(vectors), log_shares(taught), reduction="batchmean", log_target=True)
