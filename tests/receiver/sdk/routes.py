"""What every generation of the hosted service's SDK can ask of a receiver.

A part of ``seed.py`` and ``last.py``, which run with the SDK of their generation.
"""

from datetime import UTC, datetime

BEGAN = datetime(2024, 10, 1, 12, 0, 0, 250_000, tzinfo=UTC)
ENDED = datetime(2024, 10, 1, 12, 0, 2, 750_000, tzinfo=UTC)
KERNEL = {
    "model": "gpt-4o",
    "temperature": 0.7,
    "template": [{"role": "system", "content": "You are {{person}}."}],
    "tools": [{"name": "f", "description": "d", "parameters": {"type": "object"}}],
}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "look", "arguments": '{"at": 1}'},
}


def member(answer, name):
    """Return a member of an answer, which some SDKs leave a dictionary."""
    return answer[name] if isinstance(answer, dict) else getattr(answer, name)


def prompts(client, **more):
    """Log to a Prompt, target a version and an environment, change, list."""
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "what?"}]},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "a square"},
    ]
    made = client.prompts.log(
        path="sdk/prompt",
        prompt=KERNEL,
        messages=messages,
        output="A square.",
        output_message={"role": "assistant", "content": "A square."},
        inputs={"person": "Ada"},
        metadata={"region": "moon", "nothing": None},
        prompt_tokens=10,
        output_tokens=4,
        prompt_cost=0.001,
        finish_reason="stop",
        tool_choice="auto",
        provider_request={"n": 1},
        provider_response={"id": "chatcmpl-1"},
        start_time=BEGAN,
        end_time=ENDED,
        user="u",
        source="sdk",
        error=None,
        prompt_log_request_environment="label",
        **more,
    )
    assert made.id.startswith("log_")
    again = client.prompts.log(id=made.prompt_id, prompt=KERNEL, output="x")
    assert (again.prompt_id, again.version_id) == (made.prompt_id, made.version_id)
    other = client.prompts.log(path="sdk/prompt", prompt=KERNEL | {"temperature": 0.8})
    assert other.version_id != made.version_id
    aimed = client.prompts.log(path="sdk/prompt", version_id=other.version_id)
    assert aimed.version_id == other.version_id

    client.prompts.set_deployment(
        made.prompt_id, "env_stag", version_id=other.version_id
    )
    aimed = client.prompts.log(path="sdk/prompt", environment="staging")
    assert aimed.version_id == other.version_id
    default = client.prompts.log(path="sdk/prompt")
    assert default.version_id == made.version_id

    changed = client.prompts.update_log(
        made.prompt_id, made.id, output="A circle.", metadata={"region": "sun"}
    )
    assert member(changed, "output") == "A circle."
    log = client.logs.get(made.id)
    assert log["output"] == "A circle."
    assert log["metadata"] == {"region": "sun"}
    assert log["messages"][2]["content"] == "a square"
    assert log["prompt"]["temperature"] == 0.7
    assert log["start_time"].startswith("2024-10-01T12:00:00.25")

    hushed = client.prompts.log(path="sdk/prompt", output="secret", save=False)
    assert client.logs.get(hushed.id).get("output") is None
    return made


def files(client, of_kind, file_id, kernel):
    """Do everything that can be done with a file, its versions and deployments."""
    made = of_kind.upsert(path=f"{kernel['path']}", **kernel["details"])
    assert made.path == kernel["path"]
    assert of_kind.upsert(id=made.id, **kernel["details"]).version_id == made.version_id
    assert of_kind.get(made.id).version_id == made.version_id
    assert of_kind.get(made.id, version_id=made.version_id).id == made.id
    assert made.id in {file.id for file in of_kind.list(size=50)}
    versions = of_kind.list_versions(made.id).records
    assert [version.version_id for version in versions] == [made.version_id]
    deployed = of_kind.set_deployment(made.id, "env_stag", version_id=made.version_id)
    assert deployed.version_id == made.version_id
    there = {each.name: each.file for each in of_kind.list_environments(made.id)}
    assert there["staging"].version_id == made.version_id
    of_kind.remove_deployment(made.id, "env_stag")
    there = {each.name: each.file for each in of_kind.list_environments(made.id)}
    assert there["staging"] is None
    assert of_kind.move(made.id, path=f"{kernel['path']}-moved").path.endswith("moved")
    of_kind.delete(made.id)
    assert of_kind.get(file_id).id == file_id


