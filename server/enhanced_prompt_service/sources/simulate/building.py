"""The simulated office building: its catalogue, and what usually goes on at each camera."""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.catalogue import Camera, Site, Zone
from ...domain.times import MINUTES_A_DAY, DailyRange, RecurringMask
from .rhythm import (
    ARRIVALS,
    DELIVERIES,
    DEPARTURES,
    LUNCH,
    NIGHT_LIFE,
    OFFICE_WEEK,
    ROUNDS,
    STREET,
    WORKDAY,
)

SITE_ID = "harbour-street"
SITE_NAME = "Harbour Street Office (simulation)"

WORKING_DAYS = frozenset({1, 2, 3, 4, 5})
NIGHT = RecurringMask((DailyRange(22 * 60, 6 * 60),))
ALWAYS = RecurringMask((DailyRange(0, MINUTES_A_DAY),))
OFF_HOURS = (
    RecurringMask((DailyRange(19 * 60, 7 * 60),)),
    RecurringMask((DailyRange(7 * 60, 19 * 60),), frozenset({6, 7})),
)

PEOPLE = (("person", 1.0),)
CARS = (("car", 0.86), ("van", 0.08), ("motorcycle", 0.06))
LORRIES = (("truck", 0.45), ("van", 0.5), ("car", 0.05))
TRAFFIC = (("car", 0.62), ("van", 0.2), ("truck", 0.13), ("motorcycle", 0.05))


@dataclass(frozen=True, slots=True)
class Flow:
    """One kind of event at one camera.

    `per_day` is the mean number on an average working day, spread over the day by `hours`;
    `weekend` scales it on Saturdays and (halved again for office flows) Sundays. One of `labels`
    and one of `zones` is drawn for each event ("" is a place outside of all zones).
    """

    event_type: str
    per_day: float
    hours: tuple[float, ...]
    labels: tuple[tuple[str, float], ...] = PEOPLE
    zones: tuple[str, ...] = ("",)
    weekend: float = 0.06
    sub_label: str = ""

    def mean(self, weekday: int, hour: int) -> float:
        """Expected events in one local hour; weekday is ISO, 1 Monday to 7 Sunday."""
        if weekday <= 5:
            day = OFFICE_WEEK[weekday - 1] if self.weekend < 0.5 else 1.0
        else:
            day = self.weekend * (0.5 if weekday == 7 and self.weekend < 0.5 else 1.0)
        return self.per_day * day * self.hours[hour]


@dataclass(frozen=True, slots=True)
class Post:
    """A camera, where it stands, and what it sees. `off` is when it is switched off daily."""

    number: int
    name: str
    where: str
    location: str
    aliases: tuple[str, ...]
    zones: tuple[str, ...]
    flows: tuple[Flow, ...]
    off: DailyRange | None = None

    @property
    def camera_id(self) -> str:
        """`cam-03` for number 3."""
        return f"cam-{self.number:02d}"

    def camera(self) -> Camera:
        """As the catalogue lists it: "camera 3" and "cam 3" work beside its names."""
        spoken = (f"camera {self.number}", f"cam {self.number}", f"cam{self.number:02d}")
        return Camera(
            camera_id=self.camera_id,
            name=self.name,
            aliases=(*spoken, *self.aliases),
            zones=self.zones,
            location=self.location,
        )


ZONES = (
    Zone("entrance-steps", "Entrance Steps", ("front steps", "steps")),
    Zone("pavement", "Pavement", ("sidewalk",)),
    Zone("turnstiles", "Turnstiles", ("barriers",)),
    Zone("reception-desk", "Reception Desk", ("reception", "front desk")),
    Zone("dock-bay", "Dock Bay", ("unloading bay",), (NIGHT,)),
    Zone("dock-door", "Dock Door", ("roller door", "roller shutter"), (NIGHT,)),
    Zone("garage-ramp", "Garage Ramp", ("ramp",)),
    Zone("parking-bays", "Parking Bays", ("parking spaces", "bays")),
    Zone("charging-points", "Charging Points", ("chargers", "EV chargers")),
    Zone("gate-lane", "Gate Lane", ("driveway",)),
    Zone("yard-centre", "Yard Centre", (), (NIGHT,)),
    Zone("fence-line", "Fence Line", ("fence", "perimeter"), (NIGHT,)),
    Zone("server-room-door", "Server Room Door", ("server door",), OFF_HOURS),
    Zone("bike-racks", "Bike Racks", ("bicycle racks", "racks")),
    Zone("terrace", "Terrace", ("seating area",)),
    Zone("roof-edge", "Roof Edge", ("parapet",), (ALWAYS,)),
    Zone("bin-store", "Bin Store", ("bins", "waste area")),
)

