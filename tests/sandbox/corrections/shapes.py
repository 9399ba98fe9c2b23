"""Answers as they came over the wire, held against the output shapes of botocore's models.

botocore's own parsers pass over what they do not know; a tool in another language does not. So an
answer is looked at before it is parsed: a member that no model has, a wrong type, a word that no
enum has, ``null``, and empty text, which AWS sends where a person may write it and nowhere else.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from xml.etree import ElementTree as ET

from botocore import parsers

_NUMBERS: Final = frozenset({"integer", "long", "float", "double"})
_BESIDE_THE_MODEL: Final = frozenset({"dualStackIPv6"})
"""Words that AWS sends and botocore's enums lack: "Access Amazon ECS features with account
settings" (Amazon ECS Developer Guide)."""
_XML: Final = frozenset({"query", "ec2", "rest-xml"})
_MAY_BE_EMPTY: Final = frozenset(
    {
        # What a person wrote comes back as it was written.
        ("ecs", "KeyValuePair", "value"),
        ("ecs", "Tag", "value"),
        ("ecr", "Tag", "Value"),
        ("ssm", "Tag", "Value"),
        ("tagging", "Tag", "Value"),
        ("logs", "OutputLogEvent", "message"),
        # The API References' own examples send these empty: KMS, DescribeKey; Resource Groups
        # Tagging, GetResources; S3, ListObjectVersions; CloudFormation, DescribeStackEvents.
        ("kms", "KeyMetadata", "Description"),
        ("tagging", "GetResourcesOutput", "PaginationToken"),
        ("s3", "ListObjectVersionsOutput", "Prefix"),
        ("s3", "ListObjectVersionsOutput", "KeyMarker"),
        ("s3", "ListObjectVersionsOutput", "VersionIdMarker"),
        ("cloudformation", "StackEvent", "PhysicalResourceId"),
    }
)


@dataclass
class Answers:
    """The faults of every answer that a client got since it was watched.

    Attributes:
        seen: ``service.Operation`` of each that succeeded.
        faults: What is wrong with them, each once, in the order of the calls.
    """

    seen: set[str] = field(default_factory=set)
    faults: dict[str, None] = field(default_factory=dict)

    def watch(self, client: Any) -> Any:
        """Look at all that this client is answered; the client is handed back."""
        client.meta.events.register("before-parse.*", self._look)
        return client

    def _look(self, operation_model: Any, response_dict: Any, **_more: Any) -> None:
        if response_dict["status_code"] >= 300:  # not a success
            return
        service = operation_model.service_model.signing_name
        name = f"{service}.{operation_model.name}"
        self.seen.add(name)
        shape = operation_model.output_shape
        if shape is None or operation_model.has_streaming_output:
            return
        look = Look(service)
        for fault in look.answer(operation_model, response_dict):
            self.faults[f"{name}: {fault}"] = None


