// Enhances the upload form: previews, removal, drag and drop, early size check, progress. The form works without it.
(function () {
  const form = document.querySelector("[data-upload]");
  if (!form) return;
  const input = form.querySelector('input[type="file"]');
  const drop = form.querySelector(".drop");
  const list = form.querySelector(".chosen");
  const button = form.querySelector('[type="submit"]');
  const status = form.querySelector("[data-upload-status]");
  const most = Number(drop.dataset.files);
  const megabytes = Number(drop.dataset.megabytes);
  let files = [];

  const size = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

  function keep(chosen) {
    const known = new Set(files.map((file) => file.name + file.size + file.lastModified));
    files = files.concat([...chosen].filter((file) => !known.has(file.name + file.size + file.lastModified)));
    show();
  }

  function show() {
    const transfer = new DataTransfer();
    files.forEach((file) => transfer.items.add(file));
    input.files = transfer.files;
    list.replaceChildren(...files.map(row));
    const word = files.length === 1 ? "image" : "images";
    status.textContent = files.length > most
      ? `${files.length} files chosen; at most ${most} go in one upload. Remove some, or the last ones are left out.`
      : files.length ? `${files.length} ${word} chosen.` : "";
    button.value = files.length ? `Check ${files.length} ${word}` : "Check images";
  }

  function row(file, index) {
    const item = document.createElement("li");
    const picture = document.createElement("img");
    picture.className = "preview";
    picture.alt = "";
    picture.src = URL.createObjectURL(file);
    picture.onload = () => URL.revokeObjectURL(picture.src);
    picture.onerror = () => { const blank = document.createElement("span"); blank.className = "preview"; picture.replaceWith(blank); };
    const text = document.createElement("span");
    text.textContent = `${file.name} · ${size(file.size)}`;
    if (file.size > megabytes * 1e6) {
      const bad = document.createElement("span");
      bad.className = "bad";
      bad.textContent = `Larger than ${megabytes} MB: it will be refused.`;
      text.append(bad);
    }
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "btn btn-quiet";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove ${file.name}`);
    remove.onclick = () => { files.splice(index, 1); show(); input.focus(); };
    item.append(picture, text, remove);
    return item;
  }

  input.addEventListener("change", () => keep(input.files));
  ["dragover", "dragenter"].forEach((name) => drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); }));
  ["dragleave", "drop"].forEach((name) => drop.addEventListener(name, () => drop.classList.remove("over")));
  drop.addEventListener("drop", (event) => { event.preventDefault(); keep(event.dataTransfer.files); });

  form.addEventListener("submit", (event) => {
    if (!files.length) return;
    event.preventDefault();
    const request = new XMLHttpRequest();
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.setAttribute("aria-label", "Upload progress");
    button.disabled = true;
    status.replaceChildren(bar);
    request.upload.onprogress = (progress) => { if (progress.lengthComputable) bar.value = progress.loaded / progress.total; };
    request.upload.onload = () => { bar.removeAttribute("value"); };
    request.onload = () => {
      // With this header the server answers {location} or {errors}; messages wait in the session for the next page.
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* an error page: said below */ }
      if (answer.location) { location.assign(answer.location); return; }
      button.disabled = false;
      const sentences = answer.errors || ["The server could not take this upload. Reload the page and try again."];
      status.replaceChildren(...sentences.map((sentence) => {
        const alert = document.createElement("div");
        alert.className = "alert alert-danger";
        alert.textContent = sentence;
        return alert;
      }));
    };
    request.onerror = () => {
      button.disabled = false;
      status.textContent = "The upload was interrupted and nothing of it was kept. Check the connection and try again.";
    };
    request.open("POST", form.action || location.href);
    request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    request.send(new FormData(form));
  });
})();
