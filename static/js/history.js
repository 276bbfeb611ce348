// Selects all images or, with the shift key, a range; says how many; asks before deleting. Without it the buttons act on
// what is ticked.
(function () {
  const form = document.getElementById("selection");
  if (!form) return;
  const button = form.querySelector("[data-selection]");
  const all = document.getElementById("all");
  const label = button.lastChild;
  const boxes = () => [...document.querySelectorAll('input[name="image"]')];
  const chosen = () => boxes().filter((box) => box.checked).length;
  let last = null;

  const show = () => {
    const count = chosen();
    form.querySelectorAll("[data-needs]").forEach((one) => { one.disabled = count < Number(one.dataset.needs); });
    label.textContent = count ? `Delete ${count} selected` : "Delete selected";
    all.checked = count > 0 && count === boxes().length;
    all.indeterminate = count > 0 && !all.checked;
  };

  const range = (from, to, checked) => {
    const listed = boxes();
    const ends = [listed.indexOf(from), listed.indexOf(to)].sort((one, other) => one - other);
    if (ends[0] >= 0) listed.slice(ends[0], ends[1] + 1).forEach((box) => { box.checked = checked; });
  };

  document.addEventListener("click", (event) => {
    const box = event.target.closest('input[name="image"]');
    if (!box) return;
    if (event.shiftKey && last && last !== box) range(last, box, box.checked);
    last = box;
    show();
  });
  document.addEventListener("mousedown", (event) => {
    if (event.shiftKey && event.target.closest(".pick")) event.preventDefault(); // or the text between is selected
  });
  all.addEventListener("change", () => {
    boxes().forEach((box) => { box.checked = all.checked; });
    show();
  });
  document.addEventListener("change", show);
  document.addEventListener("htmx:afterSwap", show);
  form.addEventListener("submit", (event) => {
    if (event.submitter !== button) return;
    const count = chosen();
    const words = `Delete ${count} image${count === 1 ? "" : "s"} with verdicts and files? This can't be undone.`;
    if (!confirm(words)) event.preventDefault();
  });
  show();
})();
