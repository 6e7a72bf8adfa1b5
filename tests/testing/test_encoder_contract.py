"""The contract of encoders finds each fault that it is there for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from penchant.data.modalities import Modality
from penchant.encoders.protocol import EncoderState
from penchant.errors import EncoderError
from penchant.testing.encoders import check_encoder, check_modality

WORDS = ["a", "bb", "ccc", "dd"]


class Letters:
    """Words → their length and first letter, as it should be."""

    dim = 2

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    @property
    def fingerprint(self) -> str:
        return f"letters scale={self.scale}"

    def encode(self, contents: Sequence[str | None]) -> Modality:
        rows = [(len(c) * self.scale, float(ord(c[0]))) if c else (0.0, 0.0) for c in contents]
        present = np.array([bool(c) for c in contents], dtype=bool)
        return Modality(np.array(rows, dtype=np.float32).reshape(-1, 2), present, self.fingerprint)

    def state(self) -> EncoderState:
        return EncoderState({}, {"scale": self.scale})

    @classmethod
    def from_state(cls, state: EncoderState) -> Letters:
        return cls(state.metadata["scale"])


def check(made: Callable[[], Any], **told: Any) -> None:
    check_encoder(made, WORDS, **{"blanks": [""], "others": [lambda: Letters(2.0)], **told})


def test_a_sound_encoder_passes() -> None:
    check(Letters, restore=Letters.from_state)


class Wide(Letters):
    def encode(self, contents: Sequence[str | None]) -> Modality:
        modality = super().encode(contents)
        return Modality(modality.vectors.astype(np.float64), modality.present, self.fingerprint)  # type: ignore[arg-type]


class Black(Letters):
    """Somebody without a word has a vector."""

    def encode(self, contents: Sequence[str | None]) -> Modality:
        modality = super().encode(contents)
        return Modality(modality.vectors + np.float32(1), modality.present, self.fingerprint)


class Blank(Letters):
    """An empty word is a word."""

    def encode(self, contents: Sequence[str | None]) -> Modality:
        modality = super().encode(contents)
        return Modality(modality.vectors, np.array([c is not None for c in contents], dtype=bool), self.fingerprint)


class Centred(Letters):
    """Of a batch, not of a word."""

    def encode(self, contents: Sequence[str | None]) -> Modality:
        modality = super().encode(contents)
        centre = modality.vectors[modality.present].mean(axis=0) if modality.present.any() else 0
        return Modality(
            (modality.vectors - centre * modality.present[:, None]).astype(np.float32),
            modality.present,
            self.fingerprint,
        )


class Deaf(Letters):
    def encode(self, contents: Sequence[str | None]) -> Modality:
        modality = super().encode(contents)
        return Modality(
            modality.vectors * 0 + modality.present[:, None].astype(np.float32), modality.present, self.fingerprint
        )


class Nameless(Letters):
    fingerprint = "letters"  # type: ignore[assignment]


class Forgetful(Letters):
    @classmethod
    def from_state(cls, state: EncoderState) -> Letters:
        encoder = cls(3.0)
        encoder.__dict__["scale"] = 3.0
        return encoder


def test_rows_that_are_none_fail_where_none_are_expected() -> None:
    class Empty(Letters):
        def encode(self, contents: Sequence[str | None]) -> Modality:
            return super().encode(contents if len(contents) else ["a"])

    with pytest.raises(AssertionError, match="shape"):
        check(Empty)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (Wide, "float64, not float32"),
        (Black, "an absent vector must be zero"),
        (Blank, "present: "),
        (Centred, "alone differs|change the others"),
        (Deaf, "different contents must get different vectors"),
    ],
)
def test_faults_are_found(made: type[Letters], reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        check(made)


def test_fingerprints_that_hide_an_option_and_states_that_lose_one_are_found() -> None:
    with pytest.raises(AssertionError, match="two encoders share a fingerprint"):
        check(Nameless, others=[lambda: Nameless(2.0)])
    with pytest.raises(AssertionError, match=r"restored as 'letters scale=3\.0'"):
        check(Forgetful, restore=Forgetful.from_state)
    scales = iter([1.0, 2.0])
    with pytest.raises(AssertionError, match="two equal encoders"):
        check(lambda: Letters(next(scales)), others=[])


def test_an_encoder_that_answers_before_it_has_learned_is_found() -> None:
    with pytest.raises(AssertionError, match="Letters is not fitted and must raise EncoderError"):
        check(Letters, unfitted=Letters())

    class Unfitted(Letters):
        def __getattribute__(self, name: str) -> Any:
            if name in ("encode", "dim", "fingerprint", "state"):
                raise EncoderError("Not fitted.", remedy="Fit it.")
            return super().__getattribute__(name)

    check(Letters, unfitted=Unfitted())


def test_a_modality_by_hand() -> None:
    check_modality(Modality(np.zeros((2, 3), dtype=np.float32), np.array([True, False])), 2, dim=3)
    with pytest.raises(AssertionError, match=r"shape \(2, 3\)"):
        check_modality(Modality(np.zeros((2, 3), dtype=np.float32), np.array([True, False])), 2, dim=4)
    with pytest.raises(AssertionError, match="present is int64"):
        check_modality(Modality(np.zeros((2, 3), dtype=np.float32), np.array([1, 0])), 2)
