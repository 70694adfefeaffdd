"""Checks a TOML document against a pydantic form, and turns pydantic's errors into faults with file and line.

Shared by settings and partners. Must not know what the forms mean.
"""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.definitions.positions import Fault, TomlDocument


class Form(BaseModel):
    """A table of a TOML file: no unknown keys, no change after reading, no guessing of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, allow_inf_nan=False)


FormType = TypeVar("FormType", bound=Form)


def read_form(form: type[FormType], document: TomlDocument) -> tuple[FormType | None, tuple[Fault, ...]]:
    """The filled form, or None and every fault; a missing key points to its table."""
    try:
        return form.model_validate(document.data), ()
    except ValidationError as error:
        return None, tuple(
            document.fault(tuple(details["loc"]), _sentence(details["type"], details["msg"]))
            for details in error.errors(include_url=False, include_input=False, include_context=False)
        )


def _sentence(kind: str, message: str) -> str:
    """In our words where pydantic's would puzzle an analyst."""
    match kind:
        case "extra_forbidden":
            return "is not a key that is known here"
        case "missing":
            return "is missing"
        case _:
            return message.removeprefix("Value error, ").replace("Input should be", "should be")
