"""What image generators write into their files: prompts, settings, names. Each format is parsed, not searched for.

Formats: AUTOMATIC1111 and its kin ("Steps: …, Sampler: …"), ComfyUI (graph as JSON), InvokeAI, NovelAI, Fooocus, Draw
Things, SwarmUI, Easy Diffusion, Midjourney; and programs that sign with their name in EXIF, XMP or PNG text.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from classifier.provenance.evidence import Evidence, clean, only_filled

Found = dict[str, Any]

NAMES: tuple[tuple[str, str], ...] = (
    (r"midjourney", "Midjourney"),
    (r"dall[-· ]?e\b", "DALL·E"),
    (r"chatgpt|openai|gpt-image", "OpenAI"),
    (r"stable[ _-]?diffusion|stability_diffusion|stability\.?\s?ai|dreamstudio|sdxl", "Stable Diffusion"),
    (r"novel ?ai", "NovelAI"),
    (r"comfyui", "ComfyUI"),
    (r"automatic1111|stable-diffusion-webui|sd\.next", "AUTOMATIC1111"),
    (r"invoke ?ai", "InvokeAI"),
    (r"fooocus", "Fooocus"),
    (r"swarmui", "SwarmUI"),
    (r"draw things", "Draw Things"),
    (r"diffusionbee", "DiffusionBee"),
    (r"mochi diffusion", "Mochi Diffusion"),
    (r"adobe firefly", "Adobe Firefly"),
    (r"bing image creator|microsoft designer|image creator from", "Microsoft"),
    (r"google imagen|imagen [234]\b|nano banana|gemini image|google gemini", "Google"),
    (r"imagined with ai|meta ai\b", "Meta AI"),
    (r"leonardo\.ai|leonardo ai\b", "Leonardo.Ai"),
    (r"ideogram\b", "Ideogram"),
    (r"black forest labs|\bflux\.[12]", "FLUX"),
    (r"playground ?ai|playground\.com", "Playground"),
    (r"nightcafe", "NightCafe"),
    (r"starry ?ai", "StarryAI"),
    (r"craiyon", "Craiyon"),
    (r"artbreeder", "Artbreeder"),
    (r"recraft\b", "Recraft"),
    (r"\bkrea\.ai|krea ai\b", "Krea"),
    (r"this ?person ?does ?not ?exist", "StyleGAN"),
)
_NAMES = [(re.compile(pattern, re.IGNORECASE), name) for pattern, name in NAMES]


def known_generator(text: str) -> str:
    """The generator that a program's name stands for, "" for any other program."""
    return next((name for pattern, name in _NAMES if pattern.search(text[:300])), "")


def evidence_of(texts: list[tuple[str, str]], signed: Mapping[str, str]) -> list[Evidence]:
    """Generators' settings in text chunks and comments, then their names. texts: (keyword, text). signed: {where: text}
    of fields in which programs name themselves, such as EXIF Software or XMP CreatorTool."""
    by_key: dict[str, str] = {}
    for key, text in texts:
        by_key.setdefault(key, text)
    for reader in READERS:
        try:
            found = reader(by_key)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
            continue  # it only looked like that generator's format
        if found:
            return [_declares(found)]
    for where, text in signed.items():
        if name := known_generator(text):
            details = {"generator": name, where: clean(text, 300)}
            return [
                Evidence("generator", "declares", "AI", f"The file names {name} as the program that made it.", details)
            ]
    return []


def _declares(found: Found) -> Evidence:
    details = only_filled((key, _bounded(value)) for key, value in found.items())
    what = "its prompt and settings" if "prompt" in details else "its settings"
    return Evidence("generator", "declares", "AI", f"{found['generator']} wrote {what} into the file.", details)