POSTS = (
    Post(
        1,
        "Main Entrance",
        "at the main entrance",
        "outside, Harbour Street",
        ("front door", "front entrance", "entrance"),
        ("entrance-steps", "pavement"),
        (
            Flow("person_enters", 62, ARRIVALS, zones=("entrance-steps",)),
            Flow("person_exits", 58, DEPARTURES, zones=("entrance-steps",)),
            Flow("person_detected", 46, STREET, zones=("pavement", "entrance-steps"), weekend=0.5),
            Flow("bicycle_detected", 6, STREET, (("bicycle", 1),), ("pavement",), 0.5),
            Flow("animal_detected", 2.5, STREET, (("dog", 1),), ("pavement",), 1.2),
            Flow("package_left", 2.2, DELIVERIES, (("package", 1),), ("entrance-steps",), 0.2),
            Flow("loitering", 1.6, NIGHT_LIFE, zones=("entrance-steps", "pavement"), weekend=1.4),
        ),
    ),
    Post(
        2,
        "Lobby",
        "in the lobby",
        "ground floor",
        ("foyer", "reception hall"),
        ("turnstiles", "reception-desk"),
        (
            Flow("person_enters", 78, ARRIVALS, zones=("turnstiles",)),
            Flow("person_exits", 74, DEPARTURES, zones=("turnstiles",)),
            Flow("person_detected", 84, WORKDAY, zones=("reception-desk", "turnstiles", "")),
            Flow("person_detected", 4, ROUNDS, PEOPLE, ("", "turnstiles"), 1, "guard"),
            Flow("package_left", 4, DELIVERIES, (("package", 1),), ("reception-desk",)),
            Flow("package_collected", 4, WORKDAY, (("package", 1),), ("reception-desk",)),
            Flow("loitering", 0.8, WORKDAY, zones=("reception-desk",)),
        ),
    ),
    Post(
        3,
        "Loading Dock",
        "at the loading dock",
        "rear of the building",
        ("dock", "loading bay", "dock camera"),
        ("dock-bay", "dock-door"),
        (
            Flow("vehicle_enters", 15, DELIVERIES, LORRIES, ("dock-bay",), 0.15),
            Flow("vehicle_exits", 15, DELIVERIES, LORRIES, ("dock-bay",), 0.15),
            Flow("vehicle_detected", 18, DELIVERIES, (("forklift", 1),), ("dock-bay", "dock-door")),
            Flow("person_detected", 44, DELIVERIES, zones=("dock-bay", "dock-door"), weekend=0.15),
            Flow("person_enters", 17, DELIVERIES, zones=("dock-door",), weekend=0.15),
            Flow("person_exits", 17, DELIVERIES, zones=("dock-door",), weekend=0.15),
            Flow("door_opened", 16, DELIVERIES, (("door", 1),), ("dock-door",), 0.15),
            Flow("package_left", 9, DELIVERIES, (("package", 1),), ("dock-bay", "dock-door")),
            Flow("package_collected", 8, DELIVERIES, (("package", 1),), ("dock-bay",)),
            Flow("loitering", 0.7, NIGHT_LIFE, zones=("dock-bay",), weekend=1),
        ),
    ),
    Post(
        4,
        "Garage Ramp",
        "at the garage ramp",
        "basement entrance",
        ("garage entrance", "garage entry", "car park entrance"),
        ("garage-ramp",),
        (
            Flow("vehicle_enters", 56, ARRIVALS, CARS, ("garage-ramp",), 0.08),
            Flow("vehicle_exits", 55, DEPARTURES, CARS, ("garage-ramp",), 0.08),
            Flow("person_detected", 5, WORKDAY, zones=("garage-ramp",)),
        ),
    ),
    Post(
        5,
        "Garage Level 1",
        "in the garage",
        "basement",
        ("garage", "car park", "parking garage", "underground garage"),
        ("parking-bays", "charging-points"),
        (
            Flow("person_enters", 40, DEPARTURES, zones=("parking-bays", "charging-points")),
            Flow("person_exits", 41, ARRIVALS, zones=("parking-bays", "charging-points")),
            Flow("vehicle_detected", 36, WORKDAY, CARS, ("parking-bays", "charging-points"), 0.08),
            Flow("person_detected", 2, ROUNDS, PEOPLE, ("parking-bays",), 1, "guard"),
            Flow("loitering", 0.5, NIGHT_LIFE, zones=("parking-bays",), weekend=1),
        ),
    ),
    Post(
        6,
        "Main Gate",
        "at the gate",
        "Quay Road side",
        ("gate", "vehicle gate", "front gate"),
        ("gate-lane",),
        (
            Flow("gate_opened", 58, WORKDAY, (("gate", 1),), ("gate-lane",), 0.12),
            Flow("gate_closed", 57, WORKDAY, (("gate", 1),), ("gate-lane",), 0.12),
            Flow("vehicle_enters", 46, ARRIVALS, TRAFFIC, ("gate-lane",), 0.1),
            Flow("vehicle_exits", 45, DEPARTURES, TRAFFIC, ("gate-lane",), 0.1),
            Flow("person_detected", 12, STREET, zones=("gate-lane", ""), weekend=0.5),
            Flow("bicycle_detected", 8, ARRIVALS, (("bicycle", 1),), ("gate-lane",)),
        ),
    ),
    Post(
        7,
        "Yard",
        "in the yard",
        "between gate and dock",
        ("courtyard", "back yard", "backyard"),
        ("yard-centre", "fence-line"),
        (
            Flow("vehicle_detected", 26, DELIVERIES, TRAFFIC, ("yard-centre",), 0.12),
            Flow("person_detected", 20, WORKDAY, zones=("yard-centre", "fence-line"), weekend=0.1),
            Flow("person_detected", 3, ROUNDS, PEOPLE, ("fence-line",), 1, "guard"),
            Flow("animal_detected", 3, NIGHT_LIFE, (("cat", 3), ("dog", 1), ("fox", 2)),
                 ("yard-centre", "fence-line", ""), 1),
            Flow("loitering", 0.4, NIGHT_LIFE, zones=("fence-line",), weekend=1),
        ),
    ),
    Post(
        8,
        "Server Room",
        "at the server room door",
        "second floor",
        ("server room corridor", "IT corridor"),
        ("server-room-door",),
        (
            Flow("door_opened", 5, WORKDAY, (("door", 1),), ("server-room-door",), 0.05),
            Flow("person_enters", 5, WORKDAY, zones=("server-room-door",), weekend=0.05),
            Flow("person_exits", 5, WORKDAY, zones=("server-room-door",), weekend=0.05),
            Flow("person_detected", 14, WORKDAY, zones=("",), weekend=0.05),
        ),
    ),
    Post(
        9,
        "Stairwell",
        "in the stairwell",
        "all floors, north side",
        ("stairs", "staircase"),
        (),
        (
            Flow("person_detected", 112, WORKDAY),
            Flow("person_detected", 2, ROUNDS, weekend=1, sub_label="guard"),
        ),
    ),
    Post(
        10,
        "Bicycle Shelter",
        "at the bicycle shelter",
        "beside the gate",
        ("bike shed", "bike shelter", "bicycle shed"),
        ("bike-racks",),
        (
            Flow("bicycle_parked", 19, ARRIVALS, (("bicycle", 1),), ("bike-racks",)),
            Flow("bicycle_taken", 18, DEPARTURES, (("bicycle", 1),), ("bike-racks",)),
            Flow("person_detected", 24, WORKDAY, zones=("bike-racks", "")),
            Flow("loitering", 0.3, NIGHT_LIFE, zones=("bike-racks",), weekend=1),
        ),
    ),
    Post(
        11,
        "Roof Terrace",
        "on the roof terrace",
        "sixth floor",
        ("roof", "rooftop"),
        ("terrace", "roof-edge"),
        (
            Flow("person_detected", 30, LUNCH, zones=("terrace",) * 19 + ("roof-edge",)),
            Flow("door_opened", 12, LUNCH, (("door", 1),), ("terrace",)),
        ),
        DailyRange(22 * 60, 6 * 60),
    ),
    Post(
        12,
        "Back Alley",
        "in the back alley",
        "behind the dock",
        ("alley", "rear alley"),
        ("bin-store", "fence-line"),
        (
            Flow("person_detected", 13, STREET, zones=("bin-store", "fence-line", ""), weekend=0.6),
            Flow("vehicle_detected", 6, DELIVERIES, TRAFFIC, ("", "bin-store"), 0.5),
            Flow("bicycle_detected", 3, STREET, (("bicycle", 1),), ("",), 0.6),
            Flow("animal_detected", 2.4, NIGHT_LIFE, (("cat", 2), ("fox", 2), ("dog", 1)),
                 ("bin-store", "fence-line"), 1),
            Flow("loitering", 1.0, NIGHT_LIFE, zones=("bin-store", "fence-line"), weekend=1.5),
        ),
    ),
)  # fmt: skip

SYNONYMS = (
    ("people", ("person", "loitering")),
    ("visitor", ("person_enters",)),
    ("vehicle", ("vehicle", "car", "truck", "van", "motorcycle", "forklift")),
    ("lorry", ("truck",)),
    ("bike", ("bicycle",)),
    ("motorbike", ("motorcycle",)),
    ("parcel", ("package",)),
    ("delivery", ("package_left", "package_collected")),
    ("animal", ("animal_detected", "dog", "cat", "fox")),
    ("security guard", ("guard",)),
    ("arrival", ("person_enters", "vehicle_enters")),
    ("departure", ("person_exits", "vehicle_exits")),
)


def catalogue_entry(time_zone: str) -> Site:
    """The site as a catalogue holds it."""
    return Site(
        site_id=SITE_ID,
        time_zone=time_zone,
        name=SITE_NAME,
        aliases=("Harbour Street", "Harbour Street Office", "the office", "office"),
        cameras=tuple(post.camera() for post in POSTS),
        zones=ZONES,
        business_hours=RecurringMask((DailyRange(8 * 60, 18 * 60),), WORKING_DAYS),
        synonyms=SYNONYMS,
        simulated=True,
    )
