"""Online Retail: a year of invoices of a shop for gifts (Chen, Sain & Guo 2012, doi 10.1057/dbm.2012.17).

The sheet saved as CSV, in one file or in several (one per day). Read: the first edition (`InvoiceNo`, `UnitPrice`,
`CustomerID`) and the second (`Invoice`, `Price`, `Customer ID`).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from penchant.data import schema
from penchant.errors import DataError
from penchant.sources.files import Files
from penchant.sources.lines import need, number, reject, table
from penchant.sources.writer import Writer

_NAMES = {
    **{"Invoice": "InvoiceNo", "Price": "UnitPrice", "Customer ID": "CustomerID"},
    **{"Customer_ID": "CustomerID"},
}
_NEEDED = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%y %H:%M", "%d-%m-%Y %H:%M", "%d/%m/%Y %H:%M")


def online_retail(files: Files, out: Writer) -> None:
    """Lines of invoices become events: `purchase`, or `return` where the invoice is a cancellation (C…).

    Rejected with the reason: lines without a customer, codes of other things than products (postage, fees,
    corrections), quantities of 0 and times that cannot be read. `value` is the quantity (negative for a return),
    `session_id` the invoice. A product's title is its most frequent description, its price the median.
    """
    paths = files.all("*.csv", "*.csv.gz")
    if not paths:
        sheets = files.all("*.xlsx")
        raise DataError(
            f"{files.folder} has no CSV file{f', only {sheets[0].name}' if sheets else ''}.",
            remedy="Open the sheet in any spreadsheet program, save it as CSV (UTF-8) and repeat the command.",
        )
    rows = pl.concat([_lines(path, out) for path in paths])
    out.put(
        schema.EVENTS,
        rows.select(
            pl.col("CustomerID").alias(schema.USER_ID),
            pl.col("StockCode").alias(schema.ITEM_ID),
            pl.col("InvoiceDate").dt.epoch("s").alias(schema.TIMESTAMP),
            pl.when(_cancelled()).then(pl.lit("return")).otherwise(pl.lit("purchase")).alias(schema.EVENT),
            pl.col("Quantity").alias(schema.VALUE),
            pl.col("InvoiceNo").alias(schema.SESSION_ID),
            pl.col("UnitPrice").alias("unit_price"),
        ),
    )
    named = rows.filter(pl.col("Description").is_not_null()).group_by("StockCode", "Description").len()
    named = named.sort("StockCode", "len", "Description", descending=[False, True, False])
    titles = named.group_by("StockCode", maintain_order=True).agg(
        pl.col("Description").first().alias(schema.TITLE),
        pl.col("Description").slice(1).alias("other_titles"),
    )
    prices = rows.filter(pl.col("UnitPrice") > 0).group_by("StockCode").agg(pl.col("UnitPrice").median())
    items = rows.select("StockCode").unique().sort("StockCode")
    items = items.join(titles, on="StockCode", how="left").join(prices, on="StockCode", how="left")
    out.put(schema.ITEMS, items.rename({"StockCode": schema.ITEM_ID, "UnitPrice": schema.PRICE}).sort(schema.ITEM_ID))
    users = rows.group_by("CustomerID").agg(pl.col("Country").drop_nulls().first().alias("country"))
    out.put(schema.USERS, users.rename({"CustomerID": schema.USER_ID}).sort(schema.USER_ID))


def _lines(path: Path, out: Writer) -> pl.DataFrame:
    frame = table(path, ())
    frame = frame.rename({old: new for old, new in _NAMES.items() if old in frame.columns and new not in frame.columns})
    need(frame.columns, _NEEDED, path.name)
    frame = frame.with_columns(
        number("Quantity"),
        number("UnitPrice"),
        _times(frame["InvoiceDate"]),
        pl.col("StockCode").str.to_uppercase(),
        pl.col("InvoiceNo").str.to_uppercase(),
        pl.col("CustomerID").str.replace(r"\.0+$", ""),
    )
    rules = {
        "no customer": pl.col("CustomerID").is_null(),
        "not a product": ~pl.col("StockCode").str.contains(r"^\d{5}[A-Z]{0,2}$"),
        "no quantity": pl.col("Quantity").is_null() | (pl.col("Quantity") == 0),
        "time cannot be read": pl.col("InvoiceDate").is_null(),
        "no price": pl.col("UnitPrice").is_null(),
        "negative quantity outside a cancellation": (pl.col("Quantity") < 0) & ~_cancelled(),
    }
    return out.take(path.name, reject(frame, rules)).select(_NEEDED)


def _cancelled() -> pl.Expr:
    return pl.col("InvoiceNo").str.starts_with("C").fill_null(False)


def _times(column: pl.Series) -> pl.Series:
    """The column in the one format that parses most of it: month first where both orders are possible."""
    read = [column.str.to_datetime(form, strict=False, time_unit="us") for form in _FORMS]
    return min(read, key=lambda times: times.null_count())