class Look:
    """One service's answers, by its protocol.

    Args:
        service: As requests are signed for it; exceptions are listed by it.
    """

    def __init__(self, service: str) -> None:
        self._service = service

    def answer(self, operation: Any, response: Any) -> Iterator[str]:
        """What is wrong with one answer."""
        protocol = operation.service_model.resolved_protocol
        shape, body = operation.output_shape, response["body"]
        if protocol == "rest-xml" and not body:
            return
        if protocol in _XML:
            yield from self._document(operation, ET.fromstring(body), protocol)  # noqa: S314
        elif protocol == "smithy-rpc-v2-cbor":
            content = parsers.RpcV2CBORParser().parse_data_item(io.BytesIO(body)) if body else {}
            yield from self._value(shape, content, "")
        else:
            yield from self._value(shape, json.loads(body or b"{}"), "")

    # -- JSON

    def _value(self, shape: Any, value: Any, path: str) -> Iterator[str]:
        kind = shape.type_name
        if value is None:
            yield f"{path} is null"
        elif kind == "structure":
            yield from self._structure(shape, value, path)
        elif kind == "list":
            if not isinstance(value, list):
                yield f"{path} is no list: {value!r}"
                return
            for item in value:
                yield from self._value(shape.member, item, f"{path}[]")
        elif kind == "map":
            if not isinstance(value, dict):
                yield f"{path} is no map: {value!r}"
                return
            for item in value.values():
                yield from self._value(shape.value, item, f"{path}{{}}")
        else:
            yield from self._scalar(shape, value, path)

    def _structure(self, shape: Any, value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{path} is no structure: {value!r}"
            return
        members = {
            member.serialization.get("name", name): (name, member)
            for name, member in shape.members.items()
        }
        for key, inner in value.items():
            place = f"{path}.{key}"
            if key not in members:
                yield f"{place} is not known"
                continue
            name, member = members[key]
            if inner == "" and (self._service, shape.name, name) in _MAY_BE_EMPTY:
                continue
            yield from self._value(member, inner, place)
        yield from (
            f"{path}.{name} is missing"
            for name in shape.required_members
            if shape.members[name].serialization.get("name", name) not in value
        )

    def _scalar(self, shape: Any, value: Any, path: str) -> Iterator[str]:
        kind = shape.type_name
        if kind == "string":
            fits = isinstance(value, str)
        elif kind == "boolean":
            fits = isinstance(value, bool)
        elif kind == "timestamp":
            fits = not isinstance(value, (bool, str))
        elif kind in _NUMBERS:
            whole = kind in {"integer", "long"}
            fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        else:
            fits = isinstance(value, (str, bytes))
        if not fits:
            yield f"{path} is no {kind}: {value!r}"
        elif kind == "string":
            yield from _text(shape, value, path)

    # -- XML

    def _document(self, operation: Any, root: ET.Element, protocol: str) -> Iterator[str]:
        shape = operation.output_shape
        if protocol == "query":
            wrapper = shape.serialization.get("resultWrapper")
            inner = _child(root, wrapper) if wrapper else root
            if inner is None:
                yield f"{wrapper} is missing"
                return
            extra = {_tag(child) for child in root} - {wrapper, "ResponseMetadata"}
            yield from (f".{name} is not known" for name in sorted(extra))
            yield from self._element(shape, inner, "", frozenset())
        elif protocol == "ec2":
            yield from self._element(shape, root, "", frozenset({"requestId"}))
        else:
            payload = shape.serialization.get("payload")
            yield from self._element(
                shape.members[payload] if payload else shape, root, "", frozenset()
            )

    def _element(
        self, shape: Any, element: ET.Element, path: str, besides: frozenset[str]
    ) -> Iterator[str]:
        kind = shape.type_name
        if kind == "structure":
            yield from self._elements(shape, element, path, besides)
        elif kind == "list":
            name = shape.member.serialization.get("name", "member")
            for child in element:
                if _tag(child) != name:
                    yield f"{path}.{_tag(child)} is not known"
                else:
                    yield from self._element(shape.member, child, f"{path}[]", frozenset())
        elif kind == "map":
            for entry in element:
                value = _child(entry, shape.value.serialization.get("name", "value"))
                if _tag(entry) != "entry" or value is None:
                    yield f"{path}.{_tag(entry)} is no entry"
                else:
                    yield from self._element(shape.value, value, f"{path}{{}}", frozenset())
        else:
            yield from _written(shape, element.text or "", path)

    def _elements(
        self, shape: Any, element: ET.Element, path: str, besides: frozenset[str]
    ) -> Iterator[str]:
        members = {
            _name(name, member): (name, member)
            for name, member in shape.members.items()
            if "location" not in member.serialization
        }
        present = set()
        for child in element:
            tag = _tag(child)
            place = f"{path}.{tag}"
            if tag in besides:
                continue
            if tag not in members:
                yield f"{place} is not known"
                continue
            present.add(tag)
            name, member = members[tag]
            if not (child.text or len(child)) and (
                (self._service, shape.name, name) in _MAY_BE_EMPTY
            ):
                continue
            flat = member.type_name == "list" and member.serialization.get("flattened")
            yield from self._element(member.member if flat else member, child, place, frozenset())
        yield from (
            f"{path}.{name} is missing"
            for name in shape.required_members
            if _name(name, shape.members[name]) not in present
            and "location" not in shape.members[name].serialization
        )


def _name(name: str, member: Any) -> str:
    """A member's tag; a flattened list's is its element's."""
    if member.type_name == "list" and member.serialization.get("flattened"):
        inner = member.member.serialization.get("name")
        if inner:
            return str(inner)
    return str(member.serialization.get("name", name))


def _text(shape: Any, value: str, path: str) -> Iterator[str]:
    words = getattr(shape, "enum", None)
    if value == "":
        yield f"{path} is empty"
    elif words and value not in words and value not in _BESIDE_THE_MODEL:
        yield f"{path} is {value!r}, which is no {shape.name}"


def _written(shape: Any, text: str, path: str) -> Iterator[str]:
    """What is wrong with a scalar as XML writes it."""
    kind = shape.type_name
    if kind == "string":
        yield from _text(shape, text, path)
    elif kind == "boolean":
        if text not in {"true", "false"}:
            yield f"{path} is no boolean: {text!r}"
    elif kind in _NUMBERS:
        try:
            float(text)
        except ValueError:
            yield f"{path} is no {kind}: {text!r}"
    elif not text:
        yield f"{path} is empty"


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _child(element: ET.Element, name: str) -> ET.Element | None:
    return next((child for child in element if _tag(child) == name), None)
