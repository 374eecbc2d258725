"""Cards: Markdown rendered from a model's files, with no number but those in them."""

import inspect
from pathlib import Path
from typing import Any

from zoo.files import write_json, write_text
from zoo.folder import read_config, read_metrics
from zoo.hub import NOTES, PICTURES
from zoo.labels import heads_of
from zoo.metrics.classifier import PRETRAINED, describe
from zoo.recipes import read_recipe, recipes
from zoo.registry import variant_class, variants
from zoo.sampling import MOST_COLUMNS

CAPTIONS = {  # picture -> what it is in a word, and how it comes about
    "samples.png": ("samples", "Samples, not picked: in order `model.sample(1, seed=k)` for k = 0, 1, 2, ..."),
    "labels.png": ("classes", "Every combination of classes that the data have; row k has one latent, `seed=k`."),
    "codes.png": ("codes", "Codes moved, the rest of the latent fixed: the categories of a categorical code in turn; "
                           "a continuous code from -0.99 to 0.99."),
    "dimensions.png": ("latent dimensions", "Single dimensions of one latent moved from -3 to 3 standard deviations, "
                       "`zoo.traverse(model, D, rows=1, seed=0)`: for the top, the middle and the bottom third of the "
                       "image the three dimensions that change it most beside what they change elsewhere. Conditional "
                       "models with class 0, `labels=0`."),
    "interpolation.png": ("interpolation", "On great circles between random latents: "
                                           "`zoo.interpolate(model, 8, 8, seed=0)`, conditional models with class i in "
                                           "row i."),
    "progress.png": ("training progress", "The same latents after so many updates of the generator."),
    "memorisation.png": ("nearest training images", "Left: samples; right of each: the training images nearest to it."),
}
READING = """Lower is better for distances (`fid`, `fd`, `kid`) and `class_kl`, higher for the others; `/floor`, \
`/held-out` and `/real` are what real images get, `/std` is a spread. `fd` and `kid` in other features than \
InceptionV3's say nothing about FID."""
BY_CLASS = "Samples, not picked: a column a class, and in row k `seed=k`."
HUB_DATA = {  # data set -> licence of the Hub's list, name on the Hub
    "digits": ("cc-by-4.0", None),
    "mnist": ("cc-by-sa-3.0", "ylecun/mnist"),
    "fashion-mnist": ("mit", "zalando-datasets/fashion_mnist"),
    "cifar10": ("other", "uoft-cs/cifar10"),
}


