"""What can be said of the pictures of a class."""

from itertools import permutations

MOST = 64  # captions of a picture: of a class in many parts there are too many orders


def said_of(class_name: str, subject: str) -> list[str]:
    """What can be said of the pictures of a class, the fullest first.

        >>> said_of("pink hair, blue eyes", "a girl")[:3]
        ['a girl with pink hair and blue eyes', 'a girl with blue eyes and pink hair', 'pink hair and blue eyes']
    """
    parts = class_name.split(", ")
    if len(parts) == 1:
        one = f"{'an' if class_name[:1].lower() in 'aeiou' else 'a'} {class_name}"
        return [one, class_name, f"a picture of {one}"]
    orders = list(permutations(parts))
    templates = [f"{subject} with {{}}", "{}", f"{subject} who has {{}}", f"a picture of {subject} with {{}}"]
    whole = [template.format(_and(order)) for template in templates for order in orders]
    return [*whole[:MOST], *(f"{subject} with {part}" for part in parts), *parts]


def _and(parts: tuple[str, ...]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
