"""What a training run can be told besides the model's own options."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from zoo.core.config import Options, option
from zoo.core.errors import UsageError
from zoo.data.image_spec import MOST_HELD_OUT
from zoo.data.named import NAMES
from zoo.data.pair_spec import BETWEEN
from zoo.data.text_spec import MOST_PLACES
from zoo.store.layout import read_config

Accelerator = Literal["auto", "cpu", "gpu", "mps"]


@dataclass(frozen=True, kw_only=True)
class Training(Options):
    """Everything about a run that is not the model's own."""

    data: str = option("digits", "a data set (digits, mnist, fashion-mnist, cifar10, anime, flowers, ring, grid, "
                       "two-peaks, moons, spiral; with captions twemoji; of sentences oracle, grammar, captions, "
                       "yelp), a folder of images, shards (zoo shard) in a folder or at "
                       "s3://bucket/folder, a file of sentences, or hf:org/name", group="data")
    data_dir: str | None = option(None, "where named data sets are found or downloaded to (default: $ZOO_CACHE/data "
                                 "or ~/.cache/gan-zoo/data)", group="data")
    image_size: int = option(0, "pixels (0: the data set's own; 64 for a folder)", minimum=0, group="data")
    channels: int = option(0, "of a folder: 1 grey, 3 colour (0: as the files are)", minimum=0, maximum=3, group="data")
    pairs: Literal["files", "grey", "lab", "edges", "hole", "blocks", "turned", "half", "quarter", "eighth",
                   "frontal"] = option(
        "files", "for models that make pictures from pictures: pairs are files, or the source is made of any image "
        "(lab: grey, of which the lightness is kept; hole, blocks: to fill; turned: to one side, and half of it "
        "hidden; half, ...: smaller); frontal: classes are persons, each picture with the most symmetric of its "
        "person", group="data")
    reverse: bool = option(False, "of pairs in files: make the left from the right, or A from B", group="data")
    domains: str = option("", "for models of two sets that are not paired: two classes of the images, such as cat dog "
                          "or 'blonde hair' 'blue hair', also as one word with a comma between (default: the two that "
                          "there are, or folders trainA and trainB)", group="data", between=BETWEEN)
    tokens: Literal["words", "characters"] = option("words", "of sentences: what they are taken apart into",
                                                    group="data")
    length: int = option(0, "tokens of a sentence at most; longer ones are left out (0: as the longest, up to 64 words "
                         "or 256 characters)", minimum=0, maximum=MOST_PLACES, group="data")
    vocabulary: int = option(0, "the most frequent tokens that are kept; sentences with others are left out (0: all)",
                             minimum=0, group="data")
    held_out: float = option(0.0, "share of the pictures or sentences, with all copies of them, that "
                             "becomes the split test of a set that has none (0: none)", minimum=0,
                             maximum=MOST_HELD_OUT, group="data")
    held_out_captions: int = option(0, "for models that make what a caption says: combinations of classes in parts, "
                                    "such as 'pink hair, blue eyes', that are held out of training (0: none)",
                                    minimum=0, group="data")
    pictures: int = option(0, "so many pictures to learn from, with all copies of them, to see what few will do; those "
                           "to test with stay (0: all)", minimum=0, group="data")
    mirror: bool = option(False, "show every image left to right as well, as if there were twice as many", group="data")
    images: int = option(60_000, "budget: real images to see, such as 500k or 2M", minimum=1, group="training")
    batch_size: int = option(64, "images a step, over all processes", minimum=1, group="training")
    accumulate: int = option(1, "parts that a process takes its share of the batch in, to need less memory", minimum=1,
                             group="training")
    init_from: str | None = option(None, "a trained model that training begins with, as far as its networks fit: a "
                                   "run's folder, whose discriminator is taken too, a checkpoint, a name or org/name",
                                   group="training")
    seed: int = option(0, "of initial weights, latents and data order", minimum=0,
                       maximum=2**32 - 1, group="training")
    accelerator: Accelerator = option("auto", "kind of device", group="machine")
    devices: str = option("auto", "processes a machine, one a device (auto: all GPUs, or one CPU process)",
                          group="machine")
    num_nodes: int = option(1, "machines", minimum=1, group="machine")
    precision: Literal["32-true", "bf16-mixed", "64-true"] = option("32-true", "of the arithmetic", group="machine")
    compile: bool = option(False, "compile the networks with torch.compile, which takes a minute and pays on GPUs",
                           group="machine")
    log_every: int = option(3_200, "images between rows of metrics.csv", minimum=1, group="output")
    samples_every: int = option(20_000, "images between sample grids", minimum=1, group="output")
    checkpoint_every: int = option(50_000, "images between checkpoints", minimum=1, group="output")
    eval_every: int = option(0, "images between measurements of the Frechet distance and label agreement; the best "
                             "checkpoint is chosen by the distance (0: none)", minimum=0, group="evaluation")
    eval_features: str | None = option(None, "feature space: inception or a bundled classifier (default: the data "
                                       "set's own, else inception)", group="evaluation", needs="eval_every")
    eval_samples: int = option(10_000, "images to generate, and to compare with", minimum=50, group="evaluation",
                              needs="eval_every")
    eval_split: Literal["train", "val", "test"] = option(
        "train", "which of the data set's images to compare with (test: the best checkpoint is chosen by test images)",
        group="evaluation", needs="eval_every")

    # What a resumed run may change: the rest would make it another run.
    MAY_CHANGE = ("data", "data_dir", "images", "accelerator", "devices", "num_nodes", "precision", "accumulate",
                  "compile", "log_every", "samples_every", "checkpoint_every", "eval_every")

    SOURCE = ("data", "data_dir", "image_size", "channels", "pairs", "reverse", "domains", "held_out",
              "held_out_captions", "pictures", "tokens", "length", "vocabulary")

    def placed(self) -> "Training":
        """With whole paths in place of those that were typed, so that a run goes on from any working directory."""
        data = Path(self.data).expanduser()
        is_path = self.data not in NAMES and data.exists()
        first = Path(self.init_from).expanduser() if self.init_from else None
        return replace(self, data=str(data.resolve()) if is_path else self.data,
                       init_from=str(first.resolve()) if first and first.exists() else self.init_from,
                       data_dir=str(Path(self.data_dir).expanduser().resolve()) if self.data_dir else None)

    def source(self) -> dict[str, Any]:
        """The options by which ``zoo.data.sources.open_source`` opens the data."""
        return {name: getattr(self, name) for name in self.SOURCE}


