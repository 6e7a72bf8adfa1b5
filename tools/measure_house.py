"""Figures of the house: size, words, settings, parameters, capabilities, file cycles.

    python tools/measure_house.py [ROOT] [--words [FOLDER]] [--json]

ROOT is a checkout (this one by default), so that two commits can be compared. `--words` lists the left-out words of the
package by frequency and by file; for another folder, such as `benchmarks` or `tests`, it also lists every line.
`tests/test_glossary.py` and `tests/test_style.py` check the code with these functions.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import re
import statistics
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parents[1]
GLOSSARY = tomllib.loads((HERE / "tools" / "glossary.toml").read_text(encoding="utf-8"))


class Text(NamedTuple):
    """A piece of source that a reader reads: an identifier's words, a comment, a docstring or a string."""

    path: Path
    line: int
    kind: str
    text: str


PACKAGE = "src/penchant"


def source_files(root: Path, folder: str = PACKAGE) -> list[Path]:
    """All modules of the package, or of another folder of the checkout."""
    return sorted((root / folder).rglob("*.py"))


def split_identifier(name: str) -> str:
    """`HeldOut_rows` → `held out rows`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_+", " ", name)
    return spaced.lower().strip()


def texts(path: Path) -> Iterator[Text]:
    """Identifiers, comments and strings of one file, in order."""
    source = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            yield Text(path, token.start[0], "identifier", split_identifier(token.string))
        elif token.type == tokenize.COMMENT:
            yield Text(path, token.start[0], "comment", token.string)
        elif token.type == tokenize.STRING:
            kind = "docstring" if token.string.lstrip("rRfFbB").startswith('"""') else "string"
            yield Text(path, token.start[0], kind, token.string)


def compile_words(entries: list[dict[str, object]]) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
    """One expression for all patterns of some entries, and one for the phrases that are allowed."""
    patterns = [pattern for entry in entries for pattern in entry.get("pattern", ())]  # type: ignore[attr-defined]
    phrases = [each["phrase"] for entry in entries for each in entry.get("allow", ())]  # type: ignore[attr-defined]
    words = re.compile(
        r"(?<![\w-])(" + "|".join(sorted(patterns, key=len, reverse=True)) + r")(?![\w-])", re.IGNORECASE
    )
    return words, re.compile("|".join(f"({phrase})" for phrase in phrases)) if phrases else None


TERMS = compile_words(GLOSSARY["term"])
ALLOWED_CYCLE = {"data.dataset", "data.ingest.load"}
"""`Dataset.load` calls the reader inside the method (see tools/import_table.toml)."""
DIALECT = compile_words([*GLOSSARY["term"], GLOSSARY["dialect"]])


def left_out(text: str, words: tuple[re.Pattern[str], re.Pattern[str] | None] = TERMS) -> list[str]:
    """The left-out words in a text, without those in allowed phrases."""
    pattern, allowed = words
    plain = allowed.sub(" ", text) if allowed else text
    return [match[1].lower() for match in pattern.finditer(plain)]


def house_words(root: Path, folder: str = PACKAGE) -> Counter[tuple[str, str]]:
    """How often each left-out word of the glossary and of the dialect stands in each file of a folder."""
    counts: Counter[tuple[str, str]] = Counter()
    for path in source_files(root, folder):
        for piece in texts(path):
            for word in left_out(piece.text, DIALECT):
                counts[(str(path.relative_to(root)), word)] += 1
    return counts


