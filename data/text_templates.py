"""Reads the wordings of a dataset from a checkout of promptsource and renders examples with them, as promptsource does.

Nothing in a templates.yaml is trusted: its tags become plain dictionaries, and its Jinja runs in a sandbox, where an unknown name is an error.
"""

import hashlib

import jinja2
import jinja2.sandbox
import yaml
from files import Missing, require

LONGEST = 2048  # characters of one expression in a prompt; promptsource cuts what is longer at a word
SEPARATOR = "|||"  # between prompt and target, and between choices
PROTECTED = "3ed2dface8203c4c9dfb1a5dc58e41e0"  # stands for a separator that is in the data


class Loader(yaml.SafeLoader):
    """Plain values, lists and dictionaries; promptsource's two tags are dictionaries, any other is refused."""


for tag in ("!Template", "!TemplateMetadata"):
    Loader.add_constructor(tag, lambda loader, node: loader.construct_mapping(node, deep=True))


def most_frequent(items):
    """All that occur as often as the most frequent one, in the order of their first occurrence."""
    counts = {item: items.count(item) for item in items}
    return [item for item, count in counts.items() if count == max(counts.values())]


ENVIRONMENT = jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
ENVIRONMENT.globals["zip"] = zip
ENVIRONMENT.filters["choice"] = lambda items: items[0]  # promptsource draws one; the same bytes each time need a rule
ENVIRONMENT.filters["most_frequent"] = most_frequent


def parts(text):
    return [part.replace(PROTECTED, SEPARATOR).strip() for part in text.split(SEPARATOR)]


class Wording:
    """One template of a dataset: fields of an example -> prompt, target and choices."""

    def __init__(self, path, entry):
        self.place = f'{path}: template "{entry["name"]}"'
        cut = entry["jinja"].replace("}}", f" | string | truncate({LONGEST}) }}}}")
        self.example = self.compiled(cut)
        self.choices = None if entry["answer_choices"] is None else self.compiled(entry["answer_choices"])

    def compiled(self, text):
        try:
            return ENVIRONMENT.from_string(text)
        except (jinja2.TemplateError, RecursionError) as fault:
            raise Missing(f"{self.place}: {fault}") from None

    def apply(self, place, fields):
        """-> prompt, target, and the choices, or None where the answer is to be written. `place` says in a complaint which example it was."""
        protected = {name: value.replace(SEPARATOR, PROTECTED) if isinstance(value, str) else value for name, value in fields.items()}
        try:
            choices = None if self.choices is None else parts(self.choices.render(protected))
            rendered = parts(self.example.render(protected, answer_choices=choices))
        except Exception as fault:  # whatever a foreign program may raise
            raise Missing(f"{place}: {self.place}: {type(fault).__name__}: {fault}") from None
        if len(rendered) != 2:
            raise Missing(f"{place}: {self.place}: expected prompt {SEPARATOR} target, found {len(rendered)} parts")
        return *rendered, choices


def entries(path):
    """The templates in the order of the file, as dictionaries."""
    try:
        content = yaml.load(require(path).read_bytes(), Loader)
    except (yaml.YAMLError, RecursionError) as fault:
        raise Missing(f"{path}: not readable as promptsource's YAML: {' '.join(str(fault).split())}") from None
    found = content.get("templates") if isinstance(content, dict) else None
    if not isinstance(found, dict) or not found:
        raise Missing(f'{path}: expected a dictionary "templates", found {type(found).__name__}')
    for key, entry in found.items():
        entry = entry if isinstance(entry, dict) else {}
        metadata = entry.get("metadata")
        if not (isinstance(entry.get("name"), str) and isinstance(entry.get("jinja"), str) and isinstance(entry.get("answer_choices", 0), (str, type(None)))
                and isinstance(metadata, dict) and isinstance(metadata.get("metrics"), (list, type(None)))):
            raise Missing(f'{path}: template {key}: expected texts "name", "jinja" and "answer_choices", and "metadata" with a list "metrics"')
    return list(found.values())


def wordings(checkout, dataset, metric, without=()):
    """-> the file; those of the original task that are scored by `metric` alone, in its order; the first 16 digits of its SHA-256."""
    root = next((folder for folder in (checkout / "promptsource" / "templates", checkout / "templates") if folder.is_dir()), checkout)
    path = root / dataset / "templates.yaml"
    found = [Wording(path, entry) for entry in entries(path)
             if entry["metadata"].get("original_task") and entry["metadata"].get("metrics") == [metric] and entry["name"] not in without]
    if not found:
        raise Missing(f"{path}: no template of the original task that is scored by {metric} alone")
    return path, found, hashlib.sha256(path.read_bytes()).hexdigest()[:16]
