"""The cameras themselves: which there are, which record, what they can see, when they recorded."""

from __future__ import annotations

from ..clarify import plain_name
from ..intents import Aspect
from ..kinds import spoken
from ..retrieve import recording, state_time
from .absence import say_stretch
from .common import Said, coverage_facts
from .interpretation import places_of
from .text import Text, many, plural
from .times import say_date, say_hours

MOST_NAMES = 60


def compose_health(text: Text, said: Said) -> None:
    """By aspect."""
    match said.query.aspect:
        case Aspect.STATES:
            _states(text, said)
        case Aspect.DETECTS:
            _detects(text, said)
        case Aspect.SITES:
            _sites(text, said)
        case Aspect.ZONES:
            _zones(text, said)
        case Aspect.RECORDED:
            _recorded(text, said)
        case _:
            _cameras(text, said)


def _names(said: Said, cameras: list[str]) -> str:
    shown = [
        said.camera(camera, said.findings.asked_cameras.get(camera, ""))
        for camera in cameras[:MOST_NAMES]
    ]
    return ", ".join(shown) + (" and others" if len(cameras) > MOST_NAMES else "")


def _cameras(text: Text, said: Said) -> None:
    cameras = sorted(said.findings.asked_cameras)
    where = places_of(said.query) if said.query.cameras is None else ""
    count = len(cameras)
    text.number("cameras", count, "cameras", many(count))
    text.add(f" {plural(count, 'camera')}{' ' + where if where else ''}: {_names(said, cameras)}.")
    if count == 1:
        found = said.query.known_index.camera(cameras[0])
        if found is not None:
            camera = found[1]
            names = [said.query.known_index.zone_name(one) for one in camera.zones]
            if names:
                text.add(f" It sees {', '.join(names)}.")
            if camera.location:
                text.add(f" Location: {camera.location}.")


def _states(text: Text, said: Said) -> None:
    found, now = said.findings, state_time(said.query)
    past = now < said.query.now
    cameras = sorted(found.asked_cameras)
    states = found.states
    recording_now = [one for one in cameras if recording(states.get(one), now)]
    unknown = [one for one in cameras if one not in found.known and one not in states]
    offline = [one for one in cameras if one not in recording_now and one not in unknown]
    if cameras and len(unknown) == len(cameras):
        text.add("Whether ", "it records" if len(cameras) == 1 else "any of them records")
        text.add(f" now is not known: {_names(said, cameras)} never reported it.")
        text.fact("cameras_recording", 0, "cameras").fact("cameras_offline", 0, "cameras")
        text.fact("cameras", len(cameras), "cameras")
        text.fact("cameras_unknown", len(unknown), "cameras")
        return
    if len(cameras) == 1:
        state = "records now" if recording_now else "does not record now"
        if past:
            state = "recorded then" if recording_now else "did not record then"
        text.add(f"{_names(said, cameras)} {state}.")
        text.fact("cameras_recording", len(recording_now), "cameras")
        text.fact("cameras_offline", len(offline), "cameras")
    else:
        _both(text, said, recording_now, offline, len(cameras), "then" if past else "now")
    text.fact("cameras", len(cameras), "cameras")
    if unknown:
        text.add(" Of ")
        text.number("cameras_unknown", len(unknown), "cameras", many(len(unknown)))
        text.add(f" it is not known, as they never reported: {_names(said, unknown)}.")
    else:
        text.fact("cameras_unknown", 0, "cameras")
    _last_seen(text, said, offline)


def _both(
    text: Text,
    said: Said,
    recording_now: list[str],
    offline: list[str],
    count: int,
    when: str,
) -> None:
    """Which record and which do not."""
    if not offline:
        text.fact("cameras_offline", 0, "cameras")
        text.number("cameras_recording", len(recording_now), "cameras", many(len(recording_now)))
        text.add(" of ")
        text.number("cameras", count, "cameras", many(count))
        text.add(f" {plural(count, 'camera')} recording {when}, none is offline")
        text.add(f": {_names(said, recording_now)}." if recording_now else ".")
        return
    text.number("cameras_offline", len(offline), "cameras", many(len(offline)))
    text.add(" of ")
    text.number("cameras", count, "cameras", many(count))
    text.add(f" {plural(count, 'camera')} not recording {when}: {_names(said, offline)}. ")
    text.number("cameras_recording", len(recording_now), "cameras", many(len(recording_now)))
    text.add(" recording")
    text.add(f": {_names(said, recording_now)}." if recording_now else ".")


