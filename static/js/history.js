// Says how many are selected and asks before deleting; without it the buttons act on what is ticked.
(function () {
  const form = document.getElementById("selection");
  if (!form) return;
  const button = form.querySelector("[data-selection]");
  const label = button.lastChild;
  const chosen = () => document.querySelectorAll('input[name="image"]:checked').length;
  const show = () => {
    const count = chosen();
    form.querySelectorAll("[data-needs]").forEach((one) => { one.disabled = count < Number(one.dataset.needs); });
    label.textContent = count ? `Delete ${count} selected` : "Delete selected";
  };
  document.addEventListener("change", show);
  form.addEventListener("submit", (event) => {
    if (event.submitter !== button) return;
    const count = chosen();
    if (!confirm(`Delete ${count} image${count === 1 ? "" : "s"} with verdicts and files? This can't be undone.`)) event.preventDefault();
  });
  show();
})();
