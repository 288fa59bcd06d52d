"""Bodies and variables, and what comes out of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt_service.domain.errors import InvalidArgument, Reason
from enhanced_prompt_service.domain.template_rules import checked, names_in, plain, render
from enhanced_prompt_service.domain.templates import (
    MAX_PROMPT,
    Template,
    Variable,
    VariableType,
)

names = st.from_regex(r"\A[A-Za-z][A-Za-z0-9_]{0,9}\Z")


def template(body: str, *variables: Variable) -> Template:
    return Template("t", "Title", body, variables=variables)


def one(kind: VariableType, **fields: object) -> Template:
    return template("x {{v}} y", Variable("v", kind, **fields))  # type: ignore[arg-type]


def refused(made: Template, **values: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidArgument) as caught:
        render(made, values, {"G1"})
    assert caught.value.reason is Reason.TEMPLATE_VARIABLE_INVALID
    return [(found.field, found.description) for found in caught.value.violations]


def invalid(made: Template) -> list[str]:
    with pytest.raises(InvalidArgument) as caught:
        checked(made)
    assert caught.value.reason is Reason.TEMPLATE_INVALID
    return [found.field for found in caught.value.violations]


def test_values_stand_where_their_variables_stood() -> None:
    made = checked(template("{{who}} at {{ where }}, {{who}}!"))
    assert [(found.name, found.required) for found in made.variables] == [
        ("who", True),
        ("where", True),
    ]
    assert render(made, {"who": "Ann", "where": "gate"}) == "Ann at gate, Ann!"


@pytest.mark.parametrize(
    "body",
    [
        "{{", "{{}}", "{{ 1a }}", "{{a", "{{a.b}}", "{{a()}}", "{{a|upper}}", "{{a['b']}}",
        "{{{a}}}", "{{_a}}", "{{a\n}}", "{{ä}}", "{{a b}}", "{{" + "a" * 65 + "}}", "x {{#if a}}",
    ],
)  # fmt: skip
def test_whatever_else_begins_like_a_variable_is_refused_with_its_place(body: str) -> None:
    assert invalid(template(body)) == ["body"]
    with pytest.raises(InvalidArgument, match=f"character {body.index('{{') + 1} "):
        checked(template(body))


@pytest.mark.parametrize("body", ["{a}", "}}", "{% raw %} ${a} #{a} %s {0}", "{ {a}}", "\\{a}"])
def test_other_languages_of_templates_are_text(body: str) -> None:
    assert render(checked(template(body)), {}) == body


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_a_value_is_never_read_as_a_template(before: str, value: str, after: str) -> None:
    body = plain(before).rstrip("{") + " {{v}} " + plain(after)
    made = template(body, Variable("v"))
    assert render(made, {"v": value}) == plain(before).rstrip("{") + f" {value} " + plain(after)


@given(st.text(alphabet="{} a", max_size=40))
def test_any_text_can_be_made_a_body_that_has_no_variables(text: str) -> None:
    assert names_in(plain(text)) == ()


@given(st.text(alphabet="{} ab_1.", max_size=40))
def test_any_body_is_taken_or_refused_and_nothing_else(body: str) -> None:
    try:
        used = names_in(body)
    except InvalidArgument:
        return
    assert render(checked(template(body)), dict.fromkeys(used, "v")) is not None


@given(st.lists(names, max_size=5, unique=True), st.lists(names, max_size=5, unique=True))
def test_every_variable_of_the_body_must_be_declared_where_any_is(
    used: list[str], declared: list[str]
) -> None:
    made = template(" ".join(f"{{{{{found}}}}}" for found in used), *map(Variable, declared))
    if declared and set(used) - set(declared):
        assert invalid(made) == ["body"]
    else:
        assert checked(made).body == made.body


def test_everything_that_does_not_fit_is_named_at_once() -> None:
    made = template(
        "{{missing}}",
        Variable("a"),
        Variable("a"),
        Variable("b", VariableType.CHOICE),
        Variable("c", choices=("x",)),
        Variable("d", VariableType.INTEGER, default_value="many"),
        Variable("e", VariableType.CHOICE, choices=("x",), default_value="y"),
    )
    assert invalid(made) == [
        "variables[1].name",
        "variables[2].choices",
        "variables[3].choices",
        "variables[4].default_value",
        "variables[5].default_value",
        "body",
    ]


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (VariableType.INTEGER, ["3", "-12", "+0"], ["", "3.0", "three", "٣", " 3", "1" * 19]),
        (VariableType.NUMBER, ["0.5", ".5", "-1e3", "7"], ["nan", "inf", "1e999", "1,5", "0x1"]),
        (VariableType.BOOLEAN, ["true", "false"], ["True", "yes", "1", ""]),
        (
            VariableType.TIME,
            ["2018-03-15T14:00:00-04:00", "2018-03-15T14:00:00.25Z", "2018-03-15t14:00:00z"],
            [
                "2018-03-15",
                "2018-03-15T14:00:00",
                "2018-02-30T14:00:00Z",
                "today",
                "2018-03-15T14Z",
            ],
        ),
        (VariableType.CAMERA, ["G1"], ["G2", "", "camera 1"]),
        (VariableType.TEXT, ["", "{{v}}", "any"], []),
    ],
)
def test_values_are_in_the_notation_of_their_type(
    kind: VariableType, right: list[str], wrong: list[str]
) -> None:
    for value in right:
        assert render(one(kind), {"v": value}, {"G1"}) == f"x {value} y"
    for value in wrong:
        assert [field for field, _ in refused(one(kind), v=value)] == ['variables["v"]'], value


def test_a_choice_is_one_of_its_choices() -> None:
    made = one(VariableType.CHOICE, choices=("people", "cars"))
    assert render(made, {"v": "cars"}) == "x cars y"
    ((_, why),) = refused(made, v="boats")
    assert why == '"boats" is none of "people", "cars"'


def test_unknown_and_missing_variables_are_named_together() -> None:
    made = template("{{a}} {{b}}", Variable("a", required=True), Variable("b"))
    found = refused(made, c="1", d="2")
    assert [field for field, _ in found] == ['variables["c"]', 'variables["d"]', 'variables["a"]']
    assert 'it has "a", "b"' in found[0][1]
    assert refused(made, a="") == [('variables["a"]', "is required")]


def test_a_default_stands_in_and_nothing_where_there_is_none() -> None:
    made = template("{{a}}-{{b}}", Variable("a", default_value="d"), Variable("b"))
    assert render(made, {}) == "d-"
    assert render(made, {"a": "", "b": "x"}) == "-x"
    gone = template("{{a}}", Variable("a", VariableType.CAMERA, default_value="G9"))
    assert checked(gone) == gone  # the camera may come back
    assert [field for field, _ in refused(gone)] == ['variables["a"]']


def test_a_prompt_has_a_largest_size() -> None:
    made = template("{{v}}" * 40, Variable("v"))
    assert len(render(made, {"v": "x" * (MAX_PROMPT // 40)})) == MAX_PROMPT
    ((field, why),) = refused(made, v="x" * (MAX_PROMPT // 40 + 1))
    assert field == "variables"
    assert "32,000" in why


def test_more_variables_than_may_be_are_not_made_from_a_body() -> None:
    body = " ".join(f"{{{{v{number}}}}}" for number in range(51))
    assert invalid(template(body)) == ["body"]
    assert len(checked(template(body.rpartition(" ")[0])).variables) == 50


def test_a_checked_template_is_checked_again_without_a_change() -> None:
    made = checked(template("{{a}}"))
    assert checked(made) == made
    assert checked(replace(made, body="no variable now")).variables == made.variables
