"""The built-in redaction: what goes out of a text, and what stays as it is."""

from __future__ import annotations

import json

import pytest
from tests.security.told import told

from promptscribe import log_prompt
from promptscribe.testing import captured_logs

HEX = "0123456789abcdef"
WORD = "aB3dE5gH7jK9mN1pQ4rS6tU8"

KEYS = {
    "OpenAI": f"sk-{WORD}T3BlbkFJ{WORD}",
    "OpenAI project": f"sk-proj-{WORD}_-{WORD}",
    "OpenAI service": f"sk-svcacct-{WORD}",
    "Anthropic": f"sk-ant-api03-{WORD}_{WORD}-AA",
    "Anthropic admin": f"sk-ant-admin01-{WORD}",
    "Google": "AIzaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "Google OAuth": f"ya29.{WORD}{WORD}",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "AWS with its secret": (
        "AKIAIOSFODNN7EXAMPLE,wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    ),
    "AWS temporary": "ASIAIOSFODNN7EXAMPLE",
    "Bedrock": f"ABSK{WORD * 5}==",
    "Groq": f"gsk_{WORD}{WORD}",
    "Hugging Face": f"hf_{WORD}AbCdEfGhIj",
    "xAI": f"xai-{WORD}{WORD}",
    "Perplexity": f"pplx-{WORD}{WORD}",
    "Replicate": f"r8_{WORD}abcdefgh",
    "Together": f"tgp_v1_{WORD}",
    "Fireworks": f"fw_{WORD}",
    "OpenRouter": f"sk-or-v1-{HEX * 4}",
    "DeepSeek": f"sk-{HEX * 2}",
    "NVIDIA": f"nvapi-{WORD}-{WORD}",
    "Tavily": f"tvly-dev-{WORD}",
    "LangSmith": f"lsv2_pt_{HEX * 2}_{HEX[:10]}",
    "Langfuse secret": "sk-lf-550e8400-e29b-41d4-a716-446655440000",
    "Langfuse public": "pk-lf-550e8400-e29b-41d4-a716-446655440000",
    "Logfire": f"pylf_v1_eu_{WORD}",
    "our own": f"psk_{WORD}{WORD}",
    "GitHub": f"ghp_{WORD}abcdefghijkl",
    "GitHub fine-grained": f"github_pat_{WORD}_{WORD}",
    "GitLab": f"glpat-{WORD}",
    "Slack bot": "xoxb-1234567890123-1234567890123-aBcDeFgHiJkLmNoPqRsTuVwX",
    "Slack app": "xapp-1-A0123456789-1234567890123-abcdef0123456789",
    "Slack hook": "https://hooks.slack.com/services/T00000000/B00000000/aBcDeFgHiJkL",
    "Stripe": f"sk_live_{WORD}",
    "Stripe restricted": f"rk_test_{WORD}",
    "SendGrid": f"SG.{WORD}.{WORD}aBcDeFgHiJkLmNoPqRs",
    "Twilio": f"SK{HEX * 2}",
    "Mailgun": f"key-{HEX * 2}",
    "Mailchimp": f"{HEX * 2}-us12",
    "Telegram": f"123456789:AA{WORD}abcdefghi",
    "npm": f"npm_{WORD}abcdefghijkl",
    "PyPI": f"pypi-AgEIcHlwaS5vcmc{WORD}",
    "Databricks": f"dapi{HEX * 2}",
    "Vault": f"hvs.{WORD}{WORD}",
    "DigitalOcean": f"dop_v1_{HEX * 4}",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMQ",
    "JWT unsigned": "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0In0.",
    "bearer": "Bearer abcdef.0123456789",
    "basic": "Basic YWRhOmxvdmVsYWNl",
    "PEM": f"-----BEGIN RSA PRIVATE KEY-----\n{WORD}\n-----END RSA PRIVATE KEY-----",
    "PEM, encrypted": (
        "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128-CBC,00\n\n"
        f"{WORD}\n-----END RSA PRIVATE KEY-----"
    ),
    "PEM, its end": f"{WORD}{WORD}\n{WORD}==\n-----END EC PRIVATE KEY-----",
    "OpenSSH": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{WORD}",
    "address": "ada.lovelace@example.org",
    "address with a plus": "ada+news@mail.example.co.uk",
    "address in Unicode": "jörg@bücher.example",
    "address in Cyrillic": "почта@пример.рф",
    "address in Chinese": "张三@例子.公司",
    "address of O'Brien": "o'brien@example.org",
    "address, composed": "jo\u0308rg@example.org",
    "address in Punycode": "ada@xn--bcher-kva.xn--p1ai",
    "address, quoted": '"ada lovelace"@example.org',
    "address by IP": "ada@[192.168.0.1]",
    "address in a query": "ada%40example.org",
    "card": "4111111111111111",
    "card in groups": "4111 1111 1111 1111",
    "card with hyphens": "5555-5555-5555-4444",
    "card with dots": "4111.1111.1111.1111",
    "card with wide gaps": "4111 - 1111 - 1111 - 1111",
    "card with narrow spaces": "4111\u202f1111\u202f1111\u202f1111",
    "card as a float": "4111111111111111.0",
    "card as a large float": "4.111111111111111e+15",
    "card in thousands": "4,111,111,111,111,111",
    "card, digit by digit": "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    "card in wide digits": "\uff14" + "\uff11" * 15,
    "American Express": "3782 822463 10005",
    "old Visa": "4222222222222",
}
"""Whole secrets, made up."""

