// A button that copies what a field holds, and says beside itself whether that worked.
(function () {
  const write = async (field) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(field.value); // only behind HTTPS or on this machine
    field.select();
    if (!document.execCommand("copy")) throw new Error("refused");
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const field = document.getElementById(button.dataset.copy);
    const status = document.getElementById(`${field.id}-copied`);
    try {
      await write(field);
      status.textContent = "Copied.";
    } catch {
      field.select();
      status.textContent = "The browser did not allow it. The link is selected: copy it with Ctrl+C.";
    }
  });
})();
