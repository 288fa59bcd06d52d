"""How Timeline, Dashboard, History and Templates come to show something worth looking at."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from enhanced_prompt.v1.templates_pb2 import (
    TEMPLATE_VARIABLE_TYPE_CAMERA,
    TEMPLATE_VARIABLE_TYPE_CHOICE,
    TEMPLATE_VARIABLE_TYPE_INTEGER,
    TEMPLATE_VARIABLE_TYPE_TIME,
    Template,
    TemplateVariable,
)
from tests.web.conftest import Site

CHECK = "Morning check of a camera"
CONVERSATION = "web.seen"
QUESTIONS = (
    "how many people were there yesterday?",
    "which camera had most vehicles this week?",
    "what happened in camera 3 today?",
)


def conversations(site: Site) -> None:
    """Some that were asked here, unless they are there."""
    with site.client() as client:
        if any(one.conversation_id == CONVERSATION for one in client.list_conversations()):
            return
        for query in QUESTIONS:
            client.answer(query, conversation_id=CONVERSATION)
        client.answer("was there anybody at the loading dock last night?")


def template(site: Site, title: str = CHECK) -> Template:
    """One with a variable of most types; the one that is there, if it is."""
    with site.client() as client:
        for one in client.list_templates():
            if one.title == title:
                return one
        return client.create_template(
            Template(
                title=title,
                category="rounds",
                description="What happened at a camera since a time",
                body="What happened at {{camera}} since {{since}}? "
                "Name at most {{most}} events, {{style}}.",
                variables=[
                    TemplateVariable(
                        name="camera", type=TEMPLATE_VARIABLE_TYPE_CAMERA, required=True
                    ),
                    TemplateVariable(name="since", type=TEMPLATE_VARIABLE_TYPE_TIME, required=True),
                    TemplateVariable(
                        name="most", type=TEMPLATE_VARIABLE_TYPE_INTEGER, default_value="5"
                    ),
                    TemplateVariable(
                        name="style",
                        type=TEMPLATE_VARIABLE_TYPE_CHOICE,
                        default_value="briefly",
                        choices=["briefly", "at length"],
                    ),
                ],
            )
        )


def timeline(page: Page, site: Site) -> None:
    """A week of all cameras, and one hour of one of them chosen."""
    page.goto(f"{site.url}/timeline?camera=cam-03&at=2026-11-19T10")
    expect(page.locator(".lane-plot").first).to_be_visible()
    expect(page.get_by_role("list", name="Events").get_by_role("listitem").first).to_be_visible()


def dashboard(page: Page, site: Site) -> None:
    """All four charts with something in them."""
    conversations(site)
    page.goto(f"{site.url}/dashboard")
    expect(page.get_by_test_id("dashboard-cards")).to_be_visible()
    expect(page.locator(".dashboard-chart")).to_have_count(4)
    expect(page.locator(".recharts-area-curve")).to_be_visible()


def history(page: Page, site: Site) -> None:
    """A conversation, found by a word in it."""
    conversations(site)
    page.goto(f"{site.url}/history")
    page.get_by_label("Search what was said").fill("people yesterday")
    expect(page.locator(".history-excerpt mark").first).to_be_visible()
    page.locator(".split-list li a[href='/history/web~seen']").first.click()
    expect(page.locator(".past-turn").first).to_be_visible()


def templates(page: Page, site: Site) -> None:
    """A template, half filled in."""
    page.goto(f"{site.url}/templates/{template(site).template_id}")
    page.get_by_label("Camera").select_option("cam-03")
    expect(page.get_by_test_id("preview")).to_be_visible()


def editing(page: Page, site: Site) -> None:
    """The same, being changed."""
    templates(page, site)
    page.get_by_role("button", name="Edit").click()
    expect(page.get_by_role("form", name="Edit the template")).to_be_visible()


def deleting(page: Page, site: Site) -> None:
    """Somebody is asked whether they mean it."""
    history(page, site)
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_be_visible()
