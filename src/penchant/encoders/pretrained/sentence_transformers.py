"""Reads the folder format of sentence-transformers, so that its models load without that package."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from penchant.errors import EncoderError

_MODES: Final = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "last",
}
_NAMES: Final = {"cls": "cls", "mean": "mean", "max": "max", "lasttoken": "last"}
_UNKNOWN_MODES: Final = ("pooling_mode_mean_sqrt_len_tokens", "pooling_mode_weightedmean_tokens")


@dataclass(frozen=True)
class Recipe:
    """The modules around a transformer: `transformer` is its folder, `dense` the folders of linear layers in order."""

    transformer: Path
    pooling: str | None = None
    normalize: bool = False
    max_length: int | None = None
    lower_case: bool = False
    dense: tuple[Path, ...] = ()


def read_recipe(folder: Path, *, pooling: str | None = None) -> Recipe:
    """The recipe of a model folder; one without `modules.json` is a plain transformer.

    `pooling` overrides that of the folder. Raises `EncoderError` for a module that is not a transformer, pooling, dense
    layer or normalisation.
    """
    modules = folder / "modules.json"
    if not modules.is_file():
        return Recipe(folder, pooling)
    transformer, chosen, normalize = folder, pooling, False
    dense: list[Path] = []
    for module in _read_json(modules):
        kind = str(module["type"]).rsplit(".", 1)[-1]
        place = folder / str(module["path"])
        if kind == "Transformer":
            transformer = place
        elif kind == "Pooling":
            chosen = pooling or _read_pooling(place / "config.json")
        elif kind == "Dense":
            dense.append(place)
        elif kind == "Normalize":
            normalize = True
        elif kind != "Dropout":
            raise EncoderError(
                f"{modules} has a module {module['type']!r} that is not supported.",
                remedy="Supported: Transformer, Pooling, Dense, Normalize. Choose another model.",
            )
    settings = _read_json(transformer / "sentence_bert_config.json", default={})
    return Recipe(
        transformer,
        chosen,
        normalize,
        settings.get("max_seq_length"),
        bool(settings.get("do_lower_case")),
        tuple(dense),
    )


def _read_pooling(path: Path) -> str:
    """The pooling that the file names."""
    config = _read_json(path)
    if "pooling_mode" in config:
        modes = config["pooling_mode"]
        names = [_NAMES.get(mode, "") for mode in ([modes] if isinstance(modes, str) else modes)]
    else:
        names = [ours for theirs, ours in _MODES.items() if config.get(theirs)]
        names += ["" for theirs in _UNKNOWN_MODES if config.get(theirs)]
    if len(names) != 1 or not names[0]:
        raise EncoderError(
            f"{path} names a pooling that is not supported.",
            remedy="Supported: exactly one of cls, mean, max, last token. Or set the option pooling.",
        )
    return names[0]


def _read_json(path: Path, default: Any = None) -> Any:
    if not path.is_file() and default is not None:
        return default
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderError(f"{path} cannot be read: {error}", remedy="Download the model again.") from error