def render_card(folder: Path, name: str | None = None, prefix: str = "") -> str:
    """A model's card.

    Args:
        folder: a model folder.
        name: under which ``zoo.load`` finds it; default: the folder.
        prefix: what the names of its pictures begin with.

    Raises:
        UsageError: its config.json or metrics.json is malformed.
    """
    config, metrics = read_config(folder), read_metrics(folder)
    variant = next(v for v in variants() if v.name == config["variant"])
    cls, data = variant_class(variant.name), config["data"]
    name = name or str(folder)
    first, *others = [_picture(picture, prefix, cls.conditional and len(data["class_names"]) <= MOST_COLUMNS)
                      for picture in PICTURES if (folder / picture).exists()] or [""]
    notes = (folder / NOTES).read_text().strip() if (folder / NOTES).exists() else ""
    sections = [
        f"---\n{_metadata(name, config, metrics)}\n---", f"# {variant.title} on {data['name']}", first,
        " ".join((inspect.getdoc(inspect.getmodule(cls)) or "").split("\n\n")[0].split()),  # its file's first words
        _example(name, cls.conditional, data),
        "## Training", _training(config, name), notes,
        "## Numbers", READING if metrics else "Nothing was measured yet.", _numbers(metrics),
        "## More pictures" if others else "", *others,
        "## Limits", _limits(config, cls.conditional)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _example(name: str, conditional: bool, data: dict[str, Any]) -> str:
    labels = f", labels={data['class_names'][0]!r}" if conditional else ""
    shape = f"(16, {data['channels']}, {data['image_size']}, {data['image_size']})"
    return f"""```python
import zoo

images = zoo.load("{name}").sample(16{labels}, seed=0)  # {shape} in [0, 1]
```"""


def _limits(config: dict[str, Any], conditional: bool) -> str:
    data = config["data"]
    classes = _classes(data["class_names"]) if conditional else "It takes no labels."
    weights = "averaged over training" if config["config"].get("ema_halflife") else "those of the last step"
    return f"""It knows {data["image_size"]} px images of the kind of {data["name"]} and nothing else, with the biases \
of that set. {classes} Weights in `model.safetensors` are {weights}; the paper's architecture and budget were not \
necessarily used: what was, is above and in `config.json`."""


def _classes(names: list[str]) -> str:
    heads = heads_of(names)
    if len(heads) == 1:
        return f"Classes: {'; '.join(names)}."
    return f"Classes: {len(names)} combinations of {' with '.join(', '.join(parts) for parts in heads.values())}."


def _picture(picture: str, prefix: str, by_class: bool) -> str:
    word, caption = CAPTIONS[picture]
    if picture == "samples.png" and by_class:
        caption = BY_CLASS
    return f"![{word}]({prefix}{picture})\n\n{caption}"


def _training(config: dict[str, Any], name: str) -> str:
    training, data = config.get("training"), config["data"]
    lines = [f"Data: {data['provenance'] or data['name']}" + (f", {data['images']:,} images." if data.get("images")
                                                             else ".")]
    if training:
        seen, budget = config["images_seen"], training.get("images", 0)
        part = f" of a budget of {budget:,}" if seen < budget else ""
        lines += [f"Weights after {seen:,} images seen{part}, in batches of {training['batch_size']}, seed "
                  f"{training['seed']}, on {config.get('hardware', 'hardware that was not noted')}.", "",
                  "```", config["command"], "```"]
    if name in recipes():
        recipe = read_recipe(name)["training"]
        lines += ["", f"`python scripts/train.py --recipe {name}` alone trains with the recipe's whole budget: "
                  f"{recipe['images']:,} images."]
    return "\n".join(lines)


def _numbers(metrics: dict[str, dict[str, Any]]) -> str:
    """A table of values, and the protocols that they refer to by number."""
    protocols = list(dict.fromkeys(metric["protocol"] for metric in metrics.values()))
    if not metrics:
        return ""
    lines = ["| measure | value | protocol |", "|---|---|---|"]
    lines += [f"| {name} | {metric['value']:.4g} | {1 + protocols.index(metric['protocol'])} |"
              for name, metric in metrics.items()]
    return "\n".join([*lines, "", *(f"{number}. {protocol}" for number, protocol in enumerate(protocols, 1))])


def _metadata(name: str, config: dict[str, Any], metrics: dict[str, dict[str, Any]]) -> str:
    """The Hub's front matter, https://huggingface.co/docs/hub/model-cards, with every number in a model index."""
    from huggingface_hub import EvalResult, ModelCardData

    data = config["data"]["name"]
    licence, dataset = HUB_DATA.get(data, ("other", None))
    results = [EvalResult(task_type="unconditional-image-generation", dataset_type=dataset or data, dataset_name=data,
                          metric_type=key, metric_name=key, metric_value=metric["value"],
                          metric_args={"protocol": metric["protocol"]}) for key, metric in metrics.items()]
    return ModelCardData(
        library_name="zoo", pipeline_tag="unconditional-image-generation", license=licence,
        datasets=[dataset] if dataset else None, tags=["gan-zoo", config["variant"]],
        model_name=name if results else None, eval_results=results or None).to_yaml()


def write_card(folder: Path, name: str | None = None) -> None:
    """Renders a folder's README.md."""
    write_text(folder / "README.md", render_card(folder, name))


def write_metrics(folder: Path, metrics: dict[str, dict[str, Any]]) -> None:
    """Enters numbers into a folder's metrics.json, in place of those of the same name, and renders its card again."""
    write_json(folder / "metrics.json", read_metrics(folder) | metrics)
    write_card(folder)


def render_classifier_card(name: str) -> str:
    """Markdown for a bundled classifier, from its NAME.json."""
    facts = describe(name)
    network = facts["network"]
    rows = "\n".join(f"| {head} | {len(network['heads'][head])} | {share:.2%} |"
                     for head, share in facts["accuracy"].items())
    size = (PRETRAINED / f"{name}.safetensors").stat().st_size
    return f"""# Features: {name}

A small residual network that tells the classes of {facts["data"]}. The zoo compares images of that kind in its last
hidden layer, {4 * network["width"]} numbers, where FID takes InceptionV3's: `--features {name}`. Numbers in it are
called `fd10k[{name}]` and so on, and say nothing about FID.

| tells | classes | right on held-out images |
|---|---|---|
{rows}

Held out: {facts["held_out"]}. Measured in half precision, as it is stored ({size:,} bytes).

Takes {network["channels"]} x {network["image_size"]} x {network["image_size"]}; images of another size are resampled.
Trained on: {facts["provenance"]}.

```
{facts["command"]}
```
"""
