from __future__ import annotations

import json
from collections.abc import Callable

from typer.testing import Result

Run = Callable[..., Result]


def test_all_settings_with_their_meaning(run: Run) -> None:
    done = run("settings")
    assert done.exit_code == 0
    assert "Share of all steps in which the learning rate rises" in done.stdout
    assert "attention (gru: gru, cnn_rnn: cnn_rnn)" in done.stdout
    assert "The settings transformer.* also exist for gru, cnn_rnn" in done.stderr


def test_some_settings_as_json(run: Run) -> None:
    rows = json.loads(run("settings", "gru.dropout", "--json").stdout)
    assert [(one["key"], one["default"], one["type"]) for one in rows] == [("gru.dropout", None, "float | None")]
    assert rows[0]["meaning"].startswith("Share of activations dropped in training.")
    rows = json.loads(run("settings", "--model", "ease", "--json").stdout)
    assert {"ease.decay", "modalities.text.dim"} <= {one["key"] for one in rows}
    assert not [one for one in rows if one["key"].startswith("transformer.")]


def test_unknown_and_old_names_are_a_bad_call(run: Run) -> None:
    done = run("settings", "new_cost")
    assert done.exit_code == 2 and "It has a new name: max_known_loss." in done.stderr
    done = run("settings", "drpout")
    assert done.exit_code == 2 and "penchant settings lists all of them" in done.stderr
