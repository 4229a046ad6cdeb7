"""Finds the most specific markup rule for a product without trying every rule."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from catalog.models import MarkupRule

if TYPE_CHECKING:
    from catalog.services.resolution import Sold

# service, country, provider, kind: earlier ones weigh more.
Condition = tuple[int | None, int | None, str | None, str | None]
Named = tuple[bool, bool, bool, bool]


class Markup:
    """The rules in force of one price list; see MarkupRule for which one wins."""

    def __init__(self, rules: Iterable[MarkupRule]) -> None:
        self._rules: dict[Condition, MarkupRule] = {}
        # Ascending, so that of two rules with the same conditions the later one stays.
        for rule in sorted(rules, key=lambda rule: (rule.effective_from, rule.pk)):
            self._rules[_condition(rule)] = rule
        named = {_named(condition) for condition in self._rules}
        self._most_specific_first = sorted(named, reverse=True)

    def rule_for(self, offer: "Sold") -> MarkupRule | None:
        """At most 16 look-ups, however many rules there are."""
        facts = (offer.service_id, offer.country_id, offer.provider, offer.kind)
        for named in self._most_specific_first:
            service, country, provider, kind = (
                fact if is_named else None for fact, is_named in zip(facts, named, strict=True)
            )
            condition = (service, country, provider, kind)
            # A fact the product lacks would look like a condition the rule leaves open.
            if condition in self._rules and _named(condition) == named:
                return self._rules[condition]
        return None


def _condition(rule: MarkupRule) -> Condition:
    return (rule.service_id, rule.country_id, rule.provider or None, rule.kind or None)


def _named(condition: Condition) -> Named:
    service, country, provider, kind = condition
    return (service is not None, country is not None, provider is not None, kind is not None)
