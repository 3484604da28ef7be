"""What all typed clients share: reading, building calls, decoding logs; checked against the ABI."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar, TypeVar, cast

from eth_abi.abi import encode
from eth_abi.codec import ABIDecoder
from eth_abi.decoding import StringDecoder
from eth_abi.exceptions import DecodingError, EncodingError
from eth_abi.registry import BaseEquals, registry
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from cairn.chain._abi import Abi, load_abi
from cairn.chain._errors import AbiError
from cairn.chain._node import Node
from cairn.chain._types import Call, Log

_T = TypeVar("_T")


def _decoder() -> ABIDecoder:
    """A string may hold any bytes that its sender liked: what is no UTF-8 becomes lone surrogates
    (PEP 383), which `encode("utf-8", "surrogateescape")` turns back, instead of an error that one
    sender would cause for everybody who reads the logs.
    """
    own: Any = registry.copy()  # type: ignore[no-untyped-call]
    own.unregister_decoder("string")
    strings: Any = StringDecoder
    is_string: Any = BaseEquals
    own.register_decoder(
        is_string("string", with_sub=False),
        strings(handle_string_errors="surrogateescape"),
        label="string",
    )
    return ABIDecoder(own)


decode = _decoder().decode


def _types(parameters: list[dict[str, Any]]) -> list[str]:
    return [collapse_if_tuple(cast(Any, parameter)) for parameter in parameters]


def _signature(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(_types(entry['inputs']))})"


def _normalised(parameter: dict[str, Any], value: Any) -> Any:
    """Addresses with their checksum, structs as dicts by name, lists as tuples."""
    kind: str = parameter["type"]
    if kind.endswith("]"):
        inner = {**parameter, "type": kind[: kind.rindex("[")]}
        return tuple(_normalised(inner, one) for one in value)
    if kind == "tuple":
        return {
            component["name"]: _normalised(component, one)
            for component, one in zip(parameter["components"], value, strict=True)
        }
    if kind == "address":
        return str(to_checksum_address(value))
    return value


class Contract:
    """One deployed contract. Subclasses give names and types to what it can do.

    Structs and events are matched to dataclasses by field name: a contract may know more fields
    than we do, and an ABI that lacks one of ours raises `AbiError` instead of misreading.
    """

    NAME: ClassVar[str] = ""
    EVENTS: ClassVar[tuple[type[Any], ...]] = ()

    def __init__(self, node: Node, address: str, abi: Abi | None = None) -> None:
        self.node = node
        self.address = str(to_checksum_address(address))
        self._functions: dict[str, list[dict[str, Any]]] = {}
        self._events: dict[bytes, tuple[type[Any], dict[str, Any]]] = {}
        known = {event.__name__: event for event in self.EVENTS}
        for entry in abi if abi is not None else load_abi(self.NAME):
            if entry["type"] == "function":
                self._functions.setdefault(entry["name"], []).append(entry)
            elif entry["type"] == "event" and entry["name"] in known:
                topic = keccak(text=_signature(entry))
                self._events[topic] = (known[entry["name"]], entry)

    def topics(self, *events: type[Any]) -> list[bytes]:
        """The first topics of some of this contract's events; of all that we know if none given."""
        wanted = events or self.EVENTS
        found = [topic for topic, (event, _) in self._events.items() if event in wanted]
        if events and len(found) != len(events):
            names = ", ".join(event.__name__ for event in events)
            raise AbiError(f"{self.NAME} does not have all of the events {names}")
        return found

    def _function(self, name: str, n_args: int) -> dict[str, Any]:
        for entry in self._functions.get(name, ()):
            if len(entry["inputs"]) == n_args:
                return entry
        raise AbiError(
            f"{self.NAME or 'the contract'} has no function {name} of {n_args} arguments; "
            "the ABIs are of another release: run `make setup`"
        )

    def call(self, function: str, *args: Any, value: int = 0) -> Call:
        """The unsigned call of a function."""
        entry = self._function(function, len(args))
        label = f"{self.NAME}.{function}"
        try:
            data = keccak(text=_signature(entry))[:4] + encode(_types(entry["inputs"]), args)
        except EncodingError as error:
            raise AbiError(f"{label} does not take these arguments: {error}") from error
        return Call(self.address, data, value, label)

    def read_call(self, data: bytes) -> tuple[str, tuple[Any, ...]] | None:
        """The function and the arguments that a call's data says: structs as dicts, addresses with
        their checksum. None unless the data is exactly what these arguments encode to.
        """
        for name, entries in self._functions.items():
            for entry in entries:
                if data[:4] != keccak(text=_signature(entry))[:4]:
                    continue
                types = _types(entry["inputs"])
                try:
                    raw = decode(types, data[4:])
                    if data[4:] != encode(types, raw):
                        return None
                except (DecodingError, EncodingError, ValueError, OverflowError):
                    return None
                pairs = zip(entry["inputs"], raw, strict=True)
                return name, tuple(_normalised(parameter, one) for parameter, one in pairs)
        return None

    def read_all(self, function: str, *args: Any, sender: str | None = None) -> tuple[Any, ...]:
        """All values that a view returns. Raises `Reverted`, `NodeUnreachable`, `AbiError`."""
        entry = self._function(function, len(args))
        raw = self.node.read(self.call(function, *args), sender)
        try:
            values = decode(_types(entry["outputs"]), raw)
        except DecodingError as error:
            raise AbiError(
                f"{self.NAME}.{function} at {self.address} returned what cannot be decoded; "
                "is the deployment's file of this chain?"
            ) from error
        return tuple(
            _normalised(output, one) for output, one in zip(entry["outputs"], values, strict=True)
        )

    def read(self, function: str, *args: Any, sender: str | None = None) -> Any:
        """The one value that a view returns."""
        (value,) = self.read_all(function, *args, sender=sender)
        return value

    def _struct(self, cls: type[_T], function: str, *args: Any) -> _T:
        return _fill(cls, self.read(function, *args), f"{self.NAME}.{function}")

    def decode(self, log: Log) -> Any | None:
        """The event in a log of this contract; None if it is another contract's or unknown."""
        if log.address != self.address or not log.topics or log.topics[0] not in self._events:
            return None
        event, entry = self._events[log.topics[0]]
        indexed = [one for one in entry["inputs"] if one["indexed"]]
        plain = [one for one in entry["inputs"] if not one["indexed"]]
        values: dict[str, Any] = {}
        for parameter, topic in zip(indexed, log.topics[1:], strict=True):
            values[parameter["name"]] = _normalised(
                parameter, decode([parameter["type"]], topic)[0]
            )
        for parameter, value in zip(plain, decode(_types(plain), log.data), strict=True):
            values[parameter["name"]] = _normalised(parameter, value)
        return _fill(event, values, f"{self.NAME}.{entry['name']}")


def _fill(cls: type[_T], values: dict[str, Any], where: str) -> _T:
    names = [field.name for field in fields(cast(Any, cls))]
    missing = [name for name in names if name not in values]
    if missing:
        raise AbiError(
            f"{where} has no {', '.join(missing)}; the ABIs are of another release: "
            "run `make setup`"
        )
    return cls(**{name: values[name] for name in names})
