"""Cards: Markdown rendered from a model's files, with no number but those in them, nor a path of its maker's."""

import inspect
import re
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from zoo.cards.markdown import escape, fenced
from zoo.cards.tables import responses_table
from zoo.core.errors import UsageError
from zoo.core.files import read_text, write_text
from zoo.core.registry import variant_of
from zoo.data.spec import AnySpec, read_spec
from zoo.data.text_spec import TextSpec
from zoo.features.bundled import PRETRAINED, bundled, describe
from zoo.features.sentences import READERS, describe_reader
from zoo.metrics.measures import MEASURES, measures_behind
from zoo.store.layout import MEMORISATION, NOTES, PROGRESS, Metrics, read_config, read_metrics
from zoo.store.loading import untrained
from zoo.store.portable import places_of, portable, portable_metrics, without_places
from zoo.store.recipes import read_recipe, recipes
from zoo.tasks.task import Task

CAPTIONS = {  # of pictures that any task may have: what it is in a word, and how it comes about
    PROGRESS: ("training progress", "The same inputs after so many updates of the generator, or at the "
               "stages that are named."),
    MEMORISATION: ("nearest training images", "Left: samples; right of each: the training images nearest to it."),
}
EQUIVALENT = ("The command trains an equivalent model, not these bits: rounding differs with the number of threads, "
              "the processor and the versions of libraries.")
HUB_DATA = {  # data set -> licence of the Hub's list, name on the Hub
    "digits": ("cc-by-4.0", None),
    "mnist": ("cc-by-sa-3.0", "ylecun/mnist"),
    "fashion-mnist": ("mit", "zalando-datasets/fashion_mnist"),
    "cifar10": ("other", "uoft-cs/cifar10"),
}


def render_card(folder: Path, name: str | None = None, prefix: str = "", pictures_of_data: bool = True) -> str:
    """A model's card.

    Args:
        folder: a model folder.
        name: under which ``zoo.load`` finds it; default: the folder.
        prefix: what the names of its pictures begin with.
        pictures_of_data: whether to show pictures that the model was trained with.

    Raises:
        UsageError: its config.json or metrics.json is malformed, or a file is none.
    """
    try:
        return _rendered(folder, name or str(folder), prefix, pictures_of_data)
    except UsageError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, StopIteration, TypeError, ValueError) as error:
        raise UsageError(f"no card can be made of {folder}: its config.json or metrics.json lacks something or has it "
                         f"of a wrong type ({error!r})") from error


def _rendered(folder: Path, name: str, prefix: str, pictures_of_data: bool) -> str:
    written, model = read_config(folder), untrained(folder)
    config, metrics = portable(written), portable_metrics(read_metrics(folder), written)
    variant, captions, usage = variant_of(type(model)), captions_of(model), model.usage(name)
    metadata = _metadata(name, config, metrics, model)
    model.data = _escaped(read_spec(config["data"]))  # from here on it speaks Markdown
    first, *others = [f"{_shown(folder / file, captions[file][0], prefix)}\n\n{captions[file][1]}"
                      for file in pictures_in(folder, model, pictures_of_data)] or [""]
    sections = [
        f"---\n{metadata}\n---", f"# {variant.title} on {model.data.name}", first,
        " ".join((inspect.getdoc(inspect.getmodule(type(model))) or "").split("\n\n")[0].split()),  # its first words
        fenced(f"import zoo\n\n{usage}", "python"),
        "## Training", _training(config, model, name), _notes(folder, written),
        "## Numbers", _reading(model, metrics), _flattering(metrics, model.told_apart),
        _numbers(metrics),
        "## More pictures" if others else "", *others,
        "## Limits", f"{model.limits()} {_weights(config)}"]
    return "\n\n".join(section for section in sections if section) + "\n"


def _escaped(data: AnySpec | TextSpec) -> AnySpec | TextSpec:
    """A spec whose names mean nothing in Markdown."""
    return replace(data, name=escape(data.name), provenance=escape(data.provenance),
                   class_names=list(map(escape, data.class_names)))


