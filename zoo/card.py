"""Texts rendered from data: the card of a model folder, with no number but those in its files; the variants' table."""

import inspect
from pathlib import Path
from typing import Any

from zoo.files import atomic, write_json
from zoo.folder import read_config, read_metrics
from zoo.metrics.classifier import PRETRAINED, describe
from zoo.registry import variant_class, variants


def render_card(folder: Path) -> str:
    """Markdown for README.md, from config.json and metrics.json."""
    config = read_config(folder)
    metrics = read_metrics(folder)
    variant = next(v for v in variants() if v.name == config["variant"])
    data, training = config["data"], config["training"]
    cls = variant_class(variant.name)
    labels = ", labels=0" if cls.conditional else ""
    what = " ".join((inspect.getdoc(inspect.getmodule(cls)) or "").split("\n\n")[0].split())  # its file's first words
    rows = "\n".join(f"| {name} | {metric['value']:.4g} | {metric['protocol']} |" for name, metric in metrics.items())
    return f"""---
library_name: zoo
pipeline_tag: unconditional-image-generation
---
# {variant.title} on {data["name"]}

![samples](samples.png)

{variant.title} ({variant.year}, {variant.paper}), {data["channels"]} x {data["image_size"]} x {data["image_size"]}.

{what}

```python
import zoo
images = zoo.load("{folder}").sample(16{labels}, seed=0)
```

Training data: {data["provenance"]}, {data["images"]:,} images.
Budget: {config["images_seen"]:,} images seen in batches of {training["batch_size"]}, seed {training["seed"]}.

```
{config["command"]}
```

| measure | value | protocol |
|---|---|---|
{rows}
"""


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


def write_metrics(folder: Path, metrics: dict[str, dict[str, Any]]) -> None:
    """Enters numbers into a folder's metrics.json, in place of those of the same name, and renders its card again."""
    write_json(folder / "metrics.json", read_metrics(folder) | metrics)
    with atomic(folder / "README.md") as partial:
        partial.write_text(render_card(folder))


def variants_table() -> str:
    """Markdown: every variant with its kind and paper."""
    lines = ["| variant | what it is | kind | paper |", "|---|---|---|---|"]
    lines += [f"| `{v.name}` | {v.title} | {v.kind} | [{v.year}]({v.paper}) |" for v in variants()]
    return "\n".join(lines)
