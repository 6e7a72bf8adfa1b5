from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.embeddings.fitted import ModalityOptions
from penchant.encoders.text import TextOptions
from penchant.errors import DataError, OptionError, UsageError
from penchant.models.popularity import PopularityOptions
from penchant.models.probes.options import ProbeOptions
from penchant.models.registry import DEFAULT_MODEL, MODELS
from penchant.options import RENAMED, option_types, to_dict
from penchant.recommender.config import Config
from penchant.training.continuing import UpdateOptions
from penchant.training.options import TrainingOptions


def test_defaults() -> None:
    config = Config()
    assert (config.model, config.seed, config.device) == (DEFAULT_MODEL, 0, "auto")
    assert config.options() == MODELS[DEFAULT_MODEL].default_options()


@pytest.mark.parametrize("name", MODELS)
def test_every_model_goes_to_a_dictionary_and_back(name: str) -> None:
    config = Config(model=name)
    told = config.to_dict()
    assert told[name] == json.loads(json.dumps(to_dict(MODELS[name].default_options())))
    again = Config.from_dict(json.loads(json.dumps(told)))
    assert again.to_dict() == told
    assert again.options() == config.options()


def test_the_experts_of_an_ensemble_are_written_too() -> None:
    config = Config(model="lite").with_settings({"experts": "cooccurrence,popularity", "popularity.days": "3"})
    told = config.to_dict()
    assert told["lite"]["experts"] == ["cooccurrence", "popularity"]
    assert told["popularity"]["days"] == 3.0 and "cooccurrence" in told and "transformer" not in told
    assert Config.from_dict(told).options("popularity") == PopularityOptions(days=3.0)


configs = st.builds(
    lambda model, seed, days, window, encoder, weights: Config(
        model=model,
        seed=seed,
        modalities=ModalityOptions(text=TextOptions(encoder=encoder)),
        models={"popularity": PopularityOptions(window=window, days=days, kind_weights=weights)},
    ),
    st.sampled_from(["popularity", "cooccurrence", "ease"]),
    st.integers(0, 2**32 - 1),
    st.floats(0.001, 1e6),
    st.sampled_from(["all", "recent", "decayed"]),
    st.sampled_from(["auto", "ngram", "none"]),
    st.dictionaries(st.sampled_from(["like", "view"]), st.floats(0, 10), max_size=2),
)


@given(configs)
def test_round_trip(config: Config) -> None:
    again = Config.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again.to_dict() == config.to_dict()
    assert (again.model, again.seed, again.modalities) == (config.model, config.seed, config.modalities)
    assert again.options("popularity") == config.options("popularity")


def test_toml(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        'model = "popularity"\nseed = 7\n[modalities.text]\nencoder = "ngram"\n'
        '[popularity]\nwindow = "recent"\nkind_weights = {like = 2}\n'
    )
    config = Config.from_toml(file)
    assert (config.model, config.seed, config.modalities.text.encoder) == ("popularity", 7, "ngram")
    assert config.options() == PopularityOptions(window="recent", kind_weights={"like": 2.0})


