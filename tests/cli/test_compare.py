"""`compare` and `evaluate`: the table, and the JSON of the contract."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from penchant.errors import UsageError

Run = Callable[..., Result]
NGRAM = ("--set", "modalities.text.encoder=ngram", "--set", "modalities.text.dim=16")


def test_compare_prints_a_table_and_writes_the_contract(run: Run, shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "table.json"
    words = ("--models", "popularity, cooccurrence,popularity", "--split", "leave-one-out", "--json", out, *NGRAM)
    done = run("compare", shop, *words)
    assert done.exit_code == 0, done.output
    assert done.stderr == f"Wrote {out}\n"
    result = json.loads(out.read_text())
    assert set(result) >= {"split", "k", "users", "seeds", "models", "slices", "cost"}
    assert (result["split"], result["k"], result["seeds"]) == ("leave-one-out", 10, 1)
    assert list(result["models"]) == ["popularity", "cooccurrence"]
    value = result["models"]["cooccurrence"]["ndcg@10"]
    assert value["low"] <= value["mean"] <= value["high"]
    assert set(result["cost"]["popularity"]) == {"fit_cpu_s", "peak_rss_mb"}
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["model", "ndcg@10", "hit_rate@10"]
    assert {line.split()[0] for line in lines[1:3]} == {"popularity", "cooccurrence"}
    assert f"{value['mean']:.4f} [{value['low']:.4f}, {value['high']:.4f}]" in done.stdout


def test_json_may_go_to_stdout(run: Run, shop: Path) -> None:
    done = run("compare", shop, "--models", "popularity", "-k", 5, "--json", "-", *NGRAM)
    result = json.loads(done.stdout)
    assert (result["split"], result["k"]) == ("time", 5) and "ndcg@5" in result["models"]["popularity"]


def test_evaluate_never_tests_on_training_events(run: Run, shop: Path, bundle: Path) -> None:
    done = run("evaluate", bundle, shop, "--json", "-")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["split"] == "time" and list(result["models"]) == ["cooccurrence"]
    assert "its recipe was fitted again" in result["notes"][0]


def test_evaluate_beside_others_on_a_split(run: Run, shop: Path, bundle: Path) -> None:
    done = run("evaluate", bundle, shop, "--split", "users", "--beside", "popularity")
    assert done.exit_code == 0, done.output
    assert "split users" in done.stdout and "popularity" in done.stdout
    assert run("evaluate", bundle, shop, "--beside", "popularty").exit_code == 2


def test_the_names_in_the_help_are_those_of_the_registry() -> None:
    from penchant.cli.parameters import MODEL_NAMES
    from penchant.models import registry

    assert MODEL_NAMES.split(", ") == list(registry.MODELS)
    assert registry.names_with("reference") == ["popularity", "cooccurrence", "item_knn", "ease"]


def test_a_setting_goes_to_every_model_that_has_it() -> None:
    from penchant.cli.configuration import recipes

    configs = recipes(None, ["epochs=2", "ease.decay=0.5"], ["popularity", "transformer", "gru", "lite"])
    assert [configs[name].options(name).epochs for name in ("transformer", "gru")] == [2, 2]
    assert configs["lite"].options("transformer").epochs == 2 and configs["lite"].options("ease").decay == 0.5
    configs = recipes(None, ["dim=63", "n_heads=3", "days=3"], ["popularity", "transformer"])
    assert configs["transformer"].options().n_heads == 3 and configs["popularity"].options().days == 3
    with pytest.raises(UsageError, match="dim=63 is not a multiple of n_heads=2"):
        recipes(None, ["dim=63"], ["popularity", "transformer"])


@pytest.mark.parametrize(
    ("setting", "message"), [("epoch=2", "epoch"), ("fusion=sum", "fusion='sum' is not known. Allowed: none")]
)
def test_a_setting_that_no_model_has_is_refused(setting: str, message: str) -> None:
    from penchant.cli.configuration import recipes
    from penchant.errors import OptionError

    with pytest.raises(OptionError, match=message):
        recipes(None, [setting], ["popularity", "transformer"])


def test_ablation_by_masks_is_shown_and_by_refits_is_more_models(run: Run, shop: Path) -> None:
    experts = ("--set", "lite.experts=content,cooccurrence", "--set", "modalities.attributes.enabled=false")
    done = run("compare", shop, "--models", "lite", "--ablate", "masked", "--split", "leave-one-out", *experts, *NGRAM)
    assert done.exit_code == 0, done.output
    assert "lite with" in done.stdout and "behaviour + text" in done.stdout
    assert "contributions to the score of recommended items" in done.stdout
    again = ("--ablate", "refitted", "--split", "leave-one-out", "--json", "-")
    result = json.loads(run("compare", shop, "--models", "lite", *again, *experts, *NGRAM).stdout)
    assert list(result["models"]) == ["lite", "lite: text", "lite: behaviour"]
    refused = run("compare", shop, "--models", "ease", "--ablate", "refitted", *NGRAM)
    assert refused.exit_code == 2 and "no model here reads more than one modality" in refused.output
