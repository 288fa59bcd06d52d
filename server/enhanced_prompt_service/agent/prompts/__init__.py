"""What is done with prompts beside answering them: classify, optimise, generate, and make templates
of them. The engine does all of it; models do what they do better, the engine behind them."""

from .drafting import EngineDrafter
from .modelled import ModelPrompts
from .opportunities import SuggestingAgent
from .tools import EnginePrompts, check_model

__all__ = ["EngineDrafter", "EnginePrompts", "ModelPrompts", "SuggestingAgent", "check_model"]
