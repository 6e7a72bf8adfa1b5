"""How well learned interest vectors recover the interests that a simulation planted, and how soon they detect a
change."""

from __future__ import annotations

import numpy as np

from penchant.arrays import Bools, Float64s, Floats, Ints
from penchant.errors import DataError


def recovery(
    interest_vectors: Floats,
    planted: Floats,
    rng: np.random.Generator,
    *,
    users: Ints | None = None,
    held_out: float = 0.5,
    ridge: float = 1.0,
) -> dict[str, float]:
    """Cosine between planted mixtures and a linear map of interest vectors, on held-out users.

    With vectors `V` `[E, D]` (columns standardised, a constant added) and mixtures `P` `[E, K]` of the users kept for
    fitting, `W = (VᵀV + .01 · ridge · E · I)⁻¹ VᵀP`, so that `ridge` 1 adds a hundredth of a column's variance (the
    constant is not shrunk); the guess for a held-out row is `max(0, vW)`. `users` `[E]` are codes of the users that
    rows belong to (default: one row per user); `held_out` is the share of users not fitted on.

    Gives `cosine` (mean over held-out users of the mean over their rows), `baseline` (the same for the mean mixture
    of the fitted users, the population-mean baseline), `lift` = (cosine − baseline) / (1 − baseline),
    `top_topic` (share of rows whose strongest topic is guessed, mean over users) and `users` (held out).

    >>> rng = np.random.default_rng(0)
    >>> planted = rng.dirichlet(np.ones(4), size=200)
    >>> figures = recovery(planted @ rng.normal(size=(4, 8)), planted, rng, ridge=1e-6)
    >>> round(figures["cosine"], 3), figures["users"]
    (1.0, 100.0)
    """
    owners = np.arange(len(planted)) if users is None else np.asarray(users)
    guess, test = predict_held_out(interest_vectors, planted, rng, users=owners, held_out=held_out, ridge=ridge)
    return agreement(guess, planted, test, owners)


def predict_held_out(
    interest_vectors: Floats,
    planted: Floats,
    rng: np.random.Generator,
    *,
    users: Ints | None = None,
    held_out: float = 0.5,
    ridge: float = 1.0,
) -> tuple[Float64s, Bools]:
    """The output of the linear map of `recovery` for every row `[E, K]`, and which rows `[E]` belong to held-out
    users."""
    _check(interest_vectors, planted)
    owners = np.arange(len(planted)) if users is None else np.asarray(users)
    known = np.unique(owners)
    count = round(held_out * len(known))
    if not 0 < count < len(known):
        raise DataError(
            f"held_out={held_out} of {len(known)} users leaves none to fit on or none to test on.",
            remedy="Give events of more users, or a share between 0 and 1.",
        )
    test = np.isin(owners, rng.permutation(known)[:count])
    return _fit_map(interest_vectors, planted, ~test, ridge), test


def agreement(guess: Floats, planted: Floats, test: Bools, users: Ints) -> dict[str, float]:
    """The figures of `recovery` from guesses `[E, K]`: `test` `[E]` rows count, the others give the mean mixture."""
    truth = np.asarray(planted[test], dtype=np.float64)
    average = np.broadcast_to(np.asarray(planted[~test], dtype=np.float64).mean(axis=0), truth.shape)
    cosine = _average_users(_row_cosines(guess[test], truth), users[test])
    baseline = _average_users(_row_cosines(average, truth), users[test])
    same = guess[test].argmax(axis=1) == truth.argmax(axis=1)
    return {
        "cosine": cosine,
        "baseline": baseline,
        "lift": (cosine - baseline) / max(1 - baseline, 1e-12),
        "top_topic": _average_users(same.astype(np.float64), users[test]),
        "users": float(len(np.unique(users[test]))),
    }


