"""Feature spaces, all of them feature extractors of torch-fidelity: InceptionV3 of FID, the bundled networks, and what
else it has, such as VGG, CLIP and DINOv2, whose weights it fetches on first use."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError

import torch
from torch import Tensor
from torch_fidelity import FeatureExtractorBase, register_feature_extractor
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

from zoo.core.errors import UsageError, unknown
from zoo.core.files import digest
from zoo.core.precision import Precision, arithmetic
from zoo.features.bundled import bundled, classifier_of, describe, load_classifier, load_network
from zoo.features.classifier import Classifier
from zoo.metrics.protocol import short

INCEPTION = "inception-v3-compat"  # as torch-fidelity calls that of FID
WEIGHTS_VARIABLE = "ZOO_INCEPTION_WEIGHTS"


class Features(NamedTuple):
    """Of N images: what distances are measured between (N, d), and the class logits (N, K), of networks that tell
    none (N, 0)."""

    pooled: Tensor
    logits: Tensor


class BundledExtractor(FeatureExtractorBase):
    """A bundled network under the name ``zoo-<name>``: uint8 (N, 3, H, W) -> features (N, d), logits (N, K).

    The logits of one that learnt without labels are those of the classifier for the same images, or else (N, 0).
    """

    def __init__(self, name: str, features_list: list[str], **options: object) -> None:
        super().__init__(name, features_list)
        name = name.removeprefix("zoo-")
        self.network, teller = load_network(name), classifier_of(name)
        self.classifier = load_classifier(teller) if teller else None

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("features", "logits")

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return "logits" if metric == "isc" else "features"

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        pooled, logits = self.network(images)
        if self.classifier is not None and self.classifier is not self.network:
            logits = self.classifier(images)[1]
        output = {"features": pooled, "logits": logits}
        return tuple(output[name] for name in self.features_list)


for _name in bundled():
    register_feature_extractor(f"zoo-{_name}", BundledExtractor)


@dataclass  # not frozen: Lightning refuses to hand frozen ones to processes
class FeatureSpace:
    """Where images are compared.

    Attributes:
        name: ``inception``, a bundled network's, or one of ``others``.
        digest: the first eight digits of the sha256 of its weights.
        teller: name and digest of the bundled classifier whose logits these are, if any.
        extractor: uint8 (N, 3, H, W) -> pooled features and, where it tells classes, logits.
        precision: in which it multiplies.
    """

    name: str
    digest: str
    teller: tuple[str, str] | None
    extractor: FeatureExtractorBase
    precision: Precision = "32-true"

    @property
    def classifier(self) -> Classifier | None:
        """What tells the classes: with networks that learnt without labels another; InceptionV3's thousand are no
        data set's here."""
        return getattr(self.extractor, "classifier", None)

    @property
    def used(self) -> list[str]:
        """Every network by name with its digest, that of the distances first."""
        return list(dict.fromkeys("@".join(one) for one in [(self.name, self.digest), *filter(None, [self.teller])]))

    @property
    def telling(self) -> str:
        """What follows the name of a metric that is of classes."""
        return f"[{self.teller[0]}]" if self.teller else self.suffix

    @property
    def suffix(self) -> str:
        """What follows a metric's name: nothing for InceptionV3, on which FID and the Inception Score are defined."""
        return "" if self.name == "inception" else f"[{self.name}]"

    def distance_name(self, samples: int) -> str:
        """What the Frechet distance of so many generated images is called: ``fid10k``, or ``fd10k[mnist]``."""
        return f"{'fd' if self.suffix else 'fid'}{short(samples)}{self.suffix}"

    @torch.no_grad()
    def extract(self, images: Tensor) -> Features:
        """Of uint8 (N, 1 or 3, H, W), on the images' device; returned on the CPU."""
        with arithmetic(self.precision, images.device):
            pooled, *logits = (x.float().cpu() for x in self.extractor(images.expand(-1, 3, -1, -1)))
        return Features(pooled, *logits or [pooled.new_empty(len(pooled), 0)])


def others() -> list[str]:
    """Extractors that torch-fidelity has besides, by its names: its own, and what a program has registered with it."""
    return [name for name in FEATURE_EXTRACTORS_REGISTRY
            if name != INCEPTION and not name.startswith("zoo-")]


