"""The published OpenAPI document, held against what the product really answers."""

import json
import re
from http import HTTPStatus
from typing import Any

import requests
import yaml
from jsonschema import Draft4Validator

DOCUMENTED = "/api/developer"


class Document:
    """What `GET /api/schema` promises."""

    def __init__(self, url: str) -> None:
        told = requests.get(f"{url}/api/schema", timeout=60)
        assert told.status_code == HTTPStatus.OK, told.text[:300]
        # The loader in C reads in a tenth of a second what takes the other one seconds.
        self.document = _with_nulls(yaml.load(told.content, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        self.validators: dict[int, Draft4Validator] = {}
        self.operations = [
            (method.upper(), re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "/?"), operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        ]

    def check(self, method: str, path: str, response: requests.Response) -> None:
        """Nothing is answered that the document does not tell of; what is no operation of it may be anything."""
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return
        for described, pattern, operation in self.operations:
            if described == method and pattern.fullmatch(path.partition("?")[0]):
                self._check(f"{method} {path}", operation, response)

    def _check(self, what: str, operation: dict[str, Any], response: requests.Response) -> None:
        told = operation["responses"].get(str(response.status_code))
        assert told is not None, f"{what} answers {response.status_code}, which the document does not tell of"
        if "$ref" in told:
            told = self.document["components"]["responses"][told["$ref"].rpartition("/")[2]]
        if not response.content:
            assert "content" not in told, f"{what} answers {response.status_code} without a body"
            return
        errors = self._validator(told["content"]["application/json"]["schema"]).iter_errors(
            json.loads(response.content)
        )
        faults = [f"{what}: {fault.json_path}: {fault.message}" for fault in errors]
        assert not faults, faults

    def _validator(self, schema: dict[str, Any]) -> Draft4Validator:
        """Made once for each of the document's schemas."""
        if id(schema) not in self.validators:
            self.validators[id(schema)] = Draft4Validator({"components": self.document["components"]} | schema)
        return self.validators[id(schema)]


def _with_nulls(schema: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema has a type for it."""
    if isinstance(schema, list):
        return [_with_nulls(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {name: _with_nulls(value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [converted, {"type": "null"}]} if schema.get("nullable") is True else converted