NAMED = {
    "line": "password=CANARY",
    "line with a colon": "password: CANARY",
    "variable": "PASSWORD=CANARY",
    "export": "export OPENAI_API_KEY=CANARY",
    "dotenv": 'OPENAI_API_KEY="CANARY and more"',
    "indented": "  api_key: CANARY",
    "spaces": "API key: CANARY",
    "Markdown": "**Password:** CANARY",
    "sentence": "my password: CANARY and that is it",
    "in a line": "login with user=admin password=CANARY please",
    "quoted mark": "> client_secret=CANARY",
    "JSON": '{"api_key": "x", "password": "a CANARY"}',
    "JSON in an object": '{"password": {"a": {"b": "CANARY"}}}',
    "JSON in a list": '{"credentials": ["ada", "CANARY"]}',
    "JSON, escaped": '{\\"api_key\\": \\"CANARY\\"}',
    "JSON, escaped twice": 'f({\\\\\\"password\\\\\\": \\\\\\"CANARY\\\\\\"})',
    "JSON in prose": 'It said {"password": "CANARY", "n": 1} and no more.',
    "JSON, cut": '{"user": "ada", "api_key": "CANARY and',
    "JSON of a name and a value": '{"name": "Authorization", "value": "CANARY"}',
    "Python's dict": "{'password': 'CANARY'}",
    "Python's dict of bytes": "{b'password': b'CANARY'}",
    "Python's tuple": "('Authorization', 'Bearer CANARY')",
    "Python's pairs": '[("x-api-key", "CANARY")]',
    "Python's object": "Config(api_key='CANARY', n=1)",
    "Python's default": 'api_key: str = "CANARY"',
    "Go": 'password := "CANARY"',
    "Ruby": "password => 'CANARY'",
    "XML": "<password>CANARY</password>",
    "header": "x-api-key: CANARY",
    "authorization": "Authorization: Bearer CANARY",
    "basic": "Authorization: Basic CANARY",
    "digest": 'Authorization: Digest username="ada", response="CANARY"',
    "another scheme": "Authorization: Splunk CANARY-0123",
    "no scheme": "Proxy-Authorization: CANARY",
    "PowerShell": '$env:OPENAI_API_KEY = "CANARY"',
    "docker": "docker run -e OPENAI_API_KEY=CANARY image",
    "properties": "spring.datasource.password=CANARY",
    "INI": "password = CANARY",
    "JavaScript": "const client = new Client({ apiKey: 'CANARY' })",
    "YAML": "data:\n  - db_password: CANARY\n  - user: ada",
    "cookie": "Cookie: theme=dark; session=CANARY",
    "set-cookie": "Set-Cookie: sid=CANARY; Path=/",
    "query": "https://example.org/?q=1&api_key=CANARY&token=CANARY",
    "short query": "GET /?access_token=CANARY HTTP/1.1",
    "signed": "https://b.blob.core.windows.net/c?sv=1&sig=CANARY%3D",
    "form": "user=ada&password=CANARY",
    "URL": "https://ada:CANARY@example.org/path",
    "PostgreSQL": "postgres://ada:CA/NARY@db.example.org:5432/app",
    "Redis": "redis://:CANARY@localhost:6379/0",
    "MongoDB": "mongodb+srv://ada:CANARY@c.mongodb.net",
    "connection": "Server=x;User Id=sa;Password=CANARY;Database=y",
    "curl's header": "curl -H 'Authorization: Bearer CANARY' https://example.org",
    "curl's user": "curl -u ada:CANARY https://example.org",
    "option": "tool --password CANARY --verbose",
    "option with a sign": "tool --api-key=CANARY",
    "netrc": "machine example.org login ada password CANARY",
    "AWS": "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/CANARY",
    "AWS session": "AWS_SESSION_TOKEN=IQoJb3JpZ2lu/CANARY",
    "Azure": "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZCANARY==;X",
    "Azure OpenAI": "azure_openai_key: 0123456789CANARY",
    "Mistral": "MISTRAL_API_KEY=abcdefghijklmnopqrstuvwxyzCANARY",
    "Cohere": "CO_API_KEY: CANARY",
    "a comma inside": "password=Tr0ub4dor,&CANARY",
    "brackets inside": "password: P@ss(w0rd)CANARY!",
    "a quote inside": 'password: "Tr0ub4\\"dor CANARY"',
}
"""Texts with a secret that is known by the name beside it."""

