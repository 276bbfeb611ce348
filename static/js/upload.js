// Enhances the upload form: previews, removal, folders, dropping anywhere on the page, pasting, early size check, progress
// with the time left. Several files travel as a batch, in small requests. The form works without any of it.
(function () {
  const form = document.querySelector("[data-upload]");
  if (!form) return;
  const input = form.querySelector('input[type="file"]');
  const folder = form.querySelector("[data-folder]");
  const drop = form.querySelector(".drop");
  const list = form.querySelector(".chosen");
  const button = form.querySelector('[type="submit"]');
  const status = form.querySelector("[data-upload-status]");
  const nameField = form.querySelector("[data-batch-name]");
  const most = Number(drop.dataset.most);
  const together = Number(drop.dataset.files);
  const megabytes = Number(drop.dataset.megabytes);
  const batchMegabytes = Number(drop.dataset.batchMegabytes);
  const SHOWN = 50;
  const AT_ONCE = 32e6; // bytes in one request
  let files = [];

  const size = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
  const pathOf = (file) => file.path || file.webkitRelativePath || file.name;
  const isZip = (file) => file.name.toLowerCase().endsWith(".zip");
  const hidden = (path) => path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX" || part === "Thumbs.db");
  const limitOf = (file) => (isZip(file) ? batchMegabytes : megabytes) * 1e6;
  const key = (file) => `${pathOf(file)}:${file.size}:${file.lastModified}`;

  function keep(chosen) {
    const known = new Set(files.map(key));
    files = files.concat([...chosen].filter((file) => !known.has(key(file)) && !hidden(pathOf(file))));
    if (most === 1) files = files.slice(-1); // the last one that was chosen, dropped or pasted
    show();
  }

  function show() {
    const transfer = new DataTransfer();
    files.slice(0, together).forEach((file) => transfer.items.add(file));
    input.files = transfer.files;
    input.required = !files.length;
    const rows = files.slice(0, SHOWN).map(row);
    if (files.length > SHOWN) {
      const more = document.createElement("li");
      more.textContent = `… and ${(files.length - SHOWN).toLocaleString("en")} more.`;
      rows.push(more);
    }
    list.replaceChildren(...rows);
    const word = files.length === 1 ? "image" : "images";
    const count = files.length.toLocaleString("en");
    status.textContent = files.length > most
      ? `${count} files chosen; at most ${most.toLocaleString("en")} make a batch. Remove some.`
      : files.length ? `${count} ${word} chosen.` : "";
    button.value = most === 1 ? "Check the picture" : files.length ? `Check ${count} ${word}` : "Check images";
    if (nameField) nameField.hidden = files.length < 2 && !files.some(isZip);
  }

  function row(file, index) {
    const item = document.createElement("li");
    const text = document.createElement("span");
    text.textContent = `${pathOf(file)} · ${size(file.size)}`;
    if (file.size > limitOf(file)) {
      const bad = document.createElement("span");
      bad.className = "bad";
      bad.textContent = `Larger than ${limitOf(file) / 1e6} MB: it will be refused.`;
      text.append(bad);
    }
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "btn btn-quiet";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove ${file.name}`);
    remove.onclick = () => { files.splice(index, 1); show(); input.focus(); };
    item.append(preview(file), text, remove);
    return item;
  }

  function preview(file) {
    const picture = document.createElement("img");
    picture.className = "preview";
    picture.alt = "";
    picture.src = URL.createObjectURL(file);
    picture.onload = () => URL.revokeObjectURL(picture.src);
    picture.onerror = () => { const blank = document.createElement("span"); blank.className = "preview"; picture.replaceWith(blank); };
    return picture;
  }

  // --- choosing: dialog, folder, dropping, pasting
  input.addEventListener("change", () => keep(input.files));
  if (folder) folder.addEventListener("click", () => {
    const chooser = document.createElement("input");
    chooser.type = "file";
    chooser.webkitdirectory = true;
    chooser.addEventListener("change", () => keep(chooser.files));
    chooser.click();
  });

  const carriesFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  let inside = 0;
  document.addEventListener("dragenter", (event) => { if (carriesFiles(event)) { inside += 1; drop.classList.add("over"); } });
  document.addEventListener("dragleave", (event) => {
    if (carriesFiles(event)) { inside = Math.max(0, inside - 1); if (!inside) drop.classList.remove("over"); }
  });
  document.addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    inside = 0;
    drop.classList.remove("over");
    keep(await dropped(event.dataTransfer));
  });

  async function dropped(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
    if (!entries.some((entry) => entry.isDirectory)) return transfer.files;
    const found = [];
    for (const entry of entries) await walk(entry, found);
    return found;
  }

  async function walk(entry, found) {
    if (found.length > most || hidden(entry.fullPath)) return;
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      file.path = entry.fullPath.replace(/^\//, "");
      found.push(file);
      return;
    }
    const reader = entry.createReader();
    for (;;) { // a hundred at a time, until none comes
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return;
      for (const one of some) await walk(one, found);
    }
  }

  document.addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData ? event.clipboardData.files : [])];
    if (!pasted.length) return;
    event.preventDefault();
    const stamp = new Date().toISOString().slice(0, 19).replace(/[T:]/g, "-");
    keep(pasted.map((file, index) => {
      const extension = (file.type.split("/")[1] || "png").replace("jpeg", "jpg");
      const plain = /^image\.\w+$/.test(file.name);
      return plain ? new File([file], `pasted-${stamp}${index || ""}.${extension}`, { type: file.type }) : file;
    }));
  });

  // --- sending
  const token = () => form.querySelector('[name="csrfmiddlewaretoken"]').value;

  class Refused extends Error {
    constructor(sentences) { super(sentences[0]); this.sentences = sentences; }
  }

  function post(address, data, onprogress) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.upload.onprogress = (event) => { if (onprogress && event.lengthComputable) onprogress(event.loaded, event.total); };
      request.onload = () => {
        // With this header the server answers {location} or {errors}; messages wait in the session for the next page.
        let answer = null;
        try { answer = JSON.parse(request.responseText); } catch { /* an error page: said below */ }
        if (answer && !answer.errors && request.status < 400) resolve(answer);
        else reject(new Refused((answer && answer.errors) || ["The server could not take this upload. Reload the page and try again."]));
      };
      request.onerror = () => reject(new Error("cut off"));
      request.open("POST", address);
      request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
      request.setRequestHeader("X-CSRFToken", token());
      request.send(data);
    });
  }

  async function patiently(address, makeData, onprogress) {
    for (const pause of [1, 3, 9, 0]) {
      try { return await post(address, makeData(), onprogress); } catch (error) {
        if (error instanceof Refused || !pause) throw error;
        await new Promise((resolve) => setTimeout(resolve, pause * 1000));
      }
    }
    return null;
  }

  function bar() {
    const meter = document.createElement("progress");
    meter.max = 1;
    meter.setAttribute("aria-label", "Upload progress");
    const words = document.createElement("span");
    status.replaceChildren(meter, words);
    const begun = Date.now();
    return (share, said) => {
      if (share >= 1) meter.removeAttribute("value"); else meter.value = share;
      const left = share > 0.02 ? Math.round(((Date.now() - begun) / 1000) * (1 / share - 1)) : 0;
      const time = left > 90 ? `, about ${Math.round(left / 60)} min left` : left > 3 ? `, about ${left} s left` : "";
      words.textContent = said ? `${said}${time}.` : "";
    };
  }

  function sendForm(chosen, told, address) {
    const data = new FormData(form);
    data.delete("images");
    chosen.forEach((file) => data.append("images", file));
    return post(address || form.action || location.href, data, (loaded, total) => told(loaded / total, "Sending"));
  }

  function groups(chosen) {
    const found = [[]];
    let bytes = 0;
    chosen.forEach((file) => {
      const weight = file.size > limitOf(file) ? 0 : file.size;
      const last = found[found.length - 1];
      if (last.length && (last.length >= Math.min(together, 10) || bytes + weight > AT_ONCE)) { found.push([]); bytes = 0; }
      found[found.length - 1].push(file);
      bytes += weight;
    });
    return found;
  }

  async function sendBatch(chosen, told) {
    const opening = new FormData(form);
    opening.delete("images");
    opening.append("expected", chosen.length);
    opening.append("size", chosen.reduce((sum, file) => sum + (file.size > limitOf(file) ? 0 : file.size), 0));
    if (!opening.get("name")) opening.set("name", commonFolder(chosen));
    const batch = await post(drop.dataset.start, opening);
    const all = chosen.reduce((sum, file) => sum + file.size, 1);
    let sent = 0, count = 0;
    for (const group of groups(chosen)) {
      const weight = group.reduce((sum, file) => sum + file.size, 0);
      const data = () => {
        const made = new FormData();
        group.forEach((file) => {
          if (file.size > limitOf(file)) { made.append("large", pathOf(file)); made.append("bytes", file.size); return; }
          made.append("images", file);
          made.append("path", pathOf(file));
        });
        return made;
      };
      const said = () => `${count.toLocaleString("en")} of ${chosen.length.toLocaleString("en")} sent`;
      await patiently(batch.add, data, (loaded, total) => told(Math.min(0.999, (sent + weight * (loaded / total)) / all), said()));
      sent += weight;
      count += group.length;
      told(Math.min(0.999, sent / all), said());
    }
    return batch;
  }

  function commonFolder(chosen) {
    const tops = new Set(chosen.map((file) => (pathOf(file).includes("/") ? pathOf(file).split("/")[0] : "")));
    return tops.size === 1 ? [...tops][0] : "";
  }

  async function send(told) {
    const zips = files.filter(isZip);
    const others = files.filter((file) => !isZip(file));
    const made = [];
    for (const zip of zips) made.push(await sendForm([zip], told, drop.dataset.zip));
    if (others.length === 1) made.push(await sendForm(others, told));
    if (others.length > 1) made.push(await sendBatch(others, told));
    return made.length === 1 ? made[0].location : drop.dataset.batches;
  }

  function complain(sentences) {
    status.replaceChildren(...sentences.map((sentence) => {
      const alert = document.createElement("div");
      alert.className = "alert alert-danger";
      alert.textContent = sentence;
      return alert;
    }));
  }

  form.addEventListener("submit", async (event) => {
    if (!files.length) return;
    event.preventDefault();
    if (files.length > most) return;
    button.disabled = true;
    try {
      location.assign(await send(bar()));
    } catch (error) {
      button.disabled = false;
      complain(error.sentences || ["The upload was interrupted. Check the connection and try again: files that arrived are recognised."]);
    }
  });
  window.addEventListener("pageshow", () => { button.disabled = false; });
  show();
})();
