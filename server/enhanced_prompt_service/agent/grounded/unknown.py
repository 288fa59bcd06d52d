"""Words that fit nothing that is known, and questions that are none of ours."""

from __future__ import annotations

from itertools import pairwise

from enhanced_prompt_service.domain.answers import QuestionType

from .clarify import Settled, examples, plain_name, reworded
from .draft import Draft
from .followup import marked, one_event, spoken, wants_next
from .index import Index
from .places import Places
from .question import Question
from .words import word_set

_GREETINGS = word_set(
    """hello hi hey thanks thank you good morning evening afternoon there help please ok okay bye
    test"""
)


def hangs_in_the_air(question: Question, places: Places) -> bool:
    """A follow-up without anything before it."""
    if question.has_time or places.any or question.chosen.pairs is not None:
        return False
    if one_event(question) is not None or wants_next(question):
        return True
    return marked(question) and not question.intent.explicit


def says_nothing(question: Question, places: Places, follows: bool) -> bool:
    if follows or question.has_time or places.any:
        return False
    if question.chosen.pairs is not None or question.chosen.texts or question.terms.soft:
        return False
    if question.intent.explicit:
        return question.intent.type is QuestionType.SEARCH and not question.unknown
    return True


def not_ours(question: Question, index: Index) -> Settled:
    words = spoken(question).split()
    if words and all(word in _GREETINGS for word in words):
        return Settled("Hello. Ask me what the cameras saw.", examples(index))
    if any(character.isalpha() for character in question.text):
        return Settled(
            "I can only answer questions, in English, about what the cameras saw: what happened, "
            "when, where and how often. I could not read that as one.",
            examples(index),
            QuestionType.CLARIFY if question.unknown else QuestionType.REFUSE,
        )
    return Settled("I could not read that as a question.", examples(index))


def set_unknown(question: Question, draft: Draft, index: Index) -> None:
    """Words that fit nothing that is known are searched for in what events say; where they occur
    in none, they are asked about."""
    unknown = [one.text for one in question.unknown]
    if not unknown and not question.chosen.texts:
        return
    _refuse_either_text(question)
    if draft.type in (QuestionType.ANOMALY, QuestionType.PREDICTION, QuestionType.HEALTH):
        return
    if unknown and _mostly_unknown(question, draft):
        raise not_ours(question, index)
    draft.text = " ".join([draft.text, *unknown]).strip()
    draft.unsure = tuple(dict.fromkeys([*question.chosen.texts, *unknown]))
    draft.certainty["words"] = 0.8
    said = " ".join(f"“{word}”" for word in unknown[:4])
    draft.notice = f"Nothing that occurs here fits {said}."
    positions = [one.at for one in question.unknown]
    options = _places_instead(question, index)
    if options and positions[-1] - positions[0] < len(positions) + 1:
        span = range(positions[0], positions[-1] + 1)
        offered = tuple(reworded(question.text, question.tokens, span, name) for name in options)
        draft.choices = (*offered, "What can you detect?")


def _refuse_either_text(question: Question) -> None:
    """ "red or blue cars": a search is for all of its words."""
    for one, two in pairwise(question.unknown):
        if two.at - one.at == 2 and question.texts[one.at + 1] == "or":
            raise Settled(
                f"I can look for “{one.text}” or for “{two.text}”, one at a time.",
                [
                    reworded(question.text, question.tokens, range(one.at, two.at + 1), word.text)
                    for word in (one, two)
                ],
            )


def _mostly_unknown(question: Question, draft: Draft) -> bool:
    """More foreign words than a question about cameras would hold."""
    content = [one for one in question.texts if len(one) > 2 and one.isalpha()]
    named = draft.cameras or draft.sites or draft.zones
    anchored = bool(question.has_time or named or draft.pairs)
    if anchored:
        return len(question.unknown) > 6
    return len(question.unknown) >= 2 and len(question.unknown) * 2 >= len(content)


def _places_instead(question: Question, index: Index) -> list[str]:
    """Sites that may have been meant by an unknown word behind "at the"."""
    if not question.unknown or question.mentions:
        return []
    at = question.unknown[0].at
    before = question.texts[max(0, at - 2) : at]
    if not any(text in ("at", "in", "on", "near", "by", "inside") for text in before):
        return []
    sites = sorted(index.names.sites.values(), key=lambda site: site.site_id)
    return [plain_name(site.name or site.site_id) for site in sites[:3]]
