// Functions that run in the page, each alone: nothing from outside of them is there.

// The bytes of a picture as a data: address, with the page's own rights; null where these do not reach.
export async function readPicture(address) {
  try {
    const response = await fetch(address, { credentials: "include" });
    if (!response.ok) return null;
    const blob = await response.blob();
    return await new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.onerror = reject;
      reader.readAsDataURL(blob);
    });
  } catch {
    return null;
  }
}

// A small sheet beside the picture: what is known so far. A second call for the same picture replaces the first.
export function showBadge(address, told) {
  const COLOURS = { REAL: "#0072b2", FAKE: "#b54f00", INCONCLUSIVE: "#6f6a86" };
  const WORDS = { REAL: "Real photograph", FAKE: "AI-generated", INCONCLUSIVE: "Inconclusive" };
  const SIGNS = { REAL: "◉", FAKE: "✦", INCONCLUSIVE: "?" };
  const picture = [...document.images].find((one) => one.currentSrc === address || one.src === address);
  for (const old of document.querySelectorAll("aidetect-badge")) {
    if (old.dataset.picture === address) old.remove();
  }
  const host = document.createElement("aidetect-badge");
  host.dataset.picture = address;
  const place = picture?.getBoundingClientRect() ?? { left: 16, top: 16 };
  const left = Math.max(0, Math.min(place.left, innerWidth - 300)) + scrollX + 8;
  const top = Math.max(0, place.top) + scrollY + 8;
  host.style.cssText = `all: initial; position: absolute; z-index: 2147483647; left: ${left}px; top: ${top}px`;
  const root = host.attachShadow({ mode: "open" });
  const box = document.createElement("div");
  box.setAttribute("role", "status");
  box.style.cssText =
    "font: 14px/1.4 system-ui, sans-serif; color: #1b1b28; background: #fff; border-radius: 10px; padding: 10px 12px;" +
    "box-shadow: 0 4px 24px rgb(0 0 0 / .3); max-width: 280px; display: grid; gap: 4px; border-left: 5px solid " +
    (COLOURS[told.outcome] ?? "#5b5b70");
  const head = document.createElement("div");
  head.style.cssText = "display: flex; gap: 12px; justify-content: space-between; align-items: start";
  const word = document.createElement("strong");
  word.textContent = told.outcome ? `${SIGNS[told.outcome]} ${WORDS[told.outcome]}` : told.title;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", "Close");
  close.style.cssText = "all: unset; cursor: pointer; font-size: 18px; line-height: 1; padding: 2px 6px";
  close.addEventListener("click", () => host.remove());
  head.append(word, close);
  box.append(head);
  const add = (tag, text) => {
    const element = document.createElement(tag);
    element.textContent = text;
    box.append(element);
    return element;
  };
  if (told.sentence) add("span", told.sentence);
  if (told.outcome) add("small", "A strong hint, not proof.").style.color = "#5b5b70";
  if (told.page) {
    const link = add("a", "See the evidence");
    Object.assign(link, { href: told.page, target: "_blank", rel: "noopener noreferrer" });
    link.style.color = "#3b3f8f";
  }
  root.append(box);
  document.documentElement.append(host);
}
