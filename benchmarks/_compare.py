"""Compare models on a real data set: settings chosen on validation, several scenarios, one table each.

Every script of this kind takes

    DATA                  folder of the data set (default: ../../shared/data/NAME beside this checkout)
    --models a,b,c        default: all of the script
    --scenarios a,b       default: all of the script
    --seeds N             fits of each model, averaged (default 1)
    --search a,b          search the settings of these models again (default: of those without stored settings)
    --fresh               drop the models of earlier runs from the table

Settings of the models in `GRIDS` are chosen one option after another by NDCG@10 on the validation part of the
scenario. The leave-one-out scenarios share the settings chosen with stable ties and without a refit. The other models
take the script's `SETTINGS`. `penchant.evaluation.compare` evaluates the test part once.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _report import RESULTS, write

from penchant.data.dataset import Dataset
from penchant.data.results.comparison import Comparison
from penchant.data.splits import split
from penchant.evaluation.compare import CompareOptions, compare
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
METRICS = ("ndcg@10", "hit_rate@10", "mrr@10", "coverage@10")
Settings = Mapping[str, Mapping[str, Any]]

MODELS = "popularity,cooccurrence,item_knn,user_knn,content,ease,als,gru,transformer"

GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "popularity": {"window": ("all", "recent", "decayed"), "days": (7.0, 30.0, 90.0)},
    "cooccurrence": {
        "power": (0.5, 0.7, 1.0),
        "shrinkage": (0.0, 10.0, 50.0),
        "decay": (0.4, 0.5, 0.6, 0.7, 0.8),
        "window": (5, 10, 20),
    },
    "item_knn": {"decay": (0.4, 0.5, 0.6, 0.8), "neighbours": (50, 100, 200), "shrinkage": (0.0, 10.0, 50.0)},
    "ease": {"decay": (0.7, 0.8, 0.9, 0.95), "regularisation": (250.0, 500.0, 1000.0, 2000.0)},
    "als": {"decay": (0.6, 0.8, 0.9), "alpha": (5.0, 10.0, 40.0)},
    "content": {"decay": (0.6, 0.8, 0.9)},
    "user_knn": {"decay": (0.6, 0.8, 0.9), "neighbours": (100, 200, 400)},
}
"""Searched one option after another, in this order; each option keeps its best value on validation."""


@dataclass(frozen=True)
class Scenario:
    """One table: values of `CompareOptions`, and the scenario whose settings it takes (by default this one)."""

    title: str
    options: Mapping[str, Any]
    settings_of: str = ""


LEAVE_ONE_OUT: dict[str, Scenario] = {
    "stable": Scenario("Leave-one-out, stable ties (the published order)", {"split": "leave-one-out"}),
    "random": Scenario("Leave-one-out, random ties", {"split": "leave-one-out", "ties": "random"}, "stable"),
    "refit": Scenario("Leave-one-out, stable ties, refitted", {"split": "leave-one-out", "refit": True}, "stable"),
}
TIME = Scenario("Global time split, first target after the cut", {"split": "time"})


def run(
    name: str,
    scenarios: Mapping[str, Scenario],
    settings: Settings | None = None,
    models: str = MODELS,
    argv: Sequence[str] | None = None,
) -> None:
    """Parse the command line, choose settings, compare, and write one JSON file per scenario and one page of tables."""
    args = _arguments(name, scenarios, models, argv)
    dataset = Dataset.load(args.data)
    wanted = [model.strip() for model in args.models.split(",") if model.strip()]
    for key in [part.strip() for part in args.scenarios.split(",")]:
        scenario = scenarios[key]
        base = scenario.settings_of or key
        chosen = _settings(name, base, scenarios[base], dataset, wanted, args.search, settings or {})
        recipes = {model: _config(model, chosen.get(model, {}).get("options", {})) for model in wanted}
        options = CompareOptions(**scenario.options, seeds=args.seeds)
        comparison = compare(dataset, recipes, options=options, progress=_progress(key))
        print(f"\n{scenario.title}\n\n{comparison.markdown(METRICS)}", flush=True)
        _keep(f"compare_{name}_{key}", scenario, comparison, recipes, fresh=args.fresh)
    _page(name, scenarios)


def _arguments(
    name: str, scenarios: Mapping[str, Scenario], models: str, argv: Sequence[str] | None
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA / name)
    parser.add_argument("--models", default=models)
    parser.add_argument("--scenarios", default=",".join(scenarios))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--search", default="")
    parser.add_argument("--fresh", action="store_true")
    args = parser.parse_args(argv)
    unknown = [key for key in args.scenarios.split(",") if key.strip() not in scenarios]
    if unknown:
        parser.error(f"no scenario {unknown[0]!r}; there are {', '.join(scenarios)}")
    return args


def _config(model: str, options: Mapping[str, Any]) -> Config:
    return Config(model=model).with_settings({f"{model}.{key}": value for key, value in options.items()})


def _settings(
    name: str,
    key: str,
    scenario: Scenario,
    dataset: Dataset,
    wanted: Sequence[str],
    search: str,
    given: Settings,
) -> dict[str, dict[str, Any]]:
    """Settings by model: read from an earlier search, or searched now; `given` for models without a grid."""
    stem = f"settings_{name}_{key}"
    chosen: dict[str, dict[str, Any]] = _read(stem).get("result", {})
    again = [part.strip() for part in search.split(",")]
    missing = [model for model in wanted if model in GRIDS and (model in again or model not in chosen)]
    if missing:
        cut = split(
            dataset,
            **{k: v for k, v in scenario.options.items() if k in ("target", "repeats")},
            how=scenario.options["split"],
        )
        carrier = Recommender.fit(cut.train, Config(model="popularity"), validation=cut.validation)
        for model in missing:
            chosen[model] = _search(model, cut, (carrier.modalities, carrier.encoders))
        write(stem, chosen)
    return chosen | {model: {"options": dict(options)} for model, options in given.items() if model not in GRIDS}


def _search(model: str, cut: Any, modalities: Any) -> dict[str, Any]:
    """Search the options of one model: the best on validation, their NDCG@10, and every trial."""
    trials: list[dict[str, Any]] = []

    def trial(options: dict[str, Any]) -> float:
        for done in trials:
            if done["options"] == options:
                return float(done["validation_ndcg"])
        fitted = Recommender.fit(cut.train, _config(model, options), validation=cut.validation, modalities=modalities)
        value = float(fitted.record.training.validation_ndcg or 0.0)
        trials.append({"options": options, "validation_ndcg": value})
        print(f"{model} {options}: {value:.4f}", file=sys.stderr, flush=True)
        return value

    defaults = Config(model=model).options()
    best = {option: getattr(defaults, option) for option in GRIDS[model]}
    for option, values in GRIDS[model].items():
        best = max(({**best, option: value} for value in dict.fromkeys([best[option], *values])), key=trial)
    return {"options": best, "validation_ndcg": trial(best), "trials": trials}


def _progress(key: str) -> Any:
    printed: list[str] = []

    def print_progress(what: str, share: float) -> None:
        head = f"{key} {what.split(',')[0]}"
        if not printed or printed[-1] != head:
            printed.append(head)
            print(f"{share:4.0%} {key}: {what}", file=sys.stderr, flush=True)

    return print_progress


def _keep(stem: str, scenario: Scenario, comparison: Comparison, recipes: Mapping[str, Config], *, fresh: bool) -> None:
    """Write the results. Models of earlier runs stay unless they were run again."""
    result = {"title": scenario.title, **comparison.to_json()}
    result["settings"] = {name: recipe.to_dict() for name, recipe in recipes.items() if name in comparison.models}
    before = {} if fresh else _read(stem).get("result", {})
    if before.get("options") == result["options"] and before.get("users") == result["users"]:
        for key in ("models", "cost", "settings"):
            result[key] = before[key] | result[key]
        for name, part in before["slices"].items():
            result["slices"][name] = part | result["slices"].get(name, {})
        for kind, drawn in before.get("curves", {}).items():
            result["curves"][kind] = drawn | result.get("curves", {}).get(kind, {})
        again = {model for model in recipes}
        kept = [t for t in before.get("tests", []) if not {t["model"], t["baseline"]} & again]
        result["tests"] = result.get("tests", []) + kept
    write(stem, result)


def _page(name: str, scenarios: Mapping[str, Scenario]) -> None:
    """Write all scenarios of a data set as one page of tables."""
    parts = [f"# {name}\n\nNDCG@10 and others on test, means over users with 95 % intervals; full ranking."]
    for key in scenarios:
        result = _read(f"compare_{name}_{key}").get("result")
        if result:
            parts.append(_table(result))
    page = RESULTS / f"compare_{name}.md"
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"written: benchmarks/results/{page.name}")


def _table(result: Mapping[str, Any]) -> str:
    head = ["model", *METRICS, "fit CPU s", "peak MB"]
    rows = []
    for name, values in sorted(result["models"].items(), key=lambda pair: -pair[1]["ndcg@10"]["mean"]):
        cells = [_cell(values[m]) if m in values else "–" for m in METRICS]
        cost = result["cost"][name]
        rows.append([name, *cells, f"{cost['fit_cpu_s']:,.1f}", f"{cost['peak_rss_mb']:,.0f}"])
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]
    notes = "\n".join(f"- {note}" for note in result["notes"])
    return f"## {result['title']}\n\n{result['users']:,} users\n\n" + "\n".join(lines) + f"\n\n{notes}"


def _cell(value: Mapping[str, float]) -> str:
    if value["low"] == value["high"]:
        return f"{value['mean']:.3f}"
    return f"{value['mean']:.4f} [{value['low']:.4f}, {value['high']:.4f}]"


def _read(stem: str) -> dict[str, Any]:
    path = RESULTS / f"{stem}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