def _notes(folder: Path, config: dict[str, Any]) -> str:
    """Its maker's own Markdown, without places."""
    path = folder / NOTES
    return without_places(read_text(path).strip(), places_of(config)) if path.exists() else ""


def _shown(path: Path, word: str, prefix: str) -> str:
    """A picture by its name, a text as it is."""
    if path.suffix == ".txt":
        return fenced(read_text(path).rstrip())
    return f"![{word}]({prefix}{path.name})"


def captions_of(model: Task) -> dict[str, tuple[str, str]]:
    """What a model's folder may hold to be shown -> its word and caption, in the order of the card."""
    return model.captions() | CAPTIONS


def pictures_in(folder: Path, model: Task, pictures_of_data: bool = True) -> list[str]:
    """The names of those that it holds, with or without those that show what it was trained with."""
    return [name for name in captions_of(model)
            if (folder / name).exists() and (pictures_of_data or name != MEMORISATION)]


def _weights(config: dict[str, Any]) -> str:
    weights = "averaged over training" if config["config"].get("ema_halflife") else "those of the last step"
    return (f"Weights in `model.safetensors` are {weights}; the paper's architecture and budget were not necessarily "
            "used: what was, is above and in `config.json`.")


def _training(config: dict[str, Any], model: Task, name: str) -> str:
    training, data, counted = config.get("training"), model.data, model.examples
    origin, count = data.provenance or data.name, f"{data.images:,} {counted}"
    lines = [f"Data: {origin}" + (f", {count}." if data.images and count not in origin else ".")]
    if training:
        seen, budget = config["images_seen"], training.get("images", 0)
        part = f" of a budget of {budget:,}" if seen < budget else ""
        machine = escape(config.get("hardware", "hardware that was not noted"))
        software = f", with {escape(config['software'])}" if "software" in config else ""
        lines += [f"Weights after {seen:,} {counted} seen{part}, in batches of {training['batch_size']:d}, seed "
                  f"{training['seed']:d}, on {machine}{software}. {EQUIVALENT}", "",
                  fenced(" ".join(config["command"].splitlines()))]
    if name in recipes():
        recipe = read_recipe(name)["training"]
        lines += ["", f"`zoo train --recipe {name}` alone trains with the recipe's whole budget: "
                  f"{recipe['images']:,} {counted}."]
    return "\n".join(lines)


def _reading(model: Task, metrics: Metrics) -> str:
    """How its numbers are to be read."""
    if not metrics:
        return "Nothing was measured yet."
    return " ".join(filter(None, [model.reading, *(MEASURES[name].reading for name in measures_behind(metrics))]))


def _flattering(metrics: Metrics, told_apart: list[str]) -> str:
    """Of features that were learnt from labels which the model knew in its training: that these say little of it."""
    taken = dict.fromkeys(name for key in metrics for name in re.findall(r"\[([\w-]+)]", key) if name in bundled())
    parts = {part for name in told_apart for part in (name, *name.split(", "))}
    shared = [name for name in taken if parts & {*chain(*describe(name)["network"].get("heads", {}).values())}]
    return (f"The features {' and '.join(map(escape, shared))} were learnt from labels that this model was trained "
            "with too: numbers in them may flatter it." if shared else "")


def _numbers(metrics: Metrics) -> str:
    """A table of values, and the protocols that they refer to by number."""
    protocols = list(dict.fromkeys(metric["protocol"] for metric in metrics.values()))
    if not metrics:
        return ""
    lines = ["| measure | value | protocol |", "|---|---|---|"]
    lines += [f"| {escape(name)} | {metric['value']:.4g} | {1 + protocols.index(metric['protocol'])} |"
              for name, metric in metrics.items()]
    return "\n".join([*lines, "", *(f"{number}. {escape(protocol)}" for number, protocol in enumerate(protocols, 1))])


