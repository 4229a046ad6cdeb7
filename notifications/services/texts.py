"""The texts of templates: placeholders, and putting values in their place."""

import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\{\{([1-9][0-9]?)\}\}")
LEFT_OVER = re.compile(r"\{\{|\}\}")
LONGEST_BODY = 1024
# Meta refuses line breaks, tabs and more than four spaces in a row inside a value.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]| {5,}")


def placeholders(body: str) -> list[str]:
    """The placeholders of a body, each once, in counting order: ["1", "2"]."""
    return sorted(set(PLACEHOLDER.findall(body)), key=int)


def faults_of_body(body: str) -> list[str]:
    """Why a body cannot be a template's; empty where it can."""
    if not body.strip() or len(body) > LONGEST_BODY:
        return [f"A body has 1 to {LONGEST_BODY} characters."]
    if LEFT_OVER.search(PLACEHOLDER.sub("", body)):
        return ["Placeholders are written {{1}}, {{2}} and so on."]
    names = placeholders(body)
    if names != [str(number) for number in range(1, len(names) + 1)]:
        return ["Placeholders are numbered from {{1}} without a gap."]
    return []


def faults_of_values(body: str, values: Mapping[str, str]) -> dict[str, list[str]]:
    """What is wrong with the values for a body, by placeholder. Values for other placeholders are ignored."""
    faults: dict[str, list[str]] = {}
    for name in placeholders(body):
        if not values.get(name, "").strip():
            faults[name] = [f"The template needs a value for {{{{{name}}}}}."]
        elif UNPRINTABLE.search(values[name]):
            faults[name] = ["A value may hold no line break, no tab and no more than four spaces in a row."]
    return faults


def render(body: str, values: Mapping[str, str]) -> str:
    """The body with its values, in one literal pass: a value that holds {{2}} is shown as it is."""
    return PLACEHOLDER.sub(lambda found: values[found[1]], body)
