"""penchant: interests from what users write, look at, listen to and do, as they change over time.

```python
data = penchant.Dataset.load("shop/")
rec = penchant.Recommender.fit(data)
rec.recommend(users=["u1"], k=10)
rec.save("bundle/")
rec = penchant.load("bundle/")
```

Names are imported when they are first used, so that `import penchant` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penchant.data.dataset import Dataset
    from penchant.data.splits import split
    from penchant.evaluation.bundle import evaluate
    from penchant.evaluation.compare import CompareOptions, compare
    from penchant.recommender.config import Config
    from penchant.recommender.recommender import Recommender
    from penchant.retrieval.filters import Filters
    from penchant.workflows.report import ReportOptions, report

__version__ = "0.1.0"

__all__ = [
    "CompareOptions",
    "Config",
    "Dataset",
    "Filters",
    "Recommender",
    "ReportOptions",
    "__version__",
    "compare",
    "evaluate",
    "load",
    "report",
    "split",
]

_PLACES = {
    "CompareOptions": "penchant.evaluation.compare",
    "Config": "penchant.recommender.config",
    "Dataset": "penchant.data.dataset",
    "Filters": "penchant.retrieval.filters",
    "Recommender": "penchant.recommender.recommender",
    "ReportOptions": "penchant.workflows.report",
    "compare": "penchant.evaluation.compare",
    "evaluate": "penchant.evaluation.bundle",
    "report": "penchant.workflows.report",
    "split": "penchant.data.splits",
}


def load(path: str | Path) -> Recommender:
    """Read the current version of a bundle; every file's hash is verified. Raises `BundleError`."""
    from penchant.recommender.recommender import Recommender

    return Recommender.load(path)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'penchant' has no attribute {name!r}. It has: {', '.join(__all__)}.")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