def _last_seen(text: Text, said: Said, offline: list[str]) -> None:
    """When the last of the cameras that are not recording did."""
    ends = [
        (min(state.end_time, said.query.now), one)
        for one in offline
        if (state := said.findings.states.get(one)) is not None and state.state.value == "recording"
    ]
    if not ends:
        return
    end, _ = max(ends)
    local = end.astimezone(said.zone)
    text.add(" Last recorded: ")
    text.number(
        "recorded_to",
        end.timestamp(),
        "unix_seconds",
        f"{say_date(local)}, {local:%H:%M:%S}",
        group="1",
    )
    text.add(".")


def _detects(text: Text, said: Said) -> None:
    index = said.query.known_index
    asked = set(said.findings.asked_cameras)
    types = sorted({one for camera in asked for one in index.kinds.types_by_camera.get(camera, ())})
    where = places_of(said.query)
    text.number("types", len(types), "types", many(len(types)))
    text.add(f" {plural(len(types), 'type')} of events occur{'s' if len(types) == 1 else ''}")
    text.add(f" {where}" if where else "")
    text.add(": " + ", ".join(spoken(one) for one in types) + "." if types else ".")
    labels = index.kinds.labels
    text.fact("labels", len(labels), "labels")
    if labels:
        text.add(f" Labels: {', '.join(labels)}.")


def _sites(text: Text, said: Said) -> None:
    index = said.query.known_index
    sites = sorted(index.names.sites.values(), key=lambda site: site.site_id)
    text.add("Sites: ")
    parts = [
        f"{plain_name(site.name or site.site_id)}"
        + (f" ({site.site_id})" if site.name and site.site_id.lower() not in site.name.lower()
           else "")
        for site in sites
    ]  # fmt: skip
    text.add("; ".join(parts) if parts else "none", ".")
    text.fact("cameras", len(index.names.cameras), "cameras")


def _zones(text: Text, said: Said) -> None:
    index = said.query.known_index
    wanted = set(said.findings.asked_cameras.values())
    names = sorted(
        zone.name or zone.zone_id
        for site in index.catalogue.sites
        if site.site_id in wanted
        for zone in site.zones
    )
    text.add(f"Zones: {', '.join(names)}." if names else "No zones are declared here.")


def _recorded(text: Text, said: Said) -> None:
    report = said.findings.coverage
    where = said.where()
    if report is None:
        stretches = said.findings.elsewhere
        if not stretches:
            text.add(f"No footage{where} is known of the last week.")
            return
        text.add(f"Newest footage{where}: ")
        for number, one in enumerate(stretches):
            text.add("; " if number else "")
            say_stretch(text, said, one, number)
        text.add(".")
        return
    coverage_facts(text, report)
    if report.share is None:
        text.add(f"When the cameras{where} recorded is not known: they never reported it.")
        return
    if not report.recorded_seconds:
        text.add(f"Nothing was recorded{where}, {said.when()}.")
        if said.findings.elsewhere:
            text.add(" Recorded were: ")
            for number, one in enumerate(said.findings.elsewhere):
                text.add("; " if number else "")
                say_stretch(text, said, one, number)
            text.add(".")
        return
    hours = say_hours(report.recorded_seconds)
    text.number("recorded", report.recorded_seconds, "seconds", hours)
    text.add(f" of camera time recorded{where}, {said.when()} (")
    text.number("coverage", report.share, "share", f"{report.share:.1%}".replace("%", " %"))
    text.add(" of it): ")
    for number, one in enumerate(report.recorded[:8]):
        text.add("; " if number else "")
        say_stretch(text, said, one, number)
    text.add(" and more." if len(report.recorded) > 8 else ".")
    dark = [one for one, seconds in said.findings.recorded_by_camera.items() if not seconds]
    if dark:
        text.add(f" Without any footage then: {_names(said, sorted(dark))}.")
