"""Tables of what there is, as Markdown."""

from zoo.catalogue import BUNDLED, pretrained
from zoo.registry import variants


def variants_table() -> str:
    """Every variant with its kind and paper."""
    lines = ["| variant | what it is | kind | paper |", "|---|---|---|---|"]
    lines += [f"| `{v.name}` | {v.title} | {v.kind} | [{v.year}]({v.paper}) |" for v in variants()]
    return "\n".join(lines)


def pretrained_table() -> str:
    """Every model that can be loaded by name, with its card."""
    lines = ["| name | variant | data | pixels | parameters | size | measured | where |", f"|{'---|' * 8}"]
    for m in pretrained():
        card = f"model_cards/{m.name}.md" if m.where == BUNDLED else f"https://huggingface.co/{m.where}"
        lines.append(f"| [`{m.name}`]({card}) | {m.variant} | {m.data} | {m.image_size} | {m.parameters:,} | "
                     f"{m.bytes / 2**20:.1f} MiB | {m.headline} | {m.where} |")
    return "\n".join(lines)
