"""Latents of given images (Zhu 2016, arXiv:1609.03552, section 3.2; Antipov 2017, arXiv:1702.01983, section 2.2)."""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor
from tqdm import tqdm

from zoo.core.errors import UsageError, unknown
from zoo.data.labels import Labels
from zoo.data.pictures import Pictures
from zoo.features.perceptual import PerceptualDistance
from zoo.tasks.latent_model import LatentModel
from zoo.tasks.task import PASS, Task

Encoder = Callable[[Tensor], Tensor]
Method = Literal["adam", "lbfgs", "random"]
RATE = 0.1  # of Adam at first; it falls to 0 along a cosine
ROUNDS = 20  # evaluations at most that torch's L-BFGS makes in one of its steps


class Inverted(NamedTuple):
    """What was found for n images.

    Attributes:
        latents: (n, latent_size), for ``model.decode``.
        images: what the model makes of them, (n, C, H, W) in [0, 1].
        error: what was made least, (n,): the mean squared error of each, of [0, 1], and the distance in features if
            there is one.
        start: that of the latent that the search began with.
        random: that of random latents, the mean of all that were tried.
    """

    latents: Tensor
    images: Tensor
    error: Tensor
    start: Tensor
    random: Tensor


def invert(model: Task, images: Pictures, labels: Labels = None, steps: int = 200, *, encoder: bool | Encoder = True,
           method: Method | None = None, features: str | None = None, starts: int = 64, typical: float = 1e-3,
           seed: int = 0, batch_size: int = PASS, progress: bool | Callable[[float], None] = True) -> Inverted:
    """Finds latents of which a model makes given images.

    The search begins with what an encoder says, else with the nearest of some random latents, and keeps the best that
    it finds, so no error is above that of its start. Every image is searched for by itself: what is found for one does
    not depend on the others. Without an encoder the search is among normals, which the prior is a map of; what is
    chosen by the largest of several normals, such as a code of classes, is decided by the random latents alone.

    Args:
        model: which makes images, or points, from latents.
        images: as ``model.encode`` takes them.
        labels: of a conditional model, see ``sample``.
        steps: of the optimizer; 0: the start is the answer.
        encoder: whether to begin with the model's own, if it has one; or another: images (n, C, H, W) in [0, 1] on the
            CPU -> latents (n, latent_size).
        method: Adam for all images of a pass at once, or L-BFGS for one after the other, slower and more exact; or
            random search, which needs no gradient: a step renews some numbers of each latent, and keeps what is nearer
            to its image. By default Adam, and random search of models without a gradient (vqgan, ebm).
        features: a bundled network, such as "cifar10": the distance in its features, see
            ``zoo.features.perceptual.PerceptualDistance``, is added to the squared error.
        starts: random latents that are tried for each image.
        typical: weight of ((|normal|^2 / latent_size) - 1)^2 beside the squared error, so that latents stay as long as
            random ones are; 0 for the error alone. There are no normals to weigh with an encoder, nor in random
            search.
        seed: of the random latents, and of random search.
        batch_size: images that are searched for at once; does not change what is found.
        progress: whether to show a bar; or what is called with the share of the steps that are done, by Adam and random
            search after each of them.

    Raises:
        UsageError: a model that makes nothing from latents, images of another size or range, labels that do not fit,
            features or a method that there are not, a method that needs a gradient where there is none, or counts below
            their least.
    """
    model, method = _checked(model, method, steps, starts, batch_size)
    distance = None if features is None else PerceptualDistance(features)
    pictures = model.data.read(images)
    told = model.condition.numbers(labels, len(pictures))
    found = []
    with model.answering(), _Progress(len(pictures), steps, progress) as done:
        for rows in torch.arange(len(pictures)).split(batch_size):
            classes = next((model.placed(x[rows]) for x in told.values()), None)  # or captions
            search = _Search(model, model.placed(pictures[rows]), classes, typical, distance)
            search.begin(encoder, starts, seed)
            if steps:
                SEARCHES[method](search, steps, seed, done)
            found.append(search.found())
            done.images(len(rows))
    return Inverted(*(torch.cat(parts).cpu() for parts in zip(*found, strict=True)))


def _checked(model: Task, method: Method | None, steps: int, starts: int, batch_size: int) \
        -> tuple[LatentModel, Method]:
    """The model, and the method if none was asked for. Raises what ``invert`` does."""
    if not isinstance(model, LatentModel):
        raise UsageError(f"{model.variant} makes nothing from latents: zoo.invert takes models that can be asked with "
                         "sample()")
    if steps < 0 or starts < 1 or batch_size < 1:
        raise UsageError(f"zoo.invert takes steps from 0 and starts and batch_size from 1, not {steps}, {starts} and "
                         f"{batch_size}")
    method = method or ("random" if model.no_gradient else "adam")
    if method not in get_args(Method):
        raise unknown("method", method, get_args(Method))
    if model.no_gradient and method != "random":
        raise UsageError(f"there is no gradient by which {method} could search for latents of {model.variant}: "
                         f"{model.no_gradient}. zoo.invert(..., method=\"random\") needs none")
    return model, method


class _Progress:
    """A bar that counts images, or what is called with the share that is done, or neither."""

    def __init__(self, images: int, steps: int, shown: bool | Callable[[float], None]) -> None:
        self.count, self.steps, self.before = images, steps, 0
        self.tell = shown if callable(shown) else None
        self.bar = tqdm(total=images, unit="img", disable=not shown or callable(shown))

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def step(self, number: int, images: int) -> None:
        """So many steps of the search for so many images."""
        if self.tell:
            self.tell((self.before + number / self.steps * images) / self.count)

    def images(self, count: int) -> None:
        """All steps of so many more."""
        self.before += count
        self.bar.update(count)


