"""The OpenAPI document is valid, and says what runs."""

import json
from unittest.mock import Mock

import jsonschema
import pytest

from gateway.api.application import API_PREFIX, api_operations
from gateway.api.openapi import openapi_document


@pytest.fixture(scope="module")
def document() -> dict:
    """As it is served."""
    return json.loads(json.dumps(openapi_document(api_operations(Mock(), Mock()), API_PREFIX, "0.1.0")))


def test_every_schema_is_a_valid_json_schema(document: dict) -> None:
    """OpenAPI 3.1 takes JSON Schema 2020-12 as it is."""
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere(document: dict) -> None:
    """No schema is missing."""
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    used = set(references(document))

    assert used <= known


def test_the_shape_is_that_of_openapi_3_1(document: dict) -> None:
    """The required members of the specification, at every operation."""
    assert document["openapi"].startswith("3.1.")
    assert {"title", "version"} <= document["info"].keys()
    names = []
    for path, item in document["paths"].items():
        assert path.startswith("/api/v1/")
        for method, operation in item.items():
            assert method in {"get", "post", "put", "delete"}
            names.append(operation["operationId"])
            assert all(answer["description"] for answer in operation["responses"].values())
            in_path = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
            assert in_path == {part.strip("{}") for part in path.split("/") if part.startswith("{")}
    assert len(names) == len(set(names))


def test_the_surface_is_all_there(document: dict) -> None:
    """Others script against these paths."""
    assert set(document["paths"]) == {
        "/api/v1/deliveries/lease",
        "/api/v1/deliveries/{id}/documents",
        "/api/v1/deliveries/{id}/ack",
        "/api/v1/deliveries/{id}/nack",
        "/api/v1/deliveries/{id}/extend",
        "/api/v1/documents/{id}",
        "/api/v1/instances/{id}",
    }


def references(node: object) -> list[str]:
    """Every `$ref` below a node."""
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    if isinstance(node, list):
        return [found for value in node for found in references(value)]
    return []
