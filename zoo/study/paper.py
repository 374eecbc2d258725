"""What Lucic 2018 (arXiv:1711.10337) found: "Best FID obtained in a large-scale hyperparameter search", its table 2.

Mean and standard deviation of the FID over repetitions of the best trial of a search, in features of InceptionV3: with
distances in other features only their ranks can be compared.
"""

SOURCE = "https://arxiv.org/abs/1711.10337"
FID: dict[str, dict[str, tuple[float, float]]] = {  # data set -> variant -> mean, standard deviation
    "mnist": {"gan": (9.8, 0.9), "nsgan": (6.8, 0.5), "lsgan": (7.8, 0.6), "wgan": (6.7, 0.4), "wgan-gp": (20.3, 5.0),
              "dragan": (7.6, 0.4), "began": (13.1, 1.0), "vae": (23.8, 0.6)},
    "fashion-mnist": {"gan": (29.6, 1.6), "nsgan": (26.5, 1.6), "lsgan": (30.7, 2.2), "wgan": (21.5, 1.6),
                      "wgan-gp": (24.5, 2.1), "dragan": (27.7, 1.2), "began": (22.9, 0.9), "vae": (58.7, 1.2)},
    "cifar10": {"gan": (72.7, 3.6), "nsgan": (58.5, 1.9), "lsgan": (87.1, 47.5), "wgan": (55.2, 2.3),
                "wgan-gp": (55.8, 0.9), "dragan": (69.8, 2.0), "began": (71.4, 1.6), "vae": (155.7, 11.6)},
}


def fid_of(data: str) -> dict[str, tuple[float, float]]:
    """The paper's figures for a data set, JPEG copies of it included; empty if it has none."""
    return FID.get(data.removesuffix("-jpeg"), {})
