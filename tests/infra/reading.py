"""How the tests read a template."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Stack:
    """One synthesized template."""

    template: dict[str, Any]

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Resources of a type by logical id: ``of_type("Lambda::Function")``."""
        resources = self.template["Resources"]
        return {name: resource for name, resource in resources.items() if resource["Type"] == f"AWS::{kind}"}

    def properties(self, kind: str) -> list[dict[str, Any]]:
        """The properties of all resources of a type."""
        return [resource["Properties"] for resource in self.of_type(kind).values()]

    def only(self, kind: str) -> dict[str, Any]:
        """The one resource of a type."""
        (resource,) = self.of_type(kind).values()
        return resource


@dataclass(frozen=True, slots=True)
class Synthesized:
    """All variants, as files."""

    place: Path

    def stack(self, variant: str, name: str) -> Stack:
        """A stack of a variant by its name."""
        return Stack(json.loads((self.place / variant / f"{name}.template.json").read_text(encoding="utf-8")))

    def manifest(self, variant: str) -> dict[str, Any]:
        """The assembly's table of contents."""
        found: dict[str, Any] = json.loads((self.place / variant / "manifest.json").read_text(encoding="utf-8"))
        return found

    def read(self, name: str) -> str:
        """A file beside the assemblies."""
        return (self.place / name).read_text(encoding="utf-8")


def statements(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every statement of a role's or policy's documents, with lists where CloudFormation allows a single value."""
    properties = resource["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
    documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
    for document in documents:
        for statement in document["Statement"]:
            yield statement | {name: listed(statement[name]) for name in ("Action", "Resource") if name in statement}


def listed(value: Any) -> list[Any]:
    """A value as a list."""
    return value if isinstance(value, list) else [value]


def text(value: Any) -> str:
    """A value with its references spelled out: ``arn:aws:s3:::relais-dev-files-{AWS::AccountId}``."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return f"{{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{{{name}.{attribute}}}"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(text(part) for part in parts)
        case {"Fn::ImportValue": name}:
            return f"{{import {text(name)}}}"
        case _:
            return str(value)


def short(function: dict[str, Any]) -> str:
    """A function's short name: ``show-page``."""
    name: str = function["Properties"]["FunctionName"]
    return name.split("-", 2)[2]


def functions(stack: Stack) -> dict[str, dict[str, Any]]:
    """Functions by short name."""
    return {short(function): function for function in stack.of_type("Lambda::Function").values()}


def aliases(stack: Stack) -> dict[str, str]:
    """The short names of functions by the logical id of their alias."""
    resources = stack.template["Resources"]
    return {
        name: short(resources[alias["Properties"]["FunctionName"]["Ref"]])
        for name, alias in stack.of_type("Lambda::Alias").items()
    }


def called(stack: Stack, arn: dict[str, str]) -> str:
    """The short name of the function whose alias is referred to; fails where it is no alias."""
    return aliases(stack)[arn["Ref"]]


def role_of(stack: Stack, holder: dict[str, Any], name: str = "Role") -> dict[str, Any]:
    """The role that a resource runs with."""
    logical: str = holder["Properties"][name]["Fn::GetAtt"][0]
    role: dict[str, Any] = stack.template["Resources"][logical]
    return role
