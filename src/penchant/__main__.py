"""`python -m penchant …` is the command `penchant …`; `torchrun -m penchant train …` starts several of them."""

from penchant.cli import main

main()
