"""What the engine does with prompts beside answering them: classify, optimise, generate, and make
templates of them."""

from .drafting import EngineDrafter
from .opportunities import SuggestingAgent
from .tools import EnginePrompts, check_model

__all__ = ["EngineDrafter", "EnginePrompts", "SuggestingAgent", "check_model"]
