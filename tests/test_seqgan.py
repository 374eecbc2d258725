"""SeqGAN: its gradient is that of the expected reward, over all sentences there are."""

import itertools

import pytest
import torch
from torch import nn

import zoo
from zoo.data.batches import Sentences
from zoo.data.tokens import counted
from zoo.networks.sentences import TextCNN

WORDS, PLACES = 3, 3


def tiny(ends=False, **config):
    """A SeqGAN of three words and three places in float64, whose words differ in probability."""
    torch.manual_seed(5)
    cls = type(zoo.create("seqgan"))
    data = type(zoo.create("seqgan").data)(name="x", tokens="words", length=PLACES, known="a b c", ends=ends)
    model = cls(cls.Config(**{"width": 4, "filters": 4, "baseline": "none"} | config), data).double()
    for network, std in ((model.generator, 1.0), (model.discriminator, 0.5)):
        for p in network.parameters():
            nn.init.normal_(p, std=std)
    model.rollout.load_state_dict(model.generator.state_dict())
    return model


def every_sentence(ends=False) -> torch.Tensor:
    """All that a tiny model can write."""
    rows = itertools.product(range(0 if ends else 1, 1 + WORDS), repeat=PLACES)
    found = torch.tensor(list(rows))
    if ends:
        found = found[(found[:, 0] > 0) & ((found[:, 1] > 0) | (found[:, 2] == 0))]
    return found


def probabilities(model, tokens) -> torch.Tensor:
    return model.generator.log_likelihoods(tokens).sum(1).exp()


def true_returns(model, tokens) -> torch.Tensor:
    """Q(y_1..t) by enumeration: the mean reward of all sentences that begin so."""
    p, rewards = probabilities(model, tokens).detach(), model.rewards(tokens).detach()
    found = torch.empty(len(tokens), PLACES, dtype=torch.float64)
    for t in range(PLACES):
        for row in range(len(tokens)):
            same = (tokens[:, :t + 1] == tokens[row, :t + 1]).all(1)
            found[row, t] = (p[same] * rewards[same]).sum() / p[same].sum()
    return found


def gradient(model, loss) -> torch.Tensor:
    found = torch.autograd.grad(loss, list(model.generator.parameters()))
    return torch.cat([g.flatten() for g in found])


def expected(model, tokens) -> torch.Tensor:
    """grad J, J = sum_y p(y) D(y)."""
    return gradient(model, (probabilities(model, tokens) * model.rewards(tokens).detach()).sum())


def by_policy(model, tokens, returns) -> torch.Tensor:
    """-E_y[grad policy_loss], over all sentences."""
    p = probabilities(model, tokens).detach()
    losses = torch.stack([model.policy_loss(tokens[i:i + 1], returns[i:i + 1]) for i in range(len(tokens))])
    return -gradient(model, (p * losses).sum())


@pytest.mark.parametrize("ends", [False, True])
def test_the_policy_gradient_is_that_of_the_expected_reward(ends):
    model, tokens = tiny(ends), every_sentence(ends)
    assert probabilities(model, tokens).sum().item() == pytest.approx(1, abs=1e-12)
    exact, returns = expected(model, tokens), true_returns(model, tokens)
    assert (by_policy(model, tokens, returns) - exact).abs().max() < 1e-15
    assert (by_policy(model, tokens, returns - 0.7) - exact).abs().max() < 1e-14  # with any constant baseline
    scale = exact.abs().max()
    too_late = torch.cat([returns[:, :1], returns[:, :-1]], 1)  # y_t gets what y_1..t-1 had
    at_the_end = torch.cat([torch.zeros_like(returns[:, :-1]), returns.sum(1, keepdim=True)], 1)
    for wrong in (too_late, at_the_end):
        assert (by_policy(model, tokens, wrong) - exact).abs().max() > 0.05 * scale


def test_the_others_as_baseline_leave_the_mean_as_it_is():
    """Over all pairs of sentences, with the probability of a pair."""
    model, tokens = tiny(ends=True, baseline="others"), every_sentence(ends=True)
    exact, returns, p = expected(model, tokens), true_returns(model, tokens), probabilities(model, tokens).detach()
    pairs = list(itertools.product(range(len(tokens)), repeat=2))
    losses = torch.stack([p[i] * p[j] * model.policy_loss(tokens[[i, j]], returns[[i, j]]) for i, j in pairs])
    assert (-gradient(model, losses.sum()) - exact).abs().max() < 1e-14


def test_the_baseline_by_hand():
    returns = torch.tensor([[0.1, 0.2], [0.4, 0.6], [0.7, 0.9]])
    counts = torch.tensor([[True, True], [True, False], [True, True]])
    others = zoo.models.seqgan.SeqGAN.others(returns, counts)
    torch.testing.assert_close(others, torch.tensor([[0.55, 0.9], [0.4, 0.55], [0.25, 0.2]]))


