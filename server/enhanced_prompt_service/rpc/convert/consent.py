"""Consent of a user."""

from __future__ import annotations

from enhanced_prompt.v1 import consent_service_pb2 as pb

from ...domain.consent import Consent, ConsentState
from .times import timestamp

_STATES = {
    ConsentState.NOT_GIVEN: pb.CONSENT_STATE_NOT_GIVEN,
    ConsentState.GIVEN: pb.CONSENT_STATE_GIVEN,
    ConsentState.WITHDRAWN: pb.CONSENT_STATE_WITHDRAWN,
}


def consent_message(found: Consent, *, required: bool) -> pb.Consent:
    """As the contract says it."""
    return pb.Consent(
        required=required,
        policy_version=found.policy_version,
        state=_STATES[found.state],
        update_time=None if found.since is None else timestamp(found.since),
        changes=[
            pb.ConsentChange(
                policy_version=one.policy_version,
                state=_STATES[one.state],
                time=timestamp(one.at),
            )
            for one in found.changes
        ],
    )
