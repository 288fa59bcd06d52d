"""Who is calling. Every store method takes a `Caller`: no query without a tenant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

DEFAULT_TENANT = "default"
DEFAULT_USER = "local"
LOG_ID = "log_id"
HOME_TENANT = "home_tenant"
_FOREIGN = " / "


class Role(StrEnum):
    """What a caller is. `rpc.access` says which RPCs each of them may call."""

    ANONYMOUS = "anonymous"
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity that a call runs under.

    Until identity is configured there is one tenant, `default`, and one user, `local`, who may do
    everything; whoever makes another caller names its role.

    Attributes:
        tenant: Whose data is meant; no query leaves it.
        user: Unique in the tenant.
        name: For people; may be empty.
        role: What the caller is.
        cameras: Ids of the cameras that the caller may see; None: all of them.
        sites: Ids of the sites likewise. A camera is seen only where both allow it.
        attributes: What a trusted gateway said and nothing here acts upon, by name.
    """

    tenant: str = DEFAULT_TENANT
    user: str = DEFAULT_USER
    name: str = ""
    role: Role = Role.ADMIN
    cameras: frozenset[str] | None = None
    sites: frozenset[str] | None = None
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def sees_all(self) -> bool:
        """Whether every camera of the tenant may be seen."""
        return self.cameras is None and self.sites is None

    def sees(self, site: str, camera_id: str) -> bool:
        """Whether a camera of a site may be seen."""
        return (self.sites is None or site in self.sites) and (
            self.cameras is None or camera_id in self.cameras
        )

    def attribute(self, name: str) -> str:
        """An attribute's value, "" where there is none."""
        return dict(self.attributes).get(name, "")


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller, and what proved it.

    Attributes:
        caller: Who it is.
        kind: What proved it: token, key, certificate or anonymous.
        credential: Names the proof without giving it away: a key's id, a token's digest, a
            certificate's serial number.
        expires_at: From when on the proof is not accepted any more; None: never.
        tenants: Other tenants that the caller may choose, one a call.
        every_tenant: Whether any tenant may be chosen.
    """

    caller: Caller
    kind: str
    credential: str = ""
    expires_at: datetime | None = None
    tenants: frozenset[str] = frozenset()
    every_tenant: bool = False

    def may_choose(self, tenant: str) -> bool:
        """Whether a call may be made in this tenant."""
        return self.every_tenant or tenant == self.caller.tenant or tenant in self.tenants

    def within(self, tenant: str) -> Caller:
        """The caller in a tenant that it may choose.

        Users are unique only in their tenant: a guest is never taken for a user of the same id.
        """
        home = self.caller
        if tenant == home.tenant:
            return home
        return replace(
            home,
            tenant=tenant,
            user=f"{home.tenant}{_FOREIGN}{home.user}",
            attributes=(*home.attributes, (HOME_TENANT, home.tenant)),
        )


def is_name(text: object, most: int = 256) -> bool:
    """Whether something can name a tenant or a user: 1 to `most` printable characters."""
    return (
        isinstance(text, str)
        and 0 < len(text) <= most
        and text.isprintable()
        and text == text.strip()
        and _FOREIGN not in text
    )
