// The menu on pictures, and what follows a click on it: bytes → the user's server → a badge.

import { readPicture, showBadge } from "./inpage.js";
import { check, Failure, pattern, settings } from "./server.js";

const SHORT = { REAL: "REAL", FAKE: "AI", INCONCLUSIVE: "?" };
const COLOURS = { REAL: "#0072b2", FAKE: "#b54f00", INCONCLUSIVE: "#6f6a86" };
const LARGEST = 100_000_000;

chrome.runtime.onInstalled.addListener(async ({ reason }) => {
  await chrome.contextMenus.removeAll();
  chrome.contextMenus.create({ id: "check", title: "Photograph or AI-generated?", contexts: ["image"] });
  if (reason === "install") chrome.runtime.openOptionsPage();
});

chrome.contextMenus.onClicked.addListener((info, tab) => checkPicture(info, tab));
chrome.runtime.onMessage.addListener((message, sender, answer) => {
  if (sender.id !== chrome.runtime.id || message.type !== "again") return false;
  checkPicture(message.info, message.tab).then(answer); // from the popup, after a host was allowed
  return true;
});

export async function checkPicture(info, tab) {
  const known = await settings();
  if (!known.server || !known.token) {
    await chrome.runtime.openOptionsPage();
    return;
  }
  const show = (told) => tell(info, tab, told);
  await show({ title: "Looking …" });
  try {
    const blob = await bytesOf(info, tab);
    if (!blob) return; // the popup asks for more rights
    if (blob.size > LARGEST) throw new Failure("The picture is larger than 100 MB.");
    const said = await check(known, blob, nameOf(info.srcUrl));
    await show(said);
    await remember({ ...said, address: shortened(info.srcUrl) });
  } catch (error) {
    const sentence = error instanceof Failure ? error.message : "Something went wrong in the extension.";
    await show({ title: "No verdict", sentence });
    await remember({ outcome: "", sentence, page: null, address: shortened(info.srcUrl) });
  }
}
self.checkPicture = checkPicture;

// With the page's own rights first; with the extension's where the user allowed the picture's host.
async function bytesOf(info, tab) {
  const inFrame = { tabId: tab.id, frameIds: [info.frameId ?? 0] };
  const [found] = await chrome.scripting
    .executeScript({ target: inFrame, func: readPicture, args: [info.srcUrl] })
    .catch(() => []);
  if (found?.result) return (await fetch(found.result)).blob();
  const origin = new URL(info.srcUrl).origin;
  if (!/^https?:/.test(origin)) throw new Failure("The page does not give this picture away.");
  if (!(await chrome.permissions.contains({ origins: [pattern(origin)] }))) {
    await chrome.storage.session.set({ asked: { info, tab: { id: tab.id }, origin } });
    const host = new URL(origin).host;
    const sentence = `The picture lies on ${host}. Click on the icon of aidetect to allow it to be read from there.`;
    await tell(info, tab, { title: "One more click", sentence });
    return null;
  }
  const response = await fetch(info.srcUrl, { credentials: "omit" }).catch(() => null);
  if (!response?.ok) throw new Failure("The picture could not be read from its address.");
  return response.blob();
}

async function tell(info, tab, told) {
  const badge = SHORT[told.outcome] ?? (told.title === "Looking …" ? "…" : "!");
  await chrome.action.setBadgeText({ tabId: tab.id, text: badge });
  await chrome.action.setBadgeBackgroundColor({ tabId: tab.id, color: COLOURS[told.outcome] ?? "#5b5b70" });
  const inFrame = { tabId: tab.id, frameIds: [info.frameId ?? 0] };
  await chrome.scripting
    .executeScript({ target: inFrame, func: showBadge, args: [info.srcUrl, told] })
    .catch(() => {}); // a page that lets nobody in; the icon's badge and the popup say it
}

async function remember(said) {
  const { latest = [] } = await chrome.storage.session.get("latest");
  await chrome.storage.session.set({ latest: [said, ...latest].slice(0, 10) });
}

const shortened = (address) => (address.startsWith("data:") ? "a picture in the page" : address.slice(0, 300));

function nameOf(address) {
  if (!/^https?:/.test(address)) return "picture";
  return decodeURIComponent(new URL(address).pathname.split("/").pop() || "picture").slice(0, 120);
}
