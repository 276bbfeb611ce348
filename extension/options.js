// The options: server, token, and whether pictures are kept. Saving asks for the right to call that one server.

import { Failure, introduce, originOf, pattern, settings } from "./server.js";

const field = (name) => document.getElementById(name);
const say = (sentence) => { field("status").textContent = sentence; };

async function fill() {
  const known = await settings();
  field("server").value = known.server;
  field("token").value = known.token;
  field("keep").checked = known.keep;
}

async function save() {
  const server = originOf(field("server").value);
  // The first thing after the click: the browser asks only then.
  if (!(await chrome.permissions.request({ origins: [pattern(server)] }))) {
    throw new Failure("Without this right the extension can't reach your server. Nothing was saved.");
  }
  const known = { server, token: field("token").value.trim(), keep: field("keep").checked };
  const who = await introduce(known);
  const needed = known.keep ? ["read", "upload"] : ["read"];
  const missing = needed.filter((scope) => !who.scopes.includes(scope));
  if (missing.length) throw new Failure(`This token lacks the scope “${missing.join("” and “")}”. Nothing was saved.`);
  const before = await settings();
  await chrome.storage.local.set(known);
  if (before.server && before.server !== server) {
    await chrome.permissions.remove({ origins: [pattern(before.server)] }).catch(() => {});
  }
  say(`It works. Pictures go to ${new URL(server).host} as ${who.user}, until ${new Date(who.expires).toLocaleDateString()}.`);
}

field("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  say("Testing …");
  try {
    await save();
  } catch (error) {
    say(error instanceof Failure ? error.message : `Something went wrong: ${error.message}`);
  }
});
fill();
