"""What image generators write into their files: prompts, settings, names. Each format is parsed, not searched for.

Formats: settings as text (`parameters`), ComfyUI's graphs (`graphs`), settings as JSON (Fooocus, SwarmUI, Draw Things,
mflux, TensorArt, Civitai and others), InvokeAI, NovelAI, Easy Diffusion, Midjourney, xAI; and programs that sign with
their name.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from classifier.provenance import graphs, json_settings, parameters
from classifier.provenance.evidence import Evidence, Settings, clean, only_filled
from classifier.provenance.names import is_made_with, known_generator

Texts = Sequence[tuple[str, str]]

FREE = ("parameters", "comment", "usercomment", "description", "windows comment", "generation_data", "generation data",
        "image description", "metadata", "settings")  # fmt: skip
"""Keywords, in lower case, of the texts in which settings may stand."""


def evidence_of(texts: Texts, signed: Mapping[str, str]) -> list[Evidence]:
    """Generators' settings in text chunks and comments, then their names. texts: (keyword, text). signed: {where: text}
    of fields in which programs name themselves, such as EXIF Software or XMP CreatorTool; no other field names one."""
    edited = None
    for reader in READERS:
        try:
            found = reader(texts)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
            continue  # it only looked like that generator's format
        if found and found.pop("direction", "AI") == "AI":
            return [_declares(found)]
        edited = edited or found
    for where, text in signed.items():
        if name := known_generator(text):
            return [_named(name, where, text)]
    for key, text in texts:
        if key.lower() in FREE and (name := is_made_with(text)):
            return [_named(name, key, text)]
    return [_edited(edited)] if edited else _hints(texts)


def _named(name: str, where: str, text: str) -> Evidence:
    details = {"generator": name, where: clean(text, 300)}
    return Evidence("generator", "declares", "AI", f"The file names {name} as the program that made it.", details)


def _declares(found: Settings) -> Evidence:
    details = only_filled((key, _bounded(value)) for key, value in found.items())
    what = "its prompt and settings" if "prompt" in details else "its settings"
    if signature := found.get("signature"):
        details["signature"], what = clean(str(signature), 80), "its signature"
    return Evidence("generator", "declares", "AI", f"{found['generator']} wrote {what} into the file.", details)


def _edited(found: Settings) -> Evidence:
    details = only_filled((key, _bounded(value)) for key, value in found.items())
    summary = (
        f"{found['generator']} edited a picture that was loaded from elsewhere; nothing says that it generated one."
    )
    if tool := found.get("enlarged_with"):
        summary = f"The picture was enlarged with {clean(str(tool), 60)}, a network that invents detail."
    return Evidence("generator", "hints", "edited", summary, details)


def _hints(texts: Texts) -> list[Evidence]:
    """Marks of services that generate pictures, among other things."""
    for key, text in texts:
        if key.lower() in ("hf-job-id", "hf_job_id") and len(text) < 100:
            words = "The file carries the job number of a service that runs AI models (Hugging Face)."
            return [Evidence("generator", "hints", "AI", words, {"job": clean(text, 100)})]
    return []


def _bounded(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value if isinstance(value, int | float) else clean(str(value))


def _first(texts: Texts) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, text in texts:
        found.setdefault(key, text)
    return found


def _free(texts: Texts) -> list[str]:
    return [text for key, text in texts if key.lower() in FREE]


def _json(text: str) -> Any:
    return json.loads(text[:4_000_000].rstrip("\x00 \n"))


def _settings(texts: Texts) -> Settings | None:
    return next((found for text in _free(texts) if (found := parameters.read_settings(text))), None)


def _enlarged(texts: Texts) -> Settings | None:
    tool = next((tool for text in _free(texts) if (tool := parameters.enlarged_with(text))), "")
    return {"generator": "AUTOMATIC1111", "direction": "edited", "enlarged_with": tool} if tool else None


def _graph(texts: Texts) -> Settings | None:
    by_key = _first(texts)
    named: dict[str, str] = {name: by_key[name] for name in ("prompt", "workflow") if name in by_key}
    for _, text in texts:
        for name, graph in graphs.named_in(text).items():
            named.setdefault(name, graph)
    return graphs.read_graph(named)


def _as_json(texts: Texts) -> Settings | None:
    schemes = _first(texts)
    for text in _free(texts):
        if text.lstrip()[:1] == "{" and (found := json_settings.read(text, "fooocus_scheme" in schemes)):
            return found
    return None


def _invokeai(listed: Texts) -> Settings | None:
    texts = _first(listed)
    if text := texts.get("invokeai_metadata"):
        data = _json(text)
        model = data.get("model") or {}
        name = model.get("name") or model.get("model_name") if isinstance(model, dict) else model
        return {
            "generator": "InvokeAI",
            "prompt": data.get("positive_prompt", ""),
            "negative_prompt": data.get("negative_prompt", ""),
            "model": name or "",
            "seed": data.get("seed", ""),
            "version": data.get("app_version", ""),
        }
    if text := texts.get("sd-metadata"):
        data = _json(text)
        image = data.get("image") or {}
        prompt = image.get("prompt", "")
        if isinstance(prompt, list):
            prompt = ", ".join(str(part.get("prompt", "")) for part in prompt if isinstance(part, dict))
        model = data.get("model_weights") or data.get("model", "")
        return {"generator": "InvokeAI", "prompt": prompt, "model": model, "seed": image.get("seed", "")}
    if text := texts.get("Dream"):
        quoted = re.match(r'"(.*)"(.*)', text[:100_000], re.DOTALL)
        seed = re.search(r"-S\s?(\d+)", quoted[2]) if quoted else None
        return {"generator": "InvokeAI", "prompt": quoted[1], "seed": seed[1] if seed else ""} if quoted else None
    graph = texts.get("invokeai_graph") or texts.get("invokeai_workflow")
    if not graph:
        return None
    made = re.search(r'"type"\s*:\s*"[\w.]*(?:denoise|t2l|text_to_latents|noise)\w*"', graph[:4_000_000])
    return {"generator": "InvokeAI", "direction": "AI" if made else "edited"}


def _novelai(listed: Texts) -> Settings | None:
    """PNG: one chunk a key. WebP: the same keys as one JSON object in EXIF."""
    texts = _first(listed)
    for text in _free(listed):
        if '"NovelAI' in text[:1_000_000] and text.lstrip().startswith("{"):
            inner = _json(text)
            texts |= {key: value for key, value in inner.items() if isinstance(value, str)}
    if texts.get("Software", "").strip() != "NovelAI":
        return None
    comment = texts.get("Comment", "")
    settings = _json(comment) if comment.startswith("{") else {}
    return {
        "generator": "NovelAI",
        "prompt": texts.get("Description") or settings.get("prompt", ""),
        "negative_prompt": settings.get("uc", ""),
        "model": texts.get("Source", ""),
        "seed": settings.get("seed", ""),
        "steps": settings.get("steps", ""),
    }


def _easy_diffusion(listed: Texts) -> Settings | None:
    texts = _first(listed)
    model = texts.get("use_stable_diffusion_model") or texts.get("Stable Diffusion model")
    if not model:
        return None
    seed = texts.get("seed") or texts.get("Seed", "")
    prompt = texts.get("prompt", texts.get("Prompt", ""))
    return {"generator": "Easy Diffusion", "prompt": prompt, "model": model, "seed": seed}


UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
JOB = re.compile(rf"\bJob ID: ({UUID})")
FLAGS = re.compile(
    r"(?:^|\s)(?:--|—|–)(?:v|ar|niji|style|stylize|s|chaos|c|q|raw|sref|oref|profile|p|seed|weird|sd|hd|draft)\b"
)


def _midjourney(texts: Texts) -> Settings | None:
    """A prompt with its flags and a job number. The number alone may be any print shop's."""
    for key, text in texts:
        if key.lower() == "description" and (job := JOB.search(text[:100_000])):
            prompt = text[: job.start()]
            return {"generator": "Midjourney", "prompt": prompt, "job": job[1]} if FLAGS.search(prompt) else None
    return None


SIGNED = re.compile(r"Signature:\s*([A-Za-z0-9+/\s]{80,}={0,2})\s*")


def _xai(texts: Texts) -> Settings | None:
    """Grok writes a signature as description and the picture's UUID as author, and no name."""
    authors = [text for key, text in texts if key.lower() in ("author", "artist")]
    if not any(re.fullmatch(UUID, text.strip(), re.I) for text in authors):
        return None
    for key, text in texts:
        said = SIGNED.fullmatch(text[:4000]) if key.lower() == "description" else None
        if said and _is_base64(said[1]):
            return {"generator": "xAI (Grok)", "signature": said[1]}
    return None


def _is_base64(text: str) -> bool:
    packed = "".join(text.split()).rstrip("=")
    try:
        return len(base64.b64decode(packed + "=" * (-len(packed) % 4))) >= 48
    except (binascii.Error, ValueError):
        return False


READERS: tuple[Callable[[Texts], Settings | None], ...] = (
    _novelai,
    _as_json,
    _settings,
    _graph,
    _invokeai,
    _easy_diffusion,
    _midjourney,
    _xai,
    _enlarged,
)
