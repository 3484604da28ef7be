"""The Open Inference Protocol's objects (V2, REST).

Source: kserve/open-inference-protocol, `inference_rest.md`. `parameters` are flat, as the protocol
wants: strings, numbers and booleans. Tensors of metadata carry `parameters` too, as MLServer's do.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Parameters = dict[str, str | int | float | bool]


class _Wire(BaseModel):
    # `model_name` and `model_version` are the protocol's names, not pydantic's.
    model_config = ConfigDict(strict=True, protected_namespaces=())


class ServerLive(_Wire):
    live: bool


class ServerReady(_Wire):
    """The protocol's text calls the field `live` here; `ready` says what is meant."""

    live: bool
    ready: bool


class ModelReady(_Wire):
    name: str
    ready: bool


class ServerMetadata(_Wire):
    name: str
    version: str
    extensions: list[str]


class MetadataTensor(_Wire):
    name: str
    datatype: str
    shape: list[int]
    parameters: Parameters = Field(default_factory=dict)


class ModelMetadata(_Wire):
    name: str
    versions: list[str]
    platform: str
    inputs: list[MetadataTensor]
    outputs: list[MetadataTensor]
    parameters: Parameters = Field(default_factory=dict)


class RequestInput(_Wire):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] | None = None


class RequestOutput(_Wire):
    name: str
    parameters: dict[str, Any] | None = None


class InferenceRequest(_Wire):
    inputs: list[RequestInput]
    outputs: list[RequestOutput] | None = None
    id: str | None = Field(None, max_length=128)
    parameters: dict[str, Any] | None = None


class ResponseOutput(_Wire):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]
    parameters: Parameters = Field(default_factory=dict)


class InferenceResponse(_Wire):
    model_name: str
    model_version: str
    id: str
    parameters: Parameters
    outputs: list[ResponseOutput]


class ErrorResponse(_Wire):
    error: str
