"""A simulated platform: items, users, behaviour, and the truth about interests that it keeps.

How it works. Every user has a sparse mixture over topics that stays, drifts or jumps, times the season of each topic,
and a lasting taste for some styles. Events come in sessions; inside one the topic tends to stay, the next item is often
a neighbour of an item just seen, else a popular or new one of the topic that suits the taste. Texts, tags and comments
tell the topic (with noise); adjectives, prices and creators tell the style. On request there are drawn pictures and
synthesised sounds, searches, uploads and voice notes, bots, spammers, stolen accounts and broken rows. A `Platform`
shows lists of a policy to the same users and logs propensities. `stream` writes any size block after block.

The defaults of `SimulatorOptions` and the constants beside the functions were set once, from what plain
counting models reach, before any model of this project was tuned on them, and are not moved afterwards.

>>> world = simulate(SimulatorOptions(users=10, items=100, events=60, language="zh"))
>>> world.truth.users["pattern"].is_in(["steady", "drift", "jump"]).all()
True
"""

from penchant.simulator.options import SimulatorOptions
from penchant.simulator.platform import Answers, Platform, Policy, Shown, SoftmaxPolicy
from penchant.simulator.simulation import Simulation, simulate, stream
from penchant.simulator.truth import Truth

__all__ = [
    "Answers",
    "Platform",
    "Policy",
    "Shown",
    "Simulation",
    "SimulatorOptions",
    "SoftmaxPolicy",
    "Truth",
    "simulate",
    "stream",
]
