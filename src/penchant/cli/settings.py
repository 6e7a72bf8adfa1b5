"""From `--config`, `--model`, `--seed` and `--set` to one configuration; the command line goes before the file."""

from __future__ import annotations

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
