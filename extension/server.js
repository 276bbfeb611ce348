// The user's own server: what is stored about it, and the calls of its programming interface.

export const WAIT_SECONDS = 10;
const TRIES = 12;

export class Failure extends Error {} // its message is a sentence for people

export async function settings() {
  const { server = "", token = "", keep = true } = await chrome.storage.local.get(["server", "token", "keep"]);
  return { server, token, keep };
}

// "https://example.org/some/page" → "https://example.org"; throws Failure for anything that is no safe address.
export function originOf(text) {
  let url;
  try {
    url = new URL(text.trim());
  } catch {
    throw new Failure("This is not an address such as https://aidetect.example.org.");
  }
  const near = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && near)) {
    throw new Failure("The address must begin with https://, so that nobody on the way reads your token.");
  }
  return url.origin;
}

export const pattern = (origin) => `${new URL(origin).protocol}//${new URL(origin).hostname}/*`;

// A server that has no place at the moment says when to come again.
async function call(known, path, options = {}) {
  for (let tried = 0; ; tried++) {
    const response = await send(known, path, options);
    const pause = Number(response.headers.get("Retry-After"));
    if (response.status === 503 && pause > 0 && pause <= 15 && tried < 3) {
      await rest(pause);
      continue;
    }
    const said = await response.json().catch(() => null);
    if (response.ok && said) return said;
    throw new Failure(said?.detail || `${new URL(known.server).host} answered ${response.status}.`);
  }
}

// Calls in between tell the browser that this worker is not idle.
async function rest(seconds) {
  for (let left = seconds; left > 0; left -= 5) {
    await chrome.storage.session.set({ waiting: Date.now() });
    await new Promise((resume) => setTimeout(resume, 1000 * Math.min(5, left)));
  }
}

async function send(known, path, options) {
  try {
    return await fetch(`${known.server}/api/v1/${path}`, {
      ...options,
      headers: { Authorization: `Bearer ${known.token}`, ...options.headers },
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(60_000),
    });
  } catch {
    throw new Failure(`${new URL(known.server).host} does not answer.`);
  }
}

// Who the token belongs to, and what it may do.
export const introduce = (known) => call(known, "token");

// {outcome, sentence, page}: the verdict on a picture. page is null where nothing is kept.
export async function check(known, blob, name) {
  return known.keep ? upload(known, blob, name) : inspect(known, blob, name);
}

async function upload(known, blob, name) {
  const body = new FormData();
  body.append("images", blob, name);
  const key = { "Idempotency-Key": crypto.randomUUID() };
  const said = await call(known, `images?wait=${WAIT_SECONDS}`, { method: "POST", body, headers: key });
  let image = said.images[0].image;
  for (let tried = 0; image.state !== "done" && image.state !== "failed" && tried < TRIES; tried++) {
    if (tried > 0) await rest(3); // a busy server answers at once
    image = await call(known, `images/${image.uuid}?wait=${WAIT_SECONDS}`);
  }
  if (image.state === "failed") throw new Failure(image.error);
  if (image.state !== "done") throw new Failure("It still waits for its turn. Look into your history later.");
  return { outcome: image.verdict.outcome, sentence: image.verdict.sentence, page: image.links.page };
}

async function inspect(known, blob, name) {
  const body = new FormData();
  body.append("image", blob, name);
  const said = await call(known, "inspect", { method: "POST", body });
  const decided = said.evidence.find((piece) => piece.kind === said.decided_by && piece.strength !== "hints");
  return { outcome: said.outcome, sentence: decided?.summary ?? "", page: null };
}
