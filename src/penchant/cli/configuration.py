"""One configuration from `--config`, `--model`, `--seed` and `--set`; the command line overrides the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penchant.recommender.config import Config


def configuration(
    config: Path | None, settings: list[str] | None, model: str | None = None, seed: int | None = None
) -> Config:
    """The configuration of one call; raises `UsageError` or `OptionError` for an unknown key or value."""
    from penchant.options import parse_settings
    from penchant.recommender.config import Config

    base = Config.from_toml(config) if config is not None else Config()
    wanted: dict[str, object] = dict(parse_settings(settings or []))
    if model is not None:
        wanted["model"] = model
    if seed is not None:
        wanted["seed"] = seed
    return base.with_settings(wanted)


def recipes(
    config: Path | None, settings: list[str] | None, names: Sequence[str], seed: int | None = None
) -> dict[str, Config]:
    """A configuration for each model; a setting applies to every model that has it.

    Raises `OptionError` if no model has it, `UsageError` if its value is invalid.
    """
    from penchant.errors import OptionError, UsageError
    from penchant.options import parse_settings

    bases = {name: configuration(config, None, name, seed) for name in names}
    accepted: dict[str, dict[str, object]] = {name: {} for name in names}
    for key, value in parse_settings(settings or []).items():
        rejected: list[OptionError] = []
        for name in names:
            try:
                bases[name].with_settings({**accepted[name], key: value})
            except OptionError as error:
                rejected.append(error)
                continue
            except UsageError:
                pass  # a later setting may make it valid; all of them are checked together below
            accepted[name][key] = value
        wrong_value = [error for error in rejected if not str(error).startswith("option=")]
        if wrong_value or len(rejected) == len(names):
            raise (wrong_value or rejected)[0]
    return {name: bases[name].with_settings(accepted[name]) for name in names}
