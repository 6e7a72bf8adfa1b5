"""`penchant recommend`: a ranked list for one user on stdout, or lists for many users in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penchant.cli import parameters, requests, terminal
from penchant.errors import DataError, UsageError
from penchant.options import Json

if TYPE_CHECKING:
    from penchant.data.results.reasons import Reason
    from penchant.data.results.recommendations import Recommendations
    from penchant.recommender.recommender import Recommender
    from penchant.retrieval.filters import Filters

BLOCK = 4_096
"""Users ranked between two updates of the progress."""

Ids = Annotated[list[str] | None, typer.Option(metavar="IDS|FILE")]


def recommend(
    bundle: parameters.BundleFolder,
    user: parameters.User = None,
    history: parameters.History = None,
    text: parameters.Text = None,
    image: parameters.Image = None,
    audio: parameters.Audio = None,
    users: Annotated[
        str | None, typer.Option("--users", metavar="all|FILE", help="All users, or a file of user ids. Needs --out.")
    ] = None,
    k: parameters.Many = 10,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME|FILE",
            help="Time of the request; with --users also a table with user_id and timestamp.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.parquet", help="Output table of --users: user_id, rank, item_id, score."),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Give a reason for each item: the events that contribute most to its score."),
    ] = False,
    json: parameters.AsJson = False,
    allow_seen: Annotated[bool, typer.Option("--allow-seen", help="Allow items of the history in the list.")] = False,
    category: Annotated[
        list[str] | None,
        typer.Option("--category", metavar="NAME", help="Only items of this category. May be repeated."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="COLUMN=VALUE", help="Only items with this attribute value. May be repeated."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="IDS|FILE", help="Only these items: ids separated by commas, or a file."),
    ] = None,
    deny: Annotated[
        list[str] | None,
        typer.Option("--deny", metavar="IDS|FILE", help="None of these items: ids separated by commas, or a file."),
    ] = None,
) -> None:
    """Recommend items for a known user, an ad-hoc history or a cold query, or for many users into a file."""
    requests.require_exactly_one(user=user, history=history, text=text, image=image, audio=audio, users=users)
    for option, file in (("--history", history), ("--image", image), ("--audio", audio)):
        requests.require_file(option, file)
    if (users is None) != (out is None):
        raise UsageError(
            "--users needs --out, and --out needs --users.", remedy="Give both: --users all --out FILE.parquet"
        )
    if users is not None and explain:
        raise UsageError("--explain works for one user only.", remedy="Leave it out, or give --user ID.")
    requests.require_parquet_name("--out", out)
    many_times = users is not None and at is not None and Path(at).is_file()
    if not many_times:
        requests.check_time(at)
    from penchant.recommender.recommender import Recommender

    rec = Recommender.load(bundle)
    filters = _filters(category, where, allow, deny)
    if users is not None and out is not None:
        names = _users(rec, users)
        times = _times(names, Path(str(at))) if many_times else None if at is None else requests.moment(at)
        rows = _write_batch(rec, names, times, out, k=k, allow_seen=allow_seen, filters=filters)
        summary = {"users": len(names), "rows": rows, "out": str(out)}
        terminal.show_json(summary) if json else terminal.show(f"Wrote {rows:,} rows for {len(names):,} users to {out}")
        return
    result = rec.recommend(
        [user] if user is not None else None,
        history=history,
        text=text,
        image=image,
        audio=audio,
        k=k,
        at=None if at is None else requests.moment(at),
        allow_seen=allow_seen,
        filters=filters,
        explain=explain,
    )
    if len(result.user_ids) > 1:
        first = ", ".join(result.user_ids[:3]) + (", …" if len(result.user_ids) > 3 else "")
        raise DataError(
            f"--history {history} contains events of {len(result.user_ids):,} users ({first}).",
            remedy="Give the events of one user; user_id may be left out.",
        )
    for note in result.notes:
        terminal.note(note)
    if json:
        terminal.show_json(as_plain(rec, result))
    else:
        show_list(rec, result)


def as_plain(rec: Recommender, result: Recommendations) -> Json:
    """One list as plain values for JSON."""
    titles = rec.titles
    items = [
        {
            "rank": place + 1,
            "item_id": item,
            "title": titles[int(code)],
            "score": float(score),
            **({"reason": reason_to_dict(result.reasons[0][place])} if result.reasons else {}),
        }
        for place, (item, code, score) in enumerate(
            zip(result.item_ids[0], result.items[0], result.scores[0], strict=False)
        )
    ]
    return {"user_id": result.user_ids[0], "source": result.sources[0], "items": items}


def reason_to_dict(reason: Reason) -> Json:
    """A reason as plain values for JSON."""
    from dataclasses import asdict

    return asdict(reason)


def show_list(rec: Recommender, result: Recommendations) -> None:
    """Print one list as a table, with a sentence for each item if it has reasons."""
    plain = as_plain(rec, result)
    if not plain["items"]:
        terminal.show("No item is left to recommend: the filters and the history exclude all items.")
        return
    columns = ("rank", "item", "title", "score", *(("why",) if result.reasons else ()))
    rows = [
        (e["rank"], e["item_id"], e["title"], e["score"], *((e["reason"]["sentence"],) if result.reasons else ()))
        for e in plain["items"]
    ]
    terminal.show_table(columns, rows)
    if plain["source"] != "model":
        terminal.note(f"Answered by {plain['source']}: the model cannot score this request.")


def _filters(
    category: list[str] | None, where: list[str] | None, allow: list[str] | None, deny: list[str] | None
) -> Filters | None:
    from penchant.data import schema
    from penchant.options import parse_settings
    from penchant.retrieval.filters import Filters

    if not (category or where or allow or deny):
        return None
    return Filters(
        categories=tuple(category or ()),
        attributes=parse_settings(where or []),
        allow=tuple(requests.parse_listed_ids("--allow", allow, schema.ITEM_ID)) if allow else None,
        deny=tuple(requests.parse_listed_ids("--deny", deny, schema.ITEM_ID)),
    )


def _users(rec: Recommender, users: str) -> list[str]:
    from penchant.data import schema

    if users == "all":
        everybody = rec.dataset.user_vocabulary.ids.to_list()
        if not everybody:
            raise DataError(
                "--users all: the bundle contains no user, since it was written without histories.",
                remedy="Train it again without --no-histories, or give --history FILE.",
            )
        return everybody
    names = requests.read_ids("--users", Path(users), schema.USER_ID)
    rec.dataset.encode_users(names)
    return names


def _times(names: list[str], path: Path) -> list[int]:
    """The time of each user's request, from a table with user_id and timestamp."""
    import polars as pl

    from penchant.data import schema
    from penchant.data.ingest.timestamps import parse_times

    table = requests.read_table("--at", path, (schema.USER_ID, schema.TIMESTAMP))
    times = parse_times(table[schema.TIMESTAMP]).time_s
    of_user = table.select(pl.col(schema.USER_ID).cast(pl.String)).with_columns(times.alias("t"))
    of_user = of_user.unique(schema.USER_ID, keep="last")
    joined = pl.DataFrame({schema.USER_ID: names}).join(of_user, on=schema.USER_ID, how="left", maintain_order="left")
    missing = joined.filter(pl.col("t").is_null())[schema.USER_ID]
    if len(missing):
        raise DataError(
            f"--at {path} has no time for {len(missing):,} users (first: {missing[0]!r}).",
            remedy="Give one row with user_id and timestamp for each user of --users.",
        )
    return joined["t"].to_list()


def _write_batch(
    rec: Recommender,
    names: list[str],
    times: list[int] | str | int | float | None,
    out: Path,
    *,
    k: int,
    allow_seen: bool,
    filters: Filters | None,
) -> int:
    """Rank block by block and write one table; return its number of rows."""
    import polars as pl

    from penchant.artifacts.atomic import atomic_file

    tables = []
    with atomic_file(out) as temporary:
        with terminal.progress() as report:
            for start in range(0, len(names), BLOCK):
                block = slice(start, start + BLOCK)
                at = times[block] if isinstance(times, list) else times
                result = rec.recommend(names[block], k=k, at=at, allow_seen=allow_seen, filters=filters)
                tables.append(result.table())
                report("rank", min(1.0, (start + BLOCK) / len(names)))
        table = pl.concat(tables)
        table.write_parquet(temporary)
    return table.height
