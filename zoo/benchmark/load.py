"""``zoo.load`` and ``sample`` as a whole process, beside one that builds the same network by hand."""

import os
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from functools import partial

import zoo
from zoo.benchmark.by_hand import LATENT, SIZES
from zoo.benchmark.measure import Comparison, Measured, in_turns
from zoo.core.errors import UsageError
from zoo.store.layout import read_config
from zoo.store.loading import find

DEFAULT = "dcgan-anime"
PEAK = "from zoo.benchmark.processes import peak_bytes; print(peak_bytes())"


def measure(options: Namespace) -> Comparison:
    if options.model or DEFAULT in [entry.name for entry in zoo.pretrained()]:
        return _measure(options.model or DEFAULT, options.pairs)
    with tempfile.TemporaryDirectory() as folder:
        zoo.save(zoo.create("dcgan", image_size=64, channels=3, width=options.width), folder)
        return _measure(folder, options.pairs)


def _measure(model: str, pairs: int) -> Comparison:
    folder = find(model)
    description = read_config(folder)
    config, data = description["config"], description["data"]
    if (description["variant"], config.get("backbone"), config.get("latent_dim")) != ("dcgan", "dcgan", LATENT) or (
            data.get("image_size") not in SIZES):
        raise UsageError(f"the reference builds the generator of dcgan for {', '.join(map(str, SIZES))} pixels and "
                         f"{LATENT} latent dimensions, and {model} is another model")
    shape = (data["image_size"], data["channels"], config["width"])
    ours = f"import zoo; zoo.load({model!r}).sample(16)"
    reference = f"from zoo.benchmark.load_by_hand import main; main({str(folder / 'model.safetensors')!r}, *{shape})"
    return in_turns(partial(whole_process, ours), partial(whole_process, reference), pairs)


def whole_process(code: str) -> Measured:
    """Python from its start to its end."""
    before, start = os.times(), time.perf_counter()
    result = subprocess.run([sys.executable, "-c", f"{code}; {PEAK}"], stdout=subprocess.PIPE, text=True, check=True)
    seconds, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Measured(seconds, cpu, int(result.stdout))