def _bounded(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value if isinstance(value, int | float) else clean(str(value))


def _json(text: str) -> Any:
    return json.loads(text[:4_000_000])


STEPS = re.compile(r"^Steps: \d+, ", re.MULTILINE)
SETTING = re.compile(r'\s*(\w[\w \-/]*):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
IN_TEXT = ("parameters", "comment", "UserComment", "Comment", "Description", "Parameters")


def _automatic1111(texts: Mapping[str, str]) -> Found | None:
    """Prompt, a line "Negative prompt: …", a line "Steps: 20, Sampler: …, Seed: …"; in PNG text or EXIF UserComment."""
    text = next((texts[key] for key in IN_TEXT if key in texts and STEPS.search(texts[key][:200_000])), None)
    if text is None:
        return None
    text = text[:200_000]
    last = list(STEPS.finditer(text))[-1]
    before, line = text[: last.start()].strip(), text[last.start() :].split("\n")[0]
    prompt, _, negative = before.partition("Negative prompt:")
    settings = {key.strip().lower(): value.strip().strip('"') for key, value in SETTING.findall(line)[:60]}
    version = settings.get("version", "")
    generator = "Fooocus" if "fooocus" in version.lower() else "SD.Next" if "app" in settings else "AUTOMATIC1111"
    return {
        "generator": generator,
        "prompt": prompt.strip(),
        "negative_prompt": negative.strip(),
        "model": settings.get("model", settings.get("base model", "")),
        "seed": settings.get("seed", ""),
        "sampler": settings.get("sampler", ""),
        "steps": settings.get("steps", ""),
        "version": version,
    }


def _comfyui(texts: Mapping[str, str]) -> Found | None:
    """The graph of nodes as JSON under "prompt", the editor's view of it under "workflow"; WebP and JPEG carry both in
    EXIF Make, Model and ImageDescription as "prompt:{…}"."""
    raw = {name: texts.get(name) for name in ("prompt", "workflow")}
    for text in texts.values():
        for name in raw:
            if raw[name] is None and text[: len(name) + 2].lower().startswith(f"{name}:") and "{" in text[:12]:
                raw[name] = text[len(name) + 1 :]
    graph = _json(raw["prompt"].replace("NaN", "null")) if raw["prompt"] else None
    workflow = _json(raw["workflow"]) if raw["workflow"] else None
    is_graph = isinstance(graph, dict) and any(
        isinstance(node, dict) and "class_type" in node for node in graph.values()
    )
    is_workflow = isinstance(workflow, dict) and isinstance(workflow.get("nodes"), list)
    if not is_graph and not is_workflow:
        return None
    found: Found = {"generator": "ComfyUI"}
    nodes = [node for node in graph.values() if isinstance(node, dict)] if is_graph and isinstance(graph, dict) else []
    for node in nodes[:2000]:
        kind, inputs = str(node.get("class_type", "")), node.get("inputs")
        if not isinstance(inputs, dict):
            continue
        for name in ("seed", "noise_seed"):
            if isinstance(inputs.get(name), int):
                found.setdefault("seed", inputs[name])
        for name in ("ckpt_name", "unet_name", "model_name"):
            if isinstance(inputs.get(name), str) and "Loader" in kind:
                found.setdefault("model", inputs[name])
        for name in ("text", "text_g", "prompt"):
            if isinstance(inputs.get(name), str) and inputs[name].strip() and "Text" in kind:
                found.setdefault("prompt", inputs[name])
    return found


def _invokeai(texts: Mapping[str, str]) -> Found | None:
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
    if "invokeai_graph" in texts or "invokeai_workflow" in texts:
        return {"generator": "InvokeAI"}
    return None


def _novelai(texts: Mapping[str, str]) -> Found | None:
    if texts.get("Software", "").strip() != "NovelAI":
        return None
    settings = _json(texts["Comment"]) if texts.get("Comment", "").startswith("{") else {}
    return {
        "generator": "NovelAI",
        "prompt": texts.get("Description") or settings.get("prompt", ""),
        "negative_prompt": settings.get("uc", ""),
        "model": texts.get("Source", ""),
        "seed": settings.get("seed", ""),
        "steps": settings.get("steps", ""),
    }


def _swarmui(texts: Mapping[str, str]) -> Found | None:
    for text in texts.values():
        if "sui_image_params" in text[:200] and text.lstrip().startswith("{"):
            data = _json(text)["sui_image_params"]
            return {
                "generator": "SwarmUI",
                "prompt": data.get("prompt", ""),
                "negative_prompt": data.get("negativeprompt", ""),
                "model": data.get("model", ""),
                "seed": data.get("seed", ""),
                "version": data.get("swarm_version", ""),
            }
    return None


def _fooocus(texts: Mapping[str, str]) -> Found | None:
    """Fooocus's own scheme: JSON under "parameters" or in EXIF UserComment, announced by "fooocus_scheme"."""
    for key in IN_TEXT:
        text = texts.get(key, "")
        if text.lstrip().startswith("{"):
            data = _json(text)
            version = str(data.get("version", ""))
            if "base_model" in data and ("fooocus" in version.lower() or "fooocus_scheme" in texts):
                return {
                    "generator": "Fooocus",
                    "prompt": data.get("prompt", ""),
                    "negative_prompt": data.get("negative_prompt", ""),
                    "model": data["base_model"],
                    "seed": data.get("seed", ""),
                    "version": version,
                }
    return None


def _draw_things(texts: Mapping[str, str]) -> Found | None:
    """JSON with short keys (c: prompt, uc: negative) in EXIF or XMP UserComment."""
    for key in IN_TEXT:
        text = texts.get(key, "")
        if text.lstrip().startswith("{"):
            data = _json(text)
            if {"c", "model", "sampler", "seed"} <= set(data):
                return {
                    "generator": "Draw Things",
                    "prompt": data["c"],
                    "negative_prompt": data.get("uc", ""),
                    "model": data["model"],
                    "seed": data["seed"],
                }
    return None


def _easy_diffusion(texts: Mapping[str, str]) -> Found | None:
    model = texts.get("use_stable_diffusion_model") or texts.get("Stable Diffusion model")
    if not model:
        return None
    seed = texts.get("seed") or texts.get("Seed", "")
    return {
        "generator": "Easy Diffusion",
        "prompt": texts.get("prompt", texts.get("Prompt", "")),
        "model": model,
        "seed": seed,
    }


JOB = re.compile(r"\bJob ID: [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _midjourney(texts: Mapping[str, str]) -> Found | None:
    text = next(
        (text for key, text in texts.items() if key in ("Description", "description") and JOB.search(text)), None
    )
    if text is None:
        return None
    return {
        "generator": "Midjourney",
        "prompt": JOB.split(text)[0],
        "job": JOB.findall(text)[0].removeprefix("Job ID: "),
    }


READERS: tuple[Callable[[Mapping[str, str]], Found | None], ...] = (
    _novelai,
    _swarmui,
    _fooocus,
    _draw_things,
    _automatic1111,
    _comfyui,
    _invokeai,
    _easy_diffusion,
    _midjourney,
)
