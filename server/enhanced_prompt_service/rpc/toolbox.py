"""The tools of prompts and templates as calls and chats use them: one place, two ways in.

What is not there answers UNIMPLEMENTED, so that a server can run without any of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from enhanced_prompt.v1 import prompts_pb2

from ..domain.errors import Unimplemented
from ..domain.identity import Caller
from ..domain.prompts import (
    ClassifiedIntent,
    ClassifyAsk,
    DraftAsk,
    GenerateAsk,
    GenerationPart,
    OptimizeAsk,
    OptimizedPrompt,
    PromptTools,
)
from ..domain.templates import Template, TemplateRequest
from .convert.prompts import check_source
from .templates import Templates


class Toolbox:
    """Tools, and the templates that generations are rendered from; None is not there."""

    def __init__(
        self, tools: PromptTools | None = None, templates: Templates | None = None
    ) -> None:
        self._tools = tools
        self._templates = templates

    @property
    def has_tools(self) -> bool:
        """Whether prompts can be classified, made better and generated from."""
        return self._tools is not None

    @property
    def has_templates(self) -> bool:
        """Whether templates can be made."""
        return self._templates is not None

    async def classify(self, caller: Caller, asked: ClassifyAsk) -> ClassifiedIntent:
        """What a prompt is after."""
        return await self._of("ClassifyIntent").classify(caller, asked)

    async def optimize(self, caller: Caller, asked: OptimizeAsk) -> OptimizedPrompt:
        """A better prompt."""
        return await self._of("OptimizePrompt").optimize(caller, asked)

    async def generation(
        self,
        caller: Caller,
        source: prompts_pb2.GenerationSource,
        *,
        model: str = "",
        max_output_tokens: int = 0,
        temperature: float | None = None,
        path: str = "source",
    ) -> AsyncIterator[GenerationPart]:
        """Parts of what is generated from a prompt, or from a template that is rendered first."""
        tools = self._of("GenerateContent")
        check_source(source, path)
        prompt = source.prompt
        if source.WhichOneof("source") == "template":
            named = source.template
            prompt, _ = await self._with_templates().render(
                caller, named.template_id, dict(named.variables)
            )
        return tools.generate(caller, GenerateAsk(prompt, model, max_output_tokens, temperature))

    async def save(
        self, caller: Caller, asked: DraftAsk, request: TemplateRequest
    ) -> tuple[Template, str]:
        """A template of a conversation, and a sentence about it."""
        return await self._with_templates().create_from(caller, asked, request)

    def _of(self, method: str) -> PromptTools:
        if self._tools is None:
            raise _not_here(method)
        return self._tools

    def _with_templates(self) -> Templates:
        if self._templates is None:
            raise _not_here("TemplateService")
        return self._templates


def _not_here(method: str) -> Unimplemented:
    return Unimplemented(f"this server does not have {method}", metadata={"method": method})
