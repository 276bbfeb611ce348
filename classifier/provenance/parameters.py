"""Settings as text: "prompt. Negative prompt: … Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512".

AUTOMATIC1111 began it; Forge, SD.Next, Fooocus, Civitai and many others write the same, in one line or in several.
"Steps: 8412, Distance: 6.2 km" is a walk: only values of the known grammar count, and only several of them together.
"""

import re

from classifier.provenance.evidence import Settings

SAMPLERS = (
    r"(?:k_|sde|euler|heun|lms|dpm|ddim|ddpm|plms|uni_?pc|lcm|restart|res_|ipndm|deis|tcd|er_sde|undefined|karras|flowmatch"
    r"|flow match|sa_solver|gradient_estimation|kohaku|extreme|turbo|pndm|ancestral)"
)
END = r"(?=\s*(?:[,;.\n]|$))"
GRAMMAR = {
    "steps": re.compile(rf"\bSteps:\s*(\d{{1,4}}){END}", re.I),
    "sampler": re.compile(rf"\bSampler(?: name)?:\s*({SAMPLERS}[^,;\n]{{0,60}})", re.I),
    "cfg": re.compile(rf"\b(?:(?:Distilled )?CFG(?: scale)?|Guidance(?: scale)?):\s*(\d{{1,3}}(?:\.\d+)?){END}", re.I),
    "seed": re.compile(rf"\bSeed:\s*(-?\d{{1,20}}){END}", re.I),
    "size": re.compile(rf"\bSize:\s*(\d{{2,5}}\s?[x×]\s?\d{{2,5}}){END}", re.I),
    "model": re.compile(r"\b(?:Base )?Model(?: hash)?:\s*([^,;\n]{1,120})", re.I),
}
NEGATIVE = re.compile(r"\bNegative prompt:", re.I)
SETTING = re.compile(r'\s*(\w[\w \-/]*):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
ENLARGED = re.compile(r"\bPostprocess upscale(?:r| by| to)?:\s*([^,\n]{1,60})", re.I)
LONGEST = 200_000


def read_settings(text: str) -> Settings | None:
    """Prompt and settings of a text, None when it holds none. Of sampler, seed, CFG, model and size two must be there,
    one of them sampler, seed or CFG, together with steps, a sampler that is known, CFG or a negative prompt."""
    text = text[:LONGEST]
    if "eed" not in text and "ampler" not in text and "CFG" not in text.upper():
        return None
    line = _line_of_settings(text)
    found = {name: said[1].strip() for name, pattern in GRAMMAR.items() if (said := pattern.search(line))}
    if not _convinces(found, bool(NEGATIVE.search(text))):
        return None
    begin = text.rindex(line)
    prompt, _, negative = _split(text[:begin])
    return _named({**found, "prompt": prompt, "negative_prompt": negative}, line)


def _line_of_settings(text: str) -> str:
    """From the last "Steps:", or the first setting without it, to the end of its line."""
    starts = [said.start() for said in GRAMMAR["steps"].finditer(text)][-1:]
    starts = starts or [min((m.start() for p in GRAMMAR.values() if (m := p.search(text))), default=0)]
    return text[starts[0] :].split("\n")[0]


def _convinces(found: dict[str, str], negative: bool) -> bool:
    strong = {"sampler", "seed", "cfg"} & set(found)
    if not strong or len(found.keys() - {"steps"}) < 2:
        return False
    if {"sampler", "cfg"} & set(found) or negative:
        return "steps" in found or negative or len(found) >= 3
    return "steps" in found and (len(found["seed"]) >= 4 or len(found) >= 4)


def _split(before: str) -> tuple[str, str, str]:
    said = NEGATIVE.search(before)
    parts = (before[: said.start()], ":", before[said.end() :]) if said else (before, "", "")
    return parts[0].strip(" ,.\n"), parts[1], parts[2].strip(" ,.\n")


def _named(found: dict[str, str], line: str) -> Settings:
    settings = {key.strip().lower(): value.strip().strip('"') for key, value in SETTING.findall(line)[:60]}
    version = settings.get("version", "")
    fooocus = "fooocus" in version.lower()
    generator = "Fooocus" if fooocus else "SD.Next" if "app" in settings else "AUTOMATIC1111"
    return {
        "generator": generator,
        "prompt": found["prompt"],
        "negative_prompt": found["negative_prompt"],
        "model": settings.get("model") or settings.get("base model") or found.get("model", ""),
        "seed": found.get("seed", ""),
        "sampler": settings.get("sampler") or found.get("sampler", ""),
        "steps": found.get("steps", ""),
        "version": version,
    }


def enlarged_with(text: str) -> str:
    """What enlarged a picture that was not generated (AUTOMATIC1111's "Extras"), "" for other texts."""
    said = re.search(r"\bPostprocess upscaler:\s*([^,\n]{1,60})", text[:LONGEST], re.I) or ENLARGED.search(
        text[:LONGEST]
    )
    return said[1].strip() if said else ""
