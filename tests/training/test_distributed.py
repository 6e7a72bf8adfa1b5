"""Several processes train to what one trains with the same batches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.errors import UsageError
from penchant.models.ensemble.ensemble import Ensemble
from penchant.models.ensemble.options import EnsembleOptions
from penchant.models.popularity import Popularity, PopularityOptions
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.testing.cycles import build_cycles
from penchant.training import fit
from penchant.training.distributed import Group, is_first_process, join_group, refuse_several
from penchant.training.options import TrainingOptions

OPTIONS = {"dim": 8, "epochs": 3, "max_length": 8, "batch_tokens": 128, "dropout": 0.2, "n_heads": 2, "layers": 1}

WORKER = """
import json, sys
from pathlib import Path
import numpy as np
from penchant.models.ensemble.ensemble import Ensemble
from penchant.models.ensemble.options import EnsembleOptions
from penchant.models.popularity import Popularity, PopularityOptions
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.testing.cycles import build_cycles
from penchant.training import fit
from penchant.training.checkpoints import Checkpoints
from penchant.training.distributed import join_group
out = Path(sys.argv[1])
model = SequenceModel(SequenceOptions(**{options!r}))
ensemble = Ensemble(EnsembleOptions(experts=("transformer", "popularity")),
                    {{"transformer": model, "popularity": Popularity(PopularityOptions())}})
data = build_cycles(items={items})
log = fit(ensemble, data, checkpoints=Checkpoints(out, 0.0, lambda: 0.0)).experts["transformer"]
here = join_group()
np.savez(out / f"{{here.rank}}.npz", **model.state().tensors)
told = [here.size, log.best_epoch, log.epochs[-1]["loss"], ensemble.weights]
(out / f"{{here.rank}}.json").write_text(json.dumps(told))
"""


def test_one_process_alone_is_a_group_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert join_group() == Group(0, 1) and join_group().is_first and is_first_process()
    loss = torch.tensor(2.0)
    assert Group().sum_gradients([], loss) is loss and Group().broadcast(3.0, torch.device("cpu")) == 3.0
    refuse_several("penchant tune")
    monkeypatch.setenv("WORLD_SIZE", "2")
    refuse_several("penchant tune")  # a number of processes without a rank: somebody else's
    monkeypatch.setenv("RANK", "1")
    assert not is_first_process()
    with pytest.raises(UsageError, match=r"penchant tune runs in one process, and torchrun started 2\. Start it"):
        refuse_several("penchant tune")


SAMPLED = {"loss": "sampled_softmax", "negatives": 8}
"""A step looks at some rows of the id table alone, and only these move."""


@pytest.mark.slow
@pytest.mark.parametrize(("items", "changed"), [(10, {}), (200, SAMPLED)], ids=["all items", "some items"])
def test_two_processes_train_to_the_weights_of_one(
    tmp_path: Path, two_ranks: list[dict[str, str]], items: int, changed: dict[str, object]
) -> None:
    options = {**OPTIONS, **changed}
    workers = []
    for env in two_ranks:
        command = [sys.executable, "-c", WORKER.format(options=options, items=items), str(tmp_path)]
        workers.append(subprocess.Popen(command, env=env, stderr=subprocess.PIPE))
    for worker in workers:
        _, errors = worker.communicate(timeout=240)
        assert worker.returncode == 0, errors.decode()
    model = SequenceModel(SequenceOptions(**options))  # type: ignore[arg-type]
    popularity = Popularity(PopularityOptions())
    alone = Ensemble(
        EnsembleOptions(experts=("transformer", "popularity")), {"transformer": model, "popularity": popularity}
    )
    log = fit(alone, build_cycles(items=items), options=TrainingOptions(accumulate=2)).experts["transformer"]
    size, best, loss, weights = json.loads((tmp_path / "0.json").read_text())
    assert size == 2 and best == log.best_epoch
    assert loss == pytest.approx(log.epochs[-1]["loss"], rel=1e-4)
    assert weights == pytest.approx(alone.weights, abs=1e-2)
    first, second = (np.load(tmp_path / f"{rank}.npz") for rank in range(2))
    for name, value in model.state().tensors.items():
        assert (first[name] == second[name]).all(), name
        np.testing.assert_allclose(first[name], value, atol=2e-4, err_msg=name)
    assert (tmp_path / "transformer" / "checkpoint.safetensors").is_file()