def resumed(folder: str, variant: str | None, config: dict[str, Any], training: dict[str, Any]) -> tuple:
    """Variant, config and training of the run in ``folder``, with what may be changed changed.

    Raises:
        UsageError: for anything that would make it another run.
    """
    check_run_folder(folder)
    stored = read_config(Path(folder).expanduser())
    if "training" not in stored:
        raise UsageError(f"{folder} is a model without a run: there is nothing to resume")
    given = {"variant": variant} if variant else {}
    theirs = {"variant": stored["variant"]} | stored["config"] | stored["training"]
    fixed = given | config | {k: v for k, v in training.items() if k not in Training.MAY_CHANGE}
    if "data" in training and is_set(training["data"]) | is_set(stored["training"]["data"]):  # a set does not move
        fixed["data"] = training["data"]
    for name, value in fixed.items():
        if theirs.get(name) != value:
            raise UsageError(f"the run in {folder} has {name} {theirs.get(name)!r}, not {value!r}: start another run "
                             "with --out, or leave the option away")
    return stored["variant"], stored["config"], Training.from_dict(stored["training"] | training)


def is_set(data: str) -> bool:
    """Whether it names a data set, and not a folder."""
    return data in NAMES or data.startswith("hf:")


def check_run_folder(folder: str) -> None:
    """Raises UsageError for a file, or the folder of checkpoints, in place of a run's folder, with the one that is
    meant."""
    path = Path(folder).expanduser()
    if path.is_file() or (path.name == "checkpoints" and not (path / "config.json").exists()):
        meant = path.parent.parent if path.parent.name == "checkpoints" else path.parent
        raise UsageError(f"--resume takes the folder of a run, and {folder} is a part of one: --resume {meant}")
