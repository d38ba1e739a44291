"""schemathesis tries the running server against the application's own OpenAPI description."""

from __future__ import annotations

import os

import schemathesis
import web
from hypothesis import HealthCheck, settings
from schemathesis import Case, checks

from earmark_bridge.app import create_app
from earmark_bridge.bridge import Bridge
from earmark_bridge.runtime import find_runtime
from earmark_bridge.settings import read_settings

# 20 requests per operation and phase; more by EARMARK_FUZZ=100000.
EXAMPLES = max(1, int(os.environ.get("EARMARK_FUZZ", "300")) // 15)

schemathesis.serializer.alias("audio/wav", "application/octet-stream")

description = create_app(Bridge(read_settings([]), find_runtime(1, 1))).openapi()
schema = schemathesis.openapi.from_dict(description)


@schema.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_the_server_is_as_it_describes_itself(case: Case, url: str) -> None:
    # No schema can say which bytes are a recording that the model can embed, so well-formed requests may be refused.
    case.call_and_validate(base_url=url, excluded_checks=[checks.positive_data_acceptance])


def test_the_description_is_the_servers(url: str) -> None:
    assert web.get(f"{url}/openapi.json").json() == description
