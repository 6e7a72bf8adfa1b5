"""A simulated platform: items, users, behaviour, and the true interests behind it.

Every user has a sparse mixture over topics that stays, drifts or jumps, times the season of each topic, and a lasting
taste for some styles. Events come in sessions. Within a session the topic tends to stay; the next item is often a
neighbour of an item just seen, otherwise a popular or new item of the topic that suits the taste. Texts, tags and
comments reveal the topic (with noise); adjectives, prices and creators reveal the style. Options add drawn images and
synthesised sounds, searches, uploads and voice notes, and anomalies: bots, spammers, account takeovers, corrupt rows. A
`Platform` shows the lists of a policy to the same users and logs propensities. `stream` writes a log of any size in
blocks.

The defaults of `SimulatorOptions` and the constants beside the functions were set once, from the accuracy of counting
models, before any model of this project was tuned on them. They do not change.

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
