"""Cards: Markdown rendered from a model's files, with no number but those in them."""

import inspect
from pathlib import Path
from typing import Any

from zoo.files import atomic, write_json
from zoo.folder import read_config, read_metrics
from zoo.metrics.classifier import PRETRAINED, describe
from zoo.registry import variant_class, variants

HUB_DATA = {  # data set -> licence of the Hub's list, name on the Hub
    "digits": ("cc-by-4.0", None),
    "mnist": ("cc-by-sa-3.0", "ylecun/mnist"),
    "fashion-mnist": ("mit", "zalando-datasets/fashion_mnist"),
    "cifar10": ("other", "uoft-cs/cifar10"),
}


def render_card(folder: Path, name: str | None = None, pictures: str = "") -> str:
    """A model's card.

    Args:
        folder: a model folder.
        name: under which ``zoo.load`` finds it; default: the folder.
        pictures: what the names of its pictures begin with.

    Raises:
        UsageError: its config.json or metrics.json is malformed.
    """
    config, metrics = read_config(folder), read_metrics(folder)
    variant = next(v for v in variants() if v.name == config["variant"])
    cls, data = variant_class(variant.name), config["data"]
    name = name or str(folder)
    labels = f", labels={data['class_names'][0]!r}" if cls.conditional else ""
    what = (inspect.getdoc(inspect.getmodule(cls)) or "").split("\n\n")[0]  # its file's first words
    memorised = f"""
![samples and their nearest training images]({pictures}memorisation.png)

Left: samples; right of each: the training images nearest to it.
""" if (folder / "memorisation.png").exists() else ""
    return f"""---
{_metadata(name, config, metrics)}
---

# {variant.title} on {data["name"]}

![samples from fixed latents, not picked]({pictures}samples.png)

{" ".join(what.split())}

```python
import zoo

images = zoo.load("{name}").sample(16{labels}, seed=0)  # (16, {data["channels"]}, {data["image_size"]}, \
{data["image_size"]}) in [0, 1]
```

## Training

{_training(config)}
## Numbers

Lower is better for distances (`fid`, `fd`, `kid`) and `class_kl`, higher for the others; `/floor`, `/held-out` and
`/real` are what real images get, `/std` is a spread. `fd` and `kid` in other features than InceptionV3's say nothing
about FID.

{_numbers(metrics)}
{memorised}
## Limits

It knows {data["image_size"]} px images of the kind of {data["name"]} and nothing else, with the biases of that set.
{"Classes: " + "; ".join(data["class_names"]) + "." if cls.conditional else "It takes no labels."} Weights in \
`model.safetensors`
are {"averaged over training" if config["config"].get("ema_halflife") else "those of the last step"}; the paper's \
architecture and budget were not necessarily used: what was, is above and in
`config.json`.
"""


def _training(config: dict[str, Any]) -> str:
    training, data = config.get("training"), config["data"]
    lines = [f"Data: {data['provenance'] or data['name']}" + (f", {data['images']:,} images." if data.get("images")
                                                             else ".")]
    if training:
        lines += [f"Budget: {config['images_seen']:,} images seen in batches of {training['batch_size']}, seed "
                  f"{training['seed']}, on {config.get('hardware', 'hardware that was not noted')}.", "",
                  "```", config["command"], "```"]
    return "\n".join(lines) + "\n"


def _numbers(metrics: dict[str, dict[str, Any]]) -> str:
    """A table of values, and the protocols that they refer to by number."""
    protocols = list(dict.fromkeys(metric["protocol"] for metric in metrics.values()))
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
    text = render_card(folder, name)
    with atomic(folder / "README.md") as partial:
        partial.write_text(text)


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