def feature_space(name: str = "inception", inception_weights: str | None = None,
                  precision: Precision = "32-true") -> FeatureSpace:
    """Opens a feature space.

    Args:
        name: ``inception``, a bundled network's, or one of ``others``, whose features are those that torch-fidelity
            takes for its Frechet distance; its weights are fetched by torch-fidelity on first use.
        inception_weights: file with the weights of torch-fidelity's InceptionV3; default: $ZOO_INCEPTION_WEIGHTS, else
            torch-fidelity's copy, which it downloads on first use.
        precision: in which they are computed, see ``zoo.load``.

    Raises:
        UsageError: an unknown name, or weights that can neither be read nor fetched.
    """
    if name in others():
        return _other_space(name, precision)
    if name not in ("inception", *bundled()):
        raise unknown("features", name, ["inception", *bundled(), *others()])
    if name != "inception":
        extractor = BundledExtractor(f"zoo-{name}", list(BundledExtractor.get_provided_features_list()))
        teller = classifier_of(name)
        told = (teller, _digest(teller)) if teller else None
        return FeatureSpace(name, _digest(name), told, extractor.eval(), precision)
    given = inception_weights or os.environ.get(WEIGHTS_VARIABLE)
    path = Path(given).expanduser() if given else Path(torch.hub.get_dir(), "checkpoints", Path(URL_INCEPTION_V3).name)
    if given:
        _check_weights(path)
    try:
        extractor = FeatureExtractorInceptionV3(INCEPTION, ["2048", "logits_unbiased"],
                                                feature_extractor_weights_path=str(path) if given else None)
    except (URLError, OSError) as error:
        raise UsageError(
            f"the weights of InceptionV3, on which FID is defined, cannot be fetched ({error}). Fetch "
            f"{URL_INCEPTION_V3} on a machine with a network and put it at {path}, or name it with --inception-weights "
            f"or ${WEIGHTS_VARIABLE}. Features that come with the package: --features {' or '.join(bundled())}"
        ) from error
    except RuntimeError as error:
        raise UsageError(f"{path} does not hold the weights of torch-fidelity's InceptionV3: {error}") from error
    return FeatureSpace(name, digest(path)[:8], None, extractor, precision)


def _other_space(name: str, precision: Precision) -> FeatureSpace:
    cls = FEATURE_EXTRACTORS_REGISTRY[name]
    try:
        extractor = cls(name, [cls.get_default_feature_layer_for_metric("fid")])
    except (OSError, RuntimeError) as error:  # a URLError is an OSError
        raise UsageError(f"the weights of {name} cannot be fetched ({error}): ask for them once where there is a "
                         f"network; torch-fidelity keeps them in {torch.hub.get_dir()}. Features that come with the "
                         f"package: --features {' or '.join(bundled())}") from error
    weights = hashlib.sha256()
    for key, value in extractor.state_dict().items():
        weights.update(key.encode())
        weights.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return FeatureSpace(name, weights.hexdigest()[:8], None, extractor.eval(), precision)


def _digest(name: str) -> str:
    return describe(name)["sha256"][:8]


def _check_weights(path: Path) -> None:
    """Refuses what is no plain file of tensors: torch-fidelity would unpickle anything."""
    try:
        torch.load(path, map_location="meta", weights_only=True)
    except Exception as error:  # whatever the unpickler stumbles over
        raise UsageError(f"{path} cannot be read as weights of InceptionV3: {error}") from error


def default_features(data: str) -> str:
    """The bundled network for a data set's kind of image: one that learnt without labels, if there is one, else a
    classifier; else ``inception``."""
    kind = Path(data).name.removesuffix("-jpeg")
    return next((name for name in (f"{kind}-simclr", kind) if name in bundled()), "inception")


def to_uint8(images: Tensor) -> Tensor:
    """Images (N, C, H, W) in [0, 1] -> uint8, rounded: the one conversion before any metric.

    Raises:
        UsageError: values that are not finite or outside [0, 1].
    """
    low, high = images.aminmax()
    if not (low >= 0 and high <= 1):  # false for NaN as well
        what = f"between {low:.3g} and {high:.3g}" if torch.isfinite(images).all() else "that are not finite"
        raise UsageError(f"images to be measured lie in [0, 1]; these have values {what}. A model whose weights are "
                         "not finite has to be trained again")
    return (images * 255).round().byte()
