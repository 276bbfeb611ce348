// The popup: the last verdicts, and the question for a host that a picture lies on.

import { pattern } from "./server.js";

const WORDS = { REAL: "Real photograph", FAKE: "AI-generated", INCONCLUSIVE: "Inconclusive" };
const part = (name) => document.getElementById(name);

function line(said) {
  const item = document.createElement("li");
  item.className = said.outcome;
  const word = document.createElement("strong");
  word.textContent = WORDS[said.outcome] ?? "No verdict";
  const about = document.createElement("div");
  about.className = "quiet";
  about.textContent = said.outcome ? said.address : said.sentence;
  item.append(word, about);
  if (said.page) {
    const link = document.createElement("a");
    Object.assign(link, { href: said.page, target: "_blank", rel: "noopener noreferrer", textContent: "See the evidence" });
    item.append(link);
  }
  return item;
}

const { latest = [], asked } = await chrome.storage.session.get(["latest", "asked"]);
part("latest").append(...latest.map(line));
part("empty").hidden = latest.length > 0;
if (asked) {
  part("ask").hidden = false;
  part("question").textContent = `A picture lies on ${new URL(asked.origin).host}. Let aidetect read pictures from there?`;
  part("allow").addEventListener("click", async () => {
    if (!(await chrome.permissions.request({ origins: [pattern(asked.origin)] }))) return;
    await chrome.storage.session.remove("asked");
    part("ask").hidden = true;
    chrome.runtime.sendMessage({ type: "again", info: asked.info, tab: asked.tab });
    window.close();
  });
}
