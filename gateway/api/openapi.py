"""The OpenAPI 3.1 document, made from the operations and their pydantic models.

Owns the document's form. Must not know what an operation does.
"""

import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.api.operations import Operation
from gateway.api.problem import PROBLEM_TYPE, Problem

_REFERENCE = "#/components/schemas/{model}"


def openapi_document(operations: tuple[Operation, ...], prefix: str, version: str) -> dict[str, Any]:
    """The whole document, ready for JSON. `prefix` stands before the paths of the operations."""
    models = _models(operations)
    names, schemas = models_json_schema(
        [(model, "serialization" if _is_answer(operations, model) else "validation") for model in models],
        ref_template=_REFERENCE,
    )
    references: dict[Any, Any] = {model: reference for (model, _mode), reference in names.items()}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(prefix + operation.path, {})[operation.method.lower()] = _operation(operation, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Gateway: downstream API",
            "version": version,
            "description": "Canonical documents for downstream applications: lease, read, acknowledge.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _models(operations: tuple[Operation, ...]) -> tuple[type[BaseModel], ...]:
    used: dict[type[BaseModel], None] = {Problem: None}
    for operation in operations:
        for model in (operation.body, operation.answer):
            if model is not None:
                used[model] = None
    return tuple(used)


def _is_answer(operations: tuple[Operation, ...], model: type[BaseModel]) -> bool:
    return model is Problem or any(operation.answer is model for operation in operations)


def _operation(operation: Operation, references: dict[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {str(operation.status): _answer(operation, references)},
    }
    for status, reason in {401: "No valid token.", **operation.problems}.items():
        described["responses"][str(status)] = {
            "description": reason,
            "content": {PROBLEM_TYPE: {"schema": references[Problem]}},
        }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)", operation.path)
    ]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": references[operation.body]}},
        }
    return described


def _answer(operation: Operation, references: dict[Any, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": operation.summary}
    if operation.answer is not None:
        answer["content"] = {operation.answer_type: {"schema": references[operation.answer]}}
    elif operation.status != 204:
        answer["content"] = {operation.answer_type: {"schema": {"type": "string"}}}
    return answer
