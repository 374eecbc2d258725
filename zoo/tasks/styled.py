"""StyledTranslator: pictures from pictures in a style that is drawn, or that another picture has."""

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.errors import UsageError
from zoo.data.batches import Domains
from zoo.data.labels import Labels
from zoo.data.pictures import Pictures, as_tensor
from zoo.networks.styled import StyledCoder
from zoo.tasks.asking import SEED, Control, Values, View
from zoo.tasks.drawing import grid
from zoo.tasks.latents import standard_normals
from zoo.tasks.task import PASS, Inputs
from zoo.tasks.translating_views import picture_view
from zoo.tasks.unpaired import UnpairedTranslator

if TYPE_CHECKING:
    from PIL import Image

SHOWN = 6  # rows of a sheet, and columns of styles that pictures have
DRAWN = 4  # columns of styles that are drawn


class StyledTranslator(UnpairedTranslator):
    """A model that takes pictures of two domains apart into content and style, and swaps domains and styles.

    A subclass builds ``coder_a`` and ``coder_b``. A style is drawn from standard normals, so it is a model's ``normal``
    input, whether it follows from a seed or from a picture.
    """

    coder_a: StyledCoder
    coder_b: StyledCoder
    asks = ("translate", "back")
    takes_style = True

    def networks_for_sampling(self) -> dict[str, nn.Module]:
        return {"coder_a": self.coder_a, "coder_b": self.coder_b}

    def told(self, n: int, labels: Labels = None, style: Pictures = None) -> Inputs:
        return super().told(n, labels) | self._styles(n, style, "coder_b")

    def back(self, images: Pictures, style: Pictures = None, seed: int = 0, batch_size: int = PASS,
             tile: int | None = None) -> Tensor:
        """Makes pictures of the first domain from those of the second; otherwise as ``translate``."""
        target = as_tensor(images, self.data.channels)
        drawn = {"normal": standard_normals(len(target), self.noise_size, seed)}
        normal = (drawn | self._styles(len(target), style, "coder_a"))["normal"]
        return self._of_any_size(target.expand(len(normal), -1, -1, -1),
                                 lambda target: self.respond(batch_size, target=target, normal=normal), tile)

    @torch.no_grad()
    def _styles(self, n: int, pictures: Pictures, coder: str) -> Inputs:
        """The styles that pictures have, for n others, as inputs; nothing without pictures.

        Raises:
            UsageError: other than one, or one each.
        """
        if pictures is None:
            return {}
        x, side = as_tensor(pictures, self.data.channels), self.data.image_size
        if len(x) not in (1, n) and n != 1:
            raise UsageError(f"{len(x)} pictures whose style is to be taken, for {n} pictures: give one, or one each")
        x = F.interpolate(x, (side, side), mode="bicubic", antialias=True).clamp(0, 1)
        with self.answering():
            styles = torch.cat([getattr(self, coder).style(self.placed(self.data.from_unit(part))).cpu()
                                for part in x.split(PASS)])  # with averaged weights, which now stand there
        return {"normal": styles.expand(max(n, len(x)), -1)}

    def telling(self) -> tuple[Control, ...]:
        return (Control("style", "style (without a picture it is drawn)", "picture"),)

    def told_by(self, values: Values) -> dict[str, Any]:
        style = values["style"]
        return super().told_by(values) if style is None else {"style": style}

    # ---- the contract of a task -------------------------------------------------------------------------------

    def answer(self, source: Tensor | None = None, normal: Tensor | None = None,
               target: Tensor | None = None) -> Tensor:
        """Of a source what it is in the second domain, of a target what it is in the first; without normals in the
        style that is the mean of all."""
        here, there = (self.coder_a, self.coder_b) if target is None else (self.coder_b, self.coder_a)
        given = source if target is None else target
        assert given is not None  # one of the two is asked for
        style = given.new_zeros(len(given), self.noise_size) if normal is None else normal
        return self.data.to_unit(there.decode(here.content(self.data.from_unit(given)), style))

    def sheet(self, examples: Domains | None = None) -> "Image.Image":
        """A row an example: what is given, then its content in the styles of pictures, which stand above, and in styles
        that are drawn; without examples in those alone."""
        source = self.inputs(SHOWN, 0, examples)["source"]
        blank = torch.ones_like(source[:1])
        top, styles = [blank], [standard_normals(1, self.noise_size, seed) for seed in range(DRAWN)]
        if examples is not None:
            truth = self.truth(self.prepare(examples)).cpu()
            # Not those of the same rows: what belongs together in the data, if anything does, is not to meet here.
            pictures = truth[(torch.arange(SHOWN) + len(truth) // 2) % len(truth)]
            top += pictures.split(1)
            styles = [*self._styles(SHOWN, pictures, "coder_b")["normal"].split(1), *styles]
        top += [blank] * DRAWN
        made = [self.respond(source=source, normal=style.expand(SHOWN, -1)) for style in styles]
        rows = torch.stack([source, *made], 1).flatten(0, 1)
        return grid(self._shown(torch.cat([*top, rows])), len(top))

    @property
    def sheet_row(self) -> int:
        """Of the first, with the styles above it."""
        return 2 * (self.data.image_size + 2)

    def views(self) -> list[View]:
        first, second = self.data.domains
        return [*super().views(), picture_view(self, "back", f"{second} to {first}", (*self.telling(), SEED),
                                               told=self.told_by)]

    def captions(self) -> dict[str, tuple[str, str]]:
        first, second = self.data.domains
        return {"samples.png": ("examples", "Examples that were held out of training where the data have such, not "
                                f"picked. On the left pictures of {first}; in each row what the model makes of it in "
                                f"{second}: in the style of the picture that stands above, and in the last {DRAWN} "
                                f"columns in styles that were drawn, `seed=0` to {DRAWN - 1}.")}

    def usage(self, name: str) -> str:
        first, second = self.data.domains
        return (f'model = zoo.load("{name}")\n'
                f'image = model.translate("picture.png", style="other.png")  # {first} -> {second}, in the style of '
                f'another {second}: (1, {self.data.channels}, H, W) in [0, 1]\n'
                f'others = model.translate("picture.png", seed=1)  # in a style that follows from the seed\n'
                f'again = model.back(image, style="picture.png")  # {second} -> {first}')

    @property
    def measures(self) -> tuple[str, ...]:
        return ("style", *super().measures)