def trace(client, flow_log, complete):
    """Log a Flow with a tool and a Prompt inside; complete it; read it whole."""
    top = flow_log(path="sdk/flow", flow={"attributes": {"v": 1}}, inputs={"q": "?"})
    tool = client.tools.log(
        path="sdk/tool",
        tool={"function": {"name": "f", "description": "d"}},
        inputs={"x": 1},
        output="2",
        trace_parent_id=top.id,
        start_time=BEGAN,
        end_time=ENDED,
    )
    client.prompts.log(
        path="sdk/prompt", prompt=KERNEL, output="y", trace_parent_id=tool.id
    )
    changed = client.tools.update(tool.tool_id, tool.id, output="3")
    assert member(changed, "output") == "3"
    done = complete(top.id)
    assert member(done, "output") == "all"
    whole = client.logs.get(top.id)
    (child,) = whole["trace_children"]
    assert (child["id"], child["output"]) == (tool.id, "3")
    assert child["trace_children"][0]["output"] == "y"
    assert whole["start_time"].startswith("2024-10-01T12:00:00.25")
    return top, tool


def reading(client, made, top, tool):
    """Page, search and filter logs; each kind comes as its own class; delete."""
    everything = list(client.logs.list(file_id=made.prompt_id, size=3))
    assert len(everything) == 8
    assert {type(log).__name__ for log in everything} == {"PromptLogResponse"}
    for file_id, name in (
        (top.flow_id, "FlowLogResponse"),
        (tool.tool_id, "ToolLogResponse"),
    ):
        (log,) = client.logs.list(file_id=file_id)
        assert type(log).__name__ == name

    def found(**filters):
        return [log.id for log in client.logs.list(file_id=made.prompt_id, **filters)]

    assert found(search="circle") == [made.id]
    assert found(metadata_search="sun") == [made.id]
    assert len(found(version_id=made.version_id)) == 5
    assert len(found(in_trace_filter=[True])) == 1
    assert len(found(in_trace_filter=False)) == 7
    assert found(end_date=BEGAN) == []
    assert len(found(start_date=BEGAN)) == 8

    client.logs.delete(id=[made.id])
    assert len(found()) == 7
    assert list(client.evaluations.list(file_id=made.prompt_id)) == []
    folders = client.directories.list()
    assert {folder.path for folder in folders} >= {"sdk"}
    folder = next(folder for folder in folders if folder.path == "sdk")
    names = {file.path for file in client.directories.get(folder.id).files}
    assert names >= {"sdk/prompt", "sdk/flow", "sdk/tool"}


def refusals(client, made, api_error, unprocessable):
    """Every mistake arrives as the exception that the SDK has for it."""

    def fails(status, call, *args, **kwargs):
        caught = None
        try:
            call(*args, **kwargs)
        except api_error as error:
            caught = error
        assert caught is not None, "nothing was raised"
        assert caught.status_code == status, caught
        assert isinstance(caught, unprocessable) == (status == 422)
        return caught

    wrong = fails(422, client.prompts.log, path="a", prompt_tokens="many")
    assert wrong.body.detail[0].loc[-1] == "prompt_tokens"
    fails(422, client.prompts.log, output="no path")
    fails(404, client.logs.get, "log_never")
    fails(404, client.prompts.log, id="pr_never")
    fails(404, client.prompts.log, id=made.prompt_id, version_id="prv_never")
    fails(409, client.tools.log, path="sdk/prompt")
