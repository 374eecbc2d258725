"""What the playground shows first: settings in which a lesson can be seen, with a sentence each."""

from typing import Any, NamedTuple

Player = tuple[str, dict[str, Any]]  # a variant, and what of its Config is not as the playground has it


class Preset(NamedTuple):
    """A setting, and what is to be seen in it.

    Attributes:
        title: in the list.
        sentence: what to look at.
        data, variants, batch_size, seed: see ``zoo.web.game.Setting``.
        shows: what is drawn besides points: ``field``, ``arrows``, ``grid``.
    """

    title: str
    sentence: str
    data: str
    variants: tuple[Player, ...]
    shows: tuple[str, ...] = ("field", "arrows")
    batch_size: int = 128
    seed: int = 0


PRESETS = (
    Preset("Eight peaks on a ring",
           "R3GAN reaches all eight peaks within some hundred steps. Blue points are data, orange ones generated; the "
           "arrows are where the generator's loss pulls them, the shade is what the discriminator takes for real.",
           "ring", (("r3gan", {}),)),
    Preset("Gradients that vanish",
           "Twenty steps of the discriminator for each of the generator make it all but perfect. By the minimax loss "
           "(left) the generator is then hardly pulled any more; by the non-saturating one (right) it is.",
           "ring", (("gan", {"critic_steps": 20}), ("nsgan", {"critic_steps": 20}))),
    Preset("All on one peak",
           "By the minimax loss (left) all points are on one of the two peaks; as soon as the discriminator has learnt "
           "this they jump to the other, and back again, for some seven hundred steps. R3GAN (right) is on both after "
           "two hundred, and stays.",
           "two-peaks", (("gan", {"beta1": 0.9}), ("r3gan", {"beta1": 0.9})), seed=1),
    Preset("Noise as a remedy",
           "The same perfect discriminator against the minimax loss, twice: on the right it sees all points with "
           "noise, real and generated ones alike, cannot be so sure, and pulls the more.",
           "ring", (("gan", {"critic_steps": 20}), ("gan", {"critic_steps": 20, "instance_noise": 0.5}))),
    Preset("Clipped weights, or a penalty",
           "Both critics estimate the Wasserstein distance. Clipped weights (left) leave one so flat that it hardly "
           "pulls; the penalty (right) holds slopes near 1, so that points move at once, and at this learning rate "
           "swing past. See the curve of the pull.",
           "moons", (("wgan", {}), ("wgan-gp", {"critic_steps": 3, "beta1": 0.5}))),
    Preset("A square, folded",
           "The grid is a square of latents, as the generator lays it out. It can stretch and fold the square but not "
           "tear it: between the moons a bridge stays, on which few points lie.",
           "moons", (("r3gan", {}),), ("field", "grid")),
)
