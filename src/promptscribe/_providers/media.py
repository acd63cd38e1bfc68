"""Images and files inside a message, in any provider's dialect.

Its law: nothing is fetched or decoded; bytes become base64 in a data URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptscribe._providers.message import image_part
from promptscribe._providers.value import at, base64_text, first, kept, table, word

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue


def read_image(part: JSONObject) -> JSONObject | None:
    """Read an image part of any dialect; None where it names no picture.

    OpenAI: ``image_url`` as text or ``{url, detail}``.
    Anthropic: ``source {type, media_type, data | url | file_id}``.
    Bedrock: ``image {format, source {bytes}}``.
    LangChain: ``url`` or ``base64``, ``mime_type``.
    Gemini's interactions: ``data`` or ``uri``, ``mime_type``.
    """
    value = part.get("image_url")
    url = word(value) or word(at(value, "url"))
    if url is not None:
        return image_part(url, first(table(value), "detail") or part.get("detail"))
    holder = table(part["image"] if isinstance(part.get("image"), dict) else part)
    source = table(holder.get("source")) or holder
    data = base64_text(first(source, "data", "bytes", "base64"))
    if data is not None:
        return image_part(f"data:{_image_type(source, holder)};base64,{data}")
    url = word(first(source, "url", "uri"))
    return None if url is None else image_part(url)


def base64_image(data: JSONValue, form: str) -> str:
    """Give base64 text as a URL; what is put in the place of much of it stays so."""
    encoded = word(data) or ""
    is_address = ":" in encoded  # base64 has none
    return encoded if is_address else f"data:image/{form};base64,{encoded}"


def _image_type(source: JSONObject, holder: JSONObject) -> str:
    for place in (source, holder):
        named = word(first(place, "media_type", "mime_type"))
        if named is not None:
            return named
    return f"image/{word(holder.get('format')) or 'png'}"


def read_modality(part: JSONObject) -> JSONObject:
    """Read OpenTelemetry's ``blob`` and ``uri`` parts; pictures become image parts."""
    uri, data = word(part.get("uri")), base64_text(part.get("content"))
    kind = word(part.get("modality")), word(part.get("type"))
    if kind == ("image", "uri") and uri:
        return image_part(uri)
    if kind == ("image", "blob") and data:
        mime_type = word(part.get("mime_type")) or "image/png"
        return image_part(f"data:{mime_type};base64,{data}")
    return part


def read_media(part: JSONObject) -> JSONObject | None:
    """Read Gemini's ``inlineData`` or ``fileData``, whatever kind of media it is.

    What is no picture keeps the form of OpenTelemetry's ``blob`` and ``uri`` parts.
    """
    held = first(part, "inlineData", "inline_data", "fileData", "file_data")
    kind = word(first(held, "mimeType", "mime_type"))
    picture = kind is not None and kind.startswith("image/")
    uri = word(first(held, "fileUri", "file_uri"))
    if uri is not None:
        if picture:
            return image_part(uri)
        return {"type": "uri", "uri": uri} | kept(mime_type=kind)
    data = base64_text(at(held, "data"))
    if data is None:
        return None
    # Python's google-genai writes the URL-safe alphabet, a data URL has the other.
    data = data.replace("-", "+").replace("_", "/")
    if picture:
        return image_part(f"data:{kind};base64,{data}")
    modality = kind.split("/", 1)[0] if kind else None
    return {"type": "blob", "content": data} | kept(mime_type=kind, modality=modality)
