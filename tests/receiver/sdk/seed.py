"""Every route, asked by the SDK of the seed's own time: humanloop 0.8.8.

``python seed.py URL``, with the SDK on the path; an assertion is the only complaint.
"""

import sys

import routes
from humanloop import UnprocessableEntityError
from humanloop.client import Humanloop
from humanloop.core.api_error import ApiError

client = Humanloop(base_url=sys.argv[1], api_key="any")
made = routes.prompts(client, batch_id="b", evaluation_id="ev")
top, tool = routes.trace(
    client,
    lambda **body: client.flows.log(trace_status="incomplete", **body),
    lambda log_id: client.flows.update_log(
        log_id, output="all", inputs={"q": "?"}, trace_status="complete"
    ),
)
for of_kind, file_id, kernel in (
    (client.prompts, made.prompt_id, {"path": "f/p", "details": {"model": "m"}}),
    (client.tools, tool.tool_id, {"path": "f/t", "details": {"attributes": {"a": 1}}}),
    (client.flows, top.flow_id, {"path": "f/f", "details": {"attributes": {"a": 1}}}),
):
    routes.files(client, of_kind, file_id, kernel)
routes.reading(client, made, top, tool)
routes.refusals(client, made, ApiError, UnprocessableEntityError)
