"""Tables of what there is, as Markdown."""

from zoo.catalogue import pretrained
from zoo.registry import variants


def variants_table() -> str:
    """Every variant with its kind and paper."""
    lines = ["| variant | what it is | kind | paper |", "|---|---|---|---|"]
    lines += [f"| `{v.name}` | {v.title} | {v.kind} | [{v.year}]({v.paper}) |" for v in variants()]
    return "\n".join(lines)


def pretrained_table() -> str:
    """Every model that can be loaded by name."""
    lines = ["| name | variant | data | pixels | parameters | size | measured | where |", f"|{'---|' * 8}"]
    for m in pretrained():
        lines.append(f"| `{m.name}` | {m.variant} | {m.data} | {m.image_size} | {m.parameters:,} | "
                     f"{m.bytes / 2**20:.1f} MiB | {m.headline} | {m.where} |")
    return "\n".join(lines)
