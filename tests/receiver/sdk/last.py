"""Every route, asked by the last SDK that there was: humanloop 0.8.40b6.

``python last.py URL``, with the SDK on the path; an assertion is the only complaint.
"""

import asyncio
import sys

import routes
from humanloop import Humanloop, UnprocessableEntityError
from humanloop.base_client import AsyncBaseHumanloop, BaseHumanloop
from humanloop.core.api_error import ApiError

client = BaseHumanloop(base_url=sys.argv[1], api_key="any")
made = routes.prompts(client, run_id="r")
top, tool = routes.trace(
    client,
    lambda **body: client.flows.log(log_status="incomplete", **body),
    lambda log_id: client.flows.update_log(
        log_id, output="all", inputs={"q": "?"}, log_status="complete"
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

# What only this generation has.
first = client.prompts.log(path="sdk/own-id", log_id="mine", output="once")
second = client.prompts.log(path="sdk/own-id", log_id="mine", output="twice")
assert first.id == second.id == "mine"
assert client.logs.get("mine")["output"] == "once"
assert client.files.list_files(type="flow").records[0].path == "sdk/flow"
assert client.files.retrieve_by_path(path="sdk/tool").id == tool.tool_id
page = client.logs.list(file_id=top.flow_id, include_trace_children=True)
assert page.items[0].trace_children[0].id == tool.id


async def elsewhere():
    """Log with the asynchronous client."""
    log = await AsyncBaseHumanloop(base_url=sys.argv[1], api_key="any").prompts.log(
        path="sdk/async", output="later"
    )
    return client.logs.get(log.id)["output"]


assert asyncio.run(elsewhere()) == "later"

# The decorators post spans.
whole = Humanloop(base_url=sys.argv[1], api_key="any")


@whole.tool(path="decorated/tool")
def add(x: int, y: int) -> int:
    """Add two numbers."""
    return x + y


@whole.prompt(path="decorated/prompt")
def think(question: str) -> str:
    """Answer."""
    return f"{question}: {add(1, 2)}"


@whole.flow(path="decorated/flow")
def run(question: str) -> str:
    """Answer, in a trace."""
    return think(question)


assert run("what?") == "what?: 3"
whole._tracer_provider.shutdown()  # joins the thread that uploads
flow = client.files.retrieve_by_path(path="decorated/flow")
(log,) = client.logs.list(file_id=flow.id, include_trace_children=True)
assert log.output == "what?: 3", log
assert log.log_status == "complete"
# A decorated Prompt leaves a log for each call of a provider's SDK; here is none.
(below,) = log.trace_children
assert (type(below).__name__, below.output) == ("ToolLogResponse", "3")
