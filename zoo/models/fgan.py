"""f-GAN: any f-divergence as a game, Nowozin 2016 (https://arxiv.org/abs/1606.00709), section 2.

    min_G max_V  E_x[g_f(V(x))] - E_z[f*(g_f(V(G(z))))]

where f* is the convex conjugate of the divergence's generator f and g_f maps V to its domain. At the best V the value
is D_f(data || generated). With ``non_saturating`` G ascends E_z[g_f(V(G(z)))] instead (section 3.2), which has the same
fixed point. Departures: all activations increase in V, so Neyman's and the squared Hellinger's are 1 - exp(-v) and
reverse KL's -exp(-v); for alpha above 1 the conjugate is constant where the table's formula is undefined. Several
conjugates grow like exp(v) by their nature: as in the paper, Adam gets clipped gradients, since one huge one would stop
it for a thousand steps.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.errors import UsageError
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.spec import AnySpec
from zoo.tasks.gan import GAN, GANConfig


class Divergence(NamedTuple):
    """A divergence as the game sees it, in terms of the critic's output v.

    The second function is the paper's f* after g_f, written as one: apart, exp and log over- and underflow early.
    """

    activation: Callable[[Tensor], Tensor]  # g_f(v)
    conjugate: Callable[[Tensor], Tensor]  # f*(g_f(v))


def jeffrey_conjugate(v: Tensor) -> Tensor:
    """f*(v) = w + 1/w + v - 2 where w = W(exp(1 - v)), Lambert's function, is the root of w + log w = 1 - v."""
    x = 1 - v
    with torch.no_grad():  # y = log w, from above by Newton's method; the equation is convex in y
        y = torch.where(x < 1, x, x.clamp(min=1).log())
        for _ in range(6):
            y = y - (y.exp() + y - x) / (y.exp() + 1)
    y = y - (y.exp() + y - x) / (y.exp() + 1)  # the last step carries the derivative
    return y.exp() + (-y).exp() - x - 1


def alpha_divergence(alpha: float) -> Divergence:
    """f(u) = (u^alpha - 1 - alpha (u - 1)) / (alpha (alpha - 1)). Raises UsageError for 0 and 1, its limits."""
    if alpha in (0, 1):
        raise UsageError(f"alpha must not be {alpha}: that is --divergence {'kl' if alpha else 'reverse_kl'}")
    power = alpha / (alpha - 1)
    if alpha > 1:
        return Divergence(lambda v: v, lambda v: (F.relu(v * (alpha - 1) + 1) ** power - 1) / alpha)
    return Divergence(lambda v: 1 / (1 - alpha) - F.softplus(-v),
                      lambda v: (((1 - alpha) * F.softplus(-v)) ** power - 1) / alpha)


Name = Literal["gan", "total_variation", "kl", "reverse_kl", "pearson", "neyman", "squared_hellinger", "jeffrey",
               "jensen_shannon", "alpha"]

DIVERGENCES: dict[str, Divergence] = {  # beside each: f(u); f*(t)
    "gan": Divergence(lambda v: -F.softplus(-v), F.softplus),  # u log u - (u + 1) log(u + 1); -log(1 - exp(t))
    "total_variation": Divergence(lambda v: torch.tanh(v) / 2, lambda v: torch.tanh(v) / 2),  # |u - 1| / 2; t
    "kl": Divergence(lambda v: v, lambda v: torch.exp(v - 1)),  # u log u; exp(t - 1)
    "reverse_kl": Divergence(lambda v: -torch.exp(-v), lambda v: v - 1),  # -log u; -1 - log(-t)
    "pearson": Divergence(lambda v: v, lambda v: v.square() / 4 + v),  # (u - 1)^2; t^2 / 4 + t
    # (1 - u)^2 / u; 2 - 2 sqrt(1 - t)
    "neyman": Divergence(lambda v: 1 - torch.exp(-v), lambda v: 2 - 2 * torch.exp(-v / 2)),
    # (sqrt(u) - 1)^2; t / (1 - t)
    "squared_hellinger": Divergence(lambda v: 1 - torch.exp(-v), lambda v: torch.exp(v) - 1),
    "jeffrey": Divergence(lambda v: v, jeffrey_conjugate),  # (u - 1) log u; w + 1/w + t - 2 with w = W(exp(1 - t))
    # u log u - (u + 1) log((u + 1) / 2); -log(2 - exp(t))
    "jensen_shannon": Divergence(lambda v: math.log(2) - F.softplus(-v), lambda v: F.softplus(v) - math.log(2)),
}


@dataclass(frozen=True, kw_only=True)
class FGANConfig(GANConfig):
    divergence: Name = option("kl", "which f-divergence")
    alpha: float = option(0.5, "order of --divergence alpha (alpha): not 0 or 1")
    gradient_clip: float = option(1.0, "largest norm of a player's gradient", minimum=1e-6)
    non_saturating: bool = option(False, "G ascends E[g_f(V(G(z)))] instead, for divergences whose gradients vanish")


@register("fgan", title="f-GAN", paper="https://arxiv.org/abs/1606.00709", year=2016)
class FGAN(GAN):
    Config = FGANConfig
    config: FGANConfig
    says = "order"

    def __init__(self, config: FGANConfig, data: AnySpec) -> None:
        super().__init__(config, data)
        self.divergence = (DIVERGENCES | {"alpha": alpha_divergence(config.alpha)})[config.divergence]

    def build_optimizer(self, group: str, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        def clip(*_: object) -> None:
            nn.utils.clip_grad_norm_(parameters, self.config.gradient_clip)

        optimizer = super().build_optimizer(group, parameters)
        optimizer.register_step_pre_hook(clip)
        return optimizer

    def discriminator_loss(self, batch: Labelled) -> Terms:
        on_real = self.divergence.activation(self.discriminator(batch.images)).mean()
        on_fake = self.divergence.conjugate(self.discriminator(self.fake(batch))).mean()
        self.track("discriminator/divergence", on_real - on_fake)  # a lower bound of D_f(data || generated)
        return {"real": -on_real, "fake": on_fake}

    def generator_loss(self, batch: Labelled) -> Terms:
        on_fake = self.discriminator(self.fake(batch))
        if self.config.non_saturating:
            return {"adversarial": -self.divergence.activation(on_fake).mean()}
        return {"adversarial": -self.divergence.conjugate(on_fake).mean()}