def read_out_topics(
    interest_vectors: Floats, item_vectors: Floats, item_topics: Floats, *, temperature: float = 0.1
) -> Float64s:
    """Topic weights `[E, K]` of interest vectors without any fitting, from item vectors in the same space.

    The centroid of topic k is `c_k = Σ_i topics[i, k] · (x_i − x̄)` over unit item vectors `x` `[N, D]`; the weights
    are `softmax_k(cosine(v − x̄·|v|, c_k) / temperature)`. Rows sum to 1; compare them with planted mixtures by
    `mean_cosine`. `item_topics` `[N, K]` are the planted mixtures of the items.

    >>> read_out_topics(np.eye(2), np.eye(2), np.eye(2)).round(3).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    _check(item_vectors, item_topics)
    items = _normalise(np.asarray(item_vectors, dtype=np.float64))
    middle = items.mean(axis=0)
    centroids = _normalise(np.asarray(item_topics, dtype=np.float64).T @ (items - middle))
    cosines = _normalise(_normalise(np.asarray(interest_vectors, dtype=np.float64)) - middle) @ centroids.T
    scaled = np.exp((cosines - cosines.max(axis=1, keepdims=True)) / temperature)
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))


def mean_cosine(guess: Floats, planted: Floats, users: Ints | None = None) -> float:
    """Mean cosine between rows of two tables `[E, K]`; with `users` `[E]`, the mean over users of theirs.

    >>> mean_cosine(np.asarray([[1.0, 0.0], [0.0, 1.0]]), np.asarray([[2.0, 0.0], [1.0, 0.0]]))
    0.5
    """
    _check(guess, planted)
    owners = np.arange(len(planted)) if users is None else np.asarray(users)
    return _average_users(
        _row_cosines(np.asarray(guess, dtype=np.float64), np.asarray(planted, dtype=np.float64)), owners
    )


def drift_delay(
    guess: Floats,
    planted: Floats,
    first: Floats,
    last: Floats,
    users: Ints,
    times_s: Ints,
) -> dict[str, float]:
    """Delay between the turn of the planted interests and the turn of the learned interests.

    `guess` and `planted` `[E, K]` are topic weights after every event; `first` and `last` `[E, K]` the mixtures
    before and after the change of the event's user; `users` `[E]` codes and `times_s` `[E]` UTC seconds, rows sorted
    by user and time. A row has *turned* where it is nearer (cosine) to `last` than to `first`. It counts users whose
    planted rows turn at some event (not the first) while the learned ones have not turned at the event before.

    Gives `events` and `days`, medians over the users whose learned rows turn at or after that event, of the events and
    the time in between; `seen`, the share of counted users that this is true for; and `users` counted. Medians are
    NaN where no user turns.

    >>> p = np.asarray([[1, 0], [1, 0], [0, 1], [0, 1.0]]); g = np.asarray([[1, 0], [1, 0], [1, 0], [0, 1.0]])
    >>> a, b = np.tile([1.0, 0], (4, 1)), np.tile([0, 1.0], (4, 1))
    >>> drift_delay(g, p, a, b, np.zeros(4, int), np.arange(4) * 86_400)
    {'events': 1.0, 'days': 1.0, 'seen': 1.0, 'users': 1.0}
    """
    _check(guess, planted)
    turned = _row_cosines(planted, last) > _row_cosines(planted, first)
    noticed = _row_cosines(guess, last) > _row_cosines(guess, first)
    begin = np.flatnonzero(np.r_[True, users[1:] != users[:-1]])
    row = np.arange(len(users))
    never = len(users)
    turned_at = np.minimum.reduceat(np.where(turned, row, never), begin)
    ready = (turned_at < never) & (turned_at > begin)
    ready[ready] &= ~noticed[turned_at[ready] - 1]
    owner = np.searchsorted(begin, row, side="right") - 1
    noticed_at = np.minimum.reduceat(np.where(noticed & (row >= turned_at[owner]), row, never), begin)
    seen = ready & (noticed_at < never)
    waited = times_s[noticed_at[seen]] - times_s[turned_at[seen]]
    return {
        "events": float(np.median(noticed_at[seen] - turned_at[seen])) if seen.any() else float("nan"),
        "days": float(np.median(waited)) / 86_400 if seen.any() else float("nan"),
        "seen": float(seen.sum() / ready.sum()) if ready.any() else float("nan"),
        "users": float(ready.sum()),
    }


def false_alarms(guess: Floats, planted: Floats, first: Floats, last: Floats, users: Ints) -> dict[str, float]:
    """Share of events at which learned interests look turned before the planted interests turn.

    Tables as in `drift_delay`; a row looks turned where `guess` is nearer to `last` than to `first`. It counts the
    rows of a user before the planted interests turn: all of them where they never do, so that users who keep their
    interests can be compared with the `last` of another user.

    Gives `share` (of these rows that look turned, mean over users) and `users` (with such rows); NaN where there are
    none.

    >>> p = np.asarray([[1, 0], [1, 0], [0, 1.0]]); g = np.asarray([[0, 1], [1, 0], [1, 0.0]])
    >>> false_alarms(g, p, np.tile([1.0, 0], (3, 1)), np.tile([0, 1.0], (3, 1)), np.zeros(3, int))
    {'share': 0.5, 'users': 1.0}
    """
    _check(guess, planted)
    turned = _row_cosines(planted, last) > _row_cosines(planted, first)
    noticed = _row_cosines(guess, last) > _row_cosines(guess, first)
    begin = np.flatnonzero(np.r_[True, users[1:] != users[:-1]])
    row = np.arange(len(users))
    turned_at = np.minimum.reduceat(np.where(turned, row, len(users)), begin)
    before = row < np.repeat(turned_at, np.diff(np.r_[begin, len(users)]))
    if not before.any():
        return {"share": float("nan"), "users": 0.0}
    return {
        "share": _average_users(noticed[before].astype(np.float64), users[before]),
        "users": float(len(np.unique(users[before]))),
    }


def _fit_map(vectors: Floats, planted: Floats, fit: Bools, ridge: float) -> Float64s:
    """Guesses for all rows `[E, K]` of the map fitted on some."""
    wide = np.asarray(vectors, dtype=np.float64)
    spread = wide[fit].std(axis=0)
    scaled = (wide - wide[fit].mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0)
    target = np.asarray(planted[fit], dtype=np.float64)
    middle = target.mean(axis=0)
    gram = scaled[fit].T @ scaled[fit] + 0.01 * ridge * fit.sum() * np.eye(scaled.shape[1])
    weights = np.linalg.solve(gram, scaled[fit].T @ (target - middle))
    return np.asarray(np.maximum(scaled @ weights + middle, 0.0))


def _normalise(rows: Float64s) -> Float64s:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def _row_cosines(left: Floats, right: Floats) -> Float64s:
    scale = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.asarray((left * right).sum(axis=1) / np.maximum(scale, 1e-12))


def _average_users(values: Float64s, owners: Ints) -> float:
    _, codes = np.unique(owners, return_inverse=True)
    return float((np.bincount(codes, values) / np.bincount(codes)).mean())


def _check(left: Floats, right: Floats) -> None:
    if left.ndim != 2 or right.ndim != 2 or len(left) != len(right) or not len(left):
        raise DataError(
            f"Two tables with the same number of rows (at least one) are needed, got {left.shape}, {right.shape}."
        )
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        raise DataError("Vectors or mixtures hold NaN or infinite values.", remedy="Leave these rows out.")
