"""The supervised contrastive loss, with a memory of the last batches."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Memory(nn.Module):
    """The vectors of the last batches, as further positives and negatives at no cost.

    Two cores allow batches of about a hundred; a contrastive loss wants thousands to choose from.
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.zeros(size, width))
        self.register_buffer("names", torch.full((size,), -1, dtype=torch.long))
        self.register_buffer("position", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def add(self, vectors: Tensor, names: Tensor) -> None:
        at = (int(self.position) + torch.arange(len(names))) % len(self.names)
        self.vectors[at] = vectors.detach()
        self.names[at] = names
        self.position += len(names)


def supervised_contrastive(
    vectors: Tensor,
    names: Tensor,
    others: Tensor,
    other_names: Tensor,
    kin: Tensor,
    temperature: float,
) -> Tensor:
    """Vectors of one name together, of different names apart, of kin names neither.

    `others` are the batch itself followed by the memory; `kin[name]` holds the ids of the words
    that a name shares with its kin.
    """
    count = len(vectors)
    logits = vectors @ others.T / temperature
    same = names[:, None] == other_names[None, :]
    itself = torch.zeros_like(same)
    itself[:, :count] = torch.eye(count, dtype=torch.bool)
    other_kin = kin[other_names.clamp(min=0)]
    related = torch.zeros_like(same)
    for word in kin[names].unbind(dim=1):
        valid = (word >= 0)[:, None]
        for other_word in other_kin.unbind(dim=1):
            related |= valid & (word[:, None] == other_word[None, :])
    outside = itself | (related & ~same) | (other_names < 0)[None, :]
    positive = same & ~itself
    logits = logits.masked_fill(outside, -1e4)
    log_probability = logits - torch.logsumexp(logits, dim=1, keepdim=True)
    count_positive = positive.sum(dim=1)
    loss = -(log_probability * positive).sum(dim=1) / count_positive.clamp(min=1)
    return loss[count_positive > 0].mean()