class _Search:
    """For the latents of some images (n, C, H, W) in [0, 1]; ``point`` (n, latent_size) are normals, or latents."""

    def __init__(self, model: LatentModel, images: Tensor, classes: Tensor | None, typical: float,
                 distance: PerceptualDistance | None) -> None:
        self.model, self.images, self.classes, self.typical, self.distance = model, images, classes, typical, distance
        self.as_latents: Callable[[Tensor], Tensor] = model.prior

    @torch.no_grad()
    def begin(self, encoder: bool | Encoder, starts: int, seed: int) -> None:
        n, size = len(self.images), self.model.latent_size
        best, total = self.images.new_full((n,), torch.inf), self.images.new_zeros(n)
        self.point = self.images.new_zeros(n, size)
        for normal in self.model.placed(self.model.normals(starts, seed)):  # one for all images at a time
            tried = normal.expand(n, -1)
            error = self.error(tried)
            total += error
            self.point = torch.where((error < best)[:, None], tried, self.point)
            best = torch.minimum(best, error)
        self.random = total / starts
        if encoder is not False and (callable(encoder) or self._has_encoder()):
            self.as_latents = lambda point: point
            self.point = self.model.placed(encoder(self.images.cpu())) if callable(encoder) else self.model.code(
                self.model.data.from_unit(self.images), self.classes)
        self.best, self.start = self.point, self.error(self.point)
        self.least = self.start

    def _has_encoder(self) -> bool:
        return type(self.model).code is not LatentModel.code

    def made(self, point: Tensor, rows: slice = slice(None)) -> Tensor:
        """Images in the unit of the data, not cut off, so that the gradient does not end."""
        classes = None if self.classes is None else self.classes[rows]
        return self.model.generate(self.as_latents(point), classes)

    def error(self, point: Tensor, rows: slice = slice(None)) -> Tensor:
        """Mean squared error of each image, (n,), of [0, 1] where the data are images, and its distance in features."""
        data, made = self.model.data, self.made(point, rows)
        real = data.from_unit(self.images[rows])
        scale = data.from_unit(torch.ones(1, device=point.device)) - data.from_unit(torch.zeros(1, device=point.device))
        error = ((made - real) / scale).square().flatten(1).mean(1)
        return error if self.distance is None else error + self.distance(made, real)

    def loss(self, point: Tensor, error: Tensor) -> Tensor:
        """What is descended: a sum over images, none of which knows of another."""
        if self.typical and self.as_latents == self.model.prior:
            error = error + self.typical * (point.square().mean(1) - 1).square()
        return error.sum()

    def keep(self, point: Tensor, error: Tensor, rows: slice = slice(None)) -> None:
        better = error.detach() < self.least[rows]
        best, least = self.best.clone(), self.least.clone()
        best[rows] = torch.where(better[:, None], point.detach(), best[rows])
        least[rows] = torch.where(better, error.detach(), least[rows])
        self.best, self.least = best, least

    def by_adam(self, steps: int, seed: int, done: _Progress) -> None:
        point = self.point.clone().requires_grad_()
        optimizer = torch.optim.Adam([point], RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for step in range(steps):
            with torch.enable_grad():
                error = self.error(point)
                (point.grad,) = torch.autograd.grad(self.loss(point, error), point)
            self.keep(point, error)
            optimizer.step()
            schedule.step()
            done.step(step + 1, len(self.images))
        with torch.no_grad():
            self.keep(point, self.error(point))

    def by_lbfgs(self, steps: int, seed: int, done: _Progress) -> None:
        """Image by image: on all at once L-BFGS would share one curvature and one length of its steps."""
        for row in range(len(self.images)):
            rows = slice(row, row + 1)
            point = self.point[rows].clone().requires_grad_()
            optimizer = torch.optim.LBFGS([point], max_iter=steps, max_eval=ROUNDS * steps, tolerance_grad=0,
                                          tolerance_change=0, line_search_fn="strong_wolfe")

            def closure(point: Tensor = point, rows: slice = rows) -> Tensor:
                with torch.enable_grad():
                    error = self.error(point, rows)
                    loss = self.loss(point, error)
                    (point.grad,) = torch.autograd.grad(loss, point)
                self.keep(point, error, rows)
                return loss

            optimizer.step(closure)

    @torch.no_grad()
    def by_chance(self, steps: int, seed: int, done: _Progress) -> None:
        """Latents stay such as the prior gives: what is new in one comes from another. Half of the numbers are renewed
        at first, one at last; the same and by the same in all images, so that none knows of another."""
        self.best, self.as_latents = self.as_latents(self.best), lambda point: point
        size = self.best.shape[1]
        random = torch.Generator().manual_seed(seed)
        for step in range(steps):
            share = 0.5 * (2 / size)**(step / max(1, steps - 1))
            renewed = torch.randperm(size, generator=random)[:max(1, round(share * size))]
            new = self.model.prior(self.model.placed(torch.randn(1, size, generator=random)))
            tried = self.best.clone()
            tried[:, renewed] = new[:, renewed].to(tried)
            self.keep(tried, self.error(tried))
            done.step(step + 1, len(self.images))

    @torch.no_grad()
    def found(self) -> Inverted:
        latents = self.as_latents(self.best)
        images = self.model.data.to_unit(self.model.generate(latents, self.classes))
        return Inverted(latents, images, self.least, self.start, self.random)


SEARCHES: dict[Method, Callable[[_Search, int, int, _Progress], None]] = {
    "adam": _Search.by_adam, "lbfgs": _Search.by_lbfgs, "random": _Search.by_chance}