def test_settings_find_the_part_they_belong_to() -> None:
    config = Config().with_settings(
        {"days": "7", "model": "popularity", "modalities.text.encoder": "none", "cooccurrence.window": "5", "seed": "3"}
    )
    assert config.options() == PopularityOptions(days=7.0)
    assert config.options("cooccurrence").window == 5
    assert (config.modalities.text.encoder, config.seed) == ("none", 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "transformer", "lernrate": 1}, r"Nearest: learning_rate.* penchant settings lists all"),
        ({"model": "transfomer"}, r"model='transfomer' is not known\. Allowed: popularity, .*mean 'transformer'"),
        ({"model": "popularity", "day": "1"}, r"option='day' .*Did you mean 'days'\?.*to the model 'popularity'"),
        ({"popularity.windw": "all"}, r"option='popularity\.windw' is not known.*'popularity\.window'"),
        ({"popularity.window": "now"}, r"popularity\.window='now' is not known\. Allowed: all, recent, decayed"),
        ({"modalities.txt.encoder": "x"}, r"option='modalities\.txt' is not known.*'modalities\.text'"),
        ({"seed": "-1"}, r"seed=-1 is out of range"),
        ({"seed": "x"}, r"seed='x' is not a whole number"),
        ({"device": "tpu"}, r"device='tpu' is not known\. Allowed: auto, cpu, cuda"),
        ({"modalities": "x"}, r"modalities='x' is not a table of options\. Set one of them: modalities\.NAME=VALUE"),
    ],
)  # fmt: skip
def test_what_is_unknown_is_refused_with_the_nearest_name(settings: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Config().with_settings(settings)


def test_unknown_parts_of_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"option='transfomer' is not known.*Did you mean 'transformer'"):
        Config.from_dict({"transfomer": {}})
    with pytest.raises(OptionError, match=r"option='popularity\.dayz'.*'popularity\.days'"):
        Config.from_dict({"popularity": {"dayz": 1}})
    with pytest.raises(UsageError, match="popularity=3 is not a table"):
        Config.from_dict({"popularity": 3})
    (tmp_path / "c.toml").write_text("= 3")
    with pytest.raises(DataError, match="is not valid TOML"):
        Config.from_toml(tmp_path / "c.toml")


@pytest.mark.parametrize("turned", [False, True])
def test_what_is_allowed_only_together_may_be_set_in_any_order(turned: bool) -> None:
    """63 is no multiple of the 2 heads that stand, and 128 none of 3."""
    pairs = [("transformer.dim", "63"), ("transformer.n_heads", "3"), ("modalities.text.dim", "8"), ("seed", "5")]
    pairs += [("llm.pretrain", "mlm"), ("llm.architecture", "bert"), ("kind_weights.like", "2")]
    pairs += [("kind_weights.view", "1"), ("experts", "cooccurrence"), ("modalities.text.encoder", "ngram")]
    config = Config().with_settings(dict(reversed(pairs) if turned else pairs))
    assert (config.options("transformer").dim, config.options("transformer").n_heads, config.seed) == (63, 3, 5)
    assert (config.options("llm").architecture, config.options("llm").pretrain) == ("bert", "mlm")
    assert config.options("cooccurrence").kind_weights == {"like": 2.0, "view": 1.0}
    assert (config.modalities.text.encoder, config.modalities.text.dim) == ("ngram", 8)
    with pytest.raises(UsageError, match="dim=63 is not a multiple of n_heads=2"):
        Config().with_settings({"transformer.dim": "63", "transformer.layers": "1"})


def test_options_of_another_model_are_refused() -> None:
    with pytest.raises(UsageError, match=r"Options of 'ease' are a PopularityOptions\. Give a EASEOptions"):
        Config(models={"ease": PopularityOptions()})


def test_a_bare_option_of_an_ensemble_goes_to_the_first_expert_that_has_it() -> None:
    config = Config(model="lite").with_settings({"dim": "32", "experts": "transformer,cooccurrence"})
    assert config.options("transformer").dim == 32
    assert config.options().experts == ("transformer", "cooccurrence")
    with pytest.raises(OptionError, match="dimm"):
        Config(model="lite").with_settings({"dimm": "32"})


def _numbers(options: Any, place: str) -> Iterator[tuple[Any, str, str]]:
    """Every numeric option of a dataclass and of those inside it, with the dataclass and where it stands."""
    for name, kind in option_types(type(options)).items():
        inner = getattr(options, name)
        if is_dataclass(inner):
            yield from _numbers(inner, f"{place}.{name}")
        elif {int, float} & {kind, *get_args(kind)} and get_origin(kind) in (None, Union, UnionType):
            yield options, name, f"{place}.{name}"


def test_no_number_is_taken_unchecked() -> None:
    """-5 is in the range of no number that a command or a file can set."""
    parts = {name: Config(model=name).options() for name in MODELS}
    parts |= {
        "modalities": ModalityOptions(),
        "training": TrainingOptions(),
        "probes": ProbeOptions(),
        "update": UpdateOptions(),
    }
    every = [found for place, options in parts.items() for found in _numbers(options, place)]
    assert len(every) > 150 and {"transformer.batch_tokens", "modalities.media.frames", "update.rate"} <= {
        place for *_, place in every
    }
    taken = []
    for options, name, place in every:
        try:
            replace(options, **{name: -5})
            taken.append(place)
        except UsageError as error:
            assert "-5" in str(error) and name in str(error), error
    assert not taken


