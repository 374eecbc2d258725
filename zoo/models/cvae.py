"""CVAE: a VAE whose encoder and decoder are told the class, Sohn 2015 (section 3).

    log p(x|y) >= E_q[log p(x|z, y)] - KL(q(z|x, y) || p(z))

with the paper's names of image and condition exchanged: here x is the image and y its class. The encoder gets y as
constant planes beside the image, the decoder one-hot beside z. Departures: the prior does not depend on y, which the
paper allows, where theirs is a network p(z|y); the class conditions images, where they condition on images; the hybrid
objective of their section 3.2 is left out.
"""

from zoo.core.registry import register
from zoo.models.vae import VAE
from zoo.networks.conditioning import ByLabel

PAPER = "https://papers.nips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051-Abstract.html"


@register("cvae", title="Conditional VAE", paper=PAPER, year=2015)
class ConditionalVAE(VAE):
    Condition = ByLabel
