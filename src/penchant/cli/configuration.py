"""From `--config`, `--model`, `--seed` and `--set` to one configuration; the command line goes before the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penchant.recommender.config import Config


def configuration(
    config: Path | None, settings: list[str] | None, model: str | None = None, seed: int | None = None
) -> Config:
    """The configuration of one call; raises `UsageError` / `OptionError` for anything unknown."""
    from penchant.options import parse_settings
    from penchant.recommender.config import Config

    found = Config.from_toml(config) if config is not None else Config()
    wanted: dict[str, object] = dict(parse_settings(settings or []))
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
    from penchant.errors import OptionError, UsageError
    from penchant.options import parse_settings

    found = {name: configuration(config, None, name, seed) for name in names}
    taken: dict[str, dict[str, object]] = {name: {} for name in names}
    for key, value in parse_settings(settings or []).items():
        refused: list[OptionError] = []
        for name in names:
            try:
                found[name].with_settings({**taken[name], key: value})
            except OptionError as error:
                refused.append(error)
                continue
            except UsageError:
                pass  # what follows may make it right; the whole is judged below
            taken[name][key] = value
        wrong_value = [error for error in refused if not str(error).startswith("option=")]
        if wrong_value or len(refused) == len(names):
            raise (wrong_value or refused)[0]
    return {name: found[name].with_settings(taken[name]) for name in names}
