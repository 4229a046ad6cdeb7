"""What every HTTP contract shares: strict parsing, exact numbers, one error path."""

from config.api.parsing import AlwaysJSON, Malformed, StrictFormParser, StrictJSONParser, parse_json
from config.api.rendering import ExactJSONRenderer, dumps, plain

# Before the views: DRF's APIView loads the classes above by name while it is imported.
from config.api.problems import NATIVE, Contract, Problem, contract_of, problem_of, render_native  # isort: skip
from config.api.fields import Moment, MoneyField, NewestFirst, Text, Whole, filtered  # isort: skip
from config.api.views import BaseView, route  # isort: skip

__all__ = [
    "NATIVE",
    "AlwaysJSON",
    "BaseView",
    "Contract",
    "ExactJSONRenderer",
    "Malformed",
    "Moment",
    "MoneyField",
    "NewestFirst",
    "Problem",
    "StrictFormParser",
    "StrictJSONParser",
    "Text",
    "Whole",
    "contract_of",
    "dumps",
    "filtered",
    "parse_json",
    "plain",
    "problem_of",
    "render_native",
    "route",
]