@pytest.mark.parametrize(
    "setting",
    [
        *("batch_tokens=-5", "weight_decay=-1", "transformer.n_heads=0", "cooccurrence.row_power=-1"),
        *("modalities.behaviour.dim=0", "probes.ratio=0"),
    ],
)
def test_settings_out_of_range_say_what_is_allowed(setting: str) -> None:
    key, _, value = setting.partition("=")
    with pytest.raises(
        UsageError, match=rf"{key.rpartition('.')[2]}={value}(\.0)? is out of range\. Give [01] or more"
    ):
        Config(model="transformer").with_settings({key: value})


def test_a_setting_with_a_new_name_is_refused_and_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in ({"heads.fit": "interest"}, {"heads": {"fit": "interest"}}):
        for model in ("ease", "transformer"):
            with pytest.raises(OptionError, match=r"^option='heads.*has a new name: probes(\.fit)?\.$"):
                Config(model=model).with_settings(settings)
    with pytest.raises(OptionError, match=r"^option='heads' is not known\. It has a new name: probes\.$"):
        Config.from_dict({"model": "ease", "heads": {"fit": ["interest"]}})
    monkeypatch.setitem(RENAMED, "width", "dim")
    for settings in ({"width": 8}, {"gru.width": 8}):
        with pytest.raises(OptionError, match=r"It has a new name: gru\.dim\.$"):
            Config(model="gru").with_settings(settings)
    with pytest.raises(OptionError, match=r"^option='gru.width' is not known\. It has a new name: gru\.dim\.$"):
        Config.from_dict({"gru": {"width": 8}})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *(("heads", "n_heads"), ("interests", "n_interests"), ("calibration", "gbce_t"), ("half", "mixed_precision")),
        *(("smoothing", "label_smoothing"), ("clock", "calendar_features"), ("contrastive", "contrastive_weight")),
        *(("modalities.graph.back", "modalities.graph.p"), ("modalities.graph.far", "modalities.graph.q")),
        *(("lite.new_cost", "lite.max_known_loss"), ("llm.heads", "llm.n_heads"), ("gru.heads", "gru.n_heads")),
    ],
)
def test_the_old_name_of_an_option_is_refused_with_the_new_one(old: str, new: str) -> None:
    for model in ("lite", "transformer"):
        with pytest.raises(OptionError, match=rf"It has a new name: (transformer\.)?{new}\.$"):
            Config(model=model).with_settings({old: 1})
    with pytest.raises(OptionError, match=r"option='ease\.smoothing' is not known\. Allowed: ease\.decay"):
        Config().with_settings({"ease.smoothing": 1})  # no model has it under the new name either


def test_heads_are_those_of_attention() -> None:
    config = Config(model="transformer").with_settings({"n_heads": "4", "probes.fit": "interest"})
    assert config.options().n_heads == 4 and config.probes.fit == ("interest",)
    assert Config(model="lite").with_settings({"n_heads": 4}).options("transformer").n_heads == 4
    assert Config().with_settings({"probes": {"users": 7}}).probes.users == 7


@pytest.mark.parametrize(
    ("old", "remedy"),
    [
        ("views.graph.back", r"It has a new name: modalities\.graph\.p\.$"),
        ("content.view_weights", r"It has a new name: content\.modality_weights\.$"),
        ("transformer.views", r"It has a new name: transformer\.modalities\.$"),
        ("views.trainable.text_versions", r"It was removed: changed texts"),
        ("heads.hidden", r"It was removed: a probe is linear\.$"),
        ("transformer.view_dropout", r"It was removed: it brought no gain\.$"),
        ("cooccurrence.backward", r"It was removed: it brought no gain\.$"),
    ],
)
def test_renames_are_chained_and_removed_settings_say_why(old: str, remedy: str) -> None:
    with pytest.raises(OptionError, match=rf"^option='{old}' is not known\. {remedy}"):
        Config().with_settings({old: "1"})
