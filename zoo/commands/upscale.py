"""Makes pictures larger with a trained model, and says how near they come to the true ones.

    zoo upscale srgan-anime small.png folder/of/pictures --out large
    zoo upscale srgan-anime small/ --reference true/ --out large
    zoo upscale srgan-anime true/ --shrink --out large
"""

from pathlib import Path

import torch
from torch import Tensor

from zoo.commands.pictures import jobs_of, loaded, named_alike, parser_of
from zoo.core.errors import UsageError
from zoo.data.derived import shrink
from zoo.data.pictures import as_tensor, bicubic
from zoo.metrics.luma import Fidelity, fidelity
from zoo.tasks.translator import Translator


def main(arguments: list[str]) -> int:
    parser = parser_of("Make pictures larger with a trained model: PNG files of the same names.")
    parser.add_argument("--reference", metavar="DIR", help="folder of the true large pictures, under the same names: "
                        "PSNR and SSIM are printed, of luma and without a border as wide as the factor, beside those "
                        "of bicubic interpolation")
    parser.add_argument("--shrink", action="store_true", help="the pictures are the true large ones: they are made "
                        "smaller first, bicubic and of 8 bits, as for the field's tables")
    options = parser.parse_args(arguments)
    model = loaded(options, "upscale", "makes no pictures larger")
    if options.reference and options.shrink:
        raise UsageError("with --shrink the pictures are the true ones themselves: leave --reference away")
    true = _References(model, None if options.shrink else Path(options.reference).expanduser()) \
        if options.reference or options.shrink else None
    failed = jobs_of(options).run(lambda given: model.bands(given, tile=options.tile), model,
                                  true.made_small if true and options.shrink else None, true.compare if true else None)
    if true and true.found:
        print(true.table())
    return 1 if failed else 0


class _References:
    """The true pictures, in a folder, or None: those that are given."""

    def __init__(self, model: Translator, folder: Path | None) -> None:
        if folder is not None and not folder.is_dir():
            raise UsageError(f"there is no folder {folder} of true pictures: --reference takes one")
        self.model, self.folder = model, folder
        self.found: dict[str, tuple[Fidelity, Fidelity]] = {}  # by name, of what was made and of the bicubic one

    def made_small(self, file: Path) -> Tensor:
        """The picture that a true one is made smaller to."""
        picture, factor = self.model.read(file), self.model.factor
        height, width = (length // factor * factor for length in picture.shape[2:])
        if not height or not width:
            raise UsageError(f"{file} is too small to be made smaller by {factor}")
        return shrink(2 * picture[:, :, :height, :width] - 1, factor) / 2 + 0.5

    def compare(self, file: Path, given: Tensor, made: Tensor) -> None:
        """Notes how far what was made is from the true picture, as is the bicubic one.

        Raises:
            UsageError: there is no true one, or of another size; up to the factor larger it is cut at right and bottom.
        """
        height, width = made.shape[2:]
        true = self.model.read(self._reference_of(file))
        if not (0 <= true.shape[2] - height < self.model.factor and 0 <= true.shape[3] - width < self.model.factor):
            raise UsageError(f"the true picture of {file} has {true.shape[3]}x{true.shape[2]} px, and {width}x{height} "
                             f"px are made of it: they cannot be compared")
        true = true[:, :, :height, :width]
        found = tuple(fidelity(x, true, self.model.factor)
                      for x in (as_tensor(made, made.shape[1]), bicubic(given, height, width)))
        self.found[file.name] = found[0], found[1]

    def _reference_of(self, file: Path) -> Path:
        return file if self.folder is None else named_alike(file, self.folder, "true picture of")

    def table(self) -> str:
        """A line a picture, and the means."""
        rows = {name: torch.stack([*ours, *theirs]).flatten().tolist() for name, (ours, theirs) in self.found.items()}
        if len(rows) > 1:
            rows["mean"] = torch.tensor(list(rows.values()), dtype=torch.float64).mean(0).tolist()
        wide = max(len("picture"), *map(len, rows))
        lines = [f"{'picture':{wide}}  psnr_y  ssim_y  bicubic psnr_y  ssim_y"]
        lines += [f"{name:{wide}}  {a:6.2f}  {b:6.4f}  {c:14.2f}  {d:6.4f}" for name, (a, b, c, d) in rows.items()]
        return "\n".join(lines)