def _metadata(name: str, config: dict[str, Any], metrics: Metrics, model: Task) -> str:
    """The Hub's front matter, https://huggingface.co/docs/hub/model-cards, with every number in a model index."""
    from huggingface_hub import EvalResult, ModelCardData

    data = model.data.name
    licence, dataset = HUB_DATA.get(data, ("other", None))
    results = [EvalResult(task_type=model.hub_tag, dataset_type=dataset or data, dataset_name=data,
                          metric_type=key, metric_name=key, metric_value=metric["value"],
                          metric_args={"protocol": metric["protocol"]}) for key, metric in metrics.items()]
    return ModelCardData(
        library_name="zoo", pipeline_tag=model.hub_tag, license=licence,
        datasets=[dataset] if dataset else None, tags=["gan-zoo", model.variant],
        model_name=name if results else None, eval_results=results or None).to_yaml()


def write_card(folder: Path, name: str | None = None, pictures_of_data: bool = True) -> None:
    """Renders a folder's README.md."""
    write_text(folder / "README.md", render_card(folder, name, pictures_of_data=pictures_of_data))


def render_features_card(name: str) -> str:
    """Markdown for a bundled network in whose features images are compared, from its NAME.json."""
    facts = describe(name)
    network = facts["network"]
    size = (PRETRAINED / f"{name}.safetensors").stat().st_size
    return f"""# Features: {name}

A small residual network that {_learnt(facts)} of {facts["data"]}. The zoo compares images of that kind in its last
hidden layer, {4 * network["width"]} numbers, where FID takes InceptionV3's: `--features {name}`. Numbers in it are
called `fd10k[{name}]` and so on, and say nothing about FID.

{_right(facts)}

Held out: {facts["held_out"]}. Measured in half precision, as it is stored ({size:,} bytes).

Takes {network["channels"]} x {network["image_size"]} x {network["image_size"]}; images of another size are resampled.
Trained on: {facts["provenance"]}.

```
{facts["command"]}
```
{_responses(facts)}"""


def render_reader_card(name: str) -> str:
    """Markdown for a bundled network in whose features sentences are compared, from its NAME.json."""
    facts = describe_reader(name)
    network, size = facts["network"], (READERS / f"{name}.safetensors").stat().st_size
    table = f"""
The Frechet distance of up to 2,000 sentences of {facts["for"]} to as many others, as they are and made worse in four
steps (`zoo features --data {facts["for"]} --try {name}`; the steps are in `zoo/metrics/reading.py`):

{responses_table(facts["responses"])}
""" if "responses" in facts else ""
    return f"""# Features: {name}

A language model in whose LSTM's mean state, {network["width"]} numbers, sentences of {facts["for"]} are compared. It
knows {len(network["known"].split()):,} words and reads over others. Numbers in it are called `text_fd10k[{name}]`, and
say nothing about FID. In half precision it takes {size:,} bytes.

Trained on other text: {facts["provenance"]}. {facts["images_seen"]:,} sentences seen.

```
{facts["command"]}
```
{table}"""


def _responses(facts: dict[str, Any]) -> str:
    """How the distance in these features answers to images that are made worse, if that was tried."""
    if "responses" not in facts:
        return ""
    return f"""
The Frechet distance of up to 2,000 held-out images to as many others, as they are and made worse in four steps
(`zoo features --data {facts["data"]} --try NAME`; the steps are in `zoo/metrics/responses.py`):

{responses_table(facts["responses"])}
"""


def _learnt(facts: dict[str, Any]) -> str:
    return "tells the classes" if "heads" in facts["network"] else "learnt to find views again, without labels,"


def _right(facts: dict[str, Any]) -> str:
    """How well a network does what it learnt, on images that it has not learnt from."""
    heads = facts["network"].get("heads")
    if heads is None:
        return (f"In a batch of {facts['batch_size']} held-out images it finds {facts['accuracy']['found']:.2%} of "
                "their second views.")
    return "\n".join(["| tells | classes | right on held-out images |", "|---|---|---|",
                      *(f"| {head} | {len(heads[head])} | {share:.2%} |"
                        for head, share in facts["accuracy"].items())])
