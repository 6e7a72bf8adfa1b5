"""From `--config`, `--model`, `--seed` and `--set` to one configuration; the command line goes before the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penchant.config import Config


def configuration(
    config: Path | None, settings: list[str] | None, model: str | None = None, seed: int | None = None
) -> Config:
    """The configuration of one call; raises `UsageError` / `OptionError` for anything unknown."""
    from penchant.config import Config
    from penchant.data.options import settings as pairs

    found = Config.from_toml(config) if config is not None else Config()
    wanted: dict[str, object] = dict(pairs(settings or []))
    if model is not None:
        wanted["model"] = model
    if seed is not None:
        wanted["seed"] = seed
    return found.with_settings(wanted)


def recipes(
    config: Path | None, settings: list[str] | None, names: Sequence[str], seed: int | None = None
) -> dict[str, Config]:
    """A configuration for each model; a setting goes to every one of them that has it.

    Raises `OptionError` where none has it, `UsageError` where its value is wrong.
    """
    from penchant.data.options import settings as pairs
    from penchant.errors import OptionError

    found = {name: configuration(config, None, name, seed) for name in names}
    for key, value in pairs(settings or []).items():
        taken: list[str] = []
        refused: list[OptionError] = []
        for name in names:
            try:
                found[name] = found[name].with_settings({key: value})
                taken.append(name)
            except OptionError as error:
                refused.append(error)
        wrong_value = [error for error in refused if not str(error).startswith("option=")]
        if wrong_value or not taken:
            raise (wrong_value or refused)[0]
    return found
