"""The package as others see it."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
from google.protobuf import descriptor_pool

import enhanced_prompt
from enhanced_prompt import (
    AsyncChat,
    AsyncChatTurn,
    AsyncClient,
    AsyncTurnStream,
    Chat,
    ChatTurn,
    Client,
    Retry,
    TurnStream,
    _methods,
)
from enhanced_prompt._methods import Method
from enhanced_prompt._prompts import AsyncPromptCalls, PromptCalls
from enhanced_prompt._templates import AsyncTemplateCalls, TemplateCalls

BLOCKED_IMPORT = """
import sys

class Blocker:
    allowed = set(sys.stdlib_module_names) | {"grpc", "google", "enhanced_prompt",
                                              "typing_extensions"}
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in self.allowed:
            raise ImportError("blocked: " + name)

sys.meta_path.insert(0, Blocker())
import enhanced_prompt
enhanced_prompt.Client().close()
enhanced_prompt.AsyncClient()
loaded = {name.split(".")[0] for name in sys.modules}
assert not loaded & {"enhanced_prompt_service", "pydantic", "sqlalchemy", "grpc_health"}, loaded
print("alone")
"""


def test_all_lists_every_public_name_sorted() -> None:
    public = {
        name
        for name, value in vars(enhanced_prompt).items()
        if not name.startswith("_") and not (inspect.ismodule(value) and name != "errors")
    }
    assert set(enhanced_prompt.__all__) == public | {"__version__"}
    assert len(set(enhanced_prompt.__all__)) == len(enhanced_prompt.__all__)


def test_every_class_of_ours_in_all_is_documented() -> None:
    for name in enhanced_prompt.__all__:
        value = getattr(enhanced_prompt, name)
        if inspect.isclass(value) and ".v1." not in value.__module__:  # the stubs' are in the pyi
            assert value.__doc__, name


def test_plain_import_needs_grpc_protobuf_and_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BLOCKED_IMPORT],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.stdout == "alone\n"


def public(cls: type) -> dict[str, object]:
    return {name: value for name, value in vars(cls).items() if not name.startswith("_")}


@pytest.mark.parametrize(
    ("asynchronous", "blocking"),
    [
        (AsyncClient, Client),
        (AsyncTurnStream, TurnStream),
        (AsyncChat, Chat),
        (AsyncChatTurn, ChatTurn),
        (AsyncTemplateCalls, TemplateCalls),
        (AsyncPromptCalls, PromptCalls),
    ],
)
def test_both_clients_have_the_same_methods_with_the_same_arguments(
    asynchronous: type, blocking: type
) -> None:
    assert public(asynchronous).keys() == public(blocking).keys()
    for name, value in public(asynchronous).items():
        twin = public(blocking)[name]
        assert inspect.getdoc(value) == inspect.getdoc(twin), name
        if inspect.isfunction(value):
            assert inspect.isfunction(twin)
            assert (
                inspect.signature(value).parameters.keys()
                == inspect.signature(twin).parameters.keys()
            ), name


def test_paths_and_types_are_those_of_the_contract() -> None:
    table = [value for value in vars(_methods).values() if isinstance(value, Method)]
    ours = [method for method in table if method is not _methods.HEALTH]
    assert len(ours) > 10
    for method in ours:
        service, name = method.path.strip("/").split("/")
        found = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]
        assert found.input_type is method.request.DESCRIPTOR
        assert found.output_type is method.response.DESCRIPTOR


def test_health_on_the_wire_is_grpc_health_v1() -> None:
    from grpc_health.v1 import health_pb2

    asked = _methods.HEALTH.request(value="a.b.C").SerializeToString()
    assert health_pb2.HealthCheckRequest.FromString(asked).service == "a.b.C"
    for name, number in health_pb2.HealthCheckResponse.ServingStatus.items():
        answered = health_pb2.HealthCheckResponse(status=number).SerializeToString()
        status = enhanced_prompt.HealthStatus(_methods.HEALTH.response.FromString(answered).value)
        assert status.name == name
    assert enhanced_prompt.HealthStatus(77) is enhanced_prompt.HealthStatus.UNKNOWN


def test_waits_are_jittered_grow_and_end() -> None:
    retry = Retry(attempts=4, first=0.1, longest=0.3)
    assert [retry.wait(n, None, 1.0) for n in (1, 2, 3, 4)] == [0.1, 0.2, 0.3, None]
    assert retry.wait(2, None, 0.25) == 0.05


def test_the_servers_word_on_when_to_come_back_is_kept() -> None:
    retry = Retry(attempts=4, first=0.1, longest=0.3)
    assert retry.wait(1, 0.25, 0.0) == 0.25
    assert retry.wait(1, 0.5, 0.0) is None


def test_no_attempt_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Retry(attempts=0)
