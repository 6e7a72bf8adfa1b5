"""Feature-level fusion: worked examples, masks."""

import torch

from penchant.fusion.concat import Concat
from penchant.fusion.weighted_sum import WeightedSum, weighted_sum

TEXT, IMAGE, DEEDS = [0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.2, 0.3, 0.4, 0.5]


def test_the_worked_example_with_its_right_value() -> None:
    vectors, weights = torch.tensor([[TEXT, IMAGE, DEEDS]]), torch.tensor([0.4, 0.3, 0.3])
    fused = weighted_sum(vectors, torch.ones(1, 3, dtype=torch.bool), weights)
    torch.testing.assert_close(fused, torch.tensor([[0.25, 0.35, 0.45, 0.55]]))


def test_weights_of_missing_modalities_go_to_the_others() -> None:
    vectors = torch.tensor([[TEXT, IMAGE, DEEDS], [TEXT, IMAGE, DEEDS]])
    present = torch.tensor([[True, False, True], [False, False, False]])
    fused = weighted_sum(vectors, present, torch.tensor([0.4, 0.3, 0.3]))
    expected = (0.4 * torch.tensor(TEXT) + 0.3 * torch.tensor(DEEDS)) / 0.7
    torch.testing.assert_close(fused, torch.stack([expected, torch.zeros(4)]))


def test_without_renormalising_a_missing_modality_counts_as_zero() -> None:
    vectors, present = torch.tensor([[TEXT, IMAGE]]), torch.tensor([[True, False]])
    fused = weighted_sum(vectors, present, torch.tensor([0.5, 0.5]), renormalise=False)
    torch.testing.assert_close(fused, 0.5 * torch.tensor([TEXT]))


def test_learned_weights_start_at_the_given_ones() -> None:
    fuse = WeightedSum(2, [3.0, 1.0])
    fused = fuse(torch.tensor([[TEXT, IMAGE]]), torch.ones(1, 2, dtype=torch.bool))
    torch.testing.assert_close(fused.detach(), 0.75 * torch.tensor([TEXT]) + 0.25 * torch.tensor([IMAGE]))


def test_concat_is_one_dense_layer_over_modalities_side_by_side() -> None:
    fuse = Concat(2, 4)
    vectors, present = torch.tensor([[TEXT, IMAGE]]), torch.tensor([[True, False]])
    by_hand = fuse.mix.weight[:, :4] @ torch.tensor(TEXT) + fuse.mix.bias
    torch.testing.assert_close(fuse(vectors, present)[0], by_hand)