STAYS = [
    "the password is wrong",
    "Password: required",
    "The secret: practice every day, said the coach.",
    "the API key was rotated; the token expired",
    "cookie: a small biscuit",
    "Basic understanding of Python, a bearer of bad news",
    "`api_key`: Your OpenAI key",
    "**Token** (str): The token",
    "SyntaxError: Unexpected token: foo",
    "Unexpected token < in JSON at position 0",
    "def f(password: str, token: Optional[str] = None) -> None:",
    'client = OpenAI(api_key=os.environ["OPENAI_API_KEY"])',
    'OPENAI_API_KEY = os.environ["OPENAI_API_KEY"]',
    "client = OpenAI(api_key=api_key)",
    "self.token = token",
    "token = get_token()",
    "connect(password=self.password, user=user)",
    'if token is None: raise ValueError("token is required")',
    "tokens = tokenizer.encode(text)",
    "password = {{password}}",
    "Authorization: Bearer {token}",
    "Authorization: required for all endpoints",
    "Authorization: see RFC 7235, or section 4.2",
    "--max-tokens 512 --model gpt-4o",
    "--token TOKEN  the token to use",
    "PWD=/home/ada",
    '{"max_tokens": 512, "token_count": 17, "prompt_tokens": 11}',
    '{"token": "Hello", "logprob": -0.31, "bytes": [72]}',
    '"required": ["password", "username"]',
    '{"properties": {"password": {"type": "string"}}, "required": ["password"]}',
    "primary_key: id, keyboard: qwerty",
    'HEADERS = frozenset({"x-api-key", "authorization", "content-type"})',
    'calls = [("auth", "auth", "auth_cli", {}), ("space_secrets", "secrets", x)]',
    "cookies: dict[str, str] | None = None,",
    'api_key="<your_api_key>",  # Pass your key directly',
    "Auth: Bearer token (params.api_key or the standard one)",
    "for item in self.list(source.id, recursive=True, token=token):",
    "sha = self.info(repo_id, token=token).sha",
    "credentials=boto3_credentials_info.credentials,",
    "auth = _BedrockSigV4Auth(config=config, auth=aws_auth)",
    "api_key: Explicit api_key (takes precedence), password: bool",
    "USERNAME_PASSWORD: Represents usernames and passwords.",
    "next_token: abc123, token_type: bearer",
    '"signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk"',
    "550e8400-e29b-41d4-a716-446655440000",
    "00000000-0000-4000-8411-111111111111",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "a4111111111111111bcdef0123456789",
    "commit 0d6ea417f9c2b3d1e5a6b7c8d9e0f1a2b3c4d5e6",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "chatcmpl-9XtYzAbCdEfGhIjKlMnOpQrStUvWx and call_abc123def456ghi789jkl",
    "2026-11-28T15:39:37.123456Z and 12:30:45.678901234567",
    "1764344350123456789, 1764344350123456 and 1764344350123",
    "+49 1512 3456789 and +44 20 7946 0958 1234",
    "978-3-16-148410-0 and 9783161484100",
    "192.168.100.200, 0.4111111111111111, 3.14159265358979323846",
    "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13",
    "100 200 300 400 500 600",
    "task-oriented-dialogue-systems-for-everyone",
    "sk-loading-spinner-container",
    "git@github.com:org/repo.git",
    "npm i left-pad@1.3.0 @scope/pkg@2.0.0",
    "scores = q@k.transpose(-2, -1)",
    '@log_prompt(path="x")',
    "https://example.org:8080/a/b?x=1&page=2#c@d",
]


