"""Settings as JSON, of whichever program: a prompt or steps, and two of sampler, seed, CFG, model and size."""

import json
from typing import cast

from classifier.provenance.evidence import Settings
from classifier.provenance.names import known_generator

Value = str | int | float
Object = dict[str, object]

KEYS = {
    "prompt": ("prompt", "positive_prompt", "positiveprompt", "positive", "text_prompt", "input_prompt"),
    "negative_prompt": ("negative_prompt", "negativeprompt", "negative"),
    "steps": ("steps", "num_inference_steps", "step", "sampling_steps"),
    "sampler": ("sampler", "sampler_name", "samplername", "scheduler", "sampling_method", "schedulername"),
    "seed": ("seed", "noise_seed", "seeds", "image_seed", "random_seed"),
    "cfg": ("cfg", "cfg_scale", "cfgscale", "guidance", "guidance_scale", "guidancescale", "distilled_cfg"),
    "model": ("model", "base_model", "base_model_name", "basemodel", "ckpt", "checkpoint", "model_name", "modelname",
              "models", "model_weights", "sd_model", "mflux_version", "resources", "model_id", "checkpoint_name"),
    "size": ("size", "resolution", "width", "image_size", "dimensions"),
}  # fmt: skip
DRAW_THINGS = {"c": "prompt", "uc": "negative_prompt", "scale": "cfg"}
"""Draw Things' short keys; in any other company they may mean anything."""
INSIDE = (
    "sui_image_params",
    "extraMetadata",
    "metadata",
    "image",
    "generation_data",
    "parameters",
    "params",
    "settings",
    "v2",
)
"""Keys under which programs nest their settings, as an object or as JSON once more."""


def read(text: str, fooocus: bool = False) -> Settings | None:
    """Prompt and settings, None when the text holds none. fooocus: another field says that they are Fooocus's.
    Raises ValueError or RecursionError when it is no JSON."""
    data, _ = json.JSONDecoder().raw_decode(text[:4_000_000].lstrip())  # TensorArt ends its JSON with a NUL
    if not isinstance(data, dict) or any(isinstance(part, dict) and "class_type" in part for part in data.values()):
        return _of_graph(data) if isinstance(data, dict) else None
    if {"c", "model", "sampler", "seed"} <= set(data):
        data = {"software": "Draw Things", **{DRAW_THINGS.get(key, key): value for key, value in data.items()}}
    for part in (data, *_nested(data)):
        found = {name: _value(part, keys) for name, keys in KEYS.items()}
        if _convinces(found) or ("sui_image_params" in data and found["prompt"]):
            return {**_settings(found), "generator": _generator(data, part, fooocus), "version": _version(data, part)}
    return None


def _of_graph(data: Object) -> Settings | None:
    """Civitai's graphs carry their settings beside the nodes; without a sampler they are left to `graphs`."""
    if "extraMetadata" not in data:
        return None
    for part in _nested(data):
        found = {name: _value(part, keys) for name, keys in KEYS.items()}
        if _convinces(found):
            return {**_settings(found), "generator": "Civitai"}
    return None


def _settings(found: dict[str, Value]) -> Settings:
    return cast(Settings, found)  # their names are those of KEYS


def _nested(data: Object) -> list[Object]:
    parts = []
    for name in INSIDE:
        inner = data.get(name)
        if isinstance(inner, str) and inner.lstrip()[:1] == "{":
            try:
                inner = json.loads(inner)
            except ValueError:
                continue
        if isinstance(inner, dict):
            parts.append(inner)
    return parts


def _value(data: Object, keys: tuple[str, ...]) -> Value:
    plain = {key.lower().replace(" ", "_").replace("-", "_"): value for key, value in list(data.items())[:400]}
    for key in keys:
        value = plain.get(key)
        if value not in (None, "", [], {}) and not isinstance(value, bool):
            return _plain(value)
    return ""


def _plain(value: object) -> Value:
    """A model may be an object with a name, or a list of them."""
    if isinstance(value, list):
        value = value[0]
    if isinstance(value, dict):
        value = next((value[key] for key in ("name", "model_name", "label", "prompt", "modelName") if key in value), "")
    return value if isinstance(value, str | int | float) else str(value)


def _convinces(found: dict[str, Value]) -> bool:
    known = {name for name, value in found.items() if value != ""}
    settings = known & {"sampler", "seed", "cfg", "model", "size"}
    return bool(known & {"prompt", "steps"}) and len(settings) >= 2 and bool(settings & {"sampler", "seed", "cfg"})


def _version(data: Object, part: Object) -> str:
    said = [
        source.get(key)
        for source in (part, data)
        for key in ("swarm_version", "mflux_version", "app_version", "version")
    ]
    return next((str(value) for value in said if isinstance(value, str | int | float) and value != ""), "")


def _generator(data: Object, part: Object, fooocus: bool) -> str:
    if "sui_image_params" in data:
        return "SwarmUI"
    if "mflux_version" in part:
        return "mflux"
    if (
        fooocus
        or "fooocus" in _version(data, part).lower()
        or "fooocus" in str(part.get("metadata_scheme", "")).lower()
    ):
        return "Fooocus"
    if "samplerName" in part and "cfgScale" in part:
        return "TensorArt"
    named = [str(part.get(key, "")) for key in ("software", "app", "generator", "source", "program")]
    return next((name for text in named if text and (name := known_generator(text))), "An image generator")