@pytest.mark.parametrize("ends", [False, True])
def test_rolled_out_returns_are_those_by_enumeration(ends):
    """Of 5,000 roll-outs of each sentence within 4.5 standard errors; the last place needs none."""
    model, tokens = tiny(ends, rollouts=5_000), every_sentence(ends)
    model._draws.begin(0, 1)
    found, exact = model.returns(tokens), true_returns(model, tokens)
    rewards = model.rewards(tokens).detach()
    error = (rewards.max() - rewards.min()) / 2 / 5_000**0.5
    counts = counted(tokens)
    assert ((found - exact).abs()[counts] < 4.5 * error).all()
    assert torch.equal(found[:, -1], rewards)
    assert (exact[:, 0] - exact[:, -1]).abs().max() > 20 * error  # places differ by more than that


def test_sentences_of_a_batch_are_not_mixed():
    """Returns of one sentence are those that it has beside others."""
    model, tokens = tiny(rollouts=7), every_sentence()
    model._draws.begin(0, 1)
    together = model.returns(tokens[:3])
    model._draws.begin(0, 1)
    alone = model.returns(tokens[:1])
    torch.testing.assert_close(alone, together[:1])


def test_rewards():
    tokens = every_sentence()
    assert (tiny().rewards(tokens).std() > 0.01)
    assert torch.equal(tiny(reward="constant").rewards(tokens), torch.ones(27, dtype=torch.float64))
    model = tiny(reward="random")
    model._draws.begin(0, 1)
    random = model.rewards(tokens)
    assert 0.1 < random.std() < 0.5
    model._draws.begin(0, 2)
    assert not torch.equal(model.rewards(tokens), random)


def test_a_constant_reward_has_no_gradient_but_by_chance():
    model, tokens = tiny(reward="constant"), every_sentence()
    assert by_policy(model, tokens, true_returns(model, tokens)).abs().max() < 1e-15


def test_losses_of_the_discriminator_by_hand():
    model = tiny(l2=0.3, dropout=0.0)
    batch = Sentences(every_sentence()[:5], torch.zeros(5, dtype=torch.int64))
    model._draws.begin(0, 1)
    terms = model.discriminator_loss(batch)
    out = model.discriminator.out
    torch.testing.assert_close(terms["real"], -model.discriminator(batch.tokens).sigmoid().log().mean())
    torch.testing.assert_close(terms["l2"], 0.15 * (out.weight.square().sum() + out.bias.square().sum()))
    model._draws.begin(0, 1)
    model.draw(torch.rand, 5, model.discriminator.features)
    written = model.written(5)
    torch.testing.assert_close(terms["fake"], -(1 - model.discriminator(written).sigmoid()).log().mean())


def test_what_the_filters_see():
    """No filter sees more than there is; a soft one-hot sentence is a sentence; what is left out is scaled."""
    judge = TextCNN(5, 6, filters=4, dropout=0.5)
    assert [layer.kernel_size[0] for layer in judge.convolutions] == [1, 2, 3, 4, 5, 6]
    assert judge.features == 4 + 8 + 8 + 8 + 8 + 4
    tokens = torch.randint(5, (3, 6))
    torch.testing.assert_close(judge(nn.functional.one_hot(tokens, 5).float()), judge(tokens))
    torch.testing.assert_close(judge(tokens, torch.ones(3, judge.features)) - judge.out.bias,
                               2 * (judge(tokens) - judge.out.bias))


def test_phases_by_the_clock(tmp_path):
    """Of ten batches of 8: three by likelihood, two of D alone, then five of D and one of pi."""
    from conftest import tiny_run

    run = tiny_run("seqgan", tmp_path, images=80, config={"width": 2, "likelihood": 24, "warm_up": 16, "follow": 0.8})
    rates, slow = [], []
    policy = run.model.policy_loss
    run.model.policy_loss = lambda *args: rates.append(
        run.model.optimizers()[0].param_groups[0]["lr"]) or slow.append(
        [p.clone() for p in (*run.model.rollout.parameters(), *run.model.generator.parameters())]) or policy(*args)
    run.train()
    assert run.model.updates == {"generator": 4, "discriminator": 7}
    assert rates == [0.01]
    (before,) = slow
    count = len(before) // 2
    for then, mine, live in zip(before[:count], run.model.rollout.parameters(), run.model.generator.parameters(),
                                strict=True):
        torch.testing.assert_close(mine, 0.8 * then + 0.2 * live)
    for then, live in zip(before[:count], before[count:], strict=True):
        assert torch.equal(then, live)  # while pi learnt by likelihood it was the same
