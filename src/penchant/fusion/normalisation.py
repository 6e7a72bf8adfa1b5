"""Per-modality normalisation: the same scale for all of them before fusion, so that none dominates."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from penchant.errors import OptionError
from penchant.fusion.presence import Present, Vectors

NORMALISATIONS = ("l2", "layer_norm", "standardise", "none")


class ModalityNorm(nn.Module):
    """Scale each modality of each row to length 1 (on average, for `standardise`).

    - `l2`: v / |v|. The direction alone counts; choose it where similarity is a cosine (the default).
    - `layer_norm`: (v − mean(v)) / std(v) · g_m / √dim + b_m, gain and bias learned per modality (Ba et al. 2016).
      Choose it where a fusion with gates or attention should learn the scale of a modality.
    - `standardise`: (v_d − μ_md) / σ_md / √dim with mean and deviation of each dimension over the rows that have the
      modality (running averages over batches; Ioffe and Szegedy 2015 without gain). Choose it where the vectors of a
      modality lie in one narrow cone, as those of many pretrained encoders do: it removes what all rows share.
    - `none`: no scaling.

    Costs rows · modalities · dim. Absent modalities stay zero and enter no average.
    """

    def __init__(self, n_modalities: int, dim: int, kind: str = "l2", momentum: float = 0.05) -> None:
        super().__init__()
        if kind not in NORMALISATIONS:
            raise OptionError("modality_norm", kind, allowed=NORMALISATIONS)
        self.kind, self.dim, self.momentum = kind, dim, momentum
        self.mean: Tensor
        self.variance: Tensor
        self.seen: Tensor
        if kind == "layer_norm":
            self.gain = nn.Parameter(torch.ones(n_modalities, dim))
            self.bias = nn.Parameter(torch.zeros(n_modalities, dim))
        if kind == "standardise":
            self.register_buffer("mean", torch.zeros(n_modalities, dim))
            self.register_buffer("variance", torch.full((n_modalities, dim), 1.0 / dim))
            self.register_buffer("seen", torch.zeros(n_modalities))

    def forward(self, vectors: Vectors, present: Present) -> Vectors:
        """The scaled vectors, zeros where absent."""
        is_present = present.unsqueeze(-1)
        if self.kind == "l2":
            out = nn.functional.normalize(vectors, dim=-1)
        elif self.kind == "layer_norm":
            normed = nn.functional.layer_norm(vectors, (self.dim,))
            out = normed * self.gain / self.dim**0.5 + self.bias
        elif self.kind == "standardise":
            out = self._standardise(vectors, present)
        else:
            out = vectors
        return torch.where(is_present, out, torch.zeros((), dtype=out.dtype, device=out.device))

    def _standardise(self, vectors: Tensor, present: Tensor) -> Tensor:
        mean, variance = self.mean, self.variance
        if self.training:
            weight = present.unsqueeze(-1).to(vectors.dtype)
            count = weight.sum(dim=0)
            batch_mean = (vectors * weight).sum(dim=0) / count.clamp_min(1.0)
            batch_variance = ((vectors - batch_mean).square() * weight).sum(dim=0) / count.clamp_min(1.0)
            enough = count >= 8  # the variance of fewer rows is noise: the running average serves
            self._update_averages(batch_mean.detach(), batch_variance.detach(), enough.squeeze(-1))
            mean, variance = torch.where(enough, batch_mean, mean), torch.where(enough, batch_variance, variance)
        out: Tensor = (vectors - mean) / (variance + 1e-8).sqrt() / self.dim**0.5
        return out

    @torch.no_grad()
    def _update_averages(self, mean: Tensor, variance: Tensor, enough: Tensor) -> None:
        """Running averages of the modalities with 8 rows or more in the batch; the first such batch counts fully."""
        share = torch.where(self.seen > 0, self.momentum, 1.0) * enough
        self.mean.lerp_(mean, share.unsqueeze(-1))
        self.variance.lerp_(variance, share.unsqueeze(-1))
        self.seen.add_(enough.to(self.seen.dtype))
