import numpy as np

from penchant.models.nn.next_item import SharedNegatives


def test_shares_and_their_logarithms() -> None:
    share = np.array([0.5, 0.3, 0.2, 0.0])
    drawn, log_q = SharedNegatives(share).draw(60_000, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 60_000, share, atol=0.01)
    np.testing.assert_allclose(np.exp(log_q), share[drawn], rtol=1e-6)


def test_draws_are_those_of_numpy() -> None:
    share = (np.arange(50) + 1) / np.sum(np.arange(50) + 1)
    drawn, _ = SharedNegatives(share).draw(200, np.random.default_rng(3))
    np.testing.assert_array_equal(drawn, np.random.default_rng(3).choice(50, size=200, p=share))