def print_words(root: Path, folder: str) -> None:
    """Print the left-out words of a folder by word and by file, and line by line where it is not the package."""
    counts = house_words(root, folder)
    by_file: Counter[str] = Counter()
    by_word: Counter[str] = Counter()
    for (file, word), count in counts.items():
        by_file[file] += count
        by_word[word] += count
    print("\n".join(f"{count:5} {word}" for word, count in by_word.most_common()))
    print("\n".join(f"{count:5} {file}" for file, count in by_file.most_common(60)))
    for path in source_files(root, folder) if folder != PACKAGE else ():
        for piece in texts(path):
            if words := left_out(piece.text, DIALECT):
                print(f"{path.relative_to(root)}:{piece.line}: {', '.join(words)} in {piece.kind} {piece.text[:80]!r}")


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Parameters of a function without `self` and `cls`."""
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def measure(root: Path) -> dict[str, object]:
    """All figures of a checkout."""
    files = source_files(root)
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in files}
    sizes = sorted(count for path, count in lines.items() if path.name != "__init__.py")
    total = sum(lines.values())
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    words = house_words(root)
    folders = Counter(str(path.parent.relative_to(root)) for path in files if path.name != "__init__.py")
    crowded, most = folders.most_common(1)[0]
    return {
        "lines of source": total,
        "house words per thousand lines": round(1000 * sum(words.values()) / total, 1),
        "fields of option classes": option_fields(trees),
        "modules": len(sizes),
        "module lines, median": int(statistics.median(sizes)),
        "module lines, p90": sizes[int(0.9 * (len(sizes) - 1))],
        "module lines, most": sizes[-1],
        "most files in a folder": f"{most} ({crowded})",
        "functions with more than seven parameters": sum(parameters(node) > 7 for node in functions),
        "uses of Any": sum(isinstance(node, ast.Name) and node.id == "Any" for node in nodes),
        "capabilities found by getattr or hasattr": len(capabilities(trees)),
        "cycles of files": len(file_cycles(root)),
        "source files that name item_knn": sum("item_knn" in path.read_text(encoding="utf-8") for path in files),
    }


def option_fields(trees: dict[Path, ast.Module]) -> int:
    """Fields of the dataclasses of options, each counted where it is declared."""
    classes = [n for tree in trees.values() for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]
    wanted = [c for c in classes if c.name.endswith("Options") or c.name == "Config"]
    return sum(isinstance(node, ast.AnnAssign) for each in wanted for node in each.body)


def capabilities(trees: dict[Path, ast.Module]) -> list[str]:
    """Calls of `getattr` and `hasattr` with a literal name: a capability that no type declares.

    Objects of other libraries (`config`, `spec`, `error`, `frame`, `dtype` …; the models, outputs, processors and
    tokenizers of transformers) have no type of ours to declare it.
    """
    foreign = re.compile(
        r"^[^,]*(config|spec|error|dtype|shown|sys\.|errno|signal|self\.inner|table|frame)"
        r"|^(out|processor|tokenizer|loaded\.extractor),|, 'get_(image|audio)_features'"
    )
    calls = [
        f"{path.name}:{node.lineno} {ast.unparse(node)}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("getattr", "hasattr")
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
    ]
    return [call for call in calls if not foreign.search(call.split("(", 1)[1])]


def file_cycles(root: Path) -> list[list[str]]:
    """Groups of files that import each other, at the top of a module or inside a function; types alone do not count."""
    source = root / "src" / "penchant"
    names = {
        ".".join(p.relative_to(source).with_suffix("").parts): p for p in source_files(root) if p.stem != "__init__"
    }
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        typing_only = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for inner in ast.walk(node)
        }
        graph[name] = set()
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.ImportFrom)
                and (node.module or "").startswith("penchant")
                and id(node) not in typing_only
            ):
                base = (node.module or "").removeprefix("penchant").lstrip(".")
                for alias in node.names:
                    full = f"{base}.{alias.name}".lstrip(".")
                    target = full if full in names else base
                    if target in names and target != name:
                        graph[name].add(target)
    groups = [sorted(group) for group in strong_components(graph) if len(group) > 1]
    return [group for group in groups if set(group) != ALLOWED_CYCLE]


def strong_components(graph: dict[str, set[str]]) -> list[set[str]]:
    """Strongly connected components (two reachabilities meet; the graph is small)."""

    def reach(start: str, edges: dict[str, set[str]]) -> set[str]:
        seen, todo = {start}, [start]
        while todo:
            for target in edges.get(todo.pop(), ()):
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        return seen

    back: dict[str, set[str]] = {name: set() for name in graph}
    for name, targets in graph.items():
        for target in targets:
            back[target].add(name)
    groups, left = [], set(graph)
    while left:
        group = reach(name := next(iter(left)), graph) & reach(name, back)
        groups.append(group)
        left -= group
    return groups


def main() -> None:
    """Print the figures, or the words behind them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, default=HERE)
    parser.add_argument("--words", nargs="?", const=PACKAGE, metavar="FOLDER")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    root = given.root.resolve()
    if given.words:
        print_words(root, given.words)
        return
    figures = measure(root)
    if given.json:
        print(json.dumps(figures, indent=1))
    else:
        print("\n".join(f"{name:45} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