def ask(text):
    """Return what is kept of an argument."""
    with captured_logs() as logs:
        log_prompt(redact=True)(lambda text: None)(text)
    return logs[0].inputs["text"]


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize(
    "around",
    ["{}", "a {} b", "({}).", "x\\n{}\\ty", '{{"a": "{}"}}', "\x1b[31m{}\x1b[0m"],
)
def test_what_has_a_shape_of_its_own_goes(key, around):
    """Alone, in prose, in what is the source of a text, and in colours."""
    text = around.format(key)

    assert not _pieces(key, ask(text))


def _pieces(key, text):
    """Return what is left of a key: its longest parts."""
    parts = [part for part in key.replace("\n", " ").split(" ") if len(part) > 3]
    return [p for p in parts if p in text and not p.startswith("-----")]


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_keys_go_out_of_bytes_and_out_of_keys_of_dicts(key, tmp_path):
    """Text that came as bytes is read as text; nothing of it is in the journal."""
    value = key.encode()

    @log_prompt
    def call(one, two, three, four):
        return {key: value}

    found = told(
        lambda: call(value, bytearray(value), memoryview(value), {value: value}),
        tmp_path,
    )

    assert len(found.logs) == 1
    assert not found.has(key)


@pytest.mark.parametrize("text", NAMED.values(), ids=NAMED)
@pytest.mark.parametrize("canary", ["CANARY7", "canary", "Tr0ub4dor&3%"])
def test_what_stands_under_a_secrets_name_goes(text, canary):
    """In every form in which names and values are written."""
    said = text.replace("CANARY", canary).replace("CA/NARY", f"a/{canary}")

    for whole in (said, f"first\n{said}\nlast"):
        kept = ask(whole)

        assert canary not in str(kept), kept


@pytest.mark.parametrize("text", STAYS)
def test_what_is_no_secret_stays_as_it_is(text):
    """Prose, code, ids, times and counts, alone and among others."""
    whole = f"first\n{text}\nlast"

    assert ask(text) == text
    assert ask(whole) == whole


def test_json_stays_json():
    """Of any depth; numbers and objects give way to texts."""
    inner = json.dumps({"password": "x y", "card": 4111111111111111, "n": [1, {}]})
    outer = json.dumps({"arguments": inner, "auth": {"a": 1}, "api_key": 12345678})
    kept = json.loads(ask(outer))

    assert json.loads(kept.pop("arguments")) == {
        "password": "[redacted]",
        "card": "[redacted]",
        "n": [1, {}],
    }
    assert kept == {"auth": "[redacted]", "api_key": "[redacted]"}


@pytest.mark.parametrize(
    "text",
    [
        '{"password": 12345, "n": 4111111111111111, "c": {"token": [1, "a"]}}',
        '{"a": "x\\nada@example.org", "password": "\\u0063anary", "b": "\\\\"}',
        '[["Authorization", "Bearer abc"], {"name": "X-Api-Key", "value": "abc"}]',
        '"password: canary"',
    ],
)
def test_json_within_a_text_stays_json(text):
    """Also between other lines, where it is not read as a whole."""
    first, kept, last = ask(f"first\n{text}\nlast").split("\n")

    assert (first, last) == ("first", "last")
    assert json.loads(kept)


def test_a_text_without_secrets_is_kept_letter_by_letter():
    """Its spaces, its escapes, the order and the form of its numbers."""
    text = '{ "b" : 1.50,\n  "a": "\\u00e9", "a": 1e3 }'

    assert ask(text) == text


@pytest.mark.parametrize("depth", [100, 400, 900, 5_000])
def test_json_of_any_depth_costs_no_log(depth):
    """What is too deep to be read as JSON is redacted as a text."""
    text = '{"a":' * depth + f'"{KEYS["OpenAI"]}"' + "}" * depth

    kept = ask(text)

    assert kept == text.replace(KEYS["OpenAI"], "[redacted]")


@pytest.mark.parametrize("sign", [":", "=", ": Optional[SecretBytes] | undefined ="])
def test_a_name_may_stand_far_before_its_sign(sign):
    """As far as it can, with nothing but prose around it."""
    prose = "there is no sign in all of this, and there is much of it " * 50
    far = f'{chr(92) * 31}"{" " * 8}'
    text = f"{prose}client_password{far}{sign} 'hunter2hunter2' {prose}"

    with captured_logs() as logs:
        log_prompt(redact=True)(text.strip)()

    cleaned = logs[0].output
    assert "hunter2" not in cleaned
    assert cleaned.startswith(prose)
    assert prose.rstrip() in cleaned[len(prose) :]
