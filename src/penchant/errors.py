"""All exceptions of penchant.

A message says what is wrong and where, what is allowed, and what to do next:

>>> str(OptionError("fusion", "weighted", allowed=["weighted_sum", "concat"]))
"fusion='weighted' is not known. Allowed: weighted_sum, concat. Did you mean 'weighted_sum'?"
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_MOST_LISTED = 12
"""The longest list of names that a brief error shows."""


class PenchantError(Exception):
    """Base of all errors of penchant; `exit_code` is what the command line returns."""

    exit_code = 1

    def __init__(self, what: str, *, remedy: str = "") -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(f"{what} {remedy}".strip())


class UsageError(PenchantError):
    """The call itself is wrong: an option, a name or a combination (exit code 2)."""

    exit_code = 2


class OptionError(UsageError):
    """An option, model or encoder name that does not exist; names the nearest valid one.

    With `brief`, a long list of allowed names gives way to the nearest of them, if there are any.
    """

    def __init__(
        self, name: str, value: object, *, allowed: Iterable[str] = (), remedy: str = "", brief: bool = False
    ) -> None:
        choices = list(allowed)
        short = brief and len(choices) > _MOST_LISTED
        near = find_nearest(str(value), choices) if short else difflib.get_close_matches(str(value), choices, 1, 0.5)
        label, shown = ("Nearest", near) if short and near else ("Allowed", choices)
        listed = f" {label}: {', '.join(shown)}." if shown else ""
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"{name}={value!r} is not known.{listed}{hint}", remedy=remedy)


class DataError(PenchantError):
    """Unusable data: a table that cannot be read, too few rows, no rows left."""


class SchemaError(DataError):
    """A table lacks a required column or holds the wrong type in one."""


class UnknownIdError(PenchantError):
    """A user or an item that is not in the data or the bundle."""

    def __init__(self, kind: str, value: object, *, near: Iterable[str] = (), remedy: str = "") -> None:
        close = difflib.get_close_matches(str(value), list(near), n=3, cutoff=0.6)
        hint = f" Nearest: {', '.join(close)}." if close else ""
        super().__init__(f"The {kind} {value!r} is not known.{hint}", remedy=remedy)


class ModelError(PenchantError):
    """A model cannot be fitted or used like this (too many items, not fitted yet, no such modality)."""


class EncoderError(PenchantError):
    """An encoder cannot be loaded or gives vectors that are not finite."""


class UnknownEncoderError(EncoderError, UsageError):
    """A call names an encoder, or the model behind it, that is not on this machine (exit code 2)."""

    def __init__(self, what: str, *, name: object = "", near: Iterable[str] = (), remedy: str = "") -> None:
        close = difflib.get_close_matches(str(name), list(near), n=1, cutoff=0.5)
        super().__init__(f"{what} Did you mean {close[0]!r}?" if close else what, remedy=remedy)


class BundleError(PenchantError):
    """A bundle is missing, of another format version, incomplete or altered."""


class MediaError(DataError):
    """An image, sound or video that cannot be decoded safely."""


class MissingExtraError(PenchantError):
    """An optional package is not installed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"This needs the package {package!r}, which is not installed.",
            remedy=f"Install it with: pip install 'penchant[{extra}]'",
        )


def find_nearest(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """The `n` known names that are nearest to a name; one without a dot is compared with their last parts.

    >>> find_nearest("drpout", ["transformer.dim", "transformer.dropout"])
    ['transformer.dropout']
    """
    parts: dict[str, str] = {}
    for each in known:
        parts.setdefault(each if "." in name else each.rpartition(".")[2], each)
    return [parts[part] for part in difflib.get_close_matches(name, parts, n=n, cutoff=0.6)]


@contextmanager
def require_extra(package: str, extra: str) -> Iterator[None]:
    """Import an optional package inside; raises `MissingExtraError` where it is not installed.

    >>> with require_extra("a_package", "an_extra"):  # doctest: +ELLIPSIS
    ...     import a_package
    Traceback (most recent call last):
    penchant.errors.MissingExtraError: This needs the package 'a_package', which is not installed. Install it ...
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(package, extra) from error


class MessageError(PenchantError):
    """A message that is in no catalogue, lacks a language or lacks the values it needs."""
