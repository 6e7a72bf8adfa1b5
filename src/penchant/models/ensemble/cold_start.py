"""Cold start of an ensemble: scores of items without events, and the ranks at which they join the warm items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np

from penchant.arrays import Bools, Float32s, Float64s, Floats, Ints
from penchant.models.base import ModelState
from penchant.models.ensemble.content_mapping import ContentMapping
from penchant.models.ensemble.weights import fit_logit

MIN_TARGETS = 20
"""With fewer held-out targets than these an expert has the same weight for cold items as for warm ones."""
HISTORY_LENGTHS = (1, 4, 16, 64, 256)
"""Events of a history at which a threshold is fitted; between two it is interpolated over the logarithm."""
TOP = 10
"""Ranks that count in the loss of the warm items: NDCG of the first ten."""
PEERS = 32
"""Warm items that compete with the cold ones, each with a leave-one-out prediction."""
MAX_THRESHOLD = 60.0
"""The search for a threshold ends at ±60: e^60 ranks cold items before every warm item, e^−60 after every one."""
ARRAYS = ("warm", "cold", "parts", "calibration_items", "calibration_parts")
"""Fields of `ContentMapping` that the state keeps as arrays."""


@dataclass(frozen=True)
class ColdStartScorer:
    """`mapping` from content, the `weights` of the experts for cold items, and the scale of the warm scores.

    The expert that ranks warm items best need not be the one whose scores carry over to similar items: co-occurrence
    counts are specific to one item, whereas a network over contents generalises. So cold items have separate expert
    weights, those of a conditional logit over leave-one-out predictions of warm items; their weighted sum is a
    log-likelihood. The log-likelihood of warm items is `inverse_temperature` · score. `thresholds` say how much
    likelier a warm item must be to stay above a cold one (`fit_threshold`), one for each of the `history_lengths`, in
    events.
    """

    mapping: ContentMapping
    weights: Mapping[str, float]
    inverse_temperature: float = 1.0
    history_lengths: tuple[int, ...] = (1,)
    thresholds: tuple[float, ...] = (-MAX_THRESHOLD,)

    @property
    def has_items(self) -> bool:
        """Whether there is a cold item to rank."""
        return len(self.mapping.cold) > 0

    def combine(self, scores: Mapping[str, Float32s]) -> Float32s:
        """Σ_m w_m z_m `[B, N]` of the standardised `scores` by expert: the input of the mapping."""
        total = np.zeros_like(next(iter(scores.values())))
        for name, expert_scores in scores.items():
            if self.weights.get(name, 0.0) > 0:
                total += np.float32(self.weights[name]) * expert_scores
        return total

    def fit_inverse_temperature(self, total: Float32s, targets: Ints, allowed: Bools) -> ColdStartScorer:
        """A copy with the inverse temperature that maximises the likelihood of the warm targets, from the warm sums
        `[B, N]`."""
        (factor,) = fit_logit([total], targets.astype(np.int32), allowed)
        return replace(self, inverse_temperature=max(float(factor), 1e-3))

    def fit_weights(
        self, scores: Mapping[str, Float32s], seen: Bools, targets: Ints, warm_weights: Mapping[str, float]
    ) -> ColdStartScorer:
        """A copy with the weights that maximise the likelihood of the targets, with every item predicted as if it were
        cold.

        `scores` `[B, N]` by expert, `targets` `[B]` among the calibration items, `seen` `[B, N]` items that are
        not candidates. An expert without a weight for warm items (`warm_weights`) has none here: it is not scored at
        all.
        """
        names = [name for name, weight in warm_weights.items() if weight > 0]
        if len(targets) < MIN_TARGETS:
            return replace(self, weights={name: warm_weights[name] * self.inverse_temperature for name in names})
        positions = np.searchsorted(self.mapping.calibration_items, targets).astype(np.int32)
        allowed = ~seen[:, self.mapping.calibration_items]
        allowed[np.arange(len(targets)), positions] = True
        weights = fit_logit([self.mapping.predict_left_out(scores[name]) for name in names], positions, allowed)
        return replace(self, weights={name: float(weight) for name, weight in zip(names, weights, strict=True)})

    def fit_threshold(self, total: Float32s, combined: Float32s, in_history: Bools, max_loss: float) -> float:
        """The threshold at which warm items are expected to lose the share `max_loss` in the lists of these users."""
        cold = np.where(in_history[:, self.mapping.cold], -np.inf, self._predict_log_p(combined, in_history))
        warm = normalise_warm(total, self.inverse_temperature, self._close(in_history))
        return fit_threshold(cold, warm, max_loss)

    def interpolate_thresholds(self, events: Ints) -> Float64s:
        """The thresholds `[B]` for history lengths `events`."""
        logs = np.log(np.maximum(events, 1))
        return np.asarray(np.interp(logs, np.log(self.history_lengths), self.thresholds), dtype=np.float64)

    def merge(self, total: Float32s, combined: Float32s, in_history: Bools, events: Ints) -> Float32s:
        """The warm sums `[B, N]` with the cold items merged by rank.

        `combined` as from `combine`, `in_history` `[B, N]` the items of each history, `events` `[B]` its length.
        """
        log_p, thresholds = self._predict_log_p(combined, in_history), self.interpolate_thresholds(events)
        closed = self._close(in_history)
        return merge_by_rank(total, log_p, self.mapping.cold, closed, self.inverse_temperature, thresholds)

    def _predict_log_p(self, combined: Float32s, in_history: Bools) -> Floats:
        """log p `[B, n]` of the cold items, given that the next choice is a cold one."""
        mapping = self.mapping
        cold, peers = mapping.predict(combined), mapping.predict_peers(combined)
        return normalise_cold(cold, in_history[:, mapping.cold], peers, in_history[:, mapping.peers])

    def _close(self, in_history: Bools) -> Bools:
        closed = in_history.copy()
        closed[:, self.mapping.cold] = True
        return closed

    def without(self, modalities: AbstractSet[str]) -> ColdStartScorer | None:
        """The scorer without some modalities; None if no other is left."""
        mapping = self.mapping.without(modalities)
        return None if mapping is None else replace(self, mapping=mapping)

    def state(self) -> ModelState:
        """Arrays and plain values; of the calibration items only the peers, which later lists need."""
        mapping = self.mapping.keep_peers()
        return ModelState(
            {f"mapping_{name}": getattr(mapping, name) for name in ARRAYS},
            {
                "modalities": list(mapping.modalities),
                "weights": dict(self.weights),
                "inverse_temperature": self.inverse_temperature,
                "history_lengths": list(self.history_lengths),
                "thresholds": list(self.thresholds),
            },
        )

    @classmethod
    def from_state(cls, state: ModelState) -> ColdStartScorer:
        """The opposite of `state`."""
        values = dict(state.metadata)
        arrays = {name: np.asarray(state.tensors[f"mapping_{name}"]) for name in ARRAYS}
        return cls(
            ContentMapping(modalities=tuple(values["modalities"]), **arrays),
            dict(values["weights"]),
            float(values["inverse_temperature"]),
            tuple(values["history_lengths"]),
            tuple(values["thresholds"]),
        )


def mark_items(rows: Ints, items: Ints, shape: Sequence[int]) -> Bools:
    """Which items `[B, N]` occur in the histories, from the row and the code of each event (−1: no item)."""
    marks = np.zeros(tuple(shape), dtype=np.bool_)
    has_item = items >= 0
    marks[rows[has_item], items[has_item]] = True
    return marks


def share_scores(
    parts: dict[str, Float32s],
    predicted: Mapping[str, Float32s],
    has_prediction: Mapping[str, Bools],
    scores: Float32s,
    cold: Ints,
) -> None:
    """Split the `scores` `[B, N]` of the `cold` items over `parts` (of experts or modalities), in place.

    Each part gets what it `predicted`, `[B, n]`. The rest, which the threshold adds, is shared evenly by the parts
    that predict something of the item (`has_prediction`: `[n]`, or one for all), or by all where none does.
    """
    rest = scores[:, cold] - np.asarray(sum(predicted.values()))
    counts = np.stack([np.broadcast_to(has_prediction[name], len(cold)) for name in predicted])
    counts = (counts | ~counts.any(axis=0)).astype(np.float32)
    shares = dict(zip(predicted, counts / counts.sum(axis=0), strict=True))
    for name in dict.fromkeys([*parts, *predicted]):
        part = parts[name] if name in parts else np.zeros_like(scores)
        part[:, cold] = predicted[name] + rest * shares[name] if name in predicted else 0.0
        parts[name] = part


def normalise_warm(scores: Float32s, inverse_temperature: float, closed: Bools) -> Floats:
    """log p(item | the next choice is a warm item), `[B, N]`: log softmax of β · `scores` over what is not `closed`."""
    logits = _close_logits(scores, inverse_temperature, closed)
    return logits - _log_sum_exp(logits)


def normalise_cold(predicted: Float32s, in_history: Bools, peers: Float32s, peers_in_history: Bools) -> Floats:
    """log p(item | the next choice is a cold item), `[B, n]`.

    `predicted` `[B, n]` are logits of the cold items. `peers` `[B, R]` are leave-one-out logits of warm items, which
    count as `PEERS` more candidates: without them a single cold item would have probability 1. Items of the history
    (`in_history`, `peers_in_history`) are not candidates.
    """
    # R peers are drawn, PEERS of them count: log(PEERS / R) is the log-Q correction of the sample
    sampled = np.where(peers_in_history, -np.inf, peers.astype(np.float64)) + np.log(PEERS / peers.shape[1])
    candidates = np.where(in_history, -np.inf, predicted.astype(np.float64))
    return predicted - _log_sum_exp(np.hstack([candidates, sampled]))


def fit_threshold(cold: Floats, warm: Floats, max_loss: float) -> float:
    """The highest θ at which warm items are expected to lose at most the share `max_loss` of their NDCG@10.

    A cold item ranks above each warm one with p(warm) < e^θ p(cold). By the lemma of Neyman and Pearson (1933) no
    other rule of the same loss shows more cold items that are chosen, as long as the two likelihoods are right. The
    loss follows from the likelihoods without any target: Σ_k p(warm at k) (1 / log2(1 + k) − 1 / log2(1 + k + cold
    items above)). `cold` `[B, n]` and `warm` `[B, N]` as from `normalise_cold` and `normalise_warm`, −inf for items
    that are not candidates. Costs one partial sort of B · N and 27 bisections over the first ten ranks.
    """
    # more than ten cold items above a warm one move it off the list just as ten do
    best, first = _select_highest(cold, TOP).astype(np.float64), _select_highest(warm, TOP).astype(np.float64)
    p_first = np.exp(first)
    discount = 1.0 / np.log2(2.0 + np.arange(2 * TOP))
    discount[TOP:] = 0.0
    expected = float((p_first * discount[: first.shape[1]]).sum())

    def compute_loss(threshold: float) -> float:
        above = (best[:, None, :] + threshold > first[:, :, None]).sum(axis=2)
        remaining = (p_first * discount[np.arange(first.shape[1]) + above]).sum()
        return 1.0 - float(remaining) / expected if expected > 0 else 0.0

    low, high = -MAX_THRESHOLD, MAX_THRESHOLD
    if max_loss <= 0 or not best.size:
        return low
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if compute_loss(middle) <= max_loss else (low, middle)
    return low


def merge_by_rank(
    scores: Float32s, log_p: Floats, cold: Ints, closed: Bools, inverse_temperature: float, thresholds: Floats
) -> Float32s:
    """`scores` `[B, N]` with those of the `cold` items `[n]` at the ranks that the `thresholds` `[B]` give them.

    s(cold) = (θ + log p(cold) + log Σ_open e^(β s)) / β, so that s(cold) > s(warm) where e^θ p(cold) > p(warm). The
    rule holds list by list: a list with no likely cold item shows none. `log_p` `[B, n]` as from `normalise_cold`; β
    is the `inverse_temperature`, open what is not `closed` `[B, N]`.
    """
    merged = scores.copy()
    if len(cold):
        level = _log_sum_exp(_close_logits(scores, inverse_temperature, closed))
        merged[:, cold] = (thresholds[:, None] + log_p + level) / inverse_temperature
    return merged


def _close_logits(scores: Float32s, inverse_temperature: float, closed: Bools) -> Float32s:
    return np.where(closed, np.float32(-np.inf), scores * np.float32(inverse_temperature))


def _log_sum_exp(logs: Floats) -> Floats:
    """log Σ exp of each row, `[B, 1]`; 0 where all are −inf."""
    highest = logs.max(axis=1, keepdims=True, initial=-np.inf)
    is_empty = ~np.isfinite(highest)
    highest = np.where(is_empty, 0.0, highest)
    return np.asarray(highest + np.log(np.where(is_empty, 1.0, np.exp(logs - highest).sum(axis=1, keepdims=True))))


def _select_highest(logs: Floats, count: int) -> Floats:
    """The highest `count` of each row in descending order."""
    count = min(count, logs.shape[1])
    part = logs if count == logs.shape[1] else -np.partition(-logs, count - 1, axis=1)[:, :count]
    return np.asarray(-np.sort(-part, axis=1))
